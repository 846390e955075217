"""Checks that a firmware keeps the rules of its interface: a table of checks, each with its result.

The traffic of the checks is that of a session with our engine at the other end and the dialect's own check script:
start-up, loop, sleep and wake. Each check runs in a process of its own, so one that crashes fails alone.
"""

import ctypes
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.observer import NoticeKind
from lensmount_emulator.firmware.declaration import ACTION_HEAD, BAUDRATE, FAR, LINE, TRANSMIT
from lensmount_emulator.firmware.engine import in_session_process, progress_page
from lensmount_emulator.firmware.instance import (
    FirmwareInstance,
    TimedEvent,
    events_from_records,
    feed_by_turns,
    merge,
    shift,
)
from lensmount_emulator.firmware.isolation import FirmwareDiedError, run_isolated
from lensmount_emulator.firmware.library import NEVER, WORKER_SUFFIX, FirmwareLibrary, load_firmware
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import Profile, firmware_profile, load_profile
from lensmount_emulator.sessions.loopback import LoopbackResult, make_virtual_session, run_loopback
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.wire import Role, WireRecord, transmission_time

MAX_SESSION_S = 10.0
QUIET_US = 20_000_000
"""A firmware has to be silent this long after a flood, unless it sends with a signal of the peer."""
MAX_QUEUE_S = 2.0
"""Seconds of sending that a firmware may queue."""
COPIES = (0.15, 0.5, 0.85)
"""Parts of a session after which the state is copied."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check.

    Attributes:
        name: the check.
        passed: whether the firmware keeps the rule.
        detail: what was seen, in one line.
    """

    name: str
    passed: bool
    detail: str


class CheckFailedError(Exception):
    """A rule is broken; the text describes it."""


@dataclass(frozen=True, slots=True)
class CheckContext:
    """What the checks share.

    Attributes:
        library: the firmware, as its profile names it.
        role: the end that it takes.
        dialect: its dialect.
        partner: the other end; of an adapter the body.
        script: what the body does.
        seed: seed of the sessions.
        records: the recording of a session.
        carried: the lens on an adapter; `None` for a lens and a body.
        far_records: the recording of its far port.
    """

    library: str
    role: Role
    dialect: Dialect
    partner: Profile
    script: str
    seed: int
    records: Sequence[WireRecord] = ()
    carried: Profile | None = None
    far_records: Sequence[WireRecord] = ()

    def play(
        self, resolution: Resolution = "frame", faults: Sequence[str] = (), seconds: float | None = None
    ) -> LoopbackResult:
        """Run a session."""
        return run_loopback(
            *self._ends(),
            accessories=self._between(),
            script=self.script,
            seed=self.seed,
            resolution=resolution,
            faults=faults,
            seconds=seconds,
        )

    def record_far(self, seconds: float) -> list[WireRecord]:
        """Return the traffic at the far port of an adapter in the session of `play`, which has this duration."""
        records: list[WireRecord] = []

        def job(_send: Callable[[object], None]) -> list[WireRecord]:
            session = make_virtual_session(
                *self._ends(), accessories=self._between(), script=self.script, seed=self.seed
            )
            session.tap_inner = lambda _joint, record: records.append(record)
            session.start()
            session.run(seconds)
            return records

        return run_isolated(job, self.library)

    def _ends(self) -> tuple[str | Profile, str | Profile]:
        if self.carried is not None:
            return self.partner, self.carried
        return (self.library, self.partner) if self.role is Role.BODY else (self.partner, self.library)

    def _between(self) -> list[str]:
        return [self.library] if self.carried is not None else []

    def events(self) -> list[TimedEvent]:
        """Return what the firmware received in the session."""
        events = events_from_records(self.records, self.dialect, self.role)
        if not events:
            raise CheckFailedError("the session ends before the firmware receives anything")
        if self.far is None:
            return events
        far_events = events_from_records(self.far_records, self.far, Role.BODY, far=True)
        if not far_events:
            raise CheckFailedError("the session ends before the firmware receives anything at its far port")
        return merge(events, far_events)

    @property
    def far(self) -> Dialect | None:
        """The dialect of an adapter's far port."""
        return None if self.carried is None else load_dialect(self.carried.dialect)

    def ports(self) -> list[tuple[int, Dialect, Role]]:
        """Return the ports of the firmware: what is added to its actions there, the dialect, and its end."""
        near = (0, self.dialect, self.role)
        return [near] if self.far is None else [near, (FAR, self.far, Role.BODY)]

    def instance(self, late_us: int = 0) -> FirmwareInstance:
        """Return a new instance in this process, without its first call."""
        library = self._load()
        return FirmwareInstance(library, self.role, self.dialect, self.far, late_us=late_us)

    def started(self, now_us: int = 0) -> FirmwareInstance:
        """Return a new instance after its first call."""
        instance = self.instance()
        instance.start(now_us, self.seed, self._config())
        return instance

    def _config(self) -> str:
        return self.script if self.role is Role.BODY else self.library.partition("#")[2]

    def _load(self) -> FirmwareLibrary:
        library = load_firmware(self.library.partition("#")[0])
        page = ctypes.addressof(ctypes.c_char.from_buffer(progress_page()))
        library.guard(page, with_alarm=in_session_process())
        return library


Check = Callable[[CheckContext], str]
"""Checks a firmware; returns what was seen, and raises `CheckFailedError` where a rule is broken."""


def _require(kept: bool, text: str) -> None:
    if not kept:
        raise CheckFailedError(text)


def check_firmware(library: str, partner: str | None = None, script: str = "", seed: int = 1) -> list[CheckResult]:
    """Run every check.

    Args:
        library: path of the firmware.
        partner: profile of the other end; `None` for the usual one of the dialect. For an adapter it is the lens that
            it carries.
        script: what the body does; empty for the dialect's check script.
        seed: seed of the sessions.

    Raises:
        FirmwareError: the library cannot be loaded.
        ProfileError, ScriptError: the partner or the script is unknown.
    """
    profile = firmware_profile(library)
    dialect, roles = load_dialect(profile.dialect), get_roles(profile.dialect)
    script, carried = script or roles.check_script, None
    if profile.place is Place.ACCESSORY:
        far = get_roles(str(getattr(profile.settings, "far_dialect", "")))
        role, other = Role.LENS, roles.default_body
        carried = load_profile(partner or far.default_lens, Role.LENS)
    else:
        role = Role(profile.place.value)
        other = partner or (roles.default_body if role is Role.LENS else roles.default_lens)
    context = CheckContext(library, role, dialect, load_profile(other, role.peer), script, seed, carried=carried)
    session = context.play()
    results = [_result("session", _check_session, context, session)]
    context = replace(context, records=tuple(session.records))
    if carried is not None:
        # Without records of the far port, as of an adapter that crashes, each check that needs them fails.
        with suppress(FirmwareDiedError):
            context = replace(context, far_records=tuple(context.record_far(session.seconds)))
    # The memory of a worker is in its own process, where nothing copies it.
    left_out = {"copy and continue"} if library.partition("#")[0].endswith(WORKER_SUFFIX) else set[str]()
    return [*results, *(_result(name, check, context) for name, check in CHECKS.items() if name not in left_out)]


def _result(name: str, check: Callable[..., str], *arguments: object) -> CheckResult:
    context = arguments[0]
    assert isinstance(context, CheckContext)

    def job(_send: Callable[[object], None]) -> CheckResult:
        try:
            return CheckResult(name, True, check(*arguments))
        except CheckFailedError as error:
            return CheckResult(name, False, str(error))

    try:
        return run_isolated(job, context.library)
    except FirmwareDiedError as error:
        return CheckResult(name, False, str(error))


def _check_session(_context: CheckContext, session: LoopbackResult) -> str:
    faults = [notice.text for notice in session.notices if notice.kind is NoticeKind.FIRMWARE_FAULT]
    _require(not faults, faults[0] if faults else "")
    errors = session.errors
    _require(not errors, f"{len(errors)} errors; the first: {errors[0].text if errors else ''}")
    return f"{session.tally.valid} frames in {session.seconds:.3f} s, no error"


def _digest(records: Sequence[WireRecord]) -> str:
    return hashlib.sha256(repr(list(records)).encode()).hexdigest()


def _check_repeat(context: CheckContext) -> str:
    again = context.play().records
    _require(_digest(again) == _digest(context.records), f"{_difference(context.records, again)} differs")
    return f"{len(again)} records, equal to the byte"


def _check_bytes(context: CheckContext) -> str:
    again = context.play("byte").records
    _require(
        _digest(again) == _digest(context.records),
        f"{_difference(context.records, again)} differs where bytes arrive one by one; act when a frame is whole, "
        "and not once for each call",
    )
    return "the same recording, byte by byte and frame by frame"


def _difference(one: Sequence[WireRecord], two: Sequence[WireRecord]) -> str:
    pairs = enumerate(zip(one, two, strict=False))
    number = next((at for at, (first, second) in pairs if first != second), min(len(one), len(two)))
    at = one[number].at if number < len(one) else None
    return f"record {number}" + ("" if at is None else f" at {at:.6f} s")


def _alone(context: CheckContext) -> list[tuple[int, bytes]]:
    instance = context.started()
    instance.feed(context.events())
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    _require(bool(instance.actions), "it did nothing in the whole session, so there is nothing to compare")
    actions = list(instance.actions)
    instance.close()
    return actions


def _check_second(context: CheckContext) -> str:
    first, second = _alone(context), _alone(context)
    _require(first == second, f"a second instance acts otherwise from {_first_difference(first, second)} on; "
             "keep all state in the instance memory")  # fmt: skip
    return f"{len(first)} groups of actions, the same in both"


def _check_two(context: CheckContext) -> str:
    alone = _alone(context)
    pair = [context.started(), context.started()]
    feed_by_turns(pair, context.events())
    for instance in pair:
        _require(instance.fault is None, instance.fault.line() if instance.fault else "")
        _require(
            instance.actions == alone,
            f"two instances affect each other from {_first_difference(alone, instance.actions)} on; keep all state in "
            "the instance memory",
        )
    return "two instances by turns act as one alone"


def _first_difference(one: Sequence[tuple[int, bytes]], two: Sequence[tuple[int, bytes]]) -> str:
    pairs = zip(one, two, strict=False)
    at = next((first[0] for first, second in pairs if first != second), 0)
    return f"{at * 1e-6:.6f} s"


def _check_copies(context: CheckContext) -> str:
    events, alone = context.events(), _alone(context)
    for part in COPIES:
        cut = int(len(events) * part)
        instance = context.started()
        instance.feed(events[:cut])
        state, before = instance.save(), list(instance.actions)
        for _ in range(2):
            instance.restore(state)
            instance.actions[:] = before
            instance.feed(events[cut:])
            _require(instance.fault is None, instance.fault.line() if instance.fault else "")
            _require(
                instance.actions == alone,
                f"after a copy of its memory at event {cut} it acts otherwise from "
                f"{_first_difference(alone, instance.actions)} on; no other memory may keep state",
            )
        instance.close()
    return f"copied at {len(COPIES)} moments, continued twice from each: the same actions"


def _check_wrap(context: CheckContext) -> str:
    events, alone = context.events(), _alone(context)
    by = (1 << 32) - events[len(events) // 2].at_us
    instance = context.started(by)
    instance.feed(shift(events, by))
    moved = [(at - by, actions) for at, actions in instance.actions]
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    _require(
        moved == alone,
        f"where its time passes 2^32 us it acts otherwise from {_first_difference(alone, moved)} on; keep times in "
        "64 bits",
    )
    return "the same actions where its time passes 2^32 us"


def _check_late(context: CheckContext) -> str:
    instance = context.instance(late_us=200)
    instance.start(0, context.seed)
    instance.feed(context.events())
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    _require(bool(instance.actions), "with timers 200 us late it does nothing")
    return "timers 200 us late: no fault"


def _decode(actions: Sequence[tuple[int, bytes]]) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield time, kind, value and data of each action."""
    for now_us, raw in actions:
        at = 0
        while at < len(raw):
            kind, value, size = ACTION_HEAD.unpack_from(raw, at)
            yield now_us, kind, value, raw[at + ACTION_HEAD.size : at + ACTION_HEAD.size + size]
            at += ACTION_HEAD.size + ((size + 3) & ~3)


def _check_lines(context: CheckContext) -> str:
    actions, found = list(_decode(_alone(context))), list[str]()
    for offset, dialect, role in context.ports():
        lines = dialect.wiring.lines
        driven = sorted({value >> 1 for _, kind, value, _ in actions if kind == LINE + offset})
        foreign = [
            lines[number] if number < len(lines) else f"line {number}"
            for number in driven
            if number >= len(lines) or dialect.drivers[lines[number]] is not role
        ]
        _require(not foreign, f"it drives {', '.join(foreign)}, which the {role.value} does not")
        _require(bool(driven) or context.far is None, f"it drives no line of its port to {dialect.name}")
        found += [lines[number] for number in driven]
    return f"it drives {', '.join(found) or 'no line'}"


def _check_rates(context: CheckContext) -> str:
    actions, found = list(_decode(_alone(context))), set[int]()
    for offset, dialect, _ in context.ports():
        rates = {value for _, kind, value, _ in actions if kind == BAUDRATE + offset}
        foreign = sorted(rates - set(dialect.wiring.baudrates))
        _require(not foreign, f"it sets {foreign[:3]} baud; {dialect.name} has {dialect.wiring.baudrates}")
        found |= rates
    return f"rates: {', '.join(map(str, sorted(found))) or 'only the first'}"


def _check_unpowered(context: CheckContext) -> str:
    instance = context.started()
    random, at = Random(context.seed), 1000
    for _ in range(200):
        at += random.randrange(1, 5000)
        instance.run(at)
        far = context.far is not None and random.random() < 0.5
        instance.one(TimedEvent(at, random.randbytes(random.randrange(1, 40)), far=far))
    instance.run(at + QUIET_US)
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    supplies = context.dialect.wiring.lines.index(context.dialect.supply) << 1 | 1
    # An adapter without a lens keeps the detect line of its near port high.
    detects = context.dialect.wiring.lines.index(context.dialect.detect) << 1 | 1
    for now_us, kind, value, data in _decode(instance.actions):
        if context.role is Role.BODY and kind == LINE and value == supplies:
            # A body supplies the lens by itself; from here on its lines may be high.
            return "nothing is sent or driven high before it gives the supply"
        sends, high = kind in (TRANSMIT, TRANSMIT + FAR), kind in (LINE, LINE + FAR) and bool(value & 1)
        _require(not sends, f"it sends {len(data)} bytes at {now_us} us, before there is a supply")
        allowed = context.far is not None and kind == LINE and value == detects
        _require(not high or allowed, f"it drives a line high at {now_us} us, before there is a supply")
    return "without a supply nothing is sent or driven high"


def _check_noise(context: CheckContext) -> str:
    """Noise, damaged frames and a flood in the middle of a session; the queue stays bounded and empties."""
    events, random = context.events(), Random(context.seed)
    cut = int(len(events) * 0.4)
    instance = context.started()
    instance.feed(events[:cut])
    at, first = events[cut].at_us, len(instance.actions)
    pieces = [event.data for event in events if event.data]
    _require(bool(pieces), "in the session it receives no byte")
    for _ in range(3000):
        at += random.choice((1, 10, 100))
        far = context.far is not None and random.random() < 0.5
        data = random.randbytes(random.randrange(1, 64)) if random.random() < 0.5 else b"".join(
            random.choices(pieces, k=random.randrange(1, 64))
        )  # fmt: skip
        instance.run(at)
        instance.one(TimedEvent(at, data, far=far))
        _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    limit_s, sent = (at - events[cut].at_us) * 1e-6 + MAX_QUEUE_S + 60, 0
    flood = list(_decode(instance.actions[first:]))
    for offset, dialect, _ in context.ports():
        queued = sum(len(data) for _, kind, _, data in flood if kind == TRANSMIT + offset)
        needs_s = transmission_time(queued, min(dialect.wiring.baudrates))
        _require(needs_s <= limit_s, f"it queues {queued} bytes on its {dialect.name} port under a flood")
        sent += queued
    instance.run(at + QUIET_US)
    end = len(instance.actions)
    instance.run(at + 2 * QUIET_US)
    late = list(_decode(instance.actions[end:]))
    for offset, dialect, _ in context.ports():
        sends = sum(kind == TRANSMIT + offset for _, kind, _, _ in late)
        _require(
            sends < 2000, f"{QUIET_US / 1e6:g} s after a flood it still sends {sends} times on its {dialect.name} port"
        )
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    return f"3000 runs of noise: {sent} bytes sent, no fault"


def _check_restart(context: CheckContext) -> str:
    session = context.play(faults=["detach at=0.4s for=200ms"], seconds=MAX_SESSION_S / 4)
    faults = [error.text for error in session.errors if "firmware" in error.text]
    _require(not faults, faults[0] if faults else "")
    late = [frame for frame in session.frames if frame.sender is context.role and (frame.at or 0.0) > 0.7]
    _require(bool(late), "after a loss of power at 0.4 s for 200 ms it sends no frame")
    _require(not session.violations, f"it {session.violations[0] if session.violations else ''}")
    return f"off for 200 ms: {len(late)} frames after it"


def _check_timers(context: CheckContext) -> str:
    instance = context.started()
    instance.feed(context.events())
    _require(instance.next_us == NEVER or instance.next_us < 1 << 62, "a timer is set to an absurd time")
    _require(instance.fault is None, instance.fault.line() if instance.fault else "")
    return "timers within the session"


CHECKS: Mapping[str, Check] = {
    "same twice": _check_repeat,
    "byte and frame": _check_bytes,
    "second instance": _check_second,
    "two instances": _check_two,
    "copy and continue": _check_copies,
    "restart": _check_restart,
    "unpowered": _check_unpowered,
    "own lines": _check_lines,
    "known rates": _check_rates,
    "timers": _check_timers,
    "late timers": _check_late,
    "long time": _check_wrap,
    "noise and flood": _check_noise,
}
"""Name -> check."""
