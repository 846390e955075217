"""Decoded captures: frames, the edges beside them, padding, windows and damaged lines."""

import json

import pytest

from lensmount_hardware.captures.jsonl import read_jsonl
from lensmount_hardware.captures.record_json import MAX_BAD_LINES
from lensmount_hardware.captures.signatures import is_jsonl
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

FRAME = "f00a0002000d00190055"
CLOCKED = {
    "t_us": 1000.0,
    "dir": "body",
    "baud": 750000,
    "hex": FRAME,
    "ok": True,
    "pad": "000000000000",
    "end_us": 1133.33,
    "cs_us": [960.0, 1500.0],
}
LOGGED = {"t_us": 2000, "dir": "lens", "baud": 750000, "hex": FRAME, "ok": True}


def write(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def test_padding_is_data_behind_the_frame_and_its_time(tmp_path, wiring):
    path = write(tmp_path / "a.frames.jsonl", CLOCKED, LOGGED)
    first, second = (record for record in read_jsonl(path, wiring).records if isinstance(record, Burst))
    assert first.data.hex() == FRAME + "00" * 6
    assert not first.whole
    assert first.end == pytest.approx(1133.33e-6 + 60 / 750_000)
    assert second == Burst(0.002, Role.LENS, bytes.fromhex(FRAME), 750_000, None, whole=True)


def test_the_edges_beside_it_come_along_in_time_order(tmp_path, wiring):
    path = write(tmp_path / "a.frames.jsonl", CLOCKED, LOGGED)
    write(
        tmp_path / "a.lines.jsonl",
        {"t_us": 0, "line": "VD", "level": 1},
        {"t_us": 1500.0, "line": "BODY_CS", "level": 0},
    )
    capture = read_jsonl(path, wiring)
    assert capture.lines == ("VD", "BODY_CS")
    assert [type(record) for record in capture.records] == [Edge, Burst, Edge, Burst]


def test_without_them_the_windows_give_the_select_edges(tmp_path, wiring):
    capture = read_jsonl(write(tmp_path / "a.frames.jsonl", CLOCKED, LOGGED), wiring)
    records = list(capture.records)
    assert [record for record in records if isinstance(record, Edge)] == [
        Edge(960e-6, "BODY_CS", True),
        Edge(1500e-6, "BODY_CS", False),
    ]
    assert [record.at for record in records] == sorted(record.at for record in records)


def test_frames_without_a_time_stay_behind_the_frame_in_front_of_them(tmp_path, wiring):
    path = write(tmp_path / "a.frames.jsonl", LOGGED, LOGGED | {"t_us": None, "dir": "body"})
    write(
        tmp_path / "a.lines.jsonl",
        {"t_us": 1000, "line": "VD", "level": 1},
        {"t_us": 3000, "line": "VD", "level": 0},
    )
    records = list(read_jsonl(path, wiring).records)
    assert [type(record) for record in records] == [Edge, Burst, Burst, Edge]
    assert records[2].sender is Role.BODY


def test_edges_alone_are_a_capture(tmp_path, wiring):
    path = write(tmp_path / "a.lines.jsonl", {"t_us": 5.5, "line": "VD", "level": 0})
    assert list(read_jsonl(path, wiring).records) == [Edge(5.5e-6, "VD", False)]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        '{"t_us":1}',
        json.dumps(CLOCKED | {"pad": "zz"}),
        json.dumps(CLOCKED | {"end_us": "x"}),
        json.dumps(CLOCKED | {"cs_us": [{}, 1]}),
        "\x00",
    ],
)
def test_a_bad_line_is_a_remark_with_its_number_and_the_rest_is_read(tmp_path, wiring, line):
    path = write(tmp_path / "a.frames.jsonl", LOGGED, line, "", LOGGED)
    first, remark, last = read_jsonl(path, wiring).records
    assert first == last
    assert isinstance(remark, Annotation)
    assert "line 2" in remark.text


def test_a_file_without_one_record_is_refused(tmp_path, wiring):
    with pytest.raises(CaptureError, match=r"a\.frames\.jsonl"):
        read_jsonl(write(tmp_path / "a.frames.jsonl", "{}", "{"), wiring)


@pytest.mark.parametrize(
    ("head", "verdict"),
    [(b'{"t_us":1', True), (b'\n {"t', True), (b'_us":1}\n{"t_us"', True), (b"t_us", False)],
)
def test_json_lines_are_known_by_a_brace_at_a_line_start(head, verdict):
    assert is_jsonl(head) is verdict


@pytest.mark.parametrize(
    "name", ["a6000_sel55210_init_55", "nex7-clocks-and-sync-lines", "nex7-voigtlander-15mm-f4.5-inf"]
)
def test_the_decoded_captures_beside_the_project(emount_captures, wiring, name):
    path = emount_captures / f"{name}.frames.jsonl"
    records = list(read_jsonl(path, wiring).records)
    frames = [json.loads(line) for line in path.read_text().splitlines()]
    data = [frame["hex"] + frame.get("pad", "") for frame in frames]
    assert [record.data.hex() for record in records if isinstance(record, Burst)] == data
    lines = emount_captures / f"{name}.lines.jsonl"
    count = len(lines.read_text().splitlines()) if lines.is_file() else 0
    assert sum(isinstance(record, Edge) for record in records) == count
    assert len(records) == len(frames) + count


def test_many_lines_that_are_no_records_are_counted(tmp_path, wiring):
    path = write(tmp_path / "a.frames.jsonl", CLOCKED, *["x"] * (MAX_BAD_LINES + 7), LOGGED)
    records = list(read_jsonl(path, wiring).records)
    assert sum(isinstance(record, Burst) for record in records) == 2
    notes = [record for record in records if isinstance(record, Annotation)]
    assert len(notes) == MAX_BAD_LINES + 1
    assert all(note.incomplete for note in notes)
    assert notes[-1].text == "7 more lines are no records"
