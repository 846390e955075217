"""Power that adds up: classes, what goes first, and a supply that gives way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.power_budget import (
    BROWN_OUT_MV,
    DIAPHRAGM_BIT,
    FOCUS_BIT,
    STABILISER_BIT,
    PowerBudget,
    PowerReduction,
    Supply,
    estimate_focus_ma,
)
from lensmount_protocol.dialects.lmount.types import POWER_LIMITS_MA, PowerClass

currents = st.integers(0, 800)
budgets = st.builds(PowerBudget, idle_ma=currents, focus_ma=currents, diaphragm_ma=currents, stabiliser_ma=currents)


def lens(idle: int = 40, focus: int = 400, diaphragm: int = 60, stabiliser: int = 150) -> PowerBudget:
    return PowerBudget(idle_ma=idle, focus_ma=focus, diaphragm_ma=diaphragm, stabiliser_ma=stabiliser)


def all_at_work(budget: PowerBudget, reduction: PowerReduction) -> int:
    return budget.draw_ma(focus=True, diaphragm=True, stabiliser=True, reduction=reduction)


@pytest.mark.parametrize(
    ("focus", "needed"),
    [(100, PowerClass.NORMAL), (250, PowerClass.NORMAL), (251, PowerClass.HIGH), (651, PowerClass.EXTREME),
     (5000, PowerClass.EXTREME)],
)  # fmt: skip
def test_a_lens_asks_for_the_lowest_class_that_is_enough(focus: int, needed: PowerClass) -> None:
    assert lens(focus=focus).peak_ma == 250 + focus
    assert lens(focus=focus).needed == needed


def test_classes_rise_and_have_a_limit_each() -> None:
    assert list(POWER_LIMITS_MA) == list(PowerClass)
    assert list(POWER_LIMITS_MA.values()) == [0, 200, 500, 900, 1500]


@pytest.mark.parametrize(
    ("limit", "reduction", "draws"),
    [
        (650, PowerReduction(), 650),
        (649, PowerReduction(1.0, False, 1.0, STABILISER_BIT), 500),
        (499, PowerReduction(0.5, False, 1.0, STABILISER_BIT | FOCUS_BIT), 300),
        (299, PowerReduction(0.25, False, 1.0, STABILISER_BIT | FOCUS_BIT), 200),
        (199, PowerReduction(0.25, False, 0.5, STABILISER_BIT | FOCUS_BIT | DIAPHRAGM_BIT), 170),
        (169, PowerReduction(0.25, False, 0.25, STABILISER_BIT | FOCUS_BIT | DIAPHRAGM_BIT), 155),
        (154, PowerReduction(0.25, False, 0.25, STABILISER_BIT | FOCUS_BIT | DIAPHRAGM_BIT, 154), 154),
        (39, PowerReduction(0.25, False, 0.25, STABILISER_BIT | FOCUS_BIT | DIAPHRAGM_BIT, 39), 40),
    ],
)
def test_the_stabiliser_goes_first_and_the_diaphragm_last(limit: int, reduction: PowerReduction, draws: int) -> None:
    budget = lens()
    assert budget.reduce(limit) == reduction
    assert all_at_work(budget, reduction) == draws


def test_what_a_lens_has_not_got_is_not_left_out() -> None:
    assert lens(stabiliser=0).reduce(300) == PowerReduction(0.5, True, 1.0, FOCUS_BIT)
    assert lens(focus=0, stabiliser=0).reduce(99) == PowerReduction(1.0, True, 0.5, DIAPHRAGM_BIT)


def test_only_what_works_draws() -> None:
    budget, half = lens(), PowerReduction(0.5, False, 1.0, STABILISER_BIT | FOCUS_BIT)
    assert budget.draw_ma(focus=False, diaphragm=False, stabiliser=False, reduction=PowerReduction()) == 40
    assert budget.draw_ma(focus=True, diaphragm=False, stabiliser=False, reduction=PowerReduction()) == 440
    assert budget.draw_ma(focus=True, diaphragm=False, stabiliser=True, reduction=half) == 240


@given(budgets, st.integers(0, 3000), st.booleans(), st.booleans(), st.booleans())
def test_no_draw_is_above_the_limit_unless_idle_is(
    budget: PowerBudget, limit: int, focus: bool, diaphragm: bool, stabiliser: bool
) -> None:
    reduction = budget.reduce(limit)
    idle = budget.draw_ma(focus=False, diaphragm=False, stabiliser=False, reduction=reduction)
    draw = budget.draw_ma(focus=focus, diaphragm=diaphragm, stabiliser=stabiliser, reduction=reduction)
    assert idle <= draw <= min(budget.peak_ma, max(limit, idle))
    assert 0.25 <= reduction.focus_speed <= 1
    assert 0.25 <= reduction.diaphragm_speed <= 1


@given(budgets, st.integers(0, 3000), st.integers(0, 3000))
def test_a_higher_limit_never_leaves_out_more(budget: PowerBudget, one: int, other: int) -> None:
    less, more = (budget.reduce(limit) for limit in sorted((one, other)))
    assert less.focus_speed <= more.focus_speed
    assert less.diaphragm_speed <= more.diaphragm_speed
    assert less.stabiliser <= more.stabiliser
    assert less.bits & more.bits == more.bits


@given(budgets)
def test_the_class_that_it_needs_leaves_nothing_out(budget: PowerBudget) -> None:
    if budget.peak_ma <= POWER_LIMITS_MA[PowerClass.EXTREME]:
        assert budget.reduce(POWER_LIMITS_MA[budget.needed]) == PowerReduction()
    if budget.needed > PowerClass.NONE:
        assert POWER_LIMITS_MA[PowerClass(budget.needed - 1)] < budget.peak_ma


@pytest.mark.parametrize(("weight", "current"), [(0, 150), (215, 136), (985, 444), (3985, 900)])
def test_heavy_lenses_draw_more(weight: int, current: int) -> None:
    assert estimate_focus_ma(weight) == current


def test_a_prime_is_content_with_normal_and_a_kilogramme_asks_for_high() -> None:
    assert lens(focus=estimate_focus_ma(215), stabiliser=0).needed == PowerClass.NORMAL
    assert lens(focus=estimate_focus_ma(955), stabiliser=0).needed == PowerClass.HIGH
    assert lens(focus=estimate_focus_ma(985)).needed == PowerClass.HIGH


def test_a_supply_sags_and_then_gives_way() -> None:
    supply = Supply(500)
    assert [supply.voltage_mv(draw) for draw in (0, 250, 500)] == [6000, 5800, 5600]
    # Beyond its 500 mA the voltage falls to nothing over a quarter of that.
    assert [supply.voltage_mv(draw) for draw in (510, 550, 625, 9999)] == [5152, 3360, 0, 0]
    assert not supply.browns_out(517)
    assert supply.browns_out(518)


def test_a_weak_supply_browns_out_within_what_it_can_give() -> None:
    # 4.8 V at 1.5 A is just enough; a battery with twice the resistance is not.
    assert not Supply(1500).browns_out(1500)
    assert Supply(1500, sag_mv_per_a=1600).browns_out(800)


@given(st.integers(0, 2000), st.integers(0, 4000), st.integers(0, 4000))
def test_more_current_is_never_more_voltage(supply_ma: int, one: int, other: int) -> None:
    supply = Supply(supply_ma)
    less, more = sorted((one, other))
    assert 6000 >= supply.voltage_mv(less) >= supply.voltage_mv(more) >= 0
    assert supply.browns_out(more) == (supply.voltage_mv(more) < BROWN_OUT_MV)
