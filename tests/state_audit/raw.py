"""A raw body on a virtual mount: it sends what it is given, at once, and records what the lens does."""

from collections.abc import Callable
from typing import Any

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import LineChanged, Role, WireRecord, transmission_time

SETUP_S = 20e-6
HOLD_S = 50e-6


class RawEnd(Engine):
    """An end without behaviour: a list of what arrived, and of the edges that came."""

    arrivals: list[ReceivedFrame]
    edges: list[tuple[float, str, bool]]

    def on_start(self) -> None:
        self.arrivals, self.edges = [], []
        self.connection.allowed = self.dialect.protected_types

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        self.arrivals.append(arrival)

    def on_line(self, edge: LineChanged) -> None:
        self.edges.append((self.now, edge.line, edge.level))

    def on_garbage(self, garbage: Garbage) -> None:
        pass


class Raw:
    """A raw body and a real lens.

    Attributes:
        body: the raw end.
        lens: the engine that is tested.
        records: what was on the wire.
        notices: what the engines reported.
    """

    def __init__(self, dialect: str, profile: str) -> None:
        self.dialect = load_dialect(dialect)
        self.body = RawEnd(self.dialect, Role.BODY)
        self.lens: Any = get_roles(dialect).make_engine(load_profile(profile).settings, None, None, ())
        self.records: list[WireRecord] = []
        self.notices: list[Notice] = []
        self.bench = VirtualSession(
            self.dialect, self.body, self.lens, tap=self.records.append, on_notice=self.notices.append
        )
        self.bench.start()
        self.number = 0
        self._over = 0

    @property
    def now(self) -> float:
        return self.bench.now

    def run(self, seconds: float, unless: Callable[[], bool] | None = None) -> None:
        self.bench.run(self.bench.now + seconds, stop_when=unless)

    def until(self, ready: Callable[[], bool], seconds: float = 1.0) -> bool:
        """Let time pass until something is so; whether it became so."""
        self.run(seconds, ready)
        return ready()

    def drive(self, line: str, level: bool) -> None:
        self.body.now = self.bench.now
        self.body.drive(line, level)

    def rate(self, baudrate: int) -> None:
        """Send and listen at this rate."""
        self.body.set_baudrate(baudrate)

    def spawn(self, task: Task) -> None:
        self.body.now = self.bench.now
        self.body.spawn(task)

    def window(self, data: bytes, select: bool = True) -> None:
        """Send bytes in a window of their own; returns when the window is closed."""
        self._over = 0
        self.spawn(self._window(data, select))
        self.until(lambda: bool(self._over))

    def _window(self, data: bytes, select: bool) -> Task:
        body = self.body
        if select:
            body.drive(body.select, True)
        yield body.now + SETUP_S
        body.transmit(data)
        yield body.now + transmission_time(len(data), body.baudrate) + HOLD_S
        if select:
            body.drive(body.select, False)
        self._over = 1

    def frame(self, messages: list[AnyMessage], class_: int, select: bool = True) -> None:
        """Send messages in a frame, whether or not the tables allow it; our table follows where it does."""
        try:
            data = self.body.connection.send(messages, class_, 0)
        except LocalProtocolError:
            data = self.dialect.build_frame(b"".join(message.build() for message in messages), class_, 0)
        self.window(data, select)

    def said(self, since: int = 0) -> list[Message]:
        """What the lens said, from an arrival on."""
        return [m for arrival in self.body.arrivals[since:] for m in arrival.messages if isinstance(m, Message)]

    def level(self, line: str) -> bool:
        return bool(self.bench.mount.levels[line])
