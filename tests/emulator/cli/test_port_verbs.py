"""The verbs that use ports, as a person uses them: what they write, exit codes, and one line for what is wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
import tty
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware import serial_devices
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports import serial_port
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Received, Role, Transmit, WireRecord

from .conftest import pty_pair  # noqa: TID252  helpers of this folder

REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER = bytes.fromhex("f00d0002000900000000180055")
WIRING = load_dialect("emount").wiring
PATIENCE = 20.0


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a verb in a process of its own, which is gone when the test is."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "lensmount_emulator.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        with process:
            process.kill()


def wait_for(process: "subprocess.Popen[str]", text: str, lines: int = 1) -> None:
    """Until it has said so on its error stream, so many times."""
    assert process.stderr is not None
    while lines:
        line = process.stderr.readline()
        assert line, "it ended"
        lines -= text in line


def records_in(path: Path) -> list[WireRecord]:
    """The records so far: a recording has its final name only when its session has ended."""
    partial = partial_path(path)
    try:
        return list(open_capture(partial if partial.exists() else path, WIRING).records)
    except CaptureError:
        # It was renamed between the two.
        return list(open_capture(path, WIRING).records)


def bytes_in(path: Path, sender: Role) -> bytes:
    return b"".join(one.data for one in records_in(path) if isinstance(one, Burst) and one.sender is sender)


def test_boards_lists_what_there_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    port = SimpleNamespace(
        device="/dev/ttyUSB0",
        vid=0x0403,
        pid=0x6001,
        serial_number="A1",
        manufacturer="FTDI",
        product="FT232R USB UART",
    )
    monkeypatch.setattr(serial_devices.list_ports, "comports", lambda: [port])
    assert main(["boards"]) == 0
    out = capsys.readouterr().out
    assert "serial:/dev/ttyUSB0" in out
    assert "is FTDI FT232R USB UART, USB 0403:6001, serial number A1" in out
    assert "750000 baud exactly, 1500000 baud exactly, has a latency timer" in out
    assert main(["boards", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["port"], told["usb_id"], told["adapter"]["name"]) == (
        "serial:/dev/ttyUSB0",
        "0403:6001",
        "FTDI FT232R",
    )
    assert told["adapter"]["source"].startswith("https://")


def test_boards_without_any_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serial_devices.list_ports, "comports", list)
    assert main(["boards"]) == 0
    assert "no serial device found\n  plug the adapter" in capsys.readouterr().out
    assert main(["boards", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_doctor_tells_findings_and_draws_what_it_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "loop://", "--histograms"]) == 0
    out = capsys.readouterr().out
    assert "ok    control lines   RTS to CTS follows; DTR to DSR follows" in out
    assert "round trip of 16 bytes, 200 times" in out
    assert "█" in out


def test_doctor_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "loop://", "--json", "--dialect", "lmount"]) == 0
    told = json.loads(capsys.readouterr().out)
    by_check = {finding["check"]: finding for finding in told["findings"]}
    assert told["kind"] == "loop in memory"
    assert "115200 baud" in by_check["rates"]["says"]
    assert by_check["control lines"]["verdict"] == "fine"
    assert sum(told["round_trip_us"].values()) == 200
    assert sum(told["lateness_us"].values()) == 200


def test_doctor_of_what_is_not_there_is_a_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "/dev/no-such-port"]) == 1
    out = capsys.readouterr().out
    assert "WRONG port            there is no /dev/no-such-port\n" in out
    assert "-> plug it in" in out


def test_record_keeps_both_ends_until_it_is_interrupted(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    with pty_pair() as (body, at_body), pty_pair() as (lens, at_lens):
        recorder = start("record", f"serial:{at_body}", "--also", f"serial:{at_lens}", "--to", str(path))
        wait_for(recorder, "receives the", 2)
        for _ in range(50):
            os.write(body, REQUEST)
            os.write(lens, ANSWER)
        clock = MonotonicClock()
        while clock.now() < PATIENCE and (
            len(bytes_in(path, Role.BODY)) < 50 * len(REQUEST) or len(bytes_in(path, Role.LENS)) < 50 * len(ANSWER)
        ):
            pass
        recorder.send_signal(signal.SIGINT)
        out, err = recorder.communicate(timeout=PATIENCE)
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
    while clock.now() < PATIENCE and bytes_in(path, Role.LENS) != ANSWER:
        pass
    os.close(far)
    os.close(near)
    _, err = recorder.communicate(timeout=PATIENCE)
    assert recorder.returncode == 4
    assert "the port went away" in err
    assert bytes_in(path, Role.LENS) == ANSWER


@contextmanager
def plugged(link: Path) -> Iterator[int]:
    """A pseudo-terminal under a name that stays, as an adapter has one."""
    with pty_pair() as (near, path):
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        yield near
    link.unlink()


def test_record_goes_on_when_the_port_is_back_and_tells_the_gap(start: Start, tmp_path: Path) -> None:
    path, link = tmp_path / "a.lmx", tmp_path / "adapter"
    with ExitStack() as stack:
        near = stack.enter_context(plugged(link))
        recorder = start("record", f"serial:{link}", "--to", str(path), "--reconnect")
        wait_for(recorder, "receives the body")
        os.write(near, REQUEST)
        clock = MonotonicClock()
        while clock.now() < PATIENCE and bytes_in(path, Role.BODY) != REQUEST:
            pass
        stack.close()
        while clock.now() < PATIENCE and not [one for one in records_in(path) if isinstance(one, Annotation)]:
            pass
        near = stack.enter_context(plugged(link))
        while clock.now() < PATIENCE and len([one for one in records_in(path) if isinstance(one, Annotation)]) < 2:
            pass
        os.write(near, REQUEST)
        while clock.now() < PATIENCE and bytes_in(path, Role.BODY) != REQUEST * 2:
            pass
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=PATIENCE)
    gone, back = [one.text for one in records_in(path) if isinstance(one, Annotation)]
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
            while clock.now() < PATIENCE and bytes_in(path, Role.BODY) != expected:
                pass
            remarks = len([one for one in records_in(path) if isinstance(one, Annotation)])
            stack.close()
            near = stack.enter_context(plugged(link))
            while (
                clock.now() < PATIENCE and len([r for r in records_in(path) if isinstance(r, Annotation)]) < remarks + 2
            ):
                pass
        os.write(near, REQUEST)
        while clock.now() < PATIENCE and bytes_in(path, Role.BODY) != expected + REQUEST:
            pass
        recorder.send_signal(signal.SIGINT)
        recorder.communicate(timeout=PATIENCE)
    records = records_in(path)
    times = [one.at for one in records if one.at is not None]
    assert len(times) == len(records)
    assert times == sorted(times)
    assert bytes_in(path, Role.BODY) == (REQUEST + half) * 3 + REQUEST
    assert main(["decode", str(path), "--verify"]) in (0, 1)
    assert "verified: 4 valid frames" in capsys.readouterr().out


def test_sniff_tells_what_both_ends_say(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    with pty_pair() as (body, at_body), pty_pair() as (lens, at_lens):
        sniffer = start("sniff", f"serial:{at_body}", f"serial:{at_lens}", "--lines", "--record", str(path))
        wait_for(sniffer, "receives the", 2)
        os.write(body, REQUEST)
        assert sniffer.stdout is not None
        assert "body ─▶ 00  0B Query0B" in sniffer.stdout.readline()
        os.write(lens, REQUEST)
        assert "◀─ lens 00  0B Answer0B" in sniffer.stdout.readline()
        sniffer.send_signal(signal.SIGINT)
        _, err = sniffer.communicate(timeout=PATIENCE)
    assert sniffer.returncode == 130
    assert "2 valid frames" in err
    assert bytes_in(path, Role.BODY) == bytes_in(path, Role.LENS) == REQUEST


@pytest.mark.parametrize(("form", "told"), [("--json", '"kind":"frame"'), ("--fields", "value"), ("", "0B Query0B")])
def test_sniff_in_every_form(form: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(open_transport("pty:", role=Role.BODY, baudrate=750_000)) for _ in Role]
        timers = [
            threading.Timer(0.3, port.send, (Transmit(data),))
            for port, data in zip(ports, (REQUEST, ANSWER), strict=True)
        ]
        for timer in timers:
            timer.start()
        words = [f"serial:{port.name}" for port in ports] + ([form] if form else [])
        assert main(["sniff", *words, "--duration", "0.8"]) == 0
        for timer in timers:
            timer.join()
    assert told in capsys.readouterr().out


def heard_by(port: Transport, count: int) -> bytes:
    clock, heard = MonotonicClock(), b""
    while len(heard) < count and clock.now() < PATIENCE:
        heard += b"".join(event.data for event in port.receive(0.1) if isinstance(event, Received))
    return heard


def test_bridge_passes_on_records_and_tells(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "a.lmx"
    with ExitStack() as stack:
        body, lens = (stack.enter_context(open_transport("pty:", role=role, baudrate=750_000)) for role in Role)
        bridge = start("bridge", f"serial:{body.name}", f"serial:{lens.name}", "--record", str(path), "--story")
        wait_for(bridge, "body on ")
        body.send(Transmit(REQUEST * 20))
        assert heard_by(lens, 20 * len(REQUEST)) == REQUEST * 20
        lens.send(Transmit(ANSWER * 20))
        assert heard_by(body, 20 * len(ANSWER)) == ANSWER * 20
        bridge.send_signal(signal.SIGINT)
        out, err = bridge.communicate(timeout=PATIENCE)
    assert bridge.returncode == 130
    assert "0B Query0B" in out
    assert "passed on 220 bytes of the body, 260 of the lens" in err
    assert bytes_in(path, Role.BODY) == REQUEST * 20
    assert bytes_in(path, Role.LENS) == ANSWER * 20


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "session.lmx"
    assert main(["loopback", "--seed", "3", "--do", "wait 0.1; sleep", "--quiet", "--record", str(path)]) == 0
    return path


def test_replay_plays_an_end_in_its_own_time(start: Start, recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sent = bytes_in(recording, Role.LENS)
    with open_transport("pty:", role=Role.BODY, baudrate=750_000) as peer:
        heard: list[bytes] = []
        thread = threading.Thread(target=lambda: heard.append(heard_by(peer, len(sent))))
        thread.start()
        assert main(["replay", str(recording), "--port", f"serial:{peer.name}", "--as", "lens"]) == 4
        thread.join()
    assert heard == [sent]
    out = capsys.readouterr().out
    assert "session.lmx as lens on " in out
    assert "deadlines met late by" in out
    assert "0 frames of the peer passed over" in out


def test_replay_waits_for_a_peer_that_stays_silent_and_says_so(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_transport("pty:", role=Role.LENS, baudrate=750_000) as peer:
        words = ["--port", f"serial:{peer.name}", "--as", "body", "--wait", "--patience", "0"]
        assert main(["replay", str(recording), *words]) == 1
    out = capsys.readouterr().out
    assert "the peer did not send or set a frame 01" in out
    assert "of the peer's missed" in out


def test_two_replays_of_a_recording_find_each_other(start: Start, recording: Path, tmp_path: Path) -> None:
    link = tmp_path / "wire"
    lens = start("replay", str(recording), "--port", f"pty:{link}", "--as", "lens", "--wait", "--patience", "15")
    clock = MonotonicClock()
    while not link.is_symlink():
        assert clock.now() < PATIENCE
    copy = tmp_path / "again.lmx"
    words = ["--as", "body", "--wait", "--patience", "15", "--record", str(copy)]
    assert main(["replay", str(recording), "--port", f"serial:{link}", *words]) == 0
    _, err = lens.communicate(timeout=PATIENCE)
    assert lens.returncode == 0, err
    for role in Role:
        assert bytes_in(copy, role) == bytes_in(recording, role)


def test_replay_sends_nothing_that_can_hurt_unless_it_is_allowed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dialect = load_dialect("emount")
    frame = dialect.build_frame(bytes([0x7F, 1, 2, 3]), 1, 0)
    path = tmp_path / "odd.frames.jsonl"
    path.write_text(json.dumps({"t_us": 1, "dir": "body", "baud": 750_000, "hex": frame.hex()}) + "\n")
    with pty_pair() as (near, port):
        os.set_blocking(near, False)
        words = ["replay", str(path), "--port", f"serial:{port}", "--as", "body"]
        assert main(words) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "an unknown message of type 0x7f; allow by name what is meant" in line
        with pytest.raises(BlockingIOError):
            os.read(near, 1)
        assert main([*words, "--allow", "0x7f"]) == 0
        assert os.read(near, 100) == frame


def test_run_reconnects_and_records_the_gap(start: Start, tmp_path: Path) -> None:
    path, link = tmp_path / "a.lmx", tmp_path / "adapter"
    with ExitStack() as stack:
        stack.enter_context(plugged(link))
        words = ["--profile", "sel55210", "--port", f"serial:{link}", "--reconnect", "--record", str(path)]
        lens = start("run", "lens", *words, "--duration", "30")
        assert lens.stdout is not None
        assert "as lens on" in lens.stdout.readline()
        stack.close()
        told = lens.stdout.readline()
        while told and "waiting for it to come back" not in told:
            told = lens.stdout.readline()
        stack.enter_context(plugged(link))
        while told and "the port is back after" not in told:
            told = lens.stdout.readline()
        lens.send_signal(signal.SIGINT)
        lens.communicate(timeout=PATIENCE)
    assert "what came meanwhile is missing" in told
    assert len([one for one in records_in(path) if isinstance(one, Annotation)]) == 2


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["record", "serial:/dev/no-such-port", "--to", "{folder}/a.lmx"], 4, "no such port /dev/no-such-port"),
        (
            ["record", "/dev/ttyUSB0", "--to", "{folder}/a.lmx"],
            2,
            "has no scheme; write serial:/dev/ttyUSB0, or SCHEME:",
        ),
        (["record", "pty:", "--to", "{folder}/no/a.lmx"], 3, "No such file or directory"),
        (
            ["record", "serial:/dev/x?rts=LENS_CS", "--to", "{folder}/a.lmx"],
            2,
            "who listens drives nothing; leave rts=",
        ),
        (["record", "serial:/dev/x?cts=VD&dsr=VD", "--to", "{folder}/a"], 2, "line 'VD' is wired to both cts and dsr"),
        (["record", "serial:/dev/no-such-port?rts=inactive&dtr=active", "--to", "{folder}/a"], 4, "no such port"),
        (["sniff", "pty:", "serial:/dev/x?rts=A&dtr=active"], 2, "leave rts= out, or hold them: active or inactive"),
        (["sniff", "pty:", "serial:/dev/x?rts=A&dtr=B"], 2, "leave rts= and dtr= out"),
        (["sniff", "pty:", "serial:/dev/no-such-port"], 4, "no such port"),
        (["bridge", "pty:", "serial:/dev/no-such-port"], 4, "no such port"),
        (["bridge", "pty:", "carrier-pigeon:x"], 2, "unknown scheme 'carrier-pigeon'"),
        (
            ["sniff", "serial:/dev/x", "serial:/dev/x"],
            2,
            "'serial:/dev/x' is the same port; the body and the lens have",
        ),
        (["bridge", "serial:/dev/x?rts=VD", "serial:/dev/x"], 2, "is the same port"),
        (["record", "tcp:h:1", "--also", "tcp://h:1", "--to", "{folder}/a"], 2, "is the same port"),
        (["bridge", "serial:/dev/null", "serial:{folder}/link"], 2, "is the same port"),
        (["sniff", "board:A", "board:A"], 2, "is the same port"),
        (["doctor", "pty:"], 2, "nothing to examine; name a path"),
        (["doctor", "loop://", "--dialect", "zmount"], 2, "unknown dialect 'zmount'"),
        (["replay", "{folder}/none.lmx"], 3, "No such file"),
        (["replay", "{session}", "--port", "pty:"], 2, "give both --port SPEC and --role body or lens"),
        (["replay", "{session}", "--as", "lens"], 2, "give both --port SPEC and --role body or lens"),
        (["replay", "{session}", "--as", "lens", "--port", "serial:/dev/no-such-port"], 4, "no such port"),
        (["replay", "{session}", "--as", "body", "--port", "pty:", "--allow", "Format"], 2, "unknown guarded message"),
    ],
)
def test_bad_input_is_one_line_with_an_exit_code(
    words: list[str], code: int, text: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link").symlink_to("/dev/null")
    capsys.readouterr()
    assert main([word.format(folder=tmp_path, session=recording) for word in words]) == code
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("lensmount: ")
    assert text in line


def test_a_busy_port_is_reported_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pty_pair() as (_, path), open_transport(f"serial:{path}", role=Role.LENS, baudrate=750_000):
        for words in (
            ["record", f"serial:{path}", "--to", str(tmp_path / "a.lmx")],
            ["bridge", f"serial:{path}", "pty:"],
        ):
            assert main(words) == 4
            (line,) = capsys.readouterr().err.strip().splitlines()
            assert "the port is busy; close the program that holds it" in line


def test_a_rate_that_the_adapter_cannot_do_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serial_port, "actual_baudrate", lambda _descriptor: 921_600)
    with pty_pair() as (_, path):
        assert main(["record", f"serial:{path}", "--to", str(tmp_path / "a.lmx")]) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "at 750000 baud: it makes 921600 baud of it; take an adapter that can" in line


def test_a_forbidden_port_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(self: object) -> None:
        raise serial_port.serial.SerialException(13, "could not open port")

    monkeypatch.setattr(serial_port.serial.Serial, "open", refuse)
    assert main(["bridge", "serial:/dev/ttyUSB0", "pty:"]) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "no permission; join the group that owns it (often dialout or uucp)" in line


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
