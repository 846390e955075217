"""What a run keeps in files as it goes: every byte before it is sent, the case that is under way, and the findings.

Whatever ends the run, a signal that cannot be caught too, the operating system has the last case and its bytes by then;
only a power cut of this machine takes what that had not yet put on the disk.
"""

import re
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Self

from lensmount_emulator.fuzz.device.findings import Whose, story_of, write_finding
from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Record, Remark

LATEST = 400
"""Records that a finding's file holds: the last seconds before it."""

UNDER_WAY = "under-way"


class Notebook:
    """Keeps a run in a folder.

    Args:
        folder: the folder; it is made. `None` keeps nothing on the disk.
        header: what the recording says of the run.

    Raises:
        CaptureError: the folder or the recording cannot be made; `write` and `begin` raise it too.
    """

    def __init__(self, folder: Path | None, header: dict[str, object]) -> None:
        self.folder = folder
        self._latest: deque[Record] = deque(maxlen=LATEST)
        self._recording: RecordingWriter | None = None
        self._whose: Whose | None = None
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CaptureError(f"{folder}: {error.strerror or error}") from error
            self.recording = _claimed(folder, "run")
            self._recording = RecordingWriter(self.recording, header, overwrite=True)

    def write(self, record: Record) -> None:
        """Keep a record; it is with the operating system when this returns."""
        self._latest.append(record)
        if self._recording is not None:
            self._recording.write(record)

    def belongs_to(self, whose: Whose) -> None:
        """Say whose device the case under way is played on."""
        self._whose = whose

    def begin(self, setup: Setup, number: int, steps: Steps) -> None:
        """A case begins: before its first byte goes out it stands in a file of its own, to be replayed."""
        self.write(Remark(None, f"case {number}: {'; '.join(steps)}"))
        if self.folder is not None and self._whose is not None:
            write_finding(self.folder / f"{UNDER_WAY}.lmx", story_of(setup, steps, ""), self._whose, ())

    def path(self) -> Path | None:
        """Where the next finding goes; those of earlier runs, and of others in the same folder, are not written over.

        Raises:
            CaptureError: the file cannot be made.
        """
        return None if self.folder is None else _claimed(self.folder, "finding")

    def latest(self) -> list[Record]:
        """What happened last."""
        return list(self._latest)

    def close(self) -> None:
        """The run is over; no case is under way."""
        if self._recording is not None:
            self._recording.close()
        if self.folder is not None:
            (self.folder / f"{UNDER_WAY}.lmx").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _claimed(folder: Path, kind: str) -> Path:
    """A file of this kind that nobody else has: its number is one more than the highest."""
    numbers = [int(path.stem.rpartition("-")[2]) for path in folder.glob(f"{kind}-*.lmx") if _NUMBERED(path.stem)]
    number = max(numbers, default=0) + 1
    while True:
        path = folder / f"{kind}-{number}.lmx"
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error
        else:
            return path


_NUMBERED = re.compile(r"\w+-[0-9]+", re.ASCII).fullmatch
