"""scapy: the frame and the messages as packets."""

from typing import Any, ClassVar
from zlib import adler32

from scapy.config import conf
from scapy.fields import ByteField, LEShortField, LESignedShortField, PacketListField, StrField
from scapy.packet import Packet, Raw

from benchmarks.codec import Codec
from benchmarks.workload import BLOB, FIELDS, NAMES, PING, Plain

_FIELDS = {"B": ByteField, "H": LEShortField, "h": LESignedShortField}


class _Message(Packet):
    def extract_padding(self, s: bytes) -> tuple[bytes, bytes]:
        return b"", s


def _class(type_: int) -> Any:
    fields: list[Any] = [ByteField("type", type_)]
    fields += [_FIELDS[code](name, 0) for name, code in FIELDS.get(type_, ())]
    if type_ == BLOB:
        fields.append(StrField("data", b""))
    return type(NAMES[type_], (_Message,), {"name": NAMES[type_], "fields_desc": fields})


_CLASSES = {type_: _class(type_) for type_ in NAMES}


def _next(_packet: Any, _found: Any, _last: Any, rest: bytes) -> Any:
    return _CLASSES.get(rest[0], Raw) if rest else None


class MountFrame(Packet):
    """The whole frame."""

    name = "MountFrame"
    fields_desc: ClassVar[list[Any]] = [
        ByteField("start", 0xF0),
        LEShortField("length", None),
        ByteField("frame_class", 0),
        ByteField("sequence", 0),
        PacketListField("messages", [], next_cls_cb=_next, length_from=lambda packet: packet.length - 8),
        LEShortField("checksum", None),
        ByteField("end", 0x55),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Fill in length and sum."""
        inside = len(pkt).to_bytes(2, "little") + pkt[3:-3]
        return b"\xf0" + inside + (adler32(inside, 0) & 0xFFFF).to_bytes(2, "little") + b"\x55" + pay


def parse(data: bytes) -> Any:
    """Read a frame, and check what its fields do not."""
    frame = MountFrame(data)
    if frame.start != 0xF0 or frame.end != 0x55 or frame.length != len(data):
        raise ValueError("envelope")
    if adler32(data[1:-3], 0) & 0xFFFF != frame.checksum:
        raise ValueError("sum")
    return frame


def build(class_: int, sequence: int, messages: list[tuple[Any, dict[str, Any]]]) -> bytes:
    """Build a frame."""
    packets = [cls(**values) for cls, values in messages]
    return bytes(MountFrame(frame_class=class_, sequence=sequence, messages=packets))


_NAMES = {PING: (), BLOB: ("data",), **{type_: [name for name, _ in fields] for type_, fields in FIELDS.items()}}


def plain(frame: Any) -> Plain:
    """What the frame says."""
    messages = [(item.type, tuple(getattr(item, name) for name in _NAMES[item.type])) for item in frame.messages]
    return frame.frame_class, frame.sequence, messages


def messages_of(said: Plain) -> list[tuple[Any, dict[str, Any]]]:
    """The classes and field values to build from."""
    return [(_CLASSES[type_], dict(zip(_NAMES[type_], values, strict=True))) for type_, values in said[2]]


conf.max_list_count = 1000
CODEC = Codec("scapy", parse, plain, build, messages_of)
