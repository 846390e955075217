"""Compatibility results of a body with a lens, step by step: works, works reduced, refused; each with its rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """Outcome of a step, from best to worst."""

    WORKS = "works"
    REDUCED = "reduced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class CompatibilityRule:
    """Why something works only in part, or not at all.

    Attributes:
        name: a short name, which results refer to.
        why: the reason, in one sentence for users.
        known: how that is known: `public`, `reported`, `inferred` or `modelled`.
        source: link or reference.
    """

    name: str
    why: str
    known: str
    source: str


@dataclass(frozen=True, slots=True)
class CompatibilityResult:
    """Result of one step of a session.

    Attributes:
        step: the step: `attach`, `identify`, `focus`.
        verdict: its outcome.
        rule: name of the rule that made it less than works; `""` where it works.
        detail: the observation, in one line.
        at: when, in seconds.
    """

    step: str
    verdict: Verdict
    rule: str
    detail: str
    at: float


def worst_verdict(results: Sequence[CompatibilityResult], *, declined: bool = False) -> Verdict:
    """Return the overall verdict: refused if a decisive step was, reduced if any step was reduced or refused.

    Args:
        results: the results of the steps.
        declined: whether the body gave its lens up by one of them, which makes any step decisive.
    """
    order = list(Verdict)
    if declined or any(finding.verdict is Verdict.REFUSED and finding.step in DECISIVE_STEPS for finding in results):
        return Verdict.REFUSED
    found = max((order.index(finding.verdict) for finding in results), default=0)
    return order[min(found, order.index(Verdict.REDUCED))]


DECISIVE_STEPS = frozenset({"attach", "identify", "negotiate"})
"""Steps that all later steps depend on."""
