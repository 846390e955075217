"""What a failure tells: the story of its last moments, where it is recorded, and how to see it again."""

import shlex
from collections.abc import Sequence

from lensmount_emulator.pytest_plugin.heard import Heard
from lensmount_emulator.reports.story import tell
from lensmount_protocol.decoder import Decoded, EmptyWindow

MESSAGE_LINES = 12
"""Lines of the timeline in an assertion's message; behind it the report has as many as were asked for."""

BEFORE_S = 0.25
AFTER_S = 0.005
"""What is told around a moment: what led to it, and a little of what came of it."""


def timeline(heard: Heard, lines: int, around: float | None = None) -> list[str]:
    """The last lines of the story, times in milliseconds.

    Args:
        heard: what was heard.
        lines: how many.
        around: a moment in seconds; only what is near it is told. `None` for the end.
    """
    events, notices = list(heard.events), list(heard.notices)
    if around is not None:
        events = [event for event in events if _near(_time(event), around)]
        notices = [notice for notice in notices if _near(notice.at, around)]
    return [line.text for line in tell(events, notices, heard.dialect.routine)][-lines:]


def with_timeline(what: str, heard: Heard, lines: int, around: float | None = None) -> str:
    """A sentence, and behind it the part of the timeline that shows it."""
    told = timeline(heard, min(lines, MESSAGE_LINES), around)
    if not told:
        return f"{what}\nnothing was heard"
    head = f"the last {len(told)} lines" if around is None else f"around {around * 1e3:.3f} ms"
    return "\n".join([what, f"{head}, in milliseconds:", *told])


def decode_command(path: object) -> str:
    """The command that shows a recording."""
    return shlex.join(["lensmount", "decode", str(path)])


def sections(heard: Heard, lines: int, replay: str) -> Sequence[tuple[str, str]]:
    """What a report gets: a name and a text each."""
    return (
        ("timeline", "\n".join(timeline(heard, lines)) or "nothing was heard"),
        ("recording", str(heard.path)),
        ("replay", replay),
    )


def _near(at: float, around: float) -> bool:
    return around - BEFORE_S <= at <= around + AFTER_S


def _time(event: Decoded) -> float:
    return event.opened if isinstance(event, EmptyWindow) else event.at or 0.0
