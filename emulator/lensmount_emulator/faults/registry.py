"""Faults by name: the built-in ones and those that other packages offer, and the text form of each."""

from collections.abc import Mapping
from dataclasses import Field, fields
from functools import cache
from typing import Any

from lensmount_emulator.faults.attachment import Detach, DetachInside, OtherLens
from lensmount_emulator.faults.bytes import BitFlip, Drop, Duplicate, Insert, StuckBytes
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.frames import Late, Repeat, Swap, Truncate, WrongChecksum, WrongLength, WrongSequence
from lensmount_emulator.faults.lines import BothSelects, Bounce, Glitch, LateEdge, Stuck
from lensmount_emulator.faults.power import BrownOut, RailLost, RailOrder
from lensmount_emulator.faults.timing import Baud, Drift, Jitter, Pause
from lensmount_emulator.faults.words import kind_of
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import FaultError, unknown
from lensmount_protocol.logs import get_logger

ENTRY_POINTS = "lensmount.faults"
"""The entry-point group; each entry is named as its fault, and its value is `package.module:Class` of a `Fault`."""

BUILT_IN: tuple[type[Fault], ...] = (
    *(BitFlip, Drop, Insert, Duplicate, StuckBytes),
    *(Truncate, WrongChecksum, WrongLength, WrongSequence, Swap, Late, Repeat),
    *(Bounce, Stuck, Glitch, LateEdge, BothSelects),
    *(Jitter, Drift, Pause, Baud),
    *(BrownOut, RailOrder, RailLost),
    *(Detach, DetachInside, OtherLens),
)


_log = get_logger("plugins")


@cache
def faults() -> Mapping[str, type[Fault]]:
    """Every fault by its name.

    Raises:
        FaultError: one that another package offers is no `Fault`, or has a name that is taken.
    """
    known = {cls.NAME: cls for cls in BUILT_IN}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            cls: Any = entry.load()
        except (ImportError, AttributeError) as error:
            _log.warning("fault %s: cannot be loaded from %s: %s", entry.name, entry.value, error)
            raise FaultError(f"fault {entry.name!r} cannot be used from {entry.value}: {error}") from error
        if not (isinstance(cls, type) and issubclass(cls, Fault)):
            raise FaultError(f"fault {entry.name!r}: {entry.value} is no subclass of Fault")
        if entry.name in known:
            raise FaultError(f"fault {entry.name!r} is there twice: {entry.value} offers it as well")
        known[entry.name] = cls
        _log.info("fault %s: loaded from %s", entry.name, entry.value)
    return known


def keys_of(cls: type[Fault]) -> Mapping[str, Field[Any]]:
    """The keys of a fault's text form."""
    return {one.name.rstrip("_"): one for one in fields(cls) if "kind" in one.metadata}


def parse_fault(text: str) -> Fault:
    """A fault from its text form: `bitflip rate=1e-4`; or with a line in front: `vd jitter=200us`.

    Raises:
        FaultError: a fault, key or value that nobody knows; says what is legal.
    """
    name, *words = text.split() or [""]
    cls = faults().get(name)
    if cls is None and words:
        # A line, and what ails it by how much.
        ailment, _, by = words[0].partition("=")
        ailing = faults().get(ailment)
        if ailing is not None and {"line", "by"} <= keys_of(ailing).keys():
            cls, words = ailing, [f"line={name}", *([f"by={by}"] if by else []), *words[1:]]
    if cls is None:
        raise FaultError(unknown("fault", name, faults()))
    values: dict[str, Any] = {}
    for word in words:
        given, equals, value = word.partition("=")
        known = keys_of(cls).get(given)
        if known is None or not equals:
            raise FaultError(f"fault {text!r}: {unknown('key', given, keys_of(cls))}")
        if known.name in values:
            raise FaultError(f"fault {text!r}: {given} is there twice")
        kind = kind_of(known.metadata)
        try:
            values[known.name] = kind.read(value)
        except (ValueError, KeyError):
            raise FaultError(f"fault {text!r}: {given} wants {kind.legal}, not {value!r}") from None
    return cls(**values)


def text_of(fault: Fault) -> str:
    """The text form of a fault with all that holds of it, defaults too; it parses to the same fault."""
    words: list[str] = []
    for name, one in keys_of(type(fault)).items():
        value = getattr(fault, one.name)
        if name == "from" or value not in (None, ""):
            words.append(f"{name}={kind_of(one.metadata).write(value)}")
    return " ".join([fault.NAME, *words])
