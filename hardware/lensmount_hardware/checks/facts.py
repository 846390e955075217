"""All that can be known of a port and its machine before anybody judges it; what was not found out stays `None`."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_hardware.boards.asking import BoardAnswer
from lensmount_hardware.boards.known import Adapter
from lensmount_hardware.boards.sysfs import Holder
from lensmount_hardware.histogram import Histogram


class Kind(enum.Enum):
    """What sort of port it is: what it can show follows from that."""

    SERIAL = "serial port"
    PTY = "pseudo-terminal"
    NETWORK = "port behind a network"
    LOOP = "loop in memory"
    BOARD = "board"


class Follows(enum.Enum):
    """How an input follows an output over a jumper."""

    YES = "follows"
    INVERTED = "follows inverted"
    NO = "does not follow"
    ABSENT = "does not exist"


@dataclass(frozen=True, slots=True)
class RateTrial:
    """What became of a rate that was asked for.

    Attributes:
        given: the rate that the port says it has now; `None` where it was refused or cannot be asked.
        refusal: why it was refused; `""` where it was not.
    """

    given: int | None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Echo:
    """What came back over a jumper between sending and receiving.

    Attributes:
        sent: messages that were sent.
        right: messages that came back whole.
        times: how long each of those took, both ways.
    """

    sent: int
    right: int
    times: Histogram


@dataclass(slots=True)
class BoardFacts:
    """What was found out of a board.

    Attributes:
        answer: what it says of itself; `None` where it says nothing.
        trouble: why; or why something behind the greeting went wrong.
        line: how an input follows an output over the jumper; `None` where that was not tried.
        echoes: rate in bits a second -> what came back over the jumper.
    """

    answer: BoardAnswer | None = None
    trouble: str = ""
    line: Follows | None = None
    echoes: dict[int, Echo] = field(default_factory=dict[int, Echo])


@dataclass(slots=True)
class Facts:
    """What was found out.

    Attributes:
        port: as its user named it.
        kind: what sort of port.
        exists: whether it is there.
        group: the group that owns it.
        readable: whether we may read and write it.
        joined: whether our user is on that group's list.
        effective: whether this process has the group's rights.
        holders: processes that have it open beside us.
        failure: why it did not open; `""` where it did, `None` where nobody tried.
        driver: the kernel's.
        adapter: what its kind can do.
        latency_timer_ms: milliseconds that it holds bytes back.
        latency_path: where that is set.
        may_sleep: whether the system may put the USB device to sleep.
        power_path: where that is set.
        rates: rate that the mount needs -> what became of it.
        jumpers: whether its user says that the jumpers are in.
        controls: (output, input) -> how the input follows the output.
        echo: what came back.
        lateness: how late this host ends a short sleep.
        crc_extension: whether crcmod has its compiled part.
        needed: the rates that the mount needs, in bits a second.
        board: what was found out of it, where it is one.
        shipped: revision of the firmware in this package; `""` where it holds none.
    """

    port: str
    kind: Kind
    exists: bool = True
    group: str = ""
    readable: bool | None = None
    joined: bool | None = None
    effective: bool | None = None
    holders: Sequence[Holder] = ()
    failure: str | None = None
    driver: str = ""
    adapter: Adapter | None = None
    latency_timer_ms: int | None = None
    latency_path: str = ""
    may_sleep: bool | None = None
    power_path: str = ""
    rates: Mapping[int, RateTrial] = field(default_factory=dict[int, RateTrial])
    jumpers: bool = False
    controls: Mapping[tuple[str, str], Follows] = field(default_factory=dict[tuple[str, str], Follows])
    echo: Echo | None = None
    lateness: Histogram | None = None
    crc_extension: bool | None = None
    needed: Sequence[int] = ()
    board: BoardFacts | None = None
    shipped: str = ""
