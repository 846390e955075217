"""Records to JSON and back: the same record, the same text, and one kind of error."""

import json
import random

import pytest

from lensmount_hardware.captures.record_json import parse_object, record_from_json, record_to_json, records_from_json
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role

RECORDS = [
    Burst(1.25e-3, Role.BODY, b"\xf0\x0a", 750_000, 1.28e-3),
    Burst(None, Role.LENS, b"\x55", 1_500_000, None, whole=True),
    Edge(0.0, "VD", True),
    Edge(-2e-6, "BODY_CS", False),
    Annotation(None, 'a "note"\nof two lines, 5 µs, \ud800'),
    Annotation(3.5, ""),
    ClockSync(2.5e-3, 123_456, 12.5e-6),
    DataLoss(None, 'bytes of the "lens"', 3),
]


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_a_record_comes_back_and_is_written_alike_again(record):
    text = record_to_json(record)
    assert "\n" not in text
    assert record_from_json(parse_object(text)) == record
    assert record_to_json(record_from_json(parse_object(text.encode()))) == text


def test_the_keys_are_those_of_the_decoded_captures():
    assert record_to_json(RECORDS[0]) == '{"t_us":1250.0,"dir":"body","baud":750000,"hex":"f00a","until_us":1280.0}'
    assert record_to_json(RECORDS[2]) == '{"t_us":0.0,"line":"VD","level":1}'
    assert record_to_json(Annotation(None, "x")) == '{"t_us":null,"note":"x"}'


def test_a_clock_and_a_loss_carry_a_note_for_programs_that_do_not_know_them():
    assert record_to_json(RECORDS[6]) == (
        '{"t_us":2500.0,"board_us":123456,"within_us":12.5,'
        '"note":"the board\'s clock stood at 123456 \\u00b5s, known to \\u00b112.500 \\u00b5s"}'
    )
    text = '{"t_us":1.0,"dropped":"edges of VD","count":2,"note":"lost: 2 edges of VD"}'
    assert record_to_json(DataLoss(1e-6, "edges of VD", 2)) == text
    # What the first version of the reader asks of a line: it asks for a note last, so that is what it finds.
    assert not {"hex", "line"} & set(json.loads(text))


def test_any_time_survives_to_half_a_nanosecond():
    rng = random.Random(5)
    for _ in range(20_000):
        at = rng.random() * 10 ** rng.randint(-7, 5)
        text = record_to_json(Edge(at, "VD", True))
        back = record_from_json(parse_object(text))
        assert abs(back.at - at) <= 0.5e-9 + 1e-15 * at
        assert record_to_json(back) == text


def test_a_time_that_is_no_number_is_not_written():
    with pytest.raises(ValueError, match="JSON"):
        record_to_json(Edge(float("nan"), "VD", True))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{",
        "{}",
        "\xff",
        '{"t_us":1}',
        '{"t_us":NaN,"line":"VD","level":1}',
        '{"t_us":1e400,"line":"VD","level":1}',
        '{"t_us":"1","line":"VD","level":1}',
        '{"t_us":true,"line":"VD","level":1}',
        '{"t_us":' + "9" * 400 + ',"line":"VD","level":1}',
        '{"t_us":' + "9" * 5000 + ',"line":"VD","level":1}',
        '{"line":"VD","level":1}',
        '{"t_us":1,"line":"VD","level":2}',
        '{"t_us":1,"line":"VD","level":[]}',
        '{"t_us":1,"hex":"f0","baud":750000}',
        '{"t_us":1,"hex":"f0","baud":750000,"dir":["body"]}',
        '{"t_us":1,"hex":"f0","baud":0,"dir":"body"}',
        '{"t_us":1,"hex":"f0","baud":true,"dir":"body"}',
        '{"t_us":1,"hex":"","baud":750000,"dir":"body"}',
        '{"t_us":1,"hex":"f","baud":750000,"dir":"body"}',
        '{"t_us":1,"hex":7,"baud":750000,"dir":"body"}',
        '{"board_us":1,"within_us":1,"note":""}',
        '{"t_us":1,"board_us":1,"note":""}',
        '{"t_us":1,"board_us":-1,"within_us":1}',
        '{"t_us":1,"board_us":1.5,"within_us":1}',
        '{"t_us":1,"board_us":1,"within_us":-1}',
        '{"t_us":1,"dropped":"x","note":""}',
        '{"t_us":1,"dropped":"x","count":0}',
        '{"t_us":1,"dropped":"x","count":true}',
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_anything_else_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        record_from_json(parse_object(text.encode("latin-1")))


def slowly(lines: bytes) -> list | None:
    """What the standard library and `record_from_json` make of lines; `None` where one of them is no record."""
    try:
        return [record_from_json(json.loads(line)) for line in lines.removesuffix(b"\n").split(b"\n")]
    except (ValueError, RecursionError, TypeError, AttributeError):
        return None


def test_many_lines_at_once_are_what_each_of_them_is():
    lines = b"".join(record_to_json(record).encode() + b"\n" for record in RECORDS if record != RECORDS[4])
    assert records_from_json(lines) == slowly(lines) == [record for record in RECORDS if record != RECORDS[4]]


def test_what_many_lines_at_once_take_each_of_them_takes_alike():
    rng = random.Random(3)
    plain = b"".join(record_to_json(record).encode() + b"\n" for record in RECORDS[:4] + RECORDS[5:])
    pieces = [
        *(b"null", b"true", b"1.0", b"1e3", b"-0.0", b"NaN", b'"x"', b"{}", b"[]", b"\n", b"}\n{", b"}{", b",", b" "),
        *(
            b"\r",
            b"\t",
            b"\xff",
            b"\xc3\xa9",
            b"\\u0041",
            b"\\ud800",
            b'"hex":',
            b'"level":2',
            b'"whole":1',
            b'"t_us":1,',
        ),
        *(b'"baud":1.0', b'"baud":' + b"9" * 30, b"9" * 400, b'"other":1,', b'"hex":null,', b'"hex":"",', b"0", b"7"),
    ]
    taken = 0
    for _ in range(30_000):
        lines = bytearray(plain)
        for _ in range(rng.randint(1, 3)):
            start = rng.randrange(len(lines))
            lines[start : start + rng.choice((0, 0, 1, 1, 2, 5, 12))] = rng.choice(pieces)
        found = records_from_json(bytes(lines))
        if found is not None:
            taken += 1
            assert found == slowly(bytes(lines)), bytes(lines)
    assert taken > 300


def test_an_object_is_read_as_the_standard_library_reads_it():
    rng = random.Random(4)
    plain = b'{"t_us":1234.5,"hex":"f0","messages":[{"type":5,"name":"x"}],"ok":true,"note":"\xc3\xa9 \\u00e9"}'
    pieces = [b"null", b"1e400", b"-0", b"NaN", b"Infinity", b'"', b"{", b"]", b"\\ud800", b"\xff", b"\t", b"1.", b"00"]
    for _ in range(20_000):
        line = bytearray(plain)
        start = rng.randrange(len(line))
        line[start : start + rng.choice((0, 1, 2, 5))] = rng.choice(pieces)
        assert outcome(parse_object, bytes(line)) == outcome(json.loads, bytes(line))


def outcome(read, line: bytes) -> str:
    """What comes out, or why nothing does; as text, for NaN equals nothing."""
    try:
        return repr(read(line))
    except ValueError as error:
        return str(error)


def test_a_number_is_the_float_that_the_standard_library_reads():
    rng = random.Random(6)
    for _ in range(20_000):
        digits = repr(rng.random() * 10 ** rng.randint(-20, 17))
        digits += str(rng.randrange(10**6)) if "e" not in digits else ""
        line = f'{{"t_us":{digits},"note":""}}\n'.encode()
        assert records_from_json(line) == slowly(line)
