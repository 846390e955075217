"""What a run keeps in files as it goes: every byte before it is sent, the case that is under way, and the findings.

Whatever ends the run, a signal that cannot be caught too, the operating system has the last case and its bytes by then;
only a power cut of this machine takes what that had not yet put on the disk.
"""

import re
from collections import deque
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lensmount_emulator.fuzz.device.findings import Whose, story_of, write_finding
from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.story import Story
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.output_file import PARTIAL, OutputExistsError
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
            while self._recording is None:
                self.recording = _next(folder, "run")
                # Another run may take the name first.
                with suppress(OutputExistsError):
                    self._recording = RecordingWriter(self.recording, header)

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
            path = self.folder / f"{UNDER_WAY}.lmx"
            write_finding(path, story_of(setup, steps, ""), self._whose, (), overwrite=True)

    def keep(self, story: Story, whose: Whose) -> Path | None:
        """Write a finding with what happened last; earlier findings, and those of other runs, are not written over.

        Returns:
            its file, which is complete; `None` without a folder.

        Raises:
            CaptureError: the file cannot be written.
        """
        while self.folder is not None:
            path = _next(self.folder, "finding")
            # Another run may take the name first.
            with suppress(OutputExistsError):
                write_finding(path, story, whose, list(self._latest))
                return path
        return None

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


def _next(folder: Path, kind: str) -> Path:
    """A name of this kind that no file has, complete or partial: its number is one more than the highest.

    Raises:
        CaptureError: the folder cannot be read.
    """
    numbered = re.compile(rf"{kind}-([0-9]+)\.lmx(?:{re.escape(PARTIAL)})?", re.ASCII)
    try:
        found = [numbered.fullmatch(path.name) for path in folder.iterdir()]
    except OSError as error:
        raise CaptureError(f"{folder}: {error.strerror or error}") from error
    return folder / f"{kind}-{max((int(one[1]) for one in found if one), default=0) + 1}.lmx"
