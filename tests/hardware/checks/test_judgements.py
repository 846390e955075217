"""Every check on facts that are made up: what is fine, what is wrong, and what its owner is told to do."""

import pytest

from lensmount_hardware.boards.known import adapter_of
from lensmount_hardware.boards.sysfs import Holder
from lensmount_hardware.checks import judgements
from lensmount_hardware.checks.facts import Echo, Facts, Follows, Kind, RateTrial
from lensmount_hardware.checks.finding import Finding, Verdict
from lensmount_hardware.checks.judgements import CHECKS, Judgement, judge
from lensmount_hardware.histogram import Histogram

FINE, NOTE, WRONG = Verdict
FAST = Histogram.of([100e-6] * 200)
PAIRS = (("rts", "cts"), ("dtr", "dsr"))


def facts(kind: Kind = Kind.SERIAL, **found: object) -> Facts:
    made = Facts("/dev/ttyUSB0", kind)
    for name, value in found.items():
        setattr(made, name, value)
    return made


def controls(*how: Follows) -> dict[tuple[str, str], Follows]:
    return dict(zip(PAIRS, how, strict=True))


CASES: tuple[tuple[Judgement, Facts, Verdict, str, str], ...] = (
    (judgements.presence, facts(exists=False), WRONG, "there is no /dev/ttyUSB0", "lensmount boards"),
    (judgements.presence, facts(adapter=adapter_of(0x10C4, 0xEA60), driver="cp210x"), FINE, "cp210x; a CP2102", ""),
    (judgements.permission, facts(readable=True), FINE, "we may", ""),
    (judgements.permission, facts(readable=False, group="dialout", joined=False), WRONG, "no perm", "-a -G dialout"),
    (judgements.permission, facts(readable=False, group="uucp", joined=True), WRONG, "belongs to uucp", "log out"),
    (judgements.permission, facts(readable=False, group="tty", effective=True), WRONG, "no right itself", "chmod g+rw"),
    (judgements.exclusive_use, facts(), FINE, "nobody else", ""),
    (judgements.exclusive_use, facts(holders=(Holder(7, "minicom"),)), WRONG, "open in minicom (7)", "close it"),
    (judgements.exclusive_use, facts(holders=(Holder(7, "ModemManager"),)), WRONG, "ModemManager (7)", "udev rule"),
    (judgements.exclusive_use, facts(Kind.PTY, holders=(Holder(7, "tool"),)), NOTE, "one of them is the other end", ""),
    (judgements.opening, facts(failure=""), FINE, "it opens", ""),
    (judgements.opening, facts(failure="[Errno 16] busy"), WRONG, "[Errno 16] busy", "other findings"),
    (judgements.latency_timer, facts(latency_timer_ms=16, latency_path="/sys/x"), WRONG, "up to 16 ms", "tee /sys/x"),
    (judgements.latency_timer, facts(latency_timer_ms=1), FINE, "1 ms", ""),
    (judgements.latency_timer, facts(), FINE, "this driver has none", ""),
    (judgements.latency_timer, facts(adapter=adapter_of(0x0403, 0x6001)), NOTE, "does not show it", "1 ms is right"),
    (judgements.sleeping, facts(may_sleep=True, power_path="/sys/p"), NOTE, "put it to sleep", "tee /sys/p"),
    (judgements.sleeping, facts(may_sleep=False), FINE, "awake", ""),
    (judgements.rates, facts(rates={750_000: RateTrial(750_000)}), FINE, "takes 750000 baud", ""),
    (judgements.rates, facts(rates={750_000: RateTrial(735_294)}), FINE, "takes 750000 baud", ""),
    (judgements.rates, facts(rates={750_000: RateTrial(921_600)}), WRONG, "750000 baud becomes 921600", "FT232R"),
    (judgements.rates, facts(rates={750_000: RateTrial(None, "no such")}), WRONG, "refused: no", "FT232R"),
    (judgements.rates, facts(Kind.NETWORK, rates={750_000: RateTrial(None)}), NOTE, "cannot be asked", ""),
    (judgements.rates, facts(Kind.PTY, rates={750_000: RateTrial(750_000)}), NOTE, "takes any rate and has none", ""),
    (judgements.control_lines, facts(), NOTE, "nothing is driven", "RTS with CTS and DTR with DSR"),
    (judgements.control_lines, facts(Kind.PTY), NOTE, "a pseudo-terminal has none", "leave rts="),
    (judgements.control_lines, facts(controls=controls(Follows.YES, Follows.YES)), FINE, "RTS to CTS follows", ""),
    (judgements.control_lines, facts(controls=controls(Follows.YES, Follows.NO)), WRONG, "DSR does", "jumper"),
    (judgements.control_lines, facts(controls=controls(Follows.INVERTED, Follows.YES)), WRONG, "inverted", "shifters"),
    (judgements.control_lines, facts(controls=controls(Follows.ABSENT, Follows.ABSENT)), NOTE, "has none", "leave"),
    (judgements.round_trip, facts(), NOTE, "nothing is sent", "join TX with RX"),
    (judgements.round_trip, facts(Kind.PTY), NOTE, "no wire", ""),
    (judgements.round_trip, facts(echo=Echo(200, 200, FAST)), FINE, "200 of 200 messages came back, p50 100 µs", ""),
    (judgements.round_trip, facts(echo=Echo(200, 197, FAST)), WRONG, "197 of 200", "share the ground"),
    (judgements.round_trip, facts(echo=Echo(3, 0, Histogram())), WRONG, "none of 3", "join TX with RX"),
    (judgements.round_trip, facts(Kind.PTY, echo=Echo(3, 0, Histogram())), NOTE, "does not echo", ""),
    (judgements.host, facts(lateness=FAST), FINE, "p99 100 µs", ""),
    (judgements.host, facts(lateness=Histogram.of([2e-3] * 9)), NOTE, "p99 2000 µs", "belong on a board"),
    (judgements.checksums, facts(crc_extension=True), FINE, "compiled", ""),
    (judgements.checksums, facts(crc_extension=False), WRONG, "lacks", "pip install"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("check", "found", "verdict", "says", "advice"), CASES, ids=[f"{case[0].__name__} {case[3]}" for case in CASES]
)
def test_a_check_says_what_is_so_and_what_to_do(
    check: Judgement, found: Facts, verdict: Verdict, says: str, advice: str
) -> None:
    finding = check(found)
    assert finding is not None
    assert finding.verdict is verdict
    assert says in finding.says
    assert "\n" not in finding.says
    assert advice in finding.advice
    # Whatever is wrong, its owner is told what to do.
    assert verdict is not WRONG or finding.advice


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_every_check_has_cases(check: Judgement) -> None:
    assert [case for case in CASES if case[0] is check]


def test_a_port_that_is_not_there_is_only_told_to_be_missing() -> None:
    found = judge(facts(exists=False))
    assert [(finding.check, finding.verdict) for finding in found] == [("port", WRONG)]


def test_a_port_that_does_not_open_is_not_judged_for_what_could_not_be_tried() -> None:
    checks = {finding.check for finding in judge(facts(failure="busy"))}
    assert not checks & {"control lines", "round trip", "rates"}


def test_a_check_of_ones_own_joins_the_table() -> None:
    own = Finding("own", NOTE, "so it is")
    assert judge(facts(), [lambda _facts: own, lambda _facts: None]) == [own]
