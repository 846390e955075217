"""The exchanges of a Fuji GFX body: words, acknowledges, sessions and blocks, and what it knows of the lens."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from random import Random

from lensmount_emulator.engine.engine import ARRIVAL, Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.roles.fuji_g.profile import BodySettings
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.exchange import ACK_BASE, NUMBERS
from lensmount_protocol.dialects.fuji_g.lines import (
    AF_PULSE,
    BODY_DATA,
    CLK,
    DETECT,
    FIRST_EXCHANGE,
    SUPPLY,
    WIRING,
)
from lensmount_protocol.dialects.fuji_g.link import (
    FIRST_EMPTY_HEADER,
    FIRST_HEADER,
    REPEATED_EMPTY_HEADER,
    REPEATED_HEADER,
    BodyAcknowledge,
    BodyBlock,
    BodyEmptyBlock,
    BodyNull,
    LensBlock,
    LensNull,
)
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE, BLOCK, WORD
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

BURST_MARGIN_S = 1e-3
"""Time after which a burst that brought nothing is over; the longest takes 0.7 ms."""

TEMPERATURE_POLLS = 3
"""Every third poll also reads 09.2."""

WORK = "work"
"""Topic of `Wait.on`: a session is queued, or the queue is empty."""


class LensSilentError(ProtocolError):
    """The lens shifted out no valid word where one was due."""


@dataclass(slots=True)
class LensView:
    """The state of the lens as the body knows it.

    Attributes:
        block: the lens's block.
        status: the last value of 08.0.
        position: the last value of 08.1.
        iris_step: the last value of 08.2, in third stops from the widest.
        ring_index: the last value of 0c.0.
        turn: the last value of 0c.2.
        temperature: the last value of 09.2.
        result: the last value of 09.3.
    """

    block: LensBlock | None = None
    status: int = 0
    position: int = 0
    iris_step: int = 0
    ring_index: int = 0
    turn: int = 0
    temperature: int = 0
    result: int = 0


class BodyEngineBase(Engine):
    """A Fuji GFX body without its behaviour: exchanges, sessions and blocks.

    Attributes:
        settings: the profile's data.
        lens: the known state of the lens.
        number: number of the last request, modulo 8.
        started: whether the start-up is over.
        queue: sessions to make before the next poll; each is a list of requests.
        orders_made: sessions that were ever queued.
        orders_done: those of them that are done or forgotten.
        results_due: ended moves with results that are not asked for yet.
        parking: whether the lens goes to sleep.
        powered_at: time of the last rise of the supply, in seconds.
        reads_both: whether the next read of the focus ring also reads the aperture ring.
    """

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
    ) -> None:
        super().__init__(FUJI_G, Role.BODY, carried, random)
        self.settings = settings
        self.script = tuple(script)
        self.lens = LensView()
        self.number = -1
        self.started = False
        self.queue: deque[list[Message]] = deque()
        self.orders_made = 0
        self.orders_done = 0
        self.results_due = 0
        self.parking = False
        self.powered_at = 0.0
        self.reads_both = False
        self.polls = 0
        self.arrived: AnyMessage | None = None
        # The body pulls this line up; a lens grounds it.
        self.levels[DETECT] = True

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Keep the lens's unit of the current burst."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        self.arrived = arrival.messages[0]

    def on_garbage(self, garbage: Garbage) -> None:
        """Report a damaged unit; the exchange goes on without it (our model)."""
        super().on_garbage(garbage)
        self.wake(ARRIVAL)

    def power_off(self, why: str, *, is_error: bool = True) -> None:
        """Switch the supply off: all lines idle, and the state of the lens is forgotten."""
        self.stop_tasks()
        for line in (AF_PULSE, CLK, BODY_DATA, SUPPLY):
            self.drive(line, False)
        self.forget()
        self.connection.move("power lost", by=Role.BODY)
        self.report(why, is_error=is_error)

    def forget(self) -> None:
        """Forget the state of the lens."""
        self.lens, self.number, self.started, self.polls = LensView(), -1, False, 0
        self.parking = self.reads_both = False
        self.queue.clear()
        self.orders_done = self.orders_made
        self.results_due = 0

    def order(self, *requests: Message) -> int:
        """Queue a session; return the value of `orders_done` from which on it is done."""
        self.queue.append(list(requests))
        self.orders_made += 1
        self.wake(WORK)
        return self.orders_made

    def shift(self, message: Message, class_: int) -> Generator[WaitFor, bool, AnyMessage | None]:
        """Clock one unit; return the lens's, or `None` if no valid one came."""
        self.arrived = None
        number = message.number & 7 if isinstance(message, BodyAcknowledge) else 0
        frame = self.connection.send([message], class_, number)
        self.transmit(frame)
        link = WIRING.clocked
        assert link is not None
        over = self.now + link.duration(len(frame))
        yield Wait(over + BURST_MARGIN_S, lambda: self.now >= over, (ARRIVAL,))
        return self.arrived

    def session(self, requests: Sequence[Message]) -> Generator[WaitFor, bool, list[AnyMessage]]:
        """Make one session; return the reply to each request.

        Raises:
            LensSilentError: no valid word came where one was due, or the reply to another request.
        """
        settings, replies, wrong = self.settings, list[AnyMessage](), ""
        words: list[Message] = [*requests, BodyNull()]
        for index, word in enumerate(words):
            reply = yield from self.shift(word, WORD)
            if reply is None:
                yield from self._end_lost_session(word)
                raise LensSilentError(f"no valid word of the lens came with {type(word).__name__}")
            null = isinstance(word, BodyNull)
            gap = settings.null_gap_us if null else settings.reply_gap_us if index else settings.request_gap_us
            yield self.after(gap)
            yield from self.shift(self._acknowledge(word, reply), ACKNOWLEDGE)
            if index:
                wrong = self._note_reply(requests[index - 1], reply) or wrong
                replies.append(reply)
            if not null:
                yield self.after(settings.word_gap_us)
        if wrong:
            raise LensSilentError(wrong)
        return replies

    def blocks(self, messages: Sequence[Message]) -> Generator[WaitFor, bool, None]:
        """Shift a pair of blocks after a session that announced it."""
        for message in messages:
            yield self.after(self.settings.block_after_ms * 1e3)
            block = yield from self.shift(message, BLOCK)
            if isinstance(block, LensBlock):
                self.lens.block = block

    def empty_blocks(self) -> list[Message]:
        """The body's side of the lens's pair of blocks."""
        return [BodyEmptyBlock(FIRST_EMPTY_HEADER), BodyEmptyBlock(REPEATED_EMPTY_HEADER)]

    def own_blocks(self) -> list[Message]:
        """The body's pair of blocks."""
        settings = self.settings
        return [
            BodyBlock(
                header,
                settings.code.encode().ljust(10, b"\0"),
                settings.model.encode().ljust(20, b"\0"),
                settings.model.encode().ljust(15, b"\0"),
                settings.block_digits.encode().ljust(30, b"\0"),
                bytes.fromhex(settings.block_tail).ljust(53, b"\0"),
            )
            for header in (FIRST_HEADER, REPEATED_HEADER)
        ]

    def _acknowledge(self, word: Message, reply: AnyMessage) -> BodyAcknowledge:
        number = 0
        if not isinstance(word, BodyNull):
            number = self.number = (self.number + 1) % NUMBERS
        first = FIRST_EXCHANGE if isinstance(reply, LensNull) else 0
        return BodyAcknowledge(ACK_BASE | number, first, message_type(reply))

    def _end_lost_session(self, word: Message) -> Task:
        """Bring both ends back between sessions, after a word that was not answered (our model)."""
        if isinstance(word, BodyNull):
            yield self.after(self.settings.null_gap_us)
            yield from self.shift(BodyAcknowledge(ACK_BASE, 0, 0), ACKNOWLEDGE)
            return
        yield self.after(self.settings.request_gap_us)
        yield from self.shift(BodyAcknowledge(ACK_BASE, FIRST_EXCHANGE, 0), ACKNOWLEDGE)
        yield self.after(self.settings.word_gap_us)
        yield from self.shift(BodyNull(), WORD)
        yield self.after(self.settings.null_gap_us)
        yield from self.shift(BodyAcknowledge(ACK_BASE, 0, 0), ACKNOWLEDGE)

    def _note_reply(self, request: Message, reply: AnyMessage) -> str:
        """Store what a reply reports of the lens; return what is wrong with it, or `""`."""
        if message_type(reply) != request.TYPE or not isinstance(reply, Message):
            return f"{type(request).__name__} is answered with {type(reply).__name__}"
        value: int = reply.values()["value"]
        if isinstance(reply, c.StatusReply):
            self.lens.status = value
        elif isinstance(reply, c.PositionReply):
            self.lens.position = value
        elif isinstance(reply, c.IrisStepReply):
            self.lens.iris_step = value >> 8
        elif isinstance(reply, c.ApertureRingReply):
            self.lens.ring_index = value
        elif isinstance(reply, c.FocusRingReply):
            self.lens.turn = value
        elif isinstance(reply, c.TemperatureReply):
            self.lens.temperature = value
        elif isinstance(reply, c.MoveResultReply):
            self.lens.result = value
        return ""
