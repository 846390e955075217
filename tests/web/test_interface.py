"""The interface: columns, rows, fields, filter and findings are those of the decoder; bad requests get one sentence."""

import base64
import gzip
import importlib.util
import json
import math
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.mount.virtual_mount import initial_levels
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import default_pair
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_emulator.traffic.event_filter import parse_filter
from lensmount_emulator.traffic.field_columns import FieldColumn, find_field
from lensmount_emulator.traffic.filter_events import EventFilter
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import to_json_values
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Edge
from lensmount_web import app, exchange
from lensmount_web.app import Bench, endpoints
from lensmount_web.filter_rows import RowFilter
from lensmount_web.openapi import openapi_text
from lensmount_web.packing import pack_columns
from lensmount_web.results import Results, stored_session
from lensmount_web.session_store import SessionStore, StoredSession

ROOT = Path(__file__).parents[2]
TYPES = {"f8": "<f8", "f4": "<f4", "u4": "<u4", "i4": "<i4", "u1": "u1"}


def load_vectors():
    spec = importlib.util.spec_from_file_location("filter_vectors", Path(__file__).parent / "filter_vectors.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpack(data: bytes):
    (size,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + size])
    base = 4 + size
    arrays = {}
    for place in header["arrays"]:
        assert (base + place["offset"]) % 8 == 0
        kind = np.dtype(TYPES[place["type"]])
        arrays[place["name"]] = np.frombuffer(data, kind, place["length"], base + place["offset"])
    return header, arrays


@pytest.fixture(scope="module")
def decoded(recording):
    return list(open_capture(recording))


@pytest.fixture(scope="module")
def columns(recording, decoded):
    return EventColumns(open_capture(recording).dialect).add_all(decoded)


@pytest.fixture
def client(running):
    with running.client() as made:
        yield made


def path(running, rest=""):
    return f"/api/v1/sessions/{running.session}{rest}"


def test_columns_are_the_decoders_events(running, client, decoded):
    header, arrays = unpack(client.get(path(running, "/columns")).content)
    rows = [event for event in decoded if not isinstance(event, Edge)]
    assert header["rows"] == len(rows) == len(arrays["at"])
    for row, event in enumerate(rows):
        if isinstance(event, DecodedFrame):
            assert arrays["at"][row] == event.at
            assert arrays["size"][row] == len(event.frame.raw)
            names = header["compositions"][arrays["composition"][row]]["names"]
            assert names == [type(message).__name__ for message in event.messages]
    for name in {event.line for event in decoded if isinstance(event, Edge)}:
        edges = [(event.at, int(event.level)) for event in decoded if isinstance(event, Edge) and event.line == name]
        assert list(zip(arrays[f"line:{name}:at"], arrays[f"line:{name}:level"], strict=True)) == edges


def test_columns_continue_where_the_page_stopped(columns):
    whole = unpack(b"".join(pack_columns(columns)))[1]
    part = unpack(b"".join(pack_columns(columns, {"rows": 40, "line:VD": 7})))[1]
    assert part["at"].tolist() == whole["at"][40:].tolist()
    assert part["line:VD:at"].tolist() == whole["line:VD:at"][7:].tolist()
    assert part["line:VCC:at"].tolist() == whole["line:VCC:at"].tolist()
    first, rest = (unpack(b"".join(pack_columns(columns, None, part)))[1] for part in ("first", "rest"))
    assert not first.keys() & rest.keys()
    assert {name: values.tobytes() for name, values in (first | rest).items()} == {
        name: values.tobytes() for name, values in whole.items()
    }
    beyond = unpack(b"".join(pack_columns(columns, {"rows": 10**9})))[1]
    assert len(beyond["at"]) == 0


def test_a_long_session_comes_in_pieces_without_compression(running, client, monkeypatch):
    whole = client.get(path(running, "/columns"))
    monkeypatch.setattr(app, "MAX_COMPRESSED", 1000)
    monkeypatch.setattr(exchange, "CHUNK", 777)
    cut = client.get(path(running, "/columns?part=all"))
    assert (cut.headers["content-encoding"], cut.content) == ("identity", whole.content)
    assert client.get(path(running, "/columns?part=some")).status_code == 400


def test_every_row_has_the_fields_and_bytes_of_the_decoder(running, client, decoded):
    rows = [event for event in decoded if not isinstance(event, Edge)]
    for row in range(0, len(rows), 7):
        details = client.get(path(running, f"/frames/{row}")).json()
        event = rows[row]
        if not isinstance(event, DecodedFrame):
            assert details["kind"] != "frame"
            continue
        assert details["hex"] == event.frame.raw.hex()
        for shown, message in zip(details["messages"], event.messages, strict=True):
            assert isinstance(message, Message)
            values = to_json_values(message)
            assert {one["name"]: one["value"] for one in shown["fields"]}.items() <= values.items()
            assert all(5 <= one["start"] <= one["end"] <= len(event.frame.raw) for one in shown["fields"])


def test_filter_of_all_rows_is_that_of_each_event(columns):
    vectors = load_vectors()
    for text in vectors.FILTERS:
        try:
            condition = parse_filter(text, columns.dialect)
        except Exception:
            continue
        chosen = EventFilter(condition, columns.dialect)
        expected = [chosen.accepts(event) for event in columns.events()]
        assert RowFilter(columns).mask(condition).tolist() == expected, text


def test_committed_filter_vectors_are_those_of_python():
    vectors = load_vectors()
    assert vectors.FILE.read_text(encoding="utf-8") == vectors.made()


def test_find_gives_a_bit_per_row(running, client, columns):
    answer = client.post(
        path(running, "/find"), json={"filter": "LensStatus t in M1..M2", "marks": {"M1": 1.0, "M2": 1.4}}
    )
    bits = np.unpackbits(np.frombuffer(answer.content, np.uint8), bitorder="little")
    rows = np.flatnonzero(bits).tolist()
    assert len(rows) == int(answer.headers["x-count"]) > 3
    assert all("LensStatus" in columns.composition(row).names for row in rows)
    wrong = client.post(path(running, "/find"), json={"filter": "lens (body"})
    assert (wrong.status_code, wrong.json()["at"]) == (422, 5)


def test_plots_have_every_point_or_the_extremes_of_each_pixel(running, client, columns):
    column = columns.field("FocusStatus.position")
    _, arrays = unpack(client.get(path(running, "/fields/FocusStatus.position")).content)
    assert arrays["value"].tolist() == column.values.tolist()
    _, few = unpack(client.get(path(running, "/fields/FocusStatus.position?px=2")).content)
    assert len(few["value"]) <= 4
    assert (few["value"].min(), few["value"].max()) == (column.values.min(), column.values.max())
    answer = client.get(path(running, "/fields/LensStatus.row_a"))
    assert (answer.status_code, "no plot" in answer.json()["error"]) == (422, True)


def test_changes_of_a_field_are_the_frames_that_carry_another_value(running, client, columns):
    column = columns.field("FocusStatus.position")
    changed = [at for at in range(1, len(column.at)) if column.values[at] != column.values[at - 1]]
    assert len(changed) >= 3
    for way, order in (("next", changed), ("previous", changed[::-1])):
        at, found = -1.0 if way == "next" else 1e9, []
        for _ in order:
            change = client.get(path(running, f"/fields/FocusStatus.position/change?t={at!r}&way={way}")).json()
            found.append(change["row"])
            place = int(np.flatnonzero(column.row == change["row"])[0])
            assert (change["before"], change["after"]) == tuple(column.values[place - 1 : place + 1])
            at = change["t"]
        assert found == [int(column.row[place]) for place in order]
        assert client.get(path(running, f"/fields/FocusStatus.position/change?t={at!r}&way={way}")).json() is None


def test_a_change_between_many_points_is_the_exact_frame():
    dialect, name, count = load_dialect("emount"), "FocusStatus.position", 40_000
    session = StoredSession("long", "capture", EventColumns(dialect))
    values = np.where(np.arange(count) < 12_345, 5, 7)
    column = FieldColumn(name, find_field(dialect, name)[1], np.arange(count), np.arange(count) / 1e3, values)
    session.columns._fields[name] = 0, column
    assert session.field_change(column.name, -1.0, forward=True) == {
        "t": 12.345,
        "row": 12_345,
        "before": 5,
        "after": 7,
    }
    assert session.field_change(column.name, 40.0, forward=False) == {
        "t": 12.345,
        "row": 12_345,
        "before": 5,
        "after": 7,
    }
    assert session.field_change(column.name, 12.345, forward=True) is None


def test_state_is_that_of_the_last_frame_before_it(running, client, columns):
    column = columns.field("LensStatus.aperture")
    for index in (0, len(column.at) // 2, len(column.at) - 1):
        at = float(column.at[index])
        state = client.get(path(running, f"/state?t={at!r}")).json()
        (gauge,) = [one for one in state["gauges"] if (one["part"], one["role"]) == ("aperture", "lens")]
        assert gauge["value"]["value"] == column.values[index]
        assert gauge["value"]["text"].startswith("f/")
        for name, line in columns.lines().items():
            before = [level for moment, level in zip(line.at, line.level, strict=True) if moment <= at]
            assert state["lines"][name] == (before[-1] if before else initial_levels(columns.dialect)[name])
    early = client.get(path(running, "/state?t=-5")).json()
    assert not any("value" in gauge for gauge in early["gauges"])


def test_a_line_without_an_edge_has_the_level_of_the_virtual_mount_and_none_in_a_capture():
    result = run_loopback("panasonic-s1r", "7artisans-35mm-f1.4-iii", seconds=0.3, seed=1)
    session = stored_session(result, "no contacts")
    assert "DETECT" not in session.columns.line_names()
    assert session.info()["resting"]["DETECT"] == session.state_at(0.2)["lines"]["DETECT"] == 1
    capture = StoredSession("capture", "capture", session.columns)
    assert (capture.info()["resting"], "DETECT" in capture.state_at(0.2)["lines"]) == ({}, False)


def test_the_default_pair_of_each_dialect_is_marked_and_has_contacts(client):
    devices = client.get("/api/v1/profiles").json()
    without = [one for one in devices if not one["contacts"]]
    assert "7artisans-35mm-f1.4-iii" in {one["name"] for one in without}
    assert {one["place"] for one in without} == {"lens"}
    for dialect in {one["dialect"] for one in devices if one["place"] == "body"}:
        pair = [one for one in devices if one["dialect"] == dialect and one["default"]]
        assert sorted(one["place"] for one in pair) == ["body", "lens"], dialect
        assert all(one["contacts"] for one in pair)


def test_findings_name_garbage_and_broken_rules(running, client, columns):
    answer = client.get(path(running, "/findings")).json()
    kinds = {one["kind"] for one in answer["findings"]}
    garbage = [row for row in range(len(columns)) if columns.cell("kind", row) == 1]
    assert garbage
    assert [one["row"] for one in answer["findings"] if one["kind"] == "garbage"] == garbage
    broken = sum(len(result.violations) for result in columns.timing())
    assert sum(one["kind"] == "timing" for one in answer["findings"]) == broken
    assert "garbage" in kinds
    times = [one["t"] for one in answer["findings"] if one["t"] is not None]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("method", "rest", "body", "status"),
    [
        ("GET", "/frames/99999999", None, 404),
        ("GET", "/frames/-1", None, 404),
        ("GET", "/fields/Nothing.x", None, 422),
        ("GET", "/fields/%00", None, 422),
        ("GET", "/fields/Nothing.x/change", None, 422),
        ("GET", "/fields/FocusStatus.position/change?way=back", None, 400),
        ("GET", "/fields/FocusStatus.position/change?t=x", None, 400),
        ("GET", "/columns?since=rows:x", None, 400),
        ("GET", "/columns?since=" + "9" * 100, None, 400),
        ("GET", "/frames?from=x", None, 400),
        ("GET", "/frames?from=-5&n=999999999999", None, 200),
        ("GET", "/state?t=nan", None, 400),
        ("GET", "/state?t=1e400", None, 200),
        ("GET", "/export?form=.exe", None, 422),
        ("POST", "/find", b"", 422),
        ("POST", "/find", b"[" * 100_000, 422),
        ("POST", "/find", b"\xff\xfe", 422),
        ("POST", "/find", json.dumps({"filter": "x" * 5000}).encode(), 422),
        ("POST", "/find", b"x" * 2_000_000, 413),
        ("PUT", "", b"", 405),
    ],
)
def test_bad_requests_get_one_sentence(running, client, method, rest, body, status):
    answer = client.request(method, path(running, rest), content=body)
    assert answer.status_code == status
    if status != 200:
        assert "\n" not in answer.json()["error"]


def test_bad_uploads_get_one_sentence(client):
    for name, data, text in (
        ("notes.txt", b"hello", "not a known capture format"),
        ("empty.lmx", b"", "the file is empty"),
        ("cut.lmx", b'{"lensmount"', "cut inside its header"),
        ("other.lmx", b'{"lensmount":"recording","version":1,"dialect":"zmount"}\n', "zmount"),
    ):
        answer = client.post("/api/v1/uploads", params={"name": name}, content=data)
        assert answer.status_code == 422, (name, answer.text)
        assert text in answer.json()["error"]
        assert "/tmp" not in answer.json()["error"]


def test_a_file_that_is_too_large_is_refused_before_it_is_stored(client, monkeypatch, running):
    monkeypatch.setattr("lensmount_web.app.MAX_UPLOAD", 1000)
    answer = client.post("/api/v1/uploads", params={"name": "big.sr"}, content=b"x" * 5000)
    assert answer.status_code == 413
    assert "lensmount ui FILE" in answer.json()["error"]
    assert not [one for one in running.server.bench.uploads.iterdir() if "big.sr" in one.name]


def test_openapi_document_is_the_committed_one():
    bench = Bench(SessionStore(), Results(), "key")
    committed = (ROOT / "docs" / "reference" / "openapi.json").read_text(encoding="utf-8")
    assert openapi_text(endpoints(bench)) == committed


def test_numbers_of_answers_are_json(running, client):
    assert math.isfinite(client.get(path(running)).json()["last"])
    assert "NaN" not in client.get(path(running, "/findings")).text


def test_export_writes_the_page_as_one_file(recording, tmp_path, capsys):
    target = tmp_path / "page.html"
    assert main(["export", str(recording), "--output", str(target), "--range", "1.0..1.2"]) == 0
    text = target.read_text(encoding="utf-8")
    assert "rows" in capsys.readouterr().err
    assert "connect-src" not in text
    assert "default-src 'none'" in text
    assert 'src="/' not in text
    assert 'href="/assets' not in text
    packed = re.search(r'id="embedded"[^>]*>([^<]+)<', text)
    assert packed is not None
    document = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert document["info"]["resting"]["XDETECT"] == 1
    assert main(["export", str(recording), "--output", str(target)]) == 3
    assert main(["export", str(recording), "--output", str(tmp_path / "x.html"), "--field", "LensStatus.distance"]) == 2


def test_notebooks_show_the_session_in_a_frame_that_reaches_nothing(recording):
    text = open_capture(recording)._repr_html_()
    assert text.startswith("<table>")
    assert '<iframe sandbox="allow-scripts"' in text
    assert "default-src &#x27;none&#x27;" in text


def test_explanation_is_that_of_the_command(running, client, recording, capsys):
    answer = client.get(path(running, "/explanation")).json()
    assert main(["explain", str(recording)]) in (0, 1)
    assert answer["paragraph"] in capsys.readouterr().out
    assert answer["findings"]


def test_loopback_and_campaign_report_open_the_page(monkeypatch, capsys, tmp_path):
    shown = []
    monkeypatch.setattr("uvicorn.Server.run", lambda *_words, **_named: None)
    monkeypatch.setattr("lensmount_web.server.open_browser", shown.append)
    fault = ["--fault", "detach at=0.3s"]
    assert main(["loopback", "--duration", "0.5", "--quiet", "--seed", "1", *fault, "--open"]) == 1
    out = capsys.readouterr().out
    assert "the page is at http://127.0.0.1:" in out
    assert "&t=0.3" in out
    assert main(["campaign", "report", str(tmp_path / "none.sqlite"), "--open"]) == 3


@pytest.mark.parametrize(("dialect", "sync"), [("emount", "VD"), ("lmount", "FSYNC")])
def test_the_cause_of_a_start_up_that_failed_is_on_the_track_of_its_line(dialect, sync):
    body, lens = default_pair(None, None, dialect)
    fault = f"stuck-line line={sync} level=high for=60s"
    result = run_loopback(body, lens, seconds=1.3, seed=1, faults=[fault])
    session = stored_session(result, "it")
    assert all("track" in one for one in session.findings()["findings"])
    found = session.explanation()["findings"]
    assert found[0]["track"] == sync
    assert {one["track"] for one in found} <= {"", "body", "lens", *load_dialect(dialect).drivers}
