"""Dialects by name, and one that another package brings."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from lensmount_protocol import dialect
from lensmount_protocol.connection import Connection, ReceivedFrame
from lensmount_protocol.dialect import dialect_names, load_dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError
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
