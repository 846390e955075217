"""Labels of a session by its user: what was done to the device, and when."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lensmount_protocol.errors import DialectError

_LABEL = re.compile(
    r"\s*(?P<begin>\d+(?:\.\d+)?)\s*s?\s*(?:(?:-|to|\.\.)\s*(?P<end>\d+(?:\.\d+)?)\s*s?\s*)?:\s*(?P<text>\S.*?)\s*"
)

AFTER_S = 1.0
"""Seconds that a label without an end covers: an operator at a ring, and the reports of the device."""

MAX_LABELS = 1000
MAX_TEXT = 200


@dataclass(frozen=True, slots=True)
class Label:
    """Something that the user did.

    Attributes:
        begin: when, in seconds of the capture's own clock, as `decode` shows it.
        end: when it was over.
        text: what it was.
    """

    begin: float
    end: float
    text: str

    def covers(self, at: float | None) -> bool:
        """Whether a time lies in it."""
        return at is not None and self.begin <= at <= self.end


def parse_label(text: str) -> Label:
    """Parse `12.3 s: turned the ring`, or `12.3 s - 15 s: turned the ring`.

    Raises:
        DialectError: the text is no label.
    """
    # A text of a megabyte takes the expression a minute.
    found = None if len(text) > MAX_TEXT else _LABEL.fullmatch(text)
    if found is None:
        raise DialectError(f"label {text[:MAX_TEXT]!r} is none; write '12.3 s: turned the ring', or '12 s - 15 s: ...'")
    begin = float(found["begin"])
    end = begin + AFTER_S if found["end"] is None else float(found["end"])
    if end <= begin:
        raise DialectError(f"label {text!r} ends before it begins; write the earlier time first")
    return Label(begin, end, found["text"])


def parse_labels(lines: Iterable[str]) -> list[Label]:
    """Parse the labels of a file: one a line; empty lines and lines that begin with `#` count as nothing.

    Raises:
        DialectError: a line is no label, or there are more than `MAX_LABELS`.
    """
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if len(kept) > MAX_LABELS:
        raise DialectError(f"{len(kept)} labels; {MAX_LABELS} are the most")
    return [parse_label(line.rstrip("\n")) for line in kept]


def covered_share(labels: Sequence[Label], text: str, times: Sequence[float]) -> float:
    """Share of these times that the labels with this text cover."""
    chosen = [label for label in labels if label.text == text]
    return sum(any(label.covers(at) for label in chosen) for at in times) / len(times) if times else 0.0
