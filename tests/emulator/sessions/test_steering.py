"""A virtual session that is paced, stepped and changed while it runs."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.faults.registry import known_faults
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback
from lensmount_emulator.sessions.virtual.steering import MAX_SPEED, MAX_STEPS, parse_order, parse_orders
from lensmount_emulator.sessions.virtual_session import (
    MAX_ADVANCE_S,
    MAX_STEP_S,
    SessionObserver,
    VirtualSession,
    make_plain_mount,
)
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.errors import FaultError, LocalProtocolError, ProfileError, ScriptError
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

PAIRS = {"emount": ("nex7", "sel2870"), "lmount": ("panasonic-s1r", "panasonic-s-pro-70-200mm-f4")}
SCRIPTS = {"emount": "focus +20; wait 0.1; aperture f/8", "lmount": "focus near; zoom 140; wait 0.1"}
STREAMING = {"emount": "STREAMING", "lmount": "READY"}
START_S = 2.0
"""Virtual seconds after which both ends stream."""

DIALECTS = pytest.mark.parametrize("dialect", PAIRS)


class Played:
    """A session that has started, with its records and notices."""

    def __init__(self, dialect: str, seconds: float = START_S, script: str = "", *faults: str) -> None:
        self.records: list[WireRecord] = []
        self.notices: list[Notice] = []
        self.session = make_virtual_session(
            *PAIRS[dialect],
            seed=3,
            script=script,
            faults=faults,
            tap=self.records.append,
            on_notice=self.notices.append,
        )
        self.session.start()
        self.session.run(seconds)


def pass_time_at_random(session: VirtualSession, until: float, random: Random) -> None:
    """Pass time by steps, at a pace and at once, with pauses."""
    clock = 50.0
    acts: list[Callable[[], object]] = [
        session.step,
        session.pause,
        session.resume,
        lambda: setattr(session, "speed", random.choice([0.1, 1.0, 7.0])),
        lambda: session.run(min(until, session.now + 0.02 * random.random())),
    ]
    while session.now < until - MAX_STEP_S / 10:
        random.choice(acts)()
        for _ in range(3):
            clock += 0.01 * random.random()
            session.advance(clock)
    session.run(until)


@DIALECTS
@pytest.mark.parametrize("seed", [1, 2])
def test_pauses_steps_and_speeds_leave_the_recording_equal(dialect: str, seed: int) -> None:
    plain, steered = Played(dialect, 1.5), Played(dialect, 0.0)
    pass_time_at_random(steered.session, 1.5, Random(seed))
    assert len(plain.records) > 400
    assert steered.records == plain.records
    assert steered.notices == plain.notices


def test_a_step_ends_at_the_next_event_and_pauses() -> None:
    played = Played("emount")
    count, seen = len(played.records), len(played.notices)
    event = played.session.step()
    assert played.session.paused
    assert event is not None
    assert event in (*played.records[count:], *played.notices[seen:])
    assert played.session.now < START_S + 0.017


def test_a_step_to_a_time_returns_the_last_event() -> None:
    played = Played("emount")
    event = played.session.step(START_S + 0.1)
    assert played.session.now == START_S + 0.1
    assert event == played.records[-1]


def test_a_step_without_an_event_ends_after_a_second() -> None:
    session = make_virtual_session(*PAIRS["emount"])
    assert session.step() is None
    assert session.now == MAX_STEP_S


@pytest.mark.parametrize("speed", [0.25, 1.0, 20.0])
def test_virtual_time_follows_the_clock_at_its_speed(speed: float) -> None:
    session = Played("emount").session
    session.speed = speed
    assert session.advance(7.0) is not None
    assert session.now == START_S
    due = session.advance(7.0 + 0.1 / speed)
    assert session.now == pytest.approx(START_S + 0.1)
    assert due is not None
    assert due > 7.0 + 0.1 / speed
    before = session.now
    session.advance(due + 1e-9)
    assert 0 < session.now - before < 0.02


@pytest.mark.parametrize("speed", [1e-3, 0.3, 1.0, 7.0, 1e3, MAX_SPEED])
@pytest.mark.parametrize("clock", [0.0, 1.1e5, 1.9e9])
def test_each_due_time_reaches_its_event(speed: float, clock: float) -> None:
    session = Played("emount", 0.3).session
    session.speed = speed
    for _ in range(300):
        planned, due = session.scheduler.next_time(), session.advance(clock)
        assert planned is not None
        assert due is not None
        clock = due
    assert session.now > 0.35


def test_a_paused_session_stands_still_and_loses_no_time() -> None:
    session = Played("emount").session
    session.advance(1.0)
    session.pause()
    assert session.advance(5.0) is None
    assert session.now == START_S
    session.resume()
    session.advance(9.0)
    session.advance(9.25)
    assert session.now == pytest.approx(START_S + 0.25)


def test_a_suspended_caller_loses_the_rest_of_its_time() -> None:
    session = make_virtual_session(*PAIRS["emount"])
    session.advance(0.0)
    session.advance(1e9)
    assert session.now == MAX_ADVANCE_S
    session.advance(1e9 + 0.5)
    assert session.now == pytest.approx(MAX_ADVANCE_S + 0.5)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf"), MAX_SPEED * 2])
def test_an_impossible_speed_is_an_error(speed: float) -> None:
    with pytest.raises(ValueError, match="give more than 0"):
        make_virtual_session(*PAIRS["emount"]).speed = speed


@pytest.mark.parametrize("time", [float("nan"), float("inf")])
def test_a_time_that_never_comes_is_an_error(time: float) -> None:
    session = make_virtual_session(*PAIRS["emount"])
    session.start()
    for act in (session.run, session.advance, session.step):
        with pytest.raises(ValueError, match="give a time in seconds"):
            act(time)
    assert session.now == 0.0


@DIALECTS
def test_steps_that_are_added_equal_steps_of_the_script(dialect: str) -> None:
    text = SCRIPTS[dialect]
    scripted, added = Played(dialect, 6.0, text), Played(dialect, 0.0)
    run = added.session.do(text)
    added.session.run(6.0)
    assert run.done
    assert run.position == 3
    assert added.records == scripted.records


@DIALECTS
def test_an_idle_body_takes_steps_at_once(dialect: str) -> None:
    played = Played(dialect)
    first, second = played.session.do(SCRIPTS[dialect]), played.session.do("wait 0.1")
    played.session.run(START_S + 5.0, stop_when=lambda: first.over)
    assert (first.done, second.position) == (True, 0)
    played.session.run(played.session.now + 0.3)
    assert second.done
    assert [notice.text for notice in played.notices if notice.is_error] == []


@DIALECTS
@pytest.mark.parametrize("wait_s", [0.0, 0.05, 0.3])
def test_steps_survive_the_loss_of_the_lens(dialect: str, wait_s: float) -> None:
    played = Played(dialect)
    session = played.session
    run = session.do(SCRIPTS[dialect])
    session.run(session.now + wait_s)
    session.detach_lens()
    session.run(session.now + 0.2)
    later = session.do("wait 0.05")
    session.attach_lens()
    session.run(session.now + 8.0)
    assert run.done, run
    assert later.done, later


@DIALECTS
def test_a_body_that_identifies_its_lens_once_more_takes_no_step_before(dialect: str) -> None:
    played = Played(dialect)
    session = played.session
    session.detach_lens()
    session.run(session.now + 0.1)
    run = session.do("wait 0.05")
    session.run(session.now + 0.2)
    assert not run.over
    session.attach_lens()
    session.run(session.now + 3.0)
    assert run.done


def test_a_body_that_gave_up_takes_no_steps() -> None:
    played = Played("emount", 0.0, "", "drop rate=1")
    played.session.run(20.0, stop_when=lambda: played.session.body.gave_up)
    with pytest.raises(LocalProtocolError, match="gave up on the lens"):
        played.session.do("wait 1")


def test_steps_are_bounded() -> None:
    session = make_virtual_session(*PAIRS["emount"])
    session.do("wait 1;" * MAX_STEPS)
    with pytest.raises(LocalProtocolError, match="at most 10000 steps"):
        session.do("wait 1")


@pytest.mark.parametrize("text", ["fous 3", "focus zz"])
def test_bad_steps_change_nothing(text: str) -> None:
    session = make_virtual_session(*PAIRS["emount"])
    with pytest.raises(ScriptError):
        session.do(f"wait 1; {text}")
    assert session.body.script == ()


def test_orders_are_read_back_from_their_text_in_the_order_of_time() -> None:
    given = [
        "2 detach",
        "0.1 script focus +20; wait 0.1",
        "1.25s fault drop rate=0.1",
        "0.30000000000000004 operate zoom 70",
    ]
    orders = parse_orders(given)
    assert [order.at for order in orders] == [0.1, 0.30000000000000004, 1.25, 2.0]
    assert [order.kind for order in orders] == ["script", "operate", "fault", "detach"]
    assert [parse_order(str(order)) for order in orders] == orders


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("focus +20", "begin with the virtual time"),
        ("-1 detach", "begin with the virtual time"),
        ("inf detach", "begin with the virtual time"),
        ("1 focus +20", "unknown kind of order 'focus'"),
        ("1 script", "takes a text after it"),
        ("1 detach now", "takes no text"),
    ],
)
def test_a_bad_order_is_an_error_of_the_caller(text: str, why: str) -> None:
    with pytest.raises(ScriptError, match=why):
        parse_order(text)


@pytest.mark.parametrize("order", ["1 script fous 3", "1 fault nothing", "1 operate wait 3", "now detach"])
def test_a_bad_order_is_reported_before_anything_is_written(
    order: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "none.lmx"
    assert main(["loopback", "--order", order, "--duration", "2", "--record", str(path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not path.exists()


def test_orders_of_a_whole_session_are_those_of_one_that_is_steered() -> None:
    played = Played("lmount", 0.7)
    session = played.session
    for at, change in ((0.7, lambda: session.operate("zoom 140")), (1.1, lambda: session.do("focus near"))):
        session.run(at)
        change()
    session.run(2.0)
    result = run_loopback(
        *PAIRS["lmount"], seed=3, seconds=2.0, orders=["1.1 script focus near", "0.7 operate zoom 140"]
    )
    steered = list(played.records)
    assert len(steered) > 400
    assert result.records[: len(steered)] == steered
    plain = run_loopback(*PAIRS["lmount"], seed=3, seconds=2.0)
    assert plain.records[: len(steered)] != steered


def test_an_operator_acts_at_once_and_never_waits() -> None:
    session = Played("lmount").session
    session.operate("zoom 140")
    session.run(session.now + 1.0)
    assert session.body.connection.state == "READY"
    with pytest.raises(ScriptError, match="unknown script verb 'wait'"):
        session.operate("zoom 100; wait 3")


FAULTS = {"baud": "by=12%", "bitflip": "rate=0.01", "stuck-bytes": "for=50ms", "drift": "by=10%", "jitter": "by=3ms"}


def reattach(played: Played) -> tuple[list[WireRecord], list[Notice]]:
    """Take the lens off for a moment, so that faults of contacts and of the start act as well."""
    played.session.run(START_S + 0.2)
    played.session.detach_lens()
    played.session.run(START_S + 0.25)
    played.session.attach_lens()
    played.session.run(START_S + 0.8)
    return played.records, played.notices


@DIALECTS
def test_every_fault_can_start_while_the_session_runs(dialect: str) -> None:
    plain = reattach(Played(dialect))
    without_effect: list[str] = []
    for name in known_faults():
        if known_faults()[name].NEEDS_CLOCK:
            continue
        played = Played(dialect)
        fault = played.session.inject(" ".join([name, FAULTS.get(name, "")]).strip())
        assert fault.since == START_S
        if reattach(played) == plain:
            without_effect.append(name)
    assert without_effect == []


def test_a_later_fault_is_the_same_for_the_same_seed() -> None:
    recorded: list[list[WireRecord]] = []
    for _ in range(2):
        played = Played("emount")
        for _ in range(2):
            played.session.inject("bitflip rate=1e-3")
        played.session.run(START_S + 0.5)
        recorded.append(played.records)
    assert recorded[0] == recorded[1]


def test_a_drifting_lens_is_late_from_then_on() -> None:
    def period(played: Played, line: str) -> float:
        falls = [
            one.at or 0.0 for one in played.records if isinstance(one, Edge) and one.line == line and not one.level
        ]
        late = [at for at in falls if at > START_S + 0.5]
        return (late[-1] - late[0]) / (len(late) - 1)

    played = Played("emount")
    before = Played("emount", START_S + 2.0)
    played.session.inject("drift from=body by=10%")
    played.session.run(START_S + 2.0)
    assert period(played, "VD") == pytest.approx(period(before, "VD") * 1.1, rel=1e-3)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("nothing", FaultError),
        ("stuck-line line=NO", FaultError),
        ("swap-lens lens=none-such", ProfileError),
        ("swap-lens lens=panasonic-s-pro-70-200mm-f4", ProfileError),
    ],
)
def test_a_bad_fault_is_an_error_of_the_caller(fault: str, kind: type[Exception]) -> None:
    session = make_virtual_session(*PAIRS["emount"])
    with pytest.raises(kind):
        session.inject(fault)


def test_a_plain_mount_takes_no_faults() -> None:
    made = make_virtual_session(*PAIRS["emount"])
    session = VirtualSession(made.dialect, made.body, made.lens, mount_factory=make_plain_mount)
    with pytest.raises(FaultError, match="takes no faults"):
        session.inject("bitflip")


class Watcher(SessionObserver):
    """Keeps what it sees, and pauses the session at a frame."""

    def __init__(self, session: VirtualSession, pause_at: int = 0) -> None:
        self.session = session
        self.pause_at = pause_at
        self.records: list[WireRecord] = []
        self.frames: list[tuple[Role, bytes]] = []

    def on_record(self, record: WireRecord) -> None:
        self.records.append(record)

    def on_frame(self, role: Role, arrival: ReceivedFrame) -> None:
        self.frames.append((role, arrival.frame.raw))
        if len(self.frames) == self.pause_at:
            self.session.pause()


def test_an_observer_sees_records_and_frames_of_both_ends_and_of_the_next_lens() -> None:
    played = Played("emount")
    watcher = Watcher(played.session)
    played.session.observe(watcher)
    count = len(played.records)
    played.session.run(START_S + 0.2)
    assert watcher.records == played.records[count:]
    assert {role for role, _ in watcher.frames} == set(Role)
    sent = [record.data for record in watcher.records if isinstance(record, Burst)]
    assert all(any(raw in data for data in sent) for _, raw in watcher.frames[2:])
    played.session.inject("swap-lens for=50ms")
    played.session.run(START_S + 0.4)
    watcher.frames.clear()
    played.session.run(START_S + 4.0)
    assert sum(role is Role.LENS for role, _ in watcher.frames) > 100


def test_an_observer_is_a_breakpoint() -> None:
    played, plain = Played("emount"), Played("emount", START_S + 1.0)
    played.session.observe(Watcher(played.session, pause_at=5))
    played.session.run(START_S + 1.0)
    assert played.session.paused
    assert START_S < played.session.now < START_S + 0.2
    played.session.run(START_S + 1.0)
    assert played.records == plain.records
