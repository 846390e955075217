"""A finished case as it is read back from the results."""

from dataclasses import dataclass

from lensmount_emulator.campaign.case import (
    Case,
    Outcome,
    ScriptResult,
    Standing,
    Verdict,
    outcome_of,
    standing_of,
)
from lensmount_emulator.faults.expected import Expected
from lensmount_emulator.fuzz.watch import Complaint


@dataclass(frozen=True, slots=True)
class Finished:
    """A case that has its result.

    Attributes:
        case: the case.
        verdict: whether the invariants held.
        script: how far the script came.
        expected: the outcome that its faults let expect.
        complaints: what must not be and was.
        told: the first error or warning that an end reported.
        seconds: how long it lasted, in virtual time.
        took: how long the machine took.
        frames: frames in it.
        bytes: their bytes.
        digest: of its recording.
        file: its recording or story, beside the results; `""` for one that passed.
    """

    case: Case
    verdict: Verdict
    script: ScriptResult
    expected: Expected
    complaints: tuple[Complaint, ...]
    told: str
    seconds: float
    took: float
    frames: int
    bytes: int
    digest: str
    file: str

    @property
    def outcome(self) -> Outcome:
        """Whether the script came as far as was to be expected."""
        return outcome_of(self.verdict, self.script, self.expected)

    @property
    def standing(self) -> Standing:
        """The three results in one word."""
        return standing_of(self.verdict, self.script, self.expected)
