"""Alphabets: the letters that a learner may play at one end of a mount, as TOML declares them.

A letter is a short list of steps: lines that move, waits, messages. Messages that a dialect protects are never letters.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from lensmount_emulator.engine.dialect_roles import get_roles, load_attribute
from lensmount_emulator.engine.profile_values import MessageFields, build_message
from lensmount_emulator.engine.traits import LearnTraits
from lensmount_hardware.input_file import parse_toml, read_text
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import DialectError, ProfileError, unknown_name_message
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MAX_ALPHABET = 1 << 18
"""Bytes of an alphabet's file."""

MAX_LETTERS = 60
MAX_STEPS = 40
MAX_SECONDS = 60.0

StepKind = Literal["high", "low", "wait", "await", "sync", "baudrate", "send", "bytes", "answer", "attach", "detach"]

ANSWERS = ("right", "refuse", "other")
"""How a letter answers: as a lens does, by a refusal, or with the answer to something else."""


@dataclass(frozen=True, slots=True)
class LetterStep:
    """One step of a letter.

    Attributes:
        kind: what it does.
        line: the line that it drives or waits for.
        level: the level, or whether the frame sync runs.
        seconds: how long it waits.
        baudrate: the rate.
        messages: what it sends in one frame.
        data: bytes that it sends as they are.
        how: how it answers what the learned end sent last.
    """

    kind: StepKind
    line: str = ""
    level: bool = False
    seconds: float = 0.0
    baudrate: int = 0
    messages: tuple[Message, ...] = ()
    data: bytes = b""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter.

    Attributes:
        name: its name in words.
        steps: what it does, in order.
        class_: class of its frames.
        wait: seconds for which it waits for a reply after its steps.
        settle: seconds that pass after the reply.
        damage: which part of its frame is wrong: `checksum`, `end`; empty for none.
        moves: whether it drives a motor of the device.
        phase: seconds after an edge of the sync at which it begins; `None`: that of the alphabet.
        brief: whether it ends after its reply, so that a letter with a later phase can follow at once.
    """

    name: str
    steps: tuple[LetterStep, ...]
    class_: int
    wait: float
    settle: float
    damage: str = ""
    moves: bool = False
    phase: float | None = None
    brief: bool = False


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The letters of one learner.

    Attributes:
        name: its name.
        dialect: the dialect.
        role: the end that is learned; the letters are played at the other one.
        title: one line for users.
        period: of the frame sync, in seconds; letters begin on its grid.
        phase: seconds after an edge of the sync at which a letter begins.
        low: length of a sync pulse, in seconds.
        lines: lines of the learned end; their moves are part of an output.
        stream_ends: whether a frame of a stream ends the wait of a letter as well.
        letters: the letters, in order.
        digest: of everything that changes an answer; a cache and a machine belong to one digest.
    """

    name: str
    dialect: Dialect
    role: Role
    title: str
    period: float
    phase: float
    low: float
    lines: tuple[str, ...]
    stream_ends: bool
    letters: tuple[Letter, ...]
    digest: str = field(default="")

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the letters, in order."""
        return tuple(letter.name for letter in self.letters)

    def letter(self, name: str) -> Letter:
        """The letter of a name.

        Raises:
            ProfileError: there is none; lists the letters.
        """
        for letter in self.letters:
            if letter.name == name:
                return letter
        raise ProfileError(unknown_name_message(f"letter of {self.name}", name, self.names))


Fields = dict[str, int | str | bool | list[int]]
"""Fields of a message by name: numbers, bytes as hexadecimal text, lists of numbers."""


class _LetterText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    steps: list[str]
    fields: dict[str, Fields] = {}
    class_: int | None = msgspec.field(default=None, name="class")
    wait: float | None = None
    settle: float | None = None
    damage: Literal["", "checksum", "end"] = ""
    moves: bool = False
    phase: float | None = None
    brief: bool = False


class _AlphabetText(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    dialect: str
    learns: Literal["lens", "body"]
    title: str = ""
    period: float = 0.016684
    phase: float = 0.0085
    low: float = 63e-6
    lines: list[str] = []
    stream_ends: bool = False
    class_: int = msgspec.field(default=2, name="class")
    wait: float = 0.05
    settle: float = 0.034
    letters: list[_LetterText]


def learn_traits(dialect: str) -> LearnTraits | None:
    """The traits of a dialect for learning; `None` where it has none."""
    place = get_roles(dialect).learn
    return cast("LearnTraits", load_attribute(place, f"learn traits of dialect {dialect!r}")) if place else None


def list_alphabets(dialect: str) -> dict[str, str]:
    """The alphabets that come with a dialect: name -> title."""
    traits = learn_traits(dialect)
    if traits is None:
        return {}
    found: dict[str, str] = {}
    for entry in sorted(files(traits.alphabets).iterdir(), key=lambda one: one.name):
        if entry.name.endswith(".toml"):
            found[entry.name.removesuffix(".toml")] = str(tomllib.loads(entry.read_text("utf-8")).get("title", ""))
    return found


def load_alphabet(name: str, dialect: str = "") -> Alphabet:
    """Read an alphabet, by its name in a dialect or from a file.

    Args:
        name: a name, or a path that ends in `.toml`.
        dialect: the dialect of a name; a file names its own.

    Raises:
        ProfileError: it does not exist, cannot be read, or a value is wrong; the text names the letter and the key.
    """
    if name.endswith(".toml"):
        text, where = read_text(Path(name), MAX_ALPHABET, "an alphabet", ProfileError), name
    else:
        traits = learn_traits(dialect)
        known = list_alphabets(dialect)
        if traits is None or name not in known:
            raise ProfileError(unknown_name_message(f"alphabet of {dialect}", name, known))
        text, where = (files(traits.alphabets) / f"{name}.toml").read_text("utf-8"), name
    try:
        raw = msgspec.convert(parse_toml(text), _AlphabetText)
        return _build(raw)
    except (ValueError, msgspec.ValidationError) as error:
        raise ProfileError(f"alphabet {where}: {error}") from error
    except (ProfileError, DialectError) as error:
        raise ProfileError(f"alphabet {where}: {error}") from error


def _build(raw: _AlphabetText) -> Alphabet:
    dialect = load_dialect(raw.dialect)
    if learn_traits(raw.dialect) is None:
        raise ProfileError(f"the dialect {raw.dialect} has no traits for learning")
    for key, value, most in (("period", raw.period, 1.0), ("phase", raw.phase, 1.0), ("low", raw.low, 0.1)):
        _check_seconds(key, value, most)
    learned = Role(raw.learns)
    lines = tuple(raw.lines)
    for line in lines:
        if dialect.drivers.get(line) is not learned:
            own = (name for name, driver in dialect.drivers.items() if driver is learned)
            raise ProfileError(f"lines: {unknown_name_message(f'line of a {raw.learns}', line, own)}")
    if not 2 <= len(raw.letters) <= MAX_LETTERS:
        raise ProfileError(f"{len(raw.letters)} letters; an alphabet has 2 to {MAX_LETTERS}")
    letters = tuple(_letter(raw, one, dialect, learned.peer) for one in raw.letters)
    names = [letter.name for letter in letters]
    if len(set(names)) != len(names):
        raise ProfileError(f"letter {next(name for name in names if names.count(name) > 1)!r} is there twice")
    declared = msgspec.to_builtins(raw)
    if not raw.stream_ends:
        # Alphabets older than this key keep their digest.
        del declared["stream_ends"]
    data = json.dumps(declared, sort_keys=True).encode()
    return Alphabet(
        raw.name, dialect, learned, raw.title, raw.period, raw.phase, raw.low, lines, raw.stream_ends, letters,
        hashlib.sha256(data).hexdigest()[:16],
    )  # fmt: skip


def _letter(raw: _AlphabetText, text: _LetterText, dialect: Dialect, sender: Role) -> Letter:
    where = f"letter {text.name!r}"
    if not text.name or " " in text.name or not text.name.isprintable() or len(text.name) > 40:
        raise ProfileError(f"{where}: a name is up to 40 printable characters without a space")
    if len(text.steps) > MAX_STEPS:
        raise ProfileError(f"{where}: {len(text.steps)} steps; at most {MAX_STEPS}")
    wait = raw.wait if text.wait is None else text.wait
    settle = raw.settle if text.settle is None else text.settle
    _check_seconds(f"{where}: wait", wait)
    _check_seconds(f"{where}: settle", settle)
    class_ = raw.class_ if text.class_ is None else text.class_
    try:
        steps = tuple(_step(one, text.fields, dialect, sender) for one in text.steps)
    except ProfileError as error:
        raise ProfileError(f"{where}: {error}") from error
    return Letter(text.name, steps, class_, wait, settle, text.damage, text.moves, text.phase, text.brief)


def _check_seconds(key: str, value: float, most: float = MAX_SECONDS) -> None:
    if not 0 <= value <= most:
        raise ProfileError(f"{key} is {value:g}; it must lie between 0 and {most:g} s")


_STEPS: Mapping[str, str] = {
    "high": "high LINE",
    "low": "low LINE",
    "wait": "wait SECONDS",
    "await": "await LINE high|low SECONDS",
    "sync": "sync on|off",
    "baudrate": "baudrate NUMBER",
    "send": "send MESSAGE[+MESSAGE]",
    "bytes": "bytes HEX",
    "answer": "answer right|refuse|other",
    "attach": "attach",
    "detach": "detach",
}


def _step(text: str, fields: Mapping[str, Fields], dialect: Dialect, sender: Role) -> LetterStep:
    words = text.split()
    match words:
        case ["high" | "low" as verb, line]:
            return LetterStep("high" if verb == "high" else "low", line=_line(line, dialect, sender))
        case ["wait", seconds]:
            return LetterStep("wait", seconds=_seconds(text, seconds))
        case ["await", line, "high" | "low" as level, seconds]:
            own = _line(line, dialect, sender.peer)
            return LetterStep("await", line=own, level=level == "high", seconds=_seconds(text, seconds))
        case ["sync", "on" | "off" as state]:
            return LetterStep("sync", level=state == "on")
        case ["baudrate", number] if number.isdecimal() and int(number) in dialect.wiring.baudrates:
            return LetterStep("baudrate", baudrate=int(number))
        case ["send", names]:
            made = tuple(_message(name, fields, dialect, sender) for name in names.split("+"))
            return LetterStep("send", messages=made)
        case ["bytes", digits] if re.fullmatch(r"([0-9A-Fa-f]{2}){1,255}", digits):
            return LetterStep("bytes", data=bytes.fromhex(digits))
        case ["answer", how] if how in ANSWERS:
            return LetterStep("answer", how=how)
        case ["attach" | "detach" as verb] if sender is Role.LENS:
            return LetterStep("attach" if verb == "attach" else "detach")
        case _:
            pass
    known = "; ".join(_STEPS.values())
    raise ProfileError(f"step {text!r} is unknown or has a wrong value; steps are: {known}")


def _line(name: str, dialect: Dialect, driver: Role) -> str:
    if dialect.drivers.get(name) is not driver:
        own = (line for line, end in dialect.drivers.items() if end is driver)
        raise ProfileError(unknown_name_message(f"line of a {driver.value}", name, own))
    return name


def _seconds(text: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        raise ProfileError(f"step {text!r}: {value!r} is no number of seconds") from None
    _check_seconds(f"step {text!r}", seconds)
    return seconds


def _message(name: str, fields: Mapping[str, Fields], dialect: Dialect, sender: Role) -> Message:
    classes: dict[str, type[Message]] = {
        cls.__name__: cls for (role, _), cls in dialect.messages.items() if role is sender
    }
    if name not in classes:
        raise ProfileError(unknown_name_message(f"message of a {sender.value}", name, classes))
    cls = classes[name]
    if cls.TYPE in dialect.types_protected_from(sender):
        raise ProfileError(f"{name} ({cls.TYPE:#04x}) can damage a device, so it is never a letter")
    return build_message(cls, cast("MessageFields", fields.get(name, {})))


def describe_letters(letters: Sequence[Letter]) -> list[dict[str, Any]]:
    """The letters as plain data, for machines and reports."""
    return [{"name": letter.name, "wait": letter.wait, "moves": letter.moves} for letter in letters]
