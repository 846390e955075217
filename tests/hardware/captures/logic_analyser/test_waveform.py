"""Drawn recordings, `.sr` and `.vcd`: to the sample and the nanosecond, in flat memory, and read back alike."""

import math
import random
import tracemalloc
import zipfile
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.logic_analyser import sigrok_writer, waveform
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_reader import read_vcd
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_hardware.captures.logic_analyser.waveform import analyse, render_steps
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role, WireRecord, Wiring

FRAME = bytes.fromhex("f00a0002000d00190055")
RECORDS: list[WireRecord] = [
    Edge(0.0, "VD", True),
    Edge(0.0, "RXD", False),
    Edge(50e-6, "RXD", True),
    Edge(400e-6, "BODY_CS", True),
    Edge(450e-6, "EXTRA", True),
    Burst(420e-6, Role.BODY, FRAME, 750_000, 420e-6 + 1.3335e-4),
    Edge(560e-6, "BODY_CS", False),
    Edge(800e-6, "LENS_CS", True),
    Annotation(801e-6, "nothing to draw"),
    Burst(820e-6, Role.LENS, FRAME, 1_500_000),
    Edge(900e-6, "LENS_CS", False),
]


def drawn(
    records: list[WireRecord], wiring: Wiring, rate: float, origin: float = 0.0
) -> dict[str, list[tuple[int, bool]]]:
    """Line -> where it changes, to what; its level at the start stands at -1."""
    what = analyse("test", records, wiring)
    found = {line: [(-1, level)] for line, level in zip(what.lines, what.initial, strict=True)}
    for where, ports in render_steps(records, what, rate, origin):
        for at, port in zip(where.tolist(), ports.tolist(), strict=True):
            for index, line in enumerate(what.lines):
                if bool(port >> index & 1) is not found[line][-1][1]:
                    found[line].append((at, bool(port >> index & 1)))
    return found


def test_lines_begin_as_their_first_edge_says_and_serial_ones_idle_high(wiring):
    found = drawn(RECORDS, wiring, 1e6)
    assert [(line, changes[0][1]) for line, changes in found.items()] == [
        *(("VD", True), ("LENS_CS", False), ("RXD", False), ("TXD", True), ("BODY_CS", False), ("EXTRA", False))
    ]
    assert found["VD"] == [(-1, True)]
    assert found["BODY_CS"] == [(-1, False), (400, True), (560, False)]
    assert found["RXD"][:2] == [(-1, False), (50, True)]


def test_a_byte_is_a_start_bit_eight_bits_and_a_stop_bit(wiring):
    found = drawn([Burst(1.0, Role.BODY, b"\x55\xf0", 1_000_000)], wiring, 1e6)["TXD"]
    # 55: start, then 1 0 1 0 1 0 1 0, stop; F0: start and four zeros, four ones, stop.
    levels = [(-1, True)]
    levels += [(1_000_000 + bit, bit % 2 == 1) for bit in range(10)]
    levels += [(1_000_010, False), (1_000_015, True)]
    assert found == levels


def test_bytes_keep_the_pace_that_was_measured(wiring):
    slow = Burst(1.0, Role.BODY, b"\x00\x00\x00", 1_000_000, 1.0 + 36e-6)
    falls = [at for at, level in drawn([slow], wiring, 1e6)["TXD"] if not level]
    assert falls == [1_000_000, 1_000_012, 1_000_024]
    fast = Burst(1.0, Role.BODY, b"\x00\x00\x00", 1_000_000, 1.0 + 29.7e-6)
    assert drawn([fast], wiring, 1e8)["TXD"][-2:] == [(100_001_980, False), (100_002_871, True)]


def test_what_is_out_of_order_is_drawn_in_order(wiring):
    records = [*RECORDS]
    random.Random(4).shuffle(records)
    assert drawn(records, wiring, 1e9) == {
        line: drawn(RECORDS, wiring, 1e9)[line] for line in drawn(records, wiring, 1e9)
    }


def test_small_batches_draw_the_same(wiring, monkeypatch):
    whole = drawn(RECORDS, wiring, 12e6)
    monkeypatch.setattr(waveform, "_BATCH", 1)
    assert drawn(RECORDS, wiring, 12e6) == whole


def test_bursts_that_all_overlap_are_drawn_in_bounded_memory(wiring, monkeypatch):
    monkeypatch.setattr(waveform, "_BATCH", 10)
    overlapping = [Burst(1e-6, Role.BODY, FRAME, 750_000)] * 30
    late = [Burst(2e-6, Role.LENS, FRAME, 750_000)]
    whole = drawn([*overlapping, *late], wiring, 1e9)
    monkeypatch.setattr(waveform, "_MAX_PENDING", 200)
    kept = []
    until = waveform._WaveformRenderer.take_before
    monkeypatch.setattr(
        waveform._WaveformRenderer,
        "take_before",
        lambda self, end: (kept.append(sum(map(len, self.times))), until(self, end))[1],
    )
    bounded = drawn([*overlapping, *late], wiring, 1e9)
    # The sender whose bursts overlap is drawn the same; the other one comes later, with all of its changes.
    body, lens = (next(line.name for line in wiring.serial if line.sender is role) for role in (Role.BODY, Role.LENS))
    assert bounded[body] == whole[body]
    assert [level for _, level in bounded[lens]] == [level for _, level in whole[lens]]
    assert bounded[lens][1][0] > whole[lens][1][0]
    assert max(kept) < 400


def test_what_cannot_be_drawn_is_refused_in_a_line(wiring):
    with pytest.raises(CaptureError, match="nothing to draw"):
        analyse("x.lmx", [Annotation(None, ""), Burst(None, Role.BODY, b"\x00", 9600)], wiring)
    with pytest.raises(CaptureError, match="at most 64"):
        analyse("x.lmx", [Edge(0.0, f"L{number}", True) for number in range(65)], wiring)


def bytes_of(records: Iterator[WireRecord]) -> list[tuple[Role, int, int, float]]:
    """Every byte: who sent it, at which rate, what, and when."""
    return sorted(
        (
            (burst.sender, burst.baudrate, value, burst.byte_at(index))
            for burst in records
            if isinstance(burst, Burst)
            for index, value in enumerate(burst.data)
        ),
        key=lambda byte: byte[3],
    )


def session(seed: int, seconds: float, start: float = 0.0) -> Iterator[WireRecord]:
    """Frames in windows, each way, at either rate, from a sender whose clock is not quite right."""
    rng = random.Random(seed)
    now = start
    yield Edge(now, "VD", True)
    while now < start + seconds:
        now += rng.uniform(100e-6, 2e-3)
        role, select = rng.choice([(Role.BODY, "BODY_CS"), (Role.LENS, "LENS_CS")])
        baudrate, data = rng.choice([750_000, 1_500_000]), FRAME + rng.randbytes(rng.randrange(40))
        yield Edge(now, select, True)
        now += 10.3e-6
        until = now + len(data) * 10 / baudrate * rng.uniform(0.995, 1.005)
        yield Burst(now, role, data, baudrate, until)
        now = until + 7.7e-6
        yield Edge(now, select, False)


@pytest.mark.parametrize(
    ("write", "ending", "rate"),
    [
        (write_sigrok, ".sr", 12_000_000),
        (write_sigrok, ".sr", 4_500_001),
        (write_sigrok, ".sr", 50_000_000),
        (write_vcd, ".vcd", 1_000_000_000),
        (write_vcd, ".vcd", 20_000_000),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_what_is_drawn_is_read_back_to_the_sample(tmp_path, wiring, write, ending, rate, seed):
    path = tmp_path / f"a{ending}"
    records = list(session(seed, 0.2))
    told = write(path, lambda: records, wiring, rate)
    assert told.notes() == []
    back = list(open_capture(path, wiring).records)
    assert not any(isinstance(record, Annotation) for record in back)
    kept, read = bytes_of(records), bytes_of(back)
    assert [byte[:3] for byte in read] == [byte[:3] for byte in kept]
    # The reader puts a burst on a straight line through its first and last byte, each of them a sample.
    assert max(abs(a[3] - b[3]) for a, b in zip(kept, read, strict=True)) <= 2 / rate
    edges = [record for record in records if isinstance(record, Edge) and record.at > 0]
    found = [record for record in back if isinstance(record, Edge) and record.at > 0]
    assert [(edge.line, edge.level) for edge in found] == [(edge.line, edge.level) for edge in edges]
    assert max(abs(a.at - b.at) for a, b in zip(edges, found, strict=True)) <= 0.5001 / rate


def test_a_recording_that_began_late_begins_at_its_second(tmp_path, wiring):
    records = list(session(5, 0.05, start=86_400.25))
    path = tmp_path / "a.sr"
    write_sigrok(path, lambda: records, wiring)
    assert path.stat().st_size < 100_000
    kept, read = bytes_of(iter(records)), bytes_of(open_capture(path, wiring).records)
    assert max(abs(a[3] - 86_400 - b[3]) for a, b in zip(kept, read, strict=True)) < 0.2e-6
    path = tmp_path / "a.vcd"
    write_vcd(path, lambda: records, wiring)
    read = bytes_of(open_capture(path, wiring).records)
    assert max(abs(a[3] - b[3]) for a, b in zip(kept, read, strict=True)) < 10e-9


def test_the_archive_is_what_sigrok_writes(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(sigrok_writer, "_CHUNK", 1000)
    path = tmp_path / "a.sr"
    write_sigrok(path, lambda: RECORDS, wiring)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert archive.read("version") == b"2"
        assert b"total probes=6\nsamplerate=12 MHz\n" in archive.read("metadata")
        sizes = [archive.getinfo(name).file_size for name in names[2:]]
        samples = b"".join(archive.read(name) for name in names[2:])
    assert names == ["version", "metadata", *(f"logic-1-{number}" for number in range(1, len(sizes) + 1))]
    assert set(sizes[:-1]) == {1000}
    assert 0 < sizes[-1] <= 1000
    whole = drawn(RECORDS, wiring, 12e6)
    assert len(samples) == math.floor(900e-6 * 12e6 + 1e-3 * 12e6)
    for bit, line in enumerate(whole):
        levels = np.frombuffer(samples, np.uint8) >> bit & 1
        changes = [(int(at) + 1, bool(levels[at + 1])) for at in np.flatnonzero(np.diff(levels.astype(np.int8)))]
        first = [(0, level) for at, level in whole[line] if at == 0]
        assert first + changes == [change for change in whole[line][1:] if change[0] >= 0]


def test_nine_lines_take_two_bytes_a_sample(tmp_path, wiring):
    records = [*RECORDS, *(Edge(1e-3 + number * 1e-6, f"D{number}", True) for number in range(9))]
    path = tmp_path / "a.sr"
    what = write_sigrok(path, lambda: records, wiring)
    assert len(what.lines) == 15
    assert [byte[:3] for byte in bytes_of(open_capture(path, wiring).records)] == [b[:3] for b in bytes_of(records)]


@pytest.mark.parametrize(("write", "ending"), [(write_sigrok, ".sr"), (write_vcd, ".vcd")])
def test_writing_keeps_nothing(tmp_path, wiring, write, ending):
    def records() -> Iterator[WireRecord]:
        for number in range(5_000):
            yield Burst(number * 1e-3, Role.BODY, FRAME, 750_000, number * 1e-3 + 1e-4)
            yield Edge(number * 1e-3 + 5e-4, "VD", number % 2 == 0)

    peaks = []
    for count in (5_000, 10_000):
        tracemalloc.start()
        write(
            tmp_path / f"a{ending}",
            lambda count=count: (r for r, _ in zip(records(), range(count), strict=False)),
            wiring,
            overwrite=True,
        )
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] + 1_000_000


VCD = """$date today $end $version somebody $end
$comment a dump of
  another program $end
$timescale 10 ns
$end
$scope module top $end
$var reg 8 # bus [7:0] $end
$var real 64 $ volts $end
$var wire 1 ! TXD $end
$scope module inner $end
$var wire 1 " TXD $end
$var wire 1 % rxd $end
$var wire 1 & BODY_CS $end
$upscope $end $upscope $end $enddefinitions $end
#0 $dumpvars bxxxxxxxx # r0 $ 1! x" z% 0& $end
"""


def dump_of(data: bytes) -> str:
    """A byte at 750 000 baud in steps of 10 ns, and a pulse on BODY_CS around it."""
    text = ["#5000 1& b1010 # r1.5 $ 1%"]
    for number, value in enumerate(data):
        bits = [0, *(value >> bit & 1 for bit in range(8)), 1]
        text += [f"#{10_000 + round((number * 10 + bit) * 133.333)} {level}!" for bit, level in enumerate(bits)]
    return VCD + "\n".join(text) + "\n$comment the end $end\n#20000 x! 0&\n#30000\n"


def test_dumps_of_other_programs_are_read(tmp_path, wiring):
    path = tmp_path / "a.vcd"
    path.write_text(dump_of(FRAME[:5]))
    told: list[float] = []
    capture = open_capture(path, wiring, progress=told.append)
    records = list(capture.records)
    assert (capture.format, capture.resolution, told[-1]) == ("vcd", pytest.approx(10e-9), 1.0)
    assert capture.lines == ("RXD", "TXD", "BODY_CS")
    assert [(r.sender, r.data, r.baudrate) for r in records if isinstance(r, Burst)] == [
        (Role.BODY, FRAME[:5], 750_000)
    ]
    edges = [(edge.at, edge.line, edge.level) for edge in records if isinstance(edge, Edge) and edge.line == "BODY_CS"]
    assert edges == [
        (0.0, "BODY_CS", False),
        (pytest.approx(50e-6), "BODY_CS", True),
        (pytest.approx(200e-6), "BODY_CS", False),
    ]


def test_wires_of_other_names_are_found_by_name_and_number(tmp_path, wiring):
    path = tmp_path / "a.vcd"
    path.write_text(dump_of(FRAME[:5]).replace("TXD", "D7").replace("rxd", "D8"))
    with pytest.raises(CaptureError, match=r"RXD and TXD; the file has top\.bus\[7\] to \[0\], top\.D7, "):
        read_vcd(path, wiring)
    for channels in ({"TXD": "D7", "RXD": "D8"}, {"TXD": "0", "RXD": "2"}):
        capture = read_vcd(path, wiring, channels)
        assert [record.data for record in capture.records if isinstance(record, Burst)] == [FRAME[:5]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (VCD.replace("10 ns", "3 weeks"), "timescale '3 weeks'; write a number and one of s, ms, us, ns, ps, fs, as"),
        (VCD.replace("$timescale", "$comment"), "without a timescale"),
        (VCD.replace("10 ns", "1 us"), "too coarse for 1500000 baud; 222 ns or finer"),
        (VCD[:100], "cut inside its header"),
        (VCD.replace("TXD", "X"), "no channel for TXD"),
    ],
)
def test_a_header_that_does_not_fit_is_one_line(tmp_path, wiring, text, words):
    path = tmp_path / "bad.vcd"
    path.write_text(text)
    with pytest.raises(CaptureError) as error:
        read_vcd(path, wiring)
    assert words in str(error.value)
    assert "bad.vcd" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("text", "words"), [("#10 0&\n", "a time of '#10'"), ("#x\n", "'#x'"), ("hello\n", "'hello'")])
def test_damage_in_the_changes_ends_the_reading_with_a_remark(tmp_path, wiring, text, words):
    path = tmp_path / "a.vcd"
    path.write_text(dump_of(FRAME[:5]) + text + "#900000 0!\n#999999 1!\n")
    records = list(read_vcd(path, wiring).records)
    assert [record.data for record in records if isinstance(record, Burst)] == [FRAME[:5]]
    assert words in records[-1].text


def test_a_dump_cut_at_any_byte_gives_the_bytes_in_front_of_the_cut(tmp_path, wiring):
    whole = dump_of(FRAME[:5]).encode()
    path = tmp_path / "cut.vcd"
    seen = []
    for cut in range(len(VCD), len(whole) + 1):
        path.write_bytes(whole[:cut])
        records = list(read_vcd(path, wiring).records)
        seen.append(b"".join(record.data for record in records if isinstance(record, Burst)))
        remarks = [record for record in records if isinstance(record, Annotation)]
        assert all("cut" in remark.text for remark in remarks if remark.incomplete)
    assert all(FRAME.startswith(data) for data in seen)
    assert all(len(a) <= len(b) for a, b in pairwise(seen))
    assert seen[-1] == FRAME[:5]
