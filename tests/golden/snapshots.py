"""Snapshots of the command line: the help of every verb, and the documents of the verbs that need no port.

`commands.json` declares them: files, commands that prepare recordings and results, and the documents. A snapshot is one
file in `snapshots`: the command, its exit code, and its output at 80 columns. Real times are masked by the names of
their JSON keys, and the working folder by its path. Where `digest` is set, the file has the size and SHA-256 of the
output instead of the output.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verbs import VERBS

HERE = Path(__file__).parent
COMMANDS = HERE / "commands.json"
SNAPSHOTS = HERE / "snapshots"

ENVIRONMENT = {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1", "TERM": "dumb"}

PYTHON = (3, 11)
"""The Python whose argparse laid out the help in the snapshots; others wrap its lines in other places."""


@dataclass(frozen=True)
class Snapshot:
    """A command whose output is frozen.

    Attributes:
        name: the stem of its file.
        command: the words after `lensmount`.
        masked: JSON keys whose numbers are real times.
        output: a file that the command writes, which is frozen in place of the standard output.
        digest: whether only size and digest of the output are kept.
    """

    name: str
    command: Sequence[str]
    masked: Sequence[str] = ()
    output: str = ""
    digest: bool = False

    @property
    def path(self) -> Path:
        """Its file."""
        return SNAPSHOTS / f"{self.name}.txt"

    @property
    def is_help(self) -> bool:
        """Whether it freezes a help text."""
        return self.command[-1] == "--help"


@dataclass(frozen=True)
class Commands:
    """What `commands.json` declares.

    Attributes:
        files: name -> text of the files that commands read.
        prepare: commands that run first, in order.
        snapshots: the frozen ones; each runs in any order after the prepared ones.
    """

    files: Mapping[str, str]
    prepare: Sequence[Sequence[str]]
    snapshots: Sequence[Snapshot] = field(default_factory=tuple)


def read_commands() -> Commands:
    """The declared commands; the help of every verb is among them."""
    declared: dict[str, Any] = json.loads(COMMANDS.read_text(encoding="utf-8"))
    subverbs: dict[str, list[str]] = declared["subverbs"]
    helps = [Snapshot("help", ["--help"])]
    for verb in VERBS:
        helps.append(Snapshot(f"help-{verb}", [verb, "--help"]))
        helps += [Snapshot(f"help-{verb}-{sub}", [verb, sub, "--help"]) for sub in subverbs.get(verb, ())]
    documents = [Snapshot(**document) for document in declared["documents"]]
    return Commands(declared["files"], declared["prepare"], (*helps, *documents))


@contextlib.contextmanager
def workspace(folder: Path) -> Iterator[Commands]:
    """Work in a folder in which everything is prepared, with the terminal of the snapshots.

    Raises:
        RuntimeError: a command that prepares something failed.
    """
    commands, before = read_commands(), dict(os.environ)
    with contextlib.chdir(folder):
        os.environ.update(ENVIRONMENT)
        try:
            for name, text in commands.files.items():
                Path(name).write_text(text, encoding="utf-8")
            for words in commands.prepare:
                code, _, errors = run(words)
                if code not in (0, 1):
                    raise RuntimeError(f"{shlex.join(words)}: exit code {code}: {errors}")
            yield commands
        finally:
            os.environ.clear()
            os.environ.update(before)


def run(words: Sequence[str]) -> tuple[int, str, str]:
    """Run a command in process: its exit code, its output and its errors."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            code = main(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
    return code, out.getvalue(), errors.getvalue()


def take(snapshot: Snapshot) -> str:
    """Run a command in the prepared workspace; the text of its snapshot."""
    if snapshot.output:
        Path(snapshot.output).unlink(missing_ok=True)
    code, text, errors = run(snapshot.command)
    data = Path(snapshot.output).read_bytes() if snapshot.output else text.encode()
    head = f"$ {shlex.join(['lensmount', *snapshot.command])}\nexit code {code}\n"
    if errors:
        head += "".join(f"error: {line}\n" for line in _masked(errors, ()).splitlines())
    if snapshot.digest:
        return f"{head}\n{len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()}\n"
    return f"{head}\n{_masked(data.decode(), snapshot.masked)}"


def equal(snapshot: Snapshot, frozen: str, now: str) -> bool:
    """Whether two texts of a snapshot are the same; how argparse wraps help differs between versions of Python."""
    if snapshot.is_help and sys.version_info[:2] != PYTHON:
        return _unwrapped(frozen) == _unwrapped(now)
    return frozen == now


def _unwrapped(text: str) -> str:
    return "".join(text.split())


def _masked(text: str, keys: Sequence[str]) -> str:
    for key in keys:
        text, count = re.subn(rf'("{re.escape(key)}": ?)[0-9.e+-]+', r"\1…", text)
        if not count:
            text += f"the masked key {key!r} is missing\n"
    return text.replace(os.getcwd(), "FOLDER")
