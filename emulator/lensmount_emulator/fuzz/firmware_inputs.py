"""Inputs for fuzzing of firmware: recorded sessions as scenarios, changes of them by message, and runs of messages.

A recorded session brings a firmware into its loop in few steps, where random steps alone come rarely. Changes act on
whole messages: one is left out, every one of a type is left out, a field gets an edge value, a new one comes between.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, cast

from lensmount_emulator.fuzz.random_inputs import EDGE_CLASSES, allowed_messages, edge_frame, edge_value, random_bytes
from lensmount_emulator.fuzz.scenario import Scenario, get_traits
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, GarbageReason, burst_format
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

VERBS_PER_SCRIPT = 4
"""Verbs of the script of one recorded session; the scripts together have every verb of the dialect."""

RECORDED_S = 2.2
MAX_RECORDED_STEPS = 1600
"""Virtual seconds of a recorded session, and the steps that are kept of it."""

SCRIPT_SIZES = (8, 16, 32)
RESTART = ("detach", "wait 0.1", "attach", "wait 0.6")
"""Verbs of a scenario of the usual operation, and the steps of a loss of power in it."""

SWEEP_SIZES = (20, 80, 300)
SWEEP_GAPS_S = (0.0005, 0.002, 0.002, 0.01)
SWEEP_STARTS = (0, 1, 1, 200)
"""A sweep sends one message again and again while a field counts up: how often, at which distance, from which value."""

CHANGES = (0, 1, 1, 2, 4)
"""Numbers of changes of a scenario that is continued."""

WHOLE_SHARE = 0.5
"""Share of continued scenarios that are continued at their end, and not at a random place before it."""


def recorded_scenarios(template: Scenario, role: Role) -> list[Scenario]:
    """Return sessions of the firmware with our engine as scenarios: the engine's edges and bytes are the steps.

    Args:
        template: the profiles and the seed.
        role: the end of the firmware.
    """
    traits, random = get_traits(template.dialect), Random(f"{template.seed} recorded")
    verbs = random.sample(traits.verbs, len(traits.verbs))
    chunks = [verbs[at : at + VERBS_PER_SCRIPT] for at in range(0, len(verbs), VERBS_PER_SCRIPT)]
    found: list[Scenario] = []
    for script in [*traits.scripts, *("; ".join(chunk) for chunk in chunks)] or [""]:
        session = run_loopback(template.body, template.lens, script=script, seed=template.seed, seconds=RECORDED_S)
        steps = list(_to_steps(session.records, session.dialect, role.peer))
        found.append(dataclasses.replace(template, mode=role.value, script="", steps=tuple(steps[:MAX_RECORDED_STEPS])))
    return found


def operation(scenario: Scenario, random: Random) -> Scenario:
    """Return a scenario of the usual operation at length: both ends, a long script, and losses of power now and then.

    Args:
        scenario: the profiles and the seed.
        random: source of random decisions.
    """
    traits = get_traits(scenario.dialect)
    script = "; ".join(random.choices(traits.verbs, k=random.choice(SCRIPT_SIZES))) if traits.verbs else ""
    steps = ["wait 1.2"]
    for _ in range(random.choice((1, 2, 4))):
        steps += [f"wait {random.choice((0.1, 0.3, 0.7)):g}" for _ in range(random.choice((1, 3, 6)))]
        if traits.control_steps and random.random() < 0.5:
            steps.append(f"operate {random.choice(traits.control_steps)}")
        steps += RESTART if random.random() < 0.7 else ()
    return dataclasses.replace(scenario, mode="both", script=script, steps=(*steps, "wait 1"))


def _to_steps(records: Sequence[WireRecord], dialect: Dialect, sender: Role) -> Iterator[str]:
    """Yield the steps that repeat what one end did in a recording."""
    timed = [
        (record.at or 0.0, record)
        for record in records
        if (isinstance(record, Burst) and record.sender is sender)
        or (isinstance(record, Edge) and dialect.drivers.get(record.line) is sender)
    ]
    now = 0.0
    for at, record in sorted(timed, key=lambda item: item[0]):
        if at > now:
            yield f"wait {at - now:.6f}"
            now = at
        if isinstance(record, Burst):
            yield f"send {sender.value} {record.data.hex()}"
        else:
            yield f"drive {record.line} {'high' if record.level else 'low'}"


RecordedMessages = Mapping[type[Message], Sequence[Message]]
"""Messages of recorded sessions by their type: their values are legal, and move something."""


def recorded_messages(scenarios: Iterable[Scenario], dialect: Dialect, sender: Role) -> RecordedMessages:
    """Return the different messages that an end sends in scenarios."""
    found: dict[type[Message], dict[bytes, Message]] = {}
    prefix = f"send {sender.value} "
    for scenario in scenarios:
        reader = FrameParser(dialect, sender, dialect.payload_parser())
        for step in scenario.steps:
            if step.startswith(prefix):
                for event in reader.receive(bytes.fromhex(step[len(prefix) :])):
                    for message in event.messages if isinstance(event, Frame) else ():
                        if not isinstance(message, UnknownMessage):
                            found.setdefault(type(cast("Message", message)), {})[message.build()] = message
    return {kind: tuple(messages.values()) for kind, messages in found.items()}


class ScenarioMutator:
    """Changes kept scenarios, and makes runs of steps that random steps have hardly ever.

    Args:
        dialect: the dialect.
        sender: the end that a scenario acts as: the peer of the firmware.
        random: source of random decisions.
        can_drive: whether steps may drive the lines of that end.
        recorded: messages of that end in recorded sessions, by their type.
    """

    def __init__(
        self, dialect: Dialect, sender: Role, random: Random, *, can_drive: bool, recorded: "RecordedMessages"
    ) -> None:
        self._dialect = dialect
        self._sender = sender
        self._recorded = recorded
        self._random = random
        self._prefix = f"send {sender.value} "
        self._parser = FrameParser(dialect, sender, dialect.payload_parser())
        every, size = allowed_messages(dialect, sender), random.choice(SWARM_SIZES)
        self._among = random.sample(every, size) if size and size < len(every) else every
        self._select = dialect.select_line(sender) if can_drive else ""
        self._changes: tuple[Callable[[list[str], Sequence[str]], None], ...] = (
            self._leave_out,
            self._leave_out_message,
            self._leave_out_type,
            *(self._insert_message,) * 2,
            self._insert_after_noise,
            self._insert_old,
            self._replace,
            *(self._change_field,) * 2,
            self._move,
            self._insert_sweep,
        )
        self._by_burst = burst_format(dialect.formats[sender]) is not None
        if not self._by_burst:
            self._changes = (*self._changes, self._insert_damaged)

    def change(self, steps: Sequence[str]) -> list[str]:
        """Return a scenario, or its beginning, with some changes."""
        random = self._random
        whole = random.random() < WHOLE_SHARE
        changed = list(steps if whole else steps[: random.randrange(1, len(steps) + 1)])
        for _ in range(random.choice(CHANGES)):
            if not changed:
                break
            random.choice(self._changes)(changed, steps)
        return changed

    def message(self) -> list[str]:
        """Return steps that send a message with edge values."""
        return self._send(self._edge())

    def after_noise(self) -> list[str]:
        """Return steps that send whole messages in one run, after bytes that are damaged; they must be found."""
        random, dialect, sender = self._random, self._dialect, self._sender
        data = b"".join(self._edge() for _ in range(random.choice((1, 1, 2))))
        if not self._by_burst:
            damaged = (
                random_bytes(random, dialect, sender) if random.random() < 0.5 else edge_frame(random, dialect, sender)
            )
            data = damaged[: random.randint(1, NOISE_BYTES)] + data
        return self._send(data)

    def _edge(self, kind: type[Message] | None = None) -> bytes:
        """Return a frame with a message with edge values; mostly it is one of a recorded session, a little changed."""
        random, kind = self._random, kind or self._random.choice(self._among)
        known = self._recorded.get(kind, ())
        message = random.choice(known) if known and random.random() < RECORDED_SHARE else kind()
        return edge_frame(random, self._dialect, self._sender, message)

    def _send(self, data: bytes) -> list[str]:
        """Return steps that send bytes: mostly as the sender of the dialect does, while its line is high."""
        step = f"{self._prefix}{data.hex()}"
        if not self._select or self._random.random() > WINDOW_SHARE:
            return [step]
        return [f"drive {self._select} high", f"wait {WINDOW_LEAD_S:g}", step, f"drive {self._select} low"]

    def every_input(self) -> list[str]:
        """Return steps with every input of the sender, in any order: messages, and pulses of its lines but a supply."""
        random, dialect = self._random, self._dialect
        supplies = (dialect.supply, *dialect.rails, dialect.detect)
        inputs = [self._send(self._edge(kind)) for kind in allowed_messages(dialect, self._sender)]
        for line, driver in dialect.drivers.items():
            if driver is self._sender and line not in supplies and self._select:
                inputs += [[f"drive {line} high", "wait 0.00002", f"drive {line} low"]] * LINE_PULSES
        random.shuffle(inputs)
        gap = random.choice(INPUT_GAPS_S)
        return [step for one in inputs for step in (*one, f"wait {gap:g}")]

    def sweep(self) -> list[str]:
        """Return steps that send one message many times while a field counts up, so that no two are equal."""
        random, dialect = self._random, self._dialect
        for _ in range(SWEEP_ATTEMPTS):
            message = random.choice(self._among)()
            names = [spec.name for spec in message.FIELDS if type(getattr(message, spec.name)) is int]
            if names:
                break
        else:
            return self.message()
        name, class_ = random.choice(names), random.choice(EDGE_CLASSES)
        first, gap = random.choice(SWEEP_STARTS), random.choice(SWEEP_GAPS_S)
        steps: list[str] = []
        for number in range(random.choice(SWEEP_SIZES)):
            for value in (first + number, (first + number) % 256):
                try:
                    changed = dataclasses.replace(cast("Any", message), **{name: value})
                    data = dialect.build_frame(cast("Message", changed).build(), class_, number % 256)
                except (MountError, ValueError, TypeError, OverflowError):
                    continue
                steps += (*self._send(data), f"wait {gap:g}")
                break
        return steps

    # Changes of a list of steps in its place.

    def _messages(self, steps: Sequence[str]) -> list[int]:
        return [at for at, step in enumerate(steps) if step.startswith(self._prefix)]

    def _pick(self, steps: list[str]) -> int:
        """Return the place of a message, or of any step where there is none."""
        places = self._messages(steps)
        return self._random.choice(places) if places else self._random.randrange(len(steps))

    def _frame(self, step: str) -> Frame | None:
        if not step.startswith(self._prefix):
            return None
        self._parser.close(GarbageReason.SOURCE_ENDED)
        events = self._parser.receive(bytes.fromhex(step[len(self._prefix) :]))
        return next((event for event in events if isinstance(event, Frame) and event.messages), None)

    def _leave_out(self, steps: list[str], _from: Sequence[str]) -> None:
        del steps[self._random.randrange(len(steps))]

    def _leave_out_message(self, steps: list[str], _from: Sequence[str]) -> None:
        del steps[self._pick(steps)]

    def _leave_out_type(self, steps: list[str], _from: Sequence[str]) -> None:
        """Leave out every message of one type; each type is as likely, however often it occurs."""
        places: dict[tuple[type[object], ...], list[int]] = {}
        for at in self._messages(steps):
            frame = self._frame(steps[at])
            if frame is not None:
                places.setdefault(tuple(type(cast("object", message)) for message in frame.messages), []).append(at)
        if places:
            for at in reversed(places[self._random.choice([*places])]):
                del steps[at]

    def _insert_message(self, steps: list[str], _from: Sequence[str]) -> None:
        at = self._pick(steps)
        steps[at:at] = [step for _ in range(self._random.choice((1, 1, 2, 4, 8))) for step in self.message()]

    def _insert_after_noise(self, steps: list[str], _from: Sequence[str]) -> None:
        at = self._pick(steps)
        steps[at:at] = self.after_noise()

    def _insert_old(self, steps: list[str], others: Sequence[str]) -> None:
        steps.insert(self._random.randrange(len(steps)), self._random.choice(others))

    def _replace(self, steps: list[str], others: Sequence[str]) -> None:
        steps[self._random.randrange(len(steps))] = self._random.choice(others)

    def _change_field(self, steps: list[str], _from: Sequence[str]) -> None:
        """Give a field of a message an edge value."""
        at = self._pick(steps)
        frame = self._frame(steps[at])
        if frame is None:
            return
        known = [one for one in frame.messages if not isinstance(one, UnknownMessage) and one.FIELDS]
        if not known:
            return
        chosen = self._random.choice(known)
        name = self._random.choice(chosen.FIELDS).name
        try:
            changed = dataclasses.replace(chosen, **{name: edge_value(chosen, name, self._random)})
            payload = b"".join((changed if one is chosen else one).build() for one in frame.messages)
            data = self._dialect.build_frame(payload, frame.class_, frame.sequence)
        except (MountError, ValueError, TypeError, OverflowError):
            return
        steps[at] = f"{self._prefix}{data.hex()}"

    def _move(self, steps: list[str], _from: Sequence[str]) -> None:
        """Put a message to another place."""
        step = steps.pop(self._pick(steps))
        steps.insert(self._random.randrange(len(steps) + 1), step)

    def _insert_sweep(self, steps: list[str], _from: Sequence[str]) -> None:
        at = self._random.randrange(len(steps) // 2, len(steps)) if len(steps) > 1 else 0
        steps[at:at] = self.sweep()

    def _insert_damaged(self, steps: list[str], _from: Sequence[str]) -> None:
        """Send a frame once more with each sequence number, every time damaged near its end: none of them is valid."""
        random, places = self._random, dict[int, list[int]]()
        for place in self._messages(steps):
            found = self._frame(steps[place])
            if found is not None:
                places.setdefault(found.class_, []).append(place)
        if not places:
            return
        # Each class of frames is as likely: most frames of a session are of its loop.
        at = random.choice(places[random.choice([*places])])
        frame = self._frame(steps[at])
        assert frame is not None
        known = [one for one in frame.messages if not isinstance(one, UnknownMessage) and one.FIELDS]
        payload = b"".join(message.build() for message in frame.messages)
        if known and type(getattr(known[0], name := known[0].FIELDS[0].name)) is int:
            # Another number than before: an answer to it can only be one to a damaged frame.
            payload = dataclasses.replace(known[0], **{name: random.randrange(SEQUENCES)}).build()
        damaged: list[str] = []
        for sequence in range(SEQUENCES):
            data = bytearray(self._dialect.build_frame(payload, frame.class_, sequence))
            data[-random.randint(1, min(DAMAGED_END, len(data)))] ^= 1 << random.randrange(8)
            damaged += (*self._send(bytes(data)), "wait 0.0003")
        steps[at + 1 : at + 1] = damaged


SEQUENCES = 256
DAMAGED_END = 3
"""Sequence numbers of a frame that is sent damaged, and how many of its last bytes may be wrong."""

INPUT_GAPS_S = (0.0001, 0.0005, 0.002)
LINE_PULSES = 3
"""Waits between the inputs of one state, and pulses of each line among them."""

SWARM_SIZES = (3, 5, 8, 0, 0)
"""Kinds of messages that one scenario chooses from; 0 for all of them. Few kinds meet each other more often."""

RECORDED_SHARE = 0.6
"""Share of messages that begin as one of a recorded session, and not with defaults."""

WINDOW_SHARE = 0.75
WINDOW_LEAD_S = 12e-6
"""Share of messages that are sent while the line of their sender is high, and how long it is high before them."""

NOISE_BYTES = 24
"""Most damaged bytes before a whole message."""

SWEEP_ATTEMPTS = 8
