"""The benchmarks run, and tell what they found; how fast anything was is nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PATH = ":".join(str(ROOT / folder) for folder in ("tests", "protocol", "hardware", "emulator"))
WITHOUT_PEERS = (
    *("parse", "build", "emount", "stream", "line", "exchange", "virtual", "clocked", "scheduler"),
    *("pty", "timer", "serial", "start", "checksums"),
)
"""Sections that need no library but ours; of the schedulers one may be missing, which is part of the test."""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False)


def test_every_section_that_needs_no_peer_gives_its_tables(tmp_path: Path) -> None:
    told = tmp_path / "bench.json"
    only = ",".join(WITHOUT_PEERS)
    result = run("--only", only, "--rounds", "1", "--scale", "0.01", "--json", str(told))
    assert result.returncode == 0, result.stderr
    found = json.loads(told.read_text())
    assert {section["section"] for section in found["sections"]} == set(WITHOUT_PEERS)
    for section in found["sections"]:
        assert f"== {section['section']}: {section['title']}" in result.stdout
        assert all(row["median"] is None or row["median"] == row["median"] for row in section["rows"])
        assert any(row["median"] is not None for row in section["rows"])
    assert {"machine", "versions", "settings"} <= found.keys()
    assert "goals reached" in result.stdout


def test_a_library_that_is_missing_is_a_row_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    from benchmarks.harness import Settings
    from benchmarks.sections import codecs

    monkeypatch.setattr(codecs, "PEERS", {"nothing of the kind": ("in_nothing", 2.0)})
    parse, _build = codecs.peers(Settings(rounds=1, scale=0.01))
    row = next(row for row in parse.rows if row.name == "nothing of the kind")
    assert (row.median, row.note) == (None, "not installed")


def test_a_revision_that_is_missing_is_rows_without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests"))
    from benchmarks.harness import Settings
    from benchmarks.sections import before

    monkeypatch.setenv("BEFORE", "no-such-revision")
    (table,) = before.before(Settings(rounds=1, scale=0.01))
    assert [row.name for row in table.rows] == list(before.GOALS)
    assert all(row.median is None for row in table.rows)
    assert {row.note for row in table.rows} <= {"this checkout has no revision no-such-revision"}


@pytest.mark.parametrize("words", [("session", "0.2"), ("live", "1.5")])
def test_a_job_tells_the_time_that_it_took(words: tuple[str, ...]) -> None:
    command = [sys.executable, str(ROOT / "tests" / "benchmarks" / "before" / "job.py"), *words]
    done = subprocess.run(command, env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 0 < float(done.stdout) < 10


def test_a_section_that_is_unknown_is_told_with_the_known() -> None:
    result = run("--only", "speed")
    assert result.returncode == 2
    assert "no section speed; there are: parse, build" in result.stderr
