"""Where a story is played: a watched session, and what each step does to it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from lensmount_emulator.faults.fault import NEVER
from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.fuzz.invariants import check, recovers
from lensmount_emulator.fuzz.story import Story, check_players, read_story
from lensmount_emulator.fuzz.traits import players_of, profile
from lensmount_emulator.fuzz.watch import Complaint, Players, Watch
from lensmount_emulator.roles.script import parse_script
from lensmount_protocol.errors import FaultError, MountError, unknown
from lensmount_protocol.frame import Frame
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Burst, DriveLine, Record, Role, SetBaudrate, Transmit

EVERY = 16
"""Steps between two looks at everything."""

DRAINS_S = 0.6
"""What a fault did may still be on its way for so long behind its end: bytes held up, a line that is let go."""

LONGEST_WAIT_S = 60.0
MAX_TIME_S = 300.0
"""Virtual time that the waits of a story may add up to: 12 s of a processor."""

FORGETS_S = 2.0
"""A lens that hears nothing for so long is ready for a body that begins anew."""

CALLS_S = 0.02
"""How long a body calls a lens by its line."""

GREETS_S = 0.1
GREETING_CLASS = 1


@dataclass(slots=True)
class Outcome:
    """What a story came to.

    Attributes:
        story: the story.
        complaints: what must not be and was, in the order in which it was seen.
        steps: steps that were taken until then.
        records: every byte and edge.
    """

    story: Story
    complaints: list[Complaint]
    steps: int
    records: list[Record] = field(repr=False)


class Stage:
    """A session that steps are taken in.

    Attributes:
        story: who plays; its steps are not looked at.
        watch: the session, watched.
        records: every byte and edge so far.
        taken: steps that were taken.
    """

    def __init__(self, story: Story, watching: Callable[[Players, Callable[[Record], None]], Watch] = Watch) -> None:
        self.story = story
        self.records: list[Record] = []
        check_players(story)
        puppet = {"body": Role.LENS, "lens": Role.BODY}.get(story.mode)
        players = Players(profile(story.body), profile(story.lens), story.script, story.seed, puppet=puppet)
        self.watch = watching(players, self.records.append)
        self.watch.faulted = True
        self.puppet = puppet
        self.taken = 0
        self._quiet_at = 0.0
        self.watch.attempt(self.watch.bench.start)

    def take(self, step: str) -> bool:
        """Take a step; whether nothing is broken behind it.

        Raises:
            FaultError: a step that nobody can take.
        """
        verb, _, rest = step.partition(" ")
        deed = STEPS.get(verb)
        if deed is None:
            raise FaultError(unknown("step of a story", verb, STEPS))
        try:
            call = deed(self, rest)
        except (ValueError, KeyError) as error:
            raise FaultError(f"step {step!r} cannot be read: {error}") from None
        self.watch.attempt(call)
        if verb != "wait":
            # What is heard at this instant is heard before anything else is done.
            self.watch.run(self.watch.now)
        self.taken += 1
        if self.taken % EVERY == 0:
            self._check()
        return not self.watch.complaints

    def close(self) -> None:
        """The last step is taken: whatever went wrong is over, and the ends have to find back to each other."""
        watch = self.watch
        if self.puppet is None and not watch.complaints:
            watch.attempt(lambda: watch.bench.put_on(watch.now))
            watch.run(max(watch.now, self._quiet_at))
            if not recovers(watch, watch.traits.recovers):
                engines = watch.bench.body, watch.bench.lens
                states = ", ".join(f"{engine.role.value} {engine.connection.state}" for engine in engines)
                watch.complain("recovers", f"not within {watch.traits.recovers:g} s: {states}")
        if self.puppet is Role.BODY and not watch.complaints and watch.traits.greeting is not None:
            watch.attempt(self._begin_anew)
        self._check()

    def _begin_anew(self) -> None:
        """A body begins anew with a lens that it has not switched off: it has to be greeted back, at the first rate."""
        watch, greeting = self.watch, self.watch.traits.greeting
        assert greeting is not None
        watch.bench.put_on(watch.now)
        watch.run(max(watch.now, self._quiet_at))
        select = watch.dialect.select_line(Role.BODY)
        watch.mount.apply(Role.BODY, DriveLine(select, False))
        watch.mount.apply(Role.BODY, DriveLine(watch.dialect.supply, True))
        watch.run(watch.now + FORGETS_S)
        # A lens that sleeps hears nothing, and keeps its rate, until its line calls it.
        watch.mount.apply(Role.BODY, DriveLine(select, True))
        watch.run(watch.now + CALLS_S)
        watch.mount.apply(Role.BODY, DriveLine(select, False))
        watch.run(watch.now + FORGETS_S)
        before, baudrate = len(self.records), watch.dialect.wiring.baudrates[0]
        watch.mount.apply(Role.BODY, SetBaudrate(baudrate))
        watch.mount.apply(Role.BODY, Transmit(watch.dialect.build_frame(greeting().build(), GREETING_CLASS, 0)))
        watch.run(watch.now + GREETS_S)
        came = (record for record in self.records[before:] if isinstance(record, Burst) and record.sender is Role.LENS)
        reader = FrameReader(watch.dialect, Role.LENS, watch.dialect.paving())
        events = reader.receive(b"".join(burst.data for burst in came if burst.baudrate == baudrate))
        if not any(isinstance(event, Frame) and watch.traits.greets(event) for event in events):
            lens = watch.bench.lens
            watch.complain("recovers", f"greeted anew, a lens in state {lens.connection.state} says nothing to it")

    def _check(self) -> None:
        if not self.watch.crashed:
            check(self.watch)

    def feed(self, role: Role, action: DriveLine | Transmit) -> None:
        """Have a puppet feed an end that has no supply: the mount has to say so; with faults it may come to nothing."""
        violations = self.watch.mount.violations
        if role is not self.puppet or self._quiet_at:
            return
        before = len(violations)
        self.watch.mount.apply(role, action)
        if len(violations) == before:
            self.watch.complain("unpowered", f"the mount lets the {role.value} feed a lens that has no supply")
        del violations[before:]

    def until_quiet(self, ends: float) -> None:
        """A fault acts up to a time."""
        self._quiet_at = max(self._quiet_at, (self.watch.now if ends == NEVER else ends) + DRAINS_S)


Deed = Callable[[], object]


def _wait(stage: Stage, text: str) -> Deed:
    seconds = float(text)
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise ValueError(f"a wait is from 0 to {LONGEST_WAIT_S:g} s")
    bench = stage.watch.bench
    if bench.now + seconds > MAX_TIME_S:
        raise ValueError(f"a story lasts at most {MAX_TIME_S:g} s")
    return lambda: bench.run(bench.now + seconds)


def _send(stage: Stage, text: str) -> Deed:
    """Bytes on the wire at an end, by its puppet or by somebody who is no end."""
    name, _, digits = text.partition(" ")
    role, data, watch = Role(name), bytes.fromhex(digits), stage.watch
    mount = watch.mount

    def send() -> None:
        if role is Role.BODY or mount.levels[watch.dialect.supply]:
            if role is stage.puppet:
                mount.apply(role, SetBaudrate(mount.baudrate(role.peer)))
            mount.apply(role, Transmit(data))
        else:
            stage.feed(role, Transmit(data))

    return send


def _drive(stage: Stage, text: str) -> Deed:
    """A line by the puppet that has it."""
    line, _, level = text.partition(" ")
    watch = stage.watch
    role, high = watch.dialect.drivers[line], {"low": False, "high": True}[level]
    if role is not stage.puppet:
        raise ValueError(f"{line} is not the puppet's")

    def drive() -> None:
        if not high or role is Role.BODY or watch.mount.levels[watch.dialect.supply]:
            watch.mount.apply(role, DriveLine(line, high))
        elif line != watch.dialect.detect:
            stage.feed(role, DriveLine(line, high))

    return drive


def _fault(stage: Stage, text: str) -> Deed:
    """Something goes wrong from now on: the seed of its chance, and the fault."""
    seed, _, words = text.partition(" ")
    fault = parse_fault(words)
    fault.check(stage.watch.dialect)

    def add() -> None:
        stage.until_quiet(stage.watch.mount.add(fault, seed).ends)

    return add


def _hand(stage: Stage, text: str) -> Deed:
    """A hand at the lens does something."""
    bench = stage.watch.bench
    try:
        steps = parse_script(text, players_of(stage.watch.dialect.name).lens_verbs)
    except MountError as error:
        raise ValueError(str(error)) from None

    def do() -> None:
        for step in steps:
            bench.do_by_hand(step)

    return do


def _off(stage: Stage, _text: str) -> Deed:
    return lambda: stage.watch.bench.take_off(stage.watch.now)


def _on(stage: Stage, _text: str) -> Deed:
    return lambda: stage.watch.bench.put_on(stage.watch.now)


MEETS_S = 0.1


def _hear(stage: Stage, text: str) -> Deed:
    """Wait for the next frame of an end's stream, but not for ever."""
    listener, watch = Role(text).peer, stage.watch

    def hear() -> None:
        before = watch.heard[listener]
        watch.bench.run(watch.now + MEETS_S, unless=lambda: watch.heard[listener] > before)

    return hear


STEPS: Mapping[str, Callable[[Stage, str], Deed]] = {
    "wait": _wait,
    "hear": _hear,
    "send": _send,
    "drive": _drive,
    "fault": _fault,
    "hand": _hand,
    "off": _off,
    "on": _on,
}
"""Verb of a step -> what reads it: `wait 0.003`, `hear lens`, `send lens f00b…`, `drive LENS_CS high`, `fault 7 drop
rate=0.1 until=0.2s`, `hand zoom 70`, `off`, `on`."""


def play_story(story: Story, *, closes: bool = True) -> Outcome:
    """Play a story from its beginning, to its end or until something is broken; twice where it broke `repeats`.

    Args:
        story: who plays, and the steps.
        closes: whether the ends have to find back to each other at the end.

    Raises:
        ProfileError: it has a player that nobody knows.
        FaultError: it has a step that nobody can take.
    """
    stage = Stage(story)
    for step in story.steps:
        if not stage.take(step):
            break
    if closes and not stage.watch.complaints:
        stage.close()
    outcome = Outcome(story, stage.watch.complaints, stage.taken, stage.records)
    if story.breaks == "repeats" and not outcome.complaints:
        outcome.complaints.extend(told_otherwise(outcome))
    return outcome


def told_otherwise(outcome: Outcome) -> list[Complaint]:
    """What is wrong where the same story is recorded in another way."""
    again = play_story(replace(outcome.story, breaks="")).records
    if again == outcome.records:
        return []
    pairs = enumerate(zip(outcome.records, again, strict=False))
    number = next((at for at, (one, two) in pairs if one != two), min(len(again), len(outcome.records)))
    return [Complaint("repeats", 0.0, f"record {number} is another one when the story is played again")]


def replay_story(path: Path) -> Outcome:
    """Play the story in a file.

    Raises:
        CaptureError, FaultError, ProfileError: as `read_story` and `play_story`.
    """
    return play_story(read_story(path))
