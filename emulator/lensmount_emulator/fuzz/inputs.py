"""What the parser fuzzer gives to readers: bytes, and how they arrive."""

from dataclasses import dataclass
from random import Random
from typing import Any, cast

from lensmount_emulator.fuzz.chance import messages_of
from lensmount_emulator.fuzz.parts import Pool, part
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.framer import LONGEST_RUN
from lensmount_protocol.wire import Role

RENEWED = 4
"""Cases between two new frames in the pool that inputs are made of."""

RIGHT = 0.15
"""Share of inputs that end with one whole frame that has to be found."""

LONG = 1000
"""Cases between two in which nothing comes for long."""

BYTEWISE = 100
"""Bytes up to which an input may come byte by byte."""

BROKEN = 0.2
"""Share of inputs in which the line falls silent, or one window ends and another one begins."""


@dataclass(frozen=True, slots=True)
class Input:
    """What a reader is given.

    Attributes:
        sender: whose frames it reads.
        data: the bytes.
        cuts: where they are cut into chunks.
        breaks: where whatever came ends: the line falls silent, or a window closes and the next one opens.
        window: whether they come in select windows.
        right: the frame that they end with, behind a break or bytes that begin none, and that has to be found; empty
            for none.
        alone: type of the message that the bytes are read as, without a frame; `None` for frames.
    """

    sender: Role
    data: bytes
    cuts: tuple[int, ...] = ()
    breaks: tuple[int, ...] = ()
    window: bool = False
    right: bytes = b""
    alone: int | None = None

    def entry(self) -> dict[str, Any]:
        """The input as a corpus keeps it."""
        return {"sender": self.sender.value, "data": self.data.hex(), "cuts": self.cuts, "breaks": self.breaks,
                "window": self.window, "right": self.right.hex(), "alone": self.alone}  # fmt: skip


def input_of(entry: Any) -> Input:
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
    return Input(Role(entry["sender"]), data, cuts, breaks, entry["window"], right, alone)


def as_input(data: bytes) -> Input:
    """The input that any bytes are: two bytes say whose frames come, and how; the others are the frames."""
    how, where, data = data[0] if data else 0, data[1] if len(data) > 1 else 0, data[2:]
    cuts = tuple(sorted(place for place in (how >> 3, where) if place <= len(data)))
    breaks = (where >> 1,) if how & 4 and where >> 1 <= len(data) else ()
    return Input(Role.LENS if how & 1 else Role.BODY, data, cuts, breaks, bool(how & 2))


def as_bytes(given: Input) -> bytes:
    """Bytes that are an input much like this one."""
    how = (given.sender is Role.LENS) | given.window << 1 | bool(given.breaks) << 2
    where = given.breaks[0] << 1 if given.breaks else given.cuts[-1] if given.cuts else 0
    return bytes((how | min(given.cuts[0] if given.cuts else 0, 31) << 3, min(where, 255))) + given.data


class Inputs:
    """Inputs by chance.

    Args:
        dialect: whose frames.
        random: where chance comes from.
    """

    def __init__(self, dialect: Dialect, random: Random) -> None:
        self._dialect = dialect
        self._random = random
        self._pools = {role: Pool(dialect, role, random) for role in Role}
        self._made = 0

    def next(self) -> Input:
        """One input."""
        random = self._random
        sender = Role.LENS if random.random() < 0.5 else Role.BODY
        pool = self._pools[sender]
        self._made += 1
        if self._made % RENEWED == 0:
            pool.renew()
        right = b""
        breaks: tuple[int, ...] = ()
        if random.random() < RIGHT:
            right = pool.any()
            if random.random() < 0.5:
                before = random.randbytes(random.choice((0, 0, 5))).replace(pool.start, b"")
            else:
                before = part(pool)
                breaks = (len(before),)
            data = before + right
        elif self._made % LONG == 0:
            data = pool.start * random.randrange(3) + bytes(LONGEST_RUN * 2 + 99) + part(pool)
        else:
            data = b"".join([part(pool) for _ in range(random.choice((1, 1, 1, 2, 3)))])
            if random.random() < BROKEN:
                breaks = self._places(len(data), random.choice((1, 1, 2)))
        if len(data) < BYTEWISE and random.random() < 0.05:
            cuts = tuple(range(1, len(data)))
        else:
            cuts = self._places(len(data), random.choice((0, 1, 1, 3)))
        return Input(sender, data, cuts, breaks, random.random() < 0.5, right if pool.says else b"")

    def message(self) -> Input:
        """Bytes that are read as one message, by themselves."""
        random = self._random
        sender = Role.LENS if random.random() < 0.5 else Role.BODY
        cls = random.choice(messages_of(self._dialect, sender))
        data = message_bytes(cls, random)
        return Input(sender, mutated(data, random) if random.random() < 0.5 else data, alone=cls.TYPE)

    def _places(self, size: int, count: int) -> tuple[int, ...]:
        return tuple(sorted([self._random.randrange(size + 1) for _ in range(count)]))
