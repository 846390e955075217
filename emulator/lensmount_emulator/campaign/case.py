"""Cases of a campaign: one session with its inputs, its result, and its result as read back from a file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.fuzz.monitor import Violation

PLAIN = "plain"
SESSION = "session"
KINDS = (PLAIN, SESSION)
"""Kinds of cases: a script under its faults, or random steps after them as the session fuzzer takes them."""


@dataclass(frozen=True, slots=True)
class Case:
    """One session.

    Attributes:
        number: its number in the campaign, from 1; cases of the corpus come after all others.
        kind: one of `KINDS`.
        dialect: the dialect.
        body: the body's profile, as commands name it.
        lens: the lens's profile.
        accessories: the accessories between them, from the body on.
        faults: the faults, as text.
        seed: the seed of every random decision.
        script: the script of the body.
        seconds: time limit of the script, in virtual time.
        steps: number of random steps, for kinds with random steps.
        checks: the invariants to check.
        begins: initial steps from a scenario of the corpus; random steps follow.
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


class InvariantOutcome(Enum):
    """Whether the invariants held."""

    HELD = "held"
    BROKEN = "broken"
    LOST = "lost"


class ScriptOutcome(Enum):
    """Whether the progress of the script is the one that its faults let expect."""

    EXPECTED = "as expected"
    UNEXPECTED = "not as expected"
    UNKNOWN = "unknown"


class CaseStatus(Enum):
    """The three results of a case as one value.

    Passed: the invariants held, and the script was done or cannot be done under the faults. Tolerated: the script was
    not done under faults that may prevent it.
    """

    PASSED = "passed"
    TOLERATED = "tolerated"
    UNEXPECTED = "unexpected"
    BROKEN = "broken"
    LOST = "lost"

    @property
    def is_failure(self) -> bool:
        """Whether the case makes the campaign end with exit code 1."""
        return self not in (CaseStatus.PASSED, CaseStatus.TOLERATED)


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """The progress of a case's script.

    Attributes:
        complete: whether every step was carried out.
        done: steps that were carried out.
        steps: steps in all.
        stopped_at: the step that was not carried out; `""` where there is none.
        declined: the rule by which the body rejected the lens; `""` if it did not.
    """

    complete: bool = False
    done: int = 0
    steps: int = 0
    stopped_at: str = ""
    declined: str = ""

    @property
    def text(self) -> str:
        """The progress as a short text: `complete`, `1 of 3 steps, stopped at "aperture f/8"`."""
        if self.complete:
            return "complete"
        if not self.steps:
            return "the start-up was not completed"
        stopped = f', stopped at "{self.stopped_at}"' if self.stopped_at else ", its end was not reached"
        return f"{self.done} of {self.steps} steps{stopped}"


def script_outcome(verdict: InvariantOutcome, script: ScriptResult, expected: ExpectedOutcome) -> ScriptOutcome:
    """Return whether the progress of a script was expected; a case that lost its process has no progress."""
    if verdict is InvariantOutcome.LOST:
        return ScriptOutcome.UNKNOWN
    fits = {
        ExpectedOutcome.COMPLETES: script.complete,
        ExpectedOutcome.MAY_FAIL: True,
        ExpectedOutcome.CANNOT: not script.complete,
    }
    return ScriptOutcome.EXPECTED if fits[expected] else ScriptOutcome.UNEXPECTED


def case_status(verdict: InvariantOutcome, script: ScriptResult, expected: ExpectedOutcome) -> CaseStatus:
    """Return the three results as one value."""
    if verdict is not InvariantOutcome.HELD:
        return CaseStatus(verdict.value)
    if script_outcome(verdict, script, expected) is ScriptOutcome.UNEXPECTED:
        return CaseStatus.UNEXPECTED
    done = script.complete or expected is ExpectedOutcome.CANNOT
    return CaseStatus.PASSED if done else CaseStatus.TOLERATED


@dataclass(frozen=True, slots=True)
class SessionMetrics:
    """Counts over one session.

    Attributes:
        messages: (sender, messages of a frame) -> frames and their bytes.
        replies: (request, lower end of the bucket in µs) -> replies with this latency.
        states: (end, state) -> number of entries.
        transitions: (end, state, trigger, next state) -> count.
    """

    messages: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict[tuple[str, str], tuple[int, int]])
    replies: Mapping[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    states: Mapping[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    transitions: Mapping[tuple[str, str, str, str], int] = field(default_factory=dict[tuple[str, str, str, str], int])


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The result of a case.

    Attributes:
        case: the case.
        verdict: broken if an invariant was violated, lost if every worker died with the case.
        script: the progress of the script.
        expected: the outcome that its faults let expect.
        violations: the violations of invariants, in the order of detection.
        first_error: the first error that an end reported, with its time; `""` without one. Under faults errors are
            normal.
        seconds: duration of the session, in virtual time.
        elapsed_s: real time that the case took, in seconds.
        metrics: the counts over the session.
        digest: digest of the recording; equal sessions have equal digests.
        recording: the recording, or the scenario, of a case that did not pass, as the content of a `.lmx` file.
        scenario: every step of a case with random steps, as JSON.
    """

    case: Case
    verdict: InvariantOutcome
    violations: tuple[Violation, ...]
    script: ScriptResult = field(default_factory=ScriptResult)
    expected: ExpectedOutcome = ExpectedOutcome.COMPLETES
    first_error: str = ""
    seconds: float = 0.0
    elapsed_s: float = 0.0
    metrics: SessionMetrics = field(default_factory=SessionMetrics)
    digest: str = ""
    recording: bytes = field(default=b"", repr=False)
    scenario: str = ""

    @property
    def outcome(self) -> ScriptOutcome:
        """Whether the progress of the script was expected."""
        return script_outcome(self.verdict, self.script, self.expected)

    @property
    def status(self) -> CaseStatus:
        """The three results as one value."""
        return case_status(self.verdict, self.script, self.expected)

    @property
    def invariants(self) -> tuple[str, ...]:
        """The invariants that were violated, each once, in the order of detection."""
        return tuple(dict.fromkeys(violation.invariant for violation in self.violations))


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case with its stored result.

    Attributes:
        case: the case.
        verdict: whether the invariants held.
        script: the progress of the script.
        expected: the outcome that its faults let expect.
        violations: the violations of invariants.
        first_error: the first error or warning that an end reported.
        seconds: duration of the session, in virtual time.
        elapsed_s: real time that the case took, in seconds.
        frames: frames in it.
        bytes: their bytes.
        digest: digest of the recording.
        file: its recording or scenario, stored with the results; `""` for a case that passed.
    """

    case: Case
    verdict: InvariantOutcome
    script: ScriptResult
    expected: ExpectedOutcome
    violations: tuple[Violation, ...]
    first_error: str
    seconds: float
    elapsed_s: float
    frames: int
    bytes: int
    digest: str
    file: str

    @property
    def outcome(self) -> ScriptOutcome:
        """Whether the progress of the script was expected."""
        return script_outcome(self.verdict, self.script, self.expected)

    @property
    def status(self) -> CaseStatus:
        """The three results as one value."""
        return case_status(self.verdict, self.script, self.expected)
