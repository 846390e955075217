"""Credit as both ends count it: each bound at its exact value, and sums that pass 2^32."""

import pytest

from lensmount_hardware.boards.flow_control import ReceiveCredit, SendCredit, signed_distance

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
    assert signed_distance(later, earlier) == distance


def test_an_allowance_spends_exactly_its_room() -> None:
    ours = SendCredit(100)
    assert (ours.available, ours.invalid_limits) == (100, 0)
    assert ours.consume(60)
    assert not ours.consume(41)
    assert ours.available == 40
    assert ours.consume(40)
    assert ours.available == 0
    assert ours.consume(0)
    assert not ours.consume(1)


def test_a_limit_may_stay_and_may_grow_to_what_was_spent_and_the_room() -> None:
    ours = SendCredit(100)
    ours.consume(30)
    ours.update_limit(100)
    ours.update_limit(130)
    assert (ours.available, ours.invalid_limits) == (100, 0)
    ours.update_limit(131)
    assert (ours.available, ours.invalid_limits) == (100, 1)
    ours.update_limit(129)
    assert (ours.available, ours.invalid_limits) == (100, 2)


def test_a_limit_that_is_spent_to_the_last_byte_may_be_repeated() -> None:
    ours = SendCredit(100)
    ours.consume(100)
    ours.update_limit(100)
    assert (ours.available, ours.invalid_limits) == (0, 0)


def test_credit_goes_on_behind_two_to_the_power_of_32() -> None:
    ours = SendCredit(100)
    # Most of the way is skipped: both ends count only sums.
    ours._spent, ours._limit = WHOLE - 50, 49
    assert ours.available == 99
    assert ours.consume(60)
    assert ours.available == 39
    ours.update_limit(110)
    assert (ours.available, ours.invalid_limits) == (100, 0)


def test_a_ledger_takes_what_its_limit_allows_and_not_a_byte_more() -> None:
    theirs = ReceiveCredit(100)
    assert (theirs.limit, theirs.occupied) == (100, 0)
    assert theirs.accept(60)
    assert not theirs.accept(41)
    assert theirs.accept(40)
    assert theirs.occupied == 100
    theirs.release(60)
    assert theirs.occupied == 40
    # What is free again counts when the other end knows.
    assert not theirs.accept(1)
    assert theirs.limit_update() == 160
    assert theirs.accept(60)
    assert not theirs.accept(1)


def test_a_new_limit_is_worth_a_message_from_a_quarter_of_the_room_on() -> None:
    theirs = ReceiveCredit(100)
    assert theirs.limit_update() is None
    theirs.accept(100)
    theirs.release(24)
    assert theirs.limit_update() is None
    theirs.release(1)
    assert theirs.limit_update() == 125
    assert theirs.limit_update() is None
    theirs.release(25)
    assert theirs.limit_update() == 150


def test_a_new_limit_is_worth_a_message_when_all_is_free() -> None:
    theirs = ReceiveCredit(100)
    theirs.accept(10)
    theirs.accept(10)
    theirs.release(10)
    assert theirs.limit_update() is None
    theirs.release(10)
    assert theirs.limit_update() == 120
    assert theirs.limit_update() is None


def test_a_limit_is_told_modulo_two_to_the_power_of_32() -> None:
    theirs = ReceiveCredit(100)
    theirs._used = theirs._freed = WHOLE - 40
    theirs._advertised = WHOLE - 40 + 100
    assert theirs.limit == 60
    theirs.accept(100)
    theirs.release(100)
    assert theirs.limit_update() == 160
