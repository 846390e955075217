"""A plan: which faults a session has, and the seed that repeats them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random

from lensmount_emulator.faults.attachment import OtherLens
from lensmount_emulator.faults.expected import Expected, worst
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import parse_fault, text_of
from lensmount_protocol.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Plan:
    """The faults of a session.

    Attributes:
        faults: what goes wrong.
        seed: where their chance comes from; each fault has a source of its own.
    """

    faults: Sequence[Fault] = ()
    seed: int = 0

    def __bool__(self) -> bool:
        return bool(self.faults)

    def check(self, dialect: Dialect) -> None:
        """Refuse what cannot be done on this mount.

        Raises:
            FaultError: as `Fault.check`.
        """
        for fault in self.faults:
            fault.check(dialect)

    def fresh(self) -> list[Fault]:
        """The faults as they are before anything happened, each with its own source of chance."""
        return [fresh(fault, f"{self.seed} {index}") for index, fault in enumerate(self.faults)]

    def texts(self) -> list[str]:
        """The text forms, as a recording's header and a report hold them."""
        return [text_of(fault) for fault in self.faults]

    @property
    def lenses(self) -> list[str]:
        """Profiles of lenses that are put on in the course of it."""
        return [fault.lens for fault in self.faults if isinstance(fault, OtherLens) and fault.lens]

    def expected(self, seconds: float, done_at: float | None = None) -> Expected:
        """What becomes of a script under all of them.

        Args:
            seconds: how long it may take, from the session's start on.
            done_at: when it was done; what begins later has no say. `None` where it was not done.
        """
        faults = [fault for fault in self.faults if done_at is None or fault.since + fault.at < done_at]
        return worst(fault.expected(seconds) for fault in faults)

    @property
    def ends(self) -> float:
        """When the last of them is over, in seconds; infinite where one has no end."""
        return max((fault.ends for fault in self.faults), default=0.0)


def fresh(fault: Fault, seed: str) -> Fault:
    """A fault as it is before anything happened, with its own source of chance."""
    copy = replace(fault)
    copy.random = Random(seed)
    return copy


def plan_of(faults: Iterable[str | Fault], seed: int | None) -> Plan:
    """A plan from text forms; without a seed it is that of seed 0.

    Raises:
        FaultError: as `parse_fault`.
    """
    return Plan([parse_fault(fault) if isinstance(fault, str) else fault for fault in faults], seed or 0)
