"""Logic captures of DSView that the tests make themselves."""

import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge

FRAME = bytes.fromhex("f00a0002000d00190055")
LINES = ("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS")
SESSION = [("body", 750_000, FRAME), ("lens", 1_500_000, FRAME)]
BLOCK = 512
"""Bytes of a block in these tests; DSView's have 2 MiB."""


@pytest.fixture
def levels(signal) -> dict[str, np.ndarray]:
    """One window each way and a VD pulse, 10 million samples a second."""
    wave = signal(rate=10e6)
    wave.pulse("VD", 50e-6, 113e-6, level=False)
    wave.window("TXD", "BODY_CS", 400e-6, FRAME, 750_000)
    wave.window("RXD", "LENS_CS", 800e-6, FRAME, 1_500_000)
    count = int((wave.end + 50e-6) * wave.rate) // 8 * 8 + 3
    return {line: wave.levels(line, count) for line in LINES}


def dsview(path: Path, levels: dict[str, np.ndarray], leave_out=(), first=0, names=LINES, **more: object) -> Path:
    count = len(levels["TXD"])
    header = {
        "driver": "DSLogic",
        "device mode": 0,
        "capturefile": "data",
        "total samples": count,
        "total probes": len(names),
        "total blocks": -(-count // (8 * BLOCK)),
        "samplerate": "10 MHz",
        "trigger pos": 0,
    } | {key.replace("_", " "): value for key, value in more.items()}
    probes = [f"probe{first + number} = {name}\n trigger{number} = X" for number, name in enumerate(names)]
    told = "\n".join(["[version]", "version = 3", "[header]", *(f"{k} = {v}" for k, v in header.items()), *probes])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header", told)
        archive.writestr("decoders", "{}")
        archive.writestr("session", "{}")
        for number, line in enumerate(LINES):
            packed = np.packbits(levels[line], bitorder="little").tobytes()
            for block, at in enumerate(range(0, len(packed), BLOCK)):
                if (number, block) not in leave_out and (None, block) not in leave_out:
                    archive.writestr(f"L-{first + number}/{block}", packed[at : at + BLOCK])
    return path


def traffic(records) -> list[tuple[str, int, bytes]]:
    return [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)]


def test_every_channel_gives_its_edges_to_the_sample(tmp_path, wiring, levels):
    capture = open_capture(dsview(tmp_path / "a.dsl", levels), wiring)
    assert (capture.format, capture.resolution, set(capture.lines)) == ("dsview", pytest.approx(1e-7), set(LINES))
    records = list(capture.records)
    assert traffic(records) == SESSION
    assert not [record for record in records if isinstance(record, Annotation)]
    for line in ("VD", "BODY_CS", "LENS_CS"):
        told = [(round(r.at * 10e6), r.level) for r in records if isinstance(r, Edge) and r.line == line]
        where = np.flatnonzero(np.diff(levels[line].astype(np.int8))) + 1
        assert told == [(0, bool(levels[line][0])), *((int(at), bool(levels[line][at])) for at in where)]


def test_channels_go_by_name_and_by_number_of_the_device(tmp_path, wiring, levels):
    path = dsview(tmp_path / "a.dsl", levels, first=4, names=[str(number) for number in range(4, 10)])
    with pytest.raises(CaptureError, match="no channel for RXD and TXD; the file has 4, 5, 6, 7, 8, 9"):
        open_capture(path, wiring)
    assert traffic(open_capture(path, wiring, channels={"RXD": "7", "TXD": "8"}).records) == SESSION


def test_a_missing_block_keeps_its_time_and_is_reported(tmp_path, wiring, levels):
    for leave_out in ([(None, 0)], [(None, 1)], [(4, 0), (3, 0)]):
        records = list(open_capture(dsview(tmp_path / "a.dsl", levels, leave_out), wiring).records)
        gaps = [record for record in records if isinstance(record, Annotation) and record.incomplete]
        place = leave_out[0][1]
        assert [round(gap.at * 10e6) for gap in gaps] == [place * BLOCK * 8]
        assert f"block {place} is missing after" in gaps[0].text
        assert ("lens", 1_500_000, FRAME) in traffic(records) or place == 1


def test_a_missing_end_is_reported(tmp_path, wiring, levels):
    last = len(levels["TXD"]) // 8 // BLOCK
    for leave_out in ([(None, last)], [(4, last)]):
        records = list(open_capture(dsview(tmp_path / "a.dsl", levels, leave_out), wiring).records)
        (gap,) = [record for record in records if isinstance(record, Annotation) and record.incomplete]
        assert f"{last * BLOCK * 8} of {len(levels['TXD'])} samples are in the file" in gap.text


def test_a_missing_rate_is_taken_from_the_user(tmp_path, wiring, levels):
    path = dsview(tmp_path / "a.dsl", levels, samplerate="0 Hz")
    with pytest.raises(CaptureError, match="give it with --samplerate HZ"):
        open_capture(path, wiring)
    assert traffic(open_capture(path, wiring, samplerate=10e6).records) == SESSION


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"device_mode": 1}, "an oscilloscope capture of DSView; record again in its logic analyzer mode"),
        ({"samplerate": "fast"}, "sample rate 'fast'"),
        ({"samplerate": "1 MHz"}, "too slow for 1500000 baud"),
    ],
)
def test_captures_that_cannot_be_read_are_one_line(tmp_path, wiring, levels, more, words):
    with pytest.raises(CaptureError, match=words) as error:
        open_capture(dsview(tmp_path / "a.dsl", levels, **more), wiring)
    assert "\n" not in str(error.value)


def test_archives_of_other_programs_are_one_line(tmp_path, wiring):
    path = tmp_path / "a.dsl"
    for members, words in (
        ({"header": "[header]\n", "data": "x"}, "without blocks of logic samples"),
        ({"header": "no ini"}, "header makes no sense"),
        (
            {"word/document.xml": "x"},
            "no capture of sigrok .* it holds word/document.xml; if a capture is packed in it",
        ),
    ):
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        with pytest.raises(CaptureError, match=words):
            open_capture(path, wiring)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CaptureError, match="cut or damaged"):
        open_capture(path, wiring)


def test_a_small_capture_cannot_fill_the_memory(tmp_path, wiring, levels):
    path = dsview(tmp_path / "a.dsl", levels)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("L-3/1000", b"\x55" * 300_000)
    with pytest.raises(CaptureError, match="more than 2000000 edges"):
        open_capture(path, wiring)


def test_a_block_that_claims_to_be_packed_into_gigabytes_is_one_line(tmp_path, wiring, levels):
    path = dsview(tmp_path / "a.dsl", levels)
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\1\2")
    data[entry + 20 : entry + 24] = (0xF000_0000).to_bytes(4, "little")
    path.write_bytes(data)
    tracemalloc.start()
    with suppress(CaptureError):
        list(open_capture(path, wiring).records)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20
