"""The open model's messages: they round-trip, are stepped over when unknown, and meet older and newer peers."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.connection import Connection
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState
from lensmount_protocol.dialects.lmount.dialect import MESSAGES
from lensmount_protocol.dialects.lmount.firmware_update import UpdateActivate, UpdateBlock, UpdateOffer, UpdateRollback
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState
from lensmount_protocol.dialects.lmount.identity import Identity, LensCapabilities
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone
from lensmount_protocol.dialects.lmount.types import FocusCommand
from lensmount_protocol.errors import FrameError, LocalProtocolError
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Role

LMOUNT: Dialect = load_dialect("lmount")


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_every_message_round_trips(cls: type[Message]) -> None:
    message = cls()
    assert cls.parse(message.build()) == message
    assert message.build()[0] == cls.TYPE
    assert int.from_bytes(message.build()[1:3], "little") == len(message.build()) - 3
    assert cls.codec().origin in ("emitted", "generated")


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
@given(data=st.binary(max_size=40))
def test_any_bytes_are_a_message_or_refused(cls: type[Message], data: bytes) -> None:
    raw = bytes((cls.TYPE,)) + len(data).to_bytes(2, "little") + data
    try:
        message = cls.parse(raw)
    except FrameError:
        return
    assert cls.parse(message.build()) == message


def test_an_unknown_message_is_stepped_over() -> None:
    unknown = b"\xfa\x04\x00abcd"
    payload = build_payload([FocusState(), CommandDone(7)]) + unknown + ApertureState().build()
    told = LMOUNT.payload_parser().parse(Role.LENS, payload)
    assert [type(message) for message in told] == [FocusState, CommandDone, UnknownMessage, ApertureState]
    assert build_payload(told) == payload


def test_a_cut_message_ends_the_payload() -> None:
    told = LMOUNT.payload_parser().parse(Role.LENS, CommandDone(7).build() + b"\xfa\x09\x00ab")
    assert [type(message) for message in told] == [CommandDone, UnknownMessage]


def test_a_known_message_that_is_too_short_is_stepped_over_too() -> None:
    told = LMOUNT.payload_parser().parse(Role.LENS, b"\x85\x01\x00\x07" + CommandDone(8).build())
    assert [type(message) for message in told] == [UnknownMessage, CommandDone]


def test_an_older_peer_leaves_later_fields_out() -> None:
    older = FocusDrive(3, FocusCommand.ABSOLUTE, 1000, 0, None).build()
    assert FocusDrive.parse(older).frame is None
    assert FocusDrive(3, FocusCommand.ABSOLUTE, 1000, 0, 99).build() == b"\x20" + b"\x0a\x00" + older[3:] + b"\x63\x00"


def test_what_a_newer_peer_adds_goes_out_again() -> None:
    newer = bytearray(LensCapabilities(breathing=1).build()) + b"\xaa\xbb"
    newer[1] += 2
    message = LensCapabilities.parse(bytes(newer))
    assert message.tail == b"\xaa\xbb"
    assert message.build() == bytes(newer)


def test_the_longest_name_fits() -> None:
    name = "x" * 43
    assert Identity.parse(Identity(name=name).build()).name == name


@pytest.mark.parametrize("order", [UpdateOffer(), UpdateBlock(), UpdateActivate(), UpdateRollback()])
def test_firmware_is_not_touched_unless_it_is_allowed(order: Message) -> None:
    with pytest.raises(LocalProtocolError, match="allow it by name"):
        Connection(LMOUNT, Role.BODY).send([order], 3, 0)


def test_a_greeting_moves_the_link_on() -> None:
    body = Connection(LMOUNT, Role.BODY)
    body.move("power", by=Role.BODY)
    frame = body.send([BodyHello(features=0x7F)], 1, 0)
    assert body.state == "GREETED"
    assert frame.startswith(b"\xe0")
    with pytest.raises(LocalProtocolError, match="not legal in state GREETED"):
        body.send([FocusDrive()], 3, 1)


def test_no_state_is_a_dead_end() -> None:
    table = LMOUNT.transitions
    for state in table.moves:
        seen, wave = {state}, [state]
        while wave:
            wave = [target for here in wave for target in table.moves[here].values() if target not in seen]
            seen |= set(wave)
        assert {"READY", "OFF"} <= seen


def test_random_payloads_lose_nothing() -> None:
    random = Random("payload")
    for _ in range(300):
        payload = random.randbytes(random.randrange(1, 60))
        assert build_payload(LMOUNT.payload_parser().parse(Role.LENS, payload)) == payload
