"""The checks of a board: functions from facts to one finding, and none of them looks at the machine."""

from collections.abc import Callable

from lensmount_hardware.checks.board_trial import JUMPERS
from lensmount_hardware.checks.facts import Facts, Follows
from lensmount_hardware.checks.finding import Finding, Verdict

FINE, NOTE, WRONG = Verdict

SLOW_US = 5000
"""A question that takes longer than this to a board and back now and then waits behind something on this host."""

HOW_TO_JOIN = f"take everything off the board, join {' and '.join(f'GP{a} with GP{b}' for a, b in JUMPERS)}"

FLASH = "lensmount board flash"


def greeting(facts: Facts) -> Finding | None:
    """Does a board of ours answer?"""
    board = facts.board
    if board is None:
        return None
    if board.answer is None:
        advice = f"see to the other findings first; then put our firmware on it: {FLASH}"
        if "another host" in board.trouble:
            advice = "close the program that holds it; `?take_over=1` behind the port of a session ends the other one"
        return Finding("greeting", WRONG, board.trouble, advice)
    if board.trouble:
        return Finding("greeting", WRONG, board.trouble, "unplug it and plug it in again; then ask once more")
    return Finding("greeting", FINE, f"it answers, as {board.answer.unique_id}; plays {', '.join(board.answer.roles)}")


def firmware(facts: Facts) -> Finding | None:
    """Is its firmware ours, and the one of this package?"""
    if facts.board is None or (answer := facts.board.answer) is None:
        return None
    told = f"revision {answer.firmware}, protocol {answer.version}"
    if not facts.shipped or answer.firmware == facts.shipped.removeprefix("revision "):
        return Finding("firmware", FINE, told)
    return Finding("firmware", NOTE, f"{told}; this package ships {facts.shipped}", FLASH)


def limits(facts: Facts) -> Finding | None:
    """What room does it have?"""
    if facts.board is None or (answer := facts.board.answer) is None:
        return None
    lowest, highest = answer.baudrates
    told = (
        f"{answer.lines} lines, {lowest} to {highest} baud, room for {answer.queue_bytes} bytes of orders "
        f"and {answer.report_bytes} of reports"
    )
    return Finding("limits", FINE, told)


def rates(facts: Facts) -> Finding | None:
    """Can it do the rates of the mount, and were they tried?"""
    if facts.board is None or (answer := facts.board.answer) is None:
        return None
    lowest, highest = answer.baudrates
    beyond = [rate for rate in facts.needed if not lowest <= rate <= highest]
    if beyond:
        told = f"cannot do {', '.join(map(str, beyond))} baud, only {lowest} to {highest}"
        return Finding("rates", WRONG, told, f"newer firmware may: {FLASH}")
    wanted = " and ".join(f"{rate}" for rate in facts.needed)
    if not facts.board.echoes:
        return Finding(
            "rates", NOTE, f"says that it can do {wanted} baud; not tried", f"{HOW_TO_JOIN}, and add --jumpers"
        )
    bad = {rate: echo for rate, echo in facts.board.echoes.items() if echo.right < echo.sent}
    told = "; ".join(
        f"{echo.right} of {echo.sent} messages came back at {rate} baud" for rate, echo in facts.board.echoes.items()
    )
    if bad:
        return Finding("rates", WRONG, told, f"see to the jumper: {HOW_TO_JOIN}; shorten it")
    return Finding("rates", FINE, told)


def lines(facts: Facts) -> Finding | None:
    """Do lines reach each other over the jumper?"""
    if facts.board is None or facts.board.answer is None:
        return None
    output, heard = JUMPERS[1]
    match facts.board.line:
        case None:
            advice = f"{HOW_TO_JOIN}, and add --jumpers"
            return Finding("control lines", NOTE, "not tried: nothing is driven unless you say that it may be", advice)
        case Follows.YES:
            return Finding("control lines", FINE, f"GP{output} to GP{heard} follows, both ways")
        case how:
            told = f"GP{output} to GP{heard} {how.value}"
            return Finding("control lines", WRONG, told, f"see to the jumper: {HOW_TO_JOIN}")


def link(facts: Facts) -> Finding | None:
    """How long does a question take to the board and back?"""
    if facts.board is None or (answer := facts.board.answer) is None or not answer.round_trips.total:
        return None
    told = f"{answer.round_trips.total} questions came back, {answer.round_trips.figures()}"
    if answer.round_trips.percentile_us(99) > SLOW_US:
        return Finding("round trip", NOTE, told, "plug it in without a hub between; close what is busy on this host")
    return Finding("round trip", FINE, told)


def losses(facts: Facts) -> Finding | None:
    """What has it lost since it started?"""
    if facts.board is None or facts.board.answer is None or (counted := facts.board.answer.counters) is None:
        return None
    lost = {
        "frames that came to it broken": counted.frames_bad,
        "frames that never came to it": counted.frames_missed,
        "bytes received and lost": counted.bytes_lost,
        "edges lost": counted.edges_lost,
        "reports lost": counted.reports_lost,
        "orders late": counted.late,
    }
    told = ", ".join(f"{count} {what}" for what, count in lost.items() if count)
    if not told:
        return Finding("losses", FINE, "none since it started")
    return Finding("losses", NOTE, f"since it started: {told}", "a recording of the session says when")


OF_A_BOARD: tuple[Callable[[Facts], Finding | None], ...] = (greeting, firmware, limits, rates, lines, link, losses)
"""In the order in which its owner wants to hear of them."""
