"""A finding: what a check of a port came to, and what its owner can do."""

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What a check came to."""

    FINE = "fine"
    NOTE = "note"
    """Nothing is wrong, but something is unproven or worth to know."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check came to.

    Attributes:
        check: the check's name.
        verdict: whether something is wrong.
        says: what was found, in one line.
        advice: what to do; `""` where there is nothing to do.
    """

    check: str
    verdict: Verdict
    says: str
    advice: str = ""
