"""The outcome that each fault declares for a script of 30 seconds, and what a text and a plan make of it."""

import pytest

from lensmount_emulator.faults.options import ExpectedOutcome, worst_outcome
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, format_fault, parse_fault, parse_plan

COMPLETES, MAY_FAIL, CANNOT = ExpectedOutcome

DECLARED = {
    "bitflip": COMPLETES,
    "drop rate=0.2": COMPLETES,
    "drop rate=1": CANNOT,
    "drop rate=1 until=2s": COMPLETES,
    "drop rate=1 until=31s": CANNOT,
    "drop rate=1 count=5": COMPLETES,
    "drop rate=1 count=5000": CANNOT,
    "insert rate=1 from=lens": CANNOT,
    "stuck-bytes": CANNOT,
    "stuck-bytes for=20ms": COMPLETES,
    "truncate": COMPLETES,
    "truncate count=5000": CANNOT,
    "checksum count=5000": CANNOT,
    "length count=5000 until=1s": COMPLETES,
    "sequence count=5000": MAY_FAIL,
    "delay-frame count=5000": MAY_FAIL,
    "bounce": COMPLETES,
    "stuck-line": COMPLETES,
    "stuck-line line=VD for=40s": MAY_FAIL,
    "glitch rate=100": MAY_FAIL,
    "glitch rate=100 until=1s": COMPLETES,
    "selects for=1000s": MAY_FAIL,
    "late-edge": COMPLETES,
    "late-edge count=5000": MAY_FAIL,
    "jitter": COMPLETES,
    "vd jitter=200us": COMPLETES,
    "jitter by=1ms": MAY_FAIL,
    "drift": COMPLETES,
    "drift by=-5": MAY_FAIL,
    "pause": COMPLETES,
    "pause count=5000": MAY_FAIL,
    "baud": COMPLETES,
    "baud by=-5": MAY_FAIL,
    "baud by=20": CANNOT,
    "baud by=20 until=1s": COMPLETES,
    "brownout": COMPLETES,
    "brownout for=60s": CANNOT,
    "brownout for=60s line=V_DRIVE": MAY_FAIL,
    "brownout rate=1": MAY_FAIL,
    "rail-order": COMPLETES,
    "rail-lost gone=60s": MAY_FAIL,
    "detach at=1s": CANNOT,
    "detach at=1s for=30ms": COMPLETES,
    "detach at=1s for=60s": CANNOT,
    "detach for=30ms rate=1": MAY_FAIL,
    "detach for=30ms rate=1 until=2s": COMPLETES,
    "clock-lost": COMPLETES,
    "clock-lost count=5000": CANNOT,
    "clock-lost count=5000 pulse=32": MAY_FAIL,
    "clock-extra rate=0.1 count=5000": COMPLETES,
    "clock-extra count=5000": CANNOT,
    "bit-shift": COMPLETES,
    "bit-shift count=5000 until=2s": COMPLETES,
    "bit-shift count=5000": CANNOT,
    "slow-slave": COMPLETES,
    "slow-slave count=5000": MAY_FAIL,
    "late-load": COMPLETES,
    "late-load count=5000": CANNOT,
    "detach-inside": COMPLETES,
    "detach-inside off=60s": CANNOT,
    "detach-inside count=5000": CANNOT,
    "swap-lens": COMPLETES,
    "swap-lens rate=1": MAY_FAIL,
}


@pytest.mark.parametrize("text", DECLARED)
def test_a_fault_declares_what_becomes_of_a_script(text: str) -> None:
    assert parse_fault(text).expected(30.0) is DECLARED[text]


def test_every_fault_is_in_the_table() -> None:
    assert {parse_fault(text).NAME for text in DECLARED} >= {cls.NAME for cls in BUILT_IN_FAULTS} - {
        "duplicate",
        "swap",
        "duplicate-frame",
    }


@pytest.mark.parametrize("expected", ExpectedOutcome)
def test_a_text_has_the_last_word(expected: ExpectedOutcome) -> None:
    fault = parse_fault(f"drop rate=1 expect={expected.text}")
    assert fault.expected(30.0) is expected
    assert parse_fault(format_fault(fault)) == fault


def test_a_text_without_it_stays_as_it_was() -> None:
    assert "expect" not in format_fault(parse_fault("drop"))


def test_the_fault_that_leaves_least_decides() -> None:
    assert worst_outcome([]) is COMPLETES
    assert worst_outcome([COMPLETES, CANNOT, MAY_FAIL]) is CANNOT
    plan = parse_plan(["drop", "glitch rate=100", "detach at=1s"], 1)
    assert plan.expected(30.0) is CANNOT


def test_a_fault_that_begins_after_the_script_has_no_say() -> None:
    plan = parse_plan(["detach at=1s"], 1)
    assert plan.expected(30.0, done_at=0.9) is COMPLETES
    assert plan.expected(30.0, done_at=1.1) is CANNOT
