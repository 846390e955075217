"""Findings of an explanation, and the explanation itself: as text and as plain data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from lensmount_emulator.engine.session_knowledge import Symptom
from lensmount_protocol.decoder import time_text
from lensmount_protocol.wire import Role


class FindingKind(Enum):
    """The kinds of findings; of two at one time, the one that stands first here is the cause."""

    DETACHED = "lens detached"
    SUPPLY_LOST = "supply lost"
    BEFORE_SUPPLY = "line before supply"
    BOUNCE = "line bounces"
    STUCK_LINE = "line stuck"
    LINE_DEFECT = "line defect"
    OUTSIDE_WINDOW = "frame outside its window"
    CLOCK = "clock off"
    BAUDRATE = "wrong baud rate"
    SHORT_FRAME = "short frame"
    BAD_FRAME = "bad frame"
    NO_FRAME = "bytes without a frame"
    STEP_MISSING = "step missing"
    SYNC_STOPPED = "frame sync stopped"
    NO_REPLY = "no reply"
    LATE = "late"
    REPEATED = "repeated request"
    REFUSED = "refused"
    FRAME_MISSING = "frame missing"
    SEQUENCE = "wrong sequence number"
    STREAM_STOPPED = "stream stopped"
    SILENCE = "silence"
    INVARIANT = "invariant broken"


RANK = {kind: rank for rank, kind in enumerate(FindingKind)}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that went wrong.

    Attributes:
        kind: its kind.
        at: when it was due, or when it happened, in seconds; `None` where the source has no times.
        text: the fact, and what was due, in one or two sentences.
        short: the same in a few words, for the list of later findings.
        end: the end that caused it; `None` where that is not known.
        subject: the line, or the message.
        type_: the message type; `None` without one.
        order: position in the source, for sources without times.
        count: how often it happened; `short` has no number of its own.
    """

    kind: FindingKind
    at: float | None
    text: str
    short: str
    end: Role | None = None
    subject: str = ""
    type_: int | None = None
    order: int = 0
    count: int = 1

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain data, times in milliseconds."""
        return {
            "kind": self.kind.value,
            "at_ms": None if self.at is None else round(self.at * 1e3, 6),
            "end": None if self.end is None else self.end.value,
            "subject": self.subject,
            "type": None if self.type_ is None else f"{self.type_:02X}",
            "count": self.count,
            "text": self.text,
        }


MAX_LATER_FINDINGS = 8
"""Later findings that the text lists, without those that close the list."""

MAX_REMARKS = 6
"""Remarks that the text lists."""

NOTHING_WRONG = "nothing went wrong"
WENT_WRONG = "something went wrong"
NOTHING_TO_EXPLAIN = "nothing to explain"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of a session.

    Attributes:
        source: the file, or a name of the session.
        dialect: name of the dialect.
        verdict: `nothing went wrong`, `something went wrong` or `nothing to explain`.
        outcome: how far the session came, in one sentence.
        cause: the first cause; `None` where nothing went wrong.
        paragraph: the explanation, in one paragraph.
        later_findings: what was found after the cause, in the order of time, all of it; it need not follow from the
            cause. The text lists the first ones.
        remarks: what is unusual and no fault.
        symptoms: known symptoms that the cause shows.
        findings: every finding, in the order of time.
        reference: name of the reference; `""` without one.
        complete: whether the whole source could be read.
        has_edges: whether the source holds every line of the mount; without them only some rules apply.
        closing: how many of the later findings, the last ones, close the list: how far the session came.
    """

    source: str
    dialect: str
    verdict: str
    outcome: str
    cause: Finding | None
    paragraph: str
    later_findings: Sequence[str] = ()
    remarks: Sequence[str] = ()
    symptoms: Sequence[Symptom] = ()
    findings: Sequence[Finding] = field(default=(), repr=False)
    reference: str = ""
    has_edges: bool = True
    complete: bool = True
    closing: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing went wrong."""
        return self.verdict == NOTHING_WRONG

    @property
    def explains(self) -> bool:
        """Whether there was something to explain."""
        return self.verdict != NOTHING_TO_EXPLAIN

    @property
    def text(self) -> str:
        """The explanation for users: the paragraph, then lists."""
        return "\n".join(self.lines)

    @property
    def lines(self) -> list[str]:
        """The explanation for users, line by line."""
        lines = [self.paragraph]
        place = len(self.later_findings) - self.closing
        later = [*_shorten(self.later_findings[:place], MAX_LATER_FINDINGS), *self.later_findings[place:]]
        for title, items in (("later findings:", later), ("remarks:", _shorten(self.remarks, MAX_REMARKS))):
            if items:
                lines += [title, *(f"  - {item}" for item in items)]
        if self.symptoms:
            lines.append("known symptoms:")
            for symptom in self.symptoms:
                lines.append(f"  - {symptom.title}: {symptom.text} {symptom.remedy} [{symptom.evidence}]")
        return lines

    def as_dict(self) -> dict[str, Any]:
        """The explanation as plain data."""
        return {
            "source": self.source,
            "dialect": self.dialect,
            "verdict": self.verdict,
            "ok": self.ok,
            "outcome": self.outcome,
            "cause": None if self.cause is None else self.cause.as_dict(),
            "paragraph": self.paragraph,
            "consequences": list(self.later_findings),
            "remarks": list(self.remarks),
            "symptoms": [
                {
                    "key": one.key,
                    "title": one.title,
                    "text": one.text,
                    "remedy": one.remedy,
                    "evidence": str(one.evidence),
                }
                for one in self.symptoms
            ],
            "findings": [one.as_dict() for one in self.findings],
            "reference": self.reference or None,
            "edges": self.has_edges,
            "complete": self.complete,
        }

    def __str__(self) -> str:
        return self.text


def _shorten(items: Sequence[str], most: int) -> Sequence[str]:
    return items if len(items) <= most else [*items[:most], f"{len(items) - most} more, in --json"]


def interval_text(seconds: float) -> str:
    """An interval for users: microseconds below a millisecond, then milliseconds, then seconds."""
    if abs(seconds) < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if abs(seconds) < 1.0:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds:.3f} s"


def times_text(count: int) -> str:
    """`once`, `twice`, `3 times`."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def bytes_text(count: int) -> str:
    """`1 byte`, `3 bytes`."""
    return "1 byte" if count == 1 else f"{count} bytes"


def at_text(at: float | None) -> str:
    """` at 12.3 ms`, or nothing where the source has no times."""
    return "" if at is None else f" at {time_text(at)}"


Names = Mapping[int, str]
