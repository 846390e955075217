"""What breaks a device, each in one file that replays: a story, what it sounded like, and whose device it is."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from lensmount_emulator.fuzz.device.features import Signature
from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.story import Story, read_story
from lensmount_hardware.captures.recording import RecordingWriter, header_of
from lensmount_hardware.output_file import write_output
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Record, Role

DEVICE_VERSION = 1
"""Of the form in which a file says whose device it is about; another one is refused."""

PRELUDE = "wait 1.2"
"""What a story begins with, so that both ends stream before the first step; a device is brought there anyway."""


@dataclass(slots=True)
class Finding:
    """One way to break the device.

    Attributes:
        kind: what becomes of it.
        steps: what does that.
        repeats: how certainly: `certain, 3 of 3`.
        rung: what brought it back; `""` where nothing did.
        twin: whether our own engine breaks by it as well.
        file: where it is written.
        signature: by what it is known again.
        again: cases behind it that broke the device the same way.
        tried: steps of the case that it was found with, before it was made short.
    """

    kind: str
    steps: Steps
    repeats: str
    rung: str
    twin: bool
    file: str = ""
    signature: Signature = ()
    again: int = 0
    tried: int = 0


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose device a file is about.

    Attributes:
        role: the end that it is.
        port: where it was.
        lines: the lines that the port carried.
        identity: what the device says it is; `""` where it says nothing.
        kind: what became of it.
        repeats: how certainly.
        rung: what brought it back.
        twin: whether our own engine breaks by it as well.
        armed: what the run had armed; without it, some of the bytes may be held back.
    """

    role: str
    port: str
    lines: tuple[str, ...]
    identity: str
    kind: str
    repeats: str
    rung: str
    twin: bool
    armed: tuple[str, ...] = ()


def story_of(setup: Setup, steps: Sequence[str], breaks: str) -> Story:
    """The story of some steps on a device."""
    return Story(setup.dialect.name, setup.body, setup.lens, "both", "", setup.seed, (PRELUDE, *steps), breaks)


def write_finding(
    path: Path, story: Story, whose: Whose, records: Sequence[Record], *, overwrite: bool = False
) -> None:
    """Write a story, whose it is, and its traffic to a file; where it cannot be written whole, none is left.

    Raises:
        CaptureError: the file cannot be written, or it exists and may not be replaced.
    """
    header = story.header() | {"device": {"version": DEVICE_VERSION, **asdict(whose)}}
    memory = BytesIO()
    with RecordingWriter(memory, header) as recording:
        for record in records:
            recording.write(record)
    write_output(path, memory.getvalue(), overwrite=overwrite)


def read_finding(path: Path) -> tuple[Story, Whose]:
    """A story and whose device it breaks.

    Raises:
        CaptureError: the file is no recording.
        FaultError: it holds no story of a device, one of another version, or one that is damaged.
    """
    story = read_story(path)
    told: object = header_of(path).get("device")
    if not isinstance(told, Mapping):
        raise FaultError(
            f"{path}: a story of two engines, and of no device; `lensmount replay` plays it without --port"
        )
    values: dict[str, Any] = dict(cast("Mapping[str, Any]", told))
    version = values.pop("version", None)
    if version != DEVICE_VERSION:
        raise FaultError(f"{path}: finding version {version!r}; this program reads version {DEVICE_VERSION}")
    try:
        values["lines"] = tuple(values["lines"])
        values["armed"] = tuple(str(name) for name in values.get("armed", ()))
        whose = Whose(**values)
        Role(whose.role)
    except (TypeError, KeyError, ValueError):
        raise FaultError(f"{path}: what it says of the device is damaged") from None
    return story, whose


def steps_in(story: Story) -> Steps:
    """The steps behind the prelude."""
    return story.steps[1:] if story.steps[:1] == (PRELUDE,) else story.steps
