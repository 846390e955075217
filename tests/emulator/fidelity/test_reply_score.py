"""The scoring vocabulary: strict replies, noise, informative bytes, skill, splits and the shuffled control."""

from random import Random

import pytest

from lensmount_emulator.comparison.reply_score import (
    NoiseField,
    ReplyPair,
    describe_split,
    parse_split,
    score_replies,
    shuffled,
    signed_offset,
    split_replies,
    stored_bytes,
)
from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import DialectError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, Role


def frame(*messages: Message, sequence: int = 1, class_: int = 1) -> DecodedFrame:
    raw = EMOUNT.build_frame(b"".join(message.build() for message in messages), class_, sequence)
    decoded = list(Decoder(EMOUNT).decode([Burst(0.0, Role.LENS, raw, 750_000, 1e-3, whole=True)]))
    (found,) = (one for one in decoded if isinstance(one, DecodedFrame))
    return found


def focus(position: int, sequence: int = 1) -> DecodedFrame:
    return frame(FocusStatus(planned_position=position), sequence=sequence)


def test_strict_means_every_byte_and_the_sequence() -> None:
    pairs: list[ReplyPair] = [(focus(5), focus(5)), (focus(5), focus(6)), (focus(5), focus(5, 2)), (focus(5), None)]
    score = score_replies(pairs)
    assert (score.replies, score.strict, score.within_noise, score.not_sent) == (4, 1, 1, 1)
    assert score.differences.fields["FocusStatus", "planned_position"].bytes == {1: 1}
    assert score.differences.fields["Frame", "sequence"].count == 1


def test_noise_allows_learned_offsets_only() -> None:
    noise = NoiseField("FocusStatus", "planned_position", {-1: 3, 0: 7})
    assert noise.rate == pytest.approx(0.3)
    pairs: list[ReplyPair] = [(focus(4), focus(5)), (focus(6), focus(5)), (focus(4, 2), focus(5)), (focus(5), focus(5))]
    score = score_replies(pairs, noise=[noise])
    assert (score.strict, score.within_noise) == (1, 2)


def test_offsets_wrap_at_the_size_of_the_field() -> None:
    assert signed_offset(0, 0xFFFF, 2) == 1
    assert signed_offset(0xFF, 0, 1) == -1


def test_skill_compares_informative_bytes_with_constants() -> None:
    training = [(focus(5), focus(5)), (focus(5), focus(5)), (focus(6), focus(6))]
    scored: list[ReplyPair] = [(focus(5), focus(5)), (focus(6), focus(6)), (focus(7), focus(9)), (focus(5), focus(5))]
    score = score_replies(scored, training=training, split=describe_split(0.6), in_sample=False)
    assert (score.informative_bytes, score.informative_exact, score.informative_constants) == (4, 3, 2)
    assert score.skill == pytest.approx(0.5)
    assert score.constants_strict == 2
    data = score.as_dict()
    wanted = "replies strict within_noise informative_bytes informative_exact split in_sample twin_bytes reply_bytes"
    assert set(wanted.split()) <= data.keys()
    assert (data["split"], data["in_sample"]) == ("first 60 % to last 40 %", False)


def test_messages_of_one_type_match_in_another_composition() -> None:
    status = LensStatus(aperture=0x1455)
    score = score_replies([(frame(status, FocusStatus()), frame(status))])
    assert score.strict == 0
    assert score.payload_exact == len(status.build())
    assert score.differences.wrong


def test_shuffled_replies_leave_what_constants_give() -> None:
    pairs = [(focus(number, number), focus(number, number)) for number in range(1, 101)]
    control = score_replies(shuffled(pairs, Random(1)))
    assert control.replies == 100
    assert control.strict <= 5
    still = [(focus(7, number), focus(7, number)) for number in range(1, 101)]
    assert score_replies(shuffled(still, Random(1))).strict == 100


def test_split_divides_replies_in_order() -> None:
    pairs = [(focus(number), None) for number in range(10)]
    training, scored = split_replies(pairs, parse_split("60%"))
    assert (len(training), len(scored)) == (6, 4)
    assert training + scored == pairs


@pytest.mark.parametrize("text", ["", "60", "0%", "100%", "-5%", "1e1%", "sixty", "60%%"])
def test_split_that_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(DialectError, match="write a percentage"):
        parse_split(text)


def test_stored_bytes_count_values_not_names() -> None:
    profile = load_profile("voigtlander-15")
    size = stored_bytes(profile.settings)
    # The descriptor alone has 200 bytes.
    assert 300 < size < 900
