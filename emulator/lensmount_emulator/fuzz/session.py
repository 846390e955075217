"""The session machine: takes steps by chance, holds both ends to the invariants, keeps the shortest story of a break.

It is a machine of its own and no rule-based one of hypothesis, because it takes ten times as many steps in a second;
its stories are text, so they are shrunk and replayed without what found them.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from random import Random

from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.registry import text_of
from lensmount_emulator.fuzz.chance import any_bytes, any_fault, any_flood, any_frame
from lensmount_emulator.fuzz.said import said
from lensmount_emulator.fuzz.shrink import shrunk
from lensmount_emulator.fuzz.stage import Outcome, Stage, play_story, told_otherwise
from lensmount_emulator.fuzz.story import MODES, Story
from lensmount_emulator.fuzz.traits import dialect_of, traits_of
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import Role

STEPS_A_STORY = 400
"""Steps in a story by chance: a start-up and what follows on it."""

WAITS_S = (0.0, 1e-5, 1e-4, 4e-4, 1e-3, 1e-3, 3e-3, 3e-3, 0.01, 0.02)
LONG_WAITS_S = (0.1, 0.3, 1.0)

OUT_OF_ORDER = 0.2
"""Share of what a puppet says that is not what comes next."""

REPEATED = 25
"""Of so many stories one is played twice, and recorded the same."""

MOST_BROKEN = 10
"""Stories of different breaks that a campaign keeps; behind that it ends."""

Choice = Callable[["Chooser"], str]


class Chooser:
    """Chooses steps for a story.

    Args:
        story: who plays.
        random: where chance comes from.
    """

    def __init__(self, story: Story, random: Random) -> None:
        self.random = random
        self.dialect: Dialect = dialect_of(story.dialect)
        self.traits: FuzzTraits = traits_of(story.dialect)
        self.mode = story.mode
        self.puppet = {"body": Role.LENS, "lens": Role.BODY}.get(story.mode)
        names, weights = zip(*CHOICES["both" if self.puppet is None else "one"], strict=True)
        self._choices: tuple[Choice, ...] = names
        self._weights: tuple[int, ...] = weights
        self.words = said(story.dialect, self.puppet) if self.puppet is not None else ()
        self._place = 0
        self._lines = [line for line, role in self.dialect.drivers.items() if role is self.puppet]

    def next(self) -> str:
        """A step."""
        return self.random.choices(self._choices, self._weights)[0](self)

    def said(self) -> bytes:
        """What the puppet's end would say: what comes next in a session, or any of it."""
        if self.random.random() < OUT_OF_ORDER:
            self._place = self.random.randrange(len(self.words))
        self._place += 1
        return self.words[(self._place - 1) % len(self.words)]

    def line(self) -> str:
        """A line of the puppet."""
        return self.random.choice(self._lines)


def _wait(chooser: Chooser) -> str:
    random = chooser.random
    return f"wait {random.choice(LONG_WAITS_S if random.random() < 0.006 else WAITS_S) * random.choice((1, 1, 0.7)):g}"


def _noise(chooser: Chooser) -> str:
    role = chooser.puppet or chooser.random.choice((*Role,))
    return f"send {role.value} {any_bytes(chooser.random, chooser.dialect, role).hex()}"


def _frame(chooser: Chooser) -> str:
    role = chooser.puppet or chooser.random.choice((*Role,))
    return f"send {role.value} {any_frame(chooser.random, chooser.dialect, role).hex()}"


def _said(chooser: Chooser) -> str:
    """What makes sense takes an end further than what does not."""
    if chooser.puppet is None or not chooser.words:
        return _frame(chooser)
    return f"send {chooser.puppet.value} {chooser.said().hex()}"


def _flood(chooser: Chooser) -> str:
    """More than can be answered at once, from who may ask."""
    if chooser.puppet is Role.LENS:
        return _frame(chooser)
    return f"send {Role.BODY.value} {any_flood(chooser.random, chooser.dialect, Role.BODY).hex()}"


def _fault(chooser: Chooser) -> str:
    random = chooser.random
    fault: Fault = any_fault(random, chooser.dialect, random.choice((0.0, 0.0, 1e-4, 0.003)))
    if fault.NAME == "drift":
        # A clock drifts from the start or not at all.
        return _wait(chooser)
    return f"fault {random.randrange(10_000)} {text_of(fault)}"


def _hand(chooser: Chooser) -> str:
    hands = chooser.traits.hands
    return f"hand {chooser.random.choice(hands)}" if hands and chooser.puppet is not Role.LENS else _wait(chooser)


def _drive(chooser: Chooser) -> str:
    return f"drive {chooser.line()} {chooser.random.choice(('low', 'high'))}"


def _supply(chooser: Chooser) -> str:
    """A puppet that is a body gives supply more often than it takes it."""
    if chooser.puppet is not Role.BODY:
        return _drive(chooser)
    return f"drive {chooser.dialect.supply} {chooser.random.choice(('high', 'high', 'high', 'low'))}"


def _off(_chooser: Chooser) -> str:
    return "off"


def _on(_chooser: Chooser) -> str:
    return "on"


CHOICES: dict[str, tuple[tuple[Choice, int], ...]] = {
    "both": ((_wait, 700), (_noise, 120), (_frame, 60), (_flood, 4), (_fault, 40), (_hand, 60), (_off, 2), (_on, 18)),
    "one": ((_wait, 420), (_noise, 80), (_frame, 150), (_said, 120), (_flood, 6), (_fault, 8), (_hand, 30),
            (_drive, 180), (_supply, 20), (_off, 1), (_on, 1)),
}  # fmt: skip
"""How steps are chosen, with their weights: where both ends are engines, and where one is a puppet."""


@dataclass(slots=True)
class Campaign:
    """What many stories came to.

    Attributes:
        steps: steps that were taken.
        stories: stories that were played.
        broken: the shortest story of each kind of break, and what it came to.
        counts: kind of break -> how many stories broke that way.
        unplayable: stories of earlier runs with a player or a step that nobody knows.
    """

    steps: int = 0
    stories: int = 0
    broken: list[Outcome] = field(default_factory=lambda: list[Outcome]())
    counts: Counter[str] = field(default_factory=lambda: Counter[str]())
    unplayable: int = 0


def story_of(dialect: str, random: Random, mode: str = "") -> Story:
    """Players by chance, and no steps yet."""
    traits = traits_of(dialect)
    verbs = traits.verbs or ("",)
    script = "; ".join(random.choice(verbs) for _ in range(random.randint(0, 6)))
    return Story(
        dialect,
        random.choice(traits.bodies),
        random.choice(traits.lenses),
        mode or random.choices(MODES, (6, 1, 1))[0],
        script,
        random.randrange(1_000_000),
    )


def tell(story: Story, random: Random, steps: int) -> Outcome:
    """Take steps by chance until something breaks or there were so many."""
    chooser, stage, taken = Chooser(story, random), Stage(story), list[str]()
    if stage.puppet is None:
        taken.append("wait 1.2")
        stage.take(taken[-1])
    while len(taken) < steps and not stage.watch.complaints:
        taken.append(chooser.next())
        stage.take(taken[-1])
    if not stage.watch.complaints:
        stage.close()
    return Outcome(story.with_steps(taken), stage.watch.complaints, stage.taken, stage.records)


def run_campaign(
    dialects: Iterable[str],
    steps: int,
    seed: int,
    *,
    mode: str = "",
    shrinks: bool = True,
    progress: Callable[[int], None] = lambda _steps: None,
    first: Iterable[Story] = (),
    found: Callable[[Outcome], None] = lambda _outcome: None,
    came: Campaign | None = None,
) -> Campaign:
    """Take so many steps, story by story.

    Args:
        dialects: what is spoken, in turn.
        steps: steps to take in all.
        seed: where chance comes from; the same seed tells the same stories.
        mode: which ends are engines; `""` by chance.
        shrinks: whether a story that breaks something is told as short as it can be.
        progress: told between stories how many steps were taken.
        first: stories of earlier runs, which are played before any other; their steps are not counted.
        found: told at once of each story that is kept because it breaks something new.
        came: figures to count in, for those who want them although the run is stopped; new ones where none are given.
    """
    came, names = came or Campaign(), tuple(dialects)
    for story in first:
        try:
            outcome = play_story(story)
        except MountError:
            came.unplayable += 1
        else:
            _note(came, outcome, found, shrinks=shrinks)
    while came.steps < steps and len(came.broken) < MOST_BROKEN:
        random = Random(f"{seed} session {came.stories}")
        story = story_of(names[came.stories % len(names)], random, mode)
        outcome = tell(story, random, min(STEPS_A_STORY, max(1, steps - came.steps)))
        if came.stories % REPEATED == 0 and not outcome.complaints:
            outcome.complaints.extend(told_otherwise(outcome))
        came.steps += outcome.steps
        came.stories += 1
        progress(came.steps)
        _note(came, outcome, found, shrinks=shrinks)
    return came


def _note(came: Campaign, outcome: Outcome, found: Callable[[Outcome], None], *, shrinks: bool) -> None:
    """Count what a story broke, if it did, and keep it where it is the first of its kind."""
    if not outcome.complaints:
        return
    kind = kind_of(outcome)
    came.counts[kind] += 1
    if came.counts[kind] == 1:
        kept = outcome
        try:
            kept = shorter(outcome) if shrinks else outcome
        finally:
            # Who is stopped while a story is made short keeps the long one.
            came.broken.append(kept)
            found(kept)


def kind_of(outcome: Outcome) -> str:
    """What was broken, without the figures."""
    complaint = outcome.complaints[0]
    return f"{outcome.story.dialect}: {complaint.invariant}: {re.sub(r'[0-9a-f]*[0-9][0-9a-f.]*', '#', complaint.text)}"


def shorter(outcome: Outcome) -> Outcome:
    """The shortest story that breaks the same."""
    wanted = kind_of(outcome)
    long = replace(outcome.story, breaks=outcome.complaints[0].invariant)

    def breaks(story: Story) -> bool:
        tried = play_story(story)
        return bool(tried.complaints) and kind_of(tried) == wanted

    return play_story(shrunk(long, breaks)) if breaks(long) else outcome
