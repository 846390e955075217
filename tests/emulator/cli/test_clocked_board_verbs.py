"""The verbs on a board of a clocked mount: a session, a recording, listening to both ends, and an examination."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.flash import bundled_image
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.commands import ReplyCommand, TimeRequest
from lensmount_hardware.boards.protocol.constants import BoardRole
from lensmount_hardware.boards.protocol.framing import BoardFrame
from lensmount_hardware.boards.protocol.message import BoardMessage
from lensmount_hardware.boards.simulator.bench import connect_boards
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Role

DIALECT = load_dialect("fuji-g")
WORDS = ("00003fc6", "08108022", "00000000", "0800bfd8")
ANSWERS = ("00000000", "0800bfd8", "00003fc6", "08008012")
DAMAGED = "ffffffff"
Serve = Callable[..., Any]


def numbers(role: BoardRole) -> dict[str, int]:
    names = make_pin_map(parse_spec("board:x"), get_contacts(DIALECT), role, 1).names
    return {line: number for number, line in enumerate(names)}


def bursts_in(path: Path, sender: Role) -> list[Burst]:
    records = open_capture(path, DIALECT.wiring).records
    return [one for one in records if isinstance(one, Burst) and one.sender is sender]


def clock(board: BoardSimulator, line: dict[str, int], *pairs: tuple[str, str]) -> None:
    """Clock a session's words; a pair has the body's and, for a board that listens, the lens's."""
    for body, lens in pairs:
        values = {line["BODY_DATA"]: bytes.fromhex(body)}
        if lens:
            values[line["LENS_DATA"]] = bytes.fromhex(lens)
        board.answer_burst(values, board.now_us)
        board.set_time(board.now_us + 450)


class ScriptedBoard(BoardSimulator):
    """A board whose other end takes the steps of a script, each when the host has asked for the time after its need.

    Attributes:
        steps: what each step needs, and what it does; the script begins anew with each configuration.
    """

    steps: tuple[tuple[Callable[["ScriptedBoard"], bool], Callable[["ScriptedBoard"], object]], ...] = ()
    replies = 0
    done = 0

    def _handle_message(self, frame: BoardFrame, message: BoardMessage) -> None:
        super()._handle_message(frame, message)
        if isinstance(message, ReplyCommand):
            self.replies += 1
        if not self.configured:
            self.replies = self.done = 0
        elif isinstance(message, TimeRequest) and self.done < len(self.steps) and self.steps[self.done][0](self):
            self.done += 1
            self.steps[self.done - 1][1](self)


def is_configured(board: ScriptedBoard) -> bool:
    return board.shifter is not None


def has_replies(board: ScriptedBoard) -> bool:
    return board.replies > 0


def test_sniff_and_record_take_both_ends(served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    line, model = numbers(BoardRole.SNIFFER), ScriptedBoard()
    exchange = tuple(zip(WORDS, ANSWERS, strict=True))
    model.steps = ((is_configured, lambda one: clock(one, line, *exchange)),)
    board = served(model)
    for verb, option in (("sniff", "--record"), ("record", "--to")):
        path = tmp_path / f"{verb}.lmx"
        port = ["--port", board.spec] if verb == "sniff" else [board.spec]
        assert main([verb, *port, "--dialect", "fuji-g", "--duration", "0.7", option, str(path)]) == 0
        heard = {role: bursts_in(path, role) for role in Role}
        assert tuple(one.data.hex() for one in heard[Role.BODY]) == WORDS
        assert tuple(one.data.hex() for one in heard[Role.LENS]) == ANSWERS
        times = [one.at or 0.0 for one in heard[Role.BODY]]
        assert [later - at for at, later in pairwise(times)] == pytest.approx([450e-6] * 3, abs=3e-6)
        capsys.readouterr()
        assert main(["decode", str(path), "--dialect", "fuji-g", "--verify"]) == 0


def test_run_answers_by_the_board_and_reports_a_clock_that_came_first(
    served: Serve, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    line, model, path = numbers(BoardRole.LENS), ScriptedBoard(), tmp_path / "lens.lmx"
    model.steps = (
        (is_configured, lambda one: one.on_line_level(line["SUPPLY"], True)),
        (has_replies, lambda one: clock(one, line, *((word, "") for word in (*WORDS, DAMAGED, WORDS[0])))),
    )
    words = ["run", "lens", "--profile", "gf45", "--port", served(model).spec, "--duration", "1"]
    main([*words, "--record", str(path)])
    out = capsys.readouterr().out
    assert "the lens has loaded nothing: it shifts out 0x00" in out
    assert "defect of lensmount" not in capsys.readouterr().err
    assert [one.data.hex() for one in bursts_in(path, Role.BODY)] == [*WORDS, DAMAGED, WORDS[0]]
    answers = [one.data.hex() for one in bursts_in(path, Role.LENS)]
    assert answers == [*ANSWERS, "00000000", "00000000"], "the board answers by itself, and not what makes no sense"


def test_firmware_and_ports_without_a_clock_are_named_in_one_line(
    served: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    old = served(BoardSimulator(plays_clocked=False))
    assert main(["run", "lens", "--profile", "gf45", "--port", old.spec, "--duration", "1"]) == 4
    err = capsys.readouterr().err
    assert "the board's firmware is older and plays no clocked mount; put the firmware of this package on it" in err
    assert err.count("\n") == 1
    assert main(["run", "lens", "--profile", "gf45", "--port", "pty:", "--duration", "1"]) == 2
    err = capsys.readouterr().err
    assert "it has no line for the clock CLK; a clocked mount needs board:SERIAL" in err
    assert err.count("\n") == 1


def test_doctor_examines_the_clock_of_a_board(served: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    board = served(BoardSimulator(firmware=bundled_image()[1].removeprefix("revision ").encode()))
    doctor = ["doctor", board.spec, "--dialect", "fuji-g"]
    assert main(doctor) == 0
    assert "note  clock           plays clocked mounts; 1499600 bit/s not tried" in capsys.readouterr().out

    def join(one: BoardSimulator) -> None:
        connect_boards(one, one, [(one, 0, 1)])
        one.on_clock = lambda data, _begin: data

    board.at(join)
    assert main([*doctor, "--loopback-jumpers"]) == 0
    assert "ok    clock           100 of 100 bursts came back at 1499600 bit/s" in capsys.readouterr().out
    assert main(["doctor", served(BoardSimulator(plays_clocked=False)).spec, "--dialect", "fuji-g"]) == 1
    out = capsys.readouterr().out
    assert "WRONG clock           its firmware is older and plays no clocked mount" in out
    assert "-> lensmount flash" in out
