"""One session of a campaign, with all that it takes to run it, and what it came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from lensmount_emulator.faults.expected import Expected
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
    """Whether the invariants held."""

    HELD = "held"
    BROKEN = "broken"
    LOST = "lost"


class Outcome(Enum):
    """Whether the script came as far as its faults let expect."""

    EXPECTED = "as expected"
    UNEXPECTED = "not as expected"
    UNKNOWN = "unknown"


class Standing(Enum):
    """The three results of a case in one word.

    Passed is a case whose invariants held and whose script was done, or cannot be done under its faults. Tolerated is
    one whose script was not done under faults that may prevent it.
    """

    PASSED = "passed"
    TOLERATED = "tolerated"
    UNEXPECTED = "unexpected"
    BROKEN = "broken"
    LOST = "lost"

    @property
    def fails(self) -> bool:
        """Whether the campaign ends with 1 by it."""
        return self not in (Standing.PASSED, Standing.TOLERATED)


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """How far the script of a case came.

    Attributes:
        complete: whether it was done.
        done: steps that were carried out.
        steps: steps in all.
        stopped_at: the step that was not carried out; `""` where there is none.
        declined: the reason for which the body declined the lens, by a rule that it knows; `""` where it did not.
    """

    complete: bool = False
    done: int = 0
    steps: int = 0
    stopped_at: str = ""
    declined: str = ""

    @property
    def text(self) -> str:
        """The same in a few words: `complete`, `1 of 3 steps, stopped at "aperture f/8"`."""
        if self.complete:
            return "complete"
        if not self.steps:
            return "the start-up was not completed"
        stopped = f', stopped at "{self.stopped_at}"' if self.stopped_at else ", its end was not reached"
        return f"{self.done} of {self.steps} steps{stopped}"


def outcome_of(verdict: Verdict, script: ScriptResult, expected: Expected) -> Outcome:
    """Whether a script came as far as was to be expected; of a case that no process survived nothing is known."""
    if verdict is Verdict.LOST:
        return Outcome.UNKNOWN
    fits = {Expected.COMPLETES: script.complete, Expected.MAY_FAIL: True, Expected.CANNOT: not script.complete}
    return Outcome.EXPECTED if fits[expected] else Outcome.UNEXPECTED


def standing_of(verdict: Verdict, script: ScriptResult, expected: Expected) -> Standing:
    """The three results in one word."""
    if verdict is not Verdict.HELD:
        return Standing(verdict.value)
    if outcome_of(verdict, script, expected) is Outcome.UNEXPECTED:
        return Standing.UNEXPECTED
    done = script.complete or expected is Expected.CANNOT
    return Standing.PASSED if done else Standing.TOLERATED


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
        script: how far the script came.
        expected: the outcome that its faults let expect.
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
    script: ScriptResult = field(default_factory=ScriptResult)
    expected: Expected = Expected.COMPLETES
    told: str = ""
    seconds: float = 0.0
    took: float = 0.0
    figures: Figures = field(default_factory=Figures)
    digest: str = ""
    recording: bytes = field(default=b"", repr=False)
    story: str = ""

    @property
    def outcome(self) -> Outcome:
        """Whether the script came as far as was to be expected."""
        return outcome_of(self.verdict, self.script, self.expected)

    @property
    def standing(self) -> Standing:
        """The three results in one word."""
        return standing_of(self.verdict, self.script, self.expected)

    @property
    def invariants(self) -> tuple[str, ...]:
        """The invariants that were violated, each once, in the order in which that was seen."""
        return tuple(dict.fromkeys(complaint.invariant for complaint in self.complaints))
