"""The checks of a board: functions from facts to one result, without access to the machine."""

from collections.abc import Callable, Mapping, Sequence

from lensmount_hardware.diagnostics.facts import CheckResult, CheckSeverity, LineFollowResult, LoopbackTest, PortFacts
from lensmount_hardware.diagnostics.probes import JUMPERS

FINE, NOTE, WRONG = CheckSeverity

SLOW_US = 5000
"""Microseconds; a longer round trip to a board shows that other work on this host delays it."""

JUMPER_ADVICE = f"disconnect everything from the board, join {' and '.join(f'GP{a} with GP{b}' for a, b in JUMPERS)}"

FLASH_COMMAND = "lensmount flash"


def handshake(facts: PortFacts) -> CheckResult | None:
    """Check that a board with our firmware answers."""
    board = facts.board
    if board is None:
        return None
    if board.info is None:
        advice = f"fix the other problems first; then put our firmware on it: {FLASH_COMMAND}"
        if "another host" in board.error:
            advice = "close the program that holds it; a session with `?take_over=1` after the port ends the other one"
        return CheckResult("greeting", WRONG, board.error, advice)
    if board.error:
        return CheckResult("greeting", WRONG, board.error, "unplug it and plug it in again; then run this again")
    return CheckResult("greeting", FINE, f"it answers, as {board.info.unique_id}; plays {', '.join(board.info.roles)}")


def firmware(facts: PortFacts) -> CheckResult | None:
    """Check that its firmware is that of this package."""
    if facts.board is None or (answer := facts.board.info) is None:
        return None
    summary = f"revision {answer.firmware}, protocol {answer.version}"
    if not facts.bundled_revision or answer.firmware == facts.bundled_revision.removeprefix("revision "):
        return CheckResult("firmware", FINE, summary)
    return CheckResult("firmware", NOTE, f"{summary}; this package ships {facts.bundled_revision}", FLASH_COMMAND)


def limits(facts: PortFacts) -> CheckResult | None:
    """Report its limits and queue sizes."""
    if facts.board is None or (answer := facts.board.info) is None:
        return None
    lowest, highest = answer.baudrates
    summary = (
        f"{answer.lines} lines, {lowest} to {highest} baud, queues of {answer.queue_bytes} bytes for orders "
        f"and {answer.report_bytes} for reports"
    )
    return CheckResult("limits", FINE, summary)


def rates(facts: PortFacts) -> CheckResult | None:
    """Check that it supports the rates of the mount, and whether they were tested."""
    if facts.board is None or (answer := facts.board.info) is None:
        return None
    if facts.board.plays_clocked is not None:
        return _clock(facts.needed, facts.board.loopbacks, plays=facts.board.plays_clocked)
    lowest, highest = answer.baudrates
    beyond = [rate for rate in facts.needed if not lowest <= rate <= highest]
    if beyond:
        summary = f"cannot do {', '.join(map(str, beyond))} baud, only {lowest} to {highest}"
        return CheckResult("rates", WRONG, summary, f"newer firmware may: {FLASH_COMMAND}")
    wanted = " and ".join(f"{rate}" for rate in facts.needed)
    if not facts.board.loopbacks:
        return CheckResult(
            "rates",
            NOTE,
            f"reports support for {wanted} baud; not tried",
            f"{JUMPER_ADVICE}, and add --loopback-jumpers",
        )
    bad = {rate: echo for rate, echo in facts.board.loopbacks.items() if echo.intact < echo.sent}
    summary = "; ".join(
        f"{echo.intact} of {echo.sent} messages came back at {rate} baud"
        for rate, echo in facts.board.loopbacks.items()
    )
    if bad:
        return CheckResult("rates", WRONG, summary, f"check the jumper: {JUMPER_ADVICE}; shorten it")
    return CheckResult("rates", FINE, summary)


def _clock(needed: Sequence[int], loopbacks: Mapping[int, LoopbackTest], *, plays: bool) -> CheckResult:
    """Check that it plays clocked mounts, and whether that was tested."""
    wanted = " and ".join(f"{rate}" for rate in needed)
    if not plays:
        return CheckResult("clock", WRONG, "its firmware is older and plays no clocked mount", FLASH_COMMAND)
    if not loopbacks:
        summary = f"plays clocked mounts; {wanted} bit/s not tried"
        return CheckResult("clock", NOTE, summary, f"{JUMPER_ADVICE}, and add --loopback-jumpers")
    bad = any(echo.intact < echo.sent for echo in loopbacks.values())
    summary = "; ".join(
        f"{echo.intact} of {echo.sent} bursts came back at {rate} bit/s" for rate, echo in loopbacks.items()
    )
    advice = f"check the jumper: {JUMPER_ADVICE}; shorten it" if bad else ""
    return CheckResult("clock", WRONG if bad else FINE, summary, advice)


def lines(facts: PortFacts) -> CheckResult | None:
    """Check that an input follows an output over the jumper."""
    if facts.board is None or facts.board.info is None:
        return None
    output, input_pin = JUMPERS[1]
    match facts.board.line:
        case None:
            advice = f"{JUMPER_ADVICE}, and add --loopback-jumpers"
            return CheckResult("control lines", NOTE, "not tried: nothing is driven without --jumpers", advice)
        case LineFollowResult.YES:
            return CheckResult("control lines", FINE, f"GP{output} to GP{input_pin} follows, both ways")
        case how:
            summary = f"GP{output} to GP{input_pin} {how.value}"
            return CheckResult("control lines", WRONG, summary, f"check the jumper: {JUMPER_ADVICE}")


def link(facts: PortFacts) -> CheckResult | None:
    """Check the duration of round trips to the board."""
    if facts.board is None or (answer := facts.board.info) is None or not answer.round_trips.total:
        return None
    summary = f"{answer.round_trips.total} round trips, {answer.round_trips.summary()}"
    if answer.round_trips.percentile_us(99) > SLOW_US:
        return CheckResult("round trip", NOTE, summary, "plug it in without a hub; close busy programs on this host")
    return CheckResult("round trip", FINE, summary)


def losses(facts: PortFacts) -> CheckResult | None:
    """Report what the board has lost since it started."""
    if facts.board is None or facts.board.info is None or (counted := facts.board.info.counters) is None:
        return None
    lost = {
        "broken frames received": counted.frames_bad,
        "frames missing": counted.frames_missed,
        "bytes received and lost": counted.bytes_lost,
        "edges lost": counted.edges_lost,
        "reports lost": counted.reports_lost,
        "orders late": counted.late,
    }
    summary = ", ".join(f"{count} {what}" for what, count in lost.items() if count)
    if not summary:
        return CheckResult("losses", FINE, "none since it started")
    return CheckResult("losses", NOTE, f"since it started: {summary}", "a recording of the session shows when")


BOARD_ONLY_CHECKS: tuple[Callable[[PortFacts], CheckResult | None], ...] = (
    handshake,
    firmware,
    limits,
    rates,
    lines,
    link,
    losses,
)
"""The checks in the order of the report."""
