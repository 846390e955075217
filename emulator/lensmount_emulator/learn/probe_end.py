"""The probe: an end without behaviour that plays letters, and reads what the learned end does as outputs.

Letters begin on the grid of the frame sync, since answers depend on its phase.
"""

from collections.abc import Callable, Generator
from random import Random

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.engine.traits import LearnTraits
from lensmount_emulator.learn.alphabet import Alphabet, Letter, LetterStep
from lensmount_emulator.learn.machine import SILENCE
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.framer import Garbage
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent, transmission_time

SETUP_S = 20e-6
HOLD_S = 50e-6
BEFORE_GRID_S = 10e-6
"""A letter ends this long before the next one can begin."""

REPLY = "probe reply"
"""Topic of `Wait.on`: the learned end has answered."""


class ProbeEnd(Engine):
    """An end that plays letters.

    Attributes:
        output: the output of the last letter that is over.
        over: whether no letter is being played.
        attach: attaches this end to the mount, or takes it off.
    """

    def __init__(
        self, alphabet: Alphabet, traits: LearnTraits, carried: frozenset[str] | None, random: Random | None = None
    ) -> None:
        super().__init__(alphabet.dialect, alphabet.role.peer, carried, random)
        self._alphabet, self._traits = alphabet, traits
        self._words: list[str] = []
        self._streams: set[str] = set()
        self._replied = False
        self._bare = False
        self._select_of_peer = alphabet.dialect.select_line(alphabet.role)
        self._sync = False
        self._number = 0
        self._origin: float | None = None
        self._waiting_letter: Letter | None = None
        self._newest: ReceivedFrame | None = None
        self.attach: Callable[[bool], None] = lambda _attached: None
        self.output = SILENCE
        self.over = True

    def on_start(self) -> None:
        """Run the frame sync from the first start on, and play the letter that waits; a port starts it for each."""
        if self._origin is None:
            self._origin = self.now
            if self.dialect.sync and self.role is Role.BODY:
                self.spawn(self._run_sync(self.now))
        if self._waiting_letter is not None:
            letter, self._waiting_letter = self._waiting_letter, None
            self.play(letter)

    def receive(self, event: WireEvent, now: float) -> None:
        """Note that the peer's window holds bytes."""
        if isinstance(event, Received):
            self._bare = False
        super().receive(event, now)

    def on_line(self, edge: LineChanged) -> None:
        """Note moves of the peer's lines: a select window without bytes, and the lines that the alphabet names."""
        if edge.line == self.dialect.supply and not edge.level:
            self._newest = None
        if edge.line == self._select_of_peer:
            if edge.level:
                self._bare = True
            elif self._bare and edge.line in self._alphabet.lines and f"{edge.line}^" not in self._words:
                # How many windows a deaf probe sees depends on time, so they count once.
                self._words.append(f"{edge.line}^")
        elif edge.line in self._alphabet.lines:
            self._words.append(f"{edge.line}{'+' if edge.level else '-'}")

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        """Add the words of a frame to the output."""
        self._newest = arrival
        for token in self._traits.describe(arrival):
            if token.streams:
                self._streams.add(token.text)
            else:
                self._words.append(token.text)
            if not token.streams or self._alphabet.stream_ends:
                self._replied = True
                self.wake(REPLY)

    def on_garbage(self, garbage: Garbage) -> None:
        """Bytes that are no frame are one word."""
        self._words.append(f"noise({garbage.reason.name.lower()})")

    def begin(self, letter: Letter) -> None:
        """Play a letter when this end is started; for a port, which starts it for each letter."""
        self.over = False
        self._waiting_letter = letter

    def play(self, letter: Letter) -> None:
        """Begin a letter; `over` is true when its output is complete."""
        self.spawn(self.prepare(letter))

    def prepare(self, letter: Letter) -> Task:
        """The task that plays a letter."""
        self._words, self._streams, self._replied, self.over = [], set(), False, False
        return self._play(letter)

    def _play(self, letter: Letter) -> Task:
        yield self._next_grid(self._alphabet.phase if letter.phase is None else letter.phase)
        self._words.clear()
        self._streams.clear()
        for step in letter.steps:
            if not (yield from self._do(step, letter)):
                if self.select:
                    self.drive(self.select, False)
                break
        if not self._replied:
            yield Wait(self.now + letter.wait, lambda: self._replied, (REPLY,))
        yield self.now + letter.settle
        if not letter.brief:
            # A letter lasts until the next one can begin, so that nothing happens between letters.
            yield self._next_grid(self._alphabet.phase) - BEFORE_GRID_S
        words = [*self._words, *(["~" + ",".join(sorted(self._streams))] if self._streams else [])]
        if words and self.baudrate != self.dialect.wiring.baudrates[0]:
            words.append(f"@{self.baudrate}")
        self.output = " ".join(words) or SILENCE
        self.over = True

    def _next_grid(self, phase: float) -> float:
        """The next time at which a letter may begin."""
        period, origin = self._alphabet.period, self._origin or 0.0
        since = self.now - origin
        return origin + ((int((since - phase) / period) + 1) * period + phase if since >= phase else phase)

    def _do(self, step: LetterStep, letter: Letter) -> Generator[WaitFor, bool, bool]:
        """Do one step; returns whether the letter goes on."""
        if step.kind in ("high", "low"):
            self.drive(step.line, step.kind == "high")
        elif step.kind == "wait":
            yield self.now + step.seconds
        elif step.kind == "await":
            return (yield self.level(step.line, step.level, until=self.now + step.seconds))
        elif step.kind == "sync":
            self._sync = step.level
            self.drive(self.dialect.sync, step.level)
        elif step.kind == "baudrate":
            self.set_baudrate(step.baudrate)
        elif step.kind in ("attach", "detach"):
            self._newest = None
            self.attach(step.kind == "attach")
        elif step.kind == "answer":
            yield from self._answer(step.how, letter)
        else:
            yield from self._send(step.data or self._frame(step, letter))
        return True

    def _answer(self, how: str, letter: Letter) -> Task:
        newest, self._newest = self._newest, None
        answer = None if newest is None else self._traits.answer(newest, how)
        if answer is not None:
            payload = b"".join(message.build() for message in answer.messages)
            yield from self._send(damaged(self.dialect.build_frame(payload, answer.class_, 0), letter.damage))

    def _send(self, data: bytes) -> Task:
        if self.select:
            self.drive(self.select, True)
        yield self.now + SETUP_S
        self.transmit(data)
        yield self.now + transmission_time(len(data), self.baudrate) + HOLD_S
        if self.select:
            self.drive(self.select, False)

    def _frame(self, step: LetterStep, letter: Letter) -> bytes:
        payload = b""
        for message in step.messages:
            self._number = self._number % 255 + 1
            self._traits.number(message, self._number)
            payload += message.build()
        return damaged(self.dialect.build_frame(payload, letter.class_, 0), letter.damage)

    def _run_sync(self, origin: float) -> Task:
        period, low = self._alphabet.period, self._alphabet.low
        count = 0
        while True:
            count += 1
            yield origin + count * period
            if self._sync:
                self.drive(self.dialect.sync, False)
                yield self.now + low
                self.drive(self.dialect.sync, True)


def damaged(frame: bytes, part: str) -> bytes:
    """A frame with a wrong part: the byte before its end, or its end."""
    if not part:
        return frame
    raw = bytearray(frame)
    raw[-2 if part == "checksum" else -1] ^= 0x01
    return bytes(raw)
