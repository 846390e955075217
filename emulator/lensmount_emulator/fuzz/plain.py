"""Sessions in which nothing goes wrong: in them nothing may be wanting, and more can be held against both ends."""

from dataclasses import replace
from random import Random

from lensmount_emulator.fuzz.invariants import check
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.fuzz.traits import profile, traits_of
from lensmount_emulator.fuzz.watch import Complaint, Players, Watch
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_emulator.roles.notice import Notice, NoticeKind
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.wire import Remark, RemarkKind, Role

LONGEST_S = 60.0
AFTERGLOW_S = 0.1
MOST_STEPS = 5


class PlainWatch(Watch):
    """A session that no fault touches, with somebody who watches it.

    Both ends have to change their rate together, to open a window for each frame, and to keep to what they say: a step
    of a script that drives something is over when that is at rest.
    """

    def __init__(self, cast: Players) -> None:
        self._rates = dict[Role, int]()
        self._parted_at = 0.0
        self._opened_at: dict[Role, float | None] = dict.fromkeys(Role)
        self._step = ""
        super().__init__(cast)

    def play(self) -> list[Complaint]:
        """Play the script to its end; what is wanting."""
        body = self.bench.body
        self._rates = {role: self.mount.baudrate(role) for role in Role}
        self.attempt(self.bench.start)
        self.run(LONGEST_S, unless=lambda: body.done)
        self._ends_step()
        self.run(self.now + AFTERGLOW_S)
        if not self.crashed:
            if not body.done or body.gave_up:
                self.complain("clean", f"the script was not carried out; it stands at {self._step!r}")
            check(self)
        return self.complaints

    def _listen(self, notice: Notice) -> None:
        super()._listen(notice)
        if notice.trouble:
            self.complain("clean", f"the {notice.role.value}: {notice.text}")
        elif notice.role is Role.BODY and notice.kind is NoticeKind.SCRIPT_STEP:
            self._ends_step()
            self._step = notice.subject

    def _ends_step(self) -> None:
        rests = self.traits.rests.get(self._step.partition(" ")[0])
        if rests is not None and not rests(self.bench.lens):
            self.complain("clean", f"the body is done with {self._step!r}, and the lens still drives")

    def _rated(self, role: Role, baudrate: int) -> None:
        parted = len({*self._rates.values()}) > 1
        self._rates[role] = baudrate
        part = len({*self._rates.values()}) > 1
        if part and not parted:
            self._parted_at = self.now
        elif parted and not part and self.now - self._parted_at > self.traits.parts:
            lasted = (self.now - self._parted_at) * 1e3
            self.complain("clean", f"for {lasted:.1f} ms one end speaks at another rate than the other")

    def _drove(self, role: Role, line: str, level: bool) -> None:
        super()._drove(role, line, level)
        if line == self.dialect.select_line(role):
            self._opened_at[role] = self.now if level else None

    def _sent(self, role: Role, data: bytes) -> None:
        super()._sent(role, data)
        opened, self._opened_at[role] = self._opened_at[role], None
        if opened is not None and self.now - opened > self.traits.opens:
            lasted = (self.now - opened) * 1e3
            self.complain("clean", f"the {role.value} sends in a window that it opened {lasted:.1f} ms before")


def plain_script(traits: FuzzTraits, random: Random) -> str:
    """A script by chance."""
    return "; ".join(random.choice(traits.verbs or ("",)) for _ in range(random.randint(0, MOST_STEPS)))


def any_plain(dialect: str, traits: FuzzTraits, random: Random) -> tuple[Story, frozenset[str]]:
    """Players and a script by chance, and the lines that their ports do not carry."""
    story = Story(
        dialect, random.choice(traits.bodies), random.choice(traits.lenses), script=plain_script(traits, random)
    )
    story = replace(story, seed=random.randrange(1_000_000))
    missing = random.choice(traits.reduced) if traits.reduced and random.random() < REDUCED else frozenset[str]()
    return story, missing


REDUCED = 0.4
"""Share of sessions over ports that do not carry every line."""


def watch_plain(story: Story, missing: frozenset[str] = frozenset()) -> list[Complaint]:
    """Play a session without a fault, and watch it; what is wanting."""
    players = Players(profile(story.body), profile(story.lens), story.script, story.seed, missing=missing)
    came = PlainWatch(players).play()
    without = f", without {' and '.join(sorted(missing))}" if missing else ""
    return [complaint._replace(text=complaint.text + without) for complaint in came]


def run_plain(story: Story) -> list[Complaint]:
    """Play a session without a fault; what is wanting: its timing, its script, trouble that an end told."""
    session = run_loopback(profile(story.body), profile(story.lens), script=story.script or "wait 0.5", seed=story.seed)
    wrong = [f"{rule.rule.name}: {rule.broken} intervals out of bounds" for rule in session.timing if rule.broken]
    wrong += [f"the {notice.role.value}: {notice.text}" for notice in session.notices if notice.trouble]
    remarks = [record for record in session.records if isinstance(record, Remark)]
    wrong += [remark.text for remark in remarks if remark.kind is RemarkKind.FRAMING_ERROR]
    wrong += session.violations
    if not session.finished:
        wrong.append("the script was not carried out")
    if not session.clean and not wrong:
        wrong.append(f"not clean: {session.tally.summary()}")
    return [Complaint("clean", session.seconds, text) for text in wrong]


def run_plains(dialect: str, sessions: int, seed: int) -> list[Complaint]:
    """Play so many sessions of a dialect that are watched; what is wanting in the first in which anything is."""
    for number in range(sessions):
        came = watch_plain(*any_plain(dialect, traits_of(dialect), Random(f"{seed} {dialect} {number}")))
        if came:
            return came
    return []
