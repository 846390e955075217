"""`lensmount campaign` as a person uses it: run, go on, report, replay; and what it shares with other campaigns."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lensmount_emulator.campaign.case import InvariantOutcome
from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz.corpus import Corpus, open_corpus

from .conftest import environment  # noqa: TID252  helpers of this folder

FAILS = {"seconds": "0.1", "bodies": '["a6000"]', "faults": '[[], ["drop rate=1e-4 expect=may-fail"]]'}
"""No script is over by then; under the fault that is tolerated."""

CHANCE = {"dialect": '"lmount"', "bodies": '["sigma-fp"]', "lenses": '["sigma-45mm-f2.8-dg-dn"]', "mode": '"session"',
          "script": '""', "faults": "[[]]", "steps": "30", "seeds": "[1, 2]"}  # fmt: skip


def test_it_runs_reports_and_goes_on_with_nothing(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(processes="2")
    assert main(["campaign", str(file)]) == 0
    out = capsys.readouterr().out
    assert "12 cases in " in out
    assert "\ninvariants  12 held, 0 broken, 0 lost\nscripts     12 complete, 0 not complete\n" in out
    assert "\noutcomes    12 as expected, 0 not as expected, 0 unknown\n" in out
    counts = "12 cases: 12 passed, 0 tolerated, 0 unexpected, 0 broken, 0 lost"
    assert out.endswith(f"{counts}\nevery case passed\n")
    assert main(["campaign", str(file), "--quiet"]) == 0
    assert re.fullmatch(
        r"0 cases in .* s, 12 were finished before; 12 of 12 are finished\n12 cases: .*\nevery case passed\n",
        capsys.readouterr().out,
    )


def test_steps_by_chance_are_the_same_in_any_number_of_processes_and_whatever_they_hash_by(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    documents: list[str] = []
    for processes, hashes in (("1", "1"), ("2", "77")):
        monkeypatch.setenv("PYTHONHASHSEED", hashes)
        file = write(**{**CHANCE, "faults": '[["bitflip rate=1e-4"]]'})
        path = file.with_suffix(".sqlite")
        main(["campaign", str(file), "--processes", processes, "--quiet"])
        capsys.readouterr()
        main(["campaign", "report", str(path), "--json"])
        documents.append(capsys.readouterr().out)
        path.unlink()
    assert documents[0] == documents[1]
    assert [len(case["digest"]) for case in json.loads(documents[0])["cases"]] == [64, 64]


def test_any_number_of_processes_gives_the_same_reports(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    documents: list[str] = []
    for processes in ("1", "2"):
        file = write(**FAILS)
        path = file.with_suffix(".sqlite")
        assert main(["campaign", str(file), "--processes", processes, "--quiet"]) == 1
        capsys.readouterr()
        assert main(["campaign", "report", str(path), "--json"]) == 1
        documents.append(capsys.readouterr().out)
        path.unlink()
    assert documents[0] == documents[1]
    told = json.loads(documents[0])
    assert told["counts"] == {"passed": 0, "tolerated": 2, "unexpected": 2, "broken": 0, "lost": 0}
    assert (told["complete"], told["passed"]) == (True, False)
    assert told["invariants"] == {"held": 4, "broken": 0, "lost": 0}
    assert told["scripts"] == {"complete": 0, "not complete": 4}
    assert told["outcomes"] == {"as expected": 2, "not as expected": 2, "unknown": 0}
    assert told["by"]["faults"] == {"none": [0, 0, 2, 0, 0], "drop rate=1e-4 expect=may-fail": [0, 2, 0, 0, 0]}
    assert {case["expected"] for case in told["cases"]} == {"completes", "may fail"}
    stopped = {"complete": False, "done": 0, "steps": 2, "stopped_at": "wait 0.2", "declined": ""}
    assert [case["script_result"] for case in told["cases"]] == [stopped] * 4
    assert [case["number"] for case in told["cases"]] == [1, 2, 3, 4]


def test_reports_show_what_did_not_pass_with_the_commands_that_show_it_again(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(**FAILS, title='"<odd> & title"')
    junit, html = tmp_path / "r.xml", tmp_path / "r.html"
    assert main(["campaign", str(file), "--junit", str(junit), "--html", str(html)]) == 1
    out = capsys.readouterr().out
    assert 'script: 0 of 2 steps, stopped at "wait 0.2"; expected: completes' in out
    assert out.endswith("failed: 2 of 4 cases\n")

    root = ElementTree.parse(junit).getroot()
    assert (root.attrib["name"], root.attrib["tests"], root.attrib["failures"]) == ("<odd> & title", "4", "2")
    failures = root.findall("./testsuite/testcase/failure")
    assert {failure.attrib["type"] for failure in failures} == {"script"}
    names = [case.attrib["name"] for case in root.iter("testcase")]
    assert len(set(names)) == 4

    page = html.read_text()
    assert "&lt;odd&gt; &amp; title" in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "Every case passed" not in page
    for text in (
        "invariants  4 held",
        "scripts     0 complete, 4 not complete",
        "2 not as expected",
        "expected: may fail",
    ):
        assert text in page, text
    for heading in ("By body", "By plan of faults", "By message that was under way"):
        assert heading in page, heading
    assert len(re.findall(r"The (?:body|lens): \d+ of \d+ states, \d+ of \d+ transitions", page)) == 2
    for picture in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(picture)
    assert page.count("<svg") > 6

    # The commands do what they say.
    commands = [
        line.partition(": ")[2] for line in (failures[0].text or "").splitlines() if line.startswith(("replay", "show"))
    ]
    assert len(commands) == 2
    assert all(command in page for command in commands)
    replay, show = (shlex.split(command)[1:] for command in commands)
    assert main(replay) == 1
    out = capsys.readouterr().out
    assert out.startswith("unexpected, as it was\n")
    assert out.endswith("its recording is the same, byte for byte\n")
    assert main(show) == 0
    assert "identical" in capsys.readouterr().out or show[0] == "replay"


def test_a_case_that_passed_is_replayed_and_a_result_that_is_another_now_is_reported(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(bodies='["a6000"]', seeds="[1]")
    path = file.with_suffix(".sqlite")
    main(["campaign", str(file), "--quiet"])
    capsys.readouterr()
    record = tmp_path / "again.lmx"
    assert main(["campaign", "replay", str(path), "2", "--record", str(record)]) == 0
    assert (
        capsys.readouterr().out
        == "passed, as it was\n  script: complete; expected: completes\nits recording is the same, byte for byte\n"
    )
    assert main(["replay", str(record)]) == 0
    capsys.readouterr()

    import sqlite3

    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE cases SET seed = 99")
    connection.close()
    assert main(["campaign", "replay", str(path), "2"]) == 1
    assert capsys.readouterr().out.endswith("its recording is another one\n")
    assert main(["campaign", "replay", str(path), "44"]) == 2
    assert "no case 44 has been finished; known: 1 to 3" in capsys.readouterr().err


def test_questions_to_the_results(write: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    file = write(**FAILS)
    path = str(file.with_suffix(".sqlite"))
    main(["campaign", str(file), "--quiet"])
    capsys.readouterr()
    assert main(["campaign", "report", path, "--where", "standing = 'tolerated' AND seed < 2"]) == 0
    assert capsys.readouterr().out.endswith(
        "1 of 4 cases where standing = 'tolerated' AND seed < 2: "
        "0 passed, 1 tolerated, 0 unexpected, 0 broken, 0 lost\n"
        "every invariant held; the script was not done in 1 of 1 cases, under faults that may prevent it\n"
    )
    assert main(["campaign", "report", path, "--where", "seed > 9"]) == 1
    assert capsys.readouterr().out.endswith("failed: no case meets seed > 9\n")
    for condition in ("sead = 1", "1); DROP TABLE cases; --", "1) OR (", "'", "", "1; SELECT 1"):
        if condition:
            assert main(["campaign", "report", path, "--where", condition]) == 2, condition
            (line,) = capsys.readouterr().err.strip().splitlines()
            assert "; columns: number, kind," in line
    assert len(read_campaign(Path(path)).cases) == 4


def test_reports_that_cannot_be_written_are_told_before_anything_is_played(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write()
    assert main(["campaign", str(file), "--html", f"{tmp_path}/none/r.html"]) == 3
    assert main(["campaign", str(file), "--html", f"{tmp_path}/r", "--junit", f"{tmp_path}/r"]) == 3
    # Nor over what the campaign is made of, and what it comes to.
    for name in ("small.toml", "small.sqlite"):
        assert main(["campaign", str(file), "--junit", f"{tmp_path}/./{name}"]) == 3
    assert len(capsys.readouterr().err.strip().splitlines()) == 4
    assert [one.name for one in tmp_path.iterdir()] == ["small.toml"]


def test_no_report_is_written_over_the_results_that_it_is_about(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(bodies='["a6000"]', seeds="[1]")
    path = file.with_suffix(".sqlite")
    assert main(["campaign", str(file), "--quiet"]) == 0
    assert main(["campaign", "report", str(path), "--html", str(path)]) == 3
    assert "a file of the run itself; a report goes to another one" in capsys.readouterr().err
    # A question that means nothing leaves no empty report behind.
    assert main(["campaign", "report", str(path), "--junit", f"{tmp_path}/r.xml", "--where", "sead = 1"]) == 2
    assert not (tmp_path / "r.xml").exists()
    assert len(read_campaign(path).cases) == 3


def test_results_may_have_a_name_that_is_no_text(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(**FAILS)
    monkeypatch.chdir(tmp_path)
    name = os.fsdecode(b"r\xff.sqlite")
    assert main(["campaign", str(file), "--to", name, "--junit", "r.xml", "--html", "r.html"]) == 1
    assert main(["campaign", "report", name, "--json"]) == 1
    assert "lensmount campaign replay 'r\ufffd.sqlite' 1" in capsys.readouterr().out
    ElementTree.parse("r.xml")


def test_scenarios_go_to_the_corpus_and_the_next_campaign_goes_on_from_them(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "corpus"
    first = write("first", **CHANCE, corpus=f'"{place}"')
    assert main(["campaign", str(first), "--quiet"]) == 0
    kept = open_corpus(place).kept("session lmount", dict)
    # The first story goes ways that are all new.
    assert 1 <= len(kept) <= 2
    assert len(kept[0]["steps"]) == 30
    # What it found itself is no case of its own when it goes on.
    assert main(["campaign", str(first), "--quiet"]) == 0
    assert "2 of 2 are finished" in capsys.readouterr().out

    corpus = open_corpus(place)
    odd = [{"dialect": "lmount"}, {**kept[0], "steps": ["fly away"]}, {**kept[0], "steps": ["fault 1 nonsense"]},
           {**kept[0], "seed": "x"}]  # fmt: skip
    corpus.keep("session lmount", *odd, {**kept[0], "body": "leica-sl2"})
    corpus.save(b"lensmount session lmount", b"nothing that anybody wrote")
    second = write("second", **{**CHANCE, "seeds": "[5]"})
    assert main(["campaign", str(second), "--corpus", str(place)]) == 0
    out = capsys.readouterr().out
    assert "5 entries of the corpus cannot be read, and were skipped" in out
    read = read_campaign(second.with_suffix(".sqlite"))
    assert len(read.cases) == read.planned == 1 + len(kept)
    went_on = read.cases[1]
    assert went_on.case.begins == tuple(kept[0]["steps"])
    assert went_on.verdict is InvariantOutcome.HELD
    assert main(["campaign", "replay", str(second.with_suffix(".sqlite")), str(went_on.case.number)]) == 0
    assert "the same, byte for byte" in capsys.readouterr().out


def test_a_corpus_that_cannot_be_reached_is_reported_in_one_line(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("redis")
    assert main(["campaign", str(write(**CHANCE)), "--corpus", "redis://127.0.0.1:1/0"]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lensmount: redis://127.0.0.1:1/0: the corpus cannot be reached: ")


def test_a_corpus_that_goes_away_loses_no_result(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensmount_protocol.errors import CorpusError

    def refuses(*_words: object) -> None:
        raise CorpusError("redis://somewhere: Connection refused")

    monkeypatch.setattr(Corpus, "keep", refuses)
    file = write(**CHANCE)
    assert main(["campaign", str(file), "--corpus", str(tmp_path / "corpus")]) == 3
    assert capsys.readouterr().err == "lensmount: redis://somewhere: Connection refused; every result is kept\n"
    assert len(read_campaign(file.with_suffix(".sqlite")).cases) == 2


def test_a_server_that_goes_away_in_mid_run_loses_no_result(
    write: Callable[..., Path],
    server: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import redis

    keep, folder = Corpus.keep, tmp_path / "corpus"

    def shuts_down(corpus: Corpus, *words: Any) -> None:
        if corpus.place.startswith("redis://127"):
            redis.Redis.from_url(server).shutdown(nosave=True)
        keep(corpus, *words)

    first = write("first", **CHANCE, corpus=f'["{server}", "{folder}"]')
    assert main(["campaign", str(first), "--quiet"]) == 0
    kept = open_corpus(server).kept("session lmount", dict)
    assert kept == open_corpus(folder).kept("session lmount", dict) != []
    capsys.readouterr()
    with monkeypatch.context() as patched:
        patched.setattr(Corpus, "keep", shuts_down)
        second = write("second", **{**CHANCE, "seeds": "[3, 4, 5]"})
        words = ["--corpus", server, "--corpus", str(folder), "--quiet"]
        assert main(["campaign", str(second), *words]) == 3
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lensmount: redis://127.0.0.1:")
    assert line.endswith("; every result is kept")
    read = read_campaign(second.with_suffix(".sqlite"))
    assert len(read.cases) == read.planned == 3 + len(kept)
    assert len(open_corpus(folder).kept("session lmount", dict)) > len(kept)


def test_scenarios_go_to_all_places_that_are_there(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    file = write(**CHANCE)
    words = ["--corpus", str(one), "--corpus", str(two)]
    assert main(["campaign", str(file), *words]) == 0
    kept = [open_corpus(place).kept("session lmount", dict) for place in (one, two)]
    assert kept[0] == kept[1] != []
    # Entries of others and cut ones stand in nobody's way.
    for broken in (b"x", b"00000000 {}", b"00000000 "):
        open_corpus(one).save(b"lensmount session lmount", broken)
    other = write("other", **{**CHANCE, "seeds": "[1]", "corpus": f'["{one}", "read-only:{two}"]'})
    capsys.readouterr()
    assert main(["campaign", str(other), "--quiet"]) == 0
    assert "3 entries of the corpus cannot be read, and were skipped" in capsys.readouterr().out
    cases = read_campaign(other.with_suffix(".sqlite")).cases
    assert len(cases) == 1 + len(kept[0])


def test_a_corpus_wants_scenarios(
    write: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["campaign", str(write()), "--corpus", str(tmp_path)]) == 2
    assert "only scenarios are kept" in capsys.readouterr().err


def test_dask_is_wanted_only_where_it_is_asked_for(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "lensmount_emulator.campaign.dask_pool", raising=False)
    monkeypatch.setitem(sys.modules, "distributed", None)
    file = write(bodies='["a6000"]', seeds="[1]")
    assert main(["campaign", str(file), "--quiet"]) == 0
    assert main(["campaign", str(file), "--dask", "tcp://127.0.0.1:1"]) == 2
    assert capsys.readouterr().err.endswith("pip install distributed\n")


def test_hypothesis_is_wanted_only_for_a_corpus(write: Callable[..., Path]) -> None:
    file = write(**CHANCE)
    program = (
        "import sys; sys.modules['hypothesis'] = None; from lensmount_emulator.cli.main import main; "
        "from lensmount_emulator.reports import console; console.LINE_INTERVAL = float('inf'); "
        f"print([main(['campaign', {str(file)!r}, '--quiet', *more]) for more in ([], ['--corpus', 'here'])])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, check=False
    )
    assert run.stdout.endswith("[0, 2]\n"), run.stdout + run.stderr
    assert run.stderr == "lensmount: a corpus wants hypothesis: pip install hypothesis\n"
