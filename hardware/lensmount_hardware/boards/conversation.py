"""The talk between a host and its board over a stream of bytes: greeting, configuration, questions for the time."""

from dataclasses import replace
from typing import NoReturn

from lensmount_hardware.boards.declaration import HEAD_SIZE, BoardMessage
from lensmount_hardware.boards.leaving import found, leave
from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.orders import Configure, Rest
from lensmount_hardware.boards.plan import Plan
from lensmount_hardware.boards.refusals import refusal
from lensmount_hardware.boards.reports import BoardState, Dropped, Refused, Welcome
from lensmount_hardware.boards.streams import ByteStream
from lensmount_hardware.boards.words import BoardRole, ConfigureFlag, ErrorCode, RestFlag, StateFlag
from lensmount_hardware.clock import Clock
from lensmount_protocol.errors import BoardError, TransportLostError, TransportOpenError

PING_PERIOD = 0.1
"""Seconds between two questions for the board's time, which also keep its watchdog quiet."""

PATIENCE = 2.0
"""Seconds that a board has for its answers to a greeting and a configuration, and for taking orders that wait."""

FIRST_QUESTIONS = 5
"""Round trips before a session begins: the narrowest of them says where the board's clock stands."""

_FLAGS_OFFSET = HEAD_SIZE + 1
_GREETING_PERIOD = 0.5
_LOOK = 0.05
_MOST_BACKLOG = 1 << 16
_STAGES = "is it the board, with our firmware on it? `lensmount boards` lists those that there are"


class Conversation:
    """One host, one board.

    Args:
        stream: the bytes to and from it; it is closed with the conversation.
        clock: our time.
        session: a number of 32 bits that no other host has.

    Attributes:
        name: the board's port.
        clock: our time.
        link: the protocol's state: counts, the clock map.
        lost: what the board told, while the session began, of what was lost in the one before.
        tells_own_edges: whether the board reports edges of its own outputs; older firmware does not.
        gone: why there is nobody to talk to any more; `""` while there is.
    """

    def __init__(self, stream: ByteStream, clock: Clock, session: int) -> None:
        self.name = f"board:{stream.name}"
        self.clock = clock
        self.link = BoardLink(session, left=found(self.name))
        self.gone = ""
        self.lost: list[Dropped] = []
        self.tells_own_edges = False
        self._stream = stream
        self._pinged = clock.now()

    def greet(self, *, take_over: bool = False) -> Welcome:
        """Begin a session, and learn where the board's clock stands.

        Raises:
            TransportOpenError: nobody answers, or something else does.
            BoardError: other firmware, or another host has the board.
        """
        start = self.clock.now()
        greeted = float("-inf")
        while (welcome := self.link.welcome) is None:
            now = self.clock.now()
            if now - start > PATIENCE:
                heard = self.link.counts
                other = heard.garbage + heard.stale
                told = f"something else answers, {other} times" if other else "nothing answers"
                raise TransportOpenError(f"{self.name}: {told}; {_STAGES}")
            if now - greeted >= _GREETING_PERIOD:
                greeted = now
                self.link.greet(take_over=take_over)
            self.exchange(_LOOK, opening=True)
        for _ in range(FIRST_QUESTIONS):
            self.ask_time()
        return welcome

    def ask_time(self) -> float:
        """One round trip; gives how long it took, in seconds.

        Raises:
            TransportOpenError: there is no answer.
            BoardError: the board does not know us any more.
        """
        start, trips = self.clock.now(), self.link.clock.trips
        self.link.ask_time(start)
        while self.link.clock.trips == trips:
            if self.clock.now() - start > PATIENCE:
                raise self._silent()
            self.exchange(_LOOK, opening=True)
        return self.link.clock.last_trip

    def configure(self, plan: Plan) -> BoardState:
        """Tell the board its lines and times; gives how it is then.

        Raises:
            TransportOpenError: there is no answer.
            BoardError: the board refuses the plan.
        """
        wanted = plan.configure
        welcome = self.link.welcome
        assert welcome is not None
        if told := rate_refused(welcome, wanted.baudrate):
            raise BoardError(f"{self.name}: {told}")
        self.tells_own_edges = wanted.role != BoardRole.SNIFFER
        self._send_configuration(wanted)
        start = self.clock.now()
        while self.clock.now() - start <= PATIENCE:
            self.exchange(_LOOK, opening=True)
            for report in self.link.events():
                if isinstance(report, Refused) and self.tells_own_edges and _flag_unknown(report):
                    self.tells_own_edges = False
                    self._send_configuration(wanted)
                elif isinstance(report, Refused):
                    raise BoardError(f"{self.name}: {refusal(report, plan.names)}")
                if isinstance(report, Dropped):
                    self.lost.append(report)
                if isinstance(report, BoardState) and report.flags & StateFlag.CONFIGURED:
                    return report
        raise self._silent()

    def _send_configuration(self, wanted: Configure) -> None:
        flags = wanted.flags | (ConfigureFlag.OWN_EDGES if self.tells_own_edges else 0)
        self.link.send(replace(wanted, flags=flags))

    def order(self, message: BoardMessage) -> None:
        """Send a message when the board has room for it.

        Raises:
            TransportLostError: it takes none any more, or has gone.
        """
        start = self.clock.now()
        while self.link.backlog > _MOST_BACKLOG:
            if self.clock.now() - start > PATIENCE:
                self.lose("it takes no orders any more")
            self.exchange(PING_PERIOD)
        self.link.send(message)

    def ping(self) -> None:
        """Ask for the board's time where that is due."""
        now = self.clock.now()
        if now - self._pinged >= PING_PERIOD:
            self._pinged = now
            self.link.ask_time(now)

    def exchange(self, wait: float, *, opening: bool = False) -> None:
        """Write what is due and read what comes within `wait` seconds; reports wait in the link.

        Raises:
            TransportLostError: the board has gone.
            BoardError: the same while the session begins.
        """
        self.flush()
        try:
            data = self._stream.read(wait)
        except OSError as error:
            self.lose(str(error), error)
        if data:
            try:
                self.link.receive(data, self.clock.now())
            except BoardError as error:
                if opening:
                    raise BoardError(f"{self.name}: {error}") from error
                self.lose(str(error), error)

    def flush(self) -> None:
        """Write what is due."""
        data = self.link.bytes_to_send()
        if data:
            try:
                self._stream.write(data)
            except OSError as error:
                self.lose(str(error), error)

    def require_open(self) -> None:
        """Raise `TransportLostError` where there is nobody to talk to."""
        if self.gone:
            raise TransportLostError(f"{self.name}: {self.gone}")

    def lose(self, reason: str, error: Exception | None = None) -> NoReturn:
        """There is nobody to talk to any more."""
        if self.link.welcome:
            leave(self.name, self.link.place)
        heard = f"; its last frame was number {self.link.last_number}, at {self.link.board_us} µs of its clock"
        self.gone = f"the board has gone: {reason}{heard if self.link.welcome else ''}"
        raise TransportLostError(f"{self.name}: {self.gone}") from error

    def close(self) -> None:
        """Put everything at rest and let go of the board; closing again does nothing."""
        if self.gone == "closed":
            return
        lost, self.gone = self.gone, "closed"
        try:
            if not lost and self.link.welcome is not None:
                self.link.send(Rest(RestFlag.FORGET))
                self._stream.write(self.link.bytes_to_send())
        except (OSError, BoardError):
            # It has gone by itself; its watchdog does the rest.
            pass
        finally:
            self._stream.close()

    def _silent(self) -> TransportOpenError:
        return TransportOpenError(
            f"{self.name}: the board greeted and then fell silent; unplug it and plug it in again"
        )


def _flag_unknown(refused: Refused) -> bool:
    """Whether firmware refuses a configuration for its flags, because it is older than one of them."""
    return (refused.of_type, refused.code, refused.detail) == (Configure.TYPE, ErrorCode.MALFORMED, _FLAGS_OFFSET)


def rate_refused(welcome: Welcome, baudrate: int) -> str:
    """What is wrong with a rate; `""` where the board can do it."""
    lowest, highest = welcome.lowest_baudrate, welcome.highest_baudrate
    if lowest <= baudrate <= highest:
        return ""
    return f"the board cannot do {baudrate} baud, only {lowest} to {highest}"
