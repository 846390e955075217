"""`lensmount matrix` as a person uses it: reports, exit codes, Ctrl-C, and the notice of the open model."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lensmount_emulator.campaign import case_runner
from lensmount_emulator.cli import matrix as verb
from lensmount_emulator.cli.main import main
from lensmount_emulator.reports.result_documents import matrix_from_json
from lensmount_protocol.dialects.lmount.dialect import LMOUNT

EMOUNT = ["matrix", "--dialect", "emount", "--do", "wait 0.15; aperture f/8", "--seed", "4"]
ONE = ["--body", "a6000", "--lens", "sel2*"]


def reports(folder: Path) -> list[str]:
    return ["--json", f"{folder}/m.json", "--junit", f"{folder}/m.xml", "--html", f"{folder}/m.html"]


def test_reports_are_written_and_the_same_seed_gives_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder, jobs in zip(folders, ("1", "2"), strict=True):
        folder.mkdir()
        assert main([*EMOUNT, *reports(folder), "--record", f"{folder}/cells", "--jobs", jobs]) == 0
    out = capsys.readouterr().out
    assert "12 cells: 12 works, 0 reduced, 0 refused, 0 broken; " in out
    written = [sorted(path for path in folder.rglob("*") if path.is_file()) for folder in folders]
    assert len(written[0]) == 15
    for first, second in zip(*written, strict=True):
        assert first.read_bytes() == second.read_bytes(), first
    told = json.loads((folders[0] / "m.json").read_text())
    assert (told["complete"], len(told["cells"]), told["seed"]) == (True, 12, 4)


def test_a_cell_is_replayed_by_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shlex

    assert main([*EMOUNT, *ONE, "--json", f"{tmp_path}/m.json", "--record", f"{tmp_path}/cells", "--quiet"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1
    (cell,) = matrix_from_json((tmp_path / "m.json").read_text()).cells
    again = tmp_path / "again.lmx"
    assert main([*shlex.split(cell.replay)[1:], "--quiet", "--record", str(again)]) == 0
    (recording,) = (tmp_path / "cells").iterdir()
    assert again.read_bytes() == recording.read_bytes()


def test_a_broken_cell_gives_exit_code_1_and_never_stops_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = case_runner.run_loopback

    def fails_once(body: object, lens: object, **options: object) -> object:
        if getattr(lens, "name", "") == "sel2870":
            raise ZeroDivisionError("a bug")
        return run(body, lens, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(case_runner, "run_loopback", fails_once)
    assert main([*EMOUNT, *reports(tmp_path)]) == 1
    out = capsys.readouterr().out
    assert "12 cells: 10 works, 0 reduced, 0 refused, 2 broken; " in out
    assert "error: crashed: ZeroDivisionError: a bug" in out
    assert ElementTree.parse(tmp_path / "m.xml").getroot().attrib["failures"] == "2"


def test_ctrl_c_writes_what_was_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = case_runner.run_loopback
    calls: list[object] = []

    def third_is_stopped(*words: object, **options: object) -> object:
        calls.append(words)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return run(*words, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(case_runner, "run_loopback", third_is_stopped)
    assert main([*EMOUNT, *reports(tmp_path)]) == 130
    assert "2 of 12 cells: 2 works" in capsys.readouterr().out
    kept = matrix_from_json((tmp_path / "m.json").read_text())
    assert (len(kept.cells), kept.planned, kept.complete) == (2, 12, False)


def test_sigterm_ends_every_process_and_writes_the_reports(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lensmount_emulator.cli.main", *EMOUNT[:4], "wait 10", "--jobs", "2"]
    cells = tmp_path / "cells"
    running = subprocess.Popen(
        [*words, *reports(tmp_path), "--record", str(cells)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not (cells.is_dir() and any(cells.iterdir())):
        with contextlib.suppress(subprocess.TimeoutExpired):
            assert running.wait(timeout=0.02) is None
    os.killpg(running.pid, signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 143
    assert err == "lensmount: stopped by SIGTERM\n"
    assert " of 12 cells" in out
    assert not matrix_from_json((tmp_path / "m.json").read_text()).complete


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--dialect", "zmount"], 2, "unknown dialect 'zmount'"),
        (["--dialect", "emount", "--do", "check all"], 2, "unknown script verb 'check'"),
        ([*EMOUNT[1:], "--lens", "canon-*"], 2, "unknown lens 'canon-*'; known: loxia-21"),
        ([*EMOUNT[1:], "--json", "no/such/folder/m.json"], 3, "no/such/folder/m.json: No such file or directory"),
        ([*EMOUNT[1:], "--json", "{same}", "--html", "{same}"], 3, "two reports cannot go to one file"),
        ([*EMOUNT[1:], "--record", "{file}"], 3, "File exists"),
    ],
)
def test_bad_input_is_one_line_before_anything_runs(
    words: list[str], code: int, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    places = {"same": str(tmp_path / "same"), "file": str(tmp_path / "file")}
    assert main(["matrix", *(word.format(**places) for word in words)]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lensmount: ")
    assert text in line


def test_help_says_what_the_open_model_is() -> None:
    text = " ".join((verb.__doc__ or "").split())
    assert f"`lmount`, the default dialect, is {LMOUNT.notice[0].lower()}{LMOUNT.notice[1:]}" in text
