"""Data files of `export`: CSV, Parquet and a trace for Perfetto hold what the decoder says."""

import csv
import json

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.reports import data_files
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.traffic import data_frames
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.wire import Edge


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "session.lmx"
    words = ["loopback", "--seed", "7", "--script", "focus 0x4200", "--duration", "1.3", "--quiet", "--record"]
    assert main([*words, str(path)]) == 0
    return path


def export(recording, target, *words):
    assert main(["export", str(recording), "--output", str(target), "--quiet", *words]) == 0
    return target


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_csv_of_frames_has_every_row_and_the_asked_fields(recording, tmp_path):
    rows = rows_of(export(recording, tmp_path / "a.csv", "--field", "LensStatus.distance"))
    events = [event for event in open_capture(recording) if not isinstance(event, Edge)]
    assert len(rows) == len(events)
    for row, event in zip(rows, events, strict=True):
        if isinstance(event, DecodedFrame):
            assert row["hex"] == event.frame.raw.hex()
            assert float(row["t_s"]) == pytest.approx(event.at, abs=1e-9)
            status = [message for message in event.messages if type(message).__name__ == "LensStatus"]
            assert row["LensStatus.distance"] == (str(status[0].distance) if status else "")
    assert any(row["reply_s"] for row in rows)


@pytest.mark.parametrize("name", ["a.csv", "b.csv", "a.pftrace", "a.parquet", "a.html", "a.pcapng", "a.vcd"])
def test_half_a_surrogate_pair_in_a_recording_is_escaped(tmp_path, name):
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow")
    source = tmp_path / "odd.lmx"
    source.write_text(
        '{"lensmount":"recording","version":1,"dialect":"emount"}\n{"t_us":1,"note":"a\\ud800"}\n'
        '{"t_us":2,"line":"\\udfff","level":1}\n{"t_us":3,"dir":"body","baud":750000,"hex":"f00b0002000b6000780055"}\n'
    )
    written = export(source, tmp_path / name, *(["--table", "edges"] if name == "b.csv" else []))
    assert written.stat().st_size


def test_csv_of_edges_and_fields(recording, tmp_path):
    edges = [event for event in open_capture(recording) if isinstance(event, Edge)]
    assert len(rows_of(export(recording, tmp_path / "e.csv", "--table", "edges"))) == len(edges)
    fields = rows_of(export(recording, tmp_path / "f.csv", "--table", "fields", "--range", "1.05..1.10"))
    assert {row["message"] for row in fields} >= {"LensStatus", "FocusStatus"}
    assert all(1.05 <= float(row["t_s"]) <= 1.10 for row in fields)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if byte < 0x80:
            return value, at


def read_message(data):
    """The fields of a protobuf message, read without our encoder: number -> values."""
    at, found = 0, {}
    while at < len(data):
        key, at = read_varint(data, at)
        if key & 7 == 0:
            value, at = read_varint(data, at)
        else:
            assert key & 7 == 2
            size, at = read_varint(data, at)
            value, at = data[at : at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def test_trace_has_a_slice_per_frame_and_a_counter_value_per_edge(recording, tmp_path):
    packets = [read_message(one) for one in read_message(export(recording, tmp_path / "a.pftrace").read_bytes())[1]]
    events = [read_message(packet[11][0]) | {8: packet[8]} for packet in packets if 11 in packet]
    decoded = list(open_capture(recording))
    frames = [event for event in decoded if isinstance(event, DecodedFrame)]
    begins = sorted((event for event in events if event[9] == [1] and event[11][0] in (2, 3)), key=lambda e: e[8])
    assert [event[8][0] for event in begins] == [round(frame.at * 1e9) for frame in frames]
    assert sum(event[9] == [4] for event in events) == sum(isinstance(event, Edge) for event in decoded)
    status = next(event for event in begins if event[23] == [b"05 LensStatus"])
    names = [read_message(one)[10][0] for one in status[4]]
    assert b"LensStatus.distance" in names
    tracks = [read_message(packet[60][0])[2][0] for packet in packets if 60 in packet]
    assert b"VD" in tracks
    assert b"lens to body" in tracks


def test_parquet_without_a_library_is_an_error_before_the_file(recording, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(data_files, "PARQUET_LIBRARIES", ("no_such_library",))
    assert main(["export", str(recording), "--output", str(tmp_path / "a.parquet")]) == 3
    assert "pip install pyarrow" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("table", ["frames", "edges", "fields"])
def test_parquet_holds_what_the_csv_holds(recording, tmp_path, table):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed; the group dev has it")
    words = ("--table", table, *(("--field", "LensStatus.distance") if table == "frames" else ()))
    found = parquet.read_table(export(recording, tmp_path / "a.parquet", *words)).to_pylist()
    expected = rows_of(export(recording, tmp_path / "a.csv", *words))
    assert len(found) == len(expected) > 50
    assert list(found[0]) == list(expected[0])
    # A .csv has a quotation mark before what a spreadsheet would take for a formula.
    plain = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in found]
    assert plain == [{name: cell.removeprefix("'") for name, cell in row.items()} for row in expected]


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_dataframe_holds_the_rows_and_fields(recording, monkeypatch, library):
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    if library == "pandas":
        monkeypatch.setattr(data_frames, "find_spec", lambda name: name != "polars" or None)
    frame = open_capture(recording).to_dataframe(["LensStatus.distance"])
    assert isinstance(frame, module.DataFrame)
    events = [event for event in open_capture(recording) if not isinstance(event, Edge)]
    assert [str(text) for text in frame["hex"]] == [
        event.frame.raw.hex() if isinstance(event, DecodedFrame) else "" for event in events
    ]
    distances = [
        message.distance
        for event in events
        if isinstance(event, DecodedFrame)
        for message in event.messages
        if type(message).__name__ == "LensStatus"
    ]
    column = frame["LensStatus.distance"]
    assert [int(value) for value in (column.drop_nulls() if library == "polars" else column.dropna())] == distances
    assert len(distances) > 10


def test_dataframe_without_a_library_names_one(recording, monkeypatch):
    monkeypatch.setattr(data_frames, "find_spec", lambda _name: None)
    with pytest.raises(DialectError, match="pip install polars"):
        open_capture(recording).to_dataframe()


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--output", "a.csv", "--field", "Nothing.x"], 2, "unknown message 'Nothing'"),
        (["--output", "a.csv", "--range", "2..1"], 2, "no range of time"),
        (["--output", "a.vcd", "--range", "1..2"], 2, "--range is for .csv"),
        (["--output", "a.xlsx"], 2, "unknown file name ending"),
    ],
)
def test_what_cannot_be_exported(recording, tmp_path, monkeypatch, capsys, words, code, text):
    monkeypatch.chdir(tmp_path)
    try:
        found = main(["export", str(recording), *words])
    except SystemExit as end:
        found = end.code
    assert (found, text in capsys.readouterr().err) == (code, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_describe_json_is_the_whole_dialect(dialect, capsys):
    assert main(["describe", dialect, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["name"] == dialect
    fields = {(message["name"], field["name"]) for message in document["messages"] for field in message["fields"]}
    assert len(fields) > 200
    assert {fault["name"] for fault in document["faults"]} >= {"bitflip", "detach"}
    assert "wait" in document["verbs"]
    assert document["lines"]
    assert document["states"]["initial"] in document["states"]["moves"]
    assert document["timing"]


@pytest.mark.parametrize(
    ("dialect", "sync", "silent"), [("emount", "VD", "TXD"), ("lmount", "FSYNC", "TXD"), ("fuji-g", "AF_PULSE", "CLK")]
)
def test_describe_json_names_the_lines_that_a_fault_can_act_on(dialect, sync, silent, capsys):
    assert main(["describe", dialect, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    lines = {one["name"] for one in document["lines"]}
    (stuck,) = [fault for fault in document["faults"] if fault["name"] == "stuck-line"]
    (key,) = [key for key in stuck["keys"] if key["name"] == "line"]
    assert {sync, "supply", "detect"} <= set(key["values"])
    assert silent in lines - set(key["values"])
    assert ("select" in key["values"]) is any(line["kind"] == "select" for line in document["lines"])
    for line in key["values"]:
        parse_plan([f"stuck-line line={line}"], 0).check(load_dialect(dialect))


def test_decode_where_prints_what_the_filter_accepts(recording, capsys):
    assert main(["decode", str(recording), "--where", "type=01 body", "--table"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert "BodyCapabilities" in line
    assert main(["decode", str(recording), "--where", "lens LensStatus.distanc"]) == 2
    assert "filter, at character 6" in capsys.readouterr().err
