"""pcapng: what is written comes back, what others write is understood, and damage costs only what is behind it."""

import io
import random
import struct
import tracemalloc

import pytest

from lensmount_hardware.captures.capture import Capture
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter, read_recording
from lensmount_hardware.captures.packet_files.pcap_reader import read_pcapng
from lensmount_hardware.captures.packet_files.pcapng_blocks import (
    INTERFACE,
    PACKET,
    SECTION,
    SIMPLE_PACKET,
    build_block,
    build_options,
)
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role, WireRecord

FRAME = bytes.fromhex("f00a0002000d00190055")
RECORDS: list[WireRecord] = [
    Edge(0.0, "VD", True),
    Edge(0.001234567, "BODY_CS", False),
    Burst(0.00125, Role.BODY, FRAME, 750_000, 0.001383333),
    Annotation(None, "5 µs of nothing"),
    Annotation(0.002, ""),
    Burst(None, Role.LENS, b"\xf0", 1_500_000, None, whole=True),
    Burst(0.003, Role.LENS, FRAME, 1_500_000, None),
    ClockSync(0.0031, 4_711, 31e-6),
    DataLoss(None, "bytes of the lens", 12),
    Annotation(0.004, "no time"),
    Annotation(0.005, "long " * 10_000),
    Edge(18_446_744_073.0, "VD", False),
]


def written(records: list[WireRecord]) -> bytes:
    file = io.BytesIO()
    with PcapngWriter(file, "a session") as writer:
        for record in records:
            writer.write(record)
    return file.getvalue()


@pytest.fixture
def opened(tmp_path, wiring):
    def open_bytes(data: bytes) -> Capture:
        path = tmp_path / "a.pcapng"
        path.write_bytes(data)
        return read_pcapng(path, wiring)

    return open_bytes


def test_what_is_written_is_read_and_written_alike_again(opened):
    capture = opened(written(RECORDS))
    back = list(capture.records)
    assert back == RECORDS
    assert capture.lines == ("VD", "BODY_CS")
    assert written(back) == written(RECORDS)


def test_times_are_those_that_a_recording_gives(opened, tmp_path, wiring):
    rng = random.Random(2)
    records: list[WireRecord] = []
    for _ in range(5_000):
        at = rng.random() * 10 ** rng.randint(-6, 5)
        records.append(Burst(at, rng.choice(list(Role)), rng.randbytes(3), 750_000, at + rng.random() * 1e-3))
    path = tmp_path / "a.lmx"
    with RecordingWriter(path, {}) as writer:
        for record in records:
            writer.write(record)
    assert list(opened(written(records)).records) == list(read_recording(path, wiring).records)


def test_a_burst_that_no_packet_can_hold_becomes_several_that_follow_each_other(opened):
    data = random.Random(1).randbytes(200_000)
    bursts = list(opened(written([Burst(1.0, Role.BODY, data, 1_500_000, 3.0, whole=True)])).records)
    assert b"".join(burst.data for burst in bursts) == data
    assert [burst.at for burst in bursts[1:]] == [burst.end for burst in bursts[:-1]]
    assert (bursts[0].at, bursts[-1].end) == (1.0, 3.0)
    assert [burst.whole for burst in bursts] == [False] * (len(bursts) - 1) + [True]


def test_a_file_cut_at_any_byte_keeps_every_packet_in_front_of_the_cut(opened):
    some = RECORDS[:10]
    whole = written(some)
    ends = [len(written(some[:count])) for count in range(len(some) + 1)]
    for cut in range(1, len(whole) + 1):
        if cut < 28:
            with pytest.raises(CaptureError, match=f"after {cut} bytes|begins with") as error:
                opened(whole[:cut])
            assert "\n" not in str(error.value)
            continue
        records = list(opened(whole[:cut]).records)
        complete = sum(end <= cut for end in ends[1:])
        assert records[:complete] == RECORDS[:complete]
        assert len(records) <= complete + 1
        if cut in ends:
            assert len(records) == complete
        elif cut > ends[0]:
            assert f"the last {cut - ends[complete]} bytes" in records[-1].text


def foreign(
    order: str, resolution: int | None, packets: list[bytes], name: bytes = b"", link: int = 147, more: bytes = b""
) -> bytes:
    """A file as others write it: either byte order, blocks that we do not know, one interface."""

    def packed(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(order + "II", kind, len(body) + 12) + body + struct.pack(order + "I", len(body) + 12)

    told = [(2, name)] if name else []
    told += [] if resolution is None else [(9, bytes([resolution]))]
    tail = b"".join(struct.pack(order + "HH", c, len(v)) + v + bytes(-len(v) % 4) for c, v in told) + more
    return b"".join(
        [
            packed(SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)),
            packed(5, b"statistics of somebody"),
            packed(INTERFACE, struct.pack(order + "HHI", link, 0, 0) + tail),
            packed(0x40000BAD, b"a private block"),
            *(packed(PACKET, packet) for packet in packets),
        ]
    )


def packet(order: str, stamp: int, data: bytes, flags: int = 0) -> bytes:
    head = struct.pack(order + "5I", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    tail = struct.pack(order + "HHIHH", 2, 4, flags, 0, 0) if flags else b""
    return head + data + bytes(-len(data) % 4) + tail


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("resolution", "ticks"), [(None, 10**6), (9, 10**9), (3, 10**3), (12, 10**12), (0x80 | 20, 2**20)]
)
def test_what_others_write_is_read_in_any_order_and_resolution(opened, order, resolution, ticks):
    packets = [packet(order, ticks * 5 // 4, FRAME, 1), packet(order, ticks * 3, FRAME[:3], 2 | 0x1C)]
    assert list(opened(foreign(order, resolution, packets)).records) == [
        Burst(1.25, Role.LENS, FRAME, 750_000),
        Burst(3.0, Role.BODY, FRAME[:3], 750_000),
    ]


def test_the_name_of_an_interface_says_the_direction_and_its_speed_the_rate(opened):
    more = struct.pack("<HHQHHq", 8, 8, 1_500_000, 14, 8, 100)
    data = foreign("<", 9, [packet("<", 7, FRAME)], b"mount lens->body", more=more)
    assert list(opened(data).records) == [Burst(100.000000007, Role.LENS, FRAME, 1_500_000)]


def test_packets_without_time_direction_or_of_another_link_are_told_once(opened):
    for name, link, words in ((b"eth0", 1, "link type 1"), (b"", 147, "without a direction")):
        records = list(opened(foreign("<", 9, [packet("<", 1, FRAME)] * 3, name, link)).records)
        assert len(records) == 1
        assert words in records[0].text
    simple = foreign("<", 9, [], b"body->lens") + build_block(SIMPLE_PACKET, struct.pack("<I", 10) + FRAME)
    assert list(opened(simple).records) == [Burst(None, Role.BODY, FRAME, 750_000)]


def test_a_second_section_has_interfaces_and_an_order_of_its_own(opened):
    data = foreign("<", 9, [packet("<", 5, FRAME)], b"body->lens") + foreign(
        ">", 6, [packet(">", 5, FRAME)], b"lens->body"
    )
    assert [(record.at, record.sender) for record in opened(data).records] == [(5e-9, Role.BODY), (5e-6, Role.LENS)]


def test_comments_of_a_person_become_remarks(opened):
    told = build_options([(1, b"750000 baud, 100000 ns"), (1, "look here: 5 µs".encode()), (2, struct.pack("<I", 2))])
    body = struct.pack("<5I", 0, 0, 1000, 10, 10) + FRAME + bytes(2) + told
    records = list(opened(foreign("<", 9, [body])).records)
    assert records == [Burst(1e-6, Role.BODY, FRAME, 750_000, 101e-6), Annotation(1e-6, "look here: 5 µs")]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x0a\x0d\x0d\x0a" + bytes(40), "byte-order mark"),
        (
            build_block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 2, 1, -1)),
            "pcapng version 2.1; this program reads version 1",
        ),
        (b"\x0a\x0d\x0d", "after 3 bytes"),
        (b"\xd4\xc3\xb2\xa1" + bytes(40), "begins with d4 c3 b2 a1"),
    ],
)
def test_a_beginning_that_is_wrong_is_one_line(opened, data, words):
    with pytest.raises(CaptureError) as error:
        opened(data)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (struct.pack("<III", 6, 8, 0), "a block of 8 bytes"),
        (struct.pack("<III", 6, 1 << 31, 0), "damage"),
        (struct.pack("<IIII", 6, 16, 0, 20), "another length"),
        (struct.pack("<III", SECTION, 28, 7) + bytes(16), "byte-order mark"),
    ],
)
def test_damage_behind_the_beginning_is_a_remark_and_the_end(opened, damage, words):
    records = list(opened(written(RECORDS[:3]) + damage + written(RECORDS)).records)
    assert records[:3] == RECORDS[:3]
    assert len(records) == 4
    assert words in records[3].text


def test_any_byte_may_be_damaged(opened):
    whole, rng = written(RECORDS[:9]), random.Random(8)
    for place in range(len(whole)):
        copy = bytearray(whole)
        copy[place] ^= rng.randrange(1, 256)
        try:
            list(opened(bytes(copy)).records)
        except CaptureError as refusal:
            error = refusal
        else:
            continue
        assert place < 28
        assert "\n" not in str(error)


def test_a_time_before_the_start_and_a_target_that_cannot_be_written_are_reported(tmp_path):
    with PcapngWriter(tmp_path / "a.pcapng") as writer, pytest.raises(CaptureError, match=r"a\.pcapng: a record at -1"):
        writer.write(Edge(-1.0, "VD", True))
    with pytest.raises(CaptureError, match="no-folder"):
        PcapngWriter(tmp_path / "no-folder" / "a.pcapng")
    with (tmp_path / "a.pcapng").open("rb", buffering=0) as file, pytest.raises(CaptureError):
        PcapngWriter(file)


def test_writing_and_reading_keep_nothing(tmp_path, wiring):
    path = tmp_path / "a.pcapng"
    tracemalloc.start()
    with PcapngWriter(path) as writer:
        for number in range(30_000):
            writer.write(Burst(number * 1e-3, Role.BODY, FRAME, 750_000, number * 1e-3 + 1e-4))
    assert sum(len(burst.data) for burst in open_capture(path, wiring).records) == 300_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1_000_000
