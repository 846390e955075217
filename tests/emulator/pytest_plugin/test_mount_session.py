"""What a test can have a mount do, wait for, and hear; in virtual time."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.pytest_plugin.factory import MountFactory
from lensmount_emulator.pytest_plugin.mount_session import MountSession
from lensmount_emulator.pytest_plugin.options import MountOptions
from lensmount_protocol.dialects.emount.body_status import BodyState
from lensmount_protocol.dialects.emount.focus import FocusMove, FocusMoved
from lensmount_protocol.dialects.emount.identification import IdentityReply, IdentityRequest
from lensmount_protocol.dialects.emount.units import MountKind
from lensmount_protocol.dialects.lmount.focus import FocusDrive, FocusState, RingMoved
from lensmount_protocol.dialects.lmount.link import BodyHello, CommandDone, LensHello
from lensmount_protocol.dialects.lmount.types import FocusCommand, Outcome
from lensmount_protocol.errors import DialectError, LocalProtocolError, ProfileError, ScriptError
from lensmount_protocol.wire import Role, Transmit

ZOOM = "leica-vario-elmarit-sl-24-90mm-f2.8-4"


def drive(value: int) -> FocusDrive:
    return FocusDrive(order=FocusCommand.ABSOLUTE, value=value)


def told(mounted: MountSession) -> dict[str, str]:
    return dict(mounted.report(12))


def test_no_time_passes_before_someone_asks_for_it(mount: MountFactory) -> None:
    mounted = mount()
    assert mounted.now == 0.0
    assert not mounted.messages()
    mounted.run(0.25)
    assert mounted.now == 0.25
    assert [type(message) for message in mounted.messages()[:2]] == [BodyHello, LensHello]


def test_a_script_is_carried_out_as_it_is_said(mount: MountFactory) -> None:
    mounted = mount()
    heard = mounted.run_script("focus 2m; aperture f/8")
    assert [notice.text for notice in heard if "script" in notice.text] == ["script: focus 2m", "script: aperture f/8"]
    assert "focus at 480, 2.00 m" in " ".join(notice.text for notice in heard)
    mounted.assert_clean()


def test_no_step_is_done_by_a_body_that_gave_up(mount: MountFactory) -> None:
    mounted = mount("leica-sl2", "laowa-15mm-f2", script="wait 0.1")
    # Once it has given up it stays so, whenever it is asked.
    for _ in range(2):
        with pytest.raises(AssertionError, match="the body gave up on the lens"):
            mounted.run_script("focus 2m")


def test_a_script_may_be_begun_and_waited_for_later(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("focus near; focus far", wait=False)
    begun = mounted.now
    before = len(mounted.messages(CommandDone))
    # Two drives, each accepted and done.
    mounted.wait_until(lambda: len(mounted.messages(CommandDone)) == before + 4)
    assert mounted.now > begun + 0.3
    assert mounted.messages(CommandDone)[-1].outcome == Outcome.DONE


def test_asks_in_words_of_its_own(mount: MountFactory) -> None:
    mounted = mount()
    order = drive(300)
    answer = mounted.request(order)
    assert isinstance(answer, CommandDone)
    assert (answer.number, answer.outcome) == (order.number, Outcome.ACCEPTED)
    assert mounted.expect(CommandDone, number=order.number, outcome=Outcome.DONE).number == order.number
    mounted.run(0.05)
    assert mounted.messages(FocusState)[-1].position == 300


@pytest.mark.parametrize("seed", [None, 7])
def test_e_mount_is_asked_in_the_same_way(mount: MountFactory, seed: int | None) -> None:
    mounted = mount("a6000", "sel55210", seed=seed)
    mounted.run_script("focus 0x4200; aperture f/8")
    identity = mounted.request(IdentityRequest())
    assert isinstance(identity, IdentityReply)
    assert (identity.kind, identity.lens_id) == (MountKind.NATIVE, 32786)
    assert isinstance(mounted.request(FocusMove(operand=0x4300)), FocusMoved)
    mounted.run_script("sleep; wake; focus +16")
    mounted.assert_clean()


def test_what_cannot_be_asked_says_so(mount: MountFactory) -> None:
    with pytest.raises(LocalProtocolError, match="BodyHello is no order of a body's; it cannot be asked"):
        mount().request(BodyHello())
    sleeper = mount("a6000", "sel55210")
    with pytest.raises(LocalProtocolError, match="BodyState goes out with every frame; it cannot be asked"):
        sleeper.request(BodyState())
    sleeper.run_script("sleep")
    with pytest.raises(LocalProtocolError, match="the body does not loop"):
        sleeper.request(FocusMove(operand=0x4300))


def test_a_hand_is_at_the_lens_while_the_test_goes_on(mount: MountFactory) -> None:
    mounted = mount(lens=ZOOM)
    mounted.run_script("wait 0.05")
    mounted.operate("zoom 70")
    assert not mounted.messages(RingMoved)
    assert mounted.expect(RingMoved, within=0.2).delta > 0
    with pytest.raises(
        ScriptError, match="unknown script verb 'focus'; known: press, release, ring, switch, turn, zoom"
    ):
        mounted.operate("focus 2m")


def test_a_lens_that_was_taken_off_is_got_to_know_again(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("focus 2m; detach 0.2; focus near")
    assert len(mounted.messages(LensHello)) == 2
    mounted.detach()
    mounted.run(0.1)
    mounted.attach()
    mounted.run_script("focus far")
    assert len(mounted.messages(LensHello)) == 3
    mounted.assert_clean(allow=["body: the lens is gone*"])


def test_a_step_that_the_lens_did_not_live_to_see_fails(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("wait 0.01")
    mounted.virtual_session.scheduler.call_at(
        mounted.now + 0.05, lambda _none, now: mounted.virtual_session.detach_lens(now), None
    )
    with pytest.raises(AssertionError, match="focus near: the lens was gone before it was done\nthe last 12 lines"):
        mounted.run_script("focus near")


def test_what_takes_too_long_says_how_long(mount: MountFactory) -> None:
    mounted = mount()
    with pytest.raises(AssertionError, match=r"the body was not ready within 0\.01 s"):
        mounted.run_script("focus near", within=0.01)
    with pytest.raises(AssertionError, match=r"wait 2: not done within 0\.5 s"):
        mounted.run_script("wait 2", within=0.5)


def test_checks_leave_findings(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("check focus")
    assert {finding.step: finding.verdict for finding in mounted.compatibility}["focus"] is Verdict.WORKS


def test_a_silent_lens_is_told_and_fails_no_one_but_who_asks_for_cleanness(mount: MountFactory) -> None:
    mounted = mount("a6000", "sel55210")
    mounted.run_script("sleep")
    mounted.virtual_session.mount.connect(Role.LENS, lambda _event, _now: None)
    mounted.run_script("wake")
    assert mounted.notices[-1].text.startswith("the lens ")
    with pytest.raises(AssertionError, match="body: the lens "):
        mounted.assert_clean()


def test_the_timeline_can_be_had_at_any_time(mount: MountFactory) -> None:
    mounted = mount()
    assert mounted.timeline() == []
    mounted.run_script("focus 2m")
    assert len(mounted.timeline()) == 12
    assert mounted.timeline(2)[-1].endswith("● body: focus at 480, 2.00 m, after 83.3 ms")
    assert mounted.events


def test_messages_are_told_by_class_and_by_sender(mount: MountFactory) -> None:
    mounted = mount()
    mounted.run_script("focus 2m")
    everything = mounted.messages()
    assert mounted.messages(role="body") + mounted.messages(role=Role.LENS) != everything
    assert len(mounted.messages(role="body")) + len(mounted.messages(role=Role.LENS)) == len(everything)
    assert mounted.messages(FocusDrive) == mounted.messages(FocusDrive, "body")
    assert mounted.messages(FocusDrive, "lens") == []


class TestExpect:
    def test_counts_from_the_last_deed_on_and_each_message_once(self, mount: MountFactory) -> None:
        mounted = mount()
        mounted.run_script("focus 2m")
        mounted.expect(CommandDone, outcome=Outcome.ACCEPTED)
        mounted.expect(CommandDone, outcome=Outcome.DONE)
        with pytest.raises(AssertionError):
            mounted.expect(CommandDone, outcome=Outcome.DONE, within=0.05)
        mounted.run_script("focus 1m")
        mounted.run_script("wait 0.05")
        with pytest.raises(AssertionError):
            mounted.expect(CommandDone, within=0.05)

    def test_waits_no_longer_than_it_says(self, mount: MountFactory) -> None:
        mounted = mount()
        mounted.run_script("focus 2m")
        begun = mounted.now
        with pytest.raises(AssertionError) as failure:
            mounted.expect(CommandDone, number=99, within=0.125)
        assert mounted.now == pytest.approx(begun + 0.125)
        first, second, *timeline = str(failure.value).splitlines()
        assert re.fullmatch(
            r"no CommandDone\(number=99\) within 0\.125 s of \d+\.\d{3} ms; 2 came, "
            r"the last: 85 CommandDone number=\d+ order=0x20 outcome=DONE \(0x01\); number is \d+, not 99",
            first,
        )
        assert second == "the last 12 lines, in milliseconds:"
        assert any("CommandDone, number" in line for line in timeline)

    def test_says_what_never_came(self, mount: MountFactory) -> None:
        with pytest.raises(AssertionError, match=r"no RingMoved\(\) within 0\.3 s of 0\.000 ms; no RingMoved came"):
            mount().expect(RingMoved, within=0.3)

    def test_knows_the_fields(self, mount: MountFactory) -> None:
        with pytest.raises(TypeError, match="unknown field of CommandDone 'nummer'; known: number, order, outcome"):
            mount().expect(CommandDone, nummer=3)


class TestUntil:
    def test_gives_what_became_true(self, mount: MountFactory) -> None:
        mounted = mount()
        states = mounted.wait_until(lambda: mounted.messages(FocusState))
        assert len(states) == 1

    def test_asks_at_once(self, mount: MountFactory) -> None:
        mounted = mount()
        assert mounted.wait_until(lambda: "yes") == "yes"
        assert mounted.now == 0.0

    def test_gives_up_in_time(self, mount: MountFactory) -> None:
        mounted = mount()
        with pytest.raises(AssertionError, match=r"it did not become true within 0\.5 s, up to 500\.000"):
            mounted.wait_until(lambda: False, within=0.5)


class TestClean:
    def test_what_would_hurt_a_lens(self, mount: MountFactory) -> None:
        mounted = mount()
        mounted.virtual_session.mount.apply(Role.LENS, Transmit(b"?"))
        with pytest.raises(AssertionError, match="1 thing went wrong:\n  the lens sends 1 bytes to an unpowered lens"):
            mounted.assert_clean()

    def test_bytes_that_are_no_frame(self, mount: MountFactory) -> None:
        mounted = mount()
        mounted.run_script("focus 2m")
        mounted.virtual_session.mount.apply(Role.LENS, Transmit(bytes(30)))
        mounted.run(0.1)
        with pytest.raises(
            AssertionError, match=r"things? went wrong:\n  [\d.]+ ms  .*bytes are no frame.*\n(.*\n)*around "
        ):
            mounted.assert_clean()

    def test_times_that_are_not_legal(self, mount: MountFactory) -> None:
        profile = load_profile("sel55210")
        slow = replace(profile, settings=replaced(profile.settings, "timing", "reply", {"07": 3000.0}))
        mounted = mount("a6000", slow)
        mounted.run(3.0)
        with pytest.raises(AssertionError, match=r"reply 07: \d+\.\d µs; \d+ … \d+ µs is legal"):
            mounted.assert_clean()

    def test_only_what_is_allowed_is_overlooked(self, mount: MountFactory) -> None:
        mounted = mount()
        mounted.run_script("focus 2m; wait 0.01")
        mounted.detach()
        mounted.run(0.01)
        with pytest.raises(AssertionError, match=r"1 thing went wrong:\n.*body: the lens is gone; supply off"):
            mounted.assert_clean(allow=["lens: *"])
        mounted.assert_clean(allow=["body: the lens is gone*"])


def replaced(settings: object, table: str, key: str, value: object) -> object:
    import msgspec

    inner = getattr(settings, table)
    assert hasattr(inner, key), dir(inner)
    return msgspec.structs.replace(settings, **{table: msgspec.structs.replace(inner, **{key: value})})  # type: ignore[type-var]


class TestReplay:
    def replay(self, mounted: MountSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[bytes, bytes]:
        """What was heard, and what the command gives, both without their headers."""
        command, _, same = told(mounted)["replay"].partition("  # ")
        assert same == "the same session, byte for byte"
        words = shlex.split(command)
        assert words[:2] == ["lensmount", "loopback"]
        again = tmp_path / "again.lmx"
        main([*words[1:], "--record", str(again), "--quiet"])
        capsys.readouterr()
        heard = mounted.recording.path.read_bytes().partition(b"\n")[2]
        return heard, again.read_bytes().partition(b"\n")[2]

    @pytest.mark.parametrize(("body", "lens"), [(BODY := "panasonic-s1r", ZOOM), ("a6000", "sel55210")])
    def test_a_session_of_steps_is_told_to_the_byte(
        self, mount: MountFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, lens: str
    ) -> None:
        mounted = mount(body, lens, script="wait 0.1", seed=7)
        mounted.run_script("aperture f/8; focus +20")
        mounted.run(0.2)
        heard, again = self.replay(mounted, tmp_path, capsys)
        assert len(heard) > 10_000
        # The command goes on to the end of the last frame.
        assert again.startswith(heard)

    def test_accessories_and_allowed_messages_are_reported(
        self, mount: MountFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        mounted = mount(
            "panasonic-s1r", "sigma-150-600mm-f5-6.3-dg-dn-os", ["sigma-tc-1411"], "focus far", allow=["Update*"]
        )
        mounted.run(0.9)
        assert "--accessory sigma-tc-1411 --allow 'Update*' --script 'focus far'" in told(mounted)["replay"]
        heard, again = self.replay(mounted, tmp_path, capsys)
        assert again.startswith(heard)

    def test_moments_of_its_own_are_told_as_nearly_the_same(self, mount: MountFactory) -> None:
        mounted = mount(lens=ZOOM)
        mounted.run_script("focus 2m")
        mounted.run(0.5)
        mounted.operate("zoom 70")
        mounted.run(0.25)
        command, _, same = told(mounted)["replay"].partition("  # ")
        assert "--script 'focus 2m; wait 0.5; zoom 70'" in command
        assert same == "the same steps; their moments may differ a little"

    @pytest.mark.parametrize(
        "deed", [lambda m: m.request(drive(3)), lambda m: m.attach(), lambda m: m.operate("turn focus 3;")]
    )
    def test_what_no_script_can_say_points_to_the_recording(self, mount: MountFactory, deed: object) -> None:
        mounted = mount()
        mounted.run_script("focus 2m")
        deed(mounted)  # type: ignore[operator]
        if "decode" not in (replay := told(mounted)["replay"]):
            assert "turn focus 3" in replay
        else:
            assert replay == f"lensmount decode {mounted.log.path}  # no script can express what the test did"

    def test_a_profile_that_the_test_has_changed_is_not_told_by_its_name(self, mount: MountFactory) -> None:
        profile = load_profile("sel55210")
        assert "--lens sel55210" in told(mount("a6000", profile))["replay"]
        changed = replace(profile, settings=replaced(profile.settings, "focus", "planned", 0x4000))
        assert told(mount("a6000", changed))["replay"].startswith("lensmount decode ")


class TestChoices:
    def make(self, tmp_path: Path, **choices: object) -> MountFactory:
        return MountFactory(MountOptions(**choices), None, tmp_path, "t", [], 9)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("choices", "call", "ends"),
        [
            ({}, {}, ("a6000", "sel55210")),
            ({"dialect": "lmount"}, {}, ("panasonic-s1r", ZOOM)),
            ({"lens": ZOOM}, {}, ("panasonic-s1r", ZOOM)),
            ({"lens": ZOOM}, {"body": "leica-sl2"}, ("leica-sl2", ZOOM)),
            ({"body": "nex7"}, {"lens": "sel2870"}, ("nex7", "sel2870")),
            ({"body": "leica-sl2", "lens": ZOOM}, {"body": "a6000", "lens": "sel2870"}, ("a6000", "sel2870")),
            ({"body": "leica-cl"}, {}, ("leica-cl", ZOOM)),
        ],
    )
    def test_the_call_goes_before_and_the_usual_partner_behind(
        self, tmp_path: Path, choices: dict[str, object], call: dict[str, str], ends: tuple[str, str]
    ) -> None:
        factory = self.make(tmp_path, **choices)
        replay = told(factory(**call))["replay"]
        factory.close()
        assert f"--body {ends[0]} --lens {ends[1]} " in replay

    def test_ends_that_cannot_meet_say_so(self, tmp_path: Path) -> None:
        with pytest.raises(ProfileError, match="leica-sl2 uses lmount and sel2870 uses emount; they cannot connect"):
            self.make(tmp_path, lens="sel2870")("leica-sl2")

    def test_each_mount_of_a_test_has_a_recording_of_its_own(self, tmp_path: Path) -> None:
        factory = self.make(tmp_path)
        with pytest.raises(LookupError, match="nothing was mounted in this test"):
            _ = factory.recording.path
        first, second = factory(), factory()
        assert first.recording.path != second.recording.path == factory.recording.path
        second.run(0.2)
        # What was heard is in the file while the test still runs.
        assert second.recording.path.read_bytes().count(b"\n") == len(second.records) + 1
        assert factory.recording.records == second.records
        factory.close()


def test_a_body_in_c_takes_no_orders_of_a_test(mount: MountFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = mount("a6000", "sel55210")
    monkeypatch.setattr(type(mounted.body), "takes_steps", False)
    with pytest.raises(DialectError, match=r"a body in C takes no more steps; give them to mount\(script=…\)"):
        mounted.run_script("focus +3")
    with pytest.raises(DialectError, match="a body in C sends what it decides itself; a test cannot have it send"):
        mounted.request(IdentityRequest())
    mounted.assert_clean()


def test_a_cast_that_takes_no_more_steps_says_so(mount: MountFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(get_roles("emount"), execute_step=None, request=None)
    monkeypatch.setattr("lensmount_emulator.roles.emount.roles.EMOUNT_ROLES", plain)
    mounted = mount("a6000", "sel55210", script="aperture f/8")
    with pytest.raises(DialectError, match=r"a body of emount takes no more steps; give them to mount\(script=…\)"):
        mounted.run_script("focus +3")
    with pytest.raises(DialectError, match="a body of emount sends no requests: its roles have no `ask`"):
        mounted.request(IdentityRequest())
    mounted.wait_until(lambda: mounted.body.done)
    mounted.assert_clean()
