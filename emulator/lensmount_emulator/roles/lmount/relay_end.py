"""One end of an accessory that speaks: what comes from the other end goes out here, in its order and in its windows."""

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import Random

from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.lmount.lens_orders import SWITCH_US
from lensmount_emulator.roles.lmount.link_end import GAP_US, HOLD_US
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_emulator.roles.tasks import Await, Task, Wait
from lensmount_protocol.connection import Arrival
from lensmount_protocol.dialects.lmount.dialect import LMOUNT
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.lines import DETECT, FIRST_BAUDRATE
from lensmount_protocol.dialects.lmount.timing import SETUP_US
from lensmount_protocol.frame import Garbage
from lensmount_protocol.wire import LineChanged, Role, transmission_time

WORK_US = 10.0
"""What it takes to check a frame and to write it anew; modelled."""

CLASS_AT = 3
"""Where a frame says what it is about."""

MOST_WAITING = 64
"""Things that wait for their turn; a window that opens when there are more is left out as a whole."""


ITEM = "item"
"""Topic of `Wait.on`: something more waits."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The attention line rises.

    Attributes:
        until: seconds behind which reports of a frame may not begin any more.
    """

    until: float = float("inf")


@dataclass(frozen=True, slots=True)
class Closing:
    """The attention line falls."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Take this rate, 1 ms behind the frame in front."""

    baudrate: int


Item = bytes | Opening | Closing | Switch
"""A frame, an edge of the attention line, or a rate."""


class RelayEnd(Engine):
    """One end.

    An edge of the attention line goes out at once, unless a frame before it is still on its way: so a window opens
    here when it opens there, and is held until the frame in it is out.

    Attributes:
        name: of the accessory, in front of what it tells people.
        heard: told of every line that the peer moved here.
        arrived: told of every frame that came here.
        broken: told of bytes that came here and are no frame.
    """

    __slots__ = ("_fell_at", "_playing", "_queue", "_raised_at", "_skips", "arrived", "broken", "heard", "name")

    def __init__(self, name: str, role: Role, random: Random | None = None) -> None:
        super().__init__(LMOUNT, role, None, random)
        self.name = name
        self.heard: Callable[[LineChanged], None] = lambda _edge: None
        self.arrived: Callable[[Arrival], None] = lambda _arrival: None
        self.broken: Callable[[Garbage], None] = lambda _garbage: None
        # Pulled up by the body at either mount until something is behind it.
        self.levels[DETECT] = True
        self._queue: deque[Item] = deque()
        self._playing = self._skips = False
        self._raised_at = self._fell_at = float("-inf")

    @property
    def grounds_detect(self) -> bool:
        """Whether it grounds the contact of presence now: a lens is behind it."""
        return not self.levels[DETECT]

    def tell(self, text: str, *, trouble: bool = False, kind: NoticeKind = NoticeKind.OTHER, subject: str = "") -> None:
        """Report what happened, with the name of the device."""
        super().tell(f"{self.name}: {text}", trouble=trouble, kind=kind, subject=subject)

    def on_line(self, edge: LineChanged) -> None:
        """See `heard`."""
        self.heard(edge)

    def on_arrival(self, arrival: Arrival) -> None:
        """See `arrived`."""
        self.arrived(arrival)

    def on_garbage(self, garbage: Garbage) -> None:
        """See `broken`."""
        self.broken(garbage)

    def follow(self, line: str, level: bool, now: float) -> None:
        """A line that is no more than a wire: what it does at the other end it does here."""
        self.now = now
        self.drive(line, level)

    def pass_on(self, item: Item, now: float) -> None:
        """Send out what came at the other end, behind what waits."""
        self.now = now
        full = len(self._queue) >= MOST_WAITING
        if full and isinstance(item, Opening):
            self._skips = True
        # A rate goes with the frame that it follows.
        if self._skips or (full and isinstance(item, bytes | Switch)):
            self._skips = self._skips and not isinstance(item, Closing)
            self.tell("too much at once: left out", trouble=True)
            return
        self._queue.append(item)
        self.wake(ITEM)
        if isinstance(item, bytes):
            self.sending = True
        if not self._playing:
            self._playing = True
            self.spawn(self._play())
        self._advance()

    def switch(self, baudrate: int) -> None:
        """Take a rate 1 ms from now on."""
        self.spawn(self._switch(baudrate))

    def rest(self, lines: tuple[str, ...], now: float) -> None:
        """Power is gone: nothing waits any more, and these lines are low."""
        self.now = now
        self.stop_tasks()
        self._queue.clear()
        self._playing = self._skips = self.sending = False
        for line in lines:
            self.drive(line, False)
        self.set_baudrate(FIRST_BAUDRATE)

    def _play(self) -> Task:
        while self._queue:
            item = self._queue.popleft()
            if isinstance(item, bytes):
                yield max(self.after(WORK_US), self.at(self._raised_at, SETUP_US))
                self.transmit(item)
                yield self.after(transmission_time(len(item), self.baudrate) * 1e6 + HOLD_US)
            elif isinstance(item, Switch):
                self.switch(item.baudrate)
            elif isinstance(item, Closing):
                self.drive(self.select, False)
                self._fell_at = self.now
            elif (yield from self._in_time(item)):
                self.drive(self.select, True)
                self._raised_at = self.now
        self._playing = self.sending = False

    def _in_time(self, opening: Opening) -> Generator[Await, bool, bool]:
        """Whether a window may open; reports that are too late are left out, as a lens leaves them out."""
        yield self.at(self._fell_at, GAP_US)
        if self.now <= opening.until:
            return True
        yield Wait(ready=lambda: bool(self._queue), on=(ITEM,))
        first = self._queue[0]
        if not isinstance(first, bytes) or first[CLASS_AT : CLASS_AT + 1] != bytes((CYCLE,)):
            return True
        while not isinstance(self._queue[0], Closing):
            self._queue.popleft()
            yield Wait(ready=lambda: bool(self._queue), on=(ITEM,))
        self._queue.popleft()
        return False

    def _switch(self, baudrate: int) -> Task:
        yield self.after(SWITCH_US)
        self.set_baudrate(baudrate)
