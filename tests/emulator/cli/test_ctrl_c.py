"""Ctrl-C, SIGTERM and SIGHUP in every verb: one line, its exit code, the summary, and what was recorded is kept."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from threading import Event
from typing import Any

import pytest
from rich.progress import Progress

from lensmount_emulator.cli.main import main
from lensmount_emulator.learn.system import VirtualSystem
from lensmount_emulator.sessions import loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_emulator.twin import make
from lensmount_hardware import output_file
from lensmount_hardware.captures import formats
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.decoder import Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation

PATIENCE = 60.0
MACHINE = Path(__file__).parents[2] / "learned" / "machines" / "emount-lens-session-loxia-21.json"
ENDS = {signal.SIGINT: (130, ""), signal.SIGTERM: (143, " by SIGTERM"), signal.SIGHUP: (129, " by SIGHUP")}
"""Signal -> exit code, and what the last line says beside `lensmount: stopped`."""


THREE = (signal.SIGTERM, signal.SIGINT, signal.SIGINT)


def raise_signals(*numbers: int) -> None:
    """Have signals come in a row, whatever the first one interrupts."""
    if numbers:
        try:
            signal.raise_signal(numbers[0])
        finally:
            raise_signals(*numbers[1:])


def signals(monkeypatch: pytest.MonkeyPatch, cls: Any, name: str, number: int | tuple[int, ...], calls: int) -> None:
    """Have a signal, or several in a row, come inside the given call of a method."""
    method, count = getattr(cls, name), [0]

    def counted(*arguments: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == calls:
            raise_signals(*(number if isinstance(number, tuple) else (number,)))
        return method(*arguments, **options)

    monkeypatch.setattr(cls, name, counted)


@pytest.mark.parametrize(
    ("words", "counted", "number"),
    [
        (["prove", "emount", "--cases", "1000000000"], r"^envelopes +[1-9]\d*$", signal.SIGINT),
        (["prove", "emount", "--cases", "1000000000"], r"^envelopes +[1-9]\d*$", signal.SIGTERM),
        (["fuzz", "parser", "emount", "--cases", "1000000000"], r"^cases +[1-9]\d*$", signal.SIGHUP),
        (["fuzz", "session", "--dialect", "emount", "--steps", "1000000000"], r"^steps +[1-9]\d*$", signal.SIGTERM),
    ],
    ids=["prove-SIGINT", "prove-SIGTERM", "fuzz-parser", "fuzz-session"],
)
def test_a_stopped_verb_prints_what_it_counted(
    words: list[str],
    counted: str,
    number: signal.Signals,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    signals(monkeypatch, Progress, "update", number, 2)
    code, by = ENDS[number]
    assert main(words) == code
    out, err = capsys.readouterr()
    assert err.splitlines()[-1] == f"lensmount: stopped{by}"
    assert re.search(counted, out, re.MULTILINE)


@pytest.mark.parametrize("number", ENDS, ids=lambda number: number.name)
def test_a_stopped_session_keeps_what_it_recorded(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "cut.lmx"
    signals(monkeypatch, RecordingWriter, "write", number, 500)
    code, by = ENDS[number]
    assert main(["loopback", "--duration", "100000", "--quiet", "--record", str(path)]) == code
    assert capsys.readouterr().err == f"lensmount: stopped{by}\n"
    assert len(list(open_capture(path, load_dialect("emount").wiring).records)) == 499


@pytest.mark.parametrize(
    ("words", "cls", "name"),
    [
        (["decode", "{session}"], Decoder, "feed"),
        (["export", "{session}", "--to", "{folder}/a.vcd"], formats, "open_capture"),
        (["demo"], loopback.LoopbackResult, "__post_init__"),
        (["matrix", "--dialect", "emount", "--do", "", "--quiet"], loopback.LoopbackResult, "__post_init__"),
        (["replay", "{session}"], RecordingWriter, "write"),
        (["export", "{session}", "--output", "{folder}/a.csv"], Decoder, "feed"),
        (["export", "{session}", "--output", "{folder}/a.html"], Decoder, "feed"),
        (["export", "{session}", "--output", "{folder}/a.pftrace"], Decoder, "feed"),
        (["explain", "{session}"], Decoder, "feed"),
        (["monitor", "{session}"], Decoder, "feed"),
        (["ledger", "{session}"], Decoder, "feed"),
        (["fidelity", "{session}", "--profile", "sel55210"], Decoder, "feed"),
        (["shadow", "{session}", "--twin", "sel55210"], Decoder, "feed"),
        (["plot", "{session}", "--output", "{folder}/p.svg"], Decoder, "feed"),
        (["twin", "{session}", "--output", "{folder}/t.toml", "--html", "{folder}/t.html"], make, "read_session"),
        (["margins", "--vary", "reply 08", "--output", "{folder}/m.svg"], VirtualSession, "start"),
        (["learn", "lens", "--profile", "sel2870", "--output", "{folder}/m.json", "--quiet"], VirtualSystem, "play"),
        (["learn", "check", str(MACHINE), "--profile", "loxia-21", "--quiet"], VirtualSystem, "play"),
    ],
    ids=lambda value: " ".join(value[:2]).replace("{session}", "").strip() if isinstance(value, list) else "",
)
def test_three_signals_end_every_other_virtual_verb(
    words: list[str],
    cls: Any,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    session = tmp_path / "session.lmx"
    assert main(["loopback", "--do", "wait 0.05", "--seed", "1", "--quiet", "--record", str(session)]) == 0
    capsys.readouterr()
    signals(monkeypatch, cls, name, THREE, 1)
    assert main([word.format(session=session, folder=tmp_path) for word in words]) == 143
    assert capsys.readouterr().err == "lensmount: stopped by SIGTERM\n"
    assert [file.name for file in tmp_path.iterdir()] == ["session.lmx"]


@pytest.mark.parametrize("method", ["_claim", "commit", "_rename"])
@pytest.mark.parametrize(
    "words",
    [
        ["export", "session.lmx", "--output", "a.csv"],
        ["export", "session.lmx", "--output", "a.vcd"],
        ["export", "session.lmx", "--output", "a.sr"],
        ["loopback", "--do", "wait 0.01", "--quiet", "--record", "a.lmx"],
        ["matrix", "--dialect", "emount", "--body", "a6000", "--lens", "sel2870", "--do", "", "--quiet", "--json", "a"],
    ],
    ids=lambda words: " ".join((words[0], words[-1])),
)
def test_three_signals_while_a_file_is_written(
    words: list[str], method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["loopback", "--do", "wait 0.01", "--seed", "1", "--quiet", "--record", "session.lmx"]) == 0
    assert main(words) == 0
    name = words[-1]
    whole = Path(name).read_bytes()
    Path(name).unlink()
    capsys.readouterr()
    signals(monkeypatch, output_file.OutputFile, method, THREE, 1)
    assert main(words) == 143
    assert capsys.readouterr().err.splitlines()[-1] == "lensmount: stopped by SIGTERM"
    left = {path.name for path in tmp_path.iterdir()}
    assert left - {"session.lmx", name} == set()
    assert name not in left or name.endswith((".lmx", "a")) or Path(name).read_bytes() == whole


def test_a_package_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "acme" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("precious")
    signals(monkeypatch, output_file, "write_output", signal.SIGTERM, 3)
    assert main(["new", "dialect", "acme", "--output", str(kept.parent), "--force"]) == 143
    assert [path.name for path in tmp_path.rglob("*")] == ["acme", "mine.txt"]


def test_a_signal_while_a_verb_is_imported_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lensmount_emulator.cli import main as program

    def imported(_name: str) -> Any:
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(program, "import_module", imported)
    assert main(["demo"]) == 143
    assert capsys.readouterr().err == "lensmount: stopped by SIGTERM\n"


def test_a_signal_while_a_class_is_made_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lensmount_emulator.cli import main as program

    class Field:
        def __set_name__(self, _owner: type, _name: str) -> None:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(program, "import_module", lambda _name: type("Made", (), {"field": Field()}))
    assert main(["demo"]) == 143
    assert capsys.readouterr().err == "lensmount: stopped by SIGTERM\n"


def test_a_terminal_that_is_gone_does_not_change_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, _text: str) -> int:
            raise OSError(5, "Input/output error")

        flush = write

    signals(monkeypatch, loopback.LoopbackResult, "__post_init__", signal.SIGHUP, 1)
    monkeypatch.setattr(sys, "stderr", Gone())
    assert main(["demo"]) == 129


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a verb in a process group of its own, which is gone when the test is."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str, ignored: int = 0) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "lensmount_emulator.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=partial(signal.signal, ignored, signal.SIG_IGN) if ignored else None,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", text: str) -> None:
    """Until it has printed this."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}")


def test_sigterm_ends_a_live_session_with_its_summary(start: Start, tmp_path: Path) -> None:
    link, path = tmp_path / "wire", tmp_path / "a.lmx"
    words = ("run", "body", "--profile", "a6000", "--port", f"pty:{link}", "--record", str(path))
    # As `nohup` does it: the terminal may close, and the session goes on.
    running = start(*words, ignored=signal.SIGHUP)
    wait_for(running, "as body on")
    os.killpg(running.pid, signal.SIGHUP)
    # As `timeout` does it: to the process, and to its group.
    running.terminate()
    os.killpg(running.pid, signal.SIGTERM)
    out, err = running.communicate(timeout=PATIENCE)
    assert (running.returncode, err) == (143, "lensmount: stopped by SIGTERM\n")
    assert re.search(r"^\d+ errors$", out, re.MULTILINE)
    assert not link.is_symlink()
    assert path.read_text().endswith("\n")


CAMPAIGN = 'dialect = "emount"\nseeds = "1-500"\nscript = "wait 0.1"\nprocesses = 2\n'
LIVE = [
    (["loopback", "--duration", "100000", "--quiet", "--record", "a.lmx"], "a.lmx.part", 99),
    (["fuzz", "session", "--dialect", "emount", "--steps", "1000000000", "--corpus", "corpus"], "corpus", 0),
    (["campaign", "c.toml", "--quiet", "--html", "c.html"], "c.sqlite", 0),
    (["run", "body", "--profile", "a6000", "--port", "pty:wire", "--record", "a.lmx"], "a.lmx.part", 2),
    (["record", "pty:wire", "--to", "a.lmx"], "a.lmx.part", 0),
]
"""Verb, the file that it begins with, and how many lines to wait for."""


@pytest.mark.parametrize(("words", "begun", "lines"), LIVE, ids=[words[0] for words, *_ in LIVE])
def test_three_signals_in_a_row_end_a_process_in_order(
    words: list[str], begun: str, lines: int, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(CAMPAIGN)
    running, clock, pause = start(*words), MonotonicClock(), Event()
    # Its first file is there, so its handlers are.
    while not Path(begun).exists() or (lines and Path(begun).read_bytes().count(b"\n") < lines):
        assert running.poll() is None
        assert clock.now() < PATIENCE
        pause.wait(0.005)
    random = Random(words[0])
    numbers = [random.choice(list(ENDS)) for _ in range(3)]
    for number in numbers:
        running.send_signal(number)
    _, err = running.communicate(timeout=PATIENCE)
    # Those that come at one time have no order.
    (number,) = (one for one, (code, _) in ENDS.items() if code == running.returncode)
    assert number in numbers
    assert err.splitlines()[-1] == f"lensmount: stopped{ENDS[number][1]}"
    assert "Traceback" not in err
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"c.toml", "a.lmx", "corpus", "c.sqlite", "c.html"}
    if lines:
        recorded = list(open_capture(tmp_path / "a.lmx", load_dialect("emount").wiring).records)
        assert not any(isinstance(one, Annotation) and one.incomplete for one in recorded)
