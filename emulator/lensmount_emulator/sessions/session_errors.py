"""The errors of a virtual session as data: their kind, time and end, so that no caller has to match a text."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.script_progress import ScriptProgress
from lensmount_emulator.sessions.tally import Tally
from lensmount_protocol.decoder import Decoded, DecodedGarbage
from lensmount_protocol.timing import Measurement
from lensmount_protocol.wire import Role


class ErrorKind(Enum):
    """The kinds of errors of a virtual session."""

    SCRIPT = "script"
    PROTOCOL = "protocol"
    ELECTRICAL = "electrical"
    TIMING = "timing"
    FRAMING = "framing"
    DECODING = "decoding"


@dataclass(frozen=True, slots=True)
class SessionError:
    """One error of a virtual session.

    Attributes:
        kind: its kind.
        text: what is wrong, in one line.
        at: when, in seconds of virtual time; `None` where it has no one time.
        role: the end that reported or caused it; `None` where that is not known.
    """

    kind: ErrorKind
    text: str
    at: float | None = None
    role: Role | None = None

    def __str__(self) -> str:
        when = "" if self.at is None else f" at {self.at * 1e3:.3f} ms"
        by = "" if self.role is None else f", {self.role.value}"
        return f"{self.kind.value} error{when}{by}: {self.text}"


def session_errors(
    *,
    finished: bool,
    script: ScriptProgress | None,
    seconds: float,
    notices: Iterable[Notice],
    violations: Iterable[str],
    timing: Iterable[Measurement],
    events: Iterable[Decoded],
    tally: Tally,
) -> Iterator[SessionError]:
    """Yield every error of a session; a session without any is clean.

    Args:
        finished: whether the script was carried out.
        script: how far it came; `None` where that is not known.
        seconds: how long the session lasted.
        notices: what the engines reported.
        violations: electrical violations, one line each.
        timing: the timing rules as they were kept.
        events: the decoded traffic.
        tally: its counts.
    """
    if not finished:
        progress = "" if script is None else f": {script.describe()}"
        yield SessionError(ErrorKind.SCRIPT, f"the script was not done in {seconds:.3f} s{progress}")
    for notice in notices:
        if notice.trouble:
            yield SessionError(ErrorKind.PROTOCOL, notice.text, notice.at, notice.role)
    for violation in violations:
        yield SessionError(ErrorKind.ELECTRICAL, violation)
    for result in timing:
        rule = result.rule
        bounds = f"{rule.minimum_us:g} to {rule.maximum_us:g} µs"
        for at, interval_us in result.violations:
            yield SessionError(ErrorKind.TIMING, f"{rule.name}: {interval_us:g} µs is not {bounds}", at)
        if result.broken > len(result.violations):
            more = result.broken - len(result.violations)
            yield SessionError(ErrorKind.TIMING, f"{rule.name}: {more} more intervals are not {bounds}")
    for event in events:
        if isinstance(event, DecodedGarbage):
            text = f"{len(event.data)} bytes belong to no frame: {event.reason.value}"
            yield SessionError(ErrorKind.FRAMING, text, event.at, event.sender)
    if not tally.proven:
        count = tally.valid - min(tally.typed, tally.rebuilt)
        yield SessionError(ErrorKind.DECODING, f"{count} frames hold unknown messages or do not rebuild byte for byte")
