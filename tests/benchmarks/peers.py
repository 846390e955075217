"""Other libraries on the same frames, each in the way that its documentation shows; absent ones are left out.

Where a library has no notion of the frame around its messages, the envelope is read by hand for it.
"""

import io
from collections.abc import Callable
from importlib import import_module
from typing import Any
from zlib import adler32

from benchmarks.workload import FIELDS, NAMES

Read = Callable[[bytes], Any]


def peers() -> tuple[dict[str, Read], list[str]]:
    """Readers by name, and what is not installed."""
    found: dict[str, Read] = {}
    missing: list[str] = []
    for name, make in (
        ("cantools", _cantools),
        ("dissect.cstruct", _dissect),
        ("kaitaistruct", _kaitai),
        ("scapy", _scapy),
        ("bitstruct.c", _bitstruct),
    ):
        try:
            found[name] = make()
        except ImportError:
            missing.append(name)
    return found, missing


def _envelope(data: bytes) -> int:
    size = len(data)
    if data[0] != 0xF0 or data[-1] != 0x55 or data[1] | data[2] << 8 != size:
        raise ValueError("no frame")
    if adler32(data[1:-3], 0) & 0xFFFF != data[-3] | data[-2] << 8:
        raise ValueError("wrong sum")
    return size - 3


def _size(type_: int) -> int:
    return sum({"B": 1, "H": 2, "h": 2}[code] for _, code in FIELDS[type_])


def _messages(data: bytes, decode: dict[int, Callable[[bytes], Any]]) -> tuple[int, int, list[Any]]:
    end = _envelope(data)
    at, messages = 5, []
    while at < end:
        type_ = data[at]
        if type_ == 0x20:
            messages.append(data[at + 1 : end])
            at = end
        elif type_ == 1:
            messages.append(None)
            at += 1
        else:
            size = _size(type_)
            if at + 1 + size > end:
                raise ValueError("cut")
            messages.append(decode[type_](data[at + 1 : at + 1 + size]))
            at += 1 + size
    return data[3], data[4], messages


def _cantools() -> Read:
    can = import_module("cantools.database.can")
    conversion = import_module("cantools.database.conversion").BaseConversion
    decode: dict[int, Callable[[bytes], Any]] = {}
    for type_, fields in FIELDS.items():
        at, signals = 0, []
        for name, code in fields:
            bits = 8 if code == "B" else 16
            kept = conversion.factory(is_float=False)
            signals.append(can.Signal(name, at, bits, "little_endian", code == "h", conversion=kept))
            at += bits
        said = can.Message(type_, NAMES[type_], at // 8, signals)
        decode[type_] = lambda data, said=said: said.decode(data, decode_choices=False, scaling=False)
    return lambda data: _messages(data, decode)


def _dissect() -> Read:
    library = import_module("dissect.cstruct").cstruct()
    kinds = {"B": "uint8", "H": "uint16", "h": "int16"}
    for type_, fields in FIELDS.items():
        lines = " ".join(f"{kinds[code]} {name};" for name, code in fields)
        library.load(f"struct {NAMES[type_]} {{ {lines} }};", compiled=True)
    decode = {type_: getattr(library, NAMES[type_]) for type_ in FIELDS}
    return lambda data: _messages(data, decode)


def _bitstruct() -> Read:
    compiled = import_module("bitstruct.c").compile
    decode: dict[int, Callable[[bytes], Any]] = {}
    for type_, fields in FIELDS.items():
        # It reads highest byte first, so the message is turned round, fields and all.
        turned = list(reversed(fields))
        form = "".join({"B": "u8", "H": "u16", "h": "s16"}[code] for _, code in turned)
        unpack = compiled(form, [name for name, _ in turned]).unpack
        decode[type_] = lambda data, unpack=unpack: unpack(data[::-1])
    return lambda data: _messages(data, decode)


def _kaitai() -> Read:
    kaitai = import_module("kaitaistruct")
    struct_class, stream_class = kaitai.KaitaiStruct, kaitai.KaitaiStream

    class Body(struct_class):  # type: ignore[misc, valid-type]
        """As the compiler of Kaitai Struct writes a switch on a type; written by hand here."""

        def __init__(self, io_: Any, parent: Any, root: Any) -> None:
            self._io, self._parent, self._root = io_, parent, root
            self._read()

        def _read(self) -> None:
            self.type = self._io.read_u1()
            reads = {"B": self._io.read_u1, "H": self._io.read_u2le, "h": self._io.read_s2le}
            if self.type == 0x20:
                self.data = self._io.read_bytes_full()
            for name, code in FIELDS.get(self.type, ()):
                setattr(self, name, reads[code]())

    class Frame(struct_class):  # type: ignore[misc, valid-type]
        """The frame, in the style of the compiler's output."""

        def __init__(self, io_: Any) -> None:
            self._io, self._parent, self._root = io_, None, self
            self._read()

        def _read(self) -> None:
            self.start = self._io.read_bytes(1)
            if not self.start == b"\xf0":
                raise kaitai.ValidationNotEqualError(b"\xf0", self.start, self._io, "/seq/0")
            self.length = self._io.read_u2le()
            self.class_ = self._io.read_u1()
            self.sequence = self._io.read_u1()
            self._raw_payload = self._io.read_bytes(self.length - 8)
            inside = stream_class(io.BytesIO(self._raw_payload))
            self.messages = []
            while not inside.is_eof():
                self.messages.append(Body(inside, self, self._root))
            self.checksum = self._io.read_u2le()
            self.end = self._io.read_bytes(1)
            if not self.end == b"\x55":
                raise kaitai.ValidationNotEqualError(b"\x55", self.end, self._io, "/seq/6")

    def read(data: bytes) -> Any:
        frame = Frame(stream_class(io.BytesIO(data)))
        if adler32(data[1:-3], 0) & 0xFFFF != frame.checksum:
            raise ValueError("wrong sum")
        return frame

    return read


def _scapy() -> Read:
    fields = import_module("scapy.fields")
    packet = import_module("scapy.packet")
    words = {"B": fields.ByteField, "H": fields.LEShortField, "h": fields.LESignedShortField}

    def rest_apart(self: Any, data: bytes) -> tuple[bytes, bytes]:
        return b"", data

    kinds: dict[int, Any] = {}
    for type_, name in NAMES.items():
        layout = [fields.ByteField("type", type_)]
        layout += [words[code](field, 0) for field, code in FIELDS.get(type_, ())]
        if type_ == 0x20:
            layout.append(fields.StrField("data", b""))
        kinds[type_] = type(
            name, (packet.Packet,), {"name": name, "fields_desc": layout, "extract_padding": rest_apart}
        )

    class Frame(packet.Packet):  # type: ignore[misc, name-defined]
        """The frame."""

        name = "Frame"
        fields_desc = (
            fields.ByteField("start", 0xF0),
            fields.LEShortField("length", 0),
            fields.ByteField("class_", 1),
            fields.ByteField("sequence", 0),
            fields.PacketListField(
                "messages",
                [],
                next_cls_cb=lambda _packet, _before, _now, remain: kinds.get(remain[0]) if remain else None,
                length_from=lambda frame: frame.length - 8,
            ),
            fields.LEShortField("checksum", 0),
            fields.ByteField("end", 0x55),
        )

    def read(data: bytes) -> Any:
        frame = Frame(data)
        if frame.start != 0xF0 or frame.end != 0x55 or adler32(data[1:-3], 0) & 0xFFFF != frame.checksum:
            raise ValueError("no frame")
        return frame

    return read
