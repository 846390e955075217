"""Contacts to a board's configuration: pins, kinds, flags, and what is wrong with an option."""

from collections.abc import Callable
from typing import Any

import pytest

from lensmount_hardware.boards.protocol.commands import MappedLine
from lensmount_hardware.boards.protocol.constants import BoardRole, ConfigureFlag, LineFlag, LineKind
from lensmount_protocol.errors import TransportSpecError
from lensmount_protocol.wire import Role

Planned = Callable[..., Any]


def mapped(plan: Any) -> dict[str, MappedLine]:
    return dict(zip(plan.names, plan.configure.lines, strict=True))


def test_a_body_switches_rails_and_looks_for_a_lens(planned: Planned) -> None:
    plan = planned(BoardRole.BODY)
    assert plan.names[:3] == ("DETECT", "POWER", "MOTOR")
    lines = mapped(plan)
    assert lines["DETECT"] == MappedLine(6, LineKind.PRESENCE, LineFlag.PULL_UP)
    assert lines["POWER"] == MappedLine(7, LineKind.SUPPLY, LineFlag.OUTPUT)
    assert lines["MOTOR"] == MappedLine(8, LineKind.RAIL, LineFlag.OUTPUT)
    assert lines["TXD"] == MappedLine(0, LineKind.DATA, LineFlag.OUTPUT)
    assert lines["RXD"] == MappedLine(1, LineKind.DATA, LineFlag.PULL_DOWN)
    assert plan.queued_lines == {"BODY_CS", "TXD"}
    assert list(plan.senders.values()) == [Role.LENS]
    assert plan.configure.timing.presence_us == 10_000


def test_a_lens_looks_for_the_supply_and_grounds_detect(planned: Planned) -> None:
    plan = planned(BoardRole.LENS)
    lines = mapped(plan)
    assert lines["DETECT"].flags == LineFlag.OUTPUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH
    assert lines["POWER"] == MappedLine(7, LineKind.SUPPLY, LineFlag.PULL_DOWN)
    assert lines["RXD"].gpio == 0
    assert lines["TXD"].gpio == 1
    assert plan.configure.timing.presence_us == 1000


def test_a_sniffer_drives_nothing_and_pulls_nothing(planned: Planned) -> None:
    plan = planned(BoardRole.SNIFFER)
    assert not any(line.flags for line in plan.configure.lines)
    assert plan.outputs == {}
    pins = {sender: plan.configure.lines[number].gpio for number, sender in plan.senders.items()}
    assert pins == {Role.BODY: 1, Role.LENS: 5}


def test_options_move_pins_turn_polarity_and_set_times(planned: Planned) -> None:
    plan = planned(
        BoardRole.BODY, "?BODY_CS=!20&MOTOR=none&setup_us=33&watchdog_ms=500&unguarded=1&take_over=1&absence_us=900"
    )
    lines = mapped(plan)
    assert lines["BODY_CS"] == MappedLine(20, LineKind.ATTENTION, LineFlag.OUTPUT | LineFlag.INVERTED)
    assert "MOTOR" not in lines
    assert "MOTOR" not in plan.lines
    timing = plan.configure.timing
    assert (timing.setup_us, timing.watchdog_ms, timing.absence_us) == (33, 500, 900)
    assert plan.configure.flags == ConfigureFlag.NO_INTERLOCK
    assert plan.take_over


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("?BODY_CS=7", "pin 7 is given to both POWER and BODY_CS"),
        ("?BODY_CS=7&BODY_CS=8", "option 'BODY_CS' is given twice"),
        ("?BODY_CS=x", "BODY_CS=x: write a pin from 0 to 47, !PIN, or none"),
        ("?BODY_CS=48", "write a pin from 0 to 47"),
        ("?NO_LINE=3", "unknown option 'NO_LINE'; known: BODY_CS, DETECT"),
        ("?absence_us=1001", "absence_us is '1001', not a whole number from 0 to 1000"),
        ("?watchdog_ms=3", "watchdog_ms is 3; write 0 for none, or at least 50"),
        ("?unguarded=yes", "unguarded is 'yes'"),
    ],
)
def test_what_means_nothing_is_reported_in_one_line(planned: Planned, options: str, told: str) -> None:
    with pytest.raises(TransportSpecError) as error:
        planned(BoardRole.BODY, options)
    assert told in str(error.value)
    assert str(error.value).isprintable()
