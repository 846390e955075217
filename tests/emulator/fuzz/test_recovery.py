"""Sessions with one fault each: a fixed share of the figure that `make recovery` gives at length."""

from lensmount_emulator.faults.registry import BUILT_IN
from lensmount_emulator.fuzz.recovery import case_of, main, run_case, run_cases
from lensmount_emulator.fuzz.traits import fuzzed_dialects

DIALECTS = fuzzed_dialects()

SESSIONS = 160


def test_every_session_streams_again_or_comes_to_a_declared_end() -> None:
    came = run_cases(DIALECTS, SESSIONS, 3)
    assert came.sessions == came.streamed + came.ended + came.plain == SESSIONS, [str(case) for case, _ in came.broken]
    assert len(came.by_fault) >= len(BUILT_IN) - 4


def test_a_session_by_its_number_is_the_same_each_time() -> None:
    for dialect in DIALECTS:
        cases = [case_of(dialect, 3, 7) for _ in range(2)]
        assert cases[0][0] == cases[1][0] != case_of(dialect, 3, 8)[0]
        one, two = (run_case(*case) for case in cases)
        assert (one.now, one.notices, one.heard) == (two.now, two.notices, two.heard)


def test_the_program_gives_its_figures(monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("sys.argv", ["recovery", "--sessions", "4"])
    assert main() == 0
    assert "100.00 % recovered" in capsys.readouterr().out
