"""The options of faults: types of values with their legal range, parser and formatter, and the expected outcome."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Any, cast

from lensmount_protocol.wire import Role


class ExpectedOutcome(Enum):
    """Expected outcome of a script under a fault."""

    COMPLETES = "completes"
    MAY_FAIL = "may fail"
    CANNOT = "cannot complete"

    @property
    def text(self) -> str:
        """Value of the key `expect` of a fault."""
        return self.value.split()[0] if self is not ExpectedOutcome.MAY_FAIL else "may-fail"


def worst_outcome(outcomes: Iterable[ExpectedOutcome]) -> ExpectedOutcome:
    """Return the outcome under several faults: the worst of them."""
    return max(outcomes, key=list(ExpectedOutcome).index, default=ExpectedOutcome.COMPLETES)


@dataclass(frozen=True, slots=True)
class OptionType:
    """A type of option value.

    Attributes:
        legal: the legal values, as text that follows `wants`.
        read: parses the text; raises `ValueError` if it is not legal.
        write: formats a value; the text parses to the same value.
        minimum: the smallest legal number; without meaning for other types.
        maximum: the largest legal number.
        values: every legal value, if they are few; empty for numbers, durations and names.
    """

    legal: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    minimum: float = 0.0
    maximum: float = 0.0
    values: tuple[Any, ...] = ()


UNITS = {"us": "1e-6", "µs": "1e-6", "ms": "1e-3", "s": "1"}


def _parse_duration(text: str) -> float:
    unit = next((unit for unit in UNITS if text.endswith(unit)), "")
    try:
        # In decimals, so that 30ms is the same number as 0.03.
        value = Decimal(text.removesuffix(unit)) * Decimal(UNITS.get(unit, "1"))
    except InvalidOperation:
        raise ValueError from None
    return _check_within(float(value), 0.0, 1e6)


def _check_within(value: float, minimum: float, maximum: float) -> float:
    if not minimum <= value <= maximum:
        raise ValueError
    return value


def _parse_level(text: str) -> bool:
    return {"low": False, "high": True}[text]


def _parse_role(text: str) -> Role | None:
    return None if text == "both" else Role(text)


def _parse_name(text: str) -> str:
    if not text:
        raise ValueError
    return text


def integer(minimum: int, maximum: int) -> OptionType:
    """Return the type of a whole number between two limits."""
    return OptionType(
        f"a whole number from {minimum} to {maximum}",
        lambda text: round(_check_within(int(text), minimum, maximum)),
        str,
        minimum,
        maximum,
    )


def percent(minimum: float, maximum: float) -> OptionType:
    """Return the type of a percentage between two limits; the sign `%` is optional."""
    return OptionType(
        f"a percentage from {minimum:g} to {maximum:g}",
        lambda text: _check_within(float(text.removesuffix("%")), minimum, maximum),
        lambda value: f"{value!r}%",
        minimum,
        maximum,
    )


DURATION = OptionType("a duration such as 1.2s, 30ms or 200us", _parse_duration, lambda value: f"{value!r}s", 0.0, 1e6)
MAX_DELAY_S = 10.0
"""A mount times out long before; the limit detects a number of microseconds that lacks its unit."""

DELAY = OptionType(
    f"a duration up to {MAX_DELAY_S:g} s, with its unit: 3ms or 200us",
    lambda text: _check_within(_parse_duration(text), 0.0, MAX_DELAY_S),
    lambda value: f"{value!r}s",
    0.0,
    MAX_DELAY_S,
)
RATE = OptionType("a share from 0 to 1", lambda text: _check_within(float(text), 0.0, 1.0), repr, 0.0, 1.0)
PER_SECOND = OptionType(
    "times a second, up to 10000", lambda text: _check_within(float(text), 0.0, 1e4), repr, 0.0, 1e4
)
LEVEL = OptionType("low or high", _parse_level, lambda value: "high" if value else "low", values=(False, True))
ROLE = OptionType(
    "body, lens or both",
    _parse_role,
    lambda value: "both" if value is None else value.value,
    values=(None, Role.BODY, Role.LENS),
)
LINE_ALIASES = ("select", "supply", "detect")
"""Names of lines that every mount may have under names of its own."""

LINE = OptionType("a line by its name, or select, supply or detect", _parse_name, str)
NAME_OPTION = OptionType("a name", _parse_name, str)
EXPECT = OptionType(
    "completes, may-fail or cannot",
    lambda text: {one.text: one for one in ExpectedOutcome}[text],
    lambda value: str(value.text),
    values=tuple(ExpectedOutcome),
)


def option(default: Any, kind: OptionType, about: str) -> Any:
    """Return a field of a fault that its text form may set.

    Args:
        default: its value if the text does not set it; `None` for an unset option.
        kind: its type.
        about: a short description.
    """
    return field(default=default, metadata={"kind": kind, "about": about})


def option_type(metadata: Any) -> OptionType:
    """Return the type of a field made by `option`."""
    return cast("OptionType", metadata["kind"])
