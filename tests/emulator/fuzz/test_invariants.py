"""Each invariant notices what breaks it, and nothing of a session that is right."""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.fuzz.invariants import (
    INVARIANTS,
    MAX_SCHEDULED,
    check_session,
    compare_recordings,
    is_idle,
    loop_period,
    recovery_failure,
    stream_window,
    wait_for_recovery,
)
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.fuzz.scenario import Scenario, get_profile
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult
from lensmount_emulator.fuzz.session_fuzzer import violation_kind
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import LocalTransitionError
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.timing import TimingRule, first_bit
from lensmount_protocol.wire import DriveLine, Edge, Received, Role

PAIRS = {"emount": ("a6000", "viltrox-ef50"), "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")}


def watch_of(dialect: str, script: str = "") -> SessionMonitor:
    body, lens = PAIRS[dialect]
    watch = SessionMonitor(SessionConfig(get_profile(body), get_profile(lens), script, 7))
    watch.session.start()
    watch.run(0.6)
    return watch


@pytest.mark.parametrize("dialect", PAIRS)
def test_a_session_that_is_right_breaks_none(dialect: str) -> None:
    watch = watch_of(dialect)
    check_session(watch)
    assert watch.violations == []
    assert wait_for_recovery(watch, 1.0)
    assert not is_idle(watch)


def no_exception(watch: SessionMonitor) -> None:
    watch.session.scheduler.call_at(watch.now + 0.01, lambda _none, _now: [][0], None)


def only_frames(watch: SessionMonitor) -> None:
    watch.session.body.transmit(b"\xff\xff\xff")


def unreadable(watch: SessionMonitor) -> None:
    watch.session.lens.transmit(watch.dialect.build_frame(b"\xfe\x00\x00", 1, 0))


def unpowered(watch: SessionMonitor) -> None:
    watch.session.detach_lens(watch.now)
    watch.run(watch.now + 0.01)
    watch.mount.apply(Role.LENS, DriveLine(watch.dialect.select_line(Role.LENS), True))


def holds_without_supply(watch: SessionMonitor) -> None:
    watch.session.body.stop_tasks()
    watch.mount.apply(Role.BODY, DriveLine(watch.dialect.supply, False))
    watch.run(watch.now + 0.01)
    watch.mount.levels[watch.dialect.select_line(Role.LENS)] = True
    check_session(watch)


def from_the_dead(watch: SessionMonitor) -> None:
    watch.mount.apply(Role.BODY, DriveLine(watch.dialect.supply, False))
    watch.run(watch.now + 0.001)
    watch.mount._ends[Role.BODY].on_event(Received(b"\x55"), watch.now)


def body_feeds(watch: SessionMonitor) -> None:
    watch.session.detach_lens(watch.now)
    watch.run(watch.now + 0.01)
    watch.session.body.drive(watch.dialect.select_line(Role.BODY), True)


def body_sends(watch: SessionMonitor) -> None:
    watch.session.detach_lens(watch.now)
    watch.run(watch.now + 0.01)
    watch.session.body.transmit(watch.dialect.build_frame(b"\xfe\x00\x00", 1, 0))


def answered(watch: SessionMonitor) -> None:
    # The body forgets what it asked, and so does not ask again.
    kind = watch.dialect.messages[(Role.BODY, 0x0B if watch.dialect.name == "emount" else 0x08)]
    watch.session.body.transmit(
        watch.dialect.build_frame(kind().build(), 2 if watch.dialect.name == "emount" else 3, 0)
    )
    watch.session.lens.stop_tasks()
    watch.session.lens.rx_enabled = False
    # Not so long that the body has noticed.
    watch.run(watch.now + watch.traits.reply_timeout(0x0B) + 0.01)
    check_session(watch)


def test_a_request_without_an_answer_is_named_with_its_bytes() -> None:
    watch = watch_of("emount")
    answered(watch)
    (text,) = [one.text for one in watch.violations if one.invariant == "answered"]
    assert re.fullmatch(
        r"the body sent 0b Query0B \(bytes f0 [0-9a-f ]+ 55\) at 0\.\d{4} s, and neither has an answer nor asks .*",
        text,
    )
    outcome = ScenarioResult(Scenario("emount", *PAIRS["emount"]), watch.violations, 0, [])
    # The same message with other bytes is the same kind.
    other = watch.violations[0]._replace(text=text.replace("(bytes f0 ", "(bytes f0 aa "))
    assert violation_kind(outcome) == violation_kind(replace(outcome, violations=[other]))
    assert "Query" in violation_kind(outcome)


def lost(watch: SessionMonitor) -> None:
    check_session(watch)
    watch.unrecorded[Role.LENS] += b"one that is recorded nowhere"


def not_heard(watch: SessionMonitor) -> None:
    check_session(watch)
    watch.recorded[Role.LENS] += b"one that nobody heard"


def swapped(watch: SessionMonitor) -> None:
    check_session(watch)
    watch.recorded[Role.BODY] += b"ab"
    watch.unrecorded[Role.LENS] += b"ba"


def edge_lost(watch: SessionMonitor) -> None:
    line = watch.dialect.select_line(Role.BODY)
    watch.last_edge[line] = not watch.mount.levels[line]
    check_session(watch)


def no_gap(watch: SessionMonitor) -> None:
    for level in (True, False, True, False):
        watch.session.body.drive(watch.dialect.select_line(Role.BODY), level)


def held_back(watch: SessionMonitor) -> None:
    # A reader that does not hear that the window is closed.
    end = watch.session.lens
    end.connection.keeps_windows = False
    watch.session.body.drive(watch.dialect.select_line(Role.BODY), True)
    watch.session.body.transmit(bytes((watch.dialect.formats[Role.BODY].start, 40, 0)))
    watch.run(watch.now + 0.0002)
    watch.session.body.drive(watch.dialect.select_line(Role.BODY), False)


def across(watch: SessionMonitor) -> None:
    end = watch.session.lens
    end.connection.keeps_windows = False
    frame = watch.dialect.build_frame(b"\xfe\x00\x00", 1, 0)
    for part in (frame[:4], frame[4:]):
        watch.session.body.drive(watch.dialect.select_line(Role.BODY), True)
        watch.session.body.transmit(part)
        watch.run(watch.now + 0.0003)
        watch.session.body.drive(watch.dialect.select_line(Role.BODY), False)


def within_limits(watch: SessionMonitor) -> None:
    lens: Any = watch.session.lens
    if watch.dialect.name == "emount":
        lens.iris.current = lens.iris.narrowest + lens.iris.offset + 5000
    else:
        lens.focus.lower = 10_000


def teleported(watch: SessionMonitor) -> None:
    lens: Any = watch.session.lens
    watch.sample_positions()
    if watch.dialect.name == "emount":
        lens.iris.current = lens.iris.narrowest + lens.iris.offset
    else:
        lens.focus._group = lens.focus.upper if lens.focus.position(watch.now) < 500 else 0


def miscounted(watch: SessionMonitor) -> None:
    lens = watch.dialect.name == "lmount"
    frame = watch.dialect.build_frame(b"\xfe\x00\x00", 1, 0x77 if lens else 0xF3)
    watch.session.body.transmit(frame)


def supply_without_state(watch: SessionMonitor) -> None:
    watch.session.body.connection.state = watch.dialect.transitions.initial
    check_session(watch)


def in_tables(watch: SessionMonitor) -> None:
    error = LocalTransitionError("order by the body is not legal in state ASLEEP; legal there: nothing")
    watch.session.body.report_error(error)


def bounded(watch: SessionMonitor) -> None:
    watch.session.body.compatibility_results += [None] * 2000  # type: ignore[list-item]


def kept_in_vain(watch: SessionMonitor) -> None:
    # A topic of which nothing is ever heard, and a task that is over.
    body = watch.session.body
    body.spawn(_waits())
    running = next(reversed(body._running))
    running.wait = None
    check_session(watch)


def _waits() -> Task:
    yield Wait(None, lambda: False, ("nothing of the kind",))


def endless(watch: SessionMonitor) -> None:
    watch._rx_boundaries[Role.LENS].count += 100_000
    check_session(watch)


BREAKS: dict[str, tuple[Callable[[SessionMonitor], None], ...]] = {
    "no exception": (no_exception,),
    "valid frames only": (only_frames, unreadable, no_gap),
    "no back-powering": (unpowered, holds_without_supply, from_the_dead, body_feeds, body_sends),
    "answered": (answered,),
    "recorded": (lost, not_heard, swapped, edge_lost),
    "frame boundaries": (held_back, across),
    "within limits": (within_limits,),
    "speed limits": (teleported,),
    "state machine": (in_tables, miscounted, supply_without_state),
    "bounded memory": (bounded, kept_in_vain, endless),
}


@pytest.mark.parametrize("dialect", PAIRS)
@pytest.mark.parametrize(("name", "broken"), [(name, one) for name, some in BREAKS.items() for one in some])
def test_each_notices_its_break(dialect: str, name: str, broken: Callable[[SessionMonitor], None]) -> None:
    watch = watch_of(dialect)
    watch.run_guarded(lambda: broken(watch))
    watch.run(watch.now + 0.002)
    watch.sample_positions()
    watch.run(watch.now + 0.9)
    if not watch.crashed:
        check_session(watch)
    assert name in {complaint.invariant for complaint in watch.violations}


def test_none_is_without_a_break() -> None:
    # `firmware` and `rules` are those of firmware in C, and have their breaks in tests/emulator/firmware.
    assert set(INVARIANTS) == {*BREAKS, "recovers", "fault-free session", "deterministic", "firmware", "rules"}


def test_a_session_that_does_not_find_back_has_not_recovered() -> None:
    watch = watch_of("lmount")
    watch.session.lens.stop_tasks()
    watch.session.lens.receive = lambda _event, _now: None  # type: ignore[method-assign]
    watch.mount.connect(Role.LENS, lambda _event, _now: None)
    assert not wait_for_recovery(watch, 0.5)
    assert recovery_failure(watch, 0.5).startswith("not within 0.5 s: body ")
    assert "in 0.25 s, and the body received 0, the lens received " in recovery_failure(watch, 0.5)


@pytest.mark.parametrize(("dialect", "period"), [("emount", 0.0167), ("lmount", 0.041667), ("fuji-g", 0.062)])
def test_the_period_of_the_loop_is_that_of_the_contract(dialect: str, period: float) -> None:
    assert loop_period(load_dialect(dialect), FuzzTraits()) == pytest.approx(period)


def slow_loop(contract_s: float) -> Dialect:
    """A dialect in which the body repeats 0x04 in this time at most, and the lens 0x05 in a tenth of it."""
    evidence = Evidence(EvidenceLevel.MODELLED, "this test")
    marks = {first_bit(Role.BODY, 0x04): contract_s, first_bit(Role.LENS, 0x05): contract_s / 10}
    rules = [TimingRule(str(mark), mark, mark, 0, bound * 1e6, evidence) for mark, bound in marks.items()]
    # A slow frame beside a fast one of the same end does not make the loop slow.
    rules.append(TimingRule("slow", first_bit(Role.LENS, 0x06), first_bit(Role.LENS, 0x06), 0, 9e6, evidence))
    return replace(load_dialect("emount"), timing=tuple(rules), wiring=replace(load_dialect("emount").wiring, sync=""))


def test_a_slower_loop_has_a_longer_window() -> None:
    dialect = slow_loop(0.15)
    assert loop_period(dialect, FuzzTraits()) == 0.15
    assert stream_window(dialect, FuzzTraits()) == pytest.approx(0.75)
    assert stream_window(dialect, FuzzTraits(loop_period_s=0.4)) == pytest.approx(2.0)
    assert stream_window(slow_loop(0.01), FuzzTraits()) == 0.25


@pytest.mark.parametrize(("period_s", "expected"), [(0.0, False), (0.6, True)])
def test_a_session_recovers_at_the_pace_of_its_loop(period_s: float, expected: bool) -> None:
    watch = watch_of("lmount")
    watch.traits = replace(watch.traits, loop_period_s=period_s)
    # What arrives is counted as it would be in a loop that is fifteen times slower.
    arrived = dict.fromkeys(Role, 0)

    class Slowed(dict[Role, int]):
        def __setitem__(self, role: Role, count: int) -> None:
            arrived[role] += 1
            super().__setitem__(role, arrived[role] // 15)

    watch.stream_frames = Slowed(dict.fromkeys(Role, 0))
    assert wait_for_recovery(watch, 4.0) is expected


def test_a_session_that_repeats_and_one_that_does_not() -> None:
    assert list(compare_recordings(lambda file: file.write(b"one\ntwo\n"))) == []
    times = iter((b"one\ntwo\n", b"one\nthree\n", b"one\n", b"one\ntwo\n"))

    def play(file: io.BytesIO) -> None:
        file.write(next(times))

    assert "line 2 of the recording differs" in next(compare_recordings(play))
    assert "one recording has 1 lines" in next(compare_recordings(play))


def test_complaints_of_a_kind_are_bounded() -> None:
    watch = watch_of("lmount")
    for number in range(100):
        watch.report_violation("bounded memory", str(number))
    assert len(watch.violations) == 20
    assert Edge(0.0, "VD", True)


@pytest.mark.parametrize("more", [0, 1])
def test_the_scheduler_of_the_session_has_one_bound(more: int) -> None:
    watch = watch_of("lmount")
    scheduler = watch.session.scheduler
    for number in range(MAX_SCHEDULED + more - len(scheduler)):
        scheduler.call_at(1e6 + number, lambda _argument, _now: None, None)
    check_session(watch)
    found = [one.text for one in watch.violations if one.invariant == "bounded memory"]
    assert found == ["2001 events are scheduled; 2000 are enough"] * more
