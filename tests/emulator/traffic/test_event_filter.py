"""The filter of decoded events: its grammar, its errors with their place, and what it accepts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_filter import AllOf, AnyOf, Carries, FieldTest, Flag, Not, Test, parse_filter
from lensmount_emulator.traffic.filter_events import EventFilter
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage, Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import FilterError
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.wire import Edge

EMOUNT = load_dialect("emount")


@pytest.fixture(scope="module")
def events():
    result = run_loopback(script="wait 0.1; focus 0x4200; sleep", seed=7, faults=["bitflip rate=1e-4"])
    return list(OrderedDecoder(Decoder(result.dialect)).decode(result.records))


def accepted(text, events):
    chosen = EventFilter(parse_filter(text, EMOUNT), EMOUNT)
    return [event for event in events if chosen.accepts(event)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", AllOf(())),
        ("lens", Flag("lens")),
        ("LensStatus.distance > 700", FieldTest(("LensStatus.distance",), ">", 700)),
        ("lensstatus.distance>0x700", FieldTest(("LensStatus.distance",), ">", 0x700)),
        ("type=1d", Test("type", "=", 0x1D)),
        ("type=0x1D", Test("type", "=", 0x1D)),
        ("gap>200us", Test("gap", ">", pytest.approx(200e-6))),
        ("reply >= 2 ms", None),
        ("t in M1..M2", AllOf((Test("t", ">=", 1.5), Test("t", "<=", 2.5)))),
        ("t in 1..2.5s", AllOf((Test("t", ">=", 1), Test("t", "<=", 2.5)))),
        ("!routine", Not(Flag("routine"))),
        ("not garbage and body", AllOf((Not(Flag("garbage")), Flag("body")))),
        ("body or lens garbage", AnyOf((Flag("body"), AllOf((Flag("lens"), Flag("garbage")))))),
        ("LENSSTATUS", Carries(frozenset({"LensStatus"}))),
        ("focus_switch=MF", None),
        ("FocusStatus.nothing", None),
    ],
)
def test_grammar(text, expected):
    marks = {"M1": 1.5, "M2": 2.5}
    if expected is not None:
        assert parse_filter(text, EMOUNT, marks) == expected
    elif "nothing" in text or " ms" in text:
        with pytest.raises(FilterError):
            parse_filter(text, EMOUNT, marks)
    else:
        assert isinstance(parse_filter(text, EMOUNT, marks), FieldTest)


@pytest.mark.parametrize(
    ("text", "at", "reason"),
    [
        ("lens LensStatus.distanc > 7", 5, "did you mean 'distance'"),
        ("lens (body", 5, "not closed"),
        ("body)", 4, "')' is not expected"),
        ("type=zz", 5, "two hexadecimal digits"),
        ("t > 5 parsec", 6, "unknown word 'parsec'"),
        ("gap", 3, "needs a comparison"),
        ("dir=north", 4, "body or lens"),
        ("t in 5", 6, "a range is written low..high"),
        ("size >", 6, "missing at the end"),
        ("body & lens", 5, "'&' is not expected"),
        ("LensStatus.row_a > zz", 0, "compares numbers"),
        ("t > M3", 4, "a time is a number"),
        ("!" * 200 + "body", 50, "nested"),
    ],
)
def test_error_names_the_place(text, at, reason):
    with pytest.raises(FilterError, match="filter, at character") as error:
        parse_filter(text, EMOUNT)
    assert reason in str(error.value)
    assert error.value.at == at
    assert "\n" not in str(error.value)


def test_filters_accept_what_they_state(events):
    frames = [event for event in events if isinstance(event, DecodedFrame)]
    assert accepted("", events) == events
    assert accepted("frame", events) == frames
    assert accepted("garbage", events) == [event for event in events if isinstance(event, DecodedGarbage)]
    assert accepted("edge line=VD", events) == [e for e in events if isinstance(e, Edge) and e.line == "VD"]
    status = [f for f in frames if any(type(m).__name__ == "LensStatus" for m in f.messages)]
    assert status
    assert accepted("LensStatus", events) == accepted("type=05 lens", events) == status
    assert accepted("LensStatus.distance >= 0", events) == status
    assert accepted("LensStatus LensStatus.distance < 0", events) == []
    assert len(accepted("answer", events)) > 4
    assert accepted("reply > 1us", events) == accepted("answer", events)
    assert accepted("frame !(lens or body)", events) == []
    assert accepted("unknown", events) == [f for f in frames if any(isinstance(m, UnknownMessage) for m in f.messages)]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="lens body!()<>=~.&|\"'0x1dtM tingap LensStatus.distance,µ\n\x00", max_size=60))
def test_any_text_is_a_filter_or_a_filter_error(text):
    places = [0]
    try:
        parse_filter(text, EMOUNT)
    except FilterError as error:
        places.append(error.at)
    assert 0 <= places[-1] <= len(text)
