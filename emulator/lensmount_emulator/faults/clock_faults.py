"""Faults of a clocked link: lost and extra pulses of the clock, a shifted register, a slow end, and a late load.

In each burst both ends shift: the clocked end counts pulses, and the other one drives them. `receive_burst` computes
the bits that each end receives from the pulses that both count.
"""

import math
from bisect import bisect_right, insort
from dataclasses import dataclass, field
from typing import ClassVar

from lensmount_emulator.faults.fault import MAX_COUNT, ClockedBurst, Fault, FaultTarget, OutgoingBytes
from lensmount_emulator.faults.options import DELAY, ExpectedOutcome, integer, option
from lensmount_protocol.wire import BITS_PER_CLOCKED_BYTE, ClockedLink, Role

MAX_PULSES = 1 << 14


def unpack_bits(data: bytes, link: ClockedLink) -> str:
    """Return the bits of bytes in the order in which they are shifted, as `0` and `1`."""
    texts = (f"{byte:08b}" for byte in data)
    return "".join(texts if link.msb_first else (text[::-1] for text in texts))


def pack_bits(bits: str, link: ClockedLink) -> bytes:
    """Return the whole bytes of bits in the order in which they are shifted."""
    step = 1 if link.msb_first else -1
    pieces = (bits[at : at + 8] for at in range(0, len(bits) - 7, 8))
    return bytes(int(piece[::step], 2) for piece in pieces)


def receive_burst(burst: ClockedBurst, link: ClockedLink) -> dict[Role, str]:
    """Return the bits that each end receives: one for each pulse that it counts.

    Bits change with each pulse that their sender counts: a sender that misses a pulse holds its bit, one that counts
    a pulse twice skips a bit. After its unit an end shifts out the idle value.
    """
    idle = unpack_bits(bytes((link.idle_byte,)), link)
    received = dict[Role, str]()
    for role in Role:
        unit, counted = unpack_bits(burst.units[role.peer], link), burst.pulses[role.peer]
        size, places = len(unit), (bisect_right(counted, pulse) - 1 for pulse in burst.pulses[role])
        received[role] = "".join(
            unit[at] if 0 <= at < size else idle[(at - size) % BITS_PER_CLOCKED_BYTE] for at in places
        )
    return received


@dataclass(slots=True, kw_only=True)
class ClockFault(Fault):
    """A fault of the clock's pulses: at the clocked end, or with `from` of the end that drives the clock, at both."""

    TOUCHES: ClassVar[str] = "clock"
    NEEDS_CLOCK: ClassVar[bool] = True

    pulse: int | None = option(None, integer(1, MAX_PULSES), "which pulse of a burst; random if not given")
    count: int | None = option(1, integer(1, MAX_COUNT), "how many bursts at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """If every burst has a wrong pulse, no exchange succeeds; one at a given place may do no harm."""
        if not self.lasts(seconds):
            return ExpectedOutcome.COMPLETES
        return ExpectedOutcome.CANNOT if self.pulse is None else ExpectedOutcome.MAY_FAIL

    def modify_burst(self, burst: ClockedBurst, target: FaultTarget) -> None:
        """Change the pulses of a burst."""
        pulses = burst.pulses[burst.clocked_by]
        if not pulses or (self.pulse or 1) > len(pulses) or not self.should_apply():
            return
        place = self.random.randrange(len(pulses)) if self.pulse is None else self.pulse - 1
        both = self.from_ is burst.clocked_by
        self.change(burst, place, [burst.clocked_by.peer, *([burst.clocked_by] if both else [])])
        counted = len(burst.pulses[burst.clocked_by.peer])
        ends = "both ends count" if both else f"the {burst.clocked_by.peer.value} counts"
        target.annotate(f"{self.NAME} at pulse {place + 1} of {len(pulses)}: {ends} {counted}")

    def change(self, burst: ClockedBurst, place: int, ends: list[Role]) -> None:
        """Change the pulses that some ends count, at a place counted from 0."""


@dataclass(slots=True, kw_only=True)
class LostClock(ClockFault):
    """A pulse of the clock is lost."""

    NAME: ClassVar[str] = "clock-lost"

    def change(self, burst: ClockedBurst, place: int, ends: list[Role]) -> None:
        """Remove a pulse; where the clock itself lacks it, the burst is shorter."""
        for role in ends:
            pulses = burst.pulses[role]
            burst.pulses[role] = pulses[:-1] if len(ends) > 1 else pulses[:place] + pulses[place + 1 :]


@dataclass(slots=True, kw_only=True)
class ExtraClock(ClockFault):
    """A pulse of the clock is counted twice, as after a glitch."""

    NAME: ClassVar[str] = "clock-extra"

    def change(self, burst: ClockedBurst, place: int, ends: list[Role]) -> None:
        """Insert a pulse; where the clock itself has it, the burst is longer."""
        for role in ends:
            burst.pulses[role] = list(burst.pulses[role])
            insort(burst.pulses[role], len(burst.pulses[role]) if len(ends) > 1 else place)


@dataclass(slots=True, kw_only=True)
class BitShift(Fault):
    """A unit arrives some bits late: the first bits are the last ones of the unit before."""

    NAME: ClassVar[str] = "bit-shift"
    TOUCHES: ClassVar[str] = "clock"
    NEEDS_CLOCK: ClassVar[bool] = True

    bits: int = option(1, integer(1, 64), "how many bits")
    count: int | None = option(3, integer(1, MAX_COUNT), "how many units at most")
    _before: dict[Role, str] = field(default_factory=lambda: dict[Role, str](), init=False, repr=False, compare=False)

    def declared(self, seconds: float) -> ExpectedOutcome:
        """If every unit is shifted, none is valid."""
        return ExpectedOutcome.CANNOT if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def modify_burst(self, burst: ClockedBurst, target: FaultTarget) -> None:
        """Shift the units of the ends that it affects."""
        link = target.dialect.wiring.clocked
        for role in Role:
            if link is None or not self.applies_to(role) or not burst.units[role] or not self.should_apply():
                continue
            unit = unpack_bits(burst.units[role], link)
            early = (self._before.get(role, "") or unpack_bits(bytes((link.idle_byte,)) * 8, link))[-self.bits :]
            burst.units[role] = pack_bits((early + unit)[: len(unit)], link)
            self._before[role] = unit
            target.annotate(f"{self.NAME} by {self.bits}: a unit of {len(unit)} bits from the {role.value}")


@dataclass(slots=True, kw_only=True)
class SlowSlave(Fault):
    """The clocked end loads its units later than it means to; later than the clock, a unit misses its burst."""

    NAME: ClassVar[str] = "slow-slave"
    TOUCHES: ClassVar[str] = "clock"
    NEEDS_CLOCK: ClassVar[bool] = True

    by: float = option(200e-6, DELAY, "how much later")
    count: int | None = option(3, integer(1, MAX_COUNT), "how many units at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """An end that is always slow may miss every burst; one that stays within its reserve misses none."""
        return ExpectedOutcome.MAY_FAIL if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def modify_bytes(self, pieces: list[OutgoingBytes], sender: Role, target: FaultTarget) -> list[OutgoingBytes]:
        """Delay the load of the clocked end."""
        link = target.dialect.wiring.clocked
        if link is not None and sender is not link.clocked_by and self.should_apply():
            target.annotate(f"{self.NAME}: the {sender.value} loads {self.by * 1e6:g} µs later")
            pieces[0].delay += self.by
        return pieces


@dataclass(slots=True, kw_only=True)
class LateLoad(Fault):
    """The clocked end loads its unit after the clock began: whole bytes of the idle value come first."""

    NAME: ClassVar[str] = "late-load"
    TOUCHES: ClassVar[str] = "clock"
    NEEDS_CLOCK: ClassVar[bool] = True

    by: float = option(3e-6, DELAY, "how long after the first pulse")
    count: int | None = option(3, integer(1, MAX_COUNT), "how many bursts at most")

    def declared(self, seconds: float) -> ExpectedOutcome:
        """If every load is late, no unit is whole."""
        return ExpectedOutcome.CANNOT if self.lasts(seconds) else ExpectedOutcome.COMPLETES

    def modify_burst(self, burst: ClockedBurst, target: FaultTarget) -> None:
        """Shift out idle bytes first; a unit that is loaded after the burst stays for the next one."""
        link, sender = target.dialect.wiring.clocked, burst.clocked_by.peer
        unit = burst.units[sender]
        if link is None or not unit or not self.should_apply():
            return
        late = max(1, math.ceil(self.by * link.bit_rate / BITS_PER_CLOCKED_BYTE))
        burst.units[sender] = (bytes((link.idle_byte,)) * min(late, len(unit)) + unit)[: len(unit)]
        if late >= len(unit):
            burst.kept = unit
        target.annotate(f"{self.NAME}: the {sender.value} loads its unit {min(late, len(unit))} bytes late")
