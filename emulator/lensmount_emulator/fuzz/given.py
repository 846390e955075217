"""What each end gives out, as its peer would read it: whole frames, counted as they must be, answers to questions."""

from collections.abc import Callable, Sequence

from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.message import Unknown
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Role

SHORTEST_GAP_S = 1e-6
"""A level that lasts less is seen by no pin."""

Complain = Callable[[str, str], None]
"""Takes note of what must not be: the invariant by its name, and what was seen."""


class Given:
    """What both ends give out, before any fault touches it.

    Args:
        dialect: what is spoken.
        traits: what is known of it.
        complain: takes note of what must not be.

    Attributes:
        open: what was asked and has not been answered, by the end to blame: by what its answer is known -> when.
        asked: what the lens has heard since its supply came, by what its answer is known; `None` where nobody knows.
    """

    def __init__(self, dialect: Dialect, traits: FuzzTraits, complain: Complain) -> None:
        self.open: dict[Role, dict[int, float]] = {role: {} for role in Role}
        self.asked: set[int] | None = None
        self._traits = traits
        self._complain = complain
        paving = dialect.paving()
        self._readers = {role: FrameReader(dialect, role, paving) for role in Role}
        self._selects = {dialect.select_line(role): role for role in Role}
        self._fell_at = dict.fromkeys(Role, -1.0)
        self._counts: dict[tuple[Role, str], int] = {}

    def sent(self, role: Role, data: bytes, now: float, *, powered: bool) -> None:
        """An end sends bytes."""
        self._judge(role, self._readers[role].receive(data), now, powered)

    def drove(self, role: Role, line: str, level: bool, now: float, *, powered: bool) -> None:
        """An end moves a line; only that which frames its bytes matters here."""
        if self._selects.get(line) is not role:
            return
        if level and now - self._fell_at[role] < SHORTEST_GAP_S:
            self._complain("only frames", f"the {role.value} lets {line} fall and rise at once, which nobody sees")
        elif not level:
            self._fell_at[role] = now
        reader = self._readers[role]
        events = reader.open_window() if level else reader.close(GarbageReason.WINDOW_CLOSED)
        self._judge(role, events, now, powered)

    def hears(self, frame: Frame) -> None:
        """The lens hears what it may answer."""
        if self.asked is not None:
            self.asked.update(self._traits.numbers(frame))

    def supply_falls(self) -> None:
        """The lens loses its supply, and forgets what it was asked; or there is a lens that has not had any."""
        self.asked = set()

    def forget(self) -> None:
        """Supply or contact came or went: what was asked is void, what an end was about to send is not sent."""
        self._counts.clear()
        for asked in self.open.values():
            asked.clear()
        self._readers[Role.LENS].close(GarbageReason.SOURCE_ENDED)

    def welcome(self) -> None:
        """Another lens is put on."""
        self._fell_at[Role.LENS] = -1.0
        self.forget()

    def _judge(self, role: Role, events: Sequence[FrameEvent], now: float, powered: bool) -> None:
        for event in events:
            if isinstance(event, Frame):
                self._judge_frame(role, event, now, powered)
            elif isinstance(event, Garbage) and (event.reason is not GarbageReason.WINDOW_CLOSED or powered):
                self._complain("only frames", f"the {role.value} sends {event.data[:12].hex()}…: {event.reason.value}")

    def _judge_frame(self, role: Role, frame: Frame, now: float, powered: bool) -> None:
        traits = self._traits
        for message in frame.messages:
            if isinstance(message, Unknown):
                self._complain("only frames", f"the {role.value} sends what its peer cannot read: {message.reason}")
        for name, number in traits.counted(role, frame):
            before = self._counts.get((role, name))
            if number not in traits.follows(name, before):
                self._complain("in tables", f"the {role.value} counts {name} from {before} to {number}")
            self._counts[role, name] = number
        key = traits.asks(frame) if role is Role.BODY else traits.answers(frame)
        if key is None:
            return
        if role is Role.BODY:
            self.open[role][key] = now
            return
        self.open[role].pop(key, None)
        if powered and self.asked is not None and key not in self.asked and key not in traits.unasked:
            self._complain("answered", f"the lens answers {key:#04x}, which it has not heard since its supply came")
