"""The Fuji GFX body against a lens that replays a capture: of our own sessions, and a real one where it is there."""

import json
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.fuji_g.fidelity.body_replay import BodyTrace, replay_to_body, score_body, trace_capture
from lensmount_emulator.roles.fuji_g.profile import BodySettings
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.errors import CaptureError

FUJI_CAPTURES = Path(__file__).parents[5] / "shared" / "captures" / "fuji-g"


def body() -> BodySettings:
    settings = load_profile("gfx50r").settings
    assert isinstance(settings, BodySettings)
    return settings


def played(script: str, lens: str = "gf45") -> list[Decoded]:
    """A session, moved by 0.5 s, so that its supply rises in the recording."""
    records = run_loopback("gfx50r", lens, script=script, seed=1).records
    return list(Decoder(FUJI_G).decode(records))


@pytest.mark.parametrize("lens", ["gf45", "gf110"])
def test_start_of_our_own_session_is_repeated(lens: str) -> None:
    events = played("wait 0.3", lens)
    theirs, ours = trace_capture(events), replay_to_body(shifted(events), body())
    assert len(theirs.startup) >= 29
    assert ours.startup == theirs.startup


def shifted(events: list[Decoded]) -> list[Decoded]:
    """The events half a second later: a supply that is on at time 0 is none that rises."""
    for event in events:
        for name in ("at", "end", "clocked_end"):
            if getattr(event, name, None) is not None:
                setattr(event, name, getattr(event, name) + 0.5)
    return events


@pytest.mark.parametrize("lens", ["gf45", "gf110"])
def test_start_of_our_own_session_is_scored_request_by_request(lens: str) -> None:
    score = score_body(shifted(played("wait 0.3", lens)), body()).score
    assert score.expected >= 29
    assert score.exact == score.answered == score.expected
    assert (score.surplus, score.rules_violated) == (0, 0)
    assert score.rules_held >= 8


def test_session_with_the_supply_on_and_no_ring_has_nothing_to_score() -> None:
    with pytest.raises(CaptureError, match="the supply does not rise in the capture"):
        score_body(played("wait 0.3"), body())


def test_moves_by_the_ring_keep_speed_and_target() -> None:
    events = shifted(played("turn -4; wait 0.3; turn 15; wait 0.4; turn 2; wait 0.3"))
    assert [one[0] for one in trace_capture(events).ring_moves] == [
        c.FocusSpeedCommand(3147),
        c.FocusSpeedCommand(568),
    ]


def test_a_busy_line_interrupts_the_poll_period() -> None:
    events = shifted(played("turn -4; wait 0.3; turn 15; wait 0.4; turn 2; wait 0.3"))
    periods = replay_to_body(events, body()).poll_periods_ms()
    (result,) = [one for one in score_body(events, body()).score.timing if one.rule.name == "poll period"]
    assert 0 < len(result.intervals) < len(periods)
    assert result.violations == []


def test_polls_of_the_played_body_are_forty_milliseconds_apart() -> None:
    periods = replay_to_body(shifted(played("wait 0.5")), body()).poll_periods_ms()
    assert len(periods) > 20
    assert sorted(periods)[len(periods) // 2] == pytest.approx(40.0, abs=0.01)


def test_results_are_asked_for_as_soon_as_captured() -> None:
    reactions = replay_to_body(shifted(played("wait 0.1")), body()).reactions_us()
    (delay,) = reactions["result after a move"]
    assert 121 <= delay < 674
    assert all(500 < delay < 1_200 for delay in reactions["read after a ring bit"])


def test_capture_without_a_session_is_refused() -> None:
    with pytest.raises(CaptureError, match="no whole session of a body"):
        replay_to_body([], body())


@pytest.mark.skipif(not FUJI_CAPTURES.is_dir(), reason="the captures are not beside the project")
def test_verb_scores_the_start_of_a_real_body(capsys: pytest.CaptureFixture[str]) -> None:
    main(["fidelity", str(FUJI_CAPTURES / "GF45-power-up.sal"), "--profile", "gfx50r", "--json"])
    replay = json.loads(capsys.readouterr().out)["outside_declared_fields"]
    assert (replay["expected"], replay["exact"], replay["surplus"]) == (29, 29, 0)
    assert replay["timing"]["violated"] == 0 < replay["timing"]["held"]


@pytest.mark.skipif(not FUJI_CAPTURES.is_dir(), reason="the captures are not beside the project")
def test_start_of_a_real_body_is_the_same_request_by_request() -> None:
    path = FUJI_CAPTURES / "GF45-power-up.sal"
    events = list(Decoder(FUJI_G).decode(open_capture(path, FUJI_G.wiring).records))
    theirs: BodyTrace = trace_capture(events)
    assert len(theirs.startup) == 29
    assert replay_to_body(events, body()).startup == theirs.startup
