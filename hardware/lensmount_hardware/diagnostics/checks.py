"""The checks of a port and of a board: functions from facts to one result, without access to the machine."""

from collections.abc import Callable, Mapping, Sequence

from lensmount_hardware.diagnostics.facts import (
    CheckResult,
    CheckSeverity,
    LineFollowResult,
    LoopbackTest,
    PortFacts,
    PortKind,
)
from lensmount_hardware.diagnostics.probes import JUMPERS
from lensmount_hardware.transports.serial_port import differs_from

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
        return CheckResult("handshake", WRONG, board.error, advice)
    if board.error:
        return CheckResult("handshake", WRONG, board.error, "unplug it and plug it in again; then run this again")
    return CheckResult("handshake", FINE, f"it answers, as {board.info.unique_id}; plays {', '.join(board.info.roles)}")


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
        f"{answer.lines} lines, {lowest} to {highest} baud, queues of {answer.queue_bytes} bytes for commands "
        f"and {answer.report_bytes} for reports"
    )
    return CheckResult("limits", FINE, summary)


def board_rates(facts: PortFacts) -> CheckResult | None:
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
        "commands late": counted.late,
    }
    summary = ", ".join(f"{count} {what}" for what, count in lost.items() if count)
    if not summary:
        return CheckResult("losses", FINE, "none since it started")
    return CheckResult("losses", NOTE, f"since it started: {summary}", "a recording of the session shows when")


BOARD_ONLY_CHECKS: tuple[Callable[[PortFacts], CheckResult | None], ...] = (
    handshake,
    firmware,
    limits,
    board_rates,
    lines,
    link,
    losses,
)
"""The checks in the order of the report."""


Check = Callable[[PortFacts], CheckResult | None]
"""Returns `None` where the check does not apply to the port."""

MAX_HOLD_MS = 2
"""Milliseconds; a longer latency timer delays a lens's reply beyond the windows of a mount."""

LATE_US = 1000
"""Microseconds; a host with a higher latency misses windows: it can follow a mount, but not keep its times."""


def presence(facts: PortFacts) -> CheckResult:
    """Check that the port exists, and report its kind."""
    if not facts.exists:
        advice = "plug it in; `lensmount devices` lists those that there are"
        return CheckResult("port", WRONG, f"there is no {facts.port}", advice)
    kind = f": {facts.adapter.name}" if facts.adapter else ""
    driver = f", driver {facts.driver}" if facts.driver else ""
    note = f"; {facts.adapter.note}" if facts.adapter and facts.adapter.note else ""
    return CheckResult("port", FINE, f"{facts.port} is a {facts.kind.value}{kind}{driver}{note}")


def permission(facts: PortFacts) -> CheckResult | None:
    """Check the permission to open it."""
    if facts.readable is None:
        return None
    if facts.readable:
        return CheckResult("permission", FINE, "we may read and write it")
    group = facts.group or "the group that owns it"
    if facts.effective:
        advice = f"sudo chmod g+rw {facts.port}; a udev rule with GROUP and MODE makes it last"
        return CheckResult(
            "permission", WRONG, f"no permission, though {group} is ours: the group has no right itself", advice
        )
    if facts.joined:
        advice = "log out and in again, or reboot: a membership counts from the next login"
        return CheckResult("permission", WRONG, f"no permission, though the user belongs to {group}", advice)
    return CheckResult("permission", WRONG, "no permission", f"sudo usermod -a -G {group} $USER, then log in again")


def exclusive_use(facts: PortFacts) -> CheckResult | None:
    """Check that no other process has it open."""
    if not facts.exists or facts.kind not in (PortKind.SERIAL, PortKind.PTY, PortKind.BOARD):
        return None
    if not facts.holders:
        return CheckResult("exclusive use", FINE, "no other process has it open, as far as visible")
    names = ", ".join(f"{holder.name} ({holder.pid})" for holder in facts.holders)
    if facts.kind is PortKind.PTY:
        return CheckResult("exclusive use", NOTE, f"open in {names}: one of them is the other end")
    advice = "close it"
    if any(holder.name == "ModemManager" for holder in facts.holders):
        advice = "exclude it from ModemManager: a udev rule with ENV{ID_MM_DEVICE_IGNORE}=1, then plug it in again"
    return CheckResult("exclusive use", WRONG, f"open in {names}", advice)


def opening(facts: PortFacts) -> CheckResult | None:
    """Check that it opens."""
    if facts.failure is None:
        return None
    if facts.failure:
        return CheckResult("opening", WRONG, f"it does not open: {facts.failure}", "fix the other problems first")
    exclusive = ", for exclusive use" if facts.kind in (PortKind.SERIAL, PortKind.PTY) else ""
    return CheckResult("opening", FINE, f"it opens, 8N1{exclusive}")


def latency_timer(facts: PortFacts) -> CheckResult | None:
    """Check how long the adapter holds bytes back."""
    if not facts.exists or facts.kind is not PortKind.SERIAL:
        return None
    held_ms = facts.latency_timer_ms
    if held_ms is None:
        if facts.adapter is not None and facts.adapter.latency_timer:
            advice = "look for it in the driver's settings; 1 ms is right"
            return CheckResult("latency timer", NOTE, "this adapter has one, and the system does not show it", advice)
        return CheckResult("latency timer", FINE, "this driver has none")
    if held_ms > MAX_HOLD_MS:
        advice = f"echo 1 | sudo tee {facts.latency_path}"
        return CheckResult("latency timer", WRONG, f"bytes are held back for up to {held_ms} ms", advice)
    return CheckResult("latency timer", FINE, f"{held_ms} ms")


def sleeping(facts: PortFacts) -> CheckResult | None:
    """Check whether the system may put the adapter to sleep."""
    if facts.may_sleep is None:
        return None
    if facts.may_sleep:
        advice = f"echo on | sudo tee {facts.power_path}"
        return CheckResult("power saving", NOTE, "the system may put it to sleep while no program has it open", advice)
    return CheckResult("power saving", FINE, "the system leaves it awake")


def rates(facts: PortFacts) -> CheckResult | None:
    """Check that it makes the rates of the mount."""
    if not facts.rates:
        return None
    wanted = ", ".join(f"{rate} baud" for rate in facts.rates)
    if facts.kind is PortKind.PTY:
        return CheckResult("rates", NOTE, f"a pseudo-terminal takes any rate and has none; needed are {wanted}")
    bad: list[str] = []
    unasked = False
    for rate, trial in facts.rates.items():
        if trial.error:
            bad.append(f"{rate} baud is refused: {trial.error}")
        elif trial.actual is None:
            unasked = True
        elif differs_from(rate, trial.actual):
            bad.append(f"{rate} baud becomes {trial.actual}")
    if bad:
        advice = "take an adapter that can, such as an FT232R or FT232H"
        return CheckResult("rates", WRONG, "; ".join(bad), advice)
    if unasked:
        return CheckResult("rates", NOTE, f"takes {wanted}, and cannot be asked what it made of them")
    return CheckResult("rates", FINE, f"takes {wanted}")


def control_lines(facts: PortFacts) -> CheckResult | None:
    """Check that the control inputs follow the outputs over the jumpers."""
    if facts.failure or not facts.exists:
        return None
    if facts.kind is PortKind.PTY:
        advice = "remove rts=, cts= and similar options from the port's name"
        return CheckResult("control lines", NOTE, "a pseudo-terminal has none: it shows bytes and nothing else", advice)
    if not facts.controls:
        advice = "disconnect everything from the port, join RTS with CTS and DTR with DSR, and add --loopback-jumpers"
        return CheckResult("control lines", NOTE, "not tried: nothing is driven without --jumpers", advice)
    summary = "; ".join(
        f"{output.upper()} to {input_line.upper()} {follows.value}"
        for (output, input_line), follows in facts.controls.items()
    )
    found = set(facts.controls.values())
    if found == {LineFollowResult.ABSENT}:
        return CheckResult(
            "control lines", NOTE, "this port has none", "remove rts=, cts= and similar options from its name"
        )
    if found == {LineFollowResult.YES}:
        return CheckResult("control lines", FINE, summary)
    if LineFollowResult.INVERTED in found:
        return CheckResult(
            "control lines", WRONG, summary, "something inverts one direction only; check the level shifters"
        )
    return CheckResult("control lines", WRONG, summary, "check the jumpers; some adapters do not lead every line out")


def round_trip(facts: PortFacts) -> CheckResult | None:
    """Check the duration of round trips of bytes over the jumper."""
    if facts.failure or not facts.exists:
        return None
    echo = facts.loopback
    if echo is None:
        if facts.kind is PortKind.PTY:
            return CheckResult("round trip", NOTE, "not measured: a pseudo-terminal has no wire that takes time")
        advice = "disconnect everything from the port, join TX with RX, and add --loopback-jumpers"
        return CheckResult("round trip", NOTE, "not measured: nothing is sent without --jumpers", advice)
    if not echo.intact:
        if facts.kind is PortKind.PTY:
            return CheckResult("round trip", NOTE, "nothing came back: the program at the other end does not echo")
        return CheckResult("round trip", WRONG, f"none of {echo.sent} messages came back", "join TX with RX")
    summary = f"{echo.intact} of {echo.sent} messages came back, {echo.times.summary()}"
    if echo.intact < echo.sent:
        advice = "shorten the wires, share the ground, check the levels; then the rate"
        return CheckResult("round trip", WRONG, summary, advice)
    return CheckResult("round trip", FINE, summary)


def host(facts: PortFacts) -> CheckResult | None:
    """Check the timer latency of this machine."""
    if facts.sleep_latency is None or not facts.sleep_latency.total:
        return None
    summary = f"timer latency: {facts.sleep_latency.summary()}"
    if facts.sleep_latency.percentile_us(99) > LATE_US:
        return CheckResult("host", NOTE, summary, "close busy programs; use a board for the deadlines of a mount")
    return CheckResult("host", FINE, summary)


def checksums(facts: PortFacts) -> CheckResult | None:
    """Are checksums computed by compiled code?"""
    if facts.crc_extension is None:
        return None
    if facts.crc_extension:
        return CheckResult("checksums", FINE, "crcmod has its compiled extension")
    advice = "install a C compiler, then: pip install --force-reinstall --no-cache-dir crcmod"
    return CheckResult("checksums", WRONG, "crcmod lacks its compiled extension and is 10 to 28 times slower", advice)


CHECKS: tuple[Check, ...] = (
    presence,
    permission,
    exclusive_use,
    opening,
    latency_timer,
    sleeping,
    rates,
    control_lines,
    round_trip,
    host,
    checksums,
)
"""All checks, in the order of the report."""

BOARD_CHECKS: tuple[Check, ...] = (presence, permission, exclusive_use, *BOARD_ONLY_CHECKS, sleeping, host, checksums)
"""The checks of a board: its firmware reports its own state, and adapter drivers do not matter."""


def run_checks(facts: PortFacts, checks: Sequence[Check] | None = None) -> list[CheckResult]:
    """Return the results of all checks that apply; by default those of the port's kind."""
    checks = checks or (CHECKS if facts.kind is not PortKind.BOARD else BOARD_CHECKS)
    return [result for check in checks if (result := check(facts)) is not None]
