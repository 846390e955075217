"""Cases for a device, drawn from a `random.Random` and from what the dialect declares: the same source, the same ones.

A case is the steps of a story: what our end puts on the wire beside its session, and when.
"""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from lensmount_emulator.faults.fault import Piece
from lensmount_emulator.faults.frames import frame_size
from lensmount_emulator.fuzz.chance import any_bytes, any_frame, messages_of
from lensmount_emulator.fuzz.device.setup import Setup
from lensmount_emulator.fuzz.device.striking import WRONG, struck
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

Steps = tuple[str, ...]

WAITS_S = (0.0, 0.0, 1e-4, 4e-4, 1e-3, 3e-3, 8e-3, 0.015)
"""Pauses between two things that are sent; a frame of the stream takes about 16 ms."""

SEQUENCES = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
CLASSES = (1, 2, 3, 4)


class Maker:
    """Makes cases.

    Args:
        setup: whom they are for.
        lines: the lines that the port carries.

    Attributes:
        moves: see `moves_of`.
    """

    def __init__(self, setup: Setup, lines: frozenset[str]) -> None:
        self.setup = setup
        self.dialect: Dialect = setup.dialect
        self.role: Role = setup.role
        self.select = setup.dialect.select_line(setup.role)
        self.moves = moves_of(setup.dialect, setup.role)
        names, weights = zip(*((make, weight) for make, weight in KINDS.items()), strict=True)
        self._kinds: tuple[Kind, ...] = names
        self._weights = [
            0 if make is _window and self.select not in lines else weight
            for make, weight in zip(names, weights, strict=True)
        ]

    def fresh(self, random: Random) -> Steps:
        """A case out of nothing: one to three things, mostly at a known place within a frame of the stream."""
        steps = [f"hear {self.setup.device.value}"] if random.random() < 0.6 else list[str]()
        for number in range(random.choice((1, 1, 1, 2, 3))):
            if number or random.random() < 0.3:
                steps.append(wait(random))
            steps += random.choices(self._kinds, self._weights)[0](self, random)
        return tuple(steps)

    def send(self, data: bytes) -> str:
        """The step that sends bytes; what is empty is a start byte alone."""
        return f"send {self.role.value} {(data or bytes((self.dialect.formats[self.role].start,))).hex()}"

    def frame(self, payload: bytes, random: Random, sequence: int | None = None) -> bytes:
        """A whole frame around a payload, of a class that such frames have."""
        payload = payload[: self.dialect.formats[self.role].largest - 16]
        number = random.randrange(256) if sequence is None else sequence
        return self.dialect.build_frame(payload, random.choice((1, 2, 3, 3, 4)), number)

    def any_message(self, random: Random) -> type[Message]:
        """A message of our end that no run has to arm."""
        return random.choice(messages_of(self.dialect, self.role))


Kind = Callable[[Maker, Random], list[str]]


def edges_of(size: int, random: Random) -> tuple[int, ...]:
    """Numbers at the edges of what so many bytes can hold, with and without a sign, and two by chance."""
    bits = 8 * (size or 2)
    most = (1 << bits) - 1
    return (0, 1, -1, most >> 1, (most >> 1) + 1, -(most >> 1) - 1, most - 1, most, most,
            random.getrandbits(bits), random.getrandbits(bits))  # fmt: skip


def moves_of(dialect: Dialect, role: Role) -> dict[str, list[tuple[type[Message], int]]]:
    """Trigger of the transition table -> what an end says to cause it: messages, and the class of their frame."""
    moves = dict[str, list[tuple[type[Message], int]]]()
    for cls in messages_of(dialect, role):
        for class_ in CLASSES:
            frame = dialect.build_frame(cls().build(), class_, 0)
            if frame_size(frame, dialect.formats[role]) and dialect.formats[role].judge(frame) is None:
                moves.setdefault(dialect.trigger(role, class_, cls()), []).append((cls, class_))
    return moves


def wait(random: Random) -> str:
    """Time passes."""
    return f"wait {random.choice(WAITS_S):g}"


def _usual(maker: Maker, random: Random) -> list[str]:
    return [maker.send(any_frame(random, maker.dialect, maker.role, (1, 2, 3, 3, 4)))]


def _field(maker: Maker, random: Random) -> list[str]:
    """One field of one message at an edge of what its bytes can hold, or beyond what it means."""
    cls = maker.any_message(random)
    data = cls().build()
    for _ in range(4):
        message: Any = cls()
        if not cls.FIELDS:
            break
        spec = random.choice(cls.FIELDS)
        setattr(message, spec.name, random.choice(edges_of(spec.size, random)))
        try:
            data = message.build()
        except (MountError, TypeError, ValueError):
            continue
        break
    return [maker.send(maker.frame(data, random))]


def _sequence(maker: Maker, random: Random) -> list[str]:
    data = maker.any_message(random)().build()
    return [maker.send(maker.frame(data, random, random.choice(SEQUENCES)))]


def _order(maker: Maker, random: Random) -> list[str]:
    """Right messages, in an order in which nobody says them; each kind of move in the tables as often as the others."""
    steps = list[str]()
    for _ in range(random.randint(2, 4)):
        cls, class_ = random.choice(maker.moves[random.choice(sorted(maker.moves))])
        data = maker.dialect.build_frame(cls().build(), class_, random.randrange(256))
        steps += [maker.send(data), wait(random)]
    return steps[:-1]


def _again(maker: Maker, random: Random) -> list[str]:
    step = maker.send(maker.frame(maker.any_message(random)().build(), random))
    return [step, wait(random), step] if random.random() < 0.7 else [step] * random.randint(2, 4)


def _near(maker: Maker, random: Random) -> list[str]:
    return [maker.send(mutated(any_frame(random, maker.dialect, maker.role), random))]


def _wrong(maker: Maker, random: Random) -> list[str]:
    data = any_frame(random, maker.dialect, maker.role)
    return steps_of(struck(random.choice(WRONG), data, maker.dialect, maker.role, random), maker)


def _paused(maker: Maker, random: Random) -> list[str]:
    """A frame with a pause inside, shorter or longer than the dialect lets pass."""
    data = any_frame(random, maker.dialect, maker.role)
    at = random.randrange(1, len(data))
    pause = random.choice((1e-4, 1e-3, maker.dialect.silence * 0.5, min(0.3, maker.dialect.silence * 1.5)))
    return [maker.send(data[:at]), f"wait {pause:g}", maker.send(data[at:])]


def _noise(maker: Maker, random: Random) -> list[str]:
    return [maker.send(random.randbytes(random.choice((1, 3, 8, 20, 60, 120))))]


def _joined(maker: Maker, random: Random) -> list[str]:
    return [maker.send(any_bytes(random, maker.dialect, maker.role))]


def _long(maker: Maker, random: Random) -> list[str]:
    """Many messages in one frame, up to the largest."""
    some = [message_bytes(maker.any_message(random), random) for _ in range(random.choice((4, 8, 16)))]
    return [maker.send(maker.frame(b"".join(some)[: random.choice((60, 120, 240, 600))], random))]


def _window(maker: Maker, random: Random) -> list[str]:
    """A window in which nothing is said, or two things."""
    sends = [_usual(maker, random)[0] for _ in range(random.choice((0, 2)))]
    return [f"drive {maker.select} high", *sends, wait(random), f"drive {maker.select} low"]


KINDS: Mapping[Kind, int] = {
    _usual: 10, _field: 20, _sequence: 10, _order: 14, _again: 8, _near: 10, _wrong: 10, _paused: 6, _noise: 6,
    _joined: 6, _long: 8, _window: 4,
}  # fmt: skip
"""How a part of a case is made, with its weight."""


def steps_of(pieces: Sequence[Piece], maker: Maker) -> list[str]:
    """The steps that send some pieces, each as late as it is."""
    steps = list[str]()
    for piece in pieces:
        if piece.delay:
            steps.append(f"wait {piece.delay:g}")
        steps.append(maker.send(piece.data))
    return steps or [maker.send(b"")]
