"""Cases that have shown something new, kept from run to run in a file with one JSON object a line."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.steps import check
from lensmount_emulator.fuzz.device.traces import Trace
from lensmount_hardware.inputs import check_nesting
from lensmount_protocol.errors import CaptureError


@dataclass(slots=True)
class Corpus:
    """What is worth to be changed.

    Attributes:
        setup: whom it is for.
        path: the file; `None` keeps nothing.
        cases: what there is.
        seen: all that the wire has shown.
        broken: entries of the file that could not be read, or are for somebody else; they are left out.
    """

    setup: Setup
    path: Path | None = None
    cases: list[Steps] = field(default_factory=lambda: list[Steps]())
    seen: set[Trace] = field(default_factory=lambda: set[Trace]())
    broken: int = 0

    def load(self) -> None:
        """Read what earlier runs have left.

        Raises:
            CaptureError: the file is there and cannot be read.
        """
        if self.path is None or not self.path.exists():
            return
        try:
            lines = self.path.read_bytes().split(b"\n")
        except OSError as error:
            raise CaptureError(f"{self.path}: {error.strerror or error}") from error
        for line in filter(None, lines):
            steps = self._read(line)
            if steps is None:
                self.broken += 1
            else:
                self.cases.append(steps)

    def add(self, steps: Steps, traces: set[Trace]) -> int:
        """Keep a case if the wire has shown something new by it; how much.

        Raises:
            CaptureError: the file cannot be written.
        """
        new = traces - self.seen
        if not new:
            return 0
        self.seen |= new
        self.cases.append(steps)
        if self.path is not None:
            entry = {"dialect": self.setup.dialect.name, "device": self.setup.device.value, "steps": steps}
            try:
                with self.path.open("a+b") as file:
                    if file.tell() and (file.seek(-1, 2), file.read(1))[1] != b"\n":
                        # A disk was full: what it did not take whole shall not spoil the next entry.
                        file.write(b"\n")
                    file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            except OSError as error:
                raise CaptureError(f"{self.path}: {error.strerror or error}") from error
        return len(new)

    def _read(self, line: bytes) -> Steps | None:
        try:
            check_nesting(line)
            entry: Any = json.loads(line)
            steps = tuple(str(step) for step in entry["steps"])
            ours = (entry["dialect"], entry["device"]) == (self.setup.dialect.name, self.setup.device.value)
            for step in steps if ours else ():
                check(self.setup, step)
        except (ValueError, KeyError, TypeError):
            return None
        return steps if ours and steps else None
