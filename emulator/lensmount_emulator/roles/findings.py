"""What a body finds out about a lens, step by step: works, works reduced, refused; each with the rule behind it."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """How a step went; the later one is the worse."""

    WORKS = "works"
    REDUCED = "reduced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Rule:
    """Why something works only in part, or not at all.

    Attributes:
        name: a few words, by which findings name it.
        why: the reason, in one sentence for people.
        known: how that is known: `public`, `reported`, `inferred` or `modelled`.
        source: where it can be read.
    """

    name: str
    why: str
    known: str
    source: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What a step of a session came to.

    Attributes:
        step: the step: `attach`, `identify`, `focus`.
        verdict: how it went.
        rule: name of the rule that made it less than works; `""` where it works.
        detail: what was seen, in one line.
        at: when, in seconds.
    """

    step: str
    verdict: Verdict
    rule: str
    detail: str
    at: float


def worst(findings: "list[Finding]") -> Verdict:
    """The verdict over all: refused where the lens could not be got to know, reduced where any step was less."""
    order = list(Verdict)
    if any(finding.verdict is Verdict.REFUSED and finding.step in DECISIVE for finding in findings):
        return Verdict.REFUSED
    found = max((order.index(finding.verdict) for finding in findings), default=0)
    return order[min(found, order.index(Verdict.REDUCED))]


DECISIVE = frozenset({"attach", "identify", "negotiate"})
"""Steps without which nothing else can be tried."""
