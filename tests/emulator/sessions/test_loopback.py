"""Whole virtual sessions: any body with any lens, the same seed twice, power cut at any moment."""

import io
import itertools
from pathlib import Path

import pytest

from lensmount_emulator.campaign.case_runner import session_error_lines
from lensmount_emulator.profiles.library import all_profiles
from lensmount_emulator.roles.emount.body import script
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import ProfileError, ScriptError
from lensmount_protocol.wire import Burst, Edge, Role

PROFILES = {profile.name: profile for profile in all_profiles() if profile.dialect == "emount"}
BODIES = [name for name, profile in PROFILES.items() if profile.role is Role.BODY]
LENSES = [name for name, profile in PROFILES.items() if profile.role is Role.LENS]
EVERYTHING = "wait 0.15; focus +20; stop; aperture f/8; sleep; wait 0.05; wake; wait 0.1"


def statuses(session: LoopbackResult) -> list[LensStatus]:
    return [
        message
        for event in session.events
        if isinstance(event, DecodedFrame)
        for message in event.messages
        if isinstance(message, LensStatus)
    ]


@pytest.mark.parametrize(("body", "lens"), list(itertools.product(BODIES, LENSES)))
def test_any_body_with_any_lens_goes_all_the_way(body: str, lens: str) -> None:
    session = run_loopback(body, lens, script=EVERYTHING)
    assert session.finished
    troubles = [notice.text for notice in session.notices if notice.is_error]
    assert troubles in ([], ["no FocusStopped within 3 s"])
    assert session.violations == []
    assert [(rule.rule.name, rule.violations) for rule in session.timing if rule.violations] == []
    assert session.tally.all_frames_verified
    assert session.tally.runs == 0


def recorded(seed: int | None) -> bytes:
    file = io.BytesIO()
    with RecordingWriter(file, {"seed": seed}) as recording:
        run_loopback(script="wait 0.1; focus +30; sleep", seed=seed, tap=recording.write)
    return file.getvalue()


def test_the_same_seed_gives_the_same_recording_and_another_seed_another() -> None:
    first = recorded(7)
    assert recorded(7) == first
    assert recorded(8) != first
    assert recorded(None) == recorded(None)


def test_a_recording_reads_back_as_the_session(tmp_path: Path) -> None:
    path = tmp_path / "session.lmx"
    with RecordingWriter(path, {}) as recording:
        session = run_loopback(seconds=1.2, tap=recording.write)
    read = list(open_capture(path, session.dialect.wiring).records)
    assert len(read) == len(session.records)
    for ours, theirs in zip(session.records, read, strict=True):
        assert type(ours) is type(theirs)
        assert ours.at == pytest.approx(theirs.at, abs=0.6e-9)
        if isinstance(ours, Burst) and isinstance(theirs, Burst):
            assert (ours.data, ours.sender, ours.baudrate) == (theirs.data, theirs.sender, theirs.baudrate)
        if isinstance(ours, Edge) and isinstance(theirs, Edge):
            assert (ours.line, ours.level) == (theirs.line, theirs.level)


def test_an_aperture_order_moves_the_iris_step_by_step() -> None:
    session = run_loopback(script="wait 0.2; aperture f/8; wait 0.1")
    codes = [status.aperture for status in statuses(session)]
    settled = codes[8:]
    assert settled[-1] == 0x1600 + 0x15
    steps = {b - a for a, b in itertools.pairwise(settled) if b != a}
    assert max(steps) <= 336
    moving = [(a, b) for a, b in itertools.pairwise(statuses(session)[8:]) if a.aperture_next != a.aperture]
    assert moving
    assert all(a.aperture_next == b.aperture for a, b in moving)
    assert [a.aperture_frames_left for a, _ in moving] == sorted(
        (a.aperture_frames_left for a, _ in moving), reverse=True
    )


def test_a_lens_that_cannot_be_driven_gets_no_focus_order() -> None:
    session = run_loopback(lens="voigtlander-15", script="focus +20")
    assert any("MF" in notice.text for notice in session.notices)
    assert all("1D" not in composition for _, composition in session.tally.frames)


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("zoom 55", "unknown script verb 'zoom'; known: aperture, focus, frame, picture, sleep, stop, wait, wake"),
        ("focus near", "wants motor steps such as 0x3EEF"),
        ("aperture f/0", "f-number is a positive number|wants an aperture"),
        ("wait -1", "wants a duration"),
        ("sleep now", "takes no value"),
    ],
)
def test_a_script_that_makes_no_sense_is_told_before_anything_runs(script: str, text: str) -> None:
    with pytest.raises(ScriptError, match=text) as caught:
        run_loopback(script=script)
    assert "\n" not in str(caught.value)


def test_profiles_of_the_wrong_role_are_refused() -> None:
    with pytest.raises(ProfileError, match="is a lens; a body is needed here"):
        run_loopback(body="sel55210")


def bench() -> VirtualSession:
    body, lens = PROFILES["a6000"].settings, PROFILES["sel55210"].settings
    assert isinstance(body, BodySettings)
    assert isinstance(lens, LensSettings)
    return VirtualSession(load_dialect("emount"), BodyEngine(body), LensEngine(lens))


@pytest.mark.parametrize("at", [0.001, 0.07, 0.13, 0.1505, 0.1513, 0.158, 0.17, 0.6, 1.0388, 1.05, 1.0625, 1.5])
def test_a_lens_taken_off_at_any_moment_leaves_everything_at_rest_and_comes_back(at: float) -> None:
    running = bench()
    running.start()
    running.run(at)
    running.mount.detach(running.now)
    running.run(at + 0.05)
    at_rest = {line: level for line, level in running.mount.levels.items() if line != "XDETECT"}
    assert not any(at_rest.values()), at_rest
    assert running.mount.levels["XDETECT"]
    running.mount.attach(running.now)
    running.run(at + 1.6)
    assert running.mount.violations == []
    assert (running.body.connection.state, running.lens.connection.state) == ("STREAMING", "STREAMING")


def test_an_iris_that_does_not_come_to_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_loopback(script="aperture f/8").clean
    monkeypatch.setattr(script, "_is_iris_idle", lambda _body: False)
    session = run_loopback(script="aperture f/8")
    assert [notice.text for notice in session.notices if notice.is_error] == ["the iris is not at rest within 2 s"]
    assert not session.clean


def test_a_script_that_was_given_up_is_not_finished() -> None:
    session = run_loopback("leica-sl2", "laowa-15mm-f2", script="wait 0.1; focus 2m")
    assert (session.finished, session.declined, session.clean) == (False, True, False)
    assert session.script is not None
    assert session.script.describe() == '0 of 2 steps done, given up at "wait 0.1"'
    # The matrix has the finding for it, which is no error.
    assert session_error_lines(session) == []
    assert [(finding.step, finding.rule) for finding in session.compatibility_results] == [("attach", "no contacts")]
