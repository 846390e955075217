"""Which reply belongs to which request: by the traits of the dialect, each asked about the frames that it is for."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NoReturn

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_emulator.explain.requests import find_orphans, pair_requests
from lensmount_emulator.explain.timeline import Timeline, first_type, read_timeline
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import Burst, Role, WireRecord


def timeline_of(those: Iterable[WireRecord], name: str) -> Timeline:
    dialect = load_dialect(name)
    return read_timeline(OrderedDecoder(Decoder(dialect)).decode(those), dialect, session_knowledge(dialect))


def test_a_reply_that_needs_no_request_is_no_sign_of_a_lost_one() -> None:
    def is_request(record: WireRecord) -> bool:
        return isinstance(record, Burst) and record.sender is Role.BODY and record.data[5:6] == b"\x08"

    session = run_loopback("a6000", "voigtlander-15", seconds=0.5, seed=5).records
    timeline = timeline_of([record for record in session if not is_request(record)], "emount")
    traits = get_roles("emount").fuzz_traits
    lost = pair_requests(timeline, traits)
    assert [first_type(frame) for frame in lost.orphans] == [8]
    assert [finding.type_ for finding in find_orphans(lost, timeline)] == [8]
    unasked = pair_requests(timeline, replace(traits, unrequested=(8,)))
    assert unasked.orphans == []
    assert [one.type_ for one in unasked.requests] == [one.type_ for one in lost.requests]


def test_replies_are_read_by_reply_key_alone_one_message_at_a_time() -> None:
    def refuse(_frame: Frame) -> NoReturn:
        raise AssertionError("reply_keys takes frames of the body")

    records = run_loopback("leica-sl2", "leica-apo-summicron-sl-28mm-f2", script="focus near; aperture f/8").records
    timeline = timeline_of(records, "lmount")
    traits = replace(get_roles("lmount").fuzz_traits, reply_keys=refuse)
    asked = pair_requests(timeline, traits)
    answered = [one for one in asked.requests if one.reply is not None]
    assert len(answered) == len(asked.requests) > 4
    # The lens sends two answers in one frame, the first one's.
    first, second = answered[1].reply, answered[2].reply
    assert first is not None
    assert second is not None
    both = replace(first.frame, lazy_messages=[*first.frame.messages, *second.frame.messages])
    joined = replace(first, frame=both)
    timeline.order[id(joined)] = timeline.order[id(second)]
    timeline.frames = [joined if one is second else one for one in timeline.frames if one is not first]
    replies = [one.reply for one in pair_requests(timeline, traits).requests]
    assert None not in replies
    assert [one is joined for one in replies] == [number in (1, 2) for number in range(len(replies))]
