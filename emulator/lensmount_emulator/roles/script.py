"""What a session shall do, as a person writes it: `focus 0x3EEF; aperture f/5.6; wait 0.5; sleep`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lensmount_protocol.errors import ScriptError, unknown


@dataclass(frozen=True, slots=True)
class Step:
    """One verb with its value, as text and as what the verb's reader made of it."""

    verb: str
    text: str
    value: Any


Reader = Callable[[str], Any]
"""Turns a verb's text into its value; raises `ValueError` with what would be legal."""


def parse_script(text: str, verbs: Mapping[str, Reader]) -> list[Step]:
    """The steps of a script; steps are separated by `;`.

    Raises:
        ScriptError: a verb that nobody knows (lists the known ones) or a value that its verb cannot read.
    """
    return [_step(part.strip(), verbs) for part in text.split(";") if part.strip()]


def _step(text: str, verbs: Mapping[str, Reader]) -> Step:
    verb, _, rest = text.partition(" ")
    reader = verbs.get(verb)
    if not verbs:
        raise ScriptError(f"script step {text!r}: this end takes no script")
    if reader is None:
        raise ScriptError(unknown("script verb", verb, verbs))
    try:
        return Step(verb, text, reader(rest.strip()))
    except ValueError as error:
        raise ScriptError(f"script step {text!r}: {error}") from error


def nothing(text: str) -> None:
    """The reader of a verb that takes no value."""
    if text:
        raise ValueError(f"takes no value, not {text!r}")


def seconds(text: str) -> float:
    """The reader of a duration, in seconds or with a unit: `0.5`, `500ms`, `2s`."""
    factor, number = 1.0, text.removesuffix("s")
    if text.endswith("ms"):
        factor, number = 1e-3, text.removesuffix("ms")
    try:
        value = float(number) * factor
    except ValueError:
        raise ValueError(f"wants a duration such as 0.5, 2s or 500ms, not {text!r}") from None
    if not 0 <= value < float("inf"):
        raise ValueError(f"wants a duration of 0 or more, not {text!r}")
    return value


def whole_number(text: str) -> int:
    """The reader of a count."""
    if not text.isdecimal():
        raise ValueError(f"wants a whole number, not {text!r}")
    return int(text)
