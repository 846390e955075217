"""What the audit finds and leaves as it is: each row with its reason and the evidence for it."""

from collections.abc import Callable
from dataclasses import dataclass

from state_audit.explore import Step


@dataclass(frozen=True)
class Row:
    """An exception.

    Attributes:
        dialect: whose lens.
        kind: `refusal`, `ignored` or `locked`.
        applies: to which steps.
        reason: why it stays.
        evidence: how that is known.
    """

    dialect: str
    kind: str
    applies: Callable[[Step], bool]
    reason: str
    evidence: str


def _rates_differ(step: Step) -> bool:
    return bool(step.before.lens_rate != step.before.body_rate)


def _body_left(step: Step) -> bool:
    """Only the body's own link moved, by the request itself, from a state that it had left open."""
    same = step.before._replace(body=step.after.body) == step.after
    return same and step.before.body in ("SWITCHING", "ASKED") and step.after.body == "READY"


def _only_attention_falls(step: Step) -> bool:
    return step.before.lens == "POWERED" and step.before._replace(lens_att=False) == step.after


EXCEPTIONS = (
    Row("emount", "refusal", _body_left,
        "a request in SWITCHING says that the body does not switch; its refusal ends that request",
        "our choice, protocol/spec/emount.md section 9"),
    Row("emount", "ignored", _rates_differ,
        "a lens does not read what comes at another rate than its own",
        "physical; a lens stays at 1.5 Mbaud until its supply is cut (BAS-SY)"),
    Row("emount", "locked", _rates_differ,
        "a body made the whole silent handshake in time and keeps its own rate; to the lens it is the switch",
        "captured handshake (SIG); a lens stays at 1.5 Mbaud until its supply is cut, asleep too (BAS-SY)"),
    Row("lmount", "refusal", _body_left,
        "an order in ASKED has an answer; what was asked before at another rate is given up with it",
        "protocol/spec/lmount.md section 3, orders"),
    Row("lmount", "refusal", _only_attention_falls,
        "a lens lowers its attention line at the first window of the body, whatever is in it",
        "protocol/spec/lmount.md section 4, step 1"),
    Row("lmount", "ignored", _rates_differ,
        "a lens does not read what comes at another rate than its own, until a second of silence",
        "protocol/spec/lmount.md section 3"),
)  # fmt: skip
