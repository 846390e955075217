"""Sigrok files made in the test, good and bad, and the two that stand beside the project."""

import json
import zipfile

import numpy as np
import pytest

from lensmount_hardware.captures.sigrok import read_sigrok
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Edge

FRAME = bytes.fromhex("f00a0002000d00190055")
LINES = ("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS")
LONG_NAMES = ("BODY_VD_LENS", "VCC", "LENS_CS_BODY", "rxd", "TXD", "BODY_CS_LENS")


def metadata(names=LINES, rate="6 MHz", **more) -> str:
    device = {"capturefile": "logic-1", "samplerate": rate, "unitsize": 1} | more
    probes = {f"probe{number}": name for number, name in enumerate(names, 1)}
    return "[global]\nsigrok version=0.5.2\n\n[device 1]\n" + "\n".join(
        f"{key}={value}" for key, value in (device | probes).items()
    )


def write(path, samples: bytes, told: str, parts: int = 1, base: str = "logic-1"):
    size = -(-len(samples) // parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("version", "2")
        archive.writestr("metadata", told)
        # Written in text order, as some tools do, so that -10 stands in front of -2.
        for number in sorted(range(1, parts + 1), key=str):
            name = base if parts == 1 else f"{base}-{number}"
            archive.writestr(name, samples[(number - 1) * size : number * size])
    return path


@pytest.fixture
def session(signal):
    """One window each way and a VD pulse."""
    wave = signal()
    wave.pulse("VD", 50e-6, 113e-6, level=False)
    wave.window("TXD", "BODY_CS", 400e-6, FRAME, 750_000)
    wave.window("RXD", "LENS_CS", 800e-6, FRAME, 1_500_000)
    return wave


def traffic(capture) -> list[tuple[str, int, bytes]]:
    return [(r.sender.value, r.baudrate, r.data) for r in capture.records if isinstance(r, Burst)]


SESSION = [("body", 750_000, FRAME), ("lens", 1_500_000, FRAME)]


@pytest.mark.parametrize("names", [LINES, LONG_NAMES])
@pytest.mark.parametrize("parts", [1, 12])
def test_bytes_and_edges_in_time_order(tmp_path, wiring, session, names, parts):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(names), parts)
    capture = read_sigrok(path, wiring)
    records = list(capture.records)
    assert [record.at for record in records] == sorted(record.at for record in records)
    assert [(r.sender.value, r.baudrate, r.data) for r in records if isinstance(r, Burst)] == SESSION
    edges = [(round(record.at * 1e6), record.line, record.level) for record in records if isinstance(record, Edge)]
    assert set(edges[:6]) == {
        (0, "VD", 1),
        (0, "VCC", 1),
        (0, "RXD", 1),
        (0, "TXD", 1),
        (0, "BODY_CS", 0),
        (0, "LENS_CS", 0),
    }
    assert edges[6:8] == [(50, "VD", False), (113, "VD", True)]
    assert [line for _, line, _ in edges[8:]] == ["BODY_CS", "BODY_CS", "LENS_CS", "LENS_CS"]
    assert set(capture.lines) == set(LINES)
    assert capture.resolution == pytest.approx(1 / 6e6)


@pytest.mark.parametrize("rate", ["6 MHz", "6000000", "6000 kHz", "6MHz", "6000000 Hz", "0.006 GHz"])
def test_a_sample_rate_in_any_words(tmp_path, wiring, session, rate):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(rate=rate))
    assert traffic(read_sigrok(path, wiring)) == SESSION


@pytest.mark.parametrize("size", range(1, 9))
def test_samples_of_any_size(tmp_path, wiring, session, size):
    port = session.samples(dtype=np.uint64) << np.uint64(8 * (size - 1))
    samples = port.astype("<u8").view(np.uint8).reshape(-1, 8)[:, :size].tobytes()
    names = [f"D{number}" for number in range(8 * (size - 1))] + list(LINES)
    assert traffic(read_sigrok(write(tmp_path / "a.sr", samples, metadata(names, unitsize=size)), wiring)) == SESSION


@pytest.mark.parametrize(
    "channels",
    [
        {"RXD": "3", "TXD": "4", "BODY_CS": "5", "LENS_CS": "2"},
        {"RXD": "D3", "TXD": "d4", "BODY_CS": "D5", "LENS_CS": "D2"},
        {"RXD": "3", "TXD": "4"},
    ],
)
def test_channels_of_other_names(tmp_path, wiring, session, channels):
    path = write(tmp_path / "a.sr", session.samples().tobytes(), metadata([f"D{number}" for number in range(6)]))
    capture = read_sigrok(path, wiring, channels)
    assert set(capture.lines) == set(channels)
    assert traffic(capture) == SESSION


def test_progress_ends_at_one(tmp_path, wiring, session):
    told = []
    read_sigrok(write(tmp_path / "a.sr", session.samples().tobytes(), metadata(), 3), wiring, None, told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


SAMPLES = bytes(range(64)) * 4


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (metadata(["D0", "D1", "TXD"]), ["RXD", "D0, D1, TXD", "--channel RXD=NAME"]),
        (metadata(rate="4 MHz"), ["4 MHz", "1500000", "4.5 MHz"]),
        (metadata(rate="fast"), ["fast"]),
        (metadata(rate="0 Hz"), ["sample rate"]),
        (metadata(unitsize=0), ["0 bytes a sample"]),
        (metadata(unitsize=9), ["9 bytes a sample"]),
        (metadata(unitsize="two"), ["two"]),
        (metadata(unitsize=3), ["inside a sample"]),
        (metadata([*"abcdefgh", *LINES]), ["beyond the 1 bytes"]),
        (metadata(capturefile="other"), ["other-1"]),
        ("", ["makes no sense"]),
        ("no ini at all", ["makes no sense"]),
        ("[device 1]\nprobe1=RXD\nprobe2=TXD", ["no sample rate", "--samplerate HZ"]),
    ],
)
def test_metadata_that_does_not_fit_is_one_line(tmp_path, wiring, told, words):
    path = write(tmp_path / "bad.sr", SAMPLES, told)
    with pytest.raises(CaptureError) as error:
        read_sigrok(path, wiring)
    text = str(error.value)
    assert "\n" not in text
    assert all(word in text for word in [*words, "bad.sr"])


@pytest.mark.parametrize(
    ("channels", "word"), [({"RXD": "D9"}, "D0"), ({"RXD": "8"}, "D0"), ({"CLK": "D0"}, "BODY_CS")]
)
def test_an_unknown_channel_or_line_lists_the_known(tmp_path, wiring, channels, word):
    path = write(tmp_path / "a.sr", SAMPLES, metadata(["D0", "RXD", "TXD"]))
    with pytest.raises(CaptureError, match=word):
        read_sigrok(path, wiring, channels)


def test_no_samples_and_no_metadata(tmp_path, wiring):
    with pytest.raises(CaptureError, match="no samples"):
        read_sigrok(write(tmp_path / "a.sr", b"", metadata()), wiring)
    with zipfile.ZipFile(tmp_path / "b.sr", "w") as archive:
        archive.writestr("mimetype", "text")
    with pytest.raises(CaptureError, match="metadata"):
        read_sigrok(tmp_path / "b.sr", wiring)


def test_a_file_cut_or_damaged_anywhere_gives_records_or_one_line(tmp_path, wiring, session):
    whole = write(tmp_path / "a.sr", session.samples().tobytes(), metadata(), 2).read_bytes()
    random = np.random.default_rng(3)
    bad = tmp_path / "bad.sr"
    damaged = [whole[:cut] for cut in range(0, len(whole), 7)]
    for place in range(0, len(whole), 3):
        copy = bytearray(whole)
        copy[place] ^= int(random.integers(1, 256))
        damaged.append(bytes(copy))
    refusals = []
    for data in damaged:
        bad.write_bytes(data)
        try:
            list(read_sigrok(bad, wiring).records)
        except CaptureError as error:
            refusals.append(str(error))
    assert len(refusals) > len(whole) // 7
    assert not any("\n" in text for text in refusals)


@pytest.mark.parametrize("name", ["a6000_sel55210_init_55", "a6000_ef50_viltrox_init"])
def test_the_captures_beside_the_project(emount_captures, wiring, name):
    records = list(read_sigrok(emount_captures / f"{name}.sr", wiring).records)
    frames = [json.loads(line) for line in (emount_captures / f"{name}.frames.jsonl").read_text().splitlines()]
    expected_edges = [json.loads(line) for line in (emount_captures / f"{name}.lines.jsonl").read_text().splitlines()]
    edges = sorted((round(r.at * 1e6, 2), r.line, int(r.level)) for r in records if isinstance(r, Edge))
    assert edges == sorted((round(edge["t_us"], 2), edge["line"], edge["level"]) for edge in expected_edges)
    assert len(edges) + sum(isinstance(record, Burst) for record in records) == len(records)
    for sender in ("body", "lens"):
        bursts = [record for record in records if isinstance(record, Burst) and record.sender.value == sender]
        stream = b"".join(burst.data for burst in bursts)
        starts = [burst.byte_at(index) for burst in bursts for index in range(len(burst.data))]
        rates = [burst.baudrate for burst in bursts for _ in burst.data]
        ends = [burst.byte_at(index + 1) for burst in bursts for index in range(len(burst.data))]
        place = 0
        for frame in (frame for frame in frames if frame["dir"] == sender):
            data, padding = bytes.fromhex(frame["hex"]), bytes.fromhex(frame.get("pad", ""))
            assert stream[place : place + len(data) + len(padding)] == data + padding
            assert rates[place] == frame["baud"]
            assert starts[place] * 1e6 == pytest.approx(frame["t_us"], abs=0.006)
            assert ends[place + len(data) - 1] * 1e6 == pytest.approx(frame["end_us"], abs=0.34)
            place += len(data) + len(padding)
        assert place == len(stream)
