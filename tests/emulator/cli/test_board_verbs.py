"""The verbs on a board, as a person uses them: lists, examinations, sessions, and one line for all that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware import serial_devices
from lensmount_hardware.boards import byte_stream, session
from lensmount_hardware.boards.flash import bundled_image
from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.commands import Bootloader, Configure, Timing
from lensmount_hardware.boards.protocol.constants import BoardRole, LossKind
from lensmount_hardware.boards.protocol.reports import DataLost, TransmitLate
from lensmount_hardware.boards.simulator.bench import connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, WireRecord

from .conftest import NO_WATCHDOG, ServedBoard  # noqa: TID252  helpers of this folder

EMOUNT = load_dialect("emount")
REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER = bytes.fromhex("f00d0002000900000000180055")
LENS = ("run", "lens", "--profile", "sel55210")
Serve = Callable[..., Any]


def records_in(path: Path) -> list[WireRecord]:
    return list(open_capture(path, EMOUNT.wiring).records)


def numbers(role: BoardRole) -> dict[str, int]:
    names = make_pin_map(parse_spec("board:x"), get_contacts(EMOUNT), role, 750_000).names
    return {line: number for number, line in enumerate(names)}


def test_boards_tells_what_a_board_says_of_itself(
    served: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    board = served(BoardSimulator(firmware=b"1.0+abc", max_lines=12))
    port = SimpleNamespace(
        device=board.spec.removeprefix("board:"), vid=0x1209, pid=1, serial_number="00FF",
        manufacturer="lensmount", product="lensmount board",
    )  # fmt: skip
    monkeypatch.setattr(serial_devices.list_ports, "comports", lambda: [port])
    assert main(["boards"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("board:00FF\n")
    assert "plays body, lens, sniffer; firmware 1.0+abc, protocol 1\n  12 lines; 9600 to 3000000 baud" in out
    assert main(["boards", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["board"]
    assert (told["firmware"], told["lines"], told["highest_baudrate"]) == ("1.0+abc", 12, 3_000_000)
    assert main(["boards", "--closed"]) == 0
    assert "not asked" in capsys.readouterr().out
    board.plugged = False
    assert main(["boards"]) == 0
    assert "a lensmount board, and it cannot be asked: board:tcp//" in capsys.readouterr().out


def test_doctor_examines_a_board(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    board = served(BoardSimulator(firmware=bundled_image()[1].removeprefix("revision ").encode()))
    board.at(lambda one: connect_boards(one, one, [(one, 0, 1), (one, 2, 3)]))
    assert main(["doctor", board.spec, "--jumpers", "--histograms"]) == 0
    out = capsys.readouterr().out
    for told in (
        "ok    handshake       it answers",
        "ok    firmware        revision 1.0+",
        "ok    limits          16 lines, 9600 to 3000000 baud",
        "100 of 100 messages came back at 750000 baud; 100 of 100 messages came back at 1500000 baud",
        "ok    control lines   GP6 to GP7 follows, both ways",
        "200 round trips, p50",
        "round trip of a question, 200 times",
        "crcmod",
    ):
        assert told in out
    assert main(["doctor", board.spec, "--json"]) == 0
    told_json = json.loads(capsys.readouterr().out)
    checks = {one["check"]: one for one in told_json["findings"]}
    assert sum(told_json["round_trip_us"].values()) == 200
    assert checks["control lines"]["verdict"] == "note"
    assert "join GP0 with GP1 and GP6 with GP7, and add --loopback-jumpers" in checks["rates"]["advice"]


def test_doctor_says_what_is_wrong_with_a_board(
    served: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["doctor", served(BoardSimulator(baudrates=(9600, 115_200))).spec]) == 1
    out = capsys.readouterr().out
    assert "WRONG rates           cannot do 750000, 1500000 baud, only 9600 to 115200" in out
    assert "note  firmware        revision model, protocol 1; this package ships revision" in out
    assert "-> lensmount flash" in out
    assert main(["doctor", served().spec, "--jumpers"]) == 1
    out = capsys.readouterr().out
    assert "WRONG control lines   GP6 to GP7 does not follow" in out
    assert "0 of 3 messages came back at 750000 baud" in out
    assert main(["doctor", served(BoardSimulator(version=7)).spec]) == 1
    assert "WRONG handshake       board:tcp//" in (out := capsys.readouterr().out)
    assert "has version 7 of the protocol, this program has version 1" in out
    monkeypatch.setattr(byte_stream.list_ports, "comports", list)
    assert main(["doctor", "board:0123"]) == 1
    assert "WRONG port            there is no board:0123" in capsys.readouterr().out


def test_board_boot_sends_a_board_into_its_boot_mode(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[object] = []

    class Listening(BoardSimulator):
        def _handle_message(self, frame: Any, message: Any) -> None:
            heard.append(message)
            super()._handle_message(frame, message)

    board = served(Listening(firmware=b"0.9"))
    assert main(["board", "boot", "--port", board.spec]) == 0
    assert "which had revision 0.9, waits for firmware now: lensmount flash" in capsys.readouterr().out
    wait = MonotonicClock()
    while wait.now() < 5 and Bootloader() not in heard:
        pass
    assert Bootloader() in heard
    assert main(["board", "boot"]) == 2
    assert main(["board", "image", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bytes"] > 1000


def test_sniff_with_one_board_tells_both_ends(
    served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, board, line = tmp_path / "a.lmx", served(), numbers(BoardRole.SNIFFER)

    def speak(one: BoardSimulator) -> None:
        for data, select, said in (("TXD", "BODY_CS", REQUEST), ("RXD", "LENS_CS", ANSWER)):
            one.on_line_level(line[select], True)
            one.on_line_bytes(line[data], said + bytes(3), one.now_us, 750_000)
            one.set_time(one.now_us + 400)
            one.on_line_level(line[select], False)
        one._reports.count_loss(LossKind.EDGES, 2)
        one._report_state()

    board.steps = [(ServedBoard.is_in_session, lambda one: speak(one.board))]
    words = ["--port", f"{board.spec}{NO_WATCHDOG}", "--lines", "--duration", "2", "--record", str(path)]
    assert main(["sniff", *words]) == 1
    out, err = capsys.readouterr()
    assert "body ─▶ 00  0B Query0B" in out
    assert "◀─ lens 00  09" in out
    assert "[3 pad]" in out
    assert "# lost: 2 edges, because the board's queue was full" in out
    assert "receives both ends on board:tcp//" in err
    assert "14 bytes of the body, 16 of the lens" in err
    assert "failed: the recording is not complete: lost 2 edges, because the board's queue was full\n" in err
    records = records_in(path)
    assert {type(one) for one in records} == {Burst, Edge, ClockSync, DataLoss}
    rise = next(one for one in records if isinstance(one, Edge) and one.line == "BODY_CS" and one.level)
    fall = next(one for one in records if isinstance(one, Edge) and one.line == "BODY_CS" and one.at > rise.at)
    assert fall.at - rise.at == pytest.approx(400e-6, abs=1e-9)
    assert main(["decode", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "# the board's clock stood at " in shown
    assert "# lost: 2 edges" in shown


def test_a_board_receives_both_ends_so_a_second_port_is_refused(
    served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    board = served()
    assert main(["sniff", board.spec, "pty:"]) == 2
    assert "receives both ends; leave the other port out" in capsys.readouterr().err
    assert main(["sniff", "pty:"]) == 2
    assert "receives one end only; name a second port for the lens, or a board" in capsys.readouterr().err
    assert main(["sniff"]) == 2
    assert "name one board with --port board:SERIAL, or two ports" in capsys.readouterr().err
    path = tmp_path / "a.lmx"
    assert main(["record", board.spec, "--to", str(path), "--duration", "0.3", "--allow-silence"]) == 0
    assert any(isinstance(one, ClockSync) for one in records_in(path))


def test_run_tells_what_came_late_or_was_lost(
    served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path, board = tmp_path / "a.lmx", served()

    def trouble(one: BoardSimulator) -> None:
        one._reports.add(TransmitLate(1, 0, 130))
        one._reports.add(DataLost(LossKind.RECEIVED, 5))

    words = [*LENS, "--port", f"{board.spec}{NO_WATCHDOG}", "--duration", "2"]
    board.steps = [(ServedBoard.is_in_session, lambda one: trouble(one.board))]
    assert main([*words, "--record", str(path)]) == 4
    out = capsys.readouterr().out
    assert "# late on the board: " in out
    assert "done, but started 130 µs after its time" in out
    assert "# lost: 5 bytes received, because the board's queue was full" in out
    assert "\n1 commands that the board started late, or dropped because they were late\n" in out
    assert "\n5 lost: bytes received, because the board's queue was full\n" in out
    assert "\nfailed: the recording is not complete: lost 5 bytes received, because the board's queue was full\n" in out
    kinds = {type(one) for one in records_in(path)}
    assert {Annotation, DataLoss, ClockSync, Edge} <= kinds
    board.steps = [(ServedBoard.is_in_session, lambda one: trouble(one.board))]
    assert main([*words, "--json"]) == 4
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (told[0]["kind"], told[0]["keeps_time"]) == ("session", True)
    assert {"clock", "note", "drop"} <= {one["kind"] for one in told}
    assert told[-1]["kind"] == "summary"
    assert told[-1]["port"] == {
        "commands that the board started late, or dropped because they were late": 1,
        "lost: bytes received, because the board's queue was full": 5,
    }


def test_a_board_that_is_unplugged_ends_the_run_in_one_line(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    board = served()
    board.steps = [(ServedBoard.is_in_session, ServedBoard.unplug)]
    assert main([*LENS, "--port", f"{board.spec}{NO_WATCHDOG}", "--duration", "30"]) == 4
    out, err = capsys.readouterr()
    assert "0 errors" in out
    assert len(err.splitlines()) == 1
    assert err.startswith("lensmount: board:tcp//127.0.0.1:")
    assert "the board has gone: it closed the connection; its last frame was number " in err
    assert "µs of its clock" in err


def test_with_reconnect_the_recording_goes_on_and_says_what_is_missing(
    served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # So old that the clock of the restarted board is behind, however late the host finds it.
    path, board = tmp_path / "a.lmx", served(age_s=60.0)
    lines = numbers(BoardRole.LENS)

    def replug(one: ServedBoard) -> None:
        one.restart()
        one.plugged = True

    board.steps = [
        (ServedBoard.is_in_session, ServedBoard.unplug),
        (ServedBoard.is_alone, replug),
        (ServedBoard.is_in_session, lambda one: one.board.on_line_level(lines["VCC"], True)),
    ]
    words = [*LENS, "--port", f"{board.spec}{NO_WATCHDOG}", "--duration", "3", "--reconnect", "--record", str(path)]
    assert main(words) == 4
    out = capsys.readouterr().out
    assert "failed: nothing came from the body in " in out
    records = records_in(path)
    gone, came, anew = [one for one in records if isinstance(one, Annotation)]
    assert "its last frame was number " in gone.text
    assert "waiting for it to come back" in gone.text
    assert "the port is back after " in came.text
    assert anew.text == "the board had lost its power: its clock and its frame count have restarted"
    assert gone.text in out
    fixes = [one for one in records if isinstance(one, ClockSync)]
    assert any(one.at > gone.at for one in fixes)
    (edge,) = [one for one in records if isinstance(one, Edge) and one.line == "VCC" and one.level]
    assert edge.at > came.at > gone.at


def silent(board: BoardSimulator) -> bool:
    return board.simulated_lines is None or not any(
        one.level and not one.idle for one in board.simulated_lines.pins if one.driven
    )


class Garbage(BoardSimulator):
    """A board that answers, and never with a frame."""

    def receive(self, data: bytes) -> None:
        self._out += b"\x07garbage\x00" * 3


class Turncoat(BoardSimulator):
    """A board that greets well and then speaks garbage."""

    def _handle_message(self, frame: Any, message: Any) -> None:
        self._out += bytes(range(1, 200)) + b"\x00"


@pytest.mark.parametrize(
    ("board", "options", "code", "told"),
    [
        (BoardSimulator(version=9), "", 4, "has version 9 of the protocol, this program has version 1; put the"),
        (Garbage(), "", 4, "something else answers, "),
        (Turncoat(), "", 4, "the board answered HELLO and then no more; unplug it"),
        (BoardSimulator(baudrates=(9600, 115_200)), "", 4, "cannot do 750000 baud, only 9600 to 115200"),
        (BoardSimulator(max_lines=3), "", 4, "the board refuses CONFIGURE: the map is too long"),
        (BoardSimulator(), "?VD=35", 4, "there is no such pin, or it cannot do that; it is VD"),
        (BoardSimulator(), "?VD=7&BODY_CS=7", 2, "pin 7 is given to both "),
        (BoardSimulator(), "?VD=7&VD=8", 2, "option 'VD' is given twice"),
        (BoardSimulator(), "?VD=none&VCC=none", 4, "the map has no line of presence"),
        (BoardSimulator(), "?WD=7", 2, "WD"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_reported_in_one_line_and_the_wires_stay_at_rest(
    board: BoardSimulator, options: str, code: int, told: str,
    served: Serve, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(session, "REPLY_TIMEOUT", 0.5)
    one = served(board)
    moved: list[object] = []
    board.on_drive = lambda *what: moved.append(what)
    assert main([*LENS, "--port", f"{one.spec}{options}", "--duration", "1"]) == code
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert told in err
    assert moved == []
    assert silent(board)


def test_two_hosts_on_one_board(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    board = BoardSimulator()
    other = BoardLink(77)
    other.send_hello()
    board.receive(other.bytes_to_send())
    other.receive(board.bytes_to_send(), 0.0)
    other.send(Configure(BoardRole.SNIFFER, 0, 750_000, Timing(watchdog_ms=60_000), ()))
    board.receive(other.bytes_to_send())
    one = served(board)
    assert main([*LENS, "--port", one.spec, "--duration", "0.5"]) == 4
    err = capsys.readouterr().err
    assert "another host has the board; close the program that holds it, or take it over" in err
    assert len(err.splitlines()) == 1
    assert main([*LENS, "--port", f"{one.spec}?take_over=1", "--duration", "0.5"]) == 4
    assert capsys.readouterr().err == ""


def test_a_permission_that_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_self: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(byte_stream.serial.Serial, "open", refuse)
    assert main([*LENS, "--port", "board:/dev/null", "--duration", "1"]) == 4
    err = capsys.readouterr().err
    assert err == (
        "lensmount: /dev/null: no permission; join the group that owns it (often dialout or uucp) and log in again\n"
    )


def test_a_device_that_is_no_board(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*LENS, "--port", "board:/dev/null", "--duration", "1"]) == 4
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    assert main([*LENS, "--port", "board:/dev/no-such-board", "--duration", "1"]) == 4
    assert "no such port; connected: " in capsys.readouterr().err


def test_the_body_is_never_played_into_nothing(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    board = BoardSimulator()
    # Nobody is on the mount: the board's pull-up holds the contact of presence.
    plan = make_pin_map(parse_spec("board:x"), get_contacts(EMOUNT), BoardRole.BODY, 750_000)
    board.pins[plan.configure.lines[plan.names.index(EMOUNT.detect)].gpio] = True
    moved: list[object] = []
    board.on_drive = lambda *what: moved.append(what)
    one = served(board)
    words = ["run", "body", "--profile", "a6000", "--port", one.spec, "--duration", "0.8"]
    assert main(words) == 4
    out = capsys.readouterr().out
    assert "as body on board:tcp//" in out
    assert "failed: nothing came from the lens in " in out
    assert moved == []
