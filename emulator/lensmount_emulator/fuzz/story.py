"""A story: who plays, and every step that was taken, as text; the same story is the same session, wherever it is read.

A story that broke something is one file, a recording (`.lmx`) whose header holds it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, cast

from lensmount_emulator.fuzz.traits import profile
from lensmount_emulator.roles.cast import Place
from lensmount_emulator.sessions.header import session_header
from lensmount_hardware.captures.capture import blocks_of
from lensmount_hardware.captures.recording import RecordingWriter, read_header
from lensmount_hardware.output_file import write_output
from lensmount_protocol.errors import FaultError, first_of
from lensmount_protocol.wire import Record

VERSION = 1
"""Of the form in which stories are written; another one is refused."""

MODES = ("both", "body", "lens")
"""Which ends are engines; the other one does only what the story's steps say."""


LONGEST_NAME = 60
"""Characters of the name of a generated test."""

MAX_STEPS = 20_000
"""Steps of a story that is read from a file."""


@dataclass(frozen=True, slots=True)
class Story:
    """Who plays, and what is done to them.

    Attributes:
        dialect: what is spoken.
        body: profile of the body.
        lens: profile of the lens.
        mode: which ends are engines.
        script: what the body does.
        seed: where the jitter of both ends comes from.
        steps: what is done, in order; `STEPS` in `lensmount_emulator.fuzz.stage` says what there is.
        breaks: the invariant that it breaks; `""` where it breaks none.
    """

    dialect: str
    body: str
    lens: str
    mode: str = "both"
    script: str = ""
    seed: int = 0
    steps: tuple[str, ...] = ()
    breaks: str = ""

    def with_steps(self, steps: Sequence[str]) -> "Story":
        """The same players with other steps."""
        return replace(self, steps=tuple(steps))

    def entry(self) -> dict[str, Any]:
        """The story as files and a corpus keep it."""
        return {"version": VERSION, **asdict(self)}

    def header(self) -> dict[str, object]:
        """What its recording says of it: the session, and the story itself."""
        session = session_header(self.dialect, self.body, self.lens, self.script, self.seed)
        return session | {"story": self.entry()}


def write_story(path: Path, story: Story, records: Sequence[Record], *, overwrite: bool = False) -> None:
    """Write a story and its traffic to a file, which appears when it is complete.

    Raises:
        CaptureError: the file exists or cannot be written.
    """
    memory = BytesIO()
    with RecordingWriter(memory, story.header()) as recording:
        for record in records:
            recording.write(record)
    write_output(path, memory.getvalue(), overwrite=overwrite)


def read_story(path: Path) -> Story:
    """The story in a file.

    Raises:
        CaptureError: the file cannot be read, or is no recording.
        FaultError: it holds no story, one of another version, or one that is damaged.
    """
    header = read_header(path, next(blocks_of(path), b""))
    told: object = header.get("story")
    if not isinstance(told, Mapping):
        raise FaultError(f"{path}: the recording holds no story; `lensmount decode` reads it")
    return story_from(cast("Mapping[str, Any]", told), path)


def story_from(told: Mapping[str, Any], path: str | Path = "corpus") -> Story:
    """The story in an entry.

    Args:
        told: what `entry` gave once.
        path: where it is from, for messages.

    Raises:
        FaultError: it is of another version, or damaged.
    """
    values = dict(told)
    version = values.pop("version", None)
    if version != VERSION:
        raise FaultError(f"{path}: story version {version!r}; this program reads version {VERSION}")
    kinds: dict[str, type] = dict.fromkeys(("dialect", "body", "lens", "mode", "script", "breaks"), str)
    kinds |= {"seed": int, "steps": list}
    wrong = [name for name, value in values.items() if not isinstance(value, kinds.get(name, ()))]
    seed: object = values.get("seed", 0)
    if isinstance(seed, bool) or (isinstance(seed, int) and seed.bit_length() > 64):
        wrong.append("seed")
    missing = [name for name in ("dialect", "body", "lens", "steps") if name not in values]
    if wrong or missing or not all(isinstance(step, str) for step in values["steps"]):
        raise FaultError(f"{path}: the story is damaged: {', '.join(first_of([*wrong, *missing])) or 'steps'}")
    if len(values["steps"]) > MAX_STEPS:
        raise FaultError(f"{path}: a story of {len(values['steps'])} steps; at most {MAX_STEPS} are played")
    if values.get("mode", "both") not in MODES:
        raise FaultError(f"{path}: story mode {values['mode']!r}; known: {', '.join(MODES)}")
    values["steps"] = tuple(values["steps"])
    return Story(**values)


def check_players(story: Story) -> None:
    """See that a story's players are a body and a lens, and that both speak its dialect.

    Raises:
        ProfileError: nobody knows one of them.
        FaultError: one of them stands elsewhere, or speaks something else.
    """
    for name, place in ((story.body, Place.BODY), (story.lens, Place.LENS)):
        player = profile(name)
        if player.place is not place:
            raise FaultError(f"the story's {place.value} is {name!r}, which is a profile of a {player.place.value}")
        if player.dialect != story.dialect:
            raise FaultError(f"the story speaks {story.dialect!r}, and its {place.value} {name!r} {player.dialect!r}")


def as_test(story: Story, name: str) -> str:
    """A pytest test that plays the story and wants nothing broken.

    Nothing of the story becomes code: its values stand there as literals, and the name keeps letters and digits only.

    Args:
        story: what is played.
        name: what the test is called, such as the stem of a file.
    """
    name = re.sub(r"[^0-9a-z]+", "_", name.lower(), flags=re.ASCII).strip("_")[:LONGEST_NAME] or "story"
    lines = ",\n".join(f"        {_literal(step)}" for step in story.steps)
    steps = f"(\n{lines},\n    )" if story.steps else "()"
    return f'''from lensmount_emulator.fuzz.stage import play_story
from lensmount_emulator.fuzz.story import Story


def test_{name}() -> None:
    """A story that was found by fuzzing; nothing may break."""
    story = Story(
        dialect={_literal(story.dialect)},
        body={_literal(story.body)},
        lens={_literal(story.lens)},
        mode={_literal(story.mode)},
        script={_literal(story.script)},
        seed={int(story.seed)},
        steps={steps.replace(chr(10), chr(10) + "    ")},
        breaks={_literal(story.breaks)},
    )
    assert play_story(story).complaints == []
'''


def _literal(text: str) -> str:
    """A text as a literal of Python, in ASCII without control characters."""
    # JSON writes a character beyond the basic plane as two surrogates, which Python would keep apart.
    return json.dumps(text) if text.isascii() and "\x7f" not in text else ascii(text)
