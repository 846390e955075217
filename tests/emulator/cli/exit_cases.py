"""What the tests of exit codes share: the documented table, and a registry of what sets up each of its cells."""

import io
import os
import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "command-line.md"
HEADING = "## What each verb ends with"

Cell = tuple[str, str]
"""A verb of the table as the page writes it, and a situation: the title of a column."""


@dataclass
class Bench:
    """Where a case runs: a folder of its own, and everything that it can change and have restored.

    Attributes:
        folder: an empty folder.
        monkeypatch: pytest's own.
        capsys: pytest's own.
        said: what the verb printed on both streams.
    """

    folder: Path
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]
    said: str = ""
    err: str = field(default="", init=False)

    def run(self, *words: object, stdout: int | None = None) -> int:
        """Run a verb, in this process.

        Args:
            words: its words.
            stdout: the descriptor of its standard output; the test's own without it.
        """
        self.capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            out = None
            if stdout is not None:
                out = io.TextIOWrapper(os.fdopen(os.dup(stdout), "wb"), encoding="utf-8")
                patch.setattr(sys, "stdout", out)
            try:
                code = main([str(word) for word in words])
            except SystemExit as ended:
                code = int(str(ended.code))
            finally:
                if out is not None:
                    with suppress(OSError):
                        out.close()
        told = self.capsys.readouterr()
        self.err = told.err
        self.said = told.out + told.err
        assert "Traceback" not in self.said
        return code

    def run_on_full_disk(self, *words: object) -> int:
        """Run a verb whose standard output is a file on a full disk."""
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            code = self.run(*words, stdout=full)
        finally:
            os.close(full)
        assert "No space left on device" in self.err
        return code

    def run_on_closed_pipe(self, *words: object) -> int:
        """Run a verb whose output nothing reads any more, as after `| head`."""
        reader, writer = os.pipe()
        os.close(reader)
        try:
            code = self.run(*words, stdout=writer)
        finally:
            os.close(writer)
        # Progress is on standard error; no message of an error is.
        assert "lensmount:" not in self.err
        return code


Case = Callable[[Bench], int]

CASES: dict[Cell, Case] = {}
"""Cell -> what sets it up, runs the verb, checks what it says, and gives the exit code."""


def case(verb: str, *situations: str) -> Callable[[Case], Case]:
    """Register a function for a cell, or for several cells of a verb."""

    def register(function: Case) -> Case:
        for situation in situations:
            assert (verb, situation) not in CASES, f"two cases for {verb!r}, {situation!r}"
            CASES[verb, situation] = function
        return function

    return register


def documented(page: str) -> dict[Cell, int]:
    """The exit codes of the page's tables; an empty cell or a dash says that a verb cannot come to it."""
    section = page.partition(HEADING + "\n")[2].partition("\n## ")[0]
    found: dict[Cell, int] = {}
    columns: list[str] = []
    for line in section.splitlines():
        if not line.startswith("|"):
            columns = []
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not columns:
            columns = cells
            continue
        if set(line) <= set("|-: ") or columns[0] != "verb":
            continue
        assert len(cells) == len(columns), line
        verb = re.sub(r"`", "", cells[0])
        for column, cell in zip(columns[1:], cells[1:], strict=True):
            if cell not in ("", "–"):
                assert (verb, column) not in found, line
                found[verb, column] = int(cell)
    return found
