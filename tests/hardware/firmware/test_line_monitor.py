"""Who looks at every edge of these tests: that a wrong one is seen. Pins are moved past the core, as a bug would."""

import pytest

from lensmount_hardware.boards.protocol import commands as o
from lensmount_hardware.boards.protocol.constants import BoardRole, LineKind

PRESENCE_PIN, SUPPLY_PIN, RAIL_PIN, ATTENTION_PIN, LENS_ATTENTION_PIN, DATA_PIN, INVERTED_PIN = 6, 7, 8, 11, 14, 0, 15
FREE_PIN = 22
GRACE_US = 2000


def with_a_lens_but_no_power(core):
    core.greet()
    core.send(o.Configure(BoardRole.BODY, 0, 750_000, core.timing, core.body_lines))
    core.set_pin(PRESENCE_PIN, False)
    core.run(600)


@pytest.mark.parametrize(
    "move",
    [
        lambda core: core._sim.hal_pin_drive(ATTENTION_PIN, True),
        lambda core: core._sim.hal_pin_drive(RAIL_PIN, True),
        lambda core: core._sim.hal_pin_drive(INVERTED_PIN, False),
        lambda core: core._sim.hal_pin_to_uart(DATA_PIN, True, False),
    ],
    ids=["a line", "a rail", "an inverted line", "the data line"],
)
def test_what_is_driven_high_without_power_is_seen(core, move):
    with_a_lens_but_no_power(core)
    assert core.complaint() is None
    move(core)
    assert "driven high into an end without power" in core.complaint()
    core.send(o.EnterSafeState())
    core.complaint()


@pytest.mark.parametrize("pin", [FREE_PIN, LENS_ATTENTION_PIN])
@pytest.mark.parametrize("level", [False, True])
def test_what_is_not_ours_and_driven_is_seen(core, pin, level):
    core.start_body()
    core._sim.hal_pin_drive(pin, level)
    assert "no output of the map" in core.complaint()


def test_a_supply_that_goes_before_the_lines_is_seen(core):
    core.start_body()
    core.drive(4, 1)
    assert core.complaint() is None
    core._sim.hal_pin_drive(SUPPLY_PIN, False)
    assert core.complaint().endswith("GP11: driven high into an end without power")
    core.send(o.EnterSafeState())
    core.complaint()


def test_what_stays_on_behind_the_loss_of_presence_is_seen(core):
    core.start_body()
    core.set_pin(PRESENCE_PIN, True)
    core.run(1000)
    core._sim.hal_pin_drive(SUPPLY_PIN, True)
    assert core.complaint() is None, "within 2 ms a board may be on its way to rest"
    core.run(GRACE_US)
    assert core.complaint().endswith("GP7: not idle while the other end is absent")
    core._sim.hal_pin_drive(SUPPLY_PIN, False)
    core.complaint()


def test_a_lens_may_ground_presence_and_nothing_else(core):
    core.greet()
    core.send(o.Configure(BoardRole.LENS, 0, 750_000, core.timing, core.lens_lines))
    core.run(GRACE_US)
    assert core.lens_lines[0].kind == LineKind.PRESENCE
    core._sim.hal_pin_drive(PRESENCE_PIN, False)
    assert core.complaint() is None
    core._sim.hal_pin_drive(ATTENTION_PIN, True)
    assert "while the other end is absent" in core.complaint()
    core.send(o.EnterSafeState())
    core.complaint()
