"""One engine against one captured device: its captured peer is played at it, and what it does is recorded."""

import heapq
import itertools
from collections.abc import Callable, Iterable, Sequence

from lensmount_emulator.roles.engine import Engine
from lensmount_protocol.wire import (
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Record,
    SetBaudrate,
    Transmit,
    WireEvent,
    transmission_time,
)

Reaction = Callable[[Record], Iterable[tuple[float, WireEvent, Record | None]]]
"""Asked with everything the engine does: what the peer does because of it, when, and how a recording shows that."""


def play(
    engine: Engine,
    script: Sequence[tuple[float, WireEvent]],
    until: float,
    *,
    reaction: Reaction = lambda _record: (),
) -> list[Record]:
    """Run an engine against a script of timed events, up to a time; gives what it, and a reacting peer, did.

    Args:
        engine: the end that we play.
        script: what the peer does, with times in seconds.
        until: when to stop.
        reaction: a peer that answers instead of following the script alone.
    """
    records: list[Record] = []
    numbers = itertools.count()
    pending: list[tuple[float, int, WireEvent, Record | None]] = [
        (at, next(numbers), event, None) for at, event in script
    ]
    heapq.heapify(pending)
    busy_until = 0.0

    def carry_out(now: float) -> None:
        nonlocal busy_until
        for action in engine.actions():
            if isinstance(action, SetBaudrate):
                continue
            if isinstance(action, DriveLine):
                record: Record = Edge(now, action.line, action.level)
            else:
                record, busy_until = _burst(engine, action, max(now, busy_until))
            records.append(record)
            for at, event, shown in reaction(record):
                heapq.heappush(pending, (at, next(numbers), event, shown))

    engine.start(pending[0][0] if pending else 0.0)
    carry_out(engine.now)
    while True:
        deadline = engine.next_deadline()
        arrival = pending[0][0] if pending else None
        times = [at for at in (deadline, arrival) if at is not None]
        if not times or min(times) > until:
            return records
        now = min(times)
        if arrival is not None and arrival <= now:
            _, _, event, shown = heapq.heappop(pending)
            if shown is not None:
                records.append(shown)
            engine.receive(event, now)
        else:
            engine.handle_deadline(now)
        carry_out(now)


def as_events(records: Iterable[Burst | Edge]) -> list[tuple[float, WireEvent]]:
    """What one end did, as the other end hears it: edges at once, bytes when the last stop bit is over."""
    events: list[tuple[float, WireEvent]] = []
    for record in records:
        if isinstance(record, Edge):
            events.append((record.at, LineChanged(record.line, record.level)))
        elif record.until is not None:
            events.append((record.until, Received(record.data)))
    return sorted(events, key=lambda timed: timed[0])


def _burst(engine: Engine, action: Transmit, begins: float) -> tuple[Burst, float]:
    ends = begins + transmission_time(len(action.data), engine.baudrate)
    return Burst(begins, engine.role, action.data, engine.baudrate, ends), ends
