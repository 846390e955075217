"""What a breakage is, and whether an explanation names its first cause."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from lensmount_emulator.explain.finding import Explanation, FindingKind
from lensmount_protocol.wire import Role, WireRecord

EARLY_S = 2e-3
"""Seconds by which a first cause may be dated before the breakage."""


@dataclass(frozen=True)
class Breakage:
    """A broken session with the truth about it.

    Attributes:
        name: what was broken, for the table.
        records: the session.
        dialect: its dialect.
        kinds: the kinds of findings that name the cause; none for a session in which nothing went wrong.
        at: when it was broken, in seconds.
        within: seconds within which its first effect comes.
        end: the end that is at fault; `None` where the kind alone says it.
        pair: the devices, for a reference; `None` for no reference.
    """

    name: str
    records: Sequence[WireRecord] = field(repr=False)
    dialect: str
    kinds: frozenset[FindingKind]
    at: float
    within: float = 0.1
    end: Role | None = None
    pair: tuple[str, str] | None = None


def verdict(case: Breakage, found: Explanation) -> str:
    """`right`, `half` (the kind or the place is right) or `missed`."""
    cause = found.cause
    if not case.kinds:
        return "right" if found.ok else "missed"
    if cause is None or cause.at is None:
        return "missed"
    kind = cause.kind in case.kinds and case.end in (None, cause.end, None if cause.end is None else cause.end)
    if case.end is not None and cause.end is not None:
        kind = kind and cause.end is case.end
    place = case.at - EARLY_S <= cause.at <= case.at + case.within
    return "right" if kind and place else "half" if kind or place else "missed"
