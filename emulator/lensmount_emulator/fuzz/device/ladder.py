"""The ladder of recovery: hear it out, greet it anew, take its power, ask a person; each when the one before failed."""

from collections import Counter
from dataclasses import dataclass, field

from lensmount_emulator.fuzz.device.health import WELL, Health
from lensmount_emulator.fuzz.device.power import Cycle

RESYNCHRONISED = "resynchronised"
GREETED = "greeted anew"
CYCLED = "power-cycled"
ASKED = "helped by a person"
RUNGS = (RESYNCHRONISED, GREETED, CYCLED, ASKED)

CYCLES_EACH = 3
"""Power cycles in a row before it is said that they do not help."""

RESTS_S = 0.1
"""Longer than any silence that ends a frame is, a device is left in peace for so long."""


@dataclass(slots=True)
class Ladder:
    """Brings a device back.

    Attributes:
        health: examines it.
        cycle: takes its power where the port does not; `None` where nobody can.
        person: asks a person to see to it, and says whether there was one; `None` where nobody is to be asked.
        cycles: power cycles that may still be spent.
        spent: power cycles so far.
        rungs: rung -> how often it helped.
    """

    health: Health
    cycle: Cycle | None = None
    person: Cycle | None = None
    cycles: int = 100
    spent: int = 0
    rungs: Counter[str] = field(default_factory=lambda: Counter[str]())

    def recover(self) -> str:
        """Climb until the device is well; the rung that helped, `""` where none did.

        Raises:
            TransportError: the port went away, or the command for the power failed.
        """
        for rung, helps in ((RESYNCHRONISED, self.rest), (GREETED, self.health.greet), (CYCLED, self.power_cycle)):
            if helps():
                self.rungs[rung] += 1
                return rung
        return ASKED if self.ask_person() else ""

    def ask_person(self) -> bool:
        """Ask until the device is well, or nobody is there any more; whether it is well."""
        while self.person is not None and self.person():
            if self.health.greet():
                self.rungs[ASKED] += 1
                return True
        return False

    def rest(self) -> bool:
        """Leave it in peace, so that what it has begun to read is given up, and examine it again."""
        link = self.health.link
        if link.took_supply:
            return False
        link.forget()
        link.run(link.setup.dialect.silence * 1.5 + RESTS_S)
        # Who says nothing by itself any more has lost the session at least.
        return bool(link.heard) and self.health.examine() == WELL

    @property
    def can_cycle(self) -> bool:
        """Whether there is a way to its power, and something left to spend."""
        return (self.health.link.feeds or self.cycle is not None) and self.spent < self.cycles

    def power_cycle(self) -> bool:
        """Take its power, give it again, and greet it; whether it is well."""
        link = self.health.link
        for _ in range(CYCLES_EACH):
            if self.spent >= self.cycles:
                return False
            if link.feeds:
                link.take_supply()
            elif self.cycle is None or not self.cycle():
                return False
            self.spent += 1
            if self.health.greet():
                return True
        return False

    def afresh(self) -> bool:
        """A device that has just begun a session: greeted anew, with its power taken where that is needed or ours."""
        if not self.health.link.feeds and self.health.greet():
            return True
        return self.power_cycle()
