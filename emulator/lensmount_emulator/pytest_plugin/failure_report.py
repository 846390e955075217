"""Failure reports: the last part of the timeline, the recording, and the commands that show the session again.

The actions of a test on the virtual mount become a `lensmount loopback` command, as far as its script allows.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lensmount_emulator.explain.explainer import explain_events
from lensmount_emulator.faults.registry import FaultPlan
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.profiles.library import Profile, load_profile, profile_names
from lensmount_emulator.pytest_plugin.traffic_log import TrafficLog
from lensmount_emulator.reports.event_text import narrate
from lensmount_protocol.decoder import Decoded, EmptyWindow
from lensmount_protocol.wire import Role

MESSAGE_LINES = 12
"""Lines of the timeline in an assertion's message; the report has as many as the option sets."""

BEFORE_S = 0.25
AFTER_S = 0.005
"""The part of the timeline around a moment, in seconds before and after it."""


def timeline(log: TrafficLog, lines: int, around: float | None = None) -> list[str]:
    """Return the last lines of the timeline, times in milliseconds.

    Args:
        log: the traffic.
        lines: how many.
        around: a moment in seconds; only lines near it are returned. `None` for the end.
    """
    events, notices = list(log.events), list(log.notices)
    if around is not None:
        events = [event for event in events if _near(_time(event), around)]
        notices = [notice for notice in notices if _near(notice.at, around)]
    return [line.text for line in narrate(events, notices, log.dialect.routine)][-lines:]


def append_timeline(what: str, log: TrafficLog, lines: int, around: float | None = None) -> str:
    """Return a sentence, followed by the part of the timeline that shows it."""
    text = timeline(log, min(lines, MESSAGE_LINES), around)
    if not text:
        return f"{what}\nno traffic"
    head = f"the last {len(text)} lines" if around is None else f"around {around * 1e3:.3f} ms"
    return "\n".join([what, f"{head}, in milliseconds:", *text])


def decode_command(path: object) -> str:
    """The command that shows a recording."""
    return shlex.join(["lensmount", "decode", str(path)])


def view_command(path: object, at: float | None) -> str:
    """The command that shows a recording on the page, at a moment."""
    items = ["lensmount", "ui", str(path)]
    if at is not None:
        items += ["--at", f"{at:.6f}"]
    return shlex.join(items)


def report_sections(log: TrafficLog, lines: int, replay: str) -> Sequence[tuple[str, str]]:
    """What a report gets: a name and a text each."""
    events = _in_order(log.events)
    explained = explain_events(events, log.dialect, source="the test")
    # The page shows the first cause; where nothing is wrong on the wire, the end, where the test looked.
    at = explained.cause.at if explained.cause is not None else _time(events[-1]) if events else None
    return (
        *((("explanation", explained.text),) if explained.explains else ()),
        ("timeline", "\n".join(timeline(log, lines)) or "no traffic"),
        ("recording", str(log.path)),
        ("view", view_command(log.path, at)),
        ("replay", replay),
    )


def _in_order(events: Sequence[Decoded]) -> list[Decoded]:
    return sorted(events, key=_time)


def _near(at: float, around: float) -> bool:
    return around - BEFORE_S <= at <= around + AFTER_S


def _time(event: Decoded) -> float:
    return event.opened if isinstance(event, EmptyWindow) else event.at or 0.0


ProfileLike = str | Profile
"""A profile's name or path, or one that has been read."""


@dataclass(slots=True)
class ReplayCommand:
    """What a test did, step by step.

    Attributes:
        arguments: the ends, the seed and the like.
        steps: steps of the script.
        exact: whether every time is given too, so that the session is the same to the byte.
        possible: whether a command can express it at all.
    """

    arguments: list[str]
    steps: list[str] = field(default_factory=lambda: list[str]())
    exact: bool = True
    possible: bool = True

    def add(self, text: str, *, exact: bool) -> None:
        """A step was done; `exact` where it began at the moment at which a script would begin it."""
        self.steps.append(text)
        self.exact = self.exact and exact

    def format(self, seconds: float) -> str:
        """Return the command for the session up to a time, and whether it is exactly the same."""
        items = ["lensmount", "loopback", *self.arguments]
        if self.steps:
            items += ["--script", "; ".join(self.steps)]
        items += ["--duration", f"{seconds:.6f}"]
        same = "the same session, byte for byte" if self.exact else "the same steps; their moments may differ a little"
        return f"{shlex.join(items)}  # {same}"


def replay_command(
    ends: Sequence[tuple[ProfileLike | None, Profile]],
    between: Sequence[ProfileLike],
    script: str,
    seed: int | None,
    allow: Sequence[str],
    plan: FaultPlan,
) -> ReplayCommand:
    """What is known before anything was done.

    Args:
        ends: what was asked for as body and as lens, and what was taken.
        between: what was asked for in between.
        script: the body's.
        seed: of the jitter.
        allow: guarded messages that it may send.
        plan: the rules between the ends.
    """
    options = ("--body", "--lens", *("--accessory" for _ in between))
    names = [_profile_argument(taken if asked is None else asked) for asked, taken in ends] + [
        _profile_argument(one) for one in between
    ]
    items = [item for option, name in zip(options, names, strict=True) for item in (option, name or "")]
    if seed is not None:
        items += ["--seed", str(seed)]
    for name in allow:
        items += ["--allow", name]
    for text in plan.texts():
        items += ["--fault", text]
    called = any(isinstance(rule, Rule) and rule.call is not None for rule in plan.faults)
    return ReplayCommand(items, [script] if script else [], possible=None not in names and not called)


def device_replay_command(path: Path, port: str, role: Role, allow: Sequence[str]) -> str:
    """The command that does once more, to a device, what our end did in a recording.

    Args:
        path: the recording.
        port: where the device is.
        role: our end.
        allow: guarded messages that it may send.
    """
    items = ["lensmount", "replay", str(path), "--port", port, "--role", role.value]
    for name in allow:
        items += ["--allow", name]
    return f"{shlex.join(items)}  # what our {role.value} did, in its own time, to the device"


def _profile_argument(profile: ProfileLike) -> str | None:
    """How a command calls it; `None` for one that a test has made or changed."""
    if isinstance(profile, str):
        return profile
    return profile.name if profile.name in profile_names() and load_profile(profile.name) == profile else None
