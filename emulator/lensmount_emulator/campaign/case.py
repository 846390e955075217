"""One session of a campaign, with all that it takes to run it, and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from lensmount_emulator.fuzz.watch import Complaint

PLAIN = "plain"
SESSION = "session"
KINDS = (PLAIN, SESSION)
"""What a case does: a script under its faults; or, behind those, steps by chance as the session machine takes them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One session.

    Attributes:
        number: its place in the campaign, from 1; those that the corpus gave come behind all others.
        kind: one of `KINDS`.
        dialect: what is spoken.
        body: the body's profile, as commands name it.
        lens: the lens's.
        accessories: those in between, from the body on.
        faults: what goes wrong, in text forms.
        seed: where all chance comes from.
        script: what the body does.
        seconds: how long the script may take, in virtual time.
        steps: how many steps by chance, where the kind takes some.
        checks: the invariants that it is held to.
        begins: steps that a story of the corpus begins with; chance goes on behind them.
    """

    number: int
    kind: str
    dialect: str
    body: str
    lens: str
    accessories: tuple[str, ...]
    faults: tuple[str, ...]
    seed: int
    script: str
    seconds: float
    steps: int
    checks: tuple[str, ...]
    begins: tuple[str, ...] = ()


class Verdict(Enum):
    """What a case came to."""

    PASSED = "passed"
    BROKEN = "broken"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Figures:
    """What was seen in a session.

    Attributes:
        messages: (sender, what its frame said) -> frames and their bytes.
        replies: (what was asked, lower end of the bucket in µs) -> replies that took so long.
        states: (end, state) -> how often it was come to.
        transitions: (end, state, trigger, next state) -> how often.
    """

    messages: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict[tuple[str, str], tuple[int, int]])
    replies: Mapping[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    states: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    transitions: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict[tuple[str, str, str, str], int])


@dataclass(frozen=True, slots=True)
class Result:
    """What a case came to.

    Attributes:
        case: the case.
        verdict: broken where an invariant was violated, lost where no worker lived through it.
        complaints: what must not be and was, in the order in which it was seen.
        told: the first trouble that an end told of, with its time; `""` where none did. Under faults that is usual.
        seconds: how long the session lasted, in virtual time.
        took: how long the machine took for it, in seconds.
        figures: what was seen in it.
        digest: of its recording; the same session has the same.
        recording: the recording, or the story, of a case that did not pass, as a `.lmx` file holds it.
        story: every step of a case that took steps by chance, as JSON.
    """

    case: Case
    verdict: Verdict
    complaints: tuple[Complaint, ...]
    told: str = ""
    seconds: float = 0.0
    took: float = 0.0
    figures: Figures = field(default_factory=Figures)
    digest: str = ""
    recording: bytes = field(default=b"", repr=False)
    story: str = ""

    @property
    def invariants(self) -> tuple[str, ...]:
        """The invariants that were violated, each once, in the order in which that was seen."""
        return tuple(dict.fromkeys(complaint.invariant for complaint in self.complaints))
