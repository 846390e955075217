"""Facts on a port and its machine, and the results of checks on them; an unknown fact is `None`."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lensmount_hardware.boards.session import BoardInfo
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.serial_devices import ProcessHolding, UsbSerialAdapter


class PortKind(enum.Enum):
    """The kind of a port, which determines the checks that apply."""

    SERIAL = "serial port"
    PTY = "pseudo-terminal"
    NETWORK = "network port"
    LOOP = "loop in memory"
    BOARD = "board"


class LineFollowResult(enum.Enum):
    """How an input follows an output over a jumper."""

    YES = "follows"
    INVERTED = "follows inverted"
    NO = "does not follow"
    ABSENT = "does not exist"


@dataclass(frozen=True, slots=True)
class BaudrateTest:
    """The result of setting a rate.

    Attributes:
        actual: the rate that the port reports afterwards; `None` where it rejects the rate or reports none.
        error: why it rejects the rate; `""` where it does not.
    """

    actual: int | None
    error: str = ""


@dataclass(frozen=True, slots=True)
class LoopbackTest:
    """The result of sending messages over a jumper from output to input.

    Attributes:
        sent: messages sent.
        intact: messages that came back intact.
        times: round-trip times of those.
    """

    sent: int
    intact: int
    times: Histogram


@dataclass(slots=True)
class BoardFacts:
    """Facts on a board.

    Attributes:
        info: its identity and limits; `None` where it does not answer.
        error: why it does not answer, or what failed after the handshake.
        line: how an input follows an output over the jumper; `None` where that was not tested.
        loopbacks: rate in bits a second -> result over the jumper.
        plays_clocked: whether its firmware plays clocked mounts; `None` where that was not asked.
    """

    info: BoardInfo | None = None
    error: str = ""
    line: LineFollowResult | None = None
    loopbacks: dict[int, LoopbackTest] = field(default_factory=dict[int, LoopbackTest])
    plays_clocked: bool | None = None


@dataclass(slots=True)
class PortFacts:
    """Facts on a port and its machine.

    Attributes:
        port: the port as the user named it.
        kind: its kind.
        exists: whether it exists.
        group: the group that owns it.
        readable: whether we may read and write it.
        joined: whether our user is on that group's list.
        effective: whether this process has the group's rights.
        holders: other processes that have it open.
        failure: why it did not open; `""` where it did, `None` where that was not tried.
        driver: name of the kernel's driver.
        adapter: the known properties of its adapter.
        latency_timer_ms: milliseconds that it holds bytes back.
        latency_path: file that sets the latency timer.
        may_sleep: whether the system may put the USB device to sleep.
        power_path: file that sets that.
        rates: rate that the mount needs -> result of setting it.
        jumpers: whether the user states that the jumpers are in.
        controls: (output, input) -> how the input follows the output.
        loopback: result over the jumper.
        sleep_latency: how late this host ends short sleeps.
        crc_extension: whether crcmod has its compiled part.
        needed: the rates that the mount needs, in bits a second.
        board: facts on the board, where it is one.
        bundled_revision: revision of the firmware in this package; `""` where it has none.
    """

    port: str
    kind: PortKind
    exists: bool = True
    group: str = ""
    readable: bool | None = None
    joined: bool | None = None
    effective: bool | None = None
    holders: Sequence[ProcessHolding] = ()
    failure: str | None = None
    driver: str = ""
    adapter: UsbSerialAdapter | None = None
    latency_timer_ms: int | None = None
    latency_path: str = ""
    may_sleep: bool | None = None
    power_path: str = ""
    rates: Mapping[int, BaudrateTest] = field(default_factory=dict[int, BaudrateTest])
    jumpers: bool = False
    controls: Mapping[tuple[str, str], LineFollowResult] = field(
        default_factory=dict[tuple[str, str], LineFollowResult]
    )
    loopback: LoopbackTest | None = None
    sleep_latency: Histogram | None = None
    crc_extension: bool | None = None
    needed: Sequence[int] = ()
    board: BoardFacts | None = None
    bundled_revision: str = ""


class CheckSeverity(enum.Enum):
    """The severity of a check's result."""

    FINE = "fine"
    NOTE = "note"
    """Nothing is wrong, but something is untested or worth knowing."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check.

    Attributes:
        check: the check's name.
        severity: whether something is wrong.
        message: the result, in one line.
        advice: the next step; `""` where there is none.
    """

    check: str
    severity: CheckSeverity
    message: str
    advice: str = ""
