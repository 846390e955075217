"""Session scripts, as a user writes them: `focus 0x3EEF; aperture f/5.6; wait 0.5; sleep`."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lensmount_protocol.errors import ScriptError, unknown_name_message

_log = logging.getLogger("lensmount.script")


@dataclass(frozen=True, slots=True)
class Step:
    """One verb with its value, as text and as parsed by the verb's reader."""

    verb: str
    text: str
    value: Any


VerbArgumentParser = Callable[[str], Any]
"""Turns a verb's text into its value; raises `ValueError` with what would be legal."""


class VerbTable(dict[str, VerbArgumentParser]):
    """The verbs of a script, and the names that some of them had in an earlier release.

    Attributes:
        old_names: an old name -> the verb. Old names work for one release.
    """

    def __init__(self, verbs: Mapping[str, VerbArgumentParser], old_names: Mapping[str, str]) -> None:
        """Store the verbs and the old names."""
        super().__init__(verbs)
        self.old_names = old_names


def parse_script(text: str, verbs: Mapping[str, VerbArgumentParser]) -> list[Step]:
    """Parse a script to its steps, which `;` separates.

    Raises:
        ScriptError: an unknown verb (lists the known ones) or a value that its verb cannot read.
    """
    return [_parse_step(part.strip(), verbs) for part in text.split(";") if part.strip()]


def _parse_step(text: str, verbs: Mapping[str, VerbArgumentParser]) -> Step:
    verb, _, rest = text.partition(" ")
    if isinstance(verbs, VerbTable) and verb in verbs.old_names:
        _log.info("script verb %s is an old name, which the next release drops: use %s", verb, verbs.old_names[verb])
        verb = verbs.old_names[verb]
    reader = verbs.get(verb)
    if not verbs:
        raise ScriptError(f"script step {text!r}: this end takes no script")
    if reader is None:
        raise ScriptError(unknown_name_message("script verb", verb, verbs))
    try:
        return Step(verb, text, reader(rest.strip()))
    except ValueError as error:
        raise ScriptError(f"script step {text!r}: {error}") from error


def no_argument(text: str) -> None:
    """Reader of a verb without a value."""
    if text:
        raise ValueError(f"takes no value, not {text!r}")


def parse_seconds(text: str) -> float:
    """Reader of a duration, in seconds or with a unit: `0.5`, `500ms`, `2s`."""
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


MAX_COUNT = (1 << 32) - 1
"""The largest count of a script, unless its verb has a lower bound."""


def parse_count(text: str, maximum: int = MAX_COUNT) -> int:
    """Reader of a count from 0 to a maximum.

    A verb with a smaller field takes `partial(parse_count, maximum=0xFFFF)`.
    """
    if not text.isdecimal():
        raise ValueError(f"wants a whole number, not {text!r}")
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(maximum)) or int(digits) > maximum:
        raise ValueError(f"wants a whole number up to {maximum}, not {text[:40]}")
    return int(digits)
