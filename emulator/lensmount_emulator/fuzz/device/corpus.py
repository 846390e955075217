"""Cases that produced new responses, kept from run to run in a file with one JSON object per line."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.device.executor import validate_step
from lensmount_emulator.fuzz.device.generator import Steps
from lensmount_emulator.fuzz.device.observations import ResponseTrace
from lensmount_emulator.fuzz.scenario import current_step
from lensmount_hardware.input_file import check_nesting
from lensmount_protocol.errors import CaptureError


@dataclass(slots=True)
class SeedQueue:
    """The cases to mutate.

    Attributes:
        setup: the configuration of the run.
        path: the file; `None` stores nothing.
        cases: the cases.
        seen: all responses so far.
        broken: entries of the file that are unreadable, or for another configuration; they are skipped.
    """

    setup: DeviceFuzzConfig
    path: Path | None = None
    cases: list[Steps] = field(default_factory=lambda: list[Steps]())
    seen: set[ResponseTrace] = field(default_factory=lambda: set[ResponseTrace]())
    broken: int = 0

    def load(self) -> None:
        """Read the cases of earlier runs.

        Raises:
            CaptureError: the file exists and cannot be read.
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

    def add(self, steps: Steps, traces: set[ResponseTrace]) -> int:
        """Store a case if it produced new responses; return their number.

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
                        # A full disk may have cut an entry; it must not spoil the next one.
                        file.write(b"\n")
                    file.write(json.dumps(entry, separators=(",", ":")).encode() + b"\n")
            except OSError as error:
                raise CaptureError(f"{self.path}: {error.strerror or error}") from error
        return len(new)

    def _read(self, line: bytes) -> Steps | None:
        try:
            check_nesting(line)
            entry: Any = json.loads(line)
            steps = tuple(current_step(str(step)) for step in entry["steps"])
            ours = (entry["dialect"], entry["device"]) == (self.setup.dialect.name, self.setup.device.value)
            for step in steps if ours else ():
                validate_step(self.setup, step)
        except (ValueError, KeyError, TypeError):
            return None
        return steps if ours and steps else None
