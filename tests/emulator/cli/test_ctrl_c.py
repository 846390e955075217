"""Ctrl-C, SIGTERM and SIGHUP in every verb: one line, its exit code, the summary, and what was recorded is kept."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
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
from lensmount_protocol.decoder import Decoder
from lensmount_protocol.dialect import load_dialect

PATIENCE = 60.0
MACHINE = Path(__file__).parents[2] / "learned" / "machines" / "emount-lens-session-loxia-21.json"
ENDS = {signal.SIGINT: (130, ""), signal.SIGTERM: (143, " by SIGTERM"), signal.SIGHUP: (129, " by SIGHUP")}
"""Signal -> exit code, and what the last line says beside `lensmount: stopped`."""


def signals(monkeypatch: pytest.MonkeyPatch, cls: Any, name: str, number: int, calls: int) -> None:
    """Have a signal come inside the given call of a method."""
    method, count = getattr(cls, name), [0]

    def counted(*arguments: Any, **options: Any) -> Any:
        count[0] += 1
        if count[0] == calls:
            signal.raise_signal(number)
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
def test_sigterm_ends_every_other_virtual_verb(
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
    signals(monkeypatch, cls, name, signal.SIGTERM, 1)
    assert main([word.format(session=session, folder=tmp_path) for word in words]) == 143
    assert capsys.readouterr().err == "lensmount: stopped by SIGTERM\n"
    assert [file.name for file in tmp_path.iterdir()] == ["session.lmx"]


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
