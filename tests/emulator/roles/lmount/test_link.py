"""The link itself: every order answered by its number, unknown ones refused, other revisions, lenses that vanish."""

from typing import Any

import pytest

from lensmount_emulator.roles.lmount.link_engine import MAX_QUEUED
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionCommand
from lensmount_protocol.dialects.lmount.focus import FocusDrive
from lensmount_protocol.dialects.lmount.framing import CYCLE, ORDER, build_frame
from lensmount_protocol.dialects.lmount.identity import Identity, IdentityRequest, LensCapabilities
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome, RejectionCode
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.timing import measure
from lensmount_protocol.timing_marks import extract_marks
from lensmount_protocol.wire import Burst, Edge, Role, Transmit

LMOUNT = load_dialect("lmount")


def send(mounted: Any, payload: bytes, class_: int = ORDER) -> list[Any]:
    """Put a frame on the wire as if the body had sent it; gives what the lens says to it."""
    mounted.records.clear()
    mounted.virtual_session.mount.apply(Role.BODY, Transmit(build_frame(payload, class_, 0x55)))
    mounted.run(0.02)
    return [message for message in mounted.messages(Role.LENS) if isinstance(message, CommandDone | CommandRejected)]


def test_a_message_that_no_one_knows_is_stepped_over_and_refused_by_its_number(mount: Any) -> None:
    mounted = mount().streams()
    strange = bytes.fromhex("790400aabbccdd")
    answers = send(mounted, strange + IdentityRequest(number=7).build())
    assert [(answer.number, answer.order, answer.code) for answer in answers] == [
        (0xAA, 0x79, RejectionCode.UNKNOWN_MESSAGE)
    ]
    assert any(getattr(message, "number", None) == 7 for message in mounted.messages(Role.LENS))


def test_a_message_of_which_too_little_came_is_refused_as_damaged(mount: Any) -> None:
    answers = send(mount().streams(), bytes.fromhex("20020009ff"))
    assert [(answer.number, answer.code) for answer in answers] == [(9, RejectionCode.DAMAGED)]


def test_nothing_is_answered_that_comes_with_a_frame(mount: Any) -> None:
    assert send(mount().streams(), IdentityRequest(number=7).build(), CYCLE) == []


def test_a_longer_message_of_a_later_revision_is_read_as_far_as_it_is_known(mount: Any) -> None:
    later = FocusDrive(number=9, order=FocusCommand.ABSOLUTE, value=900, frame=None)
    raw = bytearray(later.build() + b"\x00\x00later")
    raw[1:3] = (len(raw) - 3).to_bytes(2, "little")
    mounted = mount(lens_changes={"firmware": {"features": ("synchronised focus",)}}).streams()
    assert send(mounted, bytes(raw))[0].outcome == Outcome.ACCEPTED


def test_an_order_that_comes_twice_is_answered_twice_and_done_once(mount: Any) -> None:
    mounted = mount().streams()
    before = mounted.lens.focus.position(mounted.virtual_session.now)
    order = FocusDrive(number=200, order=FocusCommand.RELATIVE, value=50).build()
    first, second = send(mounted, order), send(mounted, order)
    assert first[0] == second[0]
    mounted.run(0.5)
    assert mounted.lens.focus.position(mounted.virtual_session.now) == before + 50


def test_an_answer_that_is_lost_is_asked_for_again(mount: Any) -> None:
    mounted = mount().streams()
    say, lost = mounted.lens.queue_frame, []

    def lose(messages: Any, class_: int, **more: Any) -> None:
        if class_ == ORDER and not lost:
            lost.append(messages)
        else:
            say(messages, class_, **more)

    mounted.lens.queue_frame = lose
    assert isinstance(mounted.request(IdentityRequest()), Identity)
    assert len(lost) == mounted.body.resent_count == 1


def test_a_lens_that_never_answers_is_given_up(mount: Any) -> None:
    mounted = mount().streams()
    mounted.lens.queue_frame = lambda *_messages, **_more: None
    assert mounted.request(IdentityRequest()) is None
    assert any("no answer to IdentityRequest" in text for text in mounted.troubles)


def test_a_damaged_frame_is_not_answered_and_the_next_one_is(mount: Any) -> None:
    mounted = mount().streams()
    frame = bytearray(build_frame(IdentityRequest(number=7).build(), ORDER, 1))
    frame[-1] ^= 0x10
    mounted.records.clear()
    mounted.virtual_session.mount.apply(Role.BODY, Transmit(bytes(frame)))
    mounted.run(0.02)
    assert not any(getattr(message, "number", None) == 7 for message in mounted.messages(Role.LENS))
    assert mounted.request(IdentityRequest()) is not None


@pytest.mark.parametrize(("rates", "chosen"), [((115_200,), 115_200), ((115_200, 750_000), 750_000)])
def test_the_fastest_rate_that_both_have_is_spoken(mount: Any, rates: tuple[int, ...], chosen: int) -> None:
    mounted = mount(lens_changes={"firmware": {"rates": rates}}).streams()
    mounted.run(0.3)
    bursts = [record for record in mounted.records if isinstance(record, Burst)]
    assert bursts[0].baudrate == 115_200
    assert {burst.baudrate for burst in bursts[-10:]} == {chosen}
    assert mounted.troubles == []


def test_both_ends_switch_a_millisecond_behind_the_acceptance(mount: Any) -> None:
    mounted = mount().streams()
    events = list(Decoder(LMOUNT).decode(mounted.records))
    accepted = next(
        event
        for event in events
        if isinstance(event, DecodedFrame)
        and isinstance(event.messages[0], CommandDone)
        and event.messages[0].order == SetBaudrateCommand.TYPE
    )
    slow = [record for record in mounted.records if isinstance(record, Burst) and record.baudrate == 115_200]
    fast = [record for record in mounted.records if isinstance(record, Burst) and record.baudrate > 115_200]
    assert accepted.frame.raw == slow[-1].data
    assert fast[0].at - slow[-1].end >= 1e-3


def test_a_rate_that_a_lens_has_not_is_refused(mount: Any) -> None:
    answer = mount(lens_changes={"firmware": {"rates": (115_200,)}}).streams().request(StreamConfig(reports=[0x11]))
    assert (answer.code, answer.field_number) == (RejectionCode.OUT_OF_RANGE, 2)
    mounted = mount(lens_changes={"firmware": {"rates": (115_200,)}}).streams()
    assert send(mounted, SetBaudrateCommand(number=9, baudrate=1_500_000).build())[0].code == RejectionCode.NOT_ABLE


def test_the_stream_is_what_was_ordered(mount: Any) -> None:
    mounted = mount().streams()
    mounted.request(StreamConfig(reports=[ApertureState.TYPE]))
    mounted.records.clear()
    mounted.run(0.1)
    assert {message.TYPE for message in mounted.messages(Role.LENS)} <= {ApertureState.TYPE, 0x90}


@pytest.mark.parametrize("other", ["body", "lens"])
@pytest.mark.parametrize("revision", [1, 3])
def test_one_revision_older_or_newer_works_with_what_both_have(mount: Any, other: str, revision: int) -> None:
    changes: dict[str, Any] = {f"{other}_changes": {"firmware": {"revision": revision}}}
    mounted = mount(**changes, script="check all").streams()
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.lens_info.revision == 2 or mounted.body.compatibility_results[2].rule == "older revision"
    assert {finding.verdict.value for finding in mounted.body.compatibility_results} <= {"works", "reduced"}
    assert mounted.of(BodyHello)[0].revision == (revision if other == "body" else 2)
    assert mounted.of(LensHello)[0].revision == (revision if other == "lens" else 2)
    has_it = mounted.of(LensCapabilities)[0].breathing is not None
    assert has_it == (other == "body" or revision > 1)
    assert mounted.troubles == []


def test_a_lens_taken_off_in_mid_message_leaves_everything_at_rest(mount: Any) -> None:
    for moment in range(1, 40):
        mounted = mount().streams()
        mounted.run(0.1 + moment * 0.37e-3)
        gone = mounted.virtual_session.now
        mounted.virtual_session.detach_lens(gone)
        mounted.run(0.002)
        high = {line for line, level in mounted.virtual_session.mount.levels.items() if level}
        assert high == {"DETECT"}
        late = [edge for edge in mounted.records if isinstance(edge, Edge) and edge.at > gone + 2e-3]
        assert late == []
        mounted.virtual_session.attach_lens(mounted.virtual_session.now)
        mounted.wait_until(lambda here=mounted: here.body.lens_info.reports > 2)  # type: ignore[misc]


def test_an_answer_to_everything_fits_in_memory(mount: Any) -> None:
    """A thousand questions at once: as many wait as may, the others are dropped and counted."""
    mounted = mount().streams()
    mounted.lens.now = mounted.virtual_session.now
    for number in range(1000):
        mounted.lens.queue_frame([CommandDone(number=number & 0xFF)], ORDER)
    assert mounted.lens.dropped >= 1000 - MAX_QUEUED - 1
    mounted.wait_until(lambda: mounted.lens.idle)
    mounted.run(0.5)
    assert mounted.body.lens_info.reports > 10


def test_a_body_that_gave_up_begins_again_with_the_next_lens(mount: Any) -> None:
    mounted = mount(script="check firmware")
    hear = mounted.lens.on_arrival
    mounted.lens.on_arrival = lambda _arrival: None
    mounted.wait_until(lambda: mounted.body.done)
    assert mounted.body.compatibility_results[-1].rule == "silent"
    mounted.run(0.5)
    mounted.lens.on_arrival = hear
    mounted.virtual_session.detach_lens(mounted.virtual_session.now)
    mounted.run(0.05)
    mounted.virtual_session.attach_lens(mounted.virtual_session.now)
    mounted.wait_until(lambda: mounted.body.lens_info.reports > 3)


def test_answers_keep_their_time_under_full_stream_at_the_slowest_rate(mount: Any) -> None:
    script = "; ".join(["expose 1/500", "check firmware"] * 20)
    mounted = mount(lens_changes={"firmware": {"rates": (115_200,)}}, script=script)
    mounted.wait_until(lambda: mounted.body.done)
    events = list(Decoder(LMOUNT).decode(mounted.records))
    measured = measure(LMOUNT.timing, extract_marks(events, LMOUNT))
    assert {rule.rule.name: rule.violations for rule in measured if rule.violations} == {}


def test_a_page_that_was_not_agreed_is_refused(mount: Any) -> None:
    answer = mount().streams().request(ExtensionCommand(page=0x8001, content=b"?"))
    assert answer.code == RejectionCode.NOT_AGREED


def test_a_vendor_s_message_survives_the_decoder(mount: Any) -> None:
    mounted = mount().streams()
    send(mounted, bytes.fromhex("7f0200beef"))
    unknown = [
        message
        for event in Decoder(LMOUNT).decode(mounted.records)
        for message in getattr(event, "messages", ())
        if isinstance(message, UnknownMessage)
    ]
    assert [message.data.hex() for message in unknown] == ["7f0200beef"]


def test_the_timing_contract_is_kept_at_every_rate(mount: Any) -> None:
    for rates in ((115_200,), (115_200, 750_000), (115_200, 750_000, 1_500_000)):
        mounted = mount(lens_changes={"firmware": {"rates": rates}}, script="check all").streams()
        mounted.wait_until(lambda here=mounted: here.body.done)  # type: ignore[misc]
        events = list(Decoder(LMOUNT).decode(mounted.records))
        measured = measure(LMOUNT.timing, extract_marks(events, LMOUNT))
        assert {rule.rule.name: rule.violations for rule in measured if rule.violations} == {}
        assert {rule.rule.name for rule in measured if rule.intervals} == {rule.name for rule in LMOUNT.timing}
