"""Faults, frames and bytes by chance, drawn from a `random.Random`: the same source gives the same ones."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from lensmount_emulator.faults.fault import Fault, TimedFault
from lensmount_emulator.faults.registry import BUILT_IN, keys_of
from lensmount_emulator.faults.timing import Drift
from lensmount_emulator.proofs.differential import message_bytes, mutated
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

LASTS_S = (0.001, 0.01, 0.05, 0.3, 0.6)
"""How long a fault by chance acts."""

RATES = (1e-4, 1e-3, 1e-2, 0.1, 1.0)


def any_fault(random: Random, dialect: Dialect, begins: float, among: Sequence[type[Fault]] = BUILT_IN) -> Fault:
    """A fault that begins at a time and is over within a second."""
    cls = random.choice(among)
    lasts = random.choice(LASTS_S)
    fault = replace(cls(), at=round(begins, 6))
    values: dict[str, Any] = {"from_": random.choice((None, *Role)) if cls is not Drift else random.choice((*Role,))}
    if issubclass(cls, TimedFault):
        values["for_"] = lasts
        if random.random() < 0.2:
            values |= {"rate": random.choice((5.0, 50.0)), "count": random.randint(1, 5), "until": round(begins + 1, 6)}
    else:
        values["until"] = round(begins + lasts, 6)
        values["rate"] = random.choice(RATES)
        values["count"] = random.choice((None, 1, 1, 2, 5))
    keys = keys_of(cls)
    if "line" in keys and fault.NAME not in ("brownout", "rail-lost", "rail-order"):
        values["line"] = random.choice(("select", "detect", "supply", *sorted(dialect.drivers)))
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
    return replace(fault, **values)


def messages_of(dialect: Dialect, sender: Role) -> list[type[Message]]:
    """The messages of one end that no run has to arm."""
    known = _messages.get((dialect.name, sender))
    if known is None:
        known = _messages[dialect.name, sender] = [
            cls for (role, type_), cls in dialect.messages.items() if role is sender and type_ not in dialect.guarded
        ]
    return known


_messages: dict[tuple[str, Role], list[type[Message]]] = {}


def any_frame(random: Random, dialect: Dialect, sender: Role, classes: Sequence[int] = (1, 1, 2, 3, 4)) -> bytes:
    """A whole frame with one to three messages, of usual or odd values."""
    some = random.choices(messages_of(dialect, sender), k=random.choice((1, 1, 1, 2, 3)))
    payload = b"".join(message_bytes(cls, random) for cls in some)
    payload = payload[: dialect.formats[sender].largest - 16]
    return dialect.build_frame(payload, random.choice(classes), random.randrange(256))


def any_flood(random: Random, dialect: Dialect, sender: Role) -> bytes:
    """One frame with as many messages of a kind as go into it: all at once they want more than can be given."""
    some = b"".join(cls().build() for cls in random.choices(messages_of(dialect, sender), k=random.choice((1, 1, 2))))
    room = dialect.formats[sender].largest - 16
    payload = some * max(1, min(random.choice((4, 30, 120)), room // len(some)))
    return dialect.build_frame(payload[:room], random.choice((1, 3)), random.randrange(256))


def any_bytes(random: Random, dialect: Dialect, sender: Role) -> bytes:
    """A whole frame, a near miss, noise, or several of them cut and joined."""
    match random.randrange(8):
        case 0 | 1 | 2:
            return any_frame(random, dialect, sender)
        case 3 | 4:
            return mutated(any_frame(random, dialect, sender), random) or b"\0"
        case 5:
            return random.randbytes(random.randint(1, 40))
        case 6:
            start = bytes((dialect.formats[sender].start,))
            return start * random.randint(1, 3) + random.randbytes(random.randint(0, 6))
        case _:
            parts = [any_bytes(random, dialect, sender) for _ in range(2)]
            return parts[0][: random.randint(0, len(parts[0]))] + parts[1]
