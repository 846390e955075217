"""The registry of faults, built-in and from other packages, their text form, and plans of faults with a seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import Field, dataclass, fields, replace
from functools import cache
from random import Random
from typing import Any

from lensmount_emulator.faults.byte_faults import BitFlip, DropByte, DuplicateByte, InsertByte, StuckBytes
from lensmount_emulator.faults.clock_faults import BitShift, ExtraClock, LateLoad, LostClock, SlowSlave
from lensmount_emulator.faults.contact_faults import (
    BothSelects,
    Bounce,
    BrownOutFault,
    Detach,
    DetachMidFrame,
    Glitch,
    LateEdge,
    RailLost,
    RailOrder,
    StuckLine,
    SwapLens,
)
from lensmount_emulator.faults.fault import Fault, check_has_edges
from lensmount_emulator.faults.frame_faults import (
    DelayFrame,
    DuplicateFrame,
    SwapFrames,
    TruncateFrame,
    WrongChecksum,
    WrongLength,
    WrongSequence,
)
from lensmount_emulator.faults.options import ExpectedOutcome, option_type, worst_outcome
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.faults.timing_faults import BaudrateError, ClockDrift, InterByteGap, Jitter
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.entry_points import entry_points, import_attribute
from lensmount_protocol.errors import FaultError, unknown_name_message
from lensmount_protocol.logs import get_logger

ENTRY_POINTS = "lensmount.faults"
"""The entry-point group; each entry is named as its fault, and its value is `package.module:Class` of a `Fault`."""

BUILT_IN_FAULTS: tuple[type[Fault], ...] = (
    *(BitFlip, DropByte, InsertByte, DuplicateByte, StuckBytes),
    *(TruncateFrame, WrongChecksum, WrongLength, WrongSequence, SwapFrames, DelayFrame, DuplicateFrame),
    *(Bounce, StuckLine, Glitch, LateEdge, BothSelects),
    *(Jitter, ClockDrift, InterByteGap, BaudrateError),
    *(LostClock, ExtraClock, BitShift, SlowSlave, LateLoad),
    *(BrownOutFault, RailOrder, RailLost),
    *(Detach, DetachMidFrame, SwapLens),
)


_log = get_logger("plugins")


def faults_of_link(dialect: Dialect, among: Sequence[type[Fault]] = BUILT_IN_FAULTS) -> list[type[Fault]]:
    """Those of some faults that suit the physical layer of a dialect, in their order."""
    return [cls for cls in among if dialect.wiring.clocked is not None or not cls.NEEDS_CLOCK]


OLD_NAMES = {"late": "delay-frame", "other-lens": "swap-lens", "repeat": "duplicate-frame", "stuck": "stuck-line"}
"""An old name of a fault -> its name. Old names work for one release; recordings of before hold them."""


@cache
def known_faults() -> Mapping[str, type[Fault]]:
    """Every fault by its name.

    Raises:
        FaultError: a fault of another package is no `Fault`, or its name is already used.
    """
    known = {cls.NAME: cls for cls in BUILT_IN_FAULTS}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            cls: Any = import_attribute(entry.value)
        except ImportError as error:
            _log.warning("fault %s: cannot be loaded from %s: %s", entry.name, entry.value, error)
            raise FaultError(f"fault {entry.name!r} cannot be used from {entry.value}: {error}") from error
        if not (isinstance(cls, type) and issubclass(cls, Fault)):
            raise FaultError(f"fault {entry.name!r}: {entry.value} is no subclass of Fault")
        if entry.name in known:
            raise FaultError(f"fault {entry.name!r} is there twice: {entry.value} offers it as well")
        known[entry.name] = cls
        _log.info("fault %s: loaded from %s", entry.name, entry.value)
    return known


def option_fields(cls: type[Fault]) -> Mapping[str, Field[Any]]:
    """The keys of a fault's text form."""
    return {one.name.rstrip("_"): one for one in fields(cls) if "kind" in one.metadata}


def parse_fault(text: str) -> Fault:
    """A fault from its text form: `bitflip rate=1e-4`; or with a line in front: `vd jitter=200us`.

    Raises:
        FaultError: an unknown fault, key or value; the message lists the legal ones.
    """
    name, *items = text.split() or [""]
    name = _current_name(name)
    # A rule is no known fault: random plans and campaigns choose among those, and it does nothing without a message.
    cls = Rule if name == Rule.NAME else known_faults().get(name)
    if cls is None and items:
        # A line, the fault on it, and its amount.
        fault_name, _, by = items[0].partition("=")
        line_fault = known_faults().get(_current_name(fault_name))
        if line_fault is not None and {"line", "by"} <= option_fields(line_fault).keys():
            cls, items = line_fault, [f"line={name}", *([f"by={by}"] if by else []), *items[1:]]
    if cls is None:
        raise FaultError(unknown_name_message("fault", name, known_faults()))
    values: dict[str, Any] = {}
    for item in items:
        given, equals, value = item.partition("=")
        known = option_fields(cls).get(given)
        if known is None or not equals:
            raise FaultError(f"fault {text!r}: {unknown_name_message('key', given, option_fields(cls))}")
        if known.name in values:
            raise FaultError(f"fault {text!r}: {given} is there twice")
        kind = option_type(known.metadata)
        try:
            values[known.name] = kind.read(value)
        except (ValueError, KeyError):
            raise FaultError(f"fault {text!r}: {given} wants {kind.legal}, not {value!r}") from None
    fault = cls(**values)
    if fault.BY_TIME and not fault.rate and fault.until is not None and fault.until > fault.at and "for_" not in values:
        # It occurs once, and lasts until then: the usual duration would end it before.
        fault.for_ = round(fault.until - fault.at, 12)
    return fault


def _current_name(name: str) -> str:
    current = OLD_NAMES.get(name)
    if current is None:
        return name
    _log.info("fault %s is an old name, which the next release drops: use %s", name, current)
    return current


def format_fault(fault: Fault) -> str:
    """Return the text form of a fault with all its options, including defaults; it parses to the same fault."""
    items: list[str] = []
    for name, one in option_fields(type(fault)).items():
        value = getattr(fault, one.name)
        if name == "from" or value not in (None, ""):
            items.append(f"{name}={option_type(one.metadata).write(value)}")
    return " ".join([fault.NAME, *items])


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """The faults of a session.

    Attributes:
        faults: the faults.
        seed: seed of their random generators; each fault has its own generator.
    """

    faults: Sequence[Fault] = ()
    seed: int = 0

    def __bool__(self) -> bool:
        return bool(self.faults)

    def check(self, dialect: Dialect) -> None:
        """Check that all faults are possible on this mount.

        Raises:
            FaultError: as `Fault.check`, or one is at a line that carries bytes or the clock.
        """
        for fault in self.faults:
            fault.check(dialect)
            check_has_edges(fault, dialect)

    def reset_copy(self) -> list[Fault]:
        """Return the faults in their initial state, each with its own random generator."""
        return [reset_fault(fault, f"{self.seed} {index}") for index, fault in enumerate(self.faults)]

    def texts(self) -> list[str]:
        """Return the text forms for the header of a recording and for a report."""
        return [format_fault(fault) for fault in self.faults]

    @property
    def lenses(self) -> list[str]:
        """Profiles of the lenses that are attached during the session."""
        return [fault.lens for fault in self.faults if isinstance(fault, SwapLens) and fault.lens]

    def expected(self, seconds: float, done_at: float | None = None) -> ExpectedOutcome:
        """Return the expected outcome of a script under all faults.

        Args:
            seconds: maximum duration of the script, from the session's start on.
            done_at: time at which it completed; later faults do not count. `None` if it did not complete.
        """
        faults = [fault for fault in self.faults if done_at is None or fault.since + fault.at < done_at]
        return worst_outcome(fault.expected(seconds) for fault in faults)

    @property
    def end_time(self) -> float:
        """Time at which the last fault ends, in seconds; infinite if one has no end."""
        return max((fault.end_time for fault in self.faults), default=0.0)


def reset_fault(fault: Fault, seed: str) -> Fault:
    """Return a fault in its initial state, with its own random generator."""
    copy = replace(fault)
    copy.random = Random(seed)
    return copy


def parse_plan(faults: Iterable[str | Fault], seed: int | None) -> FaultPlan:
    """Return a plan from text forms; the default seed is 0.

    Raises:
        FaultError: as `parse_fault`.
    """
    return FaultPlan([parse_fault(fault) if isinstance(fault, str) else fault for fault in faults], seed or 0)
