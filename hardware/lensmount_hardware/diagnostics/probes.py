"""Probes of an open port, of this host and of a board: rates, lines over jumpers, round trips, and sleeps.

A board is queried; with jumpers in, its lines are driven and bytes are sent over the jumper.
"""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Event
from typing import Protocol

import serial

from lensmount_hardware.boards.byte_stream import ByteStream
from lensmount_hardware.boards.link import format_rejection
from lensmount_hardware.boards.pin_map import (
    CLOCK_PIN,
    DATA_IN_PINS,
    DATA_OUT_PIN,
    FIRST_LINE_PIN,
    PinMap,
    make_link_command,
)
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    ClockedLinkCommand,
    Configure,
    DriveCommand,
    MappedLine,
    Timing,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, LineFlag, LineKind
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.protocol.reports import BurstReceived, LineEdge, MessageRejected, ReceivedBytes
from lensmount_hardware.boards.session import BoardSession, query_session
from lensmount_hardware.clock import Clock
from lensmount_hardware.diagnostics.facts import BaudrateTest, BoardFacts, LineFollowResult, LoopbackTest
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.transports.serial_base import SERIAL_ERRORS
from lensmount_hardware.transports.serial_port import actual_baudrate, set_low_latency
from lensmount_protocol.errors import BoardError, MountError
from lensmount_protocol.wire import ClockedLink

ECHO_TIMEOUT = 0.25
"""Seconds after which a message over the jumper is lost."""

LINE_TIMEOUT = 1.5
"""Seconds after which a line counts as not following; a server of RFC 2217 polls its lines once a second."""

PAIRS = (("rts", "cts"), ("dtr", "dsr"))
"""Output and input that a jumper joins."""

MESSAGES = 200
MESSAGE = bytes(range(0xF0, 0x100))
"""The message that is sent over the jumper: sixteen bytes, the size of a short frame of a mount."""

SLEEPS = 200
SLEEP_S = 1e-3

_MAX_UNANSWERED = 3
"""Messages without an echo after which the test ends."""


class PortUnderTest(Protocol):
    """An open port of pyserial, of any class."""

    @property
    def baudrate(self) -> int:
        """The rate in bits a second."""
        ...

    @baudrate.setter
    def baudrate(self, baudrate: int, /) -> None: ...

    def read(self, size: int = 1, /) -> bytes:
        """Return `size` bytes, or those that arrived in time."""
        ...

    def write(self, data: bytes, /) -> int | None:
        """Write all of `data`."""
        ...

    def reset_input_buffer(self) -> None:
        """Drop received bytes."""
        ...


def request_low_latency(port: PortUnderTest) -> None:
    """Set the driver to deliver bytes at once, as a session does."""
    if isinstance(port, serial.Serial):
        set_low_latency(port)


def probe_baudrate(port: PortUnderTest, rate: int) -> BaudrateTest:
    """Set a rate, and read the actual one."""
    try:
        port.baudrate = rate
    except SERIAL_ERRORS as error:
        return BaudrateTest(None, str(error))
    return BaudrateTest(actual_baudrate(port.fileno()) if isinstance(port, serial.Serial) else None)


def probe_control_lines(port: PortUnderTest, clock: Clock) -> dict[tuple[str, str], LineFollowResult]:
    """Move each output both ways and check that its input follows; the outputs are restored."""
    return {pair: _probe_line_pair(port, *pair, clock) for pair in PAIRS}


def _probe_line_pair(port: PortUnderTest, output: str, input_line: str, clock: Clock) -> LineFollowResult:
    before: bool = getattr(port, output)
    seen: set[bool | None] = set()
    try:
        # Both levels twice: an input with the right level by coincidence fails at the change.
        for active in (not before, before, not before, before):
            setattr(port, output, active)
            seen.add(_input_follows(port, output, input_line, clock))
    except SERIAL_ERRORS:
        return LineFollowResult.ABSENT
    finally:
        with suppress(*SERIAL_ERRORS):
            setattr(port, output, before)
    if seen == {True}:
        return LineFollowResult.YES
    return LineFollowResult.INVERTED if seen == {False} else LineFollowResult.NO


def _input_follows(port: PortUnderTest, output: str, input_line: str, clock: Clock) -> bool | None:
    """Return whether the input takes the output's level within the timeout."""
    ends = clock.now() + LINE_TIMEOUT
    while getattr(port, input_line) is not getattr(port, output):
        if clock.now() > ends:
            return False
        Event().wait(1e-3)
    return True


def probe_loopback(port: PortUnderTest, clock: Clock, messages: int = MESSAGES) -> LoopbackTest:
    """Send short messages one by one, each after the echo of the previous one, and measure their times."""
    times = Histogram()
    sent = 0
    with suppress(*SERIAL_ERRORS):
        port.reset_input_buffer()
        while sent < messages and (times.total or sent < _MAX_UNANSWERED):
            begins = clock.now()
            sent += 1
            port.write(MESSAGE)
            echo = port.read(len(MESSAGE))
            if echo == MESSAGE:
                times.add(clock.now() - begins)
            else:
                port.reset_input_buffer()
    return LoopbackTest(sent, times.total, times)


def measure_sleep_latency(clock: Clock, wait: Callable[[float], object] | None = None) -> Histogram:
    """Measure how late this host ends short sleeps, while it is idle otherwise."""
    sleep = wait or Event().wait
    late = Histogram()
    for _ in range(SLEEPS):
        begins = clock.now()
        sleep(SLEEP_S)
        late.add(max(0.0, clock.now() - begins - SLEEP_S))
    return late


ROUND_TRIPS = 200
"""Round trips that are measured."""

BOARD_MESSAGES = 100
"""Messages that go round over the jumper, at each rate."""

BOARD_MESSAGE = bytes(range(0xF0, 0x100))
BOARD_TIMEOUT = 0.25

JUMPERS = ((DATA_OUT_PIN, DATA_IN_PINS[0]), (FIRST_LINE_PIN, FIRST_LINE_PIN + 1))
"""Pins that are joined: bytes, then a line."""

_OUT, _IN, _SERIAL_OUT, _SERIAL_IN = range(4)
_LINES = (
    MappedLine(JUMPERS[1][0], LineKind.PLAIN, LineFlag.OUTPUT),
    MappedLine(JUMPERS[1][1], LineKind.PLAIN, LineFlag.PULL_DOWN),
    MappedLine(JUMPERS[0][0], LineKind.DATA, LineFlag.OUTPUT),
    MappedLine(JUMPERS[0][1], LineKind.DATA, 0),
)
_PIN_NAMES = tuple(f"pin {line.gpio}" for line in _LINES)


def probe_board(
    stream: ByteStream, clock: Clock, rates: Sequence[int], *, jumpers: bool, clocked: ClockedLink | None = None
) -> BoardFacts:
    """Query a board, and test it with jumpers; afterwards the board is in the safe state and the stream is closed.

    Args:
        stream: the bytes to and from the board.
        clock: our time.
        rates: the rates that the mount needs, in bits a second.
        jumpers: the pins of `JUMPERS` are joined, and nothing else is connected.
        clocked: the physical layer of a clocked mount; `None` for UARTs.
    """
    facts = BoardFacts()
    session = BoardSession(stream, clock, int.from_bytes(os.urandom(4)))
    try:
        facts.info = query_session(session, ROUND_TRIPS)
        if clocked is not None:
            facts.plays_clocked = _probe_link(session, clocked)
        if jumpers and clocked is not None and facts.plays_clocked:
            _probe_clocked_jumpers(session, clocked, facts)
        elif jumpers and clocked is None:
            _probe_jumpers(session, rates, facts)
    except MountError as error:
        facts.error = str(error)
    finally:
        session.close()
    return facts


def _probe_link(session: BoardSession, clocked: ClockedLink) -> bool:
    """Whether the board knows clocked links; it is not configured for one by that."""
    session.link.send(make_link_command(clocked))
    session.request_time()
    return not any(
        isinstance(report, MessageRejected) and report.of_type == ClockedLinkCommand.TYPE
        for report in session.link.events()
    )


def _probe_clocked_jumpers(session: BoardSession, clocked: ClockedLink, facts: BoardFacts) -> None:
    lines = (*_LINES, MappedLine(CLOCK_PIN, LineKind.CLOCK, LineFlag.OUTPUT))
    wanted = Configure(BoardRole.LENS, ConfigureFlag.NO_INTERLOCK, clocked.bit_rate, Timing(), lines)
    link = make_link_command(clocked)
    session.configure(
        PinMap(wanted, (*_PIN_NAMES, "clock"), {}, frozenset(), frozenset(), {}, "", 0.0, False, link=link)
    )
    facts.line = _probe_line(session)
    facts.loopbacks[clocked.bit_rate] = _probe_bytes(session)


def _probe_jumpers(session: BoardSession, rates: Sequence[int], facts: BoardFacts) -> None:
    assert facts.info is not None
    lowest, highest = facts.info.baudrates
    possible = [rate for rate in rates if lowest <= rate <= highest]
    wanted = Configure(BoardRole.LENS, ConfigureFlag.NO_INTERLOCK, (possible or [lowest])[0], Timing(), _LINES)
    plan = PinMap(wanted, _PIN_NAMES, {}, frozenset(), frozenset(), {}, "", 0.0, False)
    session.configure(plan)
    facts.line = _probe_line(session)
    for rate in possible:
        session.send_command(BaudrateCommand(0, rate, 0))
        facts.loopbacks[rate] = _probe_bytes(session)


def _probe_line(session: BoardSession) -> LineFollowResult:
    seen: list[bool | None] = []
    for level in (True, False, True, False):
        session.send_command(DriveCommand(0, 0, _OUT, int(level), 0))
        edge = _await_report(session, lambda report: isinstance(report, LineEdge) and report.line == _IN)
        seen.append(None if not isinstance(edge, LineEdge) else bool(edge.level) is level)
    if all(seen):
        return LineFollowResult.YES
    return LineFollowResult.INVERTED if set(seen) <= {False} else LineFollowResult.NO


def _probe_bytes(session: BoardSession) -> LoopbackTest:
    times = Histogram()
    sent = 0
    while sent < BOARD_MESSAGES and (times.total or sent < 3):
        begins = session.clock.now()
        sent += 1
        session.send_command(TransmitCommand(sent, 0, 0, 0, BOARD_MESSAGE))
        received = b""
        while len(received) < len(BOARD_MESSAGE):
            report = _await_report(session, lambda report: isinstance(report, ReceivedBytes | BurstReceived))
            if not isinstance(report, ReceivedBytes | BurstReceived):
                break
            received += report.data
        if received == BOARD_MESSAGE:
            times.add(session.clock.now() - begins)
    return LoopbackTest(sent, times.total, times)


def _await_report(session: BoardSession, matches: Callable[[BoardMessage], bool]) -> BoardMessage | None:
    """Return the first matching report that arrives in time; earlier ones are dropped."""
    ends = session.clock.now() + BOARD_TIMEOUT
    while True:
        for report in session.link.events():
            if isinstance(report, MessageRejected):
                raise BoardError(f"{session.name}: {format_rejection(report, _PIN_NAMES)}")
            if matches(report):
                return report
        left = ends - session.clock.now()
        if left <= 0:
            return None
        session.exchange(left, opening=True)
