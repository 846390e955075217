"""A firmware without a mount: feeds one instance with timed events, and collects its actions; copies its state.

Used by checks that compare instances with each other. It calls the shim directly, timer by timer and event by event.
"""

import ctypes
import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from lensmount_emulator.firmware.declaration import ADAPTER, ROLE_NUMBERS
from lensmount_emulator.firmware.fault import FirmwareFault
from lensmount_emulator.firmware.library import NEVER, TIMERS, FirmwareLibrary
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

MAX_CALLS = 2_000_000
"""Calls of a firmware in one run; a timer that is set again and again ends there."""


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """An event of the peer.

    Attributes:
        at_us: its time, in microseconds.
        data: bytes that arrive; empty for an edge.
        line: number of the line of an edge.
        level: its level.
        far: whether it is at the far port of an adapter.
    """

    at_us: int
    data: bytes = b""
    line: int = 0
    level: bool = False
    far: bool = False


def events_from_records(
    records: Iterable[WireRecord], dialect: Dialect, role: Role, *, far: bool = False
) -> list[TimedEvent]:
    """Return what an end receives in a recording: edges of the peer, and each byte at the end of its stop bit.

    Args:
        records: the recording.
        dialect: its dialect.
        role: the end.
        far: whether it is the far port of an adapter.
    """
    numbers = {line: number for number, line in enumerate(dialect.wiring.lines)}
    events: list[tuple[int, int, TimedEvent]] = []
    for record in records:
        if isinstance(record, Edge) and dialect.drivers.get(record.line) is role.peer:
            at = round_up(record.at)
            events.append((at, len(events), TimedEvent(at, b"", numbers[record.line], record.level, far)))
        elif isinstance(record, Burst) and record.sender is role.peer:
            for index in range(len(record.data)):
                at = round_up(record.byte_at(index + 1) or 0.0)
                events.append((at, len(events), TimedEvent(at, record.data[index : index + 1], far=far)))
    return [event for _, _, event in sorted(events, key=lambda item: item[:2])]


def round_up(seconds: float) -> int:
    """Return seconds in microseconds, rounded up as for every firmware."""
    return -int(-(seconds * 1e6 - 1e-3) // 1)


@dataclass(slots=True)
class FirmwareInstance:
    """One instance of a firmware.

    Attributes:
        library: the firmware.
        role: the end that it takes.
        dialect: its dialect.
        far: the dialect of an adapter's far port; `None` for a lens and a body.
        actions: its actions so far: time and raw actions, as the shim has them.
        fault: what ended it; `None` as long as it runs.
        late_us: microseconds by which its timers are called late.
    """

    library: FirmwareLibrary
    role: Role
    dialect: Dialect
    far: Dialect | None = None
    actions: list[tuple[int, bytes]] = field(default_factory=lambda: list[tuple[int, bytes]]())
    fault: FirmwareFault | None = None
    late_us: int = 0
    _handle: int = 0
    _calls: int = 0

    def start(self, now_us: int = 0, seed: int = 0, config: str = "") -> None:
        """Make the instance; the guard of this process must be on."""
        shim = self.library.shim
        self._handle = shim.open()
        first = self.dialect.wiring.baudrates[0]
        role = ROLE_NUMBERS[self.role.value if self.far is None else ADAPTER]
        if self.far is not None:
            shim.far(self._handle, self.far.wiring.baudrates[0], _detect_level(self.far))
        levels = _detect_level(self.dialect)
        self._take(shim.start(self._handle, role, first, levels, seed, config.encode(), now_us), now_us)

    def close(self) -> None:
        """Free its memory."""
        if self._handle:
            self.library.shim.close(self._handle)
            self._handle = 0

    def feed(self, events: Iterable[TimedEvent]) -> None:
        """Feed events in their order; timers that are due before an event are called first."""
        for event in events:
            self.run(event.at_us)
            if self.fault is not None:
                return
            self.one(event)

    def one(self, event: TimedEvent) -> None:
        """Feed one event now."""
        shim, info = self.library.shim, self.library.info
        if event.far:
            on_bytes, on_line, rises, falls = shim.on_far_bytes, shim.on_far_line, info.far_rises, info.far_falls
        else:
            on_bytes, on_line, rises, falls = shim.on_bytes, shim.on_line, info.rises, info.falls
        if event.data:
            used = on_bytes(self._handle, event.data, len(event.data), event.at_us)
        elif (rises if event.level else falls) >> event.line & 1:
            used = on_line(self._handle, event.line, event.level, event.at_us)
        else:
            return
        self._take(used, event.at_us)

    def run(self, until_us: int) -> None:
        """Call the timers that are due up to a time."""
        next_us = ctypes.c_uint64.from_address(self._handle)
        while self.fault is None and next_us.value <= until_us and self._calls < MAX_CALLS:
            at = next_us.value + self.late_us
            self._take(self.library.shim.on_time(self._handle, at), at)

    @property
    def next_us(self) -> int:
        """When its next timer is due; `NEVER` for not."""
        return ctypes.c_uint64.from_address(self._handle).value

    def save(self) -> bytes:
        """Return its state: its memory and its timers."""
        shim = self.library.shim
        timers = ctypes.string_at(shim.timers(self._handle), TIMERS * 8)
        return timers + ctypes.string_at(shim.memory(self._handle), self.library.info.memory)

    def restore(self, state: bytes) -> None:
        """Set it to a state that was saved from this instance."""
        shim = self.library.shim
        ctypes.memmove(shim.timers(self._handle), state[: TIMERS * 8], TIMERS * 8)
        ctypes.memmove(shim.memory(self._handle), state[TIMERS * 8 :], self.library.info.memory)
        times = [int.from_bytes(state[at : at + 8], "little") for at in range(0, TIMERS * 8, 8)]
        ctypes.c_uint64.from_address(self._handle).value = min(times, default=NEVER)

    def _take(self, used: int, now_us: int) -> None:
        self._calls += 1
        if used < 0:
            self.fault = self.library.read_fault(self._handle)
        elif used:
            self.actions.append((now_us, ctypes.string_at(self.library.shim.actions(self._handle), used)))


def _detect_level(dialect: Dialect) -> int:
    """Return the levels at the start: the detect line is high until a lens is attached."""
    return 1 << dialect.wiring.lines.index(dialect.detect)


def feed_by_turns(instances: Sequence[FirmwareInstance], events: Sequence[TimedEvent]) -> None:
    """Feed several instances with the same events, one event each by turns."""
    for event in events:
        for instance in instances:
            instance.run(event.at_us)
            instance.one(event)


def shift(events: Iterable[TimedEvent], by_us: int) -> list[TimedEvent]:
    """Return events at other times."""
    return [replace(event, at_us=event.at_us + by_us) for event in events]


def merge(first: Iterable[TimedEvent], second: Iterable[TimedEvent]) -> list[TimedEvent]:
    """Return the events of two sorted lists in the order of their times."""
    return list(heapq.merge(first, second, key=lambda event: event.at_us))
