"""The verdict on a session at a port: its shortfalls, the progress of its script, and the exit code that follows.

Also the errors of a virtual session as data: their kind, time and end, so that no caller has to match a text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.explain.finding import Finding
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_hardware.transport import BROKEN_BYTES
from lensmount_protocol.decoder import Decoded, DecodedGarbage
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class ScriptProgress:
    """The progress of a script.

    Attributes:
        done: number of completed steps.
        steps: every step, as it was written.
        over: whether the engine has finished with it: carried out, or given up.
        gave_up: whether it was given up.
    """

    done: int
    steps: tuple[str, ...]
    over: bool
    gave_up: bool = False

    @property
    def complete(self) -> bool:
        """Whether every step was carried out."""
        return self.over and not self.gave_up and self.done >= len(self.steps)

    @property
    def stopped_at(self) -> str:
        """The step that was not carried out; `""` where there is none."""
        return "" if self.done >= len(self.steps) else self.steps[self.done]

    def describe(self) -> str:
        """The progress as a short text: `1 of 3 steps done, stopped at "aperture f/8"`."""
        if not self.steps:
            return "done" if self.complete else "the start-up was not completed"
        text = f"{min(self.done, len(self.steps))} of {len(self.steps)} steps done"
        if self.done >= len(self.steps):
            return text if self.complete else f"{text}, its end was not reached"
        how = "given up" if self.over else "stopped"
        return f'{text}, {how} at "{self.stopped_at}"'


def script_progress(engine: Engine) -> ScriptProgress | None:
    """The progress of an engine in its script; `None` for a lens without one, which has nothing to complete."""
    steps = tuple(step.text for step in engine.script)
    if engine.role is Role.LENS:
        return ScriptProgress(engine.position, steps, engine.position >= len(steps)) if steps else None
    # An engine of another package may report that it is done without counting its steps.
    carried_out = len(steps) if engine.done and not engine.gave_up else engine.position
    return ScriptProgress(carried_out, steps, engine.done, engine.gave_up)


PEER_SILENT_S = 1.0
"""Seconds without a byte after which a peer with a steady stream of frames has stopped: dozens of its frames."""

NO_ANSWER = 4
"""Exit code: the peer sends nothing. A body without answers has errors, and the session ends with 1."""

NO_LOSSES: Mapping[str, int] = MappingProxyType({})


class ShortfallKind(Enum):
    """The kinds of shortfall of a session."""

    SILENCE = "silence"
    NO_FRAME = "no frame"
    STOPPED = "peer stopped"
    SCRIPT = "script not done"
    ERRORS = "errors"
    LOST = "bytes lost"
    STEPS = "steps missed"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A shortfall of a session.

    Attributes:
        kind: its kind.
        text: what is missing, and what to check, in one line.
    """

    kind: ShortfallKind
    text: str


def expects_traffic(state: str, dialect: Dialect) -> bool:
    """Whether a peer that is silent in a state has stopped: the link is up, and not in a state that a wake-up leaves.

    In a dialect without a wake-up in its table this holds for no state.
    """
    table = dialect.transitions
    return bool(table.asleep) and state in table.moves and state not in {table.initial, *table.asleep}


@dataclass(slots=True)
class Traffic:
    """The traffic of one end.

    Attributes:
        sender: the end.
        bytes: received bytes.
        frames: valid frames among them.
    """

    sender: Role
    bytes: int = 0
    frames: int = 0

    def shortfall(self, dialect: str, seconds: float) -> Shortfall | None:
        """Return what is missing: all bytes, or valid frames; `None` if there are frames."""
        end = f"the {self.sender.value}"
        if not self.bytes:
            return Shortfall(
                ShortfallKind.SILENCE,
                f"nothing came from {end} in {seconds:.1f} s; check its power, the wiring and the port",
            )
        if not self.frames:
            return Shortfall(
                ShortfallKind.NO_FRAME,
                f"{self.bytes} bytes from {end} hold no valid frame of {dialect}; check the dialect, the baud rate "
                "and the wiring",
            )
        return None


@dataclass(frozen=True, slots=True)
class LiveVerdict:
    """The verdict on a session in which one end is ours.

    Attributes:
        peer: the traffic of the other end.
        errors: notices of our end that report an error.
        script: the progress of our script; `None` without anything to complete.
        silent_s: seconds since the last byte of the peer; `None` without one.
        state: the state of the link at the end; `""` if our end has none.
        shortfalls: the shortfalls of the session, the most important first.
    """

    peer: Traffic
    errors: int
    script: ScriptProgress | None = None
    silent_s: float | None = None
    state: str = ""
    shortfalls: Sequence[Shortfall] = field(default=())

    @property
    def exit_code(self) -> int:
        """0 without a shortfall; 4 if the peer sent nothing and our end had no error; else 1."""
        return exit_code(self.shortfalls)

    def as_json(self) -> dict[str, Any]:
        """The verdict as plain data."""
        script = self.script
        return {
            "ok": not self.shortfalls,
            "exit_code": self.exit_code,
            "peer": {"role": self.peer.sender.value, "bytes": self.peer.bytes, "frames": self.peer.frames,
                     "silent_s": None if self.silent_s is None else round(self.silent_s, 3)},
            "errors": self.errors,
            "script": None if script is None else
            {"done": min(script.done, len(script.steps)), "steps": list(script.steps), "complete": script.complete},
            "state": self.state,
            "lacks": shortfalls_as_json(self.shortfalls),
        }  # fmt: skip


def exit_code(shortfalls: Iterable[Shortfall]) -> int:
    """The exit code of a session in which one end is ours."""
    lacks = {one.kind for one in shortfalls}
    silent = ShortfallKind.SILENCE in lacks and not lacks & {ShortfallKind.ERRORS, ShortfallKind.STEPS}
    return NO_ANSWER if silent else int(bool(lacks))


def shortfalls_as_json(shortfalls: Iterable[Shortfall]) -> list[dict[str, str]]:
    """The shortfalls as plain data."""
    return [{"kind": one.kind.value, "text": one.text} for one in shortfalls]


def evaluate_live(
    peer: Traffic,
    dialect: str,
    seconds: float,
    *,
    errors: int,
    script: ScriptProgress | None = None,
    silent_s: float | None = None,
    streams: bool = False,
    state: str = "",
    unmet: str = "",
    lost: Mapping[str, int] = NO_LOSSES,
    may_be_silent: bool = False,
) -> LiveVerdict:
    """Return the verdict on a session in which one end is ours.

    Args:
        peer: the traffic of the other end.
        dialect: name of the dialect.
        seconds: how long the session lasted.
        errors: notices of our end that report an error.
        script: the progress of our script; `None` without anything to complete.
        silent_s: seconds since the last byte of the peer.
        streams: whether the link is in a state in which the peer sends all the time.
        state: that state, for the user.
        unmet: the steps that a replay did not receive, in one line; `""` for none.
        lost: losses between the port and the recording: their name and number.
        may_be_silent: whether a peer may send nothing, or nothing any more.
    """
    found: list[Shortfall] = []
    nothing = peer.shortfall(dialect, seconds)
    if nothing is not None and not (may_be_silent and nothing.kind is ShortfallKind.SILENCE):
        found.append(nothing)
    if streams and not may_be_silent and silent_s is not None and silent_s > PEER_SILENT_S:
        text = (
            f"the {peer.sender.value} sent nothing in the last {silent_s:.1f} s, though the link is {state}; a peer"
            " that ends in order sleeps or takes its supply first"
        )
        found.append(Shortfall(ShortfallKind.STOPPED, text))
    if script is not None and not script.complete and (script.steps or nothing is None):
        found.append(
            Shortfall(ShortfallKind.SCRIPT, f"the script was not done in {seconds:.3f} s: {script.describe()}")
        )
    if unmet:
        found.append(Shortfall(ShortfallKind.STEPS, unmet))
    found += _losses(lost)
    if errors:
        found.append(Shortfall(ShortfallKind.ERRORS, f"{errors} error{'s' if errors > 1 else ''}"))
    return LiveVerdict(peer, errors, script, silent_s, state, tuple(found))


def evaluate_listening(
    ends: Iterable[Traffic],
    dialect: str,
    seconds: float,
    *,
    lost: Mapping[str, int] = NO_LOSSES,
    may_be_silent: bool = False,
) -> list[Shortfall]:
    """Return the shortfalls of a session in which we only listen, or forward.

    Args:
        ends: the traffic of each end.
        dialect: name of the dialect.
        seconds: how long the session lasted.
        lost: losses between the port and the recording: their name and number.
        may_be_silent: whether the ends may send nothing.
    """
    found = [one.shortfall(dialect, seconds) for one in ends]
    lacks = [one for one in found if one is not None and not (may_be_silent and one.kind is ShortfallKind.SILENCE)]
    return [*lacks, *_losses(lost)]


def _losses(lost: Mapping[str, int]) -> list[Shortfall]:
    # Broken bytes are no loss: at another baud rate every byte is broken, and both ends may change it.
    whole = {what: count for what, count in lost.items() if what != BROKEN_BYTES}
    text = ", ".join(f"{count} {what}" for what, count in whole.items())
    return [Shortfall(ShortfallKind.LOST, f"the recording is not complete: lost {text}")] if whole else []


class ErrorKind(Enum):
    """The kinds of errors of a virtual session."""

    SCRIPT = "script"
    PROTOCOL = "protocol"
    ELECTRICAL = "electrical"
    TIMING = "timing"
    FRAMING = "framing"
    DECODING = "decoding"
    MISSING = "missing"


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
    timing: Iterable[TimingResult],
    events: Iterable[Decoded],
    tally: TrafficStats,
    missing: Iterable[Finding] = (),
) -> Iterator[SessionError]:
    """Yield every error of a session; a session without any is clean.

    Args:
        finished: whether the script was carried out.
        script: its progress; `None` where that is not known.
        seconds: how long the session lasted.
        notices: what the engines reported.
        violations: electrical violations, one line each.
        timing: the timing rules as they were kept.
        events: the decoded traffic.
        tally: its counts.
        missing: the steps that never came although they were due.
    """
    if not finished:
        progress = "" if script is None else f": {script.describe()}"
        yield SessionError(ErrorKind.SCRIPT, f"the script was not done in {seconds:.3f} s{progress}")
    for step in missing:
        yield SessionError(ErrorKind.MISSING, step.short, step.at, step.end)
    for notice in notices:
        if notice.is_error:
            yield SessionError(ErrorKind.PROTOCOL, notice.text, notice.at, notice.role)
    for violation in violations:
        yield SessionError(ErrorKind.ELECTRICAL, violation)
    for result in timing:
        rule = result.rule
        bounds = f"{rule.minimum_us:g} to {rule.maximum_us:g} µs"
        for at, interval_us in result.violations:
            yield SessionError(ErrorKind.TIMING, f"{rule.name}: {interval_us:g} µs is not {bounds}", at)
        if result.violation_count > len(result.violations):
            more = result.violation_count - len(result.violations)
            yield SessionError(ErrorKind.TIMING, f"{rule.name}: {more} more intervals are not {bounds}")
    for event in events:
        if isinstance(event, DecodedGarbage):
            text = f"{len(event.data)} bytes belong to no frame: {event.reason.value}"
            yield SessionError(ErrorKind.FRAMING, text, event.at, event.sender)
    if not tally.all_frames_verified:
        count = tally.valid - min(tally.typed, tally.rebuilt)
        yield SessionError(ErrorKind.DECODING, f"{count} frames hold unknown messages or do not rebuild byte for byte")
