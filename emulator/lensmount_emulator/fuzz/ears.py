"""A mount whose ends are overheard from inside the faults: what each gives out and hears, as it is."""

from collections.abc import Callable
from typing import NamedTuple

from lensmount_emulator.faults.mount import FaultyMount
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.mount.flight import Ear
from lensmount_emulator.mount.port import Port
from lensmount_emulator.mount.virtual import Resolution
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Record, Role, WireEvent


class Ears(NamedTuple):
    """Who overhears.

    Attributes:
        sent: an end gives out bytes.
        drove: an end moves a line.
        rated: an end takes another rate.
        hears: something is about to reach an end, at a time; whether it is the end that is there by now, and not one
            that has been taken off with bytes on their way to it.
        heard: the same, when the end that is there has done with it what it does.
    """

    sent: Callable[[Role, bytes], None]
    drove: Callable[[Role, str, bool], None]
    rated: Callable[[Role, int], None]
    hears: Callable[[Role, WireEvent, float, bool], None]
    heard: Callable[[Role, WireEvent], None]


class OverheardMount(FaultyMount):
    """A mount with faults, or with none yet, whose ends are overheard."""

    def __init__(
        self,
        ears: Ears,
        dialect: Dialect,
        tap: Callable[[Record], None],
        scheduler: Scheduler,
        resolution: Resolution,
        plan: Plan | None,
    ) -> None:
        self._ears = ears
        self._listening = dict.fromkeys(Role, 0)
        super().__init__(dialect, tap, scheduler, resolution, plan)

    def port(self, role: Role) -> Port:
        """What an end acts through."""
        port, ears = super().port(role), self._ears

        def drive(line: str, level: bool) -> None:
            ears.drove(role, line, level)
            port.drive(line, level)

        def transmit(data: bytes) -> None:
            ears.sent(role, data)
            port.transmit(data)

        def set_baudrate(baudrate: int) -> None:
            ears.rated(role, baudrate)
            port.set_baudrate(baudrate)

        return Port(drive, transmit, set_baudrate)

    def connect(self, role: Role, hears: Ear) -> None:
        """Say who hears what arrives at an end."""
        ears, listening = self._ears, self._listening
        listening[role] += 1
        number = listening[role]

        def hear(event: WireEvent, now: float) -> None:
            there = listening[role] == number
            ears.hears(role, event, now, there)
            hears(event, now)
            if there:
                ears.heard(role, event)

        super().connect(role, hear)
