"""What must be true of every session, whatever goes wrong in it: a table from name to what checks it."""

import io
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any, cast

from lensmount_emulator.fuzz.watch import Watch
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.notice import NoticeKind
from lensmount_protocol.wire import Role

Check = Callable[[Watch], Iterator[str]]
"""Looks at a session that runs or is over; gives what is wrong."""

MOST_TASKS = 150
MOST_KEPT = 1100
"""Things of one kind that an end may keep: what a page tells is the most, 1024."""

MOST_PLANNED = 2000

MOST_HELD = 8192
"""Bytes that an end may have heard and not told: the largest frame, and the longest run that is told in one piece."""

SLICE_S = 0.25
"""A stream is known by what arrives in so long."""

STREAM_FRAMES = 4

RAILS_FALL_S = 1e-3
"""What has lost its supply has no level any more behind this."""

_SCALARS = frozenset((bool, int, float, str, bytes))

HAND_S = 0.2
"""How long a hand keeps a lens off."""


def _nothing_more(_watch: Watch) -> Iterator[str]:
    """What is noted at the moment at which it happens needs no further look."""
    return iter(())


def _electrically(watch: Watch) -> Iterator[str]:
    mount, supply = watch.mount, watch.dialect.supply
    yield from mount.violations
    mount.violations.clear()
    fell = not mount.levels[supply] and watch.now - watch.supply_fell_at > RAILS_FALL_S
    if fell and watch.cast.puppet is not Role.LENS:
        for line, role in watch.dialect.drivers.items():
            if role is Role.LENS and line != watch.dialect.detect and mount.levels[line] and not mount.is_held(line):
                yield f"a lens without supply holds {line} high"


def _answered(watch: Watch) -> Iterator[str]:
    for role, key, at in watch.overdue():
        if role is Role.BODY:
            yield f"the body asked {key:#04x} at {at:.4f} s, and neither has an answer nor asks again nor gives up"
        else:
            yield f"the lens heard {key:#04x} at {at:.4f} s and has not answered"


def _recorded(watch: Watch) -> Iterator[str]:
    """Every byte that arrived is in the recording, in its order; what is heard beyond that is still on its way."""
    for role in Role:
        heard, recorded = watch.unrecorded[role], watch.recorded[role.peer]
        both = min(len(heard), len(recorded))
        if heard[:both] != recorded[:both]:
            yield f"the {role.value} heard {heard[:both].hex()[:24]}…, the recording has {recorded[:both].hex()[:24]}…"
        del heard[:both], recorded[:both]
        under_way = watch.mount.under_way(role.peer)
        if recorded or len(heard) > under_way:
            yield (
                f"the {role.value} heard {len(heard)} bytes that are not recorded, {under_way} are under way, and "
                f"{len(recorded)} are recorded that it has not heard"
            )
    for line, level in watch.last_edge.items():
        if watch.mount.levels[line] != level:
            yield f"{line} is {'high' if not level else 'low'} by the recording and is not"


def _in_tables(watch: Watch) -> Iterator[str]:
    for engine in (watch.bench.body, watch.bench.lens):
        if engine.connection.state not in watch.dialect.transitions.moves:
            yield f"the {engine.role.value} is in state {engine.connection.state}, which is no state"
    off = watch.bench.body.connection.state == watch.dialect.transitions.initial
    if off == watch.gives_supply and watch.cast.puppet is not Role.BODY:
        yield f"the body is in state {watch.bench.body.connection.state}, and its supply is {'on' if off else 'off'}"
    if not watch.faulted:
        for notice in watch.notices:
            if notice.kind is NoticeKind.ILLEGAL_TRANSITION:
                yield f"the {notice.role.value}: {notice.text}"


def _bounded(watch: Watch) -> Iterator[str]:
    for engine in (watch.bench.body, watch.bench.lens):
        for name, size, most in _sizes(engine, watch.traits.bounds):
            if size > most:
                yield f"the {engine.role.value} keeps {size} in {name}; {most} are enough"
        if in_vain := engine.waiting_in_vain():
            yield f"the {engine.role.value} keeps {in_vain} waits of tasks that wait for something else"
        held = watch.held_back(engine.role)
        if held > MOST_HELD:
            yield f"the {engine.role.value} holds {held} bytes back; {MOST_HELD} are enough"
    planned = len(watch.bench.scheduler)
    if planned > MOST_PLANNED:
        yield f"{planned} things are planned; {MOST_PLANNED} are enough"


def _slots(of: type[Engine]) -> tuple[str, ...]:
    known = _known_slots.get(of)
    if known is None:
        names = (name for cls in of.__mro__ for name in getattr(cls, "__slots__", ()))
        known = _known_slots[of] = tuple(dict.fromkeys(names))
    return known


_known_slots: dict[type[Engine], tuple[str, ...]] = {}


def _sizes(engine: Engine, bounds: Mapping[str, int]) -> Iterator[tuple[str, int, int]]:
    yield "tasks", engine.running(), MOST_TASKS
    for name in (*_slots(type(engine)), *getattr(engine, "__dict__", ())):
        value: Any = getattr(engine, name, None)
        if value is None or value.__class__ in _SCALARS:
            continue
        if isinstance(value, Mapping) or (hasattr(value, "__len__") and not isinstance(value, str | bytes)):
            yield name, len(cast("Sized", value)), bounds.get(name, MOST_KEPT)
        if isinstance(value, Mapping):
            inner = cast("Mapping[object, object]", value).values()
            kept = sum(len(cast("Sized", one)) for one in inner if isinstance(one, list | deque))
            yield f"{name}, in all", kept, MOST_KEPT


def streams(watch: Watch, since: Mapping[Role, int]) -> bool:
    """Whether both ends have heard enough of each other's stream since their counts were `since`."""
    return all(watch.heard[role] - since[role] >= STREAM_FRAMES for role in Role)


def at_rest(watch: Watch) -> bool:
    """Whether the mount is as a body leaves it that has given up or has no lens: no supply, no line of the lens."""
    levels, initial = watch.mount.levels, watch.dialect.transitions.initial
    lines = [name for name, role in watch.dialect.drivers.items() if role is Role.LENS and name != watch.dialect.detect]
    quiet = not levels[watch.dialect.supply] and not any(levels[line] for line in lines)
    return quiet and watch.bench.body.connection.state == watch.bench.lens.connection.state == initial


def declared_end(watch: Watch) -> bool:
    """Whether a session that does not stream is over as it may be.

    At rest, where the body has no lens or has given up; or asleep, by its script: a lens that a glitch has woken
    meanwhile answers the body's next call as well.
    """
    gone = not watch.mount.attached or watch.bench.body.done
    body = watch.bench.body
    return (gone and at_rest(watch)) or (body.done and body.connection.state in watch.traits.asleep)


def recovers(watch: Watch, within: float) -> bool:
    """Let time pass until both ends stream or have come to a declared end; whether they did in time.

    Where a body has given up, a hand takes the lens off and puts it on again, and then they have to.
    """
    until, by_hand = watch.now + within, False
    while watch.now < until and not watch.crashed:
        since = dict(watch.heard)
        watch.run(watch.now + SLICE_S)
        if streams(watch, since):
            return True
        if declared_end(watch):
            if by_hand or not watch.mount.attached or watch.bench.body.connection.state in watch.traits.asleep:
                return not by_hand
            by_hand, until = True, watch.now + within
            watch.attempt(lambda: watch.bench.take_off(watch.now))
            watch.run(watch.now + HAND_S)
            watch.attempt(lambda: watch.bench.put_on(watch.now))
    return False


def same_recording(play: Callable[[io.BytesIO], object]) -> Iterator[str]:
    """What differs between two recordings of what must be the same session."""
    files = io.BytesIO(), io.BytesIO()
    for file in files:
        play(file)
    lines = [file.getvalue().splitlines() for file in files]
    for number, (one, two) in enumerate(zip(*lines, strict=False), 1):
        if one != two:
            yield f"line {number} of the recording differs: {one[:60]!r} and {two[:60]!r}"
            return
    if len(lines[0]) != len(lines[1]):
        yield f"one recording has {len(lines[0])} lines, the other {len(lines[1])}"


INVARIANTS: Mapping[str, tuple[str, Check]] = {
    "no exception": ("no exception leaves a session", _nothing_more),
    "only frames": ("no end gives out what its peer's parser rejects", _nothing_more),
    "unpowered": ("nothing is driven into an unpowered end", _electrically),
    "answered": ("every request is answered, refused, asked again or given up in its time", _answered),
    "recorded": ("nothing that arrived is missing in the recording", _recorded),
    "heard whole": (
        "no frame is read across two windows, and nothing is held back behind the end of one",
        _nothing_more,
    ),
    "within limits": ("focus and iris stay within their limits", _nothing_more),
    "never teleported": ("focus and iris never move faster than they can", _nothing_more),
    "in tables": ("no end leaves the transition tables by itself", _in_tables),
    "bounded": ("tasks, queues and plans stay bounded", _bounded),
    "recovers": ("behind the last fault both ends stream again or come to a declared end", _nothing_more),
    "clean": ("without a fault the timing contract is kept, the script done, and no trouble told", _nothing_more),
    "repeats": ("the same seed gives the same recording", _nothing_more),
}
"""Name -> what must be true, and what checks it at any time; the first ones and the last are noted as they happen."""


def check(watch: Watch) -> None:
    """Hold a session against everything that can be asked of it now."""
    for name, (_, ask) in INVARIANTS.items():
        for text in ask(watch):
            watch.complain(name, text)
