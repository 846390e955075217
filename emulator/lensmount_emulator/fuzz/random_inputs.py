"""Random faults, frames, bytes and parser inputs, drawn from a `random.Random`: equal seeds give equal inputs.

A parser input is made of frames, near misses, nested frames and noise, with the way in which it arrives.
"""

import dataclasses
import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, cast

from lensmount_emulator.faults.contact_faults import BothSelects
from lensmount_emulator.faults.fault import Fault, TimedFault
from lensmount_emulator.faults.registry import BUILT_IN_FAULTS, faults_of_link, option_fields
from lensmount_emulator.faults.timing_faults import ClockDrift
from lensmount_emulator.verification.codec_equivalence import message_bytes, mutate_bytes, random_burst
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError, MountError
from lensmount_protocol.frame_parser import ConstructFrameFormat
from lensmount_protocol.framer import MAX_RUN, burst_format
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

DURATIONS_S = (0.001, 0.01, 0.05, 0.3, 0.6)
"""Duration of a random fault."""

RATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)


def random_fault(
    random: Random, dialect: Dialect, begins: float, among: Sequence[type[Fault]] = BUILT_IN_FAULTS
) -> Fault:
    """A fault that begins at a time and is over within a second, and that is possible on this mount."""
    among = faults_of_link(dialect, among)
    while True:
        fault = _any_fault(random, dialect, begins, among)
        try:
            fault.check(dialect)
        except FaultError:
            continue
        return fault


def _any_fault(random: Random, dialect: Dialect, begins: float, among: Sequence[type[Fault]]) -> Fault:
    cls = random.choice(among)
    while cls is BothSelects and not dialect.select_line(Role.LENS):
        cls = random.choice(among)
    lasts = random.choice(DURATIONS_S)
    fault = replace(cls(), at=round(begins, 6))
    values: dict[str, Any] = {
        "from_": random.choice((None, *Role)) if cls is not ClockDrift else random.choice((*Role,))
    }
    if issubclass(cls, TimedFault):
        values["for_"] = lasts
        if random.random() < 0.2:
            values |= {"rate": random.choice((5.0, 50.0)), "count": random.randint(1, 5), "until": round(begins + 1, 6)}
    else:
        values["until"] = round(begins + lasts, 6)
        values["rate"] = random.choice(RATES)
        values["count"] = random.choice((None, 1, 1, 2, 5))
    keys = option_fields(cls)
    if "line" in keys and fault.NAME not in ("brownout", "rail-lost", "rail-order"):
        values["line"] = random.choice(fault_lines(dialect))
    for name in ("by", "gone", "off"):
        if name in keys and name in ("gone", "off"):
            values[name] = random.choice((1e-4, 0.002, 0.05, 0.3))
        elif name in keys and isinstance(getattr(fault, name), float):
            percents = fault.NAME in ("drift", "baud")
            values[name] = random.choice((-8.0, -3.0, 0.5, 3.0, 9.0) if percents else (2e-5, 5e-4, 3e-3, 0.03))
        elif name in keys:
            values[name] = random.choice((-3, 1, 7, 100) if fault.NAME != "truncate" else (None, 1, 3, 50))
    if "level" in keys:
        values["level"] = random.random() < 0.5
    if "bits" in keys:
        values["bits"] = random.choice((1, 1, 7, 9))
    return replace(fault, **values)


def fault_lines(dialect: Dialect) -> tuple[str, ...]:
    """The lines that a fault may be at; a mount without select lines has no `select`."""
    selects = ("select",) if any(dialect.select_line(role) for role in Role) else ()
    return (*selects, "detect", "supply", *sorted(dialect.drivers))


def build_fitting_frame(dialect: Dialect, sender: Role, payload: bytes, class_: int, sequence: int) -> bytes:
    """Build a frame; a payload or class that its fields cannot hold is cut to what they can."""
    try:
        return dialect.build_frame(payload, class_, sequence)
    except Exception:
        around = len(dialect.build_frame(b"", 0, 0))
        return dialect.build_frame(payload[: dialect.formats[sender].max_size - around], class_ & 0xFF, sequence & 0xFF)


def allowed_messages(dialect: Dialect, sender: Role) -> list[type[Message]]:
    """The messages of one end that need no permission."""
    known = _messages.get((dialect.name, sender))
    if known is None:
        known = _messages[dialect.name, sender] = [
            cls
            for (role, type_), cls in dialect.messages.items()
            if role is sender and type_ not in dialect.protected_types
        ]
    return known


_messages: dict[tuple[str, Role], list[type[Message]]] = {}


def random_frame(random: Random, dialect: Dialect, sender: Role, classes: Sequence[int] = (1, 1, 2, 3, 4)) -> bytes:
    """A whole frame with one to three messages, with default or odd values."""
    by_burst = burst_format(dialect.formats[sender])
    if by_burst is not None:
        return random_burst(by_burst, dialect.build_frame, allowed_messages(dialect, sender), random)
    some = random.choices(allowed_messages(dialect, sender), k=random.choice((1, 1, 1, 2, 3)))
    payload = b"".join(message_bytes(cls, random) for cls in some)
    payload = payload[: dialect.formats[sender].max_size - 16]
    return build_fitting_frame(dialect, sender, payload, random.choice(classes), random.randrange(256))


EDGE_VALUES = (0, 0, 1, 2, 3, 4, 5, 6, 100, 0x7F, 0xFF, 0x100, 0x7FFF, 0xFFFF, -1, -100)
"""Values of whole numbers at which programs go wrong."""


def edge_frame(random: Random, dialect: Dialect, sender: Role, message: Message | None = None) -> bytes:
    """A whole frame with one message in which a few fields have edge values or longer lists.

    Args:
        random: source of random decisions.
        dialect: the dialect.
        sender: the end that sends it.
        message: the message to change; `None` for any that needs no permission, with its defaults.
    """
    for _ in range(EDGE_ATTEMPTS):
        chosen = message or random.choice(allowed_messages(dialect, sender))()
        names = [spec.name for spec in chosen.FIELDS]
        some = random.sample(names, min(len(names), random.choice((1, 2, 3))))
        try:
            changed = dataclasses.replace(
                cast("Any", chosen), **{name: edge_value(chosen, name, random) for name in some}
            )
            payload = cast("Message", changed).build()
        except (MountError, ValueError, TypeError, OverflowError):
            # The value does not fit in its field.
            continue
        return dialect.build_frame(payload, random.choice(EDGE_CLASSES), random.randrange(256))
    return random_frame(random, dialect, sender)


EDGE_ATTEMPTS = 8
EDGE_CLASSES = (1, 3, 3, 3, 2)
"""Classes of frames with edge values: mostly that of orders."""

KNOWN_SHARE = 0.8
"""Share of enumerated fields that get a value with a name."""


def edge_value(message: Message, name: str, random: Random) -> Any:
    """An edge value for a field of a message; for a list, a longer or an empty one."""
    value = getattr(message, name)
    if isinstance(value, list):
        items: list[Any] = cast("Any", value)
        return random.choice((items * 2, items * 3, items[:1] * 6, [], items[::-1]))
    if isinstance(value, bytes):
        return random.choice((b"", value * 2, random.randbytes(len(value))))
    if isinstance(value, enum.Enum) and random.random() < KNOWN_SHARE:
        return random.choice(list(type(value)))
    if isinstance(value, int):
        return type(value)(random.choice(EDGE_VALUES))
    return value


def random_flood(random: Random, dialect: Dialect, sender: Role) -> bytes:
    """One frame with as many messages of a kind as fit: together they request more than can be answered at once."""
    if burst_format(dialect.formats[sender]) is not None:
        return random_frame(random, dialect, sender)
    some = b"".join(
        cls().build() for cls in random.choices(allowed_messages(dialect, sender), k=random.choice((1, 1, 2)))
    )
    room = dialect.formats[sender].max_size - 16
    payload = some * max(1, min(random.choice((4, 30, 120)), room // len(some)))
    return dialect.build_frame(payload[:room], random.choice((1, 3)), random.randrange(256))


def random_bytes(random: Random, dialect: Dialect, sender: Role) -> bytes:
    """A whole frame, a near miss, noise, or several of them cut and joined."""
    match random.randrange(8):
        case 0 | 1 | 2:
            return random_frame(random, dialect, sender)
        case 3 | 4:
            return mutate_bytes(random_frame(random, dialect, sender), random) or b"\0"
        case 5:
            return random.randbytes(random.randint(1, 40))
        case 6:
            if burst_format(dialect.formats[sender]) is not None:
                return random.randbytes(dialect.formats[sender].max_size)
            start = bytes((dialect.formats[sender].start,))
            return start * random.randint(1, 3) + random.randbytes(random.randint(0, 6))
        case _:
            parts = [random_bytes(random, dialect, sender) for _ in range(2)]
            return parts[0][: random.randint(0, len(parts[0]))] + parts[1]


POOL_SIZE = 256
"""Number of whole frames that are kept to be joined, cut and damaged."""

FULL_FRAME_SHARE = 0.01
"""Share of whole frames that have the maximum size."""


class FragmentPool:
    """Whole frames of one sender with valid envelopes and any content.

    Args:
        dialect: the dialect.
        sender: the end that sends them.
        random: source of random decisions.
    """

    def __init__(self, dialect: Dialect, sender: Role, random: Random) -> None:
        self.dialect = dialect
        self.sender = sender
        self.random = random
        self.format = dialect.formats[sender]
        self.start = bytes((self.format.start,))
        self.around = len(dialect.build_frame(b"", 1, 0))
        declared = self.format if isinstance(self.format, ConstructFrameFormat) else None
        self.payloads = declared is not None
        """Whether the format defines valid frames; one that is not declared does not."""
        self.classes = tuple(sorted(declared.classes)) if declared else (1, 2, 3, 4)
        self.smallest = declared.min_size if declared else 0
        self._frames = [self._made() for _ in range(POOL_SIZE)]

    def random_frame(self) -> bytes:
        """One of the frames."""
        return self.random.choice(self._frames)

    def renew(self) -> None:
        """Replace one frame by a new one."""
        self._frames[self.random.randrange(POOL_SIZE)] = self._made()

    def sized(self, size: int) -> bytes:
        """A frame of so many bytes, full of messages; the last one is cut."""
        size = max(size - self.around, 0)
        payload = b""
        while len(payload) < size:
            payload += message_bytes(self.random.choice(allowed_messages(self.dialect, self.sender)), self.random)
        return self.build(payload[:size], self.random.choice(self.classes))

    def build(self, payload: bytes, class_: int) -> bytes:
        """A frame with this payload and a random number."""
        return build_fitting_frame(self.dialect, self.sender, payload, class_, self.random.randrange(256))

    def _made(self) -> bytes:
        if self.random.random() < FULL_FRAME_SHARE:
            return self.sized(self.format.max_size - self.random.randrange(2))
        while True:
            frame = random_frame(self.random, self.dialect, self.sender, self.classes)
            if len(frame) >= self.smallest:
                return frame


def random_part(pool: FragmentPool) -> bytes:
    """Some bytes of an input."""
    kind = pool.random.random()
    for until, make in _UNTIL:
        if kind < until:
            return make(pool)
    return pool.random_frame()


def _noise(pool: FragmentPool) -> bytes:
    return pool.random.randbytes(pool.random.randrange(24))


def _false_starts(pool: FragmentPool) -> bytes:
    return pool.start * pool.random.randrange(1, 4) + pool.random.randbytes(pool.random.randrange(6))


def _head(pool: FragmentPool) -> bytes:
    frame = pool.random_frame()
    return frame[: pool.random.randrange(len(frame) + 1)]


def _tail(pool: FragmentPool) -> bytes:
    frame = pool.random_frame()
    return frame[pool.random.randrange(len(frame)) :]


def _wrong_inside(pool: FragmentPool) -> bytes:
    """Wrong contents in a valid envelope."""
    payload = mutate_bytes(pool.random_frame()[5:-3], pool.random)[: pool.format.max_size - 16] or b"\0"
    return pool.build(payload, pool.random.randrange(6))


def _mutated(pool: FragmentPool) -> bytes:
    return mutate_bytes(pool.random_frame(), pool.random)


def _damage_an_end(pool: FragmentPool) -> bytes:
    """A frame with one wrong bit in the header, or after the payload."""
    frame = bytearray(pool.random_frame())
    at = pool.random.randrange(min(pool.format.header_size + 2, len(frame)))
    frame[at if pool.random.random() < 0.5 else -1 - at] ^= 1 << pool.random.randrange(8)
    return bytes(frame)


def _nested(pool: FragmentPool) -> bytes:
    """A frame inside a frame; the outer one may be damaged, and then the inner one must be found."""
    inner = pool.random_frame()
    if len(inner) + pool.around > pool.format.max_size:
        return inner
    outer = pool.build(inner, 1)
    if pool.random.random() < 0.3:
        return outer
    return outer[:-1] + bytes((outer[-1] ^ 1 << pool.random.randrange(8),))


def _overlong_header(pool: FragmentPool) -> bytes:
    """A header that announces more than there is, before a whole frame."""
    for _ in range(8):
        header = pool.start + pool.random.randbytes(1) + bytes((pool.random.randrange(4),)) * pool.format.header_size
        header = header[: pool.format.header_size]
        if isinstance(pool.format.frame_length(header), int):
            return header + pool.random_frame()
    return pool.random_frame()


def _at_borders(pool: FragmentPool) -> bytes:
    """A frame with a size at or next to a limit; it may be too small or too large."""
    border = pool.random.choice((pool.smallest, 128, 256, pool.format.max_size))
    # A format that is not declared may fail to build a frame that is too large.
    return pool.sized(min(border + pool.random.choice((-1, 0, 1)), pool.format.max_size + pool.payloads))


PARTS: tuple[tuple[float, Callable[[FragmentPool], bytes]], ...] = (
    (0.06, _noise), (0.06, _false_starts), (0.12, _head), (0.08, _tail), (0.10, _wrong_inside), (0.16, _mutated),
    (0.05, _damage_an_end), (0.02, _nested), (0.02, _overlong_header), (0.01, _at_borders),
)  # fmt: skip
"""Makers of parts of inputs, with their shares; the rest are whole frames."""

_UNTIL = [(sum(share for share, _ in PARTS[: number + 1]), make) for number, (_, make) in enumerate(PARTS)]


RENEWED_FRAMES = 4
"""Cases between two new frames in the pool."""

VALID_SHARE = 0.15
"""Share of inputs that end with one whole frame that must be found."""

LONG_INPUT = 1000
"""Cases between two with a long silence."""

BYTEWISE_SIZE = 100
"""Maximum bytes of an input that may arrive byte by byte."""

BROKEN_SHARE = 0.2
"""Share of inputs with a silence, or with the end of one window and the start of another."""


@dataclass(frozen=True, slots=True)
class ParserInput:
    """The input of a parser.

    Attributes:
        sender: the sender of its frames.
        data: the bytes.
        cuts: offsets at which they are cut into chunks.
        breaks: offsets at which the line becomes silent, or a window closes and the next one opens.
        window: whether they arrive in select windows.
        right: the final frame that must be found, after a break or bytes that start no frame; empty for none.
        alone: type of the message as which the bytes are parsed, without a frame; `None` for frames.
    """

    sender: Role
    data: bytes
    cuts: tuple[int, ...] = ()
    breaks: tuple[int, ...] = ()
    window: bool = False
    right: bytes = b""
    alone: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The input as a corpus keeps it."""
        return {"sender": self.sender.value, "data": self.data.hex(), "cuts": self.cuts, "breaks": self.breaks,
                "window": self.window, "right": self.right.hex(), "alone": self.alone}  # fmt: skip


def input_from_dict(entry: Any) -> ParserInput:
    """The input that a corpus kept.

    Raises:
        ValueError: the entry holds none; also `KeyError` and `TypeError`.
    """
    data, right, alone = bytes.fromhex(entry["data"]), bytes.fromhex(entry["right"]), entry["alone"]
    cuts, breaks = (tuple(cast("list[int]", entry[name])) for name in ("cuts", "breaks"))
    if not all(type(place) is int and 0 <= place <= len(data) for place in (*cuts, *breaks)):
        raise ValueError("a place outside of the bytes")
    if not data.endswith(right) or not (alone is None or type(alone) is int) or type(entry["window"]) is not bool:
        raise ValueError("no input")
    return ParserInput(Role(entry["sender"]), data, cuts, breaks, entry["window"], right, alone)


def input_from_bytes(data: bytes) -> ParserInput:
    """Convert any bytes to an input: two bytes select the sender and the form; the others are the frames."""
    how, where, data = data[0] if data else 0, data[1] if len(data) > 1 else 0, data[2:]
    cuts = tuple(sorted(place for place in (how >> 3, where) if place <= len(data)))
    breaks = (where >> 1,) if how & 4 and where >> 1 <= len(data) else ()
    return ParserInput(Role.LENS if how & 1 else Role.BODY, data, cuts, breaks, bool(how & 2))


def input_to_bytes(given: ParserInput) -> bytes:
    """Convert an input to bytes that give a similar input."""
    how = (given.sender is Role.LENS) | given.window << 1 | bool(given.breaks) << 2
    where = given.breaks[0] << 1 if given.breaks else given.cuts[-1] if given.cuts else 0
    return bytes((how | min(given.cuts[0] if given.cuts else 0, 31) << 3, min(where, 255))) + given.data


def random_unit(random: Random, dialect: Dialect, sender: Role) -> ParserInput:
    """One burst of a clocked link: a valid unit, which must be found, a damaged one, or noise."""
    unit = random_frame(random, dialect, sender)
    kind = random.random()
    if kind < VALID_SHARE:
        return ParserInput(sender, unit, right=unit)
    if kind < 3 * VALID_SHARE:
        return ParserInput(sender, unit)
    if kind < 5 * VALID_SHARE:
        return ParserInput(sender, mutate_bytes(unit, random))
    size = random.choice((*sorted(burst_sizes(dialect, sender)), random.randrange(200)))
    return ParserInput(sender, random.randbytes(size))


def burst_sizes(dialect: Dialect, sender: Role) -> frozenset[int]:
    """The legal sizes of a burst; none on a link without a clock."""
    by_burst = burst_format(dialect.formats[sender])
    return frozenset() if by_burst is None else by_burst.sizes


class InputGenerator:
    """Generates random inputs.

    Args:
        dialect: the dialect.
        random: source of random decisions.
    """

    def __init__(self, dialect: Dialect, random: Random) -> None:
        self._dialect = dialect
        self._random = random
        self._by_burst = any(burst_sizes(dialect, role) for role in Role)
        self._pools = {} if self._by_burst else {role: FragmentPool(dialect, role, random) for role in Role}
        self._count = 0

    def next(self) -> ParserInput:
        """One input."""
        random = self._random
        sender = Role.LENS if random.random() < 0.5 else Role.BODY
        if self._by_burst:
            return random_unit(random, self._dialect, sender)
        pool = self._pools[sender]
        self._count += 1
        if self._count % RENEWED_FRAMES == 0:
            pool.renew()
        right = b""
        breaks: tuple[int, ...] = ()
        if random.random() < VALID_SHARE:
            right = pool.random_frame()
            if random.random() < 0.5:
                before = random.randbytes(random.choice((0, 0, 5))).replace(pool.start, b"")
            else:
                before = random_part(pool)
                breaks = (len(before),)
            data = before + right
        elif self._count % LONG_INPUT == 0:
            data = pool.start * random.randrange(3) + bytes(MAX_RUN * 2 + 99) + random_part(pool)
        else:
            data = b"".join([random_part(pool) for _ in range(random.choice((1, 1, 1, 2, 3)))])
            if random.random() < BROKEN_SHARE:
                breaks = self._places(len(data), random.choice((1, 1, 2)))
        if len(data) < BYTEWISE_SIZE and random.random() < 0.05:
            cuts = tuple(range(1, len(data)))
        else:
            cuts = self._places(len(data), random.choice((0, 1, 1, 3)))
        return ParserInput(sender, data, cuts, breaks, random.random() < 0.5, right if pool.payloads else b"")

    def message(self) -> ParserInput:
        """Bytes to be parsed as one message, alone."""
        random = self._random
        sender = Role.LENS if random.random() < 0.5 else Role.BODY
        cls = random.choice(allowed_messages(self._dialect, sender))
        data = message_bytes(cls, random)
        return ParserInput(sender, mutate_bytes(data, random) if random.random() < 0.5 else data, alone=cls.TYPE)

    def _places(self, size: int, count: int) -> tuple[int, ...]:
        return tuple(sorted([self._random.randrange(size + 1) for _ in range(count)]))
