"""What the ends say of their rate: an order and its acceptance make a change, and nothing else does."""

import pytest

from lensmount_protocol.baudrate import BaudrateNegotiation
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.identification import SpeedReply, SpeedRequest
from lensmount_protocol.dialects.lmount.framing import EVENT, ORDER
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, SetBaudrateCommand, Sleep
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


def agreed(dialect: Dialect, *said: tuple[Role, int, Message]) -> list[int | None]:
    agreement = BaudrateNegotiation(dialect.parse_baudrate_message)
    return [agreement.observe(sender, class_, [message]) for sender, class_, message in said]


ORDERED = (Role.BODY, ORDER, SetBaudrateCommand(number=7, baudrate=750_000))


def answer(message: Message, class_: int = ORDER) -> tuple[Role, int, Message]:
    return Role.LENS, class_, message


@pytest.mark.parametrize(
    ("heard", "baudrate"),
    [
        (answer(CommandDone(number=7, order=SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED)), 750_000),
        (answer(CommandDone(number=8, order=SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED)), None),
        (answer(CommandDone(number=7, order=Sleep.TYPE, outcome=Outcome.ACCEPTED)), None),
        (answer(CommandDone(number=7, order=SetBaudrateCommand.TYPE, outcome=Outcome.STOPPED)), None),
        (answer(CommandDone(number=7, order=SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED), EVENT), None),
        (answer(CommandRejected(number=7, order=SetBaudrateCommand.TYPE)), None),
    ],
)
def test_on_the_open_model_the_acceptance_of_the_order_makes_the_change(
    heard: tuple[Role, int, Message], baudrate: int | None
) -> None:
    assert agreed(load_dialect("lmount"), ORDERED, heard) == [None, baudrate]


def test_a_refused_order_is_over_and_an_answer_alone_says_nothing() -> None:
    dialect = load_dialect("lmount")
    accepted = answer(CommandDone(number=7, order=SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED))
    assert (
        agreed(dialect, ORDERED, answer(CommandRejected(number=7, order=SetBaudrateCommand.TYPE)), accepted)[-1] is None
    )
    assert agreed(dialect, accepted) == [None]
    # An order that was repeated is answered twice, and changes the rate once.
    assert agreed(dialect, ORDERED, ORDERED, accepted, accepted) == [None, None, 750_000, None]


@pytest.mark.parametrize(("accepted", "baudrate"), [(1, 1_500_000), (3, 1_500_000), (0, None)])
def test_on_an_e_mount_the_reply_says_whether_the_lens_follows(accepted: int, baudrate: int | None) -> None:
    said = agreed(load_dialect("emount"), (Role.BODY, 2, SpeedRequest()), (Role.LENS, 2, SpeedReply(accepted=accepted)))
    assert said == [None, baudrate]
