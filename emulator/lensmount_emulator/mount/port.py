"""What an engine acts through: the three things that one end of a mount can do."""

from collections.abc import Callable
from dataclasses import dataclass

from lensmount_protocol.wire import DriveLine, SetBaudrate, Transmit, WireAction


@dataclass(frozen=True, slots=True)
class Port:
    """One end's hands on the contacts.

    Attributes:
        drive: puts one of our lines at a level, now.
        transmit: sends bytes back to back, starting now.
        set_baudrate: sends and listens at this rate from now on.
    """

    drive: Callable[[str, bool], object]
    transmit: Callable[[bytes], object]
    set_baudrate: Callable[[int], object]


def noting(note: Callable[[WireAction], object]) -> Port:
    """A port that does nothing but hand over what was to be done, for somebody who does it later."""
    return Port(
        lambda line, level: note(DriveLine(line, level)),
        lambda data: note(Transmit(data)),
        lambda baudrate: note(SetBaudrate(baudrate)),
    )
