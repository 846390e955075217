"""Credit as both ends count it: each bound at its exact value, and sums that pass 2^32."""

import pytest

from lensmount_hardware.boards.credit import Allowance, Ledger, ahead

HALF, WHOLE = 2**31, 2**32


@pytest.mark.parametrize(
    ("later", "earlier", "distance"),
    [
        (0, 0, 0),
        (5, 3, 2),
        (3, 5, -2),
        (2, WHOLE - 3, 5),
        (WHOLE - 3, 2, -5),
        (HALF - 1, 0, HALF - 1),
        (HALF, 0, -HALF),
        (HALF + 1, 0, 1 - HALF),
    ],
)
def test_one_sum_is_ahead_of_another_as_a_signed_number(later: int, earlier: int, distance: int) -> None:
    assert ahead(later, earlier) == distance


def test_an_allowance_spends_exactly_its_room() -> None:
    ours = Allowance(100)
    assert (ours.left, ours.nonsense) == (100, 0)
    assert ours.spend(60)
    assert not ours.spend(41)
    assert ours.left == 40
    assert ours.spend(40)
    assert ours.left == 0
    assert ours.spend(0)
    assert not ours.spend(1)


def test_a_limit_may_stay_and_may_grow_to_what_was_spent_and_the_room() -> None:
    ours = Allowance(100)
    ours.spend(30)
    ours.allow(100)
    ours.allow(130)
    assert (ours.left, ours.nonsense) == (100, 0)
    ours.allow(131)
    assert (ours.left, ours.nonsense) == (100, 1)
    ours.allow(129)
    assert (ours.left, ours.nonsense) == (100, 2)


def test_a_limit_that_is_spent_to_the_last_byte_may_be_repeated() -> None:
    ours = Allowance(100)
    ours.spend(100)
    ours.allow(100)
    assert (ours.left, ours.nonsense) == (0, 0)


def test_credit_goes_on_behind_two_to_the_power_of_32() -> None:
    ours = Allowance(100)
    # Most of the way is skipped: both ends count only sums.
    ours._spent, ours._limit = WHOLE - 50, 49
    assert ours.left == 99
    assert ours.spend(60)
    assert ours.left == 39
    ours.allow(110)
    assert (ours.left, ours.nonsense) == (100, 0)


def test_a_ledger_takes_what_its_limit_allows_and_not_a_byte_more() -> None:
    theirs = Ledger(100)
    assert (theirs.limit, theirs.occupied) == (100, 0)
    assert theirs.take(60)
    assert not theirs.take(41)
    assert theirs.take(40)
    assert theirs.occupied == 100
    theirs.free(60)
    assert theirs.occupied == 40
    # What is free again counts when the other end knows.
    assert not theirs.take(1)
    assert theirs.news() == 160
    assert theirs.take(60)
    assert not theirs.take(1)


def test_a_new_limit_is_worth_a_message_from_a_quarter_of_the_room_on() -> None:
    theirs = Ledger(100)
    assert theirs.news() is None
    theirs.take(100)
    theirs.free(24)
    assert theirs.news() is None
    theirs.free(1)
    assert theirs.news() == 125
    assert theirs.news() is None
    theirs.free(25)
    assert theirs.news() == 150


def test_a_new_limit_is_worth_a_message_when_all_is_free() -> None:
    theirs = Ledger(100)
    theirs.take(10)
    theirs.take(10)
    theirs.free(10)
    assert theirs.news() is None
    theirs.free(10)
    assert theirs.news() == 120
    assert theirs.news() is None


def test_a_limit_is_told_modulo_two_to_the_power_of_32() -> None:
    theirs = Ledger(100)
    theirs._taken = theirs._freed = WHOLE - 40
    theirs._told = WHOLE - 40 + 100
    assert theirs.limit == 60
    theirs.take(100)
    theirs.free(100)
    assert theirs.news() == 160
