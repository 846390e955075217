"""Queries a board's identity, limits and counters, and drives nothing; used to list and diagnose boards."""

import os
from contextlib import suppress
from dataclasses import dataclass, field

from lensmount_hardware.boards.byte_stream import open_stream
from lensmount_hardware.boards.protocol.commands import Bootloader, ReadCounters
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.protocol.reports import Counters, HelloReply
from lensmount_hardware.boards.session import REPLY_TIMEOUT, BoardSession
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.port_spec import PortSpec, parse_spec
from lensmount_protocol.errors import MountError, TransportLostError, TransportOpenError


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """A board's identity and limits, as it reports them.

    Attributes:
        firmware: revision of its firmware.
        version: of the host-board protocol.
        unique_id: as in its USB serial number, in hexadecimal.
        lines: the most lines of a map.
        baudrates: lowest and highest rate of its UARTs, in bits a second.
        queue_bytes: its capacity for orders.
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
