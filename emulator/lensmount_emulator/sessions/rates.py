"""Which rate a link speaks at: what its ends agree on, else told by whether the bytes that are heard make frames."""

from dataclasses import dataclass

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.framer import Framer
from lensmount_protocol.rates import RateAgreement
from lensmount_protocol.wire import Burst, Drop, Edge, Role

ENOUGH = 8
"""Bytes in no frame, with no frame behind them, that make the next rate worth a try: less than any frame has."""

SETTLES = 2e-3
"""Seconds behind a change of rate in which bytes may still come broken that were on the wire before it."""


AGREED_SETTLES = 0.05
"""The same behind one that both ends agreed on, in which no other rate is tried: we may be late, and they are right."""


@dataclass(frozen=True, slots=True)
class RateChange:
    """Another rate to listen at.

    Attributes:
        baudrate: in bits a second.
        at: from when on, on the clock of what was heard; `None` at once.
        why: in words.
    """

    baudrate: int
    at: float | None
    why: str


class RateFollower:
    """Listens to both ends of a link, which always speak at the same rate, and says when to go to another one.

    An order of another rate and its acceptance say when, and so does the fall of the supply, behind which the first
    rate holds. So nothing is lost of a session that was heard from its beginning.

    Who comes in its midst has to try: a byte that is read at another rate than it was sent at comes out as another one,
    or as several, and frames have checksums: so a valid frame from either end says that the rate is right. Zero bytes
    do not count against it, since senders pad with them. What is spoken until the rate is found is lost: about a frame
    for each rate that is tried.

    Attributes:
        baudrate: the rate in force, in bits a second.
        frames: valid frames so far, by sender.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Begin at the first rate of the dialect."""
        self.frames = dict.fromkeys(Role, 0)
        self.baudrate = dialect.wiring.baudrates[0]
        self._dialect = dialect
        self._rates = dialect.wiring.baudrates
        self._framers: dict[Role, Framer] = {}
        self._begun: dict[Role, int] = {}
        self._ended: dict[Role, float] = {}
        self._since_a_frame: dict[Role, int] = {}
        self._settled = float("-inf")
        self._coming: RateChange | None = None
        self._agreed_on = False
        self._start_anew()

    @property
    def in_haste(self) -> bool:
        """Whether a change was ordered, so that the next bytes may be followed by it."""
        return self._agreement.ordered is not None

    def hear(self, burst: Burst) -> RateChange | None:
        """Take what was heard; gives the rate to listen at, where it is another one."""
        sender = burst.sender
        framer = self._framers[sender]
        ended = self._ended.get(sender)
        if ended is not None and burst.at is not None and burst.at - ended > self._dialect.silence:
            self._count(sender, framer.close(GarbageReason.SILENCE))
        if burst.until is not None:
            self._ended[sender] = burst.until
        self._since_a_frame[sender] += len(burst.data)
        events = framer.receive(burst.data)
        begun = self._begun[sender]
        self._begun[sender] += len(burst.data)
        frames = [event for event in events if isinstance(event, Frame)]
        if frames:
            self.frames[sender] += len(frames)
            self._since_a_frame = dict.fromkeys(Role, 0)
            self._garbage = dict.fromkeys(Role, 0)
            self._framed.add(sender)
            self._broken = 0
            return self._agreed(frames, burst, begun)
        self._count(sender, events)
        if burst.until is not None and self._agreed_on and burst.until < self._settled:
            return None
        return self._next(burst.until) if any(self._is_lost(role) for role in Role) else None

    def see(self, edge: Edge) -> RateChange | None:
        """A line moved; gives the rate to listen at, where it is another one."""
        first = self._rates[0]
        if edge.line != self._dialect.supply or edge.level or first == (self._coming or self).baudrate:
            return None
        self._settled = edge.at + SETTLES
        return self._change(RateChange(first, None, f"the supply fell; the next start is at {first} baud"))

    def miss(self, drop: Drop) -> RateChange | None:
        """Bytes came broken, of either end; gives the rate to listen at, where it is another one."""
        if drop.at is not None and drop.at < self._settled:
            return None
        self._broken += drop.count
        return self._next(drop.at) if self._broken >= ENOUGH else None

    def come_into_force(self, at: float | None) -> RateChange | None:
        """The change that was announced with a time, and holds for what comes at this one; it is given once."""
        coming = self._coming
        if coming is None or (at is not None and coming.at is not None and at < coming.at):
            return None
        self._settled = self._settled if coming.at is None else coming.at + AGREED_SETTLES
        self._begin(coming.baudrate)
        return coming

    def _agreed(self, frames: list[Frame], burst: Burst, begun: int) -> RateChange | None:
        entries = self._paving.entries(burst.sender)
        for frame in frames:
            baudrate = self._agreement.hear(burst.sender, frame.class_, entries.read_all(frame.payload))
            if baudrate is None or baudrate == (self._coming or self).baudrate:
                continue
            ended = burst.byte_at(max(0, frame.offset + len(frame.raw) - begun))
            at = None if ended is None else ended + self._dialect.rate_changes
            return self._change(RateChange(baudrate, at, f"both ends have agreed on {baudrate} baud"))
        return None

    def _change(self, change: RateChange) -> RateChange:
        if change.at is None:
            self._begin(change.baudrate)
        else:
            self._coming = change
        return change

    def _begin(self, baudrate: int) -> None:
        self.baudrate = baudrate
        self._agreed_on = self._coming is not None
        self._coming = None
        self._start_anew()

    def _next(self, at: float | None) -> RateChange | None:
        # What comes broken while a change is under way is over with it.
        if len(self._rates) == 1 or self._coming is not None:
            return None
        before = self.baudrate
        place = self._rates.index(before) if before in self._rates else -1
        baudrate = self._rates[(place + 1) % len(self._rates)]
        why = f"no frames at {before} baud; listening at {baudrate} from here on"
        self._settled = self._settled if at is None else at + SETTLES
        return self._change(RateChange(baudrate, None, why))

    def _is_lost(self, sender: Role) -> bool:
        """Whether an end makes noise, and the other one does not disprove it: one end alone may be badly wired."""
        if sender.peer in self._framed and not self._noise(sender.peer):
            return False
        # A false start can hold back as many bytes as the largest frame has.
        largest = self._dialect.formats[sender].largest
        return self._noise(sender) >= ENOUGH or self._since_a_frame[sender] > largest + ENOUGH

    def _noise(self, sender: Role) -> int:
        run = self._framers[sender].pending
        return self._garbage[sender] + len(run) - run.count(0)

    def _count(self, sender: Role, events: list[FrameEvent]) -> None:
        for event in events:
            if isinstance(event, Garbage):
                self._garbage[sender] += len(event.data) - event.data.count(0)

    def _start_anew(self) -> None:
        self._framers = {role: Framer(self._dialect.formats[role]) for role in Role}
        self._paving = self._dialect.paving()
        self._agreement = RateAgreement(self._dialect.rate_words)
        self._since_a_frame = dict.fromkeys(Role, 0)
        self._begun = dict.fromkeys(Role, 0)
        self._garbage = dict.fromkeys(Role, 0)
        self._framed = set[Role]()
        self._broken = 0
