"""Sessions between a host and its board over a byte stream: handshake, configuration, time requests, and queries.

A query reads a board's identity, limits and counters, and drives nothing.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import NoReturn

from lensmount_hardware.boards.byte_stream import ByteStream, open_stream
from lensmount_hardware.boards.link import BoardLink, format_rejection, pop_resume_point, save_resume_point
from lensmount_hardware.boards.pin_map import PinMap
from lensmount_hardware.boards.protocol.commands import (
    Bootloader,
    ClockedLinkCommand,
    Configure,
    EnterSafeState,
    ReadCounters,
)
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, ErrorCode, SafeStateFlag, StateFlag
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import BoardState, Counters, DataLost, HelloReply, MessageRejected
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.port_spec import PortSpec, parse_spec
from lensmount_protocol.errors import BoardError, MountError, TransportLostError, TransportOpenError

PING_PERIOD = 0.1
"""Seconds between two requests for the board's time, which also reset its watchdog."""

REPLY_TIMEOUT = 2.0
"""Seconds within which a board must answer HELLO and CONFIGURE, and accept queued orders."""

INITIAL_ROUND_TRIPS = 5
"""Round trips at the start of a session: the shortest of them gives the board's clock."""

_FLAGS_OFFSET = HEAD_SIZE + 1
_HELLO_PERIOD = 0.5
_POLL_INTERVAL = 0.05
_MAX_QUEUED_BYTES = 1 << 16
_ADVICE = "is it the board, with our firmware on it? `lensmount devices` lists those that there are"


class BoardSession:
    """One host, one board.

    Args:
        stream: the bytes to and from the board; it is closed with the session.
        clock: our time.
        session_id: a number of 32 bits that no other host has.

    Attributes:
        name: the board's port.
        clock: our time.
        link: the protocol's state: counts, the clock map.
        lost_before: losses in the previous session, as the board reports them at the start of this one.
        reports_own_edges: whether the board reports edges of its own outputs; older firmware does not.
        closed_reason: why the session has ended; `""` while it is open.
    """

    def __init__(self, stream: ByteStream, clock: Clock, session_id: int) -> None:
        self.name = f"board:{stream.name}"
        self.clock = clock
        self.link = BoardLink(session_id, resume_from=pop_resume_point(self.name))
        self.closed_reason = ""
        self.lost_before: list[DataLost] = []
        self.reports_own_edges = False
        self._stream = stream
        self._last_ping = clock.now()

    def handshake(self, *, take_over: bool = False) -> HelloReply:
        """Start a session, and measure the board's clock.

        Raises:
            TransportOpenError: there is no answer, or one of another device.
            BoardError: other firmware, or another host has the board.
        """
        start = self.clock.now()
        hello_at = float("-inf")
        while (welcome := self.link.hello_reply) is None:
            now = self.clock.now()
            if now - start > REPLY_TIMEOUT:
                counts = self.link.counts
                other = counts.garbage + counts.stale
                problem = f"something else answers, {other} times" if other else "nothing answers"
                raise TransportOpenError(f"{self.name}: {problem}; {_ADVICE}")
            if now - hello_at >= _HELLO_PERIOD:
                hello_at = now
                self.link.send_hello(take_over=take_over)
            self.exchange(_POLL_INTERVAL, opening=True)
        for _ in range(INITIAL_ROUND_TRIPS):
            self.request_time()
        return welcome

    def request_time(self) -> float:
        """Make one round trip; returns its duration in seconds.

        Raises:
            TransportOpenError: there is no answer.
            BoardError: the board has lost our session.
        """
        start, trips = self.clock.now(), self.link.clock.trips
        self.link.request_time(start)
        while self.link.clock.trips == trips:
            if self.clock.now() - start > REPLY_TIMEOUT:
                raise self._no_reply_error()
            self.exchange(_POLL_INTERVAL, opening=True)
        return self.link.clock.last_trip

    def configure(self, pin_map: PinMap) -> BoardState:
        """Send the board its lines and times; returns its state afterwards.

        Raises:
            TransportOpenError: there is no answer.
            BoardError: the board rejects the pin map.
        """
        wanted = pin_map.configure
        welcome = self.link.hello_reply
        assert welcome is not None
        if pin_map.link is None and (problem := baudrate_error(welcome, wanted.baudrate)):
            raise BoardError(f"{self.name}: {problem}")
        self.reports_own_edges = wanted.role != BoardRole.SNIFFER
        self._send_configuration(pin_map)
        start = self.clock.now()
        while self.clock.now() - start <= REPLY_TIMEOUT:
            self.exchange(_POLL_INTERVAL, opening=True)
            for report in self.link.events():
                if isinstance(report, MessageRejected) and self.reports_own_edges and _is_unknown_flag(report):
                    self.reports_own_edges = False
                    self._send_configuration(pin_map)
                elif isinstance(report, MessageRejected) and _is_unknown_link(report):
                    raise BoardError(
                        f"{self.name}: the board's firmware is older and plays no clocked mount; "
                        "put the firmware of this package on it: lensmount flash"
                    )
                elif isinstance(report, MessageRejected):
                    raise BoardError(f"{self.name}: {format_rejection(report, pin_map.names)}")
                if isinstance(report, DataLost):
                    self.lost_before.append(report)
                if isinstance(report, BoardState) and report.flags & StateFlag.CONFIGURED:
                    return report
        raise self._no_reply_error()

    def _send_configuration(self, pin_map: PinMap) -> None:
        if pin_map.link is not None:
            self.link.send(pin_map.link)
        wanted = pin_map.configure
        flags = wanted.flags | (ConfigureFlag.OWN_EDGES if self.reports_own_edges else 0)
        self.link.send(replace(wanted, flags=flags))

    def send_command(self, message: BoardMessage) -> None:
        """Send a message; waits while too many bytes are queued.

        Raises:
            TransportLostError: the board accepts no orders any more, or has gone.
        """
        start = self.clock.now()
        while self.link.queued_bytes > _MAX_QUEUED_BYTES:
            if self.clock.now() - start > REPLY_TIMEOUT:
                self.fail("it takes no orders any more")
            self.exchange(PING_PERIOD)
        self.link.send(message)

    def ping(self) -> None:
        """Request the board's time if a request is due."""
        now = self.clock.now()
        if now - self._last_ping >= PING_PERIOD:
            self._last_ping = now
            self.link.request_time(now)

    def exchange(self, wait: float, *, opening: bool = False) -> None:
        """Write due bytes and read those that arrive within `wait` seconds; the link queues the reports.

        Raises:
            TransportLostError: the board has gone.
            BoardError: the same with `opening`, while the session starts.
        """
        self.flush()
        try:
            data = self._stream.read(wait)
        except OSError as error:
            self.fail(str(error), error)
        if data:
            try:
                self.link.receive(data, self.clock.now())
            except BoardError as error:
                if opening:
                    raise BoardError(f"{self.name}: {error}") from error
                self.fail(str(error), error)

    def flush(self) -> None:
        """Write due bytes."""
        data = self.link.bytes_to_send()
        if data:
            try:
                self._stream.write(data)
            except OSError as error:
                self.fail(str(error), error)

    def require_open(self) -> None:
        """Raise `TransportLostError` if the session has ended."""
        if self.closed_reason:
            raise TransportLostError(f"{self.name}: {self.closed_reason}")

    def fail(self, reason: str, error: Exception | None = None) -> NoReturn:
        """End the session: keep its resume point, and raise `TransportLostError`."""
        if self.link.hello_reply:
            save_resume_point(self.name, self.link.resume_point)
        last_frame = f"; its last frame was number {self.link.last_sequence}, at {self.link.board_us} µs of its clock"
        self.closed_reason = f"the board has gone: {reason}{last_frame if self.link.hello_reply else ''}"
        raise TransportLostError(f"{self.name}: {self.closed_reason}") from error

    def close(self) -> None:
        """Put the board into the safe state and release it; closing again does nothing."""
        if self.closed_reason == "closed":
            return
        lost, self.closed_reason = self.closed_reason, "closed"
        try:
            if not lost and self.link.hello_reply is not None:
                self.link.send(EnterSafeState(SafeStateFlag.FORGET))
                self._stream.write(self.link.bytes_to_send())
        except (OSError, BoardError):
            # The board has gone; its watchdog puts it into the safe state.
            pass
        finally:
            self._stream.close()

    def _no_reply_error(self) -> TransportOpenError:
        return TransportOpenError(
            f"{self.name}: the board answered HELLO and then no more; unplug it and plug it in again"
        )


def _is_unknown_flag(refused: MessageRejected) -> bool:
    """Return whether firmware rejects a configuration because it is older than one of the flags."""
    return (refused.of_type, refused.code, refused.detail) == (Configure.TYPE, ErrorCode.MALFORMED, _FLAGS_OFFSET)


def _is_unknown_link(refused: MessageRejected) -> bool:
    """Return whether firmware is older than clocked links."""
    return (refused.of_type, refused.code) == (ClockedLinkCommand.TYPE, ErrorCode.UNKNOWN_TYPE)


def baudrate_error(hello_reply: HelloReply, baudrate: int) -> str:
    """Return what is wrong with a rate; `""` where the board supports it."""
    lowest, highest = hello_reply.lowest_baudrate, hello_reply.highest_baudrate
    if lowest <= baudrate <= highest:
        return ""
    return f"the board cannot do {baudrate} baud, only {lowest} to {highest}"


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """A board's identity and limits, as it reports them.

    Attributes:
        firmware: revision of its firmware.
        version: of the host-board protocol.
        unique_id: as in its USB serial number, in hexadecimal.
        lines: the most lines of a map.
        baudrates: lowest and highest rate of its UARTs, in bits a second.
        queue_bytes: its capacity for commands.
        report_bytes: its capacity for reports.
        roles: the roles that it can play.
        round_trips: durations of round trips to it.
        counters: its counters since it started.
    """

    firmware: str
    version: int
    unique_id: str
    lines: int
    baudrates: tuple[int, int]
    queue_bytes: int
    report_bytes: int
    roles: tuple[str, ...] = tuple(role.name.lower() for role in BoardRole)
    round_trips: Histogram = field(default_factory=Histogram)
    counters: Counters | None = None


def query_board(spec: PortSpec, clock: Clock, *, round_trips: int = 0) -> BoardInfo:
    """Open a session with a board, query it and close the session.

    Args:
        spec: the board's port.
        clock: our time.
        round_trips: number of round trips to measure.

    Raises:
        TransportOpenError: there is no such board, another program holds it, or it does not answer.
        BoardError: other firmware, or another host has it.
    """
    session = BoardSession(open_stream(spec), clock, int.from_bytes(os.urandom(4)))
    try:
        return query_session(session, round_trips)
    finally:
        session.close()


def restart_in_boot_mode(spec: PortSpec, clock: Clock) -> str:
    """Restart a board as a drive that waits for firmware; returns the revision of its old firmware.

    Raises:
        TransportOpenError: as `query_board` does.
        BoardError: the same.
    """
    session = BoardSession(open_stream(spec), clock, int.from_bytes(os.urandom(4)))
    try:
        revision = session.handshake().firmware.decode("ascii", errors="replace")
        session.link.send(Bootloader())
        session.flush()
        # The board disappears now, so `close` must not send to it.
        with suppress(TransportLostError):
            session.fail("it restarts")
        return revision
    finally:
        session.close()


def query_session(session: BoardSession, round_trips: int) -> BoardInfo:
    """Query over a new session, which stays open."""
    welcome = session.handshake()
    trips = Histogram.from_durations(session.request_time() for _ in range(round_trips))
    return board_info_from(welcome, trips, _read_counters(session) if round_trips else None)


def board_info_from(hello_reply: HelloReply, trips: Histogram, counters: Counters | None) -> BoardInfo:
    """Return the response to HELLO as a `BoardInfo`."""
    return BoardInfo(
        firmware=hello_reply.firmware.decode("ascii", errors="replace"),
        version=hello_reply.version,
        unique_id=hello_reply.unique_id.hex().upper(),
        lines=hello_reply.lines,
        baudrates=(hello_reply.lowest_baudrate, hello_reply.highest_baudrate),
        queue_bytes=hello_reply.queue_bytes,
        report_bytes=hello_reply.report_bytes,
        round_trips=trips,
        counters=counters,
    )


def query_or_error(path: str, clock: Clock) -> BoardInfo | str:
    """Return the information of the board at a path, or the error as one line."""
    try:
        return query_board(parse_spec(f"board:{path}"), clock)
    except MountError as error:
        return str(error)


def _read_counters(session: BoardSession) -> Counters:
    session.link.send(ReadCounters())
    start = session.clock.now()
    while session.clock.now() - start <= REPLY_TIMEOUT:
        for report in session.link.events():
            if isinstance(report, Counters):
                return report
        session.exchange(REPLY_TIMEOUT / 20, opening=True)
    raise TransportOpenError(f"{session.name}: the board does not send its counters; unplug it and plug it in again")
