"""An interposer on the virtual mount: two ends between body and lens that pass on lines as wires, and bytes by rules.

It has the delays of a real one: a frame that is cut through waits a byte and 2 µs, and one that is stored its whole
length and 10 µs. The rate follows the agreements of the ends, as they are after the rules.
"""

from collections.abc import Callable, Mapping, Sequence

from lensmount_emulator.engine.dialect_roles import Accessory
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.rules.relay import FrameRelay, RelayRules
from lensmount_protocol.dialect import BaudrateNegotiation, Dialect
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import BITS_PER_BYTE, LineChanged, Role, WireEvent

NAME = "rules"


class InterposerEnd(Engine):
    """One end: what arrives is passed to the interposer as it came, and no frame is judged.

    Attributes:
        forward: called with every event that arrives.
    """

    def __init__(self, dialect: Dialect, role: Role) -> None:
        super().__init__(dialect, role)
        self.forward: Callable[[WireEvent], None] = lambda _event: None
        # A body at the near side pulls it up until a lens is mounted on the far side.
        self.levels[dialect.detect] = True

    @property
    def asserts_detect(self) -> bool:
        """Whether it grounds the detect line now, because a lens is mounted on the far side."""
        return not self.levels[self.dialect.detect]

    def receive(self, event: WireEvent, now: float) -> None:
        """Pass an event on."""
        self.now = now
        if isinstance(event, LineChanged):
            self.levels[event.line] = event.level
        if not isinstance(event, LineChanged) or event.line == self.connection.select:
            # Only the account of received bytes is kept: the frames are judged by the ends.
            self.connection.receive(event, now)
            self.connection.events.clear()
        self.forward(event)
        self._advance()


class Interposer:
    """Two ends and the relays of both directions.

    Args:
        dialect: the dialect.
        rules: the rules of each direction.

    Attributes:
        near: the lens to what is on the body's side.
        far: the body to what is on the lens's side.
        note: receives what a rule did, at a time.
        hold: stops time at a breakpoint.
    """

    def __init__(self, dialect: Dialect, rules: Mapping[Role, RelayRules]) -> None:
        self.near, self.far = InterposerEnd(dialect, Role.LENS), InterposerEnd(dialect, Role.BODY)
        self.note: Callable[[float, str], object] = lambda _now, _text: None
        self.hold: Callable[[str], object] = lambda _text: None
        self._dialect = dialect
        self._agreement = BaudrateNegotiation(dialect.parse_baudrate_message)
        self._relays = {
            role: FrameRelay(
                dialect, role, rules[role], self._byte_time, lambda now, text: self.note(now, text), self._on_frame
            )
            for role in Role
        }
        self._playing = dict.fromkeys(Role, False)
        self._watching = dict.fromkeys(Role, False)
        self.near.forward = lambda event: self._on_event(Role.BODY, event)
        self.far.forward = lambda event: self._on_event(Role.LENS, event)

    @property
    def accessory(self) -> Accessory:
        """The interposer as a session takes it."""
        return Accessory(NAME, self.near, self.far)

    def _ends(self, sender: Role) -> tuple[InterposerEnd, InterposerEnd]:
        """The end at which a device sends, and the end at which that goes on."""
        return (self.near, self.far) if sender is Role.BODY else (self.far, self.near)

    def _byte_time(self) -> float:
        return BITS_PER_BYTE / self.near.baudrate

    def _on_event(self, sender: Role, event: WireEvent) -> None:
        here, there = self._ends(sender)
        relay, now = self._relays[sender], here.now
        there.now = now
        if not isinstance(event, LineChanged):
            relay.on_bytes(event.data, now)
        elif event.line == self._dialect.select_line(sender):
            relay.on_select(event.line, event.level, now)
        elif event.line == self._dialect.supply and not event.level:
            self._rest(event.line)
            return
        else:
            there.drive(event.line, event.level)
        self._start_playing(sender)
        if not self._watching[sender] and relay.late_at is not None:
            self._watching[sender] = True
            there.spawn(self._watch(sender))

    def _start_playing(self, sender: Role) -> None:
        there = self._ends(sender)[1]
        if not self._playing[sender] and self._relays[sender].waiting:
            self._playing[sender] = True
            there.run_task(self._play(sender), there.now)

    def _watch(self, sender: Role) -> Task:
        """Pass on what is kept of a frame that does not become whole, as the timer of a real relay does."""
        there, relay = self._ends(sender)[1], self._relays[sender]
        while (late := relay.late_at) is not None:
            yield late
            relay.flush_late(there.now)
            self._start_playing(sender)
        self._watching[sender] = False

    def _play(self, sender: Role) -> Task:
        """Send what is due at the other end, until nothing waits."""
        there, relay = self._ends(sender)[1], self._relays[sender]
        while (due := relay.next_due) is not None:
            if due > there.now:
                yield due
            for item in relay.take(there.now):
                if item.holds:
                    self.hold(item.holds)
                if item.data:
                    there.transmit(item.data)
                elif item.line:
                    there.drive(item.line, item.level)
        self._playing[sender] = False

    def _rest(self, supply: str) -> None:
        """The supply fell: forget all that waits, close the windows, and return to the first rate."""
        for sender in Role:
            there = self._ends(sender)[1]
            there.stop_tasks()
            self._relays[sender].clear()
            self._playing[sender] = self._watching[sender] = False
        self._agreement = BaudrateNegotiation(self._dialect.parse_baudrate_message)
        self.far.drive(supply, False)
        for sender in Role:
            self._ends(sender)[1].drive(self._dialect.select_line(sender), False)
        for end in (self.near, self.far):
            end.set_baudrate(self._dialect.wiring.baudrates[0])

    def _on_frame(self, sender: Role, class_: int, messages: Sequence[AnyMessage], at: float) -> None:
        rate = self._agreement.observe(sender, class_, messages)
        if rate is not None:
            for end in (self.near, self.far):
                end.spawn(self._switch(end, rate, at + self._dialect.baudrate_switch_delay))

    def _switch(self, end: InterposerEnd, rate: int, at: float) -> Task:
        yield at
        end.set_baudrate(rate)
