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
from lensmount_protocol.wire import Received, Record, Role, WireEvent


class Ears(NamedTuple):
    """Who overhears.

    Attributes:
        sent: an end gives out bytes.
        drove: an end moves a line.
        heard: so many bytes arrived at an end.
    """

    sent: Callable[[Role, bytes], None]
    drove: Callable[[Role, str, bool], None]
    heard: Callable[[Role, int], None]


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

        return Port(drive, transmit, port.set_baudrate)

    def connect(self, role: Role, hears: Ear) -> None:
        """Say who hears what arrives at an end."""
        heard = self._ears.heard

        def hear(event: WireEvent, now: float) -> None:
            if isinstance(event, Received):
                heard(role, len(event.data))
            hears(event, now)

        super().connect(role, hear)
