"""The host's side of the board protocol, without I/O and without a clock: bytes in, messages out, and the reverse.

A `ResumePoint` keeps the state of an interrupted session, for each port of this process until that is opened again. The
next handshake uses its session number and frame count: the board then reports what was lost meanwhile, and does not
take us for another host.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lensmount_hardware.boards.clock_sync import ClockMap
from lensmount_hardware.boards.flow_control import ReceiveCredit, SendCredit
from lensmount_hardware.boards.protocol.commands import (
    BaudrateCommand,
    DriveCommand,
    Hello,
    HostCredit,
    TimeRequest,
    TransmitCommand,
)
from lensmount_hardware.boards.protocol.constants import (
    MAX_FRAME,
    VERSION,
    DriveFlag,
    ErrorCode,
    HelloFlag,
    describe_constant,
)
from lensmount_hardware.boards.protocol.framing import (
    CRC_SIZE,
    DELIMITER,
    NAMES,
    BoardFrame,
    build_raw_frame,
    parse_frame,
)
from lensmount_hardware.boards.protocol.message import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.protocol.reports import (
    BoardCredit,
    BoardState,
    BurstReceived,
    HelloReply,
    LineEdge,
    MessageRejected,
    ReceivedBytes,
    TimeResponse,
)
from lensmount_protocol.errors import BoardError, FrameError


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The state of an interrupted session.

    Attributes:
        session_id: the session's number.
        next_sequence: the number of our next frame.
        expected_sequence: the expected number of the board's next frame.
        board_us: the latest time that the board reported.
    """

    session_id: int
    next_sequence: int
    expected_sequence: int
    board_us: int


_resume_points: dict[str, ResumePoint] = {}


def save_resume_point(port: str, resume_point: ResumePoint) -> None:
    """Keep the state of the session at a port, which was interrupted."""
    _resume_points[port] = resume_point


def pop_resume_point(port: str) -> ResumePoint | None:
    """Return and remove the state of the interrupted session at a port; `None` without one."""
    return _resume_points.pop(port, None)


def version_mismatch(version: int) -> BoardError:
    """Return the error for a board with another version of the protocol."""
    return BoardError(
        f"the board's firmware has version {version} of the protocol, this program has version {VERSION}; "
        "put the firmware of this package on it: lensmount flash"
    )


def raise_for_rejection(rejection: MessageRejected) -> None:
    """Raise an error if a rejection ends the session.

    Raises:
        BoardError: other firmware, another host, or a board that has lost our session.
    """
    if rejection.code == ErrorCode.VERSION:
        raise version_mismatch(rejection.detail)
    if rejection.code == ErrorCode.BUSY:
        raise BoardError("another host has the board; close the program that holds it, or take it over")
    if rejection.code == ErrorCode.NO_SESSION:
        raise BoardError("the board has lost the session: it was restarted or unplugged")


def format_rejection(rejection: MessageRejected, names: Sequence[str] = ()) -> str:
    """Format a rejection in one line; `names` are those of the map's lines."""
    what = NAMES.get(rejection.of_type, f"message {rejection.of_type:#04x}")
    code = next((code for code in ErrorCode if code == rejection.code), None)
    if code is None:
        return f"the board refuses {what}: error {rejection.code}, detail {rejection.detail}"
    why, _, detail = describe_constant(code).partition("; detail: ")
    if detail == "0":
        return f"the board refuses {what}: {why}"
    if "line" in detail and rejection.detail < len(names):
        return f"the board refuses {what}: {why}; it is {names[rejection.detail]}"
    return f"the board refuses {what}: {why}; {detail}: {rejection.detail}"


REPORT_CAPACITY = 1 << 18
"""Bytes of reports that may be in transit or queued on the host."""

_MAX_TIME_REQUESTS = 16
"""Time requests without a response that are kept; older ones are dropped."""

_SEQUENCE_MODULUS = 256
_WITH_ID = frozenset({TransmitCommand.TYPE, DriveCommand.TYPE, BaudrateCommand.TYPE})


@dataclass(slots=True)
class LinkCounts:
    """Counters of a link.

    Attributes:
        frames: whole frames accepted.
        garbage: runs of bytes that are no frame.
        missed: frames missing by their sequence numbers.
        repeated: old frames that arrived again.
        unknown: frames with an unknown or malformed message.
        stale: frames that arrived before the response to HELLO.
        over_credit: reports beyond the credit that we granted; they are dropped.
    """

    frames: int = 0
    garbage: int = 0
    missed: int = 0
    repeated: int = 0
    unknown: int = 0
    stale: int = 0
    over_credit: int = 0


class BoardLink:
    """One board as the host sees it.

    Args:
        session_id: a number of 32 bits that no other host has, drawn by the caller.
        capacity: bytes of reports that we can buffer.
        resume_from: the interrupted session to resume.

    Attributes:
        counts: counters.
        clock: the board's clock against ours.
        hello_reply: the board's response to HELLO; `None` until it has arrived.
        board_us: the latest time that the board reported.
    """

    def __init__(
        self, session_id: int, *, capacity: int = REPORT_CAPACITY, resume_from: ResumePoint | None = None
    ) -> None:
        self.counts = LinkCounts()
        self.clock = ClockMap()
        self.hello_reply: HelloReply | None = None
        self.board_us = 0
        self._resume_from = resume_from
        self._session_id = session_id if resume_from is None else resume_from.session_id
        self._capacity = capacity
        self._partial = bytearray()
        self._overlong = False
        self._expected = 0 if resume_from is None else resume_from.expected_sequence
        self._sequence = 0 if resume_from is None else resume_from.next_sequence
        self._missed_before_hello = (0, 0)
        self._hello_sequence = 0
        self._receive_credit = ReceiveCredit(capacity)
        self._send_credit = SendCredit(0)
        self._inbox: deque[tuple[BoardMessage, int]] = deque()
        self._outbox: deque[tuple[int, bytes, int]] = deque()
        self._queued_bytes = 0
        self._out = bytearray()
        self._time_requests: dict[int, float] = {}
        self._token = 0
        self._missing_frames: list[tuple[int, int]] = []
        self._command_ids: dict[int, int] = {}

    @property
    def queued_bytes(self) -> int:
        """Bytes of orders that wait for credit."""
        return self._queued_bytes

    @property
    def last_sequence(self) -> int:
        """The number of the last frame that the board sent us, as it counts them."""
        return (self._expected - 1) % _SEQUENCE_MODULUS

    @property
    def resume_point(self) -> ResumePoint:
        """The state from which a later session can resume."""
        return ResumePoint(self._session_id, self._sequence, self._expected, self.board_us)

    def interruption_summary(self) -> str:
        """Describe the interruption between the previous session and this one; `""` where there was none.

        The board's clock shows whether the board kept its power. Its frames are counted modulo 256, so more may be
        missing than their numbers show.
        """
        if self._resume_from is None:
            return ""
        if not self.clock.known:
            return "the session was interrupted; the board's clock is not known yet, nor whether it kept its power"
        if self.clock.last_us < self._resume_from.board_us:
            return "the board had lost its power: its clock and its frame count have restarted"
        first, count = self._missed_before_hello
        if not count:
            return f"the board kept its power; no frame of it is missing, or a multiple of {_SEQUENCE_MODULUS}"
        frames = f"{count} of its frames are missing from number {first} on"
        return f"the board kept its power; {frames}, or that and a multiple of {_SEQUENCE_MODULUS}"

    def missing_frames(self) -> list[tuple[int, int]]:
        """Return the gaps in the board's frames: first number and count; each gap is returned once."""
        gaps, self._missing_frames = self._missing_frames, []
        return gaps

    def command_id_for(self, sequence: int) -> int | None:
        """Return the `id` of the order in our frame of this number; `None` where it has none."""
        return self._command_ids.get(sequence)

    def send_hello(self, *, take_over: bool = False) -> None:
        """Start a session, the first or a new one: queues are emptied, other frames ignored until the response."""
        self.hello_reply = None
        self._receive_credit = ReceiveCredit(self._capacity)
        self._send_credit = SendCredit(0)
        self._inbox.clear()
        self._outbox.clear()
        self._time_requests.clear()
        self._queued_bytes = 0
        self._out[:] = DELIMITER
        self._hello_sequence = self._sequence
        self._write(
            Hello(VERSION, HelloFlag.TAKE_OVER if take_over else 0, self._session_id, self._receive_credit.limit)
        )

    def request_time(self, now: float) -> None:
        """Request the board's time, at our time `now`; also serves as keep-alive."""
        if len(self._time_requests) >= _MAX_TIME_REQUESTS:
            del self._time_requests[next(iter(self._time_requests))]
        self._token = (self._token + 1) & 0xFFFFFFFF
        self._time_requests[self._token] = now
        self._write(TimeRequest(self._token))

    def send(self, message: BoardMessage) -> None:
        """Send a message as soon as credit allows; those that spend some keep their order.

        Raises:
            BoardError: there is no board yet, or the message exceeds its queue.
            FrameError: a value that its field cannot hold.
        """
        if self.hello_reply is None:
            raise BoardError("the board has not answered HELLO yet")
        if not _uses_credit(message):
            self._write(message)
            return
        fields = message.build()
        cost = HEAD_SIZE + len(fields) + CRC_SIZE
        if cost > self.hello_reply.queue_bytes:
            raise BoardError(f"a message of {cost} bytes; the board's queue holds {self.hello_reply.queue_bytes}")
        self._outbox.append((message.TYPE, fields, cost))
        self._queued_bytes += cost
        self._flush_outbox()

    def bytes_to_send(self) -> bytes:
        """Return and remove the bytes to send to the board now."""
        if self.hello_reply is not None and (limit := self._receive_credit.limit_update()) is not None:
            self._write(HostCredit(limit))
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Process bytes from the board, at our time `now`.

        Raises:
            BoardError: the board has another version of the protocol or another host, or has lost our session.
        """
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            self._append_partial(piece)
            stuffed, overlong = bytes(self._partial), self._overlong
            self._partial.clear()
            self._overlong = False
            if overlong:
                self.counts.garbage += 1
            elif stuffed:
                self._parse_frame(stuffed, now)
        self._append_partial(rest)

    def events(self) -> Iterator[BoardMessage]:
        """Yield the received reports, oldest first; each one releases its credit when it is yielded."""
        while self._inbox:
            message, cost = self._inbox.popleft()
            self._receive_credit.release(cost)
            yield message

    def _append_partial(self, piece: bytes) -> None:
        # Bytes beyond the longest frame are dropped, so memory is bounded for any input.
        free = MAX_FRAME + 1 - len(self._partial)
        self._overlong = self._overlong or len(piece) > free
        self._partial += piece[: max(0, free)]

    def _parse_frame(self, encoded: bytes, now: float) -> None:
        try:
            frame = parse_frame(encoded)
        except FrameError:
            self.counts.garbage += 1
            return
        try:
            message = frame.message()
        except FrameError:
            message = None
        if self.hello_reply is None:
            self._await_hello_reply(frame, message)
        elif self._is_next(frame, message):
            self._handle_report(frame, message, now)

    def _await_hello_reply(self, frame: BoardFrame, message: BoardMessage | None) -> None:
        # An earlier error may answer another host's message.
        ours = isinstance(message, MessageRejected) and message.of_sequence == self._hello_sequence
        if isinstance(message, MessageRejected) and ours and message.of_type == Hello.TYPE:
            raise_for_rejection(message)
        if not (isinstance(message, HelloReply) and message.session == self._session_id):
            self.counts.stale += 1
            return
        if message.version != VERSION:
            raise version_mismatch(message.version)
        self.counts.frames += 1
        self._missed_before_hello = (self._expected, (frame.sequence - self._expected) % _SEQUENCE_MODULUS)
        self._expected = (frame.sequence + 1) % _SEQUENCE_MODULUS
        self._send_credit = SendCredit(message.queue_bytes)
        self.hello_reply = message

    def _is_next(self, frame: BoardFrame, message: BoardMessage | None) -> bool:
        if isinstance(message, HelloReply):
            # A second response to our own HELLO has no effect.
            if message.session != self._session_id:
                raise BoardError("another host has taken the board; one program at a time can have it")
            self.counts.repeated += 1
            return False
        distance = (frame.sequence - self._expected) % _SEQUENCE_MODULUS
        if distance >= _SEQUENCE_MODULUS // 2:
            self.counts.repeated += 1
            return False
        if distance:
            self._missing_frames.append((self._expected, distance))
        self.counts.missed += distance
        self.counts.frames += 1
        self._expected = (frame.sequence + 1) % _SEQUENCE_MODULUS
        return True

    def _handle_report(self, frame: BoardFrame, message: BoardMessage | None, now: float) -> None:
        if message is None or message.TYPE < 0x80:
            self.counts.unknown += 1
            return
        if isinstance(message, TimeResponse | ReceivedBytes | BurstReceived | LineEdge | BoardState):
            self.board_us = max(self.board_us, message.at_us)
        cost = frame.cost if message.QUEUED else 0
        if cost and not self._receive_credit.accept(cost):
            self.counts.over_credit += 1
            return
        match message:
            case BoardCredit(limit):
                self._send_credit.update_limit(limit)
                self._flush_outbox()
            case TimeResponse(token, at_us):
                if (asked := self._time_requests.pop(token, None)) is not None and asked <= now:
                    self.clock.add(asked, now, at_us)
            case _:
                if isinstance(message, MessageRejected):
                    raise_for_rejection(message)
                self._inbox.append((message, cost))

    def _flush_outbox(self) -> None:
        while self._outbox and self._send_credit.consume(self._outbox[0][2]):
            type_, fields, cost = self._outbox.popleft()
            self._queued_bytes -= cost
            self._put(type_, fields)

    def _write(self, message: BoardMessage) -> None:
        self._put(message.TYPE, message.build())

    def _put(self, type_: int, fields: bytes) -> None:
        if type_ in _WITH_ID:
            self._command_ids[self._sequence] = int.from_bytes(fields[:2], "little")
        else:
            self._command_ids.pop(self._sequence, None)
        self._out += build_raw_frame(type_, fields, self._sequence)
        self._sequence = (self._sequence + 1) % _SEQUENCE_MODULUS


def _uses_credit(message: BoardMessage) -> bool:
    if isinstance(message, DriveCommand):
        return bool(message.flags & DriveFlag.IN_TURN)
    return message.QUEUED
