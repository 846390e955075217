"""Packet files of other programs: every block that holds packets, cut packets, several sections, and classic pcap."""

import gzip
import struct

import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord

EMOUNT = load_dialect("emount")
REQUEST = EMOUNT.build_frame(b"\x07\x00", 2, 0)
BODY_FRAME = EMOUNT.build_frame(b"\x03" + bytes(20), 1, 1)
LENS_FRAME = EMOUNT.build_frame(b"\x05" + bytes(90), 1, 1)
MAGICS = {("<", 10**6): "d4c3b2a1", (">", 10**6): "a1b2c3d4", ("<", 10**9): "4d3cb2a1", (">", 10**9): "a1b23c4d"}
OUTBOUND, INBOUND = 2, 1


class Section:
    """A section of a pcapng file, block by block."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self.data = b""
        self.block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))

    def block(self, kind: int, body: bytes) -> "Section":
        body += bytes(-len(body) % 4)
        length = struct.pack(self.order + "I", 12 + len(body))
        self.data += struct.pack(self.order + "I", kind) + length + body + length
        return self

    def interface(self, link: int = 147, snapshot: int = 0, options: tuple[tuple[int, bytes], ...] = ()) -> "Section":
        return self.block(1, struct.pack(self.order + "HHI", link, 0, snapshot) + self.options(options))

    def packet(self, number: int, stamp: int, data: bytes, flags: int = 0, size: int = 0, kind: int = 6) -> "Section":
        head = struct.pack(self.order + ("2H" if kind == 2 else "I"), *((number, 0) if kind == 2 else (number,)))
        head += struct.pack(self.order + "4I", stamp >> 32, stamp & 0xFFFFFFFF, len(data), size or len(data))
        flag = self.options(((2, struct.pack(self.order + "I", flags)),) if flags else ())
        return self.block(kind, head + data + bytes(-len(data) % 4) + flag)

    def simple(self, data: bytes, size: int = 0) -> "Section":
        return self.block(3, struct.pack(self.order + "I", size or len(data)) + data)

    def options(self, options: tuple[tuple[int, bytes], ...]) -> bytes:
        if not options:
            return b""
        return b"".join(
            struct.pack(self.order + "HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options
        ) + bytes(4)


@pytest.fixture
def records(tmp_path):
    def read(data: bytes) -> list[WireRecord]:
        path = tmp_path / "capture"
        path.write_bytes(data)
        return list(open_capture(path, EMOUNT.wiring).records)

    return read


@pytest.mark.parametrize("order", "<>")
def test_every_block_with_a_packet_is_read(records, order):
    section = Section(order).interface(options=((2, b"body->lens"), (9, b"\x09")))
    section.packet(0, 5_000_000_000, REQUEST).packet(0, 6_000_000_000, REQUEST, kind=2).simple(REQUEST)
    assert records(section.data) == [
        Burst(5.0, Role.BODY, REQUEST, 750_000),
        Burst(6.0, Role.BODY, REQUEST, 750_000),
        Burst(None, Role.BODY, REQUEST, 750_000),
    ]


def test_sections_have_their_own_order_interfaces_resolution_and_offset(records):
    first = Section("<").interface(1).interface(options=((9, b"\x03"), (14, struct.pack("<q", 100))))
    first.packet(1, 2_500, REQUEST, OUTBOUND)
    second = Section(">").interface(options=((9, bytes([0x80 | 10])), (14, struct.pack(">q", -1))))
    second.interface(150, options=((2, b"Lens"),))
    second.packet(0, 2_048, REQUEST, INBOUND).packet(1, 7_000_000, REQUEST)
    assert records(first.data + second.data) == [
        Burst(102.5, Role.BODY, REQUEST, 750_000),
        Burst(1.0, Role.LENS, REQUEST, 750_000),
        Burst(7.0, Role.LENS, REQUEST, 750_000),
    ]


@pytest.mark.parametrize("kind", [2, 6])
def test_cut_packet_is_reported_with_place_and_sizes(records, kind):
    section = Section().interface()
    place = len(section.data)
    section.packet(0, 1_000_000, REQUEST[:6], OUTBOUND, len(REQUEST), kind).packet(0, 2_000_000, REQUEST, OUTBOUND)
    assert records(section.data) == [
        Burst(1.0, Role.BODY, REQUEST[:6], 750_000, None, whole=True),
        Annotation(1.0, f"the packet at byte {place} was cut: it holds 6 of {len(REQUEST)} bytes", incomplete=True),
        Burst(2.0, Role.BODY, REQUEST, 750_000),
    ]


def test_simple_packet_is_cut_by_the_snapshot_length(records):
    section = Section().interface(snapshot=6, options=((2, b"TXD"),)).simple(REQUEST[:6], len(REQUEST))
    burst, remark = records(section.data)
    assert burst == Burst(None, Role.BODY, REQUEST[:6], 750_000, None, whole=True)
    assert isinstance(remark, Annotation)
    assert remark.incomplete


def test_other_blocks_and_options_are_passed_over(records):
    section = Section().interface(options=((1, b"a comment"), (5, b"\0" * 16), (0x0BAD, b"\0" * 9), (2, b"RXD")))
    for kind in (4, 5, 9, 10, 0xBAD, 0x40000BAD, 0x7FFF0001):
        section.block(kind, b"\xff" * 40)
    section.packet(0, 1_000_000, LENS_FRAME).block(0x80000001, b"")
    assert records(section.data) == [Burst(1.0, Role.LENS, LENS_FRAME, 750_000)]


def test_cut_file_names_the_block(records):
    section = Section().interface(options=((2, b"TXD"),)).packet(0, 1, REQUEST)
    place = len(section.data)
    section.packet(0, 2, REQUEST)
    for missing in (1, 5, 30):
        burst, remark = records(section.data[:-missing])
        assert isinstance(burst, Burst)
        assert isinstance(remark, Annotation)
        assert remark.incomplete
        assert f"cut inside the block at byte {place}" in remark.text


def test_packet_that_claims_more_than_its_block_is_damage(records):
    head = struct.pack("<5I", 0, 0, 0, 1000, 1000)
    section = Section().interface(options=((2, b"TXD"),)).block(6, head + REQUEST).packet(0, 2, REQUEST)
    remark, burst = records(section.data)
    assert isinstance(remark, Annotation)
    assert "longer than its block" in remark.text
    assert isinstance(burst, Burst)


def test_directions_are_found_by_the_messages(records):
    section = Section().interface()
    for number, data in enumerate([REQUEST, REQUEST, REQUEST, BODY_FRAME, LENS_FRAME, BODY_FRAME[:9]]):
        section.packet(0, number * 1_000_000, data)
    *bursts, complaint, note = records(section.data)
    assert [burst.sender for burst in bursts if isinstance(burst, Burst)] == [
        *(Role.BODY, Role.LENS, Role.BODY),
        *(Role.BODY, Role.LENS),
    ]
    assert isinstance(complaint, Annotation)
    assert complaint.incomplete
    assert isinstance(note, Annotation)
    assert note.text.startswith("packets without a direction: 2 ")


def pcap(order: str, ticks: int, link: int, packets: list[tuple[float, bytes, int]]) -> bytes:
    data = bytes.fromhex(MAGICS[order, ticks]) + struct.pack(order + "HHiIII", 2, 4, 0, 0, 65535, link)
    for at, kept, size in packets:
        stamp = round(at * ticks)
        data += struct.pack(order + "4I", stamp // ticks, stamp % ticks, len(kept), size) + kept
    return data


@pytest.mark.parametrize(("order", "ticks"), MAGICS)
def test_classic_pcap_is_read_in_both_orders_and_resolutions(records, order, ticks):
    frames = [REQUEST, REQUEST, BODY_FRAME, LENS_FRAME]
    data = pcap(order, ticks, 147, [(1.5 + at, frame, len(frame)) for at, frame in enumerate(frames)])
    expected = [
        Burst(1.5 + at, role, frame, 750_000)
        for at, (frame, role) in enumerate(zip(frames, [Role.BODY, Role.LENS, Role.BODY, Role.LENS], strict=True))
    ]
    assert records(data)[:-1] == expected
    assert records(gzip.compress(data))[:-1] == expected


def test_classic_pcap_cut_or_damaged_names_the_place(records):
    data = pcap("<", 10**6, 147, [(1.0, BODY_FRAME, len(BODY_FRAME)), (2.0, BODY_FRAME[:9], len(BODY_FRAME))])
    place = 24 + 16 + len(BODY_FRAME)
    for missing, where in ((3, f"cut inside the packet at byte {place}"), (20, f"the packet at byte {place}")):
        remarks = [
            record for record in records(data[:-missing]) if isinstance(record, Annotation) and record.incomplete
        ]
        assert len(remarks) == 1
        assert where in remarks[0].text
    huge = data[: place + 8] + b"\xff\xff\xff\x7f" + data[place + 12 :]
    assert any("is damage" in record.text for record in records(huge) if isinstance(record, Annotation))
    with pytest.raises(CaptureError, match="cut inside its header, after 20 bytes"):
        records(data[:20])


def test_classic_pcap_of_lines_and_of_another_link(records):
    lines = pcap("<", 10**6, 148, [(1.0, b"\x01BODY_CS", 8), (2.0, b"\x00BODY_CS", 8)])
    assert records(lines) == [Edge(1.0, "BODY_CS", True), Edge(2.0, "BODY_CS", False)]
    (remark,) = records(pcap("<", 10**6, 1, [(1.0, bytes(60), 60)] * 3))
    assert isinstance(remark, Annotation)
    assert "link type 1" in remark.text
