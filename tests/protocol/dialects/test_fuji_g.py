"""The dialect `fuji-g`: golden words, the checksum, the rules of an exchange, and words through the decoder."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialects.fuji_g import commands, link, words
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G, MESSAGES
from lensmount_protocol.dialects.fuji_g.exchange import ExchangeChecker
from lensmount_protocol.dialects.fuji_g.lines import BIT_RATE, acknowledges_are_swapped
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Burst, Role

# Facts from captures of github.com/Scottapotamas/fuji-G-mount, commit 95f2704: the words of the body and of the lens
# in each burst.
IRIS_TO_STEP_9 = """
12 40 18 ba / 00 00 00 00    09 10 80 2a / 08 00 98 b6
00 00 3f c6 / 12 40 18 ba    0a 00 98 86 / 09 00 bf e0
00 00 00 00 / 00 00 3f c6    08 00 bf d8 / 0a 00 80 22
"""
THREE_REQUESTS = """
00 00 08 20 / 00 00 00 00    0a 10 80 32 / 08 00 88 32
00 00 09 a6 / 03 90 08 0c    0b 00 88 0a / 0a 00 89 88
00 00 0c 30 / 00 15 09 9a    0c 00 89 98 / 0b 00 8c 1a
00 00 00 00 / 00 0a 0c 3a    08 00 8c 02 / 0c 00 80 32
"""
FOCUS_TO_0486 = """
02 ee 15 1a / 00 00 00 00    0a 10 80 32 / 08 00 95 28
01 20 15 40 / 02 ee 15 1a    0b 00 95 00 / 0a 00 95 7a
04 86 15 82 / 01 20 15 40    0c 00 95 4a / 0b 00 95 82
00 00 3f c6 / 04 86 15 82    0d 00 95 92 / 0c 00 bf f8
00 00 00 00 / 00 00 3f c6    08 00 bf d8 / 0d 00 80 3a
"""
SLEEP = """
80 01 28 24 / 00 00 00 00    08 10 80 22 / 08 00 a8 36
00 01 10 22 / 80 01 28 24    09 00 a8 3e / 08 00 90 14
"""
DOCUMENTED = (
    "00 16 0c 06 ff ff 0c 8c ff fb 0c 88 ff f8 0c a6 ff f2 15 86 00 0a 15 a2 02 4c 15 b6 04 a2 15 9e 04 d3 15 b0"
)
LENS_BLOCK = bytes.fromhex(
    "0000" + "4c52313036410000" + "465353 4e57303036" + "474634356d6d46322e38205220575200"
) + bytes(48) + b"0" * 10 + bytes.fromhex("0156010001000100 0100c801") + bytes(26)  # fmt: skip
"""The block of a GF45; its serial number is masked with zeros."""


def bursts_of(text: str) -> list[tuple[bytes, bytes]]:
    pairs: list[tuple[bytes, bytes]] = []
    for line in text.strip().splitlines():
        for half in line.split("    "):
            body, lens = half.split("/")
            pairs.append((bytes.fromhex(body), bytes.fromhex(lens)))
    return pairs


GOLDEN = [*map(bursts_of, (IRIS_TO_STEP_9, THREE_REQUESTS, FOCUS_TO_0486, SLEEP))]
WORDS = [word for pairs in GOLDEN for pair in pairs for word in pair]
WORDS += [bytes.fromhex(DOCUMENTED)[at : at + 4] for at in range(0, 36, 4)]


def records_of(pairs: list[tuple[bytes, bytes]]) -> list[Burst]:
    records: list[Burst] = []
    for number, (body, lens) in enumerate(pairs):
        at = number * 300e-6
        records += [Burst(at, Role.BODY, body, BIT_RATE, at + 21e-6), Burst(at, Role.LENS, lens, BIT_RATE, at + 21e-6)]
    return records


def violations_of(pairs: list[tuple[bytes, bytes]]) -> list[str]:
    checker = ExchangeChecker()
    found: list[str] = []
    for event in Decoder(FUJI_G).decode(records_of(pairs)):
        assert isinstance(event, DecodedFrame)
        found += checker.on_frame(event.sender, event.frame, event.at)
    return found


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.hex())
def test_golden_word_is_valid_and_rebuilds(word: bytes) -> None:
    assert words.FORMAT.check(word) is None
    frame = words.FORMAT.parse_header(word, 0)
    assert words.build_frame(frame.payload, frame.class_, frame.sequence) == word


@given(st.binary(min_size=4, max_size=4))
def test_word_functions_equal_the_construct_declaration(data: bytes) -> None:
    declared = words.WORD_LAYOUT.parse(data)
    reason = words.FORMAT.check(data)
    number = int.from_bytes(data, "big")
    if declared.command > 0xFF:
        assert reason is GarbageReason.CLASS
    elif declared.zero:
        assert reason is GarbageReason.END
    else:
        assert (reason is None) is (declared.checksum == words.word_checksum(number))
        assert words.build_word(declared.command, declared.argument, acknowledge=declared.acknowledge)[:2] == data[:2]


@given(st.integers(0, 31), st.integers(0, 0xFF), st.integers(0, 0xFFFF), st.booleans())
def test_one_changed_bit_is_noticed(bit: int, command: int, argument: int, acknowledge: bool) -> None:
    word = words.build_word(command, argument, acknowledge=acknowledge)
    changed = (int.from_bytes(word, "big") ^ 1 << bit).to_bytes(4, "big")
    assert words.FORMAT.check(word) is None
    assert words.FORMAT.check(changed) is not None


def test_block_with_its_sum_and_the_empty_side_are_frames() -> None:
    block = LENS_BLOCK + bytes((words.block_sum(LENS_BLOCK),))
    assert len(block) == 131
    assert block[-1] == 0x8A
    event = next(iter(Decoder(FUJI_G).decode([Burst(0.0, Role.LENS, block, BIT_RATE, 7e-4)])))
    assert isinstance(event, DecodedFrame)
    message = event.messages[0]
    assert isinstance(message, link.LensBlock)
    assert message.name.rstrip(b"\0") == b"GF45mmF2.8 R WR"
    assert words.build_frame(build_payload(event.messages), words.BLOCK, 0) == block
    empty = b"\xff\x00" + bytes(128) + b"\x5a"
    frame = words.FORMAT.parse_header(empty, 0)
    assert words.build_frame(frame.payload, frame.class_, frame.sequence) == empty
    assert words.FORMAT.check(block[:-1] + b"\0") is GarbageReason.CHECKSUM


def test_burst_of_another_length_is_garbage_and_the_next_word_is_read() -> None:
    records = records_of([(b"\x00\x00\x08", b"\x00\x00\x00"), *GOLDEN[0]])
    events = list(Decoder(FUJI_G).decode(records))
    garbage = [event for event in events if isinstance(event, DecodedGarbage)]
    assert [event.reason for event in garbage] == [GarbageReason.LENGTH] * 2
    assert sum(isinstance(event, DecodedFrame) for event in events) == 12


@pytest.mark.parametrize("pairs", GOLDEN[:3], ids=["iris", "three requests", "focus"])
def test_captured_sessions_keep_the_rules_of_an_exchange(pairs: list[tuple[bytes, bytes]]) -> None:
    assert violations_of(pairs) == []


def word(command: int, argument: int = 0) -> bytes:
    return words.build_word(command, argument)


def acknowledge(command: int, argument: int) -> bytes:
    return words.build_word(command, argument, acknowledge=True)


STATUS = commands.StatusRequest.TYPE
SESSION = [
    (word(STATUS), word(0)),
    (acknowledge(0, 0x0810), acknowledge(STATUS, 0x0800)),
    (word(0), word(STATUS, 0x0380)),
    (acknowledge(STATUS, 0x0800), acknowledge(0, 0x0800)),
]
BROKEN = {
    "another reply": (6, (word(0), word(0x21, 1)), "the reply to 20 StatusRequest is due"),
    "a reply at the start": (4, (word(STATUS), word(0x21, 1)), "null is due"),
    "the wrong number of the body": (5, (acknowledge(0, 0x0A10), acknowledge(STATUS, 0x0800)), "1 is due"),
    "the wrong number of the lens": (7, (acknowledge(STATUS, 0x0800), acknowledge(0, 0x0B00)), "1 is due"),
    "the wrong command of the body": (5, (acknowledge(0x21, 0x0910), acknowledge(STATUS, 0x0800)), "acknowledges 0x21"),
    "the wrong command of the lens": (5, (acknowledge(0, 0x0910), acknowledge(0x21, 0x0800)), "acknowledges 0x21"),
    "no mark of the first exchange": (5, (acknowledge(0, 0x0900), acknowledge(STATUS, 0x0800)), "0x10 is due"),
    "a number after null": (7, (acknowledge(STATUS, 0x0900), acknowledge(0, 0x0900)), "after null; 0 is due"),
    "a word in place of an acknowledge": (5, (word(STATUS), word(0)), "where its acknowledge is due"),
}


def sessions() -> list[tuple[bytes, bytes]]:
    second = list(SESSION)
    second[1] = (acknowledge(0, 0x0910), SESSION[1][1])
    second[3] = (SESSION[3][0], acknowledge(0, 0x0900))
    return [*SESSION, *second]


def test_session_without_a_fault_breaks_no_rule() -> None:
    assert violations_of(sessions()) == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_rule_of_an_exchange_is_checked(name: str) -> None:
    at, pair, expected = BROKEN[name]
    pairs = sessions()
    pairs[at] = pair
    assert any(expected in violation for violation in violations_of(pairs)), violations_of(pairs)


def test_swapped_data_lines_are_recognised_by_the_first_acknowledge() -> None:
    pairs = sessions() * 3
    assert not acknowledges_are_swapped(pairs)
    assert acknowledges_are_swapped([(lens, body) for body, lens in pairs])
    assert not acknowledges_are_swapped([(lens, body) for body, lens in SESSION])


def test_each_request_has_a_reply_of_the_same_type() -> None:
    assert [cls.TYPE for cls in commands.REQUESTS] == [cls.TYPE for cls in commands.REPLIES]
    assert len(MESSAGES) == len(FUJI_G.messages) == 58
