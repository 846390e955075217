"""Runs a campaign: what is missing is played, each result is written down, what is new goes to the corpus."""

import json
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from lensmount_emulator.campaign.case import SESSION, Case, Result, Standing
from lensmount_emulator.campaign.planning import Planned
from lensmount_emulator.campaign.store import Store
from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.fuzz.stage import STEPS
from lensmount_emulator.fuzz.story import story_from
from lensmount_protocol.errors import CorpusError

LONGEST_STORY = 2000
"""Steps of a story that is worth keeping: each campaign goes on behind those that it finds."""

Entry = Mapping[str, Any]

T = TypeVar("T")


class Corpus(Protocol):
    """Where stories are kept between campaigns; what `open_corpus` gives is one, and wants hypothesis."""

    @property
    def broken(self) -> int:
        """Entries that were skipped because they are damaged, among all that were read."""
        ...

    def keep(self, subject: str, *entries: Entry) -> None:
        """Keep entries, and see that they are there."""
        ...

    def kept(self, subject: str, read: Callable[[Entry], T]) -> list[T]:
        """What was kept, always in the same order; what is damaged is skipped, and counted."""
        ...


Execute = Callable[[Iterable[Case]], Generator[Result]]
"""Plays cases somewhere; gives each result as soon as it is there."""


@dataclass(slots=True)
class Progress:
    """How far a campaign has come.

    Attributes:
        planned: cases in all.
        finished: cases that have their result.
        began: cases that had theirs when this run began.
        counts: standing -> cases of this run.
        skipped: entries of the corpus that cannot be read.
        trouble: why a story could not be kept in the corpus; `""` where all were.
    """

    planned: int
    finished: int
    began: int
    counts: dict[Standing, int]
    skipped: int = 0
    trouble: str = ""


def run_planned(planned: Planned, store: Store, execute: Execute, corpus: Corpus | None = None) -> Generator[Progress]:
    """Play every case that has no result yet; tells how far it is, first before anything is played.

    Whoever stops early closes the generator; what was told as finished is in the store.

    Args:
        planned: what to run.
        store: where results go.
        execute: what plays the cases.
        corpus: where stories come from, and where those go that broke something or went a way that was new.

    Raises:
        CaptureError: a result cannot be written.
        CorpusError: the corpus is out of reach at the beginning; later the campaign goes on without it, and says so in
            `Progress.trouble`.
        TransportError: the cluster is.
    """
    subject = f"session {planned.form.dialect}"
    stories = [] if corpus is None else corpus.kept(subject, lambda entry: _told(entry, planned))
    behind = len(planned.cases)
    taken = store.take_in((story for story in stories if story), behind)
    cases = [*planned.cases, *(_case_of(number, story, planned.cases[0]) for number, story in taken)]
    finished = store.finished()
    missing = [case for case in cases if case.number not in finished]
    done = len(cases) - len(missing)
    progress = Progress(len(cases), done, done, dict.fromkeys(Standing, 0), 0 if corpus is None else corpus.broken)
    yield progress
    if not missing:
        return
    known = store.transitions()
    with closing(execute(missing)) as results:
        for result in results:
            new = set(result.figures.transitions) - known
            known |= new
            progress.finished += store.add(result)
            progress.counts[result.standing] += 1
            yield progress
            if corpus is not None and result.story and (new or result.complaints):
                progress.trouble = _keep(corpus, subject, json.loads(result.story)) or progress.trouble


def _keep(corpus: Corpus, subject: str, entry: Entry) -> str:
    """Keep a story that is worth it; why that is not possible, else `""`."""
    try:
        if len(entry["steps"]) <= LONGEST_STORY:
            corpus.keep(subject, entry)
    except CorpusError as error:
        return str(error)
    return ""


def _told(entry: Entry, planned: Planned) -> str:
    """A story of the corpus as JSON; `""` for one that this campaign has no use for."""
    story = story_from(entry)
    for step in story.steps:
        verb, _, rest = step.partition(" ")
        if verb not in STEPS:
            raise ValueError(f"no story has a step {step!r}")
        if verb == "fault":
            parse_fault(rest.partition(" ")[2])
    here = story.dialect == planned.form.dialect and {story.body, story.lens} <= planned.profiles.keys()
    return json.dumps(story.entry(), sort_keys=True) if here and story.mode == "both" else ""


def _case_of(number: int, told: str, like: Case) -> Case:
    """The case that goes on where a story of the corpus ended."""
    story = story_from(json.loads(told))
    return replace(
        like,
        number=number,
        kind=SESSION,
        body=story.body,
        lens=story.lens,
        faults=(),
        seed=story.seed,
        script=story.script,
        begins=story.steps,
        steps=len(story.steps) + like.steps,
    )
