"""A dialect of somebody else, as a package of its own would bring it: two messages, one rate, no select lines."""

from dataclasses import dataclass

from construct import Int8ub, Int16ul

from lensmount.dialect import (
    AnyMessage,
    Dialect,
    Evidence,
    EvidenceLevel,
    Frame,
    GarbageReason,
    Message,
    Role,
    SerialLine,
    TransitionTable,
    Wiring,
    field,
    message,
    message_table,
)

_OURS = Evidence(EvidenceLevel.MODELLED, "this test")


@message(0x01, Role.BODY, _OURS)
class Ping(Message):
    """Are you there?"""

    number: int = field(Int8ub, "which ping")


@message(0x02, Role.LENS, _OURS)
class Pong(Message):
    """I am."""

    number: int = field(Int8ub, "which ping")
    temperature: int = field(Int16ul, "of the lens", unit="0.1 K")


@dataclass(frozen=True)
class ToyFormat:
    """`A5`, length, payload, and the payload's exclusive or."""

    start: int = 0xA5
    header_size: int = 2
    max_size: int = 32
    max_padding: int = 0

    def frame_length(self, header: bytes) -> int | GarbageReason:
        """The total length."""
        return header[1] if 4 <= header[1] <= self.max_size else GarbageReason.LENGTH

    def check(self, candidate: bytes) -> GarbageReason | None:
        """Check the exclusive or."""
        return None if _xor(candidate[2:-1]) == candidate[-1] else GarbageReason.CHECKSUM

    def parse_header(self, candidate: bytes, offset: int) -> Frame:
        """The parts."""
        return Frame(candidate, offset, 0, 0, slice(2, -1))


def _xor(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
    return value


def _build(payload: bytes, _class: int, _sequence: int) -> bytes:
    return bytes((0xA5, len(payload) + 3)) + payload + bytes((_xor(payload),))


def _trigger(sender: Role, _class: int, _message: AnyMessage) -> str:
    return "ping" if sender is Role.BODY else "pong"


TOY = Dialect(
    name="toy",
    title="A toy",
    notice="Nobody speaks this.",
    sources={},
    wiring=Wiring((SerialLine("R", Role.LENS), SerialLine("T", Role.BODY)), (9600,), 3, ("R", "T", "V", "D")),
    drivers={"R": Role.LENS, "T": Role.BODY, "V": Role.BODY, "D": Role.LENS},
    messages=message_table((Ping, Pong)),
    formats={Role.BODY: ToyFormat(), Role.LENS: ToyFormat()},
    build_frame=_build,
    transitions=TransitionTable(
        "IDLE",
        {"IDLE": {"ping": "ASKED"}, "ASKED": {"pong": "IDLE"}},
        {"ping": Role.BODY, "pong": Role.LENS},
    ),
    trigger_for=_trigger,
    timing=(),
    idle_timeout=0.05,
    supply="V",
    detect="D",
)
