"""The conformance suite: a share of it on the built-in dialects, and that it finds what does not conform."""

import ast
import inspect
import runpy
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from lensmount.testing.conformance import DialectConformance, conformance_table
from lensmount_emulator.fuzz.invariants import check_session
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.testing import conformance, conformance_checks
from lensmount_emulator.testing.conformance import CHECKS
from lensmount_emulator.testing.conformance_checks import ConformanceSubject
from lensmount_protocol.errors import DialectError

SHARE = [name for name in CHECKS if not name.startswith(("recovers_from", "codec_agrees"))]
"""`make conformance` runs all."""


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_built_in_dialect_passes_its_share(dialect: str) -> None:
    ran = 0
    for name in [*SHARE, "recovers_from_detach", "recovers_from_bitflip"]:
        try:
            conformance.run_check(dialect, name)
        except conformance.ConformanceSkip:
            continue
        ran += 1
    assert ran >= 45
    assert conformance_table(dialect)[0].startswith(f"conformance of {dialect}: {ran} passed, 0 failed")


def test_class_has_a_method_for_each_check() -> None:
    methods = [name for name in vars(DialectConformance) if name.startswith("test_")]
    assert len(methods) == len(CHECKS) > 60


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"title": ""}, "description_of_the_dialect"),
        ({"drivers": {}}, "lines_have_drivers"),
        ({"protected_types": frozenset({0xFE})}, "guarded_kinds_exist"),
        ({"trigger_for": lambda _role, _class, _message: "none"}, "states_have_a_trigger_for_each_message"),
        ({"build_frame": lambda payload, _class, _number: payload}, "framing_whole_lens"),
    ],
)
def test_check_finds_what_does_not_conform(change: dict[str, object], name: str) -> None:
    subject = ConformanceSubject("emount")
    subject.dialect = replace(subject.dialect, **change)  # type: ignore[arg-type]
    with pytest.raises((AssertionError, IndexError, DialectError)):
        CHECKS[name](subject)


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parse_baudrate_message": lambda _sender, _class, _message: None}, "by parse_baudrate_message the rate is"),
        ({"baudrate_switch_delay": 0.05}, "at 1500000 Bd at .* the rate is"),
        ({"wiring": 1}, "and Wiring.baudrates is"),
    ],
    ids=["no parser", "late", "one rate"],
)
def test_rates_that_the_dialect_does_not_declare_are_found(dialect: str, change: dict[str, Any], says: str) -> None:
    subject = ConformanceSubject(dialect)
    CHECKS["rates_change_as_declared"](subject)
    if "wiring" in change:
        wiring = replace(subject.dialect.wiring, baudrates=subject.dialect.wiring.baudrates[:1])
        change = {"wiring": wiring}
    subject.dialect = replace(subject.dialect, **change)
    with pytest.raises(AssertionError, match=says):
        CHECKS["rates_change_as_declared"](subject)


def test_a_frame_in_the_rest_after_a_change_of_the_rate_is_found() -> None:
    subject = ConformanceSubject("lmount")
    # The first frame comes 3.0 ms after the acceptance.
    subject.dialect = replace(subject.dialect, baudrate_switch_delay=2e-3)
    with pytest.raises(AssertionError, match=r"less than baudrate_switch_delay \(0.002 s\) before or after"):
        CHECKS["rates_change_as_declared"](subject)


def test_rates_of_a_mount_with_one_are_not_checked() -> None:
    with pytest.raises(conformance.ConformanceSkip, match="the mount has one rate"):
        CHECKS["rates_change_as_declared"](ConformanceSubject("mft"))


def test_a_dialect_that_cannot_be_exported_is_named_with_every_reason() -> None:
    subject = ConformanceSubject("emount")
    CHECKS["dialect_can_be_exported"](subject)
    subject.dialect = replace(subject.dialect, unknown_message_end=lambda _payload, at: at + 2)
    with pytest.raises(
        conformance.ConformanceSkip, match=r"unknown_message_end cannot be exported.*leave unknown_message_end"
    ):
        CHECKS["dialect_can_be_exported"](subject)


def test_unknown_dialect_is_an_error_of_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert conformance.main(["zmount"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(SystemExit, match="2"):
        conformance.main([])


@pytest.mark.parametrize(("arguments", "code"), [(["emount"], 0), (["emount", "zmount"], 2), ([], 2)])
@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_public_module_runs_the_checks(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("description_of_the_dialect", "lines_have_drivers")
    monkeypatch.setattr(conformance, "CHECKS", {name: CHECKS[name] for name in few})
    monkeypatch.setitem(conformance._results, "emount", {})
    monkeypatch.setattr("sys.argv", ["conformance", *arguments])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("lensmount.testing.conformance", run_name="__main__")
    assert ended.value.code == code
    if arguments:
        assert capsys.readouterr().out.startswith("conformance of emount: 2 passed, 0 failed")


@pytest.mark.parametrize("module", [conformance, conformance_checks])
def test_every_assertion_of_a_check_says_what_is_wrong(module: ModuleType) -> None:
    asserts = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.Assert)]
    assert len(asserts) > 10
    assert [node.lineno for node in asserts if node.msg is None] == []


def test_a_trigger_without_an_owner_is_named_with_its_message() -> None:
    subject = ConformanceSubject("emount")
    subject.dialect = replace(subject.dialect, trigger_for=lambda _role, _class, _message: "order")
    with pytest.raises(AssertionError, match="gives the trigger 'order', which `triggered_by` lacks"):
        CHECKS["states_have_a_trigger_for_each_message"](subject)
    moves = {**subject.dialect.transitions.moves, "LOST": {"power lost": "LOST"}}
    subject.dialect = replace(subject.dialect, transitions=replace(subject.dialect.transitions, moves=moves))
    with pytest.raises(AssertionError, match="no moves lead from OFF to LOST"):
        CHECKS["states_are_reachable"](subject)


def test_a_longest_frame_that_cannot_be_built_is_named_with_both_lengths() -> None:
    subject = ConformanceSubject("lmount")
    CHECKS["framing_longest_frame_lens"](subject)
    build = subject.dialect.build_frame
    subject.dialect = replace(subject.dialect, build_frame=lambda payload, *rest: build(payload[:-1], *rest))
    with pytest.raises(AssertionError, match=r"1093 bytes of payload, max_size \(1100\) less 7 .* with 1099 bytes"):
        CHECKS["framing_longest_frame_lens"](subject)


def test_the_bound_of_a_queue_is_named_with_the_place_that_states_another() -> None:
    subject = ConformanceSubject("emount")
    monitor = SessionMonitor(SessionConfig(subject.body, subject.lens))
    vars(monitor.session.lens)["image"] = bytearray(4096)
    monitor.run_guarded(monitor.session.start)
    check_session(monitor)
    (violation,) = monitor.violations
    assert violation.text == (
        "the lens keeps 4096 in image; 1100 are enough; FuzzTraits.queue_bounds states another bound by this name"
    )
    monitor.violations.clear()
    monitor.traits = replace(monitor.traits, queue_bounds={**monitor.traits.queue_bounds, "image": 4096})
    check_session(monitor)
    assert monitor.violations == []
