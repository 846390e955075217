"""Dialects: the registry, transition tables, and the rule for the baud rate."""

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from lensmount_protocol import dialect
from lensmount_protocol.connection import Connection, ReceivedFrame
from lensmount_protocol.dialect import BaudrateNegotiation, Dialect, TransitionTable, dialect_names, load_dialect
from lensmount_protocol.dialects.emount.identification import SpeedReply, SpeedRequest
from lensmount_protocol.dialects.lmount.framing import EVENT, ORDER
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected, SetBaudrateCommand, Sleep
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.errors import DialectError, LocalProtocolError, RemoteProtocolError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Received, Role

THIRD_PARTY = Path(__file__).parent / "third_party"


def offer(monkeypatch: pytest.MonkeyPatch, **offers: str) -> None:
    entries = [EntryPoint(name, value, dialect.ENTRY_POINTS) for name, value in offers.items()]

    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [entry for entry in entries if group == dialect.ENTRY_POINTS and name in (None, entry.name)]

    monkeypatch.setattr(dialect, "entry_points", entry_points)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(THIRD_PARTY))
    offer(monkeypatch, toy="lensmount_toy:TOY")
    yield load_dialect("toy")
    sys.modules.pop("lensmount_toy", None)


def test_the_built_in_dialect_is_there() -> None:
    assert "emount" in dialect_names()
    assert load_dialect("emount").name == "emount"


def test_an_unknown_dialect_lists_the_known_ones() -> None:
    with pytest.raises(DialectError, match=r"unknown dialect 'zmount'; known: .*emount"):
        load_dialect("zmount")


def test_a_dialect_of_another_package_speaks_through_our_floor(toy: Any) -> None:
    import lensmount_toy  # pyright: ignore[reportMissingImports]

    assert "toy" in dialect_names()
    body, lens = Connection(toy, Role.BODY), Connection(toy, Role.LENS)
    raw = body.send([lensmount_toy.Ping(number=7)], 0, 0)
    for byte in b"\x00\xa5" + raw:
        lens.receive(Received(bytes((byte,))), 0.001)
    arrivals = []
    while (event := lens.next_event()) is not None:
        arrivals.append(event)
    assert [type(event).__name__ for event in arrivals] == ["Garbage", "ReceivedFrame"]
    arrival = arrivals[-1]
    assert isinstance(arrival, ReceivedFrame)
    assert arrival.messages == [lensmount_toy.Ping(number=7)]
    assert lens.state == "ASKED"
    with pytest.raises(LocalProtocolError, match="ping by the body is not legal in state ASKED"):
        body.send([lensmount_toy.Ping()], 0, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no_such_module:X", "cannot be loaded"),
        ("lensmount_protocol.wire:NOTHING", "cannot be loaded"),
        ("lensmount_protocol.wire:Role", "not a Dialect"),
    ],
)
def test_an_offer_that_is_no_dialect_says_so(monkeypatch: pytest.MonkeyPatch, value: str, text: str) -> None:
    offer(monkeypatch, other=value)
    with pytest.raises(DialectError, match=text):
        load_dialect("other")


def test_a_name_offered_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, emount="somebody.else:EMOUNT")
    with pytest.raises(DialectError, match="offered twice"):
        load_dialect("emount")


DOCS = Path(__file__).parents[2] / "docs"


def test_every_state_is_reached_and_every_trigger_used(emount: Dialect) -> None:
    table = emount.transitions
    reached, open_ = {table.initial}, [table.initial]
    while open_:
        for target in table.moves[open_.pop()].values():
            if target not in reached:
                reached.add(target)
                open_.append(target)
    assert reached == set(table.moves)
    assert {trigger for moves in table.moves.values() for trigger in moves} == set(table.triggered_by)


def test_every_state_can_lose_its_power(emount: Dialect) -> None:
    table = emount.transitions
    assert all(moves.get("power lost") == "OFF" for state, moves in table.moves.items() if state != "OFF")


@pytest.mark.parametrize("us", Role)
@pytest.mark.parametrize("by", Role)
def test_what_a_table_does_not_list_is_refused_with_blame(emount: Dialect, us: Role, by: Role) -> None:
    table = emount.transitions
    for state in table.moves:
        legal = set(table.legal(state, by))
        for trigger in table.triggered_by:
            if trigger in legal:
                assert table.next(state, trigger, by=by, us=us) in table.moves
            else:
                with pytest.raises(LocalProtocolError if by is us else RemoteProtocolError, match=state):
                    table.next(state, trigger, by=by, us=us)


def test_a_table_that_is_not_closed_is_refused() -> None:
    with pytest.raises(ValueError, match="no such state"):
        TransitionTable("A", {"A": {"go": "B"}}, {"go": None})
    with pytest.raises(ValueError, match="no end causes this trigger"):
        TransitionTable("A", {"A": {"go": "A"}}, {})


def test_the_diagram_in_the_documentation_is_the_table(emount: Dialect) -> None:
    assert emount.transitions.diagram() in (DOCS / "reference" / "emount-states.md").read_text()


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


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"supply": ""}, "supply of the dialect 'emount' is ''; one of its lines is legal: "),
        ({"detect": "NONE"}, "detect of the dialect 'emount' is 'NONE'; one of its lines is legal: "),
        ({"rails": ("VM",)}, "rails of the dialect 'emount' is 'VM'; one of its lines is legal: "),
        ({"sync": "VSYNC"}, "sync of the dialect 'emount' is 'VSYNC'; '' and its lines are legal: "),
    ],
    ids=lambda one: str(one)[:12],
)
def test_a_line_that_the_wiring_lacks_is_refused_with_the_legal_ones(change: dict[str, Any], says: str) -> None:
    emount = load_dialect("emount")
    with pytest.raises(ValueError, match=f"^{re.escape(says + ', '.join(emount.wiring.lines))}$"):
        replace(emount, **change)


def test_asleep_are_the_states_that_a_wake_up_leaves() -> None:
    table = load_dialect("emount").transitions
    assert table.asleep == {"ASLEEP"}
    assert load_dialect("fuji-g").transitions.asleep == frozenset()
