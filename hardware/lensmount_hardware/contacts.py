"""A mount's contacts as plain data: what a port must know of a dialect when it keeps lines and deadlines itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lensmount_protocol.wire import Role, SerialLine


@dataclass(frozen=True, slots=True)
class WindowTiming:
    """How an end holds its select line, in microseconds.

    Attributes:
        setup_us: least time from its rise to the first start bit.
        hold_us: least time from the last stop bit to its fall.
        gap_us: least time that it is low between two windows.
    """

    setup_us: int = 10
    hold_us: int = 10
    gap_us: int = 10


@dataclass(frozen=True, slots=True)
class Contacts:
    """The contacts of one mount.

    Attributes:
        drivers: every line -> the end that drives it.
        serial: the serial directions; their lines carry bytes.
        supply: the line that powers the lens; `""` where there is none.
        detect: the line that a lens grounds by being there; `""` where there is none.
        rails: further lines that are rails, in the order in which they are switched on, behind the supply.
        sync: the frame signal; `""` where there is none.
        sync_width_us: of the frame signal's pulses; 0 is as they are driven.
        windows: how each end holds its select line.
    """

    drivers: Mapping[str, Role]
    serial: tuple[SerialLine, ...]
    supply: str = ""
    detect: str = ""
    rails: tuple[str, ...] = ()
    sync: str = ""
    sync_width_us: float = 0.0
    windows: Mapping[Role, WindowTiming] = field(default_factory=dict[Role, WindowTiming])
