"""Two connected ports in memory that carry bytes and all lines, without byte times: a mount for tests."""

from collections.abc import Iterable
from queue import Empty, SimpleQueue

from lensmount_hardware.transport import Transport
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import (
    DriveLine,
    LineChanged,
    Received,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
)

_Inbox = SimpleQueue[WireEvent | None]
"""The queued events of one end; `None` means that the other end was closed."""


def memory_pair(lines: Iterable[str] = ()) -> tuple[Transport, Transport]:
    """Return both ends of a link; each may be used in its own thread.

    Args:
        lines: the lines between them; either end may drive any of them.
    """
    here, there = _Inbox(), _Inbox()
    names = frozenset(lines)
    return _MemoryTransport("memory:here", names, here, there), _MemoryTransport("memory:there", names, there, here)


class _MemoryTransport(Transport):
    def __init__(self, name: str, lines: frozenset[str], inbox: _Inbox, outbox: _Inbox) -> None:
        self.name = name
        self.lines = lines
        self._inbox = inbox
        self._outbox = outbox
        self._driven: dict[str, bool] = {}
        self._lost = ""

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self._require_open()
        events: list[WireEvent] = []
        try:
            event = self._inbox.get(timeout=None if timeout is None else max(timeout, 0))
            while event is not None:
                events.append(event)
                event = self._inbox.get_nowait()
        except Empty:
            return events
        self._lost = "the other end was closed"
        if not events:
            self._require_open()
        return events

    def send(self, action: WireAction) -> None:
        self._require_open()
        match action:
            case Transmit(data):
                if data:
                    self._outbox.put(Received(data))
            case DriveLine(line, level):
                if line in self.lines and self._driven.get(line) is not level:
                    self._driven[line] = level
                    self._outbox.put(LineChanged(line, level))
            case SetBaudrate():
                pass

    def close(self) -> None:
        if self._lost != "closed":
            self._lost = "closed"
            self._outbox.put(None)

    def _require_open(self) -> None:
        if self._lost:
            raise TransportLostError(f"{self.name}: {self._lost}")
