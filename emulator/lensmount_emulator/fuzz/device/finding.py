"""Findings: scenarios that break a device, each in one file with its traffic and the device, for a replay.

A run log also stores every byte before it is sent, and the case under way. After any end of the run, also by a signal
that cannot be caught, the operating system has the last case and its bytes; only a power cut of this machine loses data
that is not yet on the disk.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.device.generator import Steps
from lensmount_emulator.fuzz.device.observations import Signature
from lensmount_emulator.fuzz.scenario import Scenario, read_scenario
from lensmount_hardware.captures.lmx import RecordingWriter, read_recording_header
from lensmount_hardware.output_file import PARTIAL, OutputExistsError, write_output
from lensmount_protocol.errors import CaptureError, FaultError
from lensmount_protocol.wire import Annotation, Role, WireRecord

DEVICE_VERSION = 2
"""Version of the form in which a file describes its device; version 1 called two keys as `_OLD_KEYS` lists."""

_OLD_KEYS = {"armed": "allowed", "rung": "recovered_by"}

PRELUDE = "wait 1.2"
"""First step of a scenario, so that both ends stream before the next one; a device is brought there anyway."""


@dataclass(slots=True)
class DeviceFinding:
    """One way to break the device.

    Attributes:
        kind: the effect on the device.
        steps: the steps that cause it.
        repeats: how certainly: `certain, 3 of 3`.
        recovery_step: the step that recovered it; `""` without one.
        twin: whether our own engine breaks by it as well.
        file: its file.
        signature: identifies the break in later cases.
        repeated_cases: later cases that broke the device the same way.
        tried: steps of the case that found it, before it was minimised.
    """

    kind: str
    steps: Steps
    repeats: str
    recovery_step: str
    twin: bool
    file: str = ""
    signature: Signature = ()
    repeated_cases: int = 0
    tried: int = 0


@dataclass(frozen=True, slots=True)
class FindingContext:
    """The device of a file.

    Attributes:
        role: its role.
        port: its port.
        lines: the lines that the port carried.
        identity: its identity, as it reports it; `""` without one.
        kind: the effect on the device.
        repeats: how certainly.
        recovered_by: the step that recovered it.
        twin: whether our own engine breaks by it as well.
        allowed: the guarded messages that the run allowed; without them, some of the bytes may be blocked.
    """

    role: str
    port: str
    lines: tuple[str, ...]
    identity: str
    kind: str
    repeats: str
    recovered_by: str
    twin: bool
    allowed: tuple[str, ...] = ()


def make_scenario(setup: DeviceFuzzConfig, steps: Sequence[str], breaks: str) -> Scenario:
    """Make the scenario of steps on a device."""
    return Scenario(setup.dialect.name, setup.body, setup.lens, "both", "", setup.seed, (PRELUDE, *steps), breaks)


def write_finding(
    path: Path, scenario: Scenario, context: FindingContext, records: Sequence[WireRecord], *, overwrite: bool = False
) -> None:
    """Write a scenario, its device, and its traffic to a file; a file that cannot be completed is removed.

    Raises:
        CaptureError: the file cannot be written, or it exists and may not be replaced.
    """
    header = scenario.header() | {"device": {"version": DEVICE_VERSION, **asdict(context)}}
    memory = BytesIO()
    with RecordingWriter(memory, header) as recording:
        for record in records:
            recording.write(record)
    write_output(path, memory.getvalue(), overwrite=overwrite)


def read_finding(path: Path) -> tuple[Scenario, FindingContext]:
    """Read a scenario and the device that it breaks.

    Raises:
        CaptureError: the file is no recording.
        FaultError: it holds no scenario of a device, one of another version, or a damaged one.
    """
    scenario = read_scenario(path)
    data: object = read_recording_header(path).get("device")
    if not isinstance(data, Mapping):
        raise FaultError(
            f"{path}: a scenario of two engines, without a device; `lensmount replay` runs it without --port"
        )
    values: dict[str, Any] = dict(cast("Mapping[str, Any]", data))
    version = values.pop("version", None)
    if version == 1:
        values = {_OLD_KEYS.get(key, key): value for key, value in values.items()}
    elif version != DEVICE_VERSION:
        raise FaultError(f"{path}: finding version {version!r}; this program reads versions 1 and {DEVICE_VERSION}")
    try:
        values["lines"] = tuple(values["lines"])
        values["allowed"] = tuple(str(name) for name in values.get("allowed", ()))
        context = FindingContext(**values)
        Role(context.role)
    except (TypeError, KeyError, ValueError):
        raise FaultError(f"{path}: its data on the device is damaged") from None
    return scenario, context


def steps_after_prelude(scenario: Scenario) -> Steps:
    """The steps after the prelude."""
    return scenario.steps[1:] if scenario.steps[:1] == (PRELUDE,) else scenario.steps


MAX_RECENT_RECORDS = 400
"""Number of records in the file of a finding: those of the last seconds before it."""

IN_PROGRESS = "under-way"


class RunLog:
    """Stores a run in a folder.

    Args:
        folder: the folder; it is created. `None` stores nothing on the disk.
        header: the header of the recording.

    Raises:
        CaptureError: the folder or the recording cannot be made; `write` and `start_case` raise it too.
    """

    def __init__(self, folder: Path | None, header: dict[str, object]) -> None:
        self.folder = folder
        self._recent_records: deque[WireRecord] = deque(maxlen=MAX_RECENT_RECORDS)
        self._recording: RecordingWriter | None = None
        self._context: FindingContext | None = None
        if folder is not None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CaptureError(f"{folder}: {error.strerror or error}") from error
            while self._recording is None:
                self.recording = _next(folder, "run")
                # Another run may claim the name first.
                with suppress(OutputExistsError):
                    self._recording = RecordingWriter(self.recording, header)

    def write(self, record: WireRecord) -> None:
        """Write a record; the operating system has it when this returns."""
        self._recent_records.append(record)
        if self._recording is not None:
            self._recording.write(record)

    def set_context(self, context: FindingContext) -> None:
        """Set the device of the current case."""
        self._context = context

    def start_case(self, setup: DeviceFuzzConfig, number: int, steps: Steps) -> None:
        """Start a case: write it to a file of its own before its first byte is sent, for a replay."""
        self.write(Annotation(None, f"case {number}: {'; '.join(steps)}"))
        if self.folder is not None and self._context is not None:
            path = self.folder / f"{IN_PROGRESS}.lmx"
            write_finding(path, make_scenario(setup, steps, ""), self._context, (), overwrite=True)

    def keep(self, scenario: Scenario, context: FindingContext) -> Path | None:
        """Write a finding with its last records; existing findings are not overwritten.

        Returns:
            its file, which is complete; `None` without a folder.

        Raises:
            CaptureError: the file cannot be written.
        """
        while self.folder is not None:
            path = _next(self.folder, "finding")
            # Another run may claim the name first.
            with suppress(OutputExistsError):
                write_finding(path, scenario, context, list(self._recent_records))
                return path
        return None

    def close(self) -> None:
        """End the run; no case is under way."""
        if self._recording is not None:
            self._recording.close()
        if self.folder is not None:
            (self.folder / f"{IN_PROGRESS}.lmx").unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def _next(folder: Path, kind: str) -> Path:
    """A file name of this kind that is not in use, complete or partial: its number is one more than the highest.

    Raises:
        CaptureError: the folder cannot be read.
    """
    numbered = re.compile(rf"{kind}-([0-9]+)\.lmx(?:{re.escape(PARTIAL)})?", re.ASCII)
    try:
        found = [numbered.fullmatch(path.name) for path in folder.iterdir()]
    except OSError as error:
        raise CaptureError(f"{folder}: {error.strerror or error}") from error
    return folder / f"{kind}-{max((int(one[1]) for one in found if one), default=0) + 1}.lmx"
