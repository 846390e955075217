"""The checks of a port: a table of functions, each from facts to one finding, and none of them looks at the machine."""

from collections.abc import Callable, Sequence

from lensmount_hardware.checks.board_judgements import OF_A_BOARD
from lensmount_hardware.checks.facts import Facts, Follows, Kind
from lensmount_hardware.checks.finding import Finding, Verdict
from lensmount_hardware.transports.tty_settings import is_off

Judgement = Callable[[Facts], Finding | None]
"""`None` where there is nothing to say of this port."""

LONGEST_HOLD_MS = 2
"""A latency timer above this holds a lens's reply back for longer than the windows of a mount are wide."""

LATE_US = 1000
"""A host that is later than this now and then misses windows of a mount; it can follow one, and not hold its times."""

FINE, NOTE, WRONG = Verdict


def presence(facts: Facts) -> Finding:
    """Is there such a port, and of what kind?"""
    if not facts.exists:
        advice = "plug it in; `lensmount boards` lists those that there are"
        return Finding("port", WRONG, f"there is no {facts.port}", advice)
    kind = f": {facts.adapter.name}" if facts.adapter else ""
    driver = f", driver {facts.driver}" if facts.driver else ""
    note = f"; {facts.adapter.note}" if facts.adapter and facts.adapter.note else ""
    return Finding("port", FINE, f"{facts.port} is a {facts.kind.value}{kind}{driver}{note}")


def permission(facts: Facts) -> Finding | None:
    """May we open it?"""
    if facts.readable is None:
        return None
    if facts.readable:
        return Finding("permission", FINE, "we may read and write it")
    group = facts.group or "the group that owns it"
    if facts.effective:
        advice = f"sudo chmod g+rw {facts.port}; a udev rule with GROUP and MODE makes it last"
        return Finding(
            "permission", WRONG, f"no permission, though {group} is ours: the group has no right itself", advice
        )
    if facts.joined:
        advice = "log out and in again, or reboot: a membership counts from the next login"
        return Finding("permission", WRONG, f"no permission, though the user belongs to {group}", advice)
    return Finding("permission", WRONG, "no permission", f"sudo usermod -a -G {group} $USER, then log in again")


def exclusive_use(facts: Facts) -> Finding | None:
    """Has somebody else got it open?"""
    if not facts.exists or facts.kind not in (Kind.SERIAL, Kind.PTY, Kind.BOARD):
        return None
    if not facts.holders:
        return Finding("exclusive use", FINE, "nobody else has it open, as far as we may look")
    names = ", ".join(f"{holder.name} ({holder.pid})" for holder in facts.holders)
    if facts.kind is Kind.PTY:
        return Finding("exclusive use", NOTE, f"open in {names}: one of them is the other end")
    advice = "close it"
    if any(holder.name == "ModemManager" for holder in facts.holders):
        advice = "have ModemManager leave it alone: a udev rule with ENV{ID_MM_DEVICE_IGNORE}=1, then plug it in again"
    return Finding("exclusive use", WRONG, f"open in {names}", advice)


def opening(facts: Facts) -> Finding | None:
    """Did it open?"""
    if facts.failure is None:
        return None
    if facts.failure:
        return Finding("opening", WRONG, f"it does not open: {facts.failure}", "see to the other findings first")
    alone = ", for nobody but us" if facts.kind in (Kind.SERIAL, Kind.PTY) else ""
    return Finding("opening", FINE, f"it opens, 8N1{alone}")


def latency_timer(facts: Facts) -> Finding | None:
    """Does the adapter hold bytes back?"""
    if not facts.exists or facts.kind is not Kind.SERIAL:
        return None
    held_ms = facts.latency_timer_ms
    if held_ms is None:
        if facts.adapter is not None and facts.adapter.latency_timer:
            advice = "look for it in the driver's settings; 1 ms is right"
            return Finding("latency timer", NOTE, "this adapter has one, and the system does not show it", advice)
        return Finding("latency timer", FINE, "this driver has none")
    if held_ms > LONGEST_HOLD_MS:
        advice = f"echo 1 | sudo tee {facts.latency_path}"
        return Finding("latency timer", WRONG, f"bytes are held back for up to {held_ms} ms", advice)
    return Finding("latency timer", FINE, f"{held_ms} ms")


def sleeping(facts: Facts) -> Finding | None:
    """May the system put the adapter to sleep?"""
    if facts.may_sleep is None:
        return None
    if facts.may_sleep:
        advice = f"echo on | sudo tee {facts.power_path}"
        return Finding("power saving", NOTE, "the system may put it to sleep while no program has it open", advice)
    return Finding("power saving", FINE, "the system leaves it awake")


def rates(facts: Facts) -> Finding | None:
    """Does it make the rates of the mount?"""
    if not facts.rates:
        return None
    wanted = ", ".join(f"{rate} baud" for rate in facts.rates)
    if facts.kind is Kind.PTY:
        return Finding("rates", NOTE, f"a pseudo-terminal takes any rate and has none; needed are {wanted}")
    bad: list[str] = []
    unasked = False
    for rate, trial in facts.rates.items():
        if trial.refusal:
            bad.append(f"{rate} baud is refused: {trial.refusal}")
        elif trial.given is None:
            unasked = True
        elif is_off(rate, trial.given):
            bad.append(f"{rate} baud becomes {trial.given}")
    if bad:
        advice = "take an adapter that can, such as an FT232R or FT232H"
        return Finding("rates", WRONG, "; ".join(bad), advice)
    if unasked:
        return Finding("rates", NOTE, f"takes {wanted}, and cannot be asked what it made of them")
    return Finding("rates", FINE, f"takes {wanted}")


def control_lines(facts: Facts) -> Finding | None:
    """Do control lines reach each other over the jumpers?"""
    if facts.failure or not facts.exists:
        return None
    if facts.kind is Kind.PTY:
        advice = "leave rts=, cts= and their like out of the port's name"
        return Finding("control lines", NOTE, "a pseudo-terminal has none: it shows bytes and nothing else", advice)
    if not facts.controls:
        advice = "take everything off the port, join RTS with CTS and DTR with DSR, and add --jumpers"
        return Finding("control lines", NOTE, "not tried: nothing is driven unless you say that it may be", advice)
    told = "; ".join(
        f"{output.upper()} to {heard.upper()} {follows.value}" for (output, heard), follows in facts.controls.items()
    )
    found = set(facts.controls.values())
    if found == {Follows.ABSENT}:
        return Finding("control lines", NOTE, "this port has none", "leave rts=, cts= and their like out of its name")
    if found == {Follows.YES}:
        return Finding("control lines", FINE, told)
    if Follows.INVERTED in found:
        return Finding("control lines", WRONG, told, "something inverts on one way only; see to the level shifters")
    return Finding("control lines", WRONG, told, "see to the jumpers; some adapters do not lead every line out")


def round_trip(facts: Facts) -> Finding | None:
    """How long do bytes take out and back?"""
    if facts.failure or not facts.exists:
        return None
    echo = facts.echo
    if echo is None:
        if facts.kind is Kind.PTY:
            return Finding("round trip", NOTE, "not measured: a pseudo-terminal has no wire that takes time")
        advice = "take everything off the port, join TX with RX, and add --jumpers"
        return Finding("round trip", NOTE, "not measured: nothing is sent unless you say that it may be", advice)
    if not echo.right:
        if facts.kind is Kind.PTY:
            return Finding("round trip", NOTE, "nothing came back: whoever holds the other end does not echo")
        return Finding("round trip", WRONG, f"none of {echo.sent} messages came back", "join TX with RX")
    told = f"{echo.right} of {echo.sent} messages came back, {echo.times.figures()}"
    if echo.right < echo.sent:
        advice = "shorten the wires, share the ground, see to the levels; then the rate"
        return Finding("round trip", WRONG, told, advice)
    return Finding("round trip", FINE, told)


def host(facts: Facts) -> Finding | None:
    """How late is this machine?"""
    if facts.lateness is None or not facts.lateness.total:
        return None
    told = f"a sleep ends late by {facts.lateness.figures()}"
    if facts.lateness.percentile_us(99) > LATE_US:
        return Finding("host", NOTE, told, "close what is busy; times that a mount insists on belong on a board")
    return Finding("host", FINE, told)


def checksums(facts: Facts) -> Finding | None:
    """Are checksums computed by compiled code?"""
    if facts.crc_extension is None:
        return None
    if facts.crc_extension:
        return Finding("checksums", FINE, "crcmod has its compiled extension")
    advice = "install a C compiler, then: pip install --force-reinstall --no-cache-dir crcmod"
    return Finding("checksums", WRONG, "crcmod lacks its compiled extension and is 10 to 28 times slower", advice)


CHECKS: tuple[Judgement, ...] = (
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
"""Every check, in the order in which its owner wants to hear of them."""

BOARD_CHECKS: tuple[Judgement, ...] = (presence, permission, exclusive_use, *OF_A_BOARD, sleeping, host, checksums)
"""The same for a board: what its firmware does is asked of it, and what a driver does to an adapter is no matter."""


def judge(facts: Facts, checks: Sequence[Judgement] | None = None) -> list[Finding]:
    """What all checks find; those of its kind unless others are named."""
    checks = checks or (CHECKS if facts.kind is not Kind.BOARD else BOARD_CHECKS)
    return [finding for check in checks if (finding := check(facts)) is not None]
