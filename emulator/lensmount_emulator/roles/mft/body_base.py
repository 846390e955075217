"""The transactions of a Micro Four Thirds body: the acknowledge lines, the four forms, and repeats of a failed one."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from random import Random

from lensmount_emulator.engine.engine import ARRIVAL, Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Reaction, Task, Wait, WaitFor
from lensmount_emulator.roles.mft.profile import BodySettings
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.mft import messages as m
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.framing import COMMAND, LENS_BYTE, WRITTEN, Form, sent_sum
from lensmount_protocol.dialects.mft.link import BODY_ACK, CLK, FOCUS, LENS_ACK, MOUNTED, SHUTTER, SLEEP, VDD, WIRING
from lensmount_protocol.dialects.mft.transactions import command_form
from lensmount_protocol.errors import ProtocolError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

WORK = "work"
"""Topic of `Wait.on`: an order is queued or done, or a transaction is over."""

_LENS_EDGE, _ARRIVAL = (LENS_ACK,), (ARRIVAL,)

MAX_STALE_UNITS = 4
"""Units of an earlier transaction that are read before a transaction is tried again."""

READ_TIMEOUT_S = 0.1
"""Time in which a unit of the lens has to come once it is ready; the longest that a document has takes 81 ms."""


class LensFailedError(ProtocolError):
    """The lens did not take part in a transaction, or sent a wrong check."""


Result = Generator[WaitFor, bool, Message | None]
"""A transaction: returns the answer of a read, else `None`."""


@dataclass(slots=True)
class LensView:
    """The lens as the body knows it.

    Attributes:
        identity: the answer to `C1 F9`.
        standby: the last status.
    """

    identity: m.IdentityReply | None = None
    standby: m.StandbyReply | None = None


class BodyEngineBase(Engine):
    """A Micro Four Thirds body without its behaviour: transactions, and what it knows of the lens.

    Attributes:
        settings: the profile's data.
        lens: the known state of the lens.
        started: whether the start-up is over and rounds run.
        rounds: rounds since the start-up.
        queue: write commands with their data, and other commands, for the next rounds.
        orders_made: orders that were ever queued.
        orders_done: those of them that are done or dropped.
        failures: how often the first order of the queue has failed.
        transacting: whether a transaction is under way.
    """

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
    ) -> None:
        super().__init__(MFT, Role.BODY, carried, random)
        self.settings = settings
        self.script = tuple(script)
        self.lens = LensView()
        self.started = False
        self.rounds = 0
        self.queue: deque[tuple[Message, Message | None]] = deque()
        self.orders_made = 0
        self.orders_done = 0
        self.failures = 0
        self.transacting = False
        self._arrived: ReceivedFrame | Garbage | None = None
        # The virtual mount holds this line high while no lens is attached.
        self.levels[MOUNTED] = True

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Keep the unit for the transaction that waits for it."""
        if arrival.violation is not None:
            self.report_error(arrival.violation)
        self._arrived = arrival

    def on_garbage(self, garbage: Garbage) -> None:
        """Report a damaged unit; the transaction that waits for it fails."""
        super().on_garbage(garbage)
        self._arrived = garbage
        self.wake(ARRIVAL)

    def power_off(self, why: str, *, is_error: bool = True) -> None:
        """Switch the supply off: all lines low, and the state of the lens is forgotten."""
        self.stop_tasks()
        for line in (SHUTTER, FOCUS, BODY_ACK, CLK, SLEEP, VDD):
            self.drive(line, False)
        self.forget()
        self.drop_orders()
        self.connection.move("power lost", by=Role.BODY)
        self.report(why, is_error=is_error)

    def forget(self) -> None:
        """Forget the state of the lens."""
        self.lens, self.started, self.rounds = LensView(), False, 0

    def drop_orders(self) -> None:
        """Drop the orders that the lens did not get."""
        self.queue.clear()
        self.failures = 0
        self.orders_done = self.orders_made

    def queue_order(self, command: Message, data: Message | None = None) -> int:
        """Queue a command for the next round; return the count of orders that are done once it is done."""
        self.queue.append((command, data))
        self.orders_made += 1
        self.wake(WORK)
        return self.orders_made

    def transact(self, command: Message, data: Message | None = None) -> Result:
        """Make a transaction, and repeat it if it fails.

        Args:
            command: the command.
            data: the data of a write.

        Returns:
            The answer of a read; `None` for the other forms.

        Raises:
            LensFailedError: the lens failed in every attempt.
        """
        self.transacting = True
        try:
            for _ in range(self.settings.attempts - 1):
                try:
                    return (yield from self._transact_once(command, data))
                except LensFailedError as error:
                    self.drive(BODY_ACK, False)
                    self.report_error(error)
                yield from self._drain()
            return (yield from self._transact_once(command, data))
        finally:
            self.transacting = False
            self.wake(WORK)

    def _transact_once(self, command: Message, data: Message | None) -> Result:
        name, timeout_ms = type(command).__name__, self.settings.ready_timeout_ms
        yield from self._send(command, COMMAND)
        self._compare((yield from self._read("the check of", name, timeout_ms)), name)
        match command_form(command):
            case Form.READ:
                arrived = yield from self._read("the answer to", name, timeout_ms)
                answer = arrived.messages[0]
                expected = m.ANSWERS.get(type(command))
                if not isinstance(answer, Message) or (expected is not None and not isinstance(answer, expected)):
                    raise LensFailedError(f"{type(answer).__name__} comes as the answer to {name}")
                return answer
            case Form.WRITE if data is not None:
                yield from self._send(data, WRITTEN)
                name = type(data).__name__
                self._compare((yield from self._read("the check of", name, timeout_ms)), name)
            case Form.ACTION:
                yield from self._handshake()
                arrived = yield from self._read("the status of", name, self.settings.action_timeout_ms)
                if arrived.frame.raw != b"\0":
                    raise LensFailedError(f"the status of {name} is {arrived.frame.raw.hex(' ')}; 00 is due")
            case _:
                pass
        return None

    def _send(self, message: Message, class_: int) -> Task:
        """Send a unit: raise our line, wait until the lens is ready, clock, and wait until it is busy."""
        timeout_ms = self.settings.ready_timeout_ms
        if self.levels.get(LENS_ACK) and not (yield self._idle(timeout_ms)):
            raise LensFailedError("the lens stays ready")
        self.drive(BODY_ACK, True)
        if not (yield self._lens_line(True, timeout_ms)):
            raise LensFailedError(f"the lens is not ready for {type(message).__name__}")
        unit = self.connection.send([message], class_, 0)
        self._sum = sent_sum(unit)
        self.transmit(unit)
        link = WIRING.clocked
        assert link is not None
        yield self.after(link.duration(len(unit)) * 1e6)
        if not (yield self._lens_line(False, timeout_ms)):
            raise LensFailedError(f"the lens does not acknowledge {type(message).__name__}")
        self.drive(BODY_ACK, False)

    def _compare(self, arrived: ReceivedFrame, name: str) -> None:
        """Compare a check byte with that of the unit that was sent last."""
        if arrived.frame.class_ != LENS_BYTE or arrived.frame.raw[0] != self._sum:
            raise LensFailedError(f"the check of {name} is {arrived.frame.raw.hex(' ')}; {self._sum:02x} is due")

    def _read(self, kind: str, name: str, timeout_ms: float) -> Generator[WaitFor, bool, ReceivedFrame]:
        """Read a unit of the lens: wait until it is ready, raise our line, and wait for the unit.

        Args:
            kind: what it is, for errors: `the check of`.
            name: the message that it answers.
            timeout_ms: time in which the lens has to become ready.
        """
        if not (yield self._lens_line(True, timeout_ms)):
            raise LensFailedError(f"the lens does not offer {kind} {name}")
        acknowledge_us = self.settings.acknowledge_us
        self._arrived = None
        self.drive(BODY_ACK, True)
        if not (yield Reaction(self.now + READ_TIMEOUT_S, None, _ARRIVAL, acknowledge_us)):
            yield self.after(acknowledge_us)
        arrived = self._take_arrived()
        self.drive(BODY_ACK, False)
        if not isinstance(arrived, ReceivedFrame):
            raise LensFailedError(f"{kind} {name} is {'missing' if arrived is None else 'damaged'}")
        if not (yield self._lens_line(False, self.settings.ready_timeout_ms)):
            raise LensFailedError(f"the lens stays ready after {kind} {name}")
        return arrived

    def _take_arrived(self) -> ReceivedFrame | Garbage | None:
        arrived, self._arrived = self._arrived, None
        return arrived

    def _handshake(self) -> Task:
        """The extra handshake of an action: both lines rise and fall without a byte between (its order is open)."""
        timeout_ms = self.settings.ready_timeout_ms
        self.drive(BODY_ACK, True)
        if not (yield self._lens_line(True, timeout_ms)):
            raise LensFailedError("the lens does not answer the extra handshake")
        self.drive(BODY_ACK, False)
        if self.levels.get(LENS_ACK) and not (yield self._idle(timeout_ms)):
            raise LensFailedError("the lens stays ready after the extra handshake")

    def _drain(self) -> Task:
        """Read what the lens still offers of a failed transaction (our model)."""
        yield self.after(self.settings.ready_timeout_ms * 1e3)
        for _ in range(MAX_STALE_UNITS):
            if not self.levels.get(LENS_ACK):
                return
            self.drive(BODY_ACK, True)
            yield self.after(self.settings.ready_timeout_ms * 1e3)
            self.drive(BODY_ACK, False)
            yield self.after(self.settings.ready_timeout_ms * 1e3)

    def _lens_line(self, level: bool, timeout_ms: float) -> Reaction:
        """Wait until the lens's line is at a level, and for our reaction time to that."""
        there = self.levels.get(LENS_ACK, False) == level or LENS_ACK not in self.carried
        on = () if there else _LENS_EDGE
        return Reaction(self.now + timeout_ms * 1e-3, None, on, self.settings.acknowledge_us)

    def _idle(self, timeout_ms: float) -> Wait:
        """Wait until the lens's line is low."""
        return self.level(LENS_ACK, False, until=self.now + timeout_ms * 1e-3)
