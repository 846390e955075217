"""Records to JSON and back: the same record, the same text, and one kind of error."""

import random

import pytest

from lensmount_hardware.captures.records_json import object_from, record_of, text_of
from lensmount_protocol.wire import Burst, Edge, Remark, Role

RECORDS = [
    Burst(1.25e-3, Role.BODY, b"\xf0\x0a", 750_000, 1.28e-3),
    Burst(None, Role.LENS, b"\x55", 1_500_000, None, whole=True),
    Edge(0.0, "VD", True),
    Edge(-2e-6, "BODY_CS", False),
    Remark(None, 'a "note"\nof two lines, 5 µs, \ud800'),
    Remark(3.5, ""),
]


@pytest.mark.parametrize("record", RECORDS, ids=repr)
def test_a_record_comes_back_and_is_written_alike_again(record):
    text = text_of(record)
    assert "\n" not in text
    assert record_of(object_from(text)) == record
    assert text_of(record_of(object_from(text.encode()))) == text


def test_the_keys_are_those_of_the_decoded_captures():
    assert text_of(RECORDS[0]) == '{"t_us":1250.0,"dir":"body","baud":750000,"hex":"f00a","until_us":1280.0}'
    assert text_of(RECORDS[2]) == '{"t_us":0.0,"line":"VD","level":1}'
    assert text_of(Remark(None, "x")) == '{"t_us":null,"note":"x"}'


def test_any_time_survives_to_half_a_nanosecond():
    rng = random.Random(5)
    for _ in range(20_000):
        at = rng.random() * 10 ** rng.randint(-7, 5)
        text = text_of(Edge(at, "VD", True))
        back = record_of(object_from(text))
        assert abs(back.at - at) <= 0.5e-9 + 1e-15 * at
        assert text_of(back) == text


def test_a_time_that_is_no_number_is_not_written():
    with pytest.raises(ValueError, match="JSON"):
        text_of(Edge(float("nan"), "VD", True))


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
        "[" * 100_000,
        '{"a":' * 100_000,
    ],
    ids=lambda text: text[:30],
)
def test_anything_else_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        record_of(object_from(text.encode("latin-1")))
