"""Our own recordings: lossless, deterministic, and readable after a crash at any byte."""

import io
import json
from pathlib import Path

import pytest

from lensmount_hardware.captures.lmx import RecordingWriter, parse_header, read_recording, read_recording_header
from lensmount_hardware.captures.signatures import is_recording
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role

HEADER = {"dialect": "emount", "seed": 7, "profiles": ["sel2870"]}
RECORDS = [
    Edge(0.0, "VD", True),
    Edge(0.001234567, "BODY_CS", True),
    Burst(0.00125, Role.BODY, bytes.fromhex("f00a0002000d00190055"), 750_000, 0.001383333),
    Annotation(None, "5 µs of nothing"),
    Burst(None, Role.LENS, b"\xf0", 1_500_000, None, whole=True),
    ClockSync(0.0015, 4_711, 31e-6),
    DataLoss(0.002, "bytes of the lens", 12),
    DataLoss(None, "edges of VD", 1),
]


def recorded(records=RECORDS, header=HEADER) -> bytes:
    file = io.BytesIO()
    with RecordingWriter(file, header) as writer:
        for record in records:
            writer.write(record)
    return file.getvalue()


def test_what_is_written_is_read_and_written_alike_again(tmp_path, wiring):
    path = tmp_path / "a.lmx"
    with RecordingWriter(path, HEADER) as writer:
        for record in RECORDS:
            writer.write(record)
    capture = read_recording(path, wiring)
    back = list(capture.records)
    assert back == RECORDS
    assert capture.lines == ("VD", "BODY_CS")
    assert path.read_bytes() == recorded() == recorded(back)


def test_the_header_says_what_the_session_was(tmp_path):
    first_line = recorded().splitlines()[0]
    assert first_line.startswith(b'{"lensmount":"recording","version":2,')
    header = parse_header(tmp_path, recorded())
    assert {key: header[key] for key in HEADER} == HEADER


def test_a_header_cannot_claim_another_version(tmp_path):
    assert parse_header(tmp_path, recorded(header={"version": 9, "lensmount": "x"}))["version"] == 2


def test_a_recording_cut_at_any_byte_keeps_everything_in_front_of_the_cut(tmp_path, wiring):
    whole = recorded()
    header_length = whole.index(b"\n") + 1
    path = tmp_path / "cut.lmx"
    for cut in range(1, len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert is_recording(whole[:cut])
        if cut < header_length:
            with pytest.raises(CaptureError, match=f"header, after {cut} bytes"):
                read_recording(path, wiring)
            continue
        records = list(read_recording(path, wiring).records)
        lines = whole[:cut].count(b"\n") - 1
        lost = cut - whole[:cut].rindex(b"\n") - 1
        assert records[:lines] == RECORDS[:lines]
        assert len(records) == lines + (lost > 0)
        if lost:
            assert f"the last {lost} bytes" in records[-1].text


def test_every_record_is_in_the_file_before_the_next_one(tmp_path, wiring):
    path = tmp_path / "a.lmx"
    with RecordingWriter(path, HEADER) as writer:
        for count, record in enumerate(RECORDS, 1):
            writer.write(record)
            assert writer.path == tmp_path / "a.lmx.part"
            assert len(list(read_recording(writer.path, wiring).records)) == count
    assert writer.path == path
    assert len(list(read_recording(path, wiring).records)) == len(RECORDS)


def test_a_damaged_line_is_a_remark_and_the_rest_is_read(tmp_path, wiring):
    lines = recorded().split(b"\n")
    lines[2] = b'{"t_us":\xff'
    path = tmp_path / "a.lmx"
    path.write_bytes(b"\n".join(lines))
    records = list(read_recording(path, wiring).records)
    assert records[:1] + records[2:] == RECORDS[:1] + RECORDS[2:]
    assert "line 3" in records[1].text


def test_the_keys_of_version_1_are_read_with_their_names_of_today(tmp_path):
    path = tmp_path / "a.lmx"
    path.write_text(
        '{"lensmount":"recording","version":1,"with":["a"],"armed":["b"],"heard":{"lens":"pty:"},"story":{"version":1}}\n'
    )
    header = read_recording_header(path)
    assert header["accessories"] == ["a"]
    assert header["allowed"] == ["b"]
    assert header["scenario"] == {"version": 1}
    assert header["ports"] == {"lens": "pty:"}
    assert not {"with", "armed", "heard", "story"} & set(header)


@pytest.mark.parametrize(
    "header",
    ['{"lensmount":"recording","version":3}', '{"lensmount":"recording"}', '{"lensmount":"recording"'],
)
def test_another_version_or_a_damaged_header_is_reported_in_one_line(tmp_path, wiring, header):
    path = tmp_path / "a.lmx"
    path.write_text(header + "\n")
    with pytest.raises(CaptureError, match=r"version|damaged") as error:
        read_recording(path, wiring)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_made_or_written_is_reported(tmp_path):
    with pytest.raises(CaptureError, match="no-folder"):
        RecordingWriter(tmp_path / "no-folder" / "a.lmx", {})
    reader = tmp_path / "a.lmx"
    reader.touch()
    with reader.open("rb", buffering=0) as file, pytest.raises(CaptureError):
        RecordingWriter(file, {})


def test_a_file_of_the_caller_stays_open():
    file = io.BytesIO()
    with RecordingWriter(file, {}):
        pass
    assert not file.closed
    assert json.loads(file.getvalue()) == {"lensmount": "recording", "version": 2}


def test_a_recording_of_the_first_program_is_read_whole(wiring):
    """A session that the reader and writer of the first version made, before there were clocks and losses."""
    path = Path(__file__).parent / "files" / "version-1.lmx"
    records = list(read_recording(path, wiring).records)
    assert not any(isinstance(record, Annotation) for record in records[:-3])
    assert sum(isinstance(record, Burst) for record in records) == 16
    assert records[-3:] == [
        Annotation(None, "5 µs of nothing, said by nobody at no time"),
        Annotation(0.301, "the end"),
        Burst(None, Role.LENS, b"\xf0\x0a", 1_500_000, None, whole=True),
    ]
    rewritten = recorded(records, parse_header(path, path.read_bytes()))
    assert rewritten.partition(b"\n")[2] == path.read_bytes().partition(b"\n")[2]


def test_bad_lines_beyond_a_thousand_are_counted(tmp_path, wiring):
    path = tmp_path / "a.lmx"
    path.write_bytes(b'{"lensmount":"recording","version":1,"dialect":"emount"}\n' + b"0b\n" * 1500)
    remarks = [record for record in read_recording(path, wiring).records if isinstance(record, Annotation)]
    assert len(remarks) == 1001
    assert remarks[0].text.startswith("line 2 is no record: ")
    assert (remarks[-1].text, remarks[-1].incomplete) == ("500 more lines are no records", True)


def test_lines_that_hold_no_object_are_called_so(tmp_path, wiring):
    path = tmp_path / "empty-lines.lmx"
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        writer.write(Edge(0.0, "VCC", True))
    path.write_bytes(path.read_bytes() + b"\n  \nnull\n[1]\n")
    notes = [one.text for one in read_recording(path, wiring).records if isinstance(one, Annotation)]
    assert notes == [f"line {number} is no record: not an object" for number in (3, 4, 5, 6)]
