"""Tries a story on a device, or on its twin by the same calls, and says what became of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lensmount_emulator.fuzz.device.health import WELL, WRONG, Health, Limits
from lensmount_emulator.fuzz.device.ladder import GREETED, RESYNCHRONISED, Ladder
from lensmount_emulator.fuzz.device.link import Link
from lensmount_emulator.fuzz.device.making import Steps
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.steps import play
from lensmount_emulator.fuzz.device.twin import MakeEngine, Twin

STUMBLES = "stumbles"
LOST = "lost its session"
DEAD = "dead until its power is taken"
WRONGS = "answers wrongly"
CUT_SHORT = "broken, and the run ended before it was known how"
UNKNOWN = "could not be brought to a session"
BROKEN = frozenset({LOST, DEAD, WRONGS})
"""What a story can do to a device that is worth a file; one that stumbles finds back by itself."""


def verdict(said: str, rung: str) -> str:
    """What became of a device, by its first answer and by what helped it."""
    if said == WELL:
        return WELL
    if rung == RESYNCHRONISED:
        return STUMBLES
    if said == WRONG:
        return WRONGS
    return LOST if rung == GREETED else DEAD


@dataclass(slots=True)
class Tries:
    """What several tries of one story came to.

    Attributes:
        made: how many.
        broke: how often it broke the device as it was to be broken.
    """

    made: int = 0
    broke: int = 0

    @property
    def text(self) -> str:
        """The same in words: `certain, 3 of 3`."""
        how = "certain" if self.made and self.broke == self.made else "intermittent" if self.broke else "not repeated"
        return f"{how}, {self.broke} of {self.made}"


@dataclass(slots=True)
class Trier:
    """Tries stories.

    Attributes:
        setup: whom it is about.
        ladder: examines the device and brings it back.
        down: whether the device is known to want its power taken.
    """

    setup: Setup
    ladder: Ladder
    down: bool = field(default=False)

    @property
    def link(self) -> Link:
        """Our end."""
        return self.ladder.health.link

    def fresh(self, *, cold: bool = False) -> bool:
        """Bring the device to a fresh session; whether it is in one.

        Args:
            cold: see `once`.

        Raises:
            TransportError: as `Ladder.recover`.
        """
        cold = self.down or (cold and self.ladder.can_cycle)
        ready = self.ladder.power_cycle() if cold else self.ladder.afresh()
        self.down = self.down and not ready
        return ready

    def once(self, steps: Steps, *, cold: bool = False) -> str:
        """Bring the device to a fresh session, play, and examine it: `WELL`, `STUMBLES`, one of `BROKEN`, or `UNKNOWN`.

        Args:
            steps: what to play.
            cold: take its power first where that can be done, so that nothing is left of what was tried before.

        Raises:
            TransportError, CaptureError, FaultError: as `play` and `Ladder.recover`.
        """
        if not self.fresh(cold=cold):
            return UNKNOWN
        play(self.link, steps)
        health = self.ladder.health
        said = health.examine()
        if said == WELL:
            return WELL
        if self.ladder.rest():
            return STUMBLES
        if said == WRONG:
            return WRONGS
        self.down = not health.greet()
        return DEAD if self.down else LOST

    def often(self, steps: Steps, times: int, wanted: str) -> Tries:
        """Try it so often; stops early where the device cannot be brought back."""
        tries = Tries()
        for _ in range(times):
            came = self.once(steps, cold=wanted == DEAD)
            if came == UNKNOWN:
                break
            tries.made += 1
            tries.broke += came == wanted
        return tries


def twin_of(
    setup: Setup,
    lines: frozenset[str],
    limits: Limits,
    make: MakeEngine | None = None,
    armed: Iterable[str] = (),
) -> Trier:
    """Somebody who tries stories on the device's twin, in virtual time; it hears what the device would, and no more."""
    twin = Twin(setup, lines, make)
    link = Link(setup, twin, twin.clock, armed=tuple(armed))
    return Trier(setup, Ladder(Health(link, limits), twin.power_cycle, cycles=1_000_000))
