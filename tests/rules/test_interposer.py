"""An interposer between body and lens: without rules the session is the same, with rules it has their outcome."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.faults.rule import Rule, relay_rules
from lensmount_emulator.rules.interposer import Interposer
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.identification import DescriptorReply, SpeedReply
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Annotation, Received, Role, Transmit
from rules.sessions import play

SHORT = "focus +50; aperture f/8; sleep"
LMOUNT = ("panasonic-s5", "sigma-45mm-f2.8-dg-dn")


@pytest.mark.parametrize("way", ["cut-through", "store"])
def test_without_rules_the_frames_are_those_of_a_plain_session(way: str) -> None:
    plain, passed = play("a6000", "sel55210", script=SHORT), play("a6000", "sel55210", f"rule way={way}", script=SHORT)
    assert passed.finished
    assert not passed.errors
    assert passed.frames[0] == passed.frames[1] == plain.frames[0]


def test_cut_through_of_one_byte_breaks_at_most_five_bounds() -> None:
    passed = play("a6000", "sel55210", "rule way=cut-through", script="wait 0.2; sleep; wake")
    assert passed.finished
    assert len(passed.frames[0]) == len(passed.frames[1]) > 100
    assert len({*passed.broken[0]}) + len({*passed.broken[1]}) <= 5


@pytest.mark.parametrize("way", ["cut-through", "store"])
def test_open_model_passes_an_interposer(way: str) -> None:
    passed = play(*LMOUNT, f"rule way={way}", script="focus 2m; sleep")
    assert passed.finished
    assert not passed.errors
    assert passed.frames[0]
    assert sorted(map(str, passed.frames[0])) == sorted(map(str, passed.frames[1]))


def test_cut_through_sets_a_field_and_notes_both_frames() -> None:
    rule = "rule on=LensStatus set=focal_length_dmm=777 every=3 way=cut-through"
    result = run_loopback("a6000", "sel55210", script="wait 0.1", faults=[rule])
    lengths = [status.focal_length_dmm for status in result.messages(LensStatus)]
    notes = [one.text for one in result.records if isinstance(one, Annotation) and "rule on LensStatus" in one.text]
    assert result.finished
    assert lengths.count(777) == len(notes) > 1
    assert "becomes f0" in notes[0]
    assert not result.tally.runs


def test_rate_follows_what_the_rules_leave_of_an_agreement() -> None:
    rule = "rule on=SpeedReply set=accepted=0 way=cut-through"
    result = run_loopback("a6000", "sel55210", script="wait 0.1", faults=[rule])
    assert [reply.accepted for reply in result.messages(SpeedReply)] == [0]
    assert result.finished
    assert not any(notice.is_error for notice in result.notices)


def test_stored_frame_is_dropped_delayed_or_joined() -> None:
    late = run_loopback("a6000", "sel55210", script="wait 0.1", faults=["rule on=StartUpReply late=50ms way=store"])
    assert late.finished
    dropped = play("a6000", "sel55210", "rule on=FocusStatus do=drop way=store", script="wait 0.1")
    assert not any(sender is Role.LENS and raw[5] == 6 for sender, raw in dropped.frames[0])
    assert any(sender is Role.LENS and raw[5] == 6 for sender, raw in dropped.frames[1])


def test_stored_frame_with_a_wrong_length_passes_after_the_idle_timeout() -> None:
    dialect = load_dialect("emount")
    interposer = Interposer(dialect, relay_rules(dialect, [Rule(on="BodyMode", set="state=2", way="store")]))
    notes: list[str] = []
    interposer.note = lambda _now, text: notes.append(text)
    right = dialect.build_frame(BodyMode().build(), 1, 1)
    wrong = bytes((right[0], 0xF0, 0, *right[3:]))
    near, far = interposer.near, interposer.far
    near.receive(Received(wrong), 0.0)
    late = far.next_deadline()
    assert late == pytest.approx(dialect.idle_timeout + 0xF0 * 10 / 750_000)
    far.handle_deadline(late)
    far.handle_deadline(late + 0.001)
    assert [action.data for action in far.actions() if isinstance(action, Transmit)] == [wrong]
    assert f"{len(wrong)} bytes are no whole frame after 0.203 s; they pass as they came" in notes
    near.receive(Received(right), 1.0)
    far.handle_deadline(1.001)
    [passed] = [action.data for action in far.actions() if isinstance(action, Transmit)]
    assert passed != right
    assert len(passed) == len(right)


def test_same_rules_give_the_same_recording() -> None:
    rules = ["rule on=LensStatus set=state=3 way=cut-through", "rule on=BodyMode late=50us way=store"]
    first, second = (run_loopback("a6000", "sel55210", script=SHORT, faults=rules, seed=5) for _ in range(2))
    assert first.records == second.records


def test_lens_is_taken_off_and_put_back_through_an_interposer() -> None:
    result = run_loopback(*LMOUNT, script="detach 0.3; focus 2m", faults=["rule way=store"], seconds=2.5)
    assert result.finished


@pytest.mark.parametrize("rule", ["way=cut-through", "on=LensStatus set=state=3 way=store"])
def test_lens_is_swapped_behind_an_interposer(rule: str) -> None:
    faults = [f"rule {rule}", "swap-lens at=0.4 for=50ms lens=samyang-135"]
    result = run_loopback("a6000", "sel55210", script="wait 0.2", faults=faults)
    first, *_, second = (reply.lens_spec for reply in result.messages(DescriptorReply))
    assert first != second
    assert result.finished


def test_accessory_keeps_its_lens_and_the_recording_says_so() -> None:
    faults = ["swap-lens at=0.5 lens=sigma-45mm-f2.8-dg-dn"]
    result = run_loopback(
        "panasonic-s5", "panasonic-s-pro-70-200mm-f4", accessories=["panasonic-stc14"], script="wait 0.6", faults=faults
    )
    notes = [one.text for one in result.records if isinstance(one, Annotation)]
    assert "fault: swap-lens: the accessory keeps its lens" in notes


def test_lens_that_is_put_back_waits_for_nothing_of_before() -> None:
    rule = "rule on=ApertureState late=8s count=1 way=store at=500ms"
    result = run_loopback(*LMOUNT, script="detach 0.3", faults=[rule], seconds=6.0)
    assert any(isinstance(one, Annotation) and "8 s late" in one.text for one in result.records)
    assert result.finished


def test_breakpoint_stops_time_before_its_frame_and_a_step_goes_on() -> None:
    session = make_virtual_session("a6000", "sel55210", script="wait 0.1", faults=["rule on=IdentityReply do=hold"])
    session.start()
    session.run(5.0)
    assert session.paused
    assert "rule on IdentityReply: f0" in session.held
    held_at = session.now
    assert held_at < 1.0
    assert session.advance(0.0) is None
    assert session.now == held_at
    session.step()
    assert session.now > held_at
    session.resume()
    session.run(5.0, stop_when=lambda: session.body.done)
    assert session.body.done


def test_breakpoint_stops_time_in_an_interposer() -> None:
    rule = "rule on=IdentityReply do=hold way=store count=1"
    session = make_virtual_session("a6000", "sel55210", script="wait 0.1", faults=[rule])
    session.start()
    session.run(5.0)
    assert session.paused
    session.run(5.0, stop_when=lambda: session.body.done)
    assert session.body.done


def test_rule_with_a_way_cannot_join_a_running_session() -> None:
    session = make_virtual_session("a6000", "sel55210")
    with pytest.raises(FaultError, match="from its start"):
        session.inject("rule on=LensStatus set=state=1 way=store")


def test_rule_that_joins_a_running_session_knows_its_layout() -> None:
    session = make_virtual_session("a6000", "sel55210", script="wait 0.5")
    session.start()
    session.run(1.2)
    session.inject("rule on=LensStatus do=hold")
    session.run(2.0)
    assert "rule on LensStatus" in session.held


@pytest.mark.parametrize("way", ["instant", "store"])
def test_loopback_tells_how_often_each_rule_applied(way: str, capsys: pytest.CaptureFixture[str]) -> None:
    rules = ["on=LensStatus where=state=0xEE set=focal_length_dmm=7", "on=SpeedReply set=accepted=0"]
    words = [word for rule in rules for word in ("--fault", f"rule {rule} way={way}")]
    main(["loopback", "--script", "wait 0.05", "-q", *words])
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert "rule on LensStatus: applied to no frame" in lines
    assert "rule on SpeedReply: applied to 1 frame" in lines


def test_bridge_names_rules_that_applied_to_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "r.toml"
    rules.write_text('[[rules]]\non = "LensStatus"\nset = { state = 1 }\n')
    assert main(["bridge", "pty:", "pty:", "--rules", str(rules), "--duration", "0.02", "--allow-silence"]) == 0
    assert "rule on LensStatus: applied to no frame" in capsys.readouterr().err.splitlines()
