"""The host's side of a board, without I/O and without a clock: bytes in, messages out; messages in, bytes out."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from lensmount_hardware.boards.clock_map import ClockMap
from lensmount_hardware.boards.credit import Allowance, Ledger
from lensmount_hardware.boards.declaration import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.leaving import Left
from lensmount_hardware.boards.orders import AskTime, HostCredit, HostHello, SendBytes, SetLevel, SetRate
from lensmount_hardware.boards.protocol import CRC_SIZE, DELIMITER, BoardFrame, frame_of, read_frame
from lensmount_hardware.boards.refusals import explain, other_version
from lensmount_hardware.boards.reports import (
    BoardState,
    ClockTold,
    EdgeSeen,
    ReceivedBytes,
    Refused,
    Room,
    Welcome,
)
from lensmount_hardware.boards.words import LONGEST_FRAME, VERSION, DriveFlag, HelloFlag
from lensmount_protocol.errors import BoardError, FrameError

REPORT_ROOM = 1 << 18
"""Bytes of reports that may be on their way to us or wait to be taken."""

_QUESTIONS_AT_ONCE = 16
"""Times asked for and not yet answered; an older one is given up."""

_FRAMES = 256
_WITH_ID = frozenset({SendBytes.TYPE, SetLevel.TYPE, SetRate.TYPE})


@dataclass(slots=True)
class LinkCounts:
    """What a link has seen.

    Attributes:
        frames: whole frames taken.
        garbage: runs of bytes that were no frame.
        missed: frames that a gap in the sequence shows.
        repeated: old frames that came again.
        unknown: frames whose message nobody knows or can read.
        stale: frames from before the greeting was answered.
        unpaid: reports beyond the credit that we gave; they are dropped.
    """

    frames: int = 0
    garbage: int = 0
    missed: int = 0
    repeated: int = 0
    unknown: int = 0
    stale: int = 0
    unpaid: int = 0


class BoardLink:
    """One board as the host sees it.

    Args:
        session: a number of 32 bits that no other host has, drawn by the caller.
        room: bytes of reports that we have room for.
        left: where the conversation before this one broke off, to go on there.

    Attributes:
        counts: what was seen.
        clock: the board's clock against ours.
        welcome: who the board is; `None` until it has answered.
        board_us: the latest time that the board told.
    """

    def __init__(self, session: int, *, room: int = REPORT_ROOM, left: Left | None = None) -> None:
        self.counts = LinkCounts()
        self.clock = ClockMap()
        self.welcome: Welcome | None = None
        self.board_us = 0
        self._left = left
        self._session = session if left is None else left.session
        self._room = room
        self._partial = bytearray()
        self._overlong = False
        self._expected = 0 if left is None else left.theirs
        self._sequence = 0 if left is None else left.ours
        self._before_welcome = (0, 0)
        self._greeted = 0
        self._told = Ledger(room)
        self._allowed = Allowance(0)
        self._inbox: deque[tuple[BoardMessage, int]] = deque()
        self._outbox: deque[tuple[int, bytes, int]] = deque()
        self._backlog = 0
        self._out = bytearray()
        self._asked: dict[int, float] = {}
        self._token = 0
        self._gaps: list[tuple[int, int]] = []
        self._ordered: dict[int, int] = {}

    @property
    def backlog(self) -> int:
        """Bytes of orders that wait for credit."""
        return self._backlog

    @property
    def last_number(self) -> int:
        """The number of the last frame that the board sent us, as it counts them."""
        return (self._expected - 1) % _FRAMES

    @property
    def place(self) -> Left:
        """Where the conversation stands."""
        return Left(self._session, self._sequence, self._expected, self.board_us)

    def break_told(self) -> str:
        """What lies between the conversation before and this one, in words; `""` where there was none.

        The board's clock must be known: by that is told whether it had power all the time.
        """
        if self._left is None:
            return ""
        if self.clock.last_us < self._left.board_us:
            return "the board had lost its power: its clock and its frames are counted anew"
        first, count = self._before_welcome
        if not count or count >= _FRAMES // 2:
            return "the board kept its power, and no frame of it is missing"
        return f"the board kept its power; {count} of its frames are missing, from number {first} on"

    def gaps(self) -> list[tuple[int, int]]:
        """Frames of the board that are missing: the first one's number, and how many; each gap is given once."""
        gaps, self._gaps = self._gaps, []
        return gaps

    def order_of(self, number: int) -> int | None:
        """The `id` of the order that went out in our frame of this number; `None` where it was no order with one."""
        return self._ordered.get(number)

    def greet(self, *, take_over: bool = False) -> None:
        """Begin a session, the first or another one: what waits is forgotten, and nothing counts until the answer."""
        self.welcome = None
        self._told = Ledger(self._room)
        self._allowed = Allowance(0)
        self._inbox.clear()
        self._outbox.clear()
        self._asked.clear()
        self._backlog = 0
        self._out[:] = DELIMITER
        self._greeted = self._sequence
        self._write(HostHello(VERSION, HelloFlag.TAKE_OVER if take_over else 0, self._session, self._told.limit))

    def ask_time(self, now: float) -> None:
        """Ask for the board's time, at our time `now`; also tells the board that we live."""
        if len(self._asked) >= _QUESTIONS_AT_ONCE:
            del self._asked[next(iter(self._asked))]
        self._token = (self._token + 1) & 0xFFFFFFFF
        self._asked[self._token] = now
        self._write(AskTime(self._token))

    def send(self, message: BoardMessage) -> None:
        """Send a message as soon as credit allows; those that spend some keep their order.

        Raises:
            BoardError: there is no board yet, or one message is more than it has room for.
            FrameError: a value that its field cannot hold.
        """
        if self.welcome is None:
            raise BoardError("the board has not answered the greeting yet")
        if not _spends(message):
            self._write(message)
            return
        fields = message.build()
        cost = HEAD_SIZE + len(fields) + CRC_SIZE
        if cost > self.welcome.queue_bytes:
            raise BoardError(f"a message of {cost} bytes; the board has room for {self.welcome.queue_bytes}")
        self._outbox.append((message.TYPE, fields, cost))
        self._backlog += cost
        self._spend()

    def bytes_to_send(self) -> bytes:
        """What is to go to the board now; it is ours no longer."""
        if self.welcome is not None and (limit := self._told.news()) is not None:
            self._write(HostCredit(limit))
        data = bytes(self._out)
        self._out.clear()
        return data

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes that came from the board, at our time `now`.

        Raises:
            BoardError: the board speaks another version, is taken, or does not know us any more.
        """
        *ended, rest = data.split(DELIMITER)
        for piece in ended:
            self._keep(piece)
            stuffed, overlong = bytes(self._partial), self._overlong
            self._partial.clear()
            self._overlong = False
            if overlong:
                self.counts.garbage += 1
            elif stuffed:
                self._read(stuffed, now)
        self._keep(rest)

    def events(self) -> Iterator[BoardMessage]:
        """The reports that have come, oldest first; each is ours until it is taken, and gives credit back then."""
        while self._inbox:
            message, cost = self._inbox.popleft()
            self._told.free(cost)
            yield message

    def _keep(self, piece: bytes) -> None:
        # What cannot be a frame any more is not kept: memory is bounded whatever comes.
        room = LONGEST_FRAME + 1 - len(self._partial)
        self._overlong = self._overlong or len(piece) > room
        self._partial += piece[: max(0, room)]

    def _read(self, stuffed: bytes, now: float) -> None:
        try:
            frame = read_frame(stuffed)
        except FrameError:
            self.counts.garbage += 1
            return
        try:
            message = frame.message()
        except FrameError:
            message = None
        if self.welcome is None:
            self._await_welcome(frame, message)
        elif self._is_next(frame, message):
            self._take(frame, message, now)

    def _await_welcome(self, frame: BoardFrame, message: BoardMessage | None) -> None:
        # An error from before would tell of another host's words.
        ours = isinstance(message, Refused) and message.of_sequence == self._greeted
        if isinstance(message, Refused) and ours and message.of_type == HostHello.TYPE:
            explain(message)
        if not (isinstance(message, Welcome) and message.session == self._session):
            self.counts.stale += 1
            return
        if message.version != VERSION:
            raise other_version(message.version)
        self.counts.frames += 1
        self._before_welcome = (self._expected, (frame.sequence - self._expected) % _FRAMES)
        self._expected = (frame.sequence + 1) % _FRAMES
        self._allowed = Allowance(message.queue_bytes)
        self.welcome = message

    def _is_next(self, frame: BoardFrame, message: BoardMessage | None) -> bool:
        if isinstance(message, Welcome):
            # An answer to our own greeting that came twice says nothing new.
            if message.session != self._session:
                raise BoardError("another host has greeted the board; one program at a time can have it")
            self.counts.repeated += 1
            return False
        distance = (frame.sequence - self._expected) % _FRAMES
        if distance >= _FRAMES // 2:
            self.counts.repeated += 1
            return False
        if distance:
            self._gaps.append((self._expected, distance))
        self.counts.missed += distance
        self.counts.frames += 1
        self._expected = (frame.sequence + 1) % _FRAMES
        return True

    def _take(self, frame: BoardFrame, message: BoardMessage | None, now: float) -> None:
        if message is None or message.TYPE < 0x80:
            self.counts.unknown += 1
            return
        if isinstance(message, ClockTold | ReceivedBytes | EdgeSeen | BoardState):
            self.board_us = max(self.board_us, message.at_us)
        cost = frame.cost if message.QUEUED else 0
        if cost and not self._told.take(cost):
            self.counts.unpaid += 1
            return
        match message:
            case Room(limit):
                self._allowed.allow(limit)
                self._spend()
            case ClockTold(token, at_us):
                if (asked := self._asked.pop(token, None)) is not None and asked <= now:
                    self.clock.add(asked, now, at_us)
            case _:
                if isinstance(message, Refused):
                    explain(message)
                self._inbox.append((message, cost))

    def _spend(self) -> None:
        while self._outbox and self._allowed.spend(self._outbox[0][2]):
            type_, fields, cost = self._outbox.popleft()
            self._backlog -= cost
            self._put(type_, fields)

    def _write(self, message: BoardMessage) -> None:
        self._put(message.TYPE, message.build())

    def _put(self, type_: int, fields: bytes) -> None:
        if type_ in _WITH_ID:
            self._ordered[self._sequence] = int.from_bytes(fields[:2], "little")
        else:
            self._ordered.pop(self._sequence, None)
        self._out += frame_of(type_, fields, self._sequence)
        self._sequence = (self._sequence + 1) % _FRAMES


def _spends(message: BoardMessage) -> bool:
    if isinstance(message, SetLevel):
        return bool(message.flags & DriveFlag.IN_TURN)
    return message.QUEUED
