"""The verbs that use ports, as a person uses them: what they write, exit codes, and one line for what is wrong."""

import json
import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware import serial_devices
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports import serial_port
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Received, Role, Transmit

from .conftest import (  # noqa: TID252  helpers of this folder
    ANSWER,
    REQUEST,
    TIMEOUT_S,
    Start,
    annotations_in,
    bytes_in,
    plugged,
    pty_pair,
    wait_for,
)


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
        _, err = sniffer.communicate(timeout=TIMEOUT_S)
    assert sniffer.returncode == 130
    assert "2 valid frames" in err
    assert bytes_in(path, Role.BODY) == bytes_in(path, Role.LENS) == REQUEST


@pytest.mark.parametrize(("form", "told"), [("--json", '"kind":"frame"'), ("--fields", "value"), ("", "0B Query0B")])
def test_sniff_in_every_form(form: str, told: str, start: Start) -> None:
    with pty_pair() as (body, at_body), pty_pair() as (lens, at_lens):
        sniffer = start("sniff", f"serial:{at_body}", f"serial:{at_lens}", *([form] if form else []))
        wait_for(sniffer, "receives the", 2)
        os.write(body, REQUEST)
        os.write(lens, ANSWER)
        assert sniffer.stdout is not None
        assert any(told in line for line in iter(sniffer.stdout.readline, ""))
        sniffer.send_signal(signal.SIGINT)
        sniffer.communicate(timeout=TIMEOUT_S)
    assert sniffer.returncode == 130


def heard_by(port: Transport, count: int) -> bytes:
    clock, heard = MonotonicClock(), b""
    while len(heard) < count and clock.now() < TIMEOUT_S:
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
        out, err = bridge.communicate(timeout=TIMEOUT_S)
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
        assert clock.now() < TIMEOUT_S
    copy = tmp_path / "again.lmx"
    words = ["--as", "body", "--wait", "--patience", "15", "--record", str(copy)]
    assert main(["replay", str(recording), "--port", f"serial:{link}", *words]) == 0
    _, err = lens.communicate(timeout=TIMEOUT_S)
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
        lens.communicate(timeout=TIMEOUT_S)
    assert "what came meanwhile is missing" in told
    assert len(annotations_in(path)) == 2


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
