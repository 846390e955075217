"""The dialect `mft`: documented units, their checks, the forms of a transaction, and units found in single bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.codec.lazy_construct import resolve
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.mft import framing
from lensmount_protocol.dialects.mft import messages as m
from lensmount_protocol.dialects.mft.dialect import MFT
from lensmount_protocol.dialects.mft.transactions import TransactionChecker
from lensmount_protocol.errors import FrameError
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.message import EvidenceLevel
from lensmount_protocol.wire import Burst, Role

# Bytes that the programs of github.com/stevenbell/microfourthirds send, commit 046255c, with the check of the lens.
COMMANDS = {
    "b0f20000": 0xA2,
    "c0f60000": 0xB6,
    "a0f50100": 0x96,
    "c1f90000": 0xBA,
    "60f00000": 0x50,
    "c1800106": 0x48,
    "c1800102": 0x44,
    "a0b0fe00": 0x4E,
    "a0b0fe01": 0x4F,
    "b1880302": 0x3E,
    "608006fe": 0xE4,
    "6080fe02": 0xE0,
    "608003fe": 0xE1,
}
ANSWERS = {
    "0500 0a10c409 e7": m.SetupReply,
    "1500 000001100000414142323233343635000000 0111 1d": m.IdentityReply,
    "1f00 c2e10000000c4200b103000c0c00d2002f018c01ea014702a45c034e0200 d3": m.StandbyReply,
}
STANDBY = "1f00 c2e10000000c4200b103000c0c00d2002f018c01ea014702a45c034e0200 d3"
WRITE = [("b", "6080fe02"), ("l", "e0"), ("b", "0a00 01b2030000 00000000"), ("l", "b6")]
READ = [("b", "c1800106"), ("l", "48"), ("l", STANDBY)]
ACTION = [("b", "b1880302"), ("l", "3e"), ("l", "00")]
PLAIN = [("b", "a0b0fe00"), ("l", "4e")]
SESSION = [*ACTION, *READ, *PLAIN, *WRITE, *READ]


def units(rows: list[tuple[str, str]]) -> list[tuple[Role, bytes]]:
    return [(Role.BODY if sender == "b" else Role.LENS, bytes.fromhex(text)) for sender, text in rows]


def violations_of(rows: list[tuple[str, str]]) -> list[str]:
    records = [
        Burst(number * 1e-3, sender, data, 500_000, number * 1e-3 + 5e-4, whole=True)
        for number, (sender, data) in enumerate(units(rows))
    ]
    checker, found = TransactionChecker(), list[str]()
    for event in Decoder(MFT).decode(records):
        assert isinstance(event, DecodedFrame)
        found += checker.on_frame(event.sender, event.frame, event.at)
    return found


@pytest.mark.parametrize("text", COMMANDS)
def test_documented_command_has_its_check_and_rebuilds(text: str) -> None:
    unit = bytes.fromhex(text)
    body = framing.FORMATS[Role.BODY]
    assert framing.sent_sum(unit) == COMMANDS[text]
    assert body.check(unit) is None
    frame = body.parse_header(unit, 0)
    assert framing.build_frame(frame.payload, frame.class_, 0) == unit
    cls = MFT.messages[Role.BODY, frame.payload[0]]
    assert cls.parse(frame.payload).build() == frame.payload
    declared = resolve(framing.COMMAND_LAYOUT).parse(unit)
    assert framing.COMMAND_TYPES[bytes(declared.start)] == frame.payload[0]


@pytest.mark.parametrize("text", ANSWERS)
def test_documented_answer_is_valid_and_rebuilds(text: str) -> None:
    unit = bytes.fromhex(text)
    lens = framing.FORMATS[Role.LENS]
    assert lens.check(unit) is None
    frame = lens.parse_header(unit, 0)
    message = ANSWERS[text].parse(frame.payload)
    assert framing.build_frame(message.build(), framing.ANSWER, 0) == unit
    declared = resolve(framing.ANSWER_LAYOUT).parse(unit)
    assert (declared.length, declared.payload, declared.check) == (len(unit) - 2, frame.payload[1:], unit[-1])
    assert lens.check(unit[:-1] + bytes((unit[-1] ^ 1,))) is GarbageReason.CHECKSUM


def test_status_has_the_documented_fields() -> None:
    status = m.StandbyReply.parse(b"\x1f" + bytes.fromhex(STANDBY)[2:-1])
    assert (status.raw_zoom, status.raw_focus, status.focus_distance) == (0, 0x0C, 0x42)
    assert (status.aperture, status.scaled_zoom, status.second_focus) == (0x03B1, 0x0C00, 0x0C)


@given(st.binary(min_size=4, max_size=4), st.sampled_from(list(Role)))
def test_one_unit_is_one_message_or_garbage_and_rebuilds(unit: bytes, sender: Role) -> None:
    frame_format = framing.FORMATS[sender]
    if frame_format.check(unit) is None:
        frame = frame_format.parse_header(unit, 0)
        assert framing.build_frame(frame.payload, frame.class_, 0) == unit
    elif sender is Role.BODY:
        assert framing.find_transaction_form(unit[0]) is None


def test_payload_that_would_have_two_types_is_refused() -> None:
    with pytest.raises(FrameError):
        framing.build_frame(bytes((framing.OTHER_DATA_TYPE, 1, 2, 3, 4)), framing.WRITTEN, 0)
    with pytest.raises(FrameError):
        framing.build_frame(bytes((framing.OTHER_COMMAND_TYPE, 0x30, 0, 0, 0)), framing.COMMAND, 0)


def test_no_statement_claims_more_than_its_documents() -> None:
    allowed = {EvidenceLevel.DOCUMENTED, EvidenceLevel.INFERRED, EvidenceLevel.DISPUTED}
    evidence = [cls.EVIDENCE for cls in m.MESSAGES] + [rule.evidence for rule in MFT.timing]
    evidence += [spec.evidence for cls in m.MESSAGES for spec in cls.FIELDS if spec.evidence is not None]
    assert {one.level for one in evidence} <= allowed
    assert {source for one in evidence for source in one.source.split(", ")} <= set(MFT.sources)


def test_session_of_all_forms_keeps_the_rules() -> None:
    assert violations_of(SESSION) == []


BROKEN = {
    "a wrong check": ([*PLAIN[:1], ("l", "4f")], "the check of the lens is 0x4f; 0x4e is due"),
    "a status that is not 00": ([*ACTION[:2], ("l", "01")], "the status of the lens is 0x01"),
    "a command before the answer": ([*READ[:2], *PLAIN], "the body sends a command where the answer is due"),
    "an answer without a read": ([*PLAIN, READ[2]], "StandbyReply comes where the next command is due"),
    "another answer": (
        [*READ[:2], ("l", "0500 0a10c409 e7")],
        "SetupReply follows StandbyRequest; StandbyReply is due",
    ),
    "other data": ([*WRITE[:2], ("b", "0500 00000000")], "SetupData follows OrderCommand; OrderData is due"),
    "a wrong check of data": ([*WRITE[:3], ("l", "00")], "the check of the lens is 0x00; 0xb6 is due"),
    "data where the check is due": ([*WRITE[:1], WRITE[2]], "OrderData comes where the check is due"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_of_a_transaction_is_checked(name: str) -> None:
    rows, expected = BROKEN[name]
    assert any(expected in violation for violation in violations_of(rows)), violations_of(rows)


def divided(rows: list[tuple[str, str]], *, with_sender: bool) -> list[tuple[Role, bytes]]:
    splitter = framing.TransactionSplitter()
    found: list[tuple[Role, bytes]] = []
    for sender, data in units(rows):
        for value in data:
            role, begins = splitter.next(value, sender if with_sender else None)
            if begins:
                found.append((role, b""))
            found[-1] = role, found[-1][1] + bytes((value,))
    return found


@pytest.mark.parametrize("with_sender", [True, False])
def test_single_bytes_are_divided_into_units(with_sender: bool) -> None:
    assert divided(SESSION, with_sender=with_sender) == units(SESSION)


def test_command_after_a_transaction_that_was_given_up_begins_a_unit() -> None:
    rows = [*WRITE[:2], *READ, *READ[:1], *PLAIN]
    assert divided(rows, with_sender=True)[2:5] == units(READ)
    inside = [*READ[2:], *PLAIN]
    assert divided(inside, with_sender=True)[-2:] == units(PLAIN)
