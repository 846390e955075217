"""Events as JSON: the text that is written directly is the one that the standard library writes."""

import json

from lensmount_emulator.reports.event_json import event_to_dict, event_to_json
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder, EmptyWindow
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Annotation, Burst, ClockSync, DataLoss, Edge, Role

EMOUNT = load_dialect("emount")


def plainly(event: Decoded) -> str:
    return json.dumps(event_to_dict(event, EMOUNT), separators=(",", ":"))


def test_a_session_is_written_as_the_standard_library_writes_it():
    events = run_loopback(script="focus 0x3F50; aperture f/5.6; sleep; wake", seed=3).events
    assert {DecodedFrame, EmptyWindow, Edge} <= {type(event) for event in events}
    for event in events:
        assert event_to_json(event, EMOUNT) == plainly(event)


def test_so_is_what_is_odd():
    records = [
        Annotation(None, 'a "note" of 5 µs\n\ud800'),
        Edge(-2e-6, 'a "line" µ', True),
        Burst(None, Role.BODY, bytes.fromhex("f00b0002000b6000780055"), 750_000, whole=True),
        Burst(1e9, Role.LENS, bytes.fromhex("f0090001CFEEC70155"), 750_000, 1e9 + 1e-3),
        ClockSync(0.25, 250_031, 40e-6),
        DataLoss(None, "bytes of the lens", 12),
        Burst(1e9 + 1, Role.LENS, b"\x01\x02", 1_500_000, 1e9 + 2),
    ]
    events = list(Decoder(EMOUNT).decode(records))
    assert {DecodedFrame, DecodedGarbage, Edge, Annotation} <= {type(event) for event in events}
    for event in events:
        assert event_to_json(event, EMOUNT) == plainly(event)
        json.loads(event_to_json(event, EMOUNT))
    clock, drop = (json.loads(event_to_json(event, EMOUNT)) for event in records[4:6])
    assert (clock["kind"], clock["board_us"], clock["within_us"]) == ("clock", 250_031, 40.0)
    assert (drop["kind"], drop["what"], drop["count"], drop["ok"]) == ("drop", "bytes of the lens", 12, False)
