"""Asks a board who it is and how it is, and drives nothing: what lists and examinations of boards are made from."""

import os
from contextlib import suppress
from dataclasses import dataclass, field

from lensmount_hardware.boards.conversation import PATIENCE, Conversation
from lensmount_hardware.boards.orders import Bootloader, ReadCounters
from lensmount_hardware.boards.reports import Counters, Welcome
from lensmount_hardware.boards.streams import open_stream
from lensmount_hardware.boards.words import BoardRole
from lensmount_hardware.clock import Clock
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.spec import PortSpec, parse_spec
from lensmount_protocol.errors import MountError, TransportLostError, TransportOpenError


@dataclass(frozen=True, slots=True)
class BoardAnswer:
    """What a board says of itself.

    Attributes:
        firmware: revision of its firmware.
        version: of the host-board protocol.
        unique_id: as in its USB serial number, in hexadecimal.
        lines: how many lines a map may have.
        baudrates: lowest and highest rate of its UARTs, in bits a second.
        queue_bytes: its room for orders.
        report_bytes: its room for reports.
        roles: what it can play.
        round_trips: how long questions took to it and back.
        counters: what it has counted since it started.
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


def ask(spec: PortSpec, clock: Clock, *, questions: int = 0) -> BoardAnswer:
    """Greet a board and let go of it again.

    Args:
        spec: which one.
        clock: our time.
        questions: round trips to measure.

    Raises:
        TransportOpenError: there is no such board, it is held by another program, or nothing of ours answers.
        BoardError: other firmware, or another host has it.
    """
    talk = Conversation(open_stream(spec), clock, int.from_bytes(os.urandom(4)))
    try:
        return ask_on(talk, questions)
    finally:
        talk.close()


def send_to_boot_mode(spec: PortSpec, clock: Clock) -> str:
    """Have a board restart as a drive that waits for firmware; gives the revision that it had.

    Raises:
        TransportOpenError: as `ask` does.
        BoardError: the same.
    """
    talk = Conversation(open_stream(spec), clock, int.from_bytes(os.urandom(4)))
    try:
        revision = talk.greet().firmware.decode("ascii", errors="replace")
        talk.link.send(Bootloader())
        talk.flush()
        # It goes away now: what would be said to it on closing would be said to nobody.
        with suppress(TransportLostError):
            talk.lose("it restarts")
        return revision
    finally:
        talk.close()


def ask_on(talk: Conversation, questions: int) -> BoardAnswer:
    """The same over a conversation that has not begun; it goes on."""
    welcome = talk.greet()
    trips = Histogram.of(talk.ask_time() for _ in range(questions))
    return answer_of(welcome, trips, _counters(talk) if questions else None)


def answer_of(welcome: Welcome, trips: Histogram, counters: Counters | None) -> BoardAnswer:
    """A welcome in words."""
    return BoardAnswer(
        firmware=welcome.firmware.decode("ascii", errors="replace"),
        version=welcome.version,
        unique_id=welcome.unique_id.hex().upper(),
        lines=welcome.lines,
        baudrates=(welcome.lowest_baudrate, welcome.highest_baudrate),
        queue_bytes=welcome.queue_bytes,
        report_bytes=welcome.report_bytes,
        round_trips=trips,
        counters=counters,
    )


def answer_or_trouble(path: str, clock: Clock) -> BoardAnswer | str:
    """What the board at a path says of itself, or in one line why it says nothing."""
    try:
        return ask(parse_spec(f"board:{path}"), clock)
    except MountError as error:
        return str(error)


def _counters(talk: Conversation) -> Counters:
    talk.link.send(ReadCounters())
    start = talk.clock.now()
    while talk.clock.now() - start <= PATIENCE:
        for report in talk.link.events():
            if isinstance(report, Counters):
                return report
        talk.exchange(PATIENCE / 20, opening=True)
    raise TransportOpenError(f"{talk.name}: the board does not tell its counters; unplug it and plug it in again")
