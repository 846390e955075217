"""Replays in virtual time: in the recording's own time, and waiting for the peer at each step."""

from collections.abc import Iterable

import pytest

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.peer_replay import (
    DRAIN_S,
    ExpectFrame,
    ExpectLevel,
    RecordedPeer,
    SendStep,
    replay_steps,
    require_times,
)
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
)

DIALECT = load_dialect("emount")
LINES = frozenset(DIALECT.wiring.lines)


def records_of(script: str = "wait 0.1; sleep") -> list[WireRecord]:
    return run_loopback("a6000", "sel55210", script=script, seed=2).records


def run_alone(replay: RecordedPeer, events: Iterable[tuple[float, WireEvent]] = ()) -> list[tuple[float, WireAction]]:
    """Play in virtual time, with events of the peer at their times; gives what was done and when."""
    done: list[tuple[float, WireAction]] = []
    pending = sorted(events, key=lambda timed: timed[0])
    now = 100.0
    replay.start(now)
    for _ in range(1_000_000):
        done += [(now - 100.0, action) for action in replay.actions()]
        if replay.over:
            return done
        times = [at for at in (replay.next_deadline(), pending[0][0] + 100 if pending else None) if at is not None]
        now = max(now, min(times))
        if pending and pending[0][0] + 100 <= now:
            replay.receive(pending.pop(0)[1], now)
        else:
            replay.handle_deadline(now)
    raise AssertionError("it does not end")


@pytest.mark.parametrize("role", Role)
def test_in_its_own_time_it_does_what_the_recording_did_when_it_did_it(role: Role) -> None:
    records = records_of()
    replay = RecordedPeer(replay_steps(records, role, DIALECT), role, DIALECT, LINES, waits=False)
    done = run_alone(replay)
    ours = [
        (record.at, Transmit(record.data) if isinstance(record, Burst) else DriveLine(record.line, record.level))
        for record in records
        if (isinstance(record, Burst) and record.sender is role)
        or (isinstance(record, Edge) and DIALECT.drivers[record.line] is role)
    ]
    acted = [(at, action) for at, action in done if not isinstance(action, SetBaudrate)]
    assert [action for _, action in acted] == [action for _, action in sorted(ours, key=lambda timed: timed[0] or 0)]
    first = min(step.at or 0.0 for step in replay_steps(records, role, DIALECT) if isinstance(step, SendStep))
    late = [
        abs(at + first - (then or 0))
        for (at, _), (then, _) in zip(acted, sorted(ours, key=lambda t: t[0] or 0), strict=True)
    ]
    assert max(late) < 1e-9
    assert replay.clean


def test_the_rate_changes_in_the_silence_before_the_first_bytes_at_it() -> None:
    records = records_of()
    done = run_alone(RecordedPeer(replay_steps(records, Role.BODY, DIALECT), Role.BODY, DIALECT, LINES, waits=False))
    rates = [(at, action) for at, action in done if isinstance(action, SetBaudrate)]
    assert [action.baudrate for _, action in rates if isinstance(action, SetBaudrate)] == [1_500_000]
    fast = next(record for record in records if isinstance(record, Burst) and record.baudrate == 1_500_000)
    slow = [record for record in records if isinstance(record, Burst) and record.baudrate == 750_000]
    start = min(step.at or 0.0 for step in replay_steps(records, Role.BODY, DIALECT) if isinstance(step, SendStep))
    assert slow[-1].end is not None
    assert slow[-1].end <= rates[0][0] + start <= (fast.at or 0)


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_waiting_both_ends_of_a_recording_find_each_other_however_late(delay: float) -> None:
    records = records_of()
    replays = {
        role: RecordedPeer(replay_steps(records, role, DIALECT), role, DIALECT, LINES, waits=True, timeout=5.0)
        for role in Role
    }
    # What is sent to an end that has not begun waits in the port, as it does on a pseudo-terminal.
    begins = {Role.BODY: 0.0, Role.LENS: delay}
    ports: dict[Role, list[WireEvent]] = {role: [] for role in Role}
    now = 0.0
    while not all(replay.over for replay in replays.values()):
        for role, replay in replays.items():
            if now < begins[role]:
                continue
            if now == begins[role]:
                replay.start(now)
            for event in ports[role]:
                replay.receive(event, now)
            ports[role].clear()
            replay.handle_deadline(now)
            for action in replay.actions():
                if isinstance(action, Transmit):
                    ports[role.peer].append(Received(action.data))
                elif isinstance(action, DriveLine):
                    ports[role.peer].append(LineChanged(action.line, action.level))
        due = [replay.next_deadline() for role, replay in replays.items() if now >= begins[role]]
        later = [at for at in (*due, *begins.values()) if at is not None and at > now]
        now = min([*later, now + 1e-4] if any(ports.values()) else later, default=now)
    assert {role: replay.missed for role, replay in replays.items()} == {Role.BODY: 0, Role.LENS: 0}
    assert all(replay.clean for replay in replays.values())


REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER_OF_ANOTHER_TYPE = bytes.fromhex("f00d0002000900000000180055")


def exchange() -> list[WireRecord]:
    return [
        Burst(1.0, Role.BODY, REQUEST, 750_000, 1.001),
        Burst(1.002, Role.LENS, REQUEST, 750_000, 1.003),
        Burst(1.005, Role.BODY, REQUEST, 750_000, 1.006),
    ]


def waiting(patience: float = 2.0, records: list[WireRecord] | None = None) -> RecordedPeer:
    steps = replay_steps(exchange() if records is None else records, Role.BODY, DIALECT)
    return RecordedPeer(steps, Role.BODY, DIALECT, frozenset({"LENS_CS"}), waits=True, timeout=patience)


def sends(done: list[tuple[float, WireAction]]) -> list[float]:
    return [round(at, 6) for at, action in done if isinstance(action, Transmit)]


def test_a_step_comes_as_long_behind_the_peer_as_it_did() -> None:
    replay = waiting()
    assert sends(run_alone(replay, [(0.5, Received(REQUEST))])) == [0.0, 0.502]
    assert replay.clean


def test_another_frame_is_passed_over() -> None:
    replay = waiting()
    events = [(0.1, Received(ANSWER_OF_ANOTHER_TYPE)), (0.2, Received(REQUEST[:4])), (0.3, Received(REQUEST[4:]))]
    assert sends(run_alone(replay, events)) == [0.0, 0.302]
    assert (replay.skipped, replay.missed) == (1, 0)


def test_a_frame_that_came_early_counts() -> None:
    replay = waiting()
    assert sends(run_alone(replay, [(0.0, Received(REQUEST))])) == [0.0, pytest.approx(0.003, abs=2e-3)]
    assert replay.clean


def test_a_peer_that_stays_silent_is_missed_and_the_replay_goes_on() -> None:
    replay = waiting(patience=0.25)
    assert len(sends(run_alone(replay))) == 2
    assert (replay.missed, replay.finished, replay.clean) == (1, True, False)
    (notice,) = replay.notices()
    assert isinstance(notice, Notice)
    assert notice.is_error
    assert notice.text == "timeout after 0.25 s: the peer did not send or set a frame 0B; going on"


def test_a_frame_that_is_cut_by_silence_does_not_swallow_the_next() -> None:
    replay = waiting()
    events = [(0.1, Received(REQUEST[:6])), (0.1 + 2 * DIALECT.idle_timeout, Received(REQUEST))]
    run_alone(replay, events)
    assert replay.clean


def test_a_line_is_waited_for_and_a_pulse_that_is_over_counts() -> None:
    records: list[WireRecord] = [
        Burst(1.0, Role.BODY, REQUEST, 750_000, 1.001),
        Edge(1.1, "LENS_CS", True),
        Edge(1.2, "LENS_CS", False),
        Burst(1.3, Role.BODY, REQUEST, 750_000, 1.301),
    ]
    replay = waiting(records=records)
    pulse = [(0.4, LineChanged("LENS_CS", True)), (0.4, LineChanged("LENS_CS", False))]
    assert sends(run_alone(replay, pulse)) == [0.0, 0.5]
    assert replay.clean
    without = RecordedPeer(replay_steps(records, Role.BODY, DIALECT), Role.BODY, DIALECT, frozenset(), waits=True)
    assert len(sends(run_alone(without))) == 2
    assert without.clean


def test_it_listens_on_for_a_moment_and_then_is_over() -> None:
    replay = waiting(records=exchange()[:1])
    replay.start(5.0)
    assert replay.finished
    assert not replay.over
    assert replay.next_deadline() == 5.0 + DRAIN_S
    replay.handle_deadline(5.0 + DRAIN_S)
    assert replay.over
    assert replay.next_deadline() is None


def test_nothing_to_do_is_over_too() -> None:
    assert run_alone(waiting(records=[])) == []
    assert run_alone(waiting(records=[Annotation(0.0, "empty")])) == []


def test_a_log_without_times_is_played_only_while_waiting() -> None:
    records: list[WireRecord] = [
        Burst(None, Role.BODY, REQUEST, 750_000),
        Burst(None, Role.LENS, REQUEST, 750_000),
        Burst(None, Role.BODY, REQUEST, 750_000),
    ]
    steps = replay_steps(records, Role.BODY, DIALECT)
    with pytest.raises(CaptureError, match=r"no times.*--sync"):
        require_times(steps)
    replay = RecordedPeer(steps, Role.BODY, DIALECT, frozenset(), waits=True)
    assert sends(run_alone(replay, [(0.7, Received(REQUEST))])) == [0.0, 0.7]


def test_steps_name_what_they_wait_for() -> None:
    assert str(ExpectFrame(None, (0x05, 0x1D))) == "a frame 05+1D"
    assert str(ExpectLevel(None, "VD", False)) == "VD low"
