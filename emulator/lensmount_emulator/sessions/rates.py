"""Which rate a link speaks at, told by whether the bytes that are heard make frames."""

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, FrameEvent, Garbage, GarbageReason
from lensmount_protocol.framer import Framer
from lensmount_protocol.wire import Burst, Drop, Role

ENOUGH = 8
"""Bytes in no frame, with no frame behind them, that make the next rate worth a try: less than any frame has."""

SETTLES = 2e-3
"""Seconds behind a change of rate in which bytes may still come broken that were on the wire before it."""


class RateFollower:
    """Listens to both ends of a link, which always speak at the same rate, and says when to try the next one.

    A byte that is read at another rate than it was sent at comes out as another one, or as several, and frames have
    checksums: so a valid frame from either end says that the rate is right. Zero bytes do not count against it, since
    senders pad with them. What is spoken until the rate is found is lost: about a frame for each rate that is tried.

    Attributes:
        baudrate: the rate to listen at now, in bits a second.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Begin at the first rate of the dialect."""
        self.baudrate = dialect.wiring.baudrates[0]
        self._rates = dialect.wiring.baudrates
        self._silence = dialect.silence
        self._formats = dialect.formats
        self._framers: dict[Role, Framer] = {}
        self._ended: dict[Role, float] = {}
        self._since_a_frame: dict[Role, int] = {}
        self._changed = float("-inf")
        self._start_anew()

    def hear(self, burst: Burst) -> int | None:
        """Take what was heard; gives the rate to listen at from now on, where it is another one."""
        sender = burst.sender
        framer = self._framers[sender]
        ended = self._ended.get(sender)
        if ended is not None and burst.at is not None and burst.at - ended > self._silence:
            self._count(sender, framer.close(GarbageReason.SILENCE))
        if burst.until is not None:
            self._ended[sender] = burst.until
        self._since_a_frame[sender] += len(burst.data)
        events = framer.receive(burst.data)
        if any(isinstance(event, Frame) for event in events):
            self._since_a_frame = dict.fromkeys(Role, 0)
            self._garbage = dict.fromkeys(Role, 0)
            self._framed.add(sender)
            self._broken = 0
            return None
        self._count(sender, events)
        return self._next(burst.until) if any(self._is_lost(role) for role in Role) else None

    def miss(self, drop: Drop) -> int | None:
        """Bytes came broken, of either end; gives the rate to listen at from now on, where it is another one."""
        if drop.at is not None and drop.at < self._changed + SETTLES:
            return None
        self._broken += drop.count
        return self._next(drop.at) if self._broken >= ENOUGH else None

    def _next(self, at: float | None) -> int | None:
        if len(self._rates) == 1:
            return None
        self.baudrate = self._rates[(self._rates.index(self.baudrate) + 1) % len(self._rates)]
        self._changed = self._changed if at is None else at
        self._start_anew()
        return self.baudrate

    def _is_lost(self, sender: Role) -> bool:
        """Whether an end makes noise, and the other one does not disprove it: one end alone may be badly wired."""
        if sender.peer in self._framed and not self._noise(sender.peer):
            return False
        # A false start can hold back as many bytes as the largest frame has.
        largest = self._formats[sender].largest
        return self._noise(sender) >= ENOUGH or self._since_a_frame[sender] > largest + ENOUGH

    def _noise(self, sender: Role) -> int:
        run = self._framers[sender].pending
        return self._garbage[sender] + len(run) - run.count(0)

    def _count(self, sender: Role, events: list[FrameEvent]) -> None:
        for event in events:
            if isinstance(event, Garbage):
                self._garbage[sender] += len(event.data) - event.data.count(0)

    def _start_anew(self) -> None:
        self._framers = {role: Framer(self._formats[role]) for role in Role}
        self._since_a_frame = dict.fromkeys(Role, 0)
        self._garbage = dict.fromkeys(Role, 0)
        self._framed = set[Role]()
        self._broken = 0
