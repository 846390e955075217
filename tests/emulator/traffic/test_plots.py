"""Plots: a picture holds the values and edges of the traffic, and a wrong request is one sentence."""

from pathlib import Path

import numpy as np
import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic import plots
from lensmount_protocol.errors import CaptureError, DialectError


@pytest.fixture(scope="module")
def session():
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; the group dev has it")
    return run_loopback(script="focus 0x4200", seconds=1.4, seed=7)


@pytest.fixture(scope="module")
def recording(session, tmp_path_factory):
    return session.save(tmp_path_factory.mktemp("plots") / "session.lmx")


def curve(axes, number=0):
    """Times in seconds and values of a curve, without the piece that continues it to the end of the picture."""
    line = axes.get_lines()[number]
    scale = 1e3 if axes.figure.axes[-1].get_xlabel().endswith("ms") else 1.0
    return line.get_xdata()[:-1] / scale, line.get_ydata()[:-1]


def test_a_field_is_drawn_with_all_its_values(session):
    figure = session.plot(["FocusStatus.position", "FocusStatus.planned_position", "BodyMode.focus_mode"])
    position, mode = figure.axes
    columns = session.to_columns()
    for number, name in enumerate(["FocusStatus.position", "FocusStatus.planned_position"]):
        at, values = curve(position, number)
        assert at == pytest.approx(columns.field(name).at)
        assert values.tolist() == columns.field(name).values.tolist()
    assert position.get_ylabel() == "motor steps"
    assert [tick.get_text() for tick in mode.get_yticklabels()] == ["BODY_DRIVES (0x83)"]


def test_lines_are_drawn_with_all_their_edges_within_a_range(session):
    figure = session.plot(lines=["VD", "LENS_CS"], within=(1.1, 1.2))
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["VD", "LENS_CS"]
    for number, name in enumerate(["VD", "LENS_CS"]):
        line = session.to_columns().lines()[name]
        inside = (line.at > 1.1) & (line.at <= 1.2)
        at, levels = curve(axes, number)
        # The first point is the level that holds at the start.
        assert at[0] == pytest.approx(1.1)
        assert at[1:] == pytest.approx(line.at[inside])
        assert np.round((levels - levels.min()) / 0.7)[1:].tolist() == line.level[inside].tolist()


def test_long_curves_keep_their_extremes_and_their_last_value():
    at = np.arange(100_000, dtype=np.float64)
    values = np.sin(at / 1000)
    values[54_321], values[-1] = 9.0, 0.25
    times, drawn = plots._limited(at, values, None)
    assert len(times) <= 1.5 * plots.MAX_POINTS
    assert (drawn.max(), drawn.min(), drawn[-1]) == (9.0, values.min(), 0.25)
    assert np.all(np.diff(times) >= 0)


def test_without_a_choice_focus_and_lines_are_drawn(recording, tmp_path):
    targets = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for target in targets:
        assert main(["plot", str(recording), "--output", str(target)]) == 0
    text = targets[0].read_text(encoding="utf-8")
    for name in ("FocusStatus.position", "FocusStatus.planned_position", "VD", "LENS_CS", "time in s", "session.lmx"):
        assert name in text
    assert targets[0].read_bytes() == targets[1].read_bytes()
    png = tmp_path / "a.png"
    assert main(["plot", str(recording), "--field", "LensStatus.distance", "--output", str(png)]) == 0
    assert png.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--field", "LensStatus.nothing", "--output", "a.svg"], 2, "unknown field of LensStatus 'nothing'"),
        (["--field", "LensIdentity.name", "--output", "a.svg"], 2, "LensIdentity"),
        (["--line", "NO_SUCH", "--output", "a.svg"], 2, "unknown line 'NO_SUCH'"),
        (
            ["--range", "7..8", "--output", "a.svg", "--field", "BodyMode.focus_mode", "--line", "VD"],
            3,
            "7..8 s is outside",
        ),
        (["--range", "0..0", "--output", "a.svg", "--field", "BodyMode.focus_mode"], 3, "nothing to draw"),
        (["--output", "a.gif"], 2, "known endings: .svg, .png, .pdf"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(recording, tmp_path, monkeypatch, capsys, words, code, text):
    monkeypatch.chdir(tmp_path)
    found = main(["plot", str(recording), *words])
    error = capsys.readouterr().err
    assert (found, text in error, error.count("\n")) == (code, True, 1)
    assert list(tmp_path.iterdir()) == []


def test_what_has_no_value_in_this_time_is_reported_and_is_no_success(recording, tmp_path, capsys):
    words = ["plot", str(recording), "--range", "0..0.1", "--line", "VD", "--output"]
    assert main([*words, str(tmp_path / "a.svg")]) == 0
    assert capsys.readouterr().err == ""
    absent = ["--field", "LensStatus.distance", "--line", "BODY_CS"]
    assert main([*words, str(tmp_path / "b.svg"), *absent]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"lensmount: {recording}: LensStatus.distance is not in the picture: no frame carries it up to 0.1 s",
        f"lensmount: {recording}: BODY_CS is not in the picture: the line has no edge up to 0.1 s",
    ]
    assert (tmp_path / "b.svg").is_file()


def test_a_value_holds_after_its_last_frame_within_the_traffic(session):
    columns = session.to_columns()
    _, last = columns.span()
    known = (columns.field(name) for name in columns.field_names())
    early = next(field for field in known if field.is_number and len(field.at) and field.at[-1] < last - 0.2)
    (axes,) = session.plot([early.name], within=(last - 0.1, last + 1)).axes
    at, values = curve(axes)
    assert at == pytest.approx([last - 0.1])
    assert values.tolist() == [early.values[-1]]


@pytest.mark.parametrize("name", ["b$\\foo$c.lmx", "a\nb$$.lmx", "bad\udcff.lmx"])
def test_a_file_name_is_no_formula(recording, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(recording.read_bytes())
    for target in ("a.svg", "a.png"):
        assert main(["plot", name, "--line", "VD", "--output", target]) == 0
    drawn = name.replace("\n", "\\n").replace("\udcff", "\\udcff")
    assert drawn in Path("a.svg").read_text(encoding="utf-8")


def test_another_dialect_and_a_capture_without_a_frame_are_1(recording, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["plot", str(recording), "--dialect", "lmount", "--output", "a.svg"]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert "the file declares the dialect emount, and was read as lmount" in lines[0]
    edges = [line for line in recording.read_bytes().splitlines(keepends=True) if b'"hex"' not in line]
    Path("edges.lmx").write_bytes(b"".join(edges))
    assert main(["plot", "edges.lmx", "--line", "VD", "--output", "b.svg"]) == 0
    assert main(["plot", "edges.lmx", "--output", "c.svg"]) == 1
    assert "no byte in it" in capsys.readouterr().err


def test_nothing_to_draw_and_a_missing_library_are_errors(recording, monkeypatch):
    capture = open_capture(recording)
    with pytest.raises(CaptureError, match="nothing to draw"):
        capture.plot(["FocusStatus.position"], within=(0.0, 0.1))
    monkeypatch.setattr(plots, "find_spec", lambda _name: None)
    with pytest.raises(DialectError, match="extra `plot`"):
        capture.plot()
