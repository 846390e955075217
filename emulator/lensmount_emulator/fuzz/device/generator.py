"""Cases for a device, drawn from a `random.Random` and the dialect's declarations: equal seeds give equal cases.

A case is the steps of a scenario: the bytes and levels that our end sends beside its session, and their times. Faults
of bytes and frames change sent bytes as they do on a virtual mount. Mutations change steps, times or bytes of cases
that produced new responses.

Also minimises the scenario of a broken device: fewer steps first, then simpler frames. A run on a device takes a second
and a power cycle, so the number of runs is small, and the largest reductions come first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from random import Random
from typing import Any

from lensmount_emulator.faults.byte_faults import BitFlip, DropByte, DuplicateByte, InsertByte, StuckBytes
from lensmount_emulator.faults.fault import Fault, OutgoingBytes
from lensmount_emulator.faults.frame_faults import (
    DelayFrame,
    DuplicateFrame,
    SwapFrames,
    TruncateFrame,
    WrongChecksum,
    WrongLength,
    WrongSequence,
    frame_size,
)
from lensmount_emulator.fuzz.device.config import DeviceFuzzConfig
from lensmount_emulator.fuzz.random_inputs import allowed_messages, random_bytes, random_frame
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.verification.codec_equivalence import message_bytes, mutate_bytes
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, build_payload
from lensmount_protocol.wire import Role

WRONG: tuple[type[Fault], ...] = (
    *(BitFlip, DropByte, DuplicateByte, InsertByte, StuckBytes),
    *(DelayFrame, DuplicateFrame, SwapFrames, TruncateFrame, WrongChecksum, WrongLength, WrongSequence),
)
"""Faults of bytes and frames."""


class _BytesOnlyTarget:
    """A target for faults that change bytes only."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.scheduler = Scheduler()

    def force_line(self, line: str, level: bool) -> None: ...

    def release_line(self, line: str) -> None: ...

    def detach_lens(self) -> None: ...

    def attach_lens(self) -> None: ...

    def swap_lens(self, lens: str) -> None: ...

    def annotate(self, text: str) -> None: ...

    def hold(self, text: str) -> None: ...

    def get_busy_until(self, sender: Role) -> float:
        del sender
        return 0.0

    def byte_time(self, sender: Role) -> float:
        del sender
        return 1e-5


def apply_byte_fault(
    fault: type[Fault], data: bytes, dialect: Dialect, role: Role, random: Random
) -> list[OutgoingBytes]:
    """The bytes that a fault makes of bytes; a fault that delays a frame gets another one to send before it."""
    one, target = fault(), _BytesOnlyTarget(dialect)
    one.random = Random(random.getrandbits(32))
    if not isinstance(one, DelayFrame | DuplicateFrame | SwapFrames | TruncateFrame) and hasattr(one, "rate"):
        one.rate = random.choice((0.02, 0.1, 1.0)) if fault is not StuckBytes else 1.0
    if isinstance(one, WrongLength | WrongSequence):
        one.by = random.choice((-3, -1, 1, 7, 100))
    pieces = one.modify_bytes([OutgoingBytes(data)], role, target)
    if not pieces:
        pieces = one.modify_bytes([OutgoingBytes(random_frame(random, dialect, role))], role, target)
    return pieces


Steps = tuple[str, ...]

WAITS_S = (0.0, 0.0, 1e-4, 4e-4, 1e-3, 3e-3, 8e-3, 0.015)
"""Pauses between two sends; a frame of the stream takes about 16 ms."""

SEQUENCES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
CLASSES = (1, 2, 3, 4)


class CaseGenerator:
    """Generates cases.

    Args:
        config: the configuration of the run.
        lines: the lines that the port carries.

    Attributes:
        moves: see `transition_messages`.
    """

    def __init__(self, config: DeviceFuzzConfig, lines: frozenset[str]) -> None:
        self.config = config
        self.dialect: Dialect = config.dialect
        self.role: Role = config.role
        self.select = config.dialect.select_line(config.role)
        self.moves = transition_messages(config.dialect, config.role)
        names, weights = zip(*((make, weight) for make, weight in STEP_MAKERS.items()), strict=True)
        self._kinds: tuple[MakeSteps, ...] = names
        self._weights = [
            0 if make is _window and self.select not in lines else weight
            for make, weight in zip(names, weights, strict=True)
        ]

    def new_case(self, random: Random) -> Steps:
        """A new case: one to three parts, mostly at a known place within a frame period of the stream."""
        steps = [f"wait-frame {self.config.device.value}"] if random.random() < 0.6 else list[str]()
        for number in range(random.choice((1, 1, 1, 2, 3))):
            if number or random.random() < 0.3:
                steps.append(wait(random))
            steps += random.choices(self._kinds, self._weights)[0](self, random)
        return tuple(steps)

    def send(self, data: bytes) -> str:
        """The step that sends bytes; empty bytes become a start byte."""
        return f"send {self.role.value} {(data or bytes((self.dialect.formats[self.role].start,))).hex()}"

    def frame(self, payload: bytes, random: Random, sequence: int | None = None) -> bytes:
        """A whole frame around a payload, with a random class of such frames."""
        payload = payload[: self.dialect.formats[self.role].max_size - 16]
        number = random.randrange(256) if sequence is None else sequence
        return self.dialect.build_frame(payload, random.choice((1, 2, 3, 3, 4)), number)

    def random_message(self, random: Random) -> type[Message]:
        """A random message of our end that needs no permission."""
        return random.choice(allowed_messages(self.dialect, self.role))


MakeSteps = Callable[[CaseGenerator, Random], list[str]]


def edge_values(size: int, random: Random) -> tuple[int, ...]:
    """Numbers at the edges of the range of so many bytes, with and without a sign, and two random ones."""
    bits = 8 * (size or 2)
    maximum = (1 << bits) - 1
    return (0, 1, -1, maximum >> 1, (maximum >> 1) + 1, -(maximum >> 1) - 1, maximum - 1, maximum, maximum,
            random.getrandbits(bits), random.getrandbits(bits))  # fmt: skip


def transition_messages(dialect: Dialect, role: Role) -> dict[str, list[tuple[type[Message], int]]]:
    """Trigger of the transition table -> messages of an end that cause it, with the class of their frame."""
    moves = dict[str, list[tuple[type[Message], int]]]()
    for cls in allowed_messages(dialect, role):
        for class_ in CLASSES:
            frame = dialect.build_frame(cls().build(), class_, 0)
            if frame_size(frame, dialect.formats[role]) and dialect.formats[role].check(frame) is None:
                moves.setdefault(dialect.trigger_for(role, class_, cls()), []).append((cls, class_))
    return moves


def wait(random: Random) -> str:
    """A random wait."""
    return f"wait {random.choice(WAITS_S):g}"


def _default_frame(maker: CaseGenerator, random: Random) -> list[str]:
    return [maker.send(random_frame(random, maker.dialect, maker.role, (1, 2, 3, 3, 4)))]


def _field(maker: CaseGenerator, random: Random) -> list[str]:
    """One field of one message at an edge of its bytes' range, or beyond its legal range."""
    cls = maker.random_message(random)
    data = cls().build()
    for _ in range(4):
        message: Any = cls()
        if not cls.FIELDS:
            break
        spec = random.choice(cls.FIELDS)
        setattr(message, spec.name, random.choice(edge_values(spec.size, random)))
        try:
            data = message.build()
        except (MountError, TypeError, ValueError):
            continue
        break
    return [maker.send(maker.frame(data, random))]


def _sequence(maker: CaseGenerator, random: Random) -> list[str]:
    data = maker.random_message(random)().build()
    return [maker.send(maker.frame(data, random, random.choice(SEQUENCES)))]


def _order(maker: CaseGenerator, random: Random) -> list[str]:
    """Valid messages in an unusual order; every kind of transition has the same weight."""
    steps = list[str]()
    for _ in range(random.randint(2, 4)):
        cls, class_ = random.choice(maker.moves[random.choice(sorted(maker.moves))])
        data = maker.dialect.build_frame(cls().build(), class_, random.randrange(256))
        steps += [maker.send(data), wait(random)]
    return steps[:-1]


def _again(maker: CaseGenerator, random: Random) -> list[str]:
    step = maker.send(maker.frame(maker.random_message(random)().build(), random))
    return [step, wait(random), step] if random.random() < 0.7 else [step] * random.randint(2, 4)


def _near(maker: CaseGenerator, random: Random) -> list[str]:
    return [maker.send(mutate_bytes(random_frame(random, maker.dialect, maker.role), random))]


def _wrong(maker: CaseGenerator, random: Random) -> list[str]:
    data = random_frame(random, maker.dialect, maker.role)
    return send_steps(apply_byte_fault(random.choice(WRONG), data, maker.dialect, maker.role, random), maker)


def _paused(maker: CaseGenerator, random: Random) -> list[str]:
    """A frame with a pause inside, shorter or longer than the dialect's limit."""
    data = random_frame(random, maker.dialect, maker.role)
    if len(data) == 1:
        return [maker.send(data)]
    at = random.randrange(1, len(data))
    pause = random.choice((1e-4, 1e-3, maker.dialect.idle_timeout * 0.5, min(0.3, maker.dialect.idle_timeout * 1.5)))
    return [maker.send(data[:at]), f"wait {pause:g}", maker.send(data[at:])]


def _noise(maker: CaseGenerator, random: Random) -> list[str]:
    return [maker.send(random.randbytes(random.choice((1, 3, 8, 20, 60, 120))))]


def _joined(maker: CaseGenerator, random: Random) -> list[str]:
    return [maker.send(random_bytes(random, maker.dialect, maker.role))]


def _long(maker: CaseGenerator, random: Random) -> list[str]:
    """Many messages in one frame, up to the largest size."""
    some = [message_bytes(maker.random_message(random), random) for _ in range(random.choice((4, 8, 16)))]
    return [maker.send(maker.frame(b"".join(some)[: random.choice((60, 120, 240, 600))], random))]


def _window(maker: CaseGenerator, random: Random) -> list[str]:
    """A window with no frame, or with two."""
    sends = [_default_frame(maker, random)[0] for _ in range(random.choice((0, 2)))]
    return [f"drive {maker.select} high", *sends, wait(random), f"drive {maker.select} low"]


STEP_MAKERS: Mapping[MakeSteps, int] = {
    _default_frame: 10, _field: 20, _sequence: 10, _order: 14, _again: 8, _near: 10, _wrong: 10, _paused: 6, _noise: 6,
    _joined: 6, _long: 8, _window: 4,
}  # fmt: skip
"""Makers of parts of a case, with their weights."""


def send_steps(pieces: Sequence[OutgoingBytes], generator: CaseGenerator) -> list[str]:
    """The steps that send pieces, each with its delay."""
    steps = list[str]()
    for piece in pieces:
        if piece.delay:
            steps.append(f"wait {piece.delay:g}")
        steps.append(generator.send(piece.data))
    return steps or [generator.send(b"")]


MAX_STEPS = 10


def mutate_case(generator: CaseGenerator, random: Random, corpus: Sequence[Steps]) -> Steps:
    """A case of the corpus, changed in one to three places."""
    steps = list(random.choice(corpus))
    for _ in range(random.choice((1, 1, 2, 3))):
        steps = random.choice(MUTATIONS)(generator, random, steps, corpus)
    return tuple(steps[:MAX_STEPS]) or generator.new_case(random)


Mutation = Callable[[CaseGenerator, Random, list[str], Sequence[Steps]], list[str]]


def _remove_steps(_maker: CaseGenerator, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[:at], *steps[at + 1 :]] or steps


def _repeat_steps(_maker: CaseGenerator, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[: at + 1], *steps[at:]]


def _add_steps(maker: CaseGenerator, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps) + 1)
    return [*steps[:at], *maker.new_case(random), *steps[at:]]


def _splice(_maker: CaseGenerator, random: Random, steps: list[str], corpus: Sequence[Steps]) -> list[str]:
    other = random.choice(corpus)
    return [*steps[: random.randint(1, len(steps))], *other[random.randrange(len(other)) :]]


def _change_time(_maker: CaseGenerator, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    at = random.randrange(len(steps))
    return [*steps[:at], wait(random), *steps[at + steps[at].startswith("wait ") :]]


def _change_bytes(maker: CaseGenerator, random: Random, steps: list[str], _corpus: Sequence[Steps]) -> list[str]:
    """Damage sent bytes; or, in a whole frame, change its payload or number in a valid envelope."""
    sends = [at for at, step in enumerate(steps) if step.startswith("send ")]
    if not sends:
        return steps
    at = random.choice(sends)
    data = bytes.fromhex(steps[at].split()[2])
    frame_format = maker.dialect.formats[maker.role]
    whole = len(data) > 0 and frame_size(data, frame_format) == len(data) and frame_format.check(data) is None
    if random.random() < 0.6 and whole:
        frame = frame_format.parse_header(data, 0)
        payload = (
            frame.payload[:1] + mutate_bytes(frame.payload[1:] or b"\0", random)
            if random.random() < 0.7
            else frame.payload
        )
        data = maker.dialect.build_frame(
            payload[: frame_format.max_size - 16], frame.class_, random.choice((*SEQUENCES, frame.sequence))
        )
    else:
        data = mutate_bytes(data, random)
    return [*steps[:at], maker.send(data), *steps[at + 1 :]]


MUTATIONS: tuple[Mutation, ...] = (
    _remove_steps,
    _repeat_steps,
    _add_steps,
    _splice,
    _change_time,
    _change_bytes,
    _change_bytes,
)
"""Mutations of a case of the corpus."""


Breaks = Callable[[Steps], bool]


def minimise(config: DeviceFuzzConfig, steps: Steps, breaks: Breaks, attempts: int) -> Steps:
    """The simplest steps, within so many runs, that still break the device."""
    left, before = attempts, {steps}

    def still(tried: Steps) -> bool:
        nonlocal left
        if tried in before or not left:
            return False
        before.add(tried)
        left -= 1
        return breaks(tried)

    return _simplify_sends(config, _fewer_steps(steps, still), still)


def _fewer_steps(steps: Steps, still: Breaks) -> Steps:
    """Remove steps, half of them at once first, from the front on: the cause is mostly at the end."""
    size = max(1, len(steps) // 2)
    while size >= 1:
        start = 0
        while start < len(steps) and len(steps) > 1:
            tried = steps[:start] + steps[start + size :]
            if tried and still(tried):
                steps = tried
            else:
                start += size
        size //= 2
    return steps


def _simplify_sends(setup: DeviceFuzzConfig, steps: Steps, still: Breaks) -> Steps:
    for at, step in enumerate(steps):
        if not step.startswith("send "):
            continue
        data = bytes.fromhex(step.split()[2])
        goes_on = True
        while goes_on:
            goes_on = False
            for simpler in _simplified_bytes(setup, data):
                tried = (*steps[:at], f"send {setup.role.value} {simpler.hex()}", *steps[at + 1 :])
                if simpler != data and still(tried):
                    steps, data, goes_on = tried, simpler, True
                    break
    return steps


def _simplified_bytes(setup: DeviceFuzzConfig, data: bytes) -> Iterator[bytes]:
    """Simpler bytes, the largest reduction first: for a whole frame, of its parts."""
    frame = _frame(setup, data)
    if frame is None:
        # The defect is not known; half of the bytes would have another defect.
        return
    messages: list[AnyMessage] = frame.messages

    def built(some: list[AnyMessage], class_: int = frame.class_, sequence: int = frame.sequence) -> bytes:
        return setup.dialect.build_frame(build_payload(some), class_, sequence)

    probe = setup.probe()
    if probe is not None and messages != [probe]:
        yield built([probe])
    if len(messages) > 1:
        for at in range(len(messages)):
            yield built([messages[at]])
    if frame.sequence != 1:
        yield built(messages, sequence=1)
    for at, message in enumerate(messages):
        for simpler in _simplified_messages(message):
            with_it = [*messages[:at], simpler, *messages[at + 1 :]]
            try:
                yield built(with_it)
            except MountError:
                continue


def _simplified_messages(message: AnyMessage) -> Iterator[AnyMessage]:
    """Simpler messages: with default values in all fields or in one."""
    if isinstance(message, UnknownMessage):
        return
    default = type(message)()
    odd = [spec.name for spec in message.FIELDS if getattr(message, spec.name) != getattr(default, spec.name)]
    if odd:
        yield default
    if len(odd) > 1:
        for name in odd:
            simpler = copy(message)
            setattr(simpler, name, getattr(default, name))
            yield simpler


def _frame(setup: DeviceFuzzConfig, data: bytes) -> Frame | None:
    if not data or frame_size(data, setup.dialect.formats[setup.role]) != len(data):
        return None
    try:
        return FrameParser(setup.dialect, setup.role, setup.dialect.payload_parser()).parse(data)
    except MountError:
        return None
