"""A virtual session once more, from nothing but the header of its recording, and held against it byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Annotated, cast

import msgspec

from lensmount_emulator.roles.cast import Place
from lensmount_emulator.sessions.header import KNOWN
from lensmount_emulator.sessions.loopback import profile_of, run_loopback
from lensmount_hardware.captures.limits import virtual_limit
from lensmount_hardware.captures.recording import RecordingWriter, header_of
from lensmount_hardware.inputs import read_input
from lensmount_protocol.errors import CaptureError, first_of

MAX_RECORDING = 1 << 28
"""Bytes of a recording that is held against its repetition, which is kept in memory."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """What a virtual session came to when it was run again.

    Attributes:
        line: the first line of the file that came out differently, from 1; `None` where all are the same.
        recorded: what stands there.
        repeated: what came out; `""` where the session was over by then.
        size: bytes of the file.
    """

    line: int | None
    recorded: str
    repeated: str
    size: int

    @property
    def identical(self) -> bool:
        """Whether every byte came out as it was recorded."""
        return self.line is None


def repeat(path: Path) -> Repetition:
    """Run the session of a recording again.

    Raises:
        CaptureError: the file cannot be read, is no recording, or not one of a virtual session.
        ProfileError: a profile of it is not known here.
        ScriptError: its script is not understood here.
        FaultError: one of its faults is not known here.
    """
    header = header_of(path)
    _require_loopback(path, header)
    recorded = read_input(path, MAX_RECORDING, "a recording that is compared")
    asked = _asked(path, header, len(recorded))
    sink = BytesIO()
    with RecordingWriter(sink, header) as writer:
        run_loopback(
            asked.body,
            asked.lens,
            accessories=_names(header, "with"),
            script=asked.script or "",
            seed=asked.seed,
            seconds=asked.duration,
            resolution="byte" if header.get("resolution") == "byte" else "frame",
            armed=_names(header, "armed"),
            faults=_names(header, "faults"),
            tap=writer.write,
        )
    return _compare(recorded, sink.getvalue())


def _require_loopback(path: Path, header: Mapping[str, object]) -> None:
    if header.get("test"):
        raise CaptureError(
            f"{path}: the test {header['test']} played this, and its report has the command that replays it; "
            "`lensmount decode` shows what was said"
        )
    if not (header.get("body") and header.get("lens")):
        raise CaptureError(
            f"{path}: neither a story nor a recording of a virtual session; to play one end of it, say "
            "--port SPEC --as body or lens"
        )
    body, dialect = profile_of(str(header["body"]), Place.BODY), header.get("dialect")
    if dialect not in (None, body.dialect):
        raise CaptureError(f"{path}: declares the dialect {dialect}, and its body {body.name} speaks {body.dialect}")
    if strange := sorted(set(header) - KNOWN):
        raise CaptureError(
            f"{path}: its header holds {', '.join(first_of(strange))}, which cannot be run again from here"
        )


class _Asked(msgspec.Struct):
    """The parts of a header that say which session to run."""

    body: str
    lens: str
    script: str | None = None
    seed: int | None = None
    duration: Annotated[float, msgspec.Meta(ge=0)] | None = None


def _asked(path: Path, header: Mapping[str, object], size: int) -> _Asked:
    """What the header asks for.

    Raises:
        CaptureError: a value makes no sense, or it asks for more time than a recording of this size can hold.
    """
    try:
        asked = msgspec.convert(header, _Asked)
    except msgspec.ValidationError as error:
        raise CaptureError(f"{path}: its header makes no sense: {error}") from error
    limit = virtual_limit(size)
    if asked.duration is not None and not asked.duration <= limit:
        raise CaptureError(
            f"{path}: its header asks for {asked.duration:g} s; a recording of {size} bytes is repeated for at most "
            f"{limit:g} s"
        )
    return asked


def _names(header: Mapping[str, object], key: str) -> list[str]:
    named = header.get(key)
    return [str(name) for name in cast("list[object]", named)] if isinstance(named, list) else []


def _compare(recorded: bytes, repeated: bytes) -> Repetition:
    if recorded == repeated:
        return Repetition(None, "", "", len(recorded))
    lines, others = recorded.splitlines(), repeated.splitlines()
    for number, line in enumerate(lines):
        other = others[number] if number < len(others) else b""
        if line != other:
            return Repetition(number + 1, line.decode(errors="replace"), other.decode(errors="replace"), len(recorded))
    behind = others[len(lines)] if len(others) > len(lines) else b""
    return Repetition(len(lines) + 1, "", behind.decode(errors="replace"), len(recorded))
