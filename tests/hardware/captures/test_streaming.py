"""Captures of lines are read as their records are taken: flat memory, closed files, progress, and no order lost."""

import heapq
import io
import json
import random
import tracemalloc
from pathlib import Path

import pytest

from lensmount_hardware.captures import capture as capture_module
from lensmount_hardware.captures import jsonl
from lensmount_hardware.captures import sniffer_log as text_module
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

FRAME = "f00a0002000d00190055"
COUNT = 30_000


def recording() -> bytes:
    file = io.BytesIO()
    with RecordingWriter(file, {}) as writer:
        for number in range(COUNT):
            writer.write(Burst(number * 1e-3, Role.BODY, bytes.fromhex(FRAME), 750_000, number * 1e-3 + 1e-4))
            writer.write(Edge(number * 1e-3, "VD", number % 2 == 0))
    return file.getvalue()


def frames() -> bytes:
    frame = {"dir": "lens", "baud": 750_000, "hex": FRAME, "pad": "00"}
    return b"".join(
        json.dumps(frame | {"t_us": at, "end_us": at + 100, "cs_us": [at - 40, at + 150]}).encode() + b"\n"
        for at in range(1000, 1000 + COUNT * 500, 500)
    )


def log() -> bytes:
    return b"".join(
        f"[B:{at}]\nBody->Lens {FRAME} {at + 40}\n[b:{at + 150}]\n".encode() for at in range(0, COUNT * 500, 500)
    )


CONTENTS = {"a.lmx": recording(), "a.frames.jsonl": frames(), "a.txt": log()}


@pytest.fixture(params=CONTENTS)
def path(request, tmp_path) -> Path:
    path = tmp_path / request.param
    path.write_bytes(CONTENTS[request.param])
    return path


@pytest.fixture
def opened(monkeypatch) -> list:
    files = []
    plain = Path.open

    def remember(path, *more, **named):
        files.append(plain(path, *more, **named))
        return files[-1]

    monkeypatch.setattr(Path, "open", remember)
    return files


def test_memory_does_not_grow_with_the_file(path, wiring):
    tracemalloc.start()
    try:
        bursts = sum(isinstance(record, Burst) for record in open_capture(path, wiring).records)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bursts == COUNT
    assert peak < 6_000_000


def test_the_file_is_closed_behind_the_last_record(path, wiring, opened):
    capture = open_capture(path, wiring)
    next(capture.records)
    assert not opened[-1].closed
    for _ in capture.records:
        pass
    assert all(file.closed for file in opened)


def test_the_file_is_closed_when_the_records_are_dropped(path, wiring, opened):
    capture = open_capture(path, wiring)
    next(capture.records)
    assert not opened[-1].closed
    del capture
    assert all(file.closed for file in opened)


def test_progress_follows_the_place_in_the_file(path, wiring):
    told: list[float] = []
    records = open_capture(path, wiring, progress=told.append).records
    next(records)
    assert 0 < told[-1] < 0.5
    for _ in records:
        pass
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_the_lines_are_found_without_taking_the_records(path, wiring):
    capture = open_capture(path, wiring)
    expected = {"a.lmx": ("VD",), "a.frames.jsonl": ("LENS_CS",), "a.txt": ("BODY_CS",)}
    assert capture.lines == expected[path.name]
    assert sum(isinstance(record, Burst) for record in capture.records) == COUNT


def test_a_line_beyond_any_sense_is_reported(path, wiring, monkeypatch):
    monkeypatch.setattr(capture_module, "MAX_LINE", 100_000)
    with path.open("ab") as file:
        file.write(b'{"note":"' + b"x" * 1_000_000)
    capture = open_capture(path, wiring)
    with pytest.raises(CaptureError, match="a line of more than 100000 bytes") as error:
        list(capture.records)
    assert "\n" not in str(error.value)


def test_a_file_that_went_away_is_reported(path, wiring):
    capture = open_capture(path, wiring)
    path.unlink()
    with pytest.raises(CaptureError, match="No such file"):
        list(capture.records)


@pytest.mark.parametrize("look_ahead", [40, 4096])
def test_windows_come_in_the_order_of_a_merge_of_everything(tmp_path, wiring, monkeypatch, look_ahead):
    monkeypatch.setattr(jsonl, "LOOK_AHEAD", look_ahead)
    rng = random.Random(look_ahead)
    lines, records, windows = [], [], []
    for number in range(300):
        at = float(number * 100 + rng.randrange(-1500, 1500))
        cs = [at - rng.randrange(0, 400), at + rng.randrange(0, 400)]
        told = rng.random() < 0.9
        lines.append({"t_us": at if told else None, "dir": "body", "baud": 750_000, "hex": FRAME, "cs_us": cs})
        records.append(Burst(at / 1e6 if told else None, Role.BODY, bytes.fromhex(FRAME), 750_000, None, whole=True))
        windows += [Edge(cs[0] / 1e6, "BODY_CS", True), Edge(cs[1] / 1e6, "BODY_CS", False)]
    path = tmp_path / "a.frames.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    windows.sort(key=lambda edge: edge.at)
    assert list(open_capture(path, wiring).records) == list(
        heapq.merge(windows, records, key=lambda record: record.at or 0.0)
    )


def test_windows_of_another_time_do_not_fill_the_memory(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(jsonl, "LOOK_AHEAD", 10)
    frame = {"dir": "body", "baud": 750_000, "hex": FRAME, "cs_us": [9e9, 9.1e9]}
    path = tmp_path / "a.frames.jsonl"
    path.write_text("".join(json.dumps(frame | {"t_us": at}) + "\n" for at in range(200)))
    records = list(open_capture(path, wiring).records)
    assert sum(isinstance(record, Edge) for record in records) == 400
    assert any(isinstance(record, Edge) for record in records[:100])


def test_a_message_that_never_ends_does_not_hold_the_marks_behind_it(tmp_path, wiring, monkeypatch):
    monkeypatch.setattr(text_module, "_MAX_QUEUED", 50)
    path = tmp_path / "a.txt"
    path.write_text("Body->Lens F00B\n" + "".join(f"C {at}\n" for at in range(100, 300)))
    records = list(open_capture(path, wiring).records)
    assert isinstance(records[0], Burst)
    assert sum(isinstance(record, Edge) for record in records) == 200
    assert not any(isinstance(record, Annotation) for record in records)
