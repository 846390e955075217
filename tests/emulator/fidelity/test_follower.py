"""Followers: an engine in the place of a device, from the start of a session, joined in it, and after lost frames."""

import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.comparison.follower import FollowedReply, Follower
from lensmount_emulator.comparison.noise import learn_noise
from lensmount_emulator.comparison.reply_score import ReplyPair, ReplyScore, score_replies
from lensmount_emulator.fidelity.assessment import assess, was_made_from
from lensmount_emulator.fidelity.capture_replay import follow_frames, make_follower
from lensmount_emulator.fidelity.session_follower import follow_records, follow_session
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.fidelity.loop_frames import number_before, numbers_before, numbers_between
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, next_body_sequence, next_lens_sequence
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, Role

SCRIPT = "wait 0.1; focus +50; aperture f/8; sleep; wake; wait 0.1"


@cache
def session(body: str, lens: str) -> tuple[DecodedFrame, ...]:
    """The frames of a session of our own, with a sleep in it."""
    result = run_loopback(body, lens, script=SCRIPT, seconds=3.0, seed=3)
    return tuple(one for one in Decoder(EMOUNT).decode(result.records) if isinstance(one, DecodedFrame))


@cache
def captured(path: Path) -> tuple[DecodedFrame, ...]:
    records = open_capture(path, EMOUNT.wiring).records
    return tuple(one for one in Decoder(EMOUNT).decode(records) if isinstance(one, DecodedFrame))


def follow(frames: Sequence[DecodedFrame], profile: str) -> tuple[Follower, list[FollowedReply], ReplyScore]:
    follower = make_follower(EMOUNT, load_profile(profile))
    replies = follow_frames(follower, frames)
    return follower, replies, score_replies([reply.pair for reply in replies if reply.scored])


def stream_places(frames: Sequence[DecodedFrame], count: int) -> list[int]:
    loop = [at for at, one in enumerate(frames) if one.frame.class_ == LOOP_CLASS]
    first, last = loop[0], loop[-1]
    return [first + int((last - first) * (0.02 + 0.75 * place / (count - 1))) for place in range(count)]


@pytest.mark.parametrize(
    ("body", "lens"), [("a6000", "sel55210"), ("nex7", "voigtlander-15"), ("a6000", "viltrox-ef50")]
)
def test_session_of_our_own_is_strict_through_sleep_and_wake(body: str, lens: str) -> None:
    frames = session(body, lens)
    for profile in (body, lens):
        follower, replies, score = follow(frames, profile)
        assert (
            score.replies == len(replies) == sum(one.sender.value == load_profile(profile).role.value for one in frames)
        )
        assert score.strict == score.replies
        assert (follower.gaps, follower.joined_at) == (0, 0)


@pytest.mark.parametrize(
    ("name", "profile", "strict", "replies"),
    [
        ("a6000_sel55210_init_55.sr", "sel55210", 196, 201),
        ("a6000_sel55210_init_55.sr", "a6000", 197, 197),
        ("nex7-sony-28-70mm-at-70mm.txt", "sel2870", 166, 226),
        ("nex7-voigtlander-15mm-f4.5-inf.txt", "voigtlander-15", 269, 269),
        ("nex7-voigtlander-15mm-f4.5-inf.txt", "nex7", 262, 269),
        ("nex7-zeiss-28mm-at-2.8-init.txt", "nex7", 127, 133),
        ("a6000_ef50_viltrox_init.sr", "a6000", 414, 419),
        ("nex7-zeiss-28mm-at-2.8-init.txt", "loxia-21", 133, 133),
    ],
)
def test_strict_figures_of_captures(captures: Path, name: str, profile: str, strict: int, replies: int) -> None:
    _, _, score = follow(captured(captures / name), profile)
    assert (score.strict, score.replies) == (strict, replies)


def test_lens_joins_in_mid_session(captures: Path) -> None:
    for name, profile, places in (
        ("a6000_sel55210_init_55.sr", "sel55210", 6),
        ("nex7-voigtlander-15mm-f4.5-inf.txt", "voigtlander-15", 4),
    ):
        frames = captured(captures / name)
        strict = replies = 0
        for place in stream_places(frames, places):
            follower, followed, score = follow(frames[place:], profile)
            assert follower.joined_at
            assert any("orders under way" in note for note in follower.notes)
            assert sum(not one.scored for one in followed) <= 8
            strict, replies = strict + score.strict, replies + score.replies
        assert replies > 400
        assert strict >= 0.98 * replies


def test_body_joins_in_mid_session(captures: Path) -> None:
    frames = captured(captures / "a6000_sel55210_init_55.sr")
    scores = [follow(frames[place:], "a6000")[2] for place in stream_places(frames, 4)]
    assert all(score.replies > 30 for score in scores)
    assert sum(score.strict for score in scores) >= 0.97 * sum(score.replies for score in scores)


@pytest.mark.parametrize(
    ("name", "profile"), [("a6000_sel55210_init_55.sr", "sel55210"), ("a6000_sel55210_init_55.sr", "a6000")]
)
def test_one_lost_body_frame_costs_little(captures: Path, name: str, profile: str) -> None:
    frames = captured(captures / name)
    sent = [at for at, one in enumerate(frames) if one.sender is Role.BODY]
    for lost in sent[:: len(sent) // 8]:
        follower, _, score = follow(frames[:lost] + frames[lost + 1 :], profile)
        assert score.strict >= 0.95 * score.replies > 150
        assert follower.gaps <= 12


def test_many_lost_frames_keep_the_number(captures: Path) -> None:
    frames = captured(captures / "nex7-voigtlander-15mm-f4.5-inf.txt")
    follower, _, score = follow(frames[:100] + frames[160:], "voigtlander-15")
    assert follower.gaps == 1
    assert score.strict >= 0.95 * score.replies


def test_another_lens_is_near_zero(captures: Path) -> None:
    frames = captured(captures / "nex7-zeiss-28mm-at-2.8-init.txt")
    for part in (frames, frames[60:]):
        _, _, score = follow(part, "voigtlander-15")
        assert score.strict <= 0.05 * score.replies


def test_numbers_between_follow_the_masked_counter() -> None:
    for count in range(600):
        before, after = next_body_sequence(count), next_body_sequence(count + 1)
        assert numbers_between(before, after) == []
        assert number_before(next_lens_sequence(before)) in {before, next_body_sequence(count)}
    assert numbers_between(0x10, 0x13) == [0x11, 0x12]
    assert numbers_between(0xEF, 0x82) == [0x80, 0x81]
    assert numbers_between(0x10, 0x10) == []
    assert numbers_before(0x02, 3) == [0x8F, 0x00, 0x01]


def test_noise_is_learned_from_small_differences_only() -> None:
    frames = [one for one in session("a6000", "sel55210") if one.frame.payload[:1] == b"\x06"][:40]
    pairs: list[ReplyPair] = [(one, one) for one in frames]
    assert learn_noise(pairs) == []


def test_dialect_without_a_follower_is_followed_by_its_times() -> None:
    result = run_loopback("panasonic-s1r", "leica-vario-elmarit-sl-24-90mm-f2.8-4", seconds=1.5)
    replies = follow_records(result.dialect, load_profile("leica-vario-elmarit-sl-24-90mm-f2.8-4"), result.records)
    assert len(replies) > 50
    assert all(reply.strict for reply in replies)


@pytest.mark.parametrize(
    ("lens", "script", "least"),
    [
        ("sigma-45mm-f2.8-dg-dn", "", 0.96),
        ("leica-vario-elmarit-sl-24-90mm-f2.8-4", "", 0.96),
        ("sigma-45mm-f2.8-dg-dn", "wait 0.1; aperture f/8; focus near; wait 0.5", 0.96),
    ],
)
def test_lens_of_the_open_model_joins_at_a_pulse(lens: str, script: str, least: float) -> None:
    result = run_loopback("panasonic-s1r", lens, script=script, seconds=2.2)
    late = [record for record in result.records if (record.at or 0.0) >= 1.31]
    session = follow_session(result.dialect, load_profile(lens))
    replies = [reply for record in late for reply in session.feed(record)] + session.finish()
    scored = [reply for reply in replies if reply.scored]
    assert session.facts.joined_at
    assert session.facts.given["FocusState.position"] == 4
    assert len(replies) - len(scored) <= 5
    assert sum(reply.strict for reply in scored) >= least * len(scored) > 40


def test_session_without_its_start_says_what_is_needed() -> None:
    lens = "sigma-45mm-f2.8-dg-dn"
    result = run_loopback("panasonic-s1r", lens, seconds=1.2)
    late = [record for record in result.records if isinstance(record, Burst)][-30:]
    found = assess(late, result.dialect, load_profile(lens))
    assert not found.perfect
    assert found.score.not_sent == found.score.replies > 0
    assert "from the supply on" in found.notes[0]


def test_assessment_scores_the_rest_and_prints_the_training_part_in_sample(captures: Path) -> None:
    path = captures / "nex7-voigtlander-15mm-f4.5-inf.txt"
    records = list(open_capture(path, EMOUNT.wiring).records)
    profile = load_profile("voigtlander-15")
    assert was_made_from(profile, path)
    assert not was_made_from(profile, captures / "nex7-sony-28-70mm-at-70mm.txt")
    result = assess(records, EMOUNT, profile, split=0.6)
    assert result.training is not None
    assert (result.training.in_sample, result.score.in_sample) == (True, False)
    assert result.training.replies + result.score.replies == 269
    assert result.score.strict == result.score.replies == 108
    # What constants alone give: the shuffled control must not be far from it.
    assert result.control.strict < 0.6 * result.score.replies
    assert result.perfect


def test_fidelity_prints_one_object_with_the_agreed_keys(captures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(captures / "nex7-zeiss-28mm-at-2.8-init.txt")
    assert main(["fidelity", path, "--profile", "loxia-21", "--split", "60%", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    wanted = "replies strict within_noise informative_bytes informative_exact split in_sample twin_bytes reply_bytes"
    assert set(wanted.split()) <= data.keys()
    assert (data["replies"], data["strict"], data["split"]) == (53, 53, "first 60 % to last 40 %")
    assert data["outside_declared_fields"]["exact"] == 133
    assert main(["fidelity", path, "--profile", "voigtlander-15", "--at-least", "97%"]) == 1
    assert "in sample" in capsys.readouterr().out


def test_capture_of_one_end_cannot_be_assessed(captures: Path) -> None:
    records = list(open_capture(captures / "nex7-clocks-and-sync-lines.txt", EMOUNT.wiring).records)
    with pytest.raises(CaptureError, match="holds no frame of the lens"):
        assess(records, EMOUNT, load_profile("sel55210"))


RULES = """
[[phase]]
name = "rows"
modulus = 2
clock = "sequence"
value = {value}

[[field]]
name = "LensStatus.row_b"
kind = "table"
key = ["phase:rows"]
data = {{ 0 = "270835304039", 1 = "8542978697B6" }}
"""


def profile_file(path: Path, **changes: str) -> str:
    """A file with the profile of a manual lens that has a hidden phase, with some values changed."""
    source = files("lensmount_emulator.profiles") / "emount" / "voigtlander-15.toml"
    text = source.read_text(encoding="utf-8")
    for name, value in changes.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count or name == "phase"
    path.write_text(text + RULES.format(value=changes.get("phase", "0")))
    return str(path)


def test_phase_of_a_session_is_taken_from_its_first_pairs(tmp_path: Path) -> None:
    device = profile_file(tmp_path / "device.toml", phase="1")
    ours = load_profile(profile_file(tmp_path / "ours.toml", phase="0"))
    frames = [
        one
        for one in Decoder(EMOUNT).decode(run_loopback("nex7", device, seconds=1.5).records)
        if isinstance(one, DecodedFrame)
    ]
    follower = make_follower(EMOUNT, ours)
    replies = follow_frames(follower, frames)
    assert follower.phases == {"rows": 1}
    assert 0 < sum(not one.scored for one in replies) <= 7
    assert all(one.strict for one in replies if one.scored)
    # With the right phase nothing is taken from the session.
    same = follow_frames(make_follower(EMOUNT, load_profile(device)), frames)
    assert all(one.scored and one.strict for one in same)


def test_state_of_a_lens_is_given_on_request_only(tmp_path: Path) -> None:
    device = profile_file(tmp_path / "device.toml", planned="0x1020", planned_position="0x1020")
    ours = load_profile(profile_file(tmp_path / "ours.toml"))
    records = run_loopback("nex7", device, seconds=1.5).records
    alone = assess(records, EMOUNT, ours).score
    assert alone.by_message["06 FocusStatus"][1] == 0
    given = assess(records, EMOUNT, ours, give_state=True).score
    assert given.given == {"FocusStatus.planned_position": 2}
    assert given.strict == given.replies > 50
    assert given.unscored
