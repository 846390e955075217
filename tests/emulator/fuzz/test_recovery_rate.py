"""Sessions with one fault each: a fixed share of the figure that `make recovery-rate` gives at length."""

from lensmount_emulator.faults.registry import BUILT_IN_FAULTS
from lensmount_emulator.fuzz.recovery_rate import main, make_case, run_case, run_cases
from lensmount_emulator.fuzz.scenario import fuzzed_dialects

DIALECTS = fuzzed_dialects()

SESSIONS = 160


def test_every_session_streams_again_or_comes_to_a_declared_end() -> None:
    came = run_cases(DIALECTS, SESSIONS, 3)
    assert came.sessions == came.streamed + came.ended + came.fault_free == SESSIONS, [
        str(case) for case, _ in came.broken
    ]
    assert len(came.by_fault) >= len(BUILT_IN_FAULTS) - 4


def test_a_session_by_its_number_is_the_same_each_time() -> None:
    for dialect in DIALECTS:
        cases = [make_case(dialect, 3, 7) for _ in range(2)]
        assert cases[0][0] == cases[1][0] != make_case(dialect, 3, 8)[0]
        one, two = (run_case(*case) for case in cases)
        assert (one.now, one.notices, one.stream_frames) == (two.now, two.notices, two.stream_frames)


def test_the_program_gives_its_figures(monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.argv", ["recovery", "--sessions", "4"])
    assert main() == 0
    assert "100.00 % recovered" in capsys.readouterr().out
