"""Recordings whose writer is killed, or whose disk is full, in the middle: what was written before is whole."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, WireRecord

from .conftest import pty_pair  # noqa: TID252  helpers of this folder

PATIENCE = 30.0
WIRING = load_dialect("emount").wiring
MODULE = [sys.executable, "-m", "lensmount_emulator.cli.main"]
ROOM = 4096


@contextmanager
def running(words: list[str], prepare: Callable[[], object] | None = None) -> Iterator["subprocess.Popen[str]"]:
    command = [*MODULE, *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=prepare
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def records_in(path: Path) -> list[WireRecord]:
    return list(open_capture(path, WIRING).records)


def recording(name: str, path: Path) -> list[str]:
    return ["record", f"serial:{name}", "--baudrate", "750000", "--to", str(path)]


def numbered(first: int, count: int) -> bytes:
    """Bytes that tell where they belong."""
    return b"".join(number.to_bytes(4, "big") for number in range(first, first + count))


def bytes_in(records: list[WireRecord]) -> bytes:
    return b"".join(record.data for record in records if isinstance(record, Burst))


@pytest.mark.parametrize("wanted", [1_000, 20_000, 60_000])
def test_a_recorder_that_is_killed_keeps_all_that_came_before(wanted: int, tmp_path: Path) -> None:
    """It is killed while bytes are coming, when the records that are whole in its file have reached a size."""
    path, partial = tmp_path / "killed.lmx", tmp_path / "killed.lmx.part"
    with pty_pair() as (near, name), running(recording(name, path)) as recorder:
        assert recorder.stderr is not None
        assert "receives the body" in recorder.stderr.readline()
        sent, clock = 0, MonotonicClock()
        while partial.read_bytes().rfind(b"\n") < wanted:
            assert clock.now() < PATIENCE
            os.write(near, numbered(sent, 50))
            sent += 50
        recorder.send_signal(signal.SIGKILL)
        recorder.wait(PATIENCE)
    assert not path.exists()
    records = records_in(partial)
    heard = bytes_in(records)
    assert len(heard) > wanted // 8
    assert numbered(0, sent).startswith(heard)
    assert len([record for record in records if isinstance(record, Annotation)]) <= 1
    assert main(["decode", str(partial), "--stats"]) == 0


def little_room(size: int) -> Callable[[], None]:
    """No file of the process may be longer: what goes beyond is written in part and then refused, as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_disk_that_is_full_ends_a_recording_in_one_line_and_keeps_what_fits(tmp_path: Path) -> None:
    path, partial = tmp_path / "full.lmx", tmp_path / "full.lmx.part"
    with ExitStack() as stack:
        near, name = stack.enter_context(pty_pair())
        recorder = stack.enter_context(running(recording(name, path), little_room(ROOM)))
        assert recorder.stderr is not None
        assert "receives the body" in recorder.stderr.readline()
        sent, clock = 0, MonotonicClock()
        while recorder.poll() is None:
            assert clock.now() < PATIENCE
            os.write(near, numbered(sent, 10))
            sent += 10
            Event().wait(0.001)
        told = recorder.stderr.read()
    assert recorder.returncode == 3
    assert told == f"lensmount: {path}: File too large; what was recorded until then is in {partial}\n"
    assert not path.exists()
    assert partial.stat().st_size == ROOM
    records = records_in(partial)
    heard = bytes_in(records)
    assert len(heard) > 500
    assert numbered(0, sent).startswith(heard)
    (cut,) = [record.text for record in records if isinstance(record, Annotation)]
    assert "the recording was cut inside a line" in cut


def test_a_session_on_a_full_disk_ends_in_one_line_and_lets_go_of_its_port(tmp_path: Path) -> None:
    path, link = tmp_path / "full.lmx", tmp_path / "port"
    words = ["run", "body", "--profile", "a6000", "--port", f"pty:{link}", "--record", str(path), "--duration", "20"]
    with running(words, little_room(500)) as body:
        out, told = body.communicate(timeout=PATIENCE)
    assert body.returncode == 3
    partial = path.with_name("full.lmx.part")
    assert told == f"lensmount: {path}: File too large; what was recorded until then is in {partial}\n"
    assert " errors\n" in out
    assert not link.is_symlink()
    assert bytes_in(records_in(partial))
    assert not path.exists()


@pytest.mark.parametrize("ending", [".pcapng", ".sr", ".vcd"])
def test_an_export_onto_a_full_disk_is_one_line(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "a.lmx", tmp_path / f"full{ending}"
    assert main(["loopback", "--demo", "--quiet", "--seed", "7", "--record", str(path)]) == 0
    target.symlink_to("/dev/full")
    capsys.readouterr()
    assert main(["export", str(path), "--to", str(target)]) == 3
    assert capsys.readouterr().err == f"lensmount: {target}: No space left on device\n"
