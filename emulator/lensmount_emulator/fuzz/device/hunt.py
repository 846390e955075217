"""The run: cases by chance and by what the wire has shown, the device examined behind each, and what breaks it kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.fuzz.device.changing import changed
from lensmount_emulator.fuzz.device.corpus import Corpus
from lensmount_emulator.fuzz.device.features import holds, signature_of
from lensmount_emulator.fuzz.device.findings import Finding, Whose, story_of
from lensmount_emulator.fuzz.device.health import WELL
from lensmount_emulator.fuzz.device.making import Maker, Steps
from lensmount_emulator.fuzz.device.notebook import Notebook
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.shortening import shortened
from lensmount_emulator.fuzz.device.steps import play
from lensmount_emulator.fuzz.device.trying import BROKEN, CUT_SHORT, DEAD, STUMBLES, Trier, Tries, verdict
from lensmount_protocol.errors import TransportError

CHANGED = 0.5
"""Share of cases that are made of the corpus."""

AVOIDS = 0.9
"""How often a case is left out that is known to break the device."""

LOOKS_TWICE = 0.1
"""How often a break that looks known is tried as a new one all the same."""

TWIN_TRIES = 400

REMEMBERED = 12
"""Cases since the last fresh session that may have a share in what breaks the device."""

MOST_STEPS = 60


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run may spend.

    Attributes:
        seconds: of time.
        cases: of cases; `None` as many as fit.
        repeats: tries by which a certain break is told from an intermittent one.
        tries: to make one story short.
    """

    seconds: float = 60.0
    cases: int | None = None
    repeats: int = 3
    tries: int = 24


@dataclass(slots=True)
class Hunted:
    """What a run came to.

    Attributes:
        cases: cases that were played.
        seconds: how long it took.
        ended: why it ended.
        helpless: whether it ended because nobody could bring the device back.
        findings: what breaks the device.
        lost: sessions that were lost as the twin would have lost them, or once and never again.
        stumbles: times that the device found back by itself.
    """

    cases: int = 0
    seconds: float = 0.0
    ended: str = ""
    helpless: bool = False
    findings: list[Finding] = field(default_factory=lambda: list[Finding]())
    lost: int = 0
    stumbles: int = 0


class Hunt:
    """Hunts for what breaks a device.

    Args:
        setup: whom it is about.
        trier: tries stories on the device.
        twin: tries them on its twin.
        corpus: what is worth to be changed.
        notebook: keeps everything on the disk.
        budget: what may be spent.
        progress: told behind each case what there is so far.
    """

    def __init__(
        self,
        setup: Setup,
        trier: Trier,
        twin: Callable[[], Trier],
        corpus: Corpus,
        notebook: Notebook,
        budget: Budget,
        progress: Callable[[Hunted], None] = lambda _hunted: None,
    ) -> None:
        self.came = Hunted()
        self.setup = setup
        self.trier = trier
        self.corpus = corpus
        self.notebook = notebook
        self._twin = twin
        self._budget = budget
        self._progress = progress
        self._maker = Maker(setup, trier.link.port.lines)
        self._random = Random(f"{setup.seed} again")
        self._recent: list[Steps] = []
        self._began = trier.link.clock.now()

    def run(self) -> None:
        """Hunt until the time, the cases or the device are at an end; `came` is true at any moment.

        Raises:
            TransportError: the device does not answer at the start, the port went away, or a command for power failed.
            CaptureError: what happens cannot be recorded.
        """
        link, budget = self.trier.link, self._budget
        ladder = self.trier.ladder
        if not ladder.health.greet() and not ladder.power_cycle() and not ladder.ask_person():
            heard = "what it says is no session" if link.received else "nothing is heard"
            raise TransportError(
                f"{link.port.name}: the {self.setup.device.value} does not come to a session of "
                f"{self.setup.dialect.name}: {heard}; `lensmount doctor` examines a port"
            )
        self.notebook.belongs_to(self._whose("under way"))
        try:
            while not self.came.ended:
                if link.clock.now() - self._began >= budget.seconds:
                    self.came.ended = "the time is over"
                elif budget.cases is not None and self.came.cases >= budget.cases:
                    self.came.ended = "the cases are played"
                else:
                    self._case()
                    self._progress(self.came)
        finally:
            self.came.seconds = link.clock.now() - self._began

    def _case(self) -> None:
        number = self.came.cases
        steps = self._next(Random(f"{self.setup.seed} case {number}"))
        self.notebook.begin(self.setup, number, steps)
        self.came.cases += 1
        link, ladder = self.trier.link, self.trier.ladder
        played = play(link, steps)
        self.corpus.add(steps, played.traces)
        self._recent = [*self._recent, steps][-REMEMBERED:]
        said = ladder.health.examine()
        if said == WELL:
            if not ladder.health.streams():
                # It has been told to stop, and is well; what it does while it streams is of more interest.
                self._afresh()
            return
        count = len(self.came.findings)
        try:
            rung = ladder.recover()
            kind = verdict(said, rung)
            if kind == STUMBLES:
                self.came.stumbles += 1
            else:
                self._broken(steps, kind, rung)
        except BaseException:
            # A command for the power that fails, a port that goes away, Ctrl-C: what was seen is kept all the same.
            if len(self.came.findings) == count and self._known(steps) is None:
                self._keep(steps, CUT_SHORT, "", Tries(), len(steps))
            raise

    def _next(self, random: Random) -> Steps:
        """A case that does not only do once more what is known to break the device."""
        steps: Steps = ()
        for _ in range(20):
            changes = self.corpus.cases and random.random() < CHANGED
            steps = changed(self._maker, random, self.corpus.cases) if changes else self._maker.fresh(random)
            if self._known(steps) is None or random.random() >= AVOIDS:
                break
        return steps

    def _known(self, steps: Steps, kind: str = "") -> Finding | None:
        if not self.came.findings:
            return None
        signature = signature_of(self.setup, steps)
        return next(
            (
                found
                for found in self.came.findings
                if (not kind or found.kind == kind) and holds(signature, found.signature)
            ),
            None,
        )

    def _broken(self, steps: Steps, kind: str, rung: str) -> None:
        before = self._whole()
        self._recent = []
        if not rung:
            self._keep(steps, kind, rung, Tries(), len(steps))
            self._give_up()
            return
        known = self._known(steps, kind)
        if known is not None and self._random.random() >= LOOKS_TWICE:
            known.again += 1
            return
        if kind != DEAD and any(self._twin().once(tried) in BROKEN for tried in (steps, before)):
            # It has been told to: to sleep, to be silent, to listen at another rate.
            self.came.lost += 1
            if self.trier.ladder.health.examine() != WELL:
                # While the twin was asked nobody spoke to the device.
                self._afresh()
            return
        self._confirm(steps, before, kind, rung)
        self._afresh()

    def _whole(self) -> Steps:
        """All that was played since the last fresh session, as one story."""
        return tuple(step for case in self._recent for step in (*case, "wait 0.02"))[-MOST_STEPS:]

    def _confirm(self, steps: Steps, before: Steps, kind: str, rung: str) -> None:
        """Repeat it, alone or with what came before it; make it short where it repeats; keep it."""
        budget = self._budget
        tries = self.trier.often(steps, budget.repeats, kind)
        first = len(steps)
        if not tries.broke and len(before) > len(steps) + 1:
            longer = self.trier.often(before, budget.repeats, kind)
            if longer.broke:
                steps, tries = before, longer
        if tries.broke:
            whole, sure = steps, tries
            steps = self._short(steps, kind, tries)
            known = self._known(steps, kind)
            if known is not None and signature_of(self.setup, steps) == known.signature:
                known.again += 1
                return
            if steps != whole:
                tries = self.trier.often(steps, budget.repeats, kind)
                if not tries.broke:
                    steps, tries = whole, sure
        elif kind != DEAD:
            self.came.lost += 1
            return
        self._keep(steps, kind, rung, tries, first)

    def _short(self, steps: Steps, kind: str, tries: Tries) -> Steps:
        """The shortest story: on the twin if it breaks too and the device agrees, else on the device."""
        if self._breaks_twin(steps, kind):
            shorter = shortened(self.setup, steps, lambda tried: self._breaks_twin(tried, kind), TWIN_TRIES)
            if self.trier.often(shorter, self._budget.repeats, kind).broke:
                return shorter
        times = 1 if tries.broke == tries.made else self._budget.repeats

        def breaks(tried: Steps) -> bool:
            return self.trier.often(tried, times, kind).broke > 0

        return shortened(self.setup, steps, breaks, self._budget.tries)

    def _breaks_twin(self, steps: Steps, kind: str) -> bool:
        return self._twin().once(steps) == kind

    def _keep(self, steps: Steps, kind: str, rung: str, tries: Tries, first: int) -> None:
        twin = self._twin().once(steps) in BROKEN
        found = Finding(kind, steps, tries.text, rung, twin, "", signature_of(self.setup, steps), 0, first)
        whose = self._whose(kind, tries.text, rung, twin=twin)
        story = story_of(self.setup, steps, kind)
        self.came.findings.append(found)
        path = self.notebook.keep(story, whose)
        if path is not None:
            found.file = str(path)

    def _whose(self, kind: str, repeats: str = "", rung: str = "", *, twin: bool = False) -> Whose:
        link, device = self.trier.link, self.setup.device.value
        lines = tuple(sorted(link.port.lines))
        return Whose(device, link.port.name, lines, link.identity, kind, repeats, rung, twin, link.armed)

    def _afresh(self) -> None:
        """Go on from a fresh session."""
        self._recent = []
        ready = self.trier.ladder.power_cycle() if self.trier.down else self.trier.ladder.afresh()
        self.trier.down = False
        if not ready and not self.trier.ladder.recover():
            self._give_up()

    def _give_up(self) -> None:
        ladder = self.trier.ladder
        spent = ladder.spent >= ladder.cycles
        why = "the power cycles are spent" if spent else "nobody is there to see to it"
        self.came.helpless = True
        self.came.ended = f"the device does not come back, and {why}"
