"""One case of a campaign once more, from nothing but its results, and held against what it came to."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from lensmount_emulator.campaign.case import Result
from lensmount_emulator.campaign.finished import Finished
from lensmount_emulator.campaign.trial import Work, recording_of
from lensmount_emulator.faults.plan import plan_of
from lensmount_emulator.fuzz.session import shorter
from lensmount_emulator.fuzz.stage import play_story
from lensmount_emulator.fuzz.story import MAX_STEPS, story_from, write_story
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.output_file import write_output
from lensmount_protocol.errors import CampaignError

MAX_REPLAY_S = 600.0
"""Virtual time of a case that is replayed."""


@dataclass(frozen=True, slots=True)
class Again:
    """A case that was played once more.

    Attributes:
        result: what it came to.
        recording: every byte and edge, as a `.lmx` file holds it.
        same: whether its three results are the same, by the same complaints.
        identical: whether its recording is the same, byte for byte.
    """

    result: Result
    recording: bytes
    same: bool
    identical: bool


def replay_case(finished: Finished) -> Again:
    """Play a case once more.

    Raises:
        ProfileError: a profile of it is not known here.
        FaultError: one of its faults is not known here.
        CampaignError: it is too long.
    """
    case = finished.case
    if finished.seconds > MAX_REPLAY_S or case.steps > MAX_STEPS:
        raise CampaignError(
            f"case {case.number}: {finished.seconds:g} s, {case.steps} steps; a case of at most {MAX_REPLAY_S:g} s and "
            f"{MAX_STEPS} steps is replayed"
        )
    # The file may ask for any time; a case that took less than this comes out the same.
    case = replace(case, seconds=min(case.seconds, MAX_REPLAY_S))
    names = {case.body, case.lens, *case.accessories, *plan_of(case.faults, case.seed).lenses}
    work = Work({name: load_profile(name) for name in names})
    result = work(case)
    same = (result.verdict, result.complaints, result.script, result.expected) == (
        finished.verdict,
        finished.complaints,
        finished.script,
        finished.expected,
    )
    recording = result.recording or recording_of(work.play(case))
    return Again(result, recording, same, bool(result.digest) and result.digest == finished.digest)


def write_shorter(path: Path, again: Again, *, overwrite: bool = False) -> int:
    """Write the shortest story that breaks the same as a case did; gives how many steps it has.

    Raises:
        CampaignError: the case has no story, or broke nothing.
        CaptureError: the file cannot be written.
    """
    if not again.result.story or not again.result.complaints:
        raise CampaignError(f"case {again.result.case.number}: only steps by chance that broke something are shortened")
    outcome = play_story(story_from(json.loads(again.result.story)))
    outcome = shorter(outcome) if outcome.complaints else outcome
    write_story(path, outcome.story, outcome.records, overwrite=overwrite)
    return len(outcome.story.steps)


def write_recording(path: Path, recording: bytes, *, overwrite: bool = False) -> None:
    """Write a recording to a file, which appears when it is complete.

    Raises:
        CaptureError: it exists or cannot be written.
    """
    write_output(path, recording, overwrite=overwrite)
