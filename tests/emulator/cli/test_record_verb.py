"""`record` on pseudo-terminals: what it keeps when it is stopped, unplugged and plugged again."""

import os
import signal
import subprocess
import sys
import tty
from contextlib import ExitStack
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.wire import Annotation, Burst, Role

from .conftest import (  # noqa: TID252  helpers of this folder
    ANSWER,
    REQUEST,
    TIMEOUT_S,
    Start,
    annotations_in,
    bytes_in,
    plugged,
    pty_pair,
    records_in,
    wait_for,
)


def test_record_keeps_both_ends_until_it_is_interrupted(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    with pty_pair() as (body, at_body), pty_pair() as (lens, at_lens):
        recorder = start("record", f"serial:{at_body}", "--also", f"serial:{at_lens}", "--to", str(path))
        wait_for(recorder, "receives the", 2)
        for _ in range(50):
            os.write(body, REQUEST)
            os.write(lens, ANSWER)
        clock = MonotonicClock()
        while clock.now() < TIMEOUT_S and (
            len(bytes_in(path, Role.BODY)) < 50 * len(REQUEST) or len(bytes_in(path, Role.LENS)) < 50 * len(ANSWER)
        ):
            pass
        recorder.send_signal(signal.SIGINT)
        out, err = recorder.communicate(timeout=TIMEOUT_S)
    assert recorder.returncode == 130
    assert err.strip().splitlines()[-1] == "lensmount: stopped"
    assert f"{50 * len(REQUEST)} bytes of the body, {50 * len(ANSWER)} of the lens, 0 edges" in out
    assert bytes_in(path, Role.BODY) == REQUEST * 50
    assert bytes_in(path, Role.LENS) == ANSWER * 50


def test_record_of_a_port_that_is_unplugged_keeps_what_came(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    near, far = os.openpty()
    tty.setraw(far)
    recorder = start("record", f"serial:{os.ttyname(far)}", "--hears", "lens", "--to", str(path))
    wait_for(recorder, "receives the lens")
    os.write(near, ANSWER)
    clock = MonotonicClock()
    while clock.now() < TIMEOUT_S and bytes_in(path, Role.LENS) != ANSWER:
        pass
    os.close(far)
    os.close(near)
    _, err = recorder.communicate(timeout=TIMEOUT_S)
    assert recorder.returncode == 4
    assert "the port went away" in err
    assert bytes_in(path, Role.LENS) == ANSWER


def test_record_goes_on_when_the_port_is_back_and_tells_the_gap(start: Start, tmp_path: Path) -> None:
    path, link = tmp_path / "a.lmx", tmp_path / "adapter"
    with ExitStack() as stack:
        near = stack.enter_context(plugged(link))
        recorder = start("record", f"serial:{link}", "--to", str(path), "--reconnect")
        wait_for(recorder, "receives the body")
        os.write(near, REQUEST)
        clock = MonotonicClock()
        while clock.now() < TIMEOUT_S and bytes_in(path, Role.BODY) != REQUEST:
            pass
        stack.close()
        while clock.now() < TIMEOUT_S and not annotations_in(path):
            pass
        near = stack.enter_context(plugged(link))
        while clock.now() < TIMEOUT_S and len(annotations_in(path)) < 2:
            pass
        os.write(near, REQUEST)
        while clock.now() < TIMEOUT_S and bytes_in(path, Role.BODY) != REQUEST * 2:
            pass
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=TIMEOUT_S)
    gone, back = [one.text for one in annotations_in(path)]
    assert "waiting for it to come back" in gone
    assert "the port is back after" in back
    kinds = [type(one) for one in records_in(path)]
    assert kinds == [Burst, Annotation, Annotation, Burst]


def test_a_port_that_is_pulled_in_mid_frame_leaves_half_a_frame_and_no_broken_one_behind_it(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, link, half = tmp_path / "a.lmx", tmp_path / "adapter", REQUEST[: len(REQUEST) // 2]
    with ExitStack() as stack:
        near = stack.enter_context(plugged(link))
        recorder = start("record", f"serial:{link}", "--to", str(path), "--reconnect", "--baudrate", "750000")
        wait_for(recorder, "receives the body")
        expected = b""
        clock = MonotonicClock()
        for _ in range(3):
            os.write(near, REQUEST + half)
            expected += REQUEST + half
            while clock.now() < TIMEOUT_S and bytes_in(path, Role.BODY) != expected:
                pass
            remarks = len(annotations_in(path))
            stack.close()
            near = stack.enter_context(plugged(link))
            while clock.now() < TIMEOUT_S and len(annotations_in(path)) < remarks + 2:
                pass
        os.write(near, REQUEST)
        while clock.now() < TIMEOUT_S and bytes_in(path, Role.BODY) != expected + REQUEST:
            pass
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=TIMEOUT_S)
    records = records_in(path)
    times = [one.at for one in records if one.at is not None]
    assert len(times) == len(records)
    assert times == sorted(times)
    assert bytes_in(path, Role.BODY) == (REQUEST + half) * 3 + REQUEST
    assert main(["decode", str(path), "--verify"]) == 0
    assert "verified: 4 valid frames" in capsys.readouterr().out


def test_a_long_recording_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    session = run_loopback(script="wait 1; sleep", seed=1)
    traffic = [record for record in session.records if isinstance(record, Burst)]
    code = f"""
import resource
from lensmount_emulator.sessions.listener import Listener
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Received
from pathlib import Path
dialect = load_dialect("emount")
records = open_capture(Path({str(tmp_path / "s.lmx")!r}), dialect.wiring).records
bursts = [one for one in records if isinstance(one, Burst)]
with RecordingWriter(Path({str(tmp_path / "out.lmx")!r}), {{}}) as writer:
    listener = Listener(dialect, writer.write, lambda event: None, fixed=1_500_000)
    peaks = []
    for turn in range(40):
        for burst in bursts:
            listener.on_event(burst.sender, Received(burst.data), turn * 100 + burst.end)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[-1] - peaks[9])
"""
    from lensmount_hardware.captures.lmx import RecordingWriter

    with RecordingWriter(tmp_path / "s.lmx", {}) as writer:
        for burst in traffic:
            writer.write(burst)
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(result.stdout) < 512
