"""How a fault is written: keys with values, each kind of value with what is legal, read and written alike."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any, cast

from lensmount_emulator.faults.expected import Expected
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    Attributes:
        legal: what is legal, in words that follow `wants`.
        read: text to value; raises `ValueError` where it is none.
        write: value to the text that reads as the same value.
        least: the smallest number that is legal; of no meaning for what is no number.
        most: the largest.
        values: every legal value, where these are few; empty for numbers, durations and names.
    """

    legal: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    least: float = 0.0
    most: float = 0.0
    values: tuple[Any, ...] = ()


UNITS = {"us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1"}


def _duration(text: str) -> float:
    unit = next((unit for unit in UNITS if text.endswith(unit)), "")
    try:
        # In decimals, so that 30ms are the same number as 0.03.
        value = Decimal(text.removesuffix(unit)) * Decimal(UNITS.get(unit, "1"))
    except InvalidOperation:
        raise ValueError from None
    return _within(float(value), 0.0, 1e6)


def _within(value: float, least: float, most: float) -> float:
    if not least <= value <= most:
        raise ValueError
    return value


def _level(text: str) -> bool:
    return {"low": False, "high": True}[text]


def _role(text: str) -> Role | None:
    return None if text == "both" else Role(text)


def _word(text: str) -> str:
    if not text:
        raise ValueError
    return text


def whole(least: int, most: int) -> Kind:
    """A whole number between two ends."""
    return Kind(
        f"a whole number from {least} to {most}", lambda text: round(_within(int(text), least, most)), str, least, most
    )


def percent(least: float, most: float) -> Kind:
    """A percentage between two ends, its sign `%` written or not."""
    return Kind(
        f"a percentage from {least:g} to {most:g}",
        lambda text: _within(float(text.removesuffix("%")), least, most),
        lambda value: f"{value!r}%",
        least,
        most,
    )


DURATION = Kind("a duration such as 1.2s, 30ms or 200us", _duration, lambda value: f"{value!r}s", 0.0, 1e6)
LONGEST_DELAY_S = 10.0
"""A mount is dead long before; a number without its unit, meant in microseconds, is found out by it."""

DELAY = Kind(
    f"a duration up to {LONGEST_DELAY_S:g} s, with its unit: 3ms or 200us",
    lambda text: _within(_duration(text), 0.0, LONGEST_DELAY_S),
    lambda value: f"{value!r}s",
    0.0,
    LONGEST_DELAY_S,
)
RATE = Kind("a share from 0 to 1", lambda text: _within(float(text), 0.0, 1.0), repr, 0.0, 1.0)
PER_SECOND = Kind("times a second, up to 10000", lambda text: _within(float(text), 0.0, 1e4), repr, 0.0, 1e4)
LEVEL = Kind("low or high", _level, lambda value: "high" if value else "low", values=(False, True))
ROLE = Kind(
    "body, lens or both",
    _role,
    lambda value: "both" if value is None else value.value,
    values=(None, Role.BODY, Role.LENS),
)
LINE = Kind("a line by its name, or select, supply or detect", _word, str)
WORD = Kind("a name", _word, str)
EXPECT = Kind(
    "completes, may-fail or cannot",
    lambda text: {one.word: one for one in Expected}[text],
    lambda value: str(value.word),
    values=tuple(Expected),
)


def key(default: Any, kind: Kind, about: str) -> Any:
    """A field of a fault that its text form may set.

    Args:
        default: its value where the text does not name it; `None` for one that is not set.
        kind: how it is read and written.
        about: what it means, in a few words.
    """
    return field(default=default, metadata={"kind": kind, "about": about})


def kind_of(metadata: Any) -> Kind:
    """The kind of value of a field that `key` made."""
    return cast("Kind", metadata["kind"])
