"""Every check on facts that are made up: what is fine, what is wrong, and what its owner is told to do."""

import pytest

from lensmount_hardware.diagnostics import checks
from lensmount_hardware.diagnostics.checks import CHECKS, Check, run_checks
from lensmount_hardware.diagnostics.facts import (
    BaudrateTest,
    CheckResult,
    CheckSeverity,
    LineFollowResult,
    LoopbackTest,
    PortFacts,
    PortKind,
)
from lensmount_hardware.histogram import Histogram
from lensmount_hardware.serial_devices import ProcessHolding, find_adapter

FINE, NOTE, WRONG = CheckSeverity
FAST = Histogram.from_durations([100e-6] * 200)
PAIRS = (("rts", "cts"), ("dtr", "dsr"))


def facts(kind: PortKind = PortKind.SERIAL, **found: object) -> PortFacts:
    made = PortFacts("/dev/ttyUSB0", kind)
    for name, value in found.items():
        setattr(made, name, value)
    return made


def controls(*how: LineFollowResult) -> dict[tuple[str, str], LineFollowResult]:
    return dict(zip(PAIRS, how, strict=True))


CASES: tuple[tuple[Check, PortFacts, CheckSeverity, str, str], ...] = (
    (checks.presence, facts(exists=False), WRONG, "there is no /dev/ttyUSB0", "lensmount devices"),
    (checks.presence, facts(adapter=find_adapter(0x10C4, 0xEA60), driver="cp210x"), FINE, "cp210x; a CP2102", ""),
    (checks.permission, facts(readable=True), FINE, "we may", ""),
    (checks.permission, facts(readable=False, group="dialout", joined=False), WRONG, "no perm", "-a -G dialout"),
    (checks.permission, facts(readable=False, group="uucp", joined=True), WRONG, "belongs to uucp", "log out"),
    (checks.permission, facts(readable=False, group="tty", effective=True), WRONG, "no right itself", "chmod g+rw"),
    (checks.exclusive_use, facts(), FINE, "no other process", ""),
    (checks.exclusive_use, facts(holders=(ProcessHolding(7, "minicom"),)), WRONG, "open in minicom (7)",
        "close it"),
    (checks.exclusive_use, facts(holders=(ProcessHolding(7, "ModemManager"),)), WRONG, "ModemManager (7)",
        "udev rule"),
    (checks.exclusive_use, facts(PortKind.PTY, holders=(ProcessHolding(7, "tool"),)), NOTE, (
        "one of them is the "
        "other end"
    ), ""),
    (checks.opening, facts(failure=""), FINE, "it opens", ""),
    (checks.opening, facts(failure="[Errno 16] busy"), WRONG, "[Errno 16] busy", "other problems"),
    (checks.latency_timer, facts(latency_timer_ms=16, latency_path="/sys/x"), WRONG, "up to 16 ms", "tee /sys/x"),
    (checks.latency_timer, facts(latency_timer_ms=1), FINE, "1 ms", ""),
    (checks.latency_timer, facts(), FINE, "this driver has none", ""),
    (checks.latency_timer, facts(adapter=find_adapter(0x0403, 0x6001)), NOTE, "does not show it", "1 ms is right"),
    (checks.sleeping, facts(may_sleep=True, power_path="/sys/p"), NOTE, "put it to sleep", "tee /sys/p"),
    (checks.sleeping, facts(may_sleep=False), FINE, "awake", ""),
    (checks.rates, facts(rates={750_000: BaudrateTest(750_000)}), FINE, "takes 750000 baud", ""),
    (checks.rates, facts(rates={750_000: BaudrateTest(735_294)}), FINE, "takes 750000 baud", ""),
    (checks.rates, facts(rates={750_000: BaudrateTest(921_600)}), WRONG, "750000 baud becomes 921600", "FT232R"),
    (checks.rates, facts(rates={750_000: BaudrateTest(None, "no such")}), WRONG, "refused: no", "FT232R"),
    (checks.rates, facts(PortKind.NETWORK, rates={750_000: BaudrateTest(None)}), NOTE, "cannot be asked", ""),
    (checks.rates, facts(PortKind.PTY, rates={750_000: BaudrateTest(750_000)}), NOTE,
        "takes any rate and has none", ""),
    (checks.control_lines, facts(), NOTE, "nothing is driven", "RTS with CTS and DTR with DSR"),
    (checks.control_lines, facts(PortKind.PTY), NOTE, "a pseudo-terminal has none", "remove rts="),
    (checks.control_lines, facts(controls=controls(LineFollowResult.YES, LineFollowResult.YES)), FINE,
        "RTS to CTS follows", ""),
    (checks.control_lines, facts(controls=controls(LineFollowResult.YES, LineFollowResult.NO)), WRONG, "DSR does",
        "jumper"),
    (checks.control_lines, facts(controls=controls(LineFollowResult.INVERTED, LineFollowResult.YES)), WRONG,
        "inverted", "shifters"),
    (checks.control_lines, facts(controls=controls(LineFollowResult.ABSENT, LineFollowResult.ABSENT)), NOTE,
        "has none", "remove"),
    (checks.round_trip, facts(), NOTE, "nothing is sent", "join TX with RX"),
    (checks.round_trip, facts(PortKind.PTY), NOTE, "no wire", ""),
    (checks.round_trip, facts(loopback=LoopbackTest(200, 200, FAST)), FINE, (
        "200 of 200 messages came back, p50 "
        "100 µs"
    ), ""),
    (checks.round_trip, facts(loopback=LoopbackTest(200, 197, FAST)), WRONG, "197 of 200", "share the ground"),
    (checks.round_trip, facts(loopback=LoopbackTest(3, 0, Histogram())), WRONG, "none of 3", "join TX with RX"),
    (checks.round_trip, facts(PortKind.PTY, loopback=LoopbackTest(3, 0, Histogram())), NOTE, "does not echo", ""),
    (checks.host, facts(sleep_latency=FAST), FINE, "p99 100 µs", ""),
    (checks.host, facts(sleep_latency=Histogram.from_durations([2e-3] * 9)), NOTE, "p99 2000 µs", "use a board"),
    (checks.checksums, facts(crc_extension=True), FINE, "compiled", ""),
    (checks.checksums, facts(crc_extension=False), WRONG, "lacks", "pip install"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "found", "verdict", "says", "advice"), CASES, ids=[f"{case[0].__name__} {case[3]}" for case in CASES]
)
def test_a_check_says_what_is_so_and_what_to_do(
    check: Check, found: PortFacts, verdict: CheckSeverity, says: str, advice: str
) -> None:
    finding = check(found)
    assert finding is not None
    assert finding.severity is verdict
    assert says in finding.message
    assert "\n" not in finding.message
    assert advice in finding.advice
    # Whatever is wrong, its owner is told what to do.
    assert verdict is not WRONG or finding.advice


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_has_cases(check: Check) -> None:
    assert [case for case in CASES if case[0] is check]


def test_a_port_that_is_not_there_is_only_told_to_be_missing() -> None:
    found = run_checks(facts(exists=False))
    assert [(finding.check, finding.severity) for finding in found] == [("port", WRONG)]


def test_a_port_that_does_not_open_is_not_checked_for_what_could_not_be_tried() -> None:
    checks = {finding.check for finding in run_checks(facts(failure="busy"))}
    assert not checks & {"control lines", "round trip", "rates"}


def test_a_check_of_ones_own_joins_the_table() -> None:
    own = CheckResult("own", NOTE, "so it is")
    assert run_checks(facts(), [lambda _facts: own, lambda _facts: None]) == [own]
