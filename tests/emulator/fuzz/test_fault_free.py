"""Sessions without a fault, held to what only they can be held to; what is planted in them is seen."""

from collections.abc import Callable, Generator
from random import Random
from typing import Any

import pytest

from lensmount_emulator.fuzz.random_inputs import burst_sizes, random_flood
from lensmount_emulator.fuzz.recovery_rate import (
    monitor_fault_free,
    random_fault_free,
    run_fault_free,
    run_fault_free_sessions,
)
from lensmount_emulator.fuzz.scenario import Scenario, fuzzed_dialects, get_dialect, get_traits
from lensmount_emulator.fuzz.scenario_runner import ScenarioRunner, run_scenario
from lensmount_emulator.fuzz.session_fuzzer import sample_frames
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, SetBaudrateCommand
from lensmount_protocol.wire import Role

DIALECTS = fuzzed_dialects()

BODY, LENS = "panasonic-s1r", "sigma-45mm-f2.8-dg-dn"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_wanting(dialect: str) -> None:
    assert run_fault_free_sessions(dialect, 25, 7) == []
    assert run_fault_free(random_fault_free(dialect, get_traits(dialect), Random(7))[0]) == []


def test_a_stop_in_a_frame_that_says_nothing_of_the_focus_is_acknowledged() -> None:
    assert monitor_fault_free(Scenario("emount", "a6000", "viltrox-ef50", script="stop")) == []


def at_another_rate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lensmount_emulator.roles.lmount.body.startup.SWITCH_US", 9000.0)


def at_once(patch: pytest.MonkeyPatch) -> None:
    def ask_only(body: Any, order: Any, _patience: float) -> Generator[Any, bool, Any]:
        return (yield from body.request(order))

    patch.setattr("lensmount_emulator.roles.lmount.body.actions.execute_drive", ask_only)


def opened_long_before(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lensmount_emulator.roles.lmount.link_engine.SETUP_US", 2000.0)


@pytest.mark.parametrize(
    ("plant", "wanted"),
    [
        (at_another_rate, "the two ends use different rates"),
        (at_once, "and the lens still drives"),
        (opened_long_before, "in a window that it opened"),
    ],
)
def test_what_is_planted_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Scenario("lmount", BODY, LENS, script="focus far; focus near; wait 0.05")
    assert monitor_fault_free(story) == []
    plant(monkeypatch)
    assert any(wanted in complaint.text for complaint in monitor_fault_free(story))


def test_it_is_told_which_lines_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_another_rate(monkeypatch)
    came = monitor_fault_free(Scenario("lmount", BODY, LENS), frozenset({"FSYNC"}))
    assert came[0].text.endswith(", without FSYNC")


def test_an_answer_that_no_one_asked_for_is_seen() -> None:
    stage = ScenarioRunner(Scenario("lmount", BODY, LENS))
    stage.execute("wait 1.2")
    assert stage.monitor.violations == []
    lens: Any = stage.monitor.session.lens
    lens.queue_frame([CommandDone(number=200, order=0x10)], ORDER)
    stage.execute("wait 0.01")
    assert any("which it has not received since its supply came" in said.text for said in stage.monitor.violations)


def test_a_lens_that_stays_at_a_rate_that_no_one_speaks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = get_dialect("lmount")
    hello = dialect.build_frame(BodyHello().build(), 1, 0).hex()
    rate = dialect.build_frame(SetBaudrateCommand(number=1, baudrate=1_500_000).build(), ORDER, 1).hex()
    steps = ("drive V_LOGIC high", "wait 0.2", f"send body {hello}", "wait 0.05", f"send body {rate}", "wait 0.05")
    story = Scenario("lmount", BODY, LENS, "lens", steps=steps)
    assert run_scenario(story).violations == []
    monkeypatch.setattr("lensmount_emulator.roles.lmount.lens.commands.RX_TIMEOUT_S", 1e9)
    assert [complaint.invariant for complaint in run_scenario(story).violations] == ["recovers"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("role", Role)
def test_a_passive_end_has_words_and_asks_for_much_at_once(dialect: str, role: Role) -> None:
    kinds = sum(sender is role for sender, _ in get_dialect(dialect).messages)
    assert len(sample_frames(dialect, role)) > min(kinds, 10)
    floods = [random_flood(Random(seed), get_dialect(dialect), role) for seed in range(40)]
    # A burst of a clocked link holds one message.
    assert burst_sizes(get_dialect(dialect), role) or max(map(len, floods)) > 200
    assert all(len(flood) <= get_dialect(dialect).formats[role].max_size for flood in floods)
