"""Parsers that share what they have parsed: equal bytes give the same messages, under the selection in force."""

import pytest

from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import MAX_REMEMBERED, PayloadMemo
from lensmount_protocol.wire import Burst, Role, WireRecord


@pytest.fixture
def emount() -> Dialect:
    return load_dialect("emount")


def test_parsers_with_one_memo_share_the_messages_of_equal_payloads(emount: Dialect) -> None:
    memo, payload = PayloadMemo(), FocusStatus().build()
    first, second = (emount.payload_parser(memo).parsers(Role.LENS) for _ in range(2))
    alone = emount.payload_parser().parsers(Role.LENS)
    assert first.recall(payload) is second.recall(bytes(payload))
    assert alone.recall(payload) is not alone.recall(payload)
    assert first.recall(payload) == alone.recall(payload)


def test_a_selection_and_a_sender_have_messages_of_their_own(emount: Dialect) -> None:
    memo, payload = PayloadMemo(), LensStatus().build()
    plain, chosen = emount.payload_parser(memo), emount.payload_parser(memo)
    plain.parsers(Role.LENS).recall(payload)
    assert chosen.select({LensStatus: 0b11})
    for sender, parser in ((Role.LENS, chosen), (Role.BODY, plain)):
        assert parser.parsers(sender).recall(payload) == parser.parsers(sender).parse_all(payload)
    assert chosen.parsers(Role.LENS).recall(payload) != plain.parsers(Role.LENS).recall(payload)


def test_unreadable_payloads_are_remembered_as_they_are(emount: Dialect) -> None:
    recall = emount.payload_parser(PayloadMemo()).parsers(Role.BODY).recall
    (unknown,) = recall(b"\xee\x01")
    assert isinstance(unknown, UnknownMessage)
    assert recall(b"\xee\x01")[0] is unknown


def test_a_memo_stays_bounded(emount: Dialect) -> None:
    recall = emount.payload_parser(PayloadMemo()).parsers(Role.BODY).recall
    first = recall(b"\xee")
    for number in range(MAX_REMEMBERED):
        recall(b"\xee" + number.to_bytes(2, "little"))
    assert recall(b"\xee") == first
    assert recall(b"\xee") is not first


def test_a_decoder_with_a_memo_decodes_the_same(emount: Dialect) -> None:
    frames = [emount.build_frame(FocusStatus().build(), 1, number) for number in range(4)]
    records: list[WireRecord] = [Burst(number * 0.01, Role.LENS, raw, 750_000) for number, raw in enumerate(frames)]
    plain, shared = (list(Decoder(emount, memo=memo).decode(records)) for memo in (None, PayloadMemo()))
    assert shared == plain
    decoded = [event for event in shared if isinstance(event, DecodedFrame)]
    assert len(decoded) == 4
    assert len({id(event.messages) for event in decoded}) == 1
