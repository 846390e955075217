"""Nothing is driven into an end that is not there or has no power, whatever the host orders, whenever the lens goes."""

from random import Random
from typing import Any

import pytest

from lensmount_hardware.boards.protocol.constants import LineKind, SafeStateReason
from lensmount_protocol.wire import DriveLine, SetBaudrate, Transmit

RAILS = ("POWER", "MOTOR")
MOMENTS = 1000


def watch(pair: Any, broken: list[str]) -> None:
    """Check every edge of the body's board, and pass it on to the lens's."""
    board, names, pass_on = pair.body_board, pair.body._pin_map.names, pair.body_board.on_drive

    def drove(line: int, level: bool, at_us: int) -> None:
        wire = board.simulated_lines
        if level and not wire.present:
            broken.append(f"{names[line]} driven at {at_us} µs without a lens")
        if level and names[line] not in RAILS and not wire.powered:
            broken.append(f"{names[line]} driven at {at_us} µs into an unpowered lens")
        if level and names[line] == "MOTOR" and not wire.pins[1].level:
            broken.append(f"MOTOR on at {at_us} µs before POWER")
        pass_on(line, level, at_us)

    board.on_drive = drove


def any_order(random: Random) -> Any:
    line = random.choice(("POWER", "POWER", "MOTOR", "SYNC", "BODY_CS", "TXD"))
    return random.choice(
        (
            DriveLine(line, True),
            DriveLine(line, random.random() < 0.8),
            Transmit(random.randbytes(random.randint(1, 300))),
            SetBaudrate(random.choice((115_200, 750_000, 1_500_000))),
        )
    )


def test_a_lens_that_goes_at_any_moment_leaves_lines_at_rest_and_rails_off_within_two_milliseconds(pair: Any) -> None:
    random, broken = Random(11), list[str]()
    watch(pair, broken)
    contacts = pair.body_board.simulated_lines.pins
    ours = [contact for contact in contacts if contact.driven]
    away = 0
    for _ in range(MOMENTS):
        pair.lens.send(DriveLine("DETECT", False))
        pair.settle(0.012)
        pair.body.send(DriveLine("POWER", True))
        for _ in range(random.randint(0, 6)):
            pair.body.send(any_order(random))
            pair.bench.advance(random.random() ** 2 * 5e-3)
        away += any(contact.level for contact in ours)
        pair.lens.send(DriveLine("DETECT", True))
        pair.bench.advance(0.002)
        assert not [contact.number for contact in ours if contact.level]
        pair.body.send(any_order(random))
        pair.settle(0.001)
        assert not [contact.number for contact in ours if contact.level]
        assert pair.body.state.reason in (SafeStateReason.ABSENT, SafeStateReason.SUPPLY)
    assert broken == []
    assert away > MOMENTS / 2


def test_a_contact_that_bounces_is_no_lens(pair: Any) -> None:
    """A filter must have seen a lens for all of its time: half a bounce is nothing."""
    for _ in range(50):
        pair.body_board.on_line_level(0, False)
        pair.bench.advance(0.009)
        pair.body_board.on_line_level(0, True)
        pair.bench.advance(0.0001)
    assert not pair.body_board.simulated_lines.present
    pair.body_board.on_line_level(0, False)
    pair.bench.advance(0.011)
    assert pair.body_board.simulated_lines.present
    for _ in range(20):
        pair.body_board.on_line_level(0, True)
        pair.bench.advance(0.0003)
        pair.body_board.on_line_level(0, False)
        pair.bench.advance(0.0006)
    assert pair.body_board.simulated_lines.present


@pytest.mark.parametrize(("open_s", "closed_s"), [(0.0003, 0.0001), (0.00002, 0.0004), (0.000005, 0.000005)])
def test_a_contact_that_chatters_cuts_the_supply_within_twice_the_filter(
    pair: Any, open_s: float, closed_s: float
) -> None:
    """No level lasts as long as the filter of absence, 500 us: what lasts is that nothing does."""
    pair.lens.send(DriveLine("DETECT", False))
    pair.settle(0.012)
    pair.body.send(DriveLine("POWER", True))
    pair.settle(0.002)
    supply = next(
        one for one in pair.body_board.simulated_lines.pins if one.driven and one.mapped.kind == LineKind.SUPPLY
    )
    assert supply.level
    began = pair.body_board.simulated_lines.now_us
    while supply.level:
        pair.body_board.on_line_level(0, True)
        pair.bench.advance(open_s)
        pair.body_board.on_line_level(0, False)
        pair.bench.advance(closed_s)
        assert pair.body_board.simulated_lines.now_us - began <= 1000 + 400
    assert not pair.body_board.simulated_lines.present
    pair.bench.advance(0.011)
    assert pair.body_board.simulated_lines.present, "the contact has settled"
