"""Twins made from sessions of our own engines, which end to end have a known answer, and from bad input."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

import lensmount_emulator.profiles as profiles
from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.profiles.library import load_profile, read_profile
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_emulator.roles.emount.twin.body_settings import FAREWELL_STATE
from lensmount_emulator.roles.emount.twin.timing import lens_timing
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_emulator.twin.inference import infer_twin
from lensmount_emulator.twin.make import TwinRequest, TwinResult, get_twin_traits, make_twin
from lensmount_emulator.twin.replays import get_replay
from lensmount_emulator.twin.scoring import merge_parts, play_session
from lensmount_emulator.twin.sessions import read_session
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.wire import Role

PROFILES = Path(profiles.__path__[0]) / "emount"
REQUIRED = {
    "replies", "strict", "within_noise", "informative_bytes", "informative_exact", "split", "in_sample", "twin_bytes",
    "reply_bytes",
}  # fmt: skip


def record(path: Path, lens: str, body: str = "a6000", seconds: float = 3.0, script: str = "") -> Path:
    with path.open("wb") as file, RecordingWriter(
        file, session_header("emount", body, lens, script, None, duration=seconds)
    ) as writer:  # fmt: skip
        run_loopback(body, lens, seconds=seconds, script=script, tap=writer.write)
    return path


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return record(tmp_path_factory.mktemp("twin") / "sel55210.lmx", "sel55210")


@pytest.fixture(scope="module")
def result(session: Path) -> TwinResult:
    return make_twin(TwinRequest([session]))


def test_a_twin_of_our_own_lens_predicts_every_reply_of_the_rest(result: TwinResult) -> None:
    score = result.score
    assert score.replies > 50
    assert score.strict == score.replies
    assert not score.in_sample
    assert score.informative_exact == score.informative_bytes > 0
    assert 0 < score.twin_bytes < 0.15 * score.reply_bytes


def test_the_profile_loads_and_plays_like_the_lens(result: TwinResult, tmp_path: Path) -> None:
    profile = read_profile(result.profile, "twin")
    assert (profile.place, profile.dialect) == (Place.LENS, "emount")
    path = tmp_path / "twin.toml"
    path.write_text(result.profile)
    original = run_loopback("a6000", "sel55210", seconds=1.6)
    played = run_loopback("a6000", str(path), seconds=1.6)
    assert not played.errors
    assert len(played.records) == pytest.approx(len(original.records), rel=0.05)


def test_a_twin_survives_sleep_and_wake(result: TwinResult, tmp_path: Path) -> None:
    path = tmp_path / "twin.toml"
    path.write_text(result.profile)
    assert main(["loopback", "--lens", str(path), "--script", "wait 0.3; sleep; wake; wait 0.3", "--quiet"]) == 0


def test_the_same_captures_give_the_same_profile(session: Path, result: TwinResult) -> None:
    assert make_twin(TwinRequest([session])).profile == result.profile


def test_json_is_one_object_with_the_figures_of_the_scored_part(
    session: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, page = tmp_path / "lens.toml", tmp_path / "lens.html"
    assert main(["twin", str(session), "--output", str(output), "--html", str(page), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data.keys() >= REQUIRED
    assert data["strict"] == data["replies"]
    assert data["never_seen"] == ["ShutDownReply"]
    assert any("zoom ring" in text for text in data["next_captures"])
    assert {row["kind"] for row in data["fields"]} >= {"const", "engine", "table"}
    assert "<script" not in page.read_text()
    assert read_profile(output.read_text(), "twin").name == "lens"


def test_the_text_names_the_split_and_the_next_capture(session: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["twin", str(session), "--train", "100%"]) == 0
    text = capsys.readouterr().out
    assert "whole session, in sample" in text
    assert "next capture 1:" in text


def test_a_capture_from_the_middle_shows_no_start(session: Path) -> None:
    whole = read_session(session, load_dialect("emount"))
    begin = whole.frames[60].opened
    assert begin is not None
    middle = replace(
        whole,
        frames=[frame for frame in whole.frames if frame.opened is not None and frame.opened >= begin],
        edges=[edge for edge in whole.edges if edge.at >= begin],
    )
    usual, measured, cut = (lens_timing(sessions, None, automatic=True) for sessions in ([], [whole], [middle]))
    start = ("select_rises", "serial_on", "select_falls", "first_status")
    assert [cut[key] for key in start] == [usual[key] for key in start]
    assert all(measured[key] != usual[key] for key in start)
    assert cut["setup"][1] == measured["setup"][1] != usual["setup"][1]


def test_an_aperture_that_the_body_closes_is_no_end_of_the_range(tmp_path: Path) -> None:
    script = "wait 1; aperture f/8; wait 0.7; aperture f/5.6"
    whole = read_session(record(tmp_path / "iris.lmx", "sel55210", "nex7", 3.0, script), load_dialect("emount"))
    frames = [frame for frame in whole.frames if frame.at is not None and frame.at > 1.8]
    targets = {one.aperture_target for frame in frames for one in frame.messages if isinstance(one, BodyState)}
    assert len(targets) > 1
    iris = get_twin_traits("emount").infer_settings([replace(whole, frames=frames)], Place.LENS, None)["iris"]
    assert iris["widest"] <= min(targets) < max(targets) <= iris["narrowest"]


def test_a_lens_that_answers_the_first_pair_does_so_as_a_twin_with_any_body(tmp_path: Path) -> None:
    found = make_twin(TwinRequest([record(tmp_path / "pairs.lmx", "samyang-135", "nex7", 2.0)]))
    assert found.advice.never_seen == ["SpeedReply", "ShutDownReply"]
    path = tmp_path / "twin.toml"
    path.write_text(found.profile)
    assert read_profile(found.profile, "twin").settings.behaviour.streams_pairs
    for body in ("nex7", "a6000"):
        played = run_loopback(body, str(path), seconds=2.0)
        assert not played.errors
        assert not any(rule.violations for rule in played.timing)


def test_a_capture_of_another_lens_scores_near_nothing(session: Path, tmp_path: Path) -> None:
    other = record(tmp_path / "other.lmx", "voigtlander-15", "nex7")
    found = make_twin(TwinRequest([session], tests=[other]))
    free = found.tests["other.lmx"][0]
    assert free.replies > 50
    assert free.strict < 0.02 * free.replies


def test_messages_come_from_a_donor_by_name(tmp_path: Path) -> None:
    warm = record(tmp_path / "warm.lmx", "voigtlander-15", "nex7", 1.0)
    found = make_twin(TwinRequest([warm], donor="voigtlander-15"))
    assert found.advice.donated == ["ShutDownReply"]
    assert 'donor = "voigtlander-15"' in found.profile


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--train", "0%"], 2, "is no share of a session"),
        (["--leave-out", "x"], 2, "write a number from 2 to 1000"),
        (["--leave-out", "2"], 3, "no state to leave values out of"),
        (["--donor", "a6000"], 2, "a lens is needed here"),
        (["--output", "lens.txt"], 2, "a profile's name ends in .toml"),
        (["--dialect", "lmount"], 2, "declares the dialect emount"),
    ],
)
def test_wrong_use_is_refused_in_one_line(
    session: Path, words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["twin", str(session), *words]) == code
    error = capsys.readouterr().err.strip()
    assert text in error
    assert len(error.splitlines()) == 1


def test_a_body_twin_is_the_engine_with_the_values_of_the_capture(tmp_path: Path) -> None:
    session = record(
        tmp_path / "body.lmx", "sel55210", "nex7", 4.0, "wait 0.4; aperture f/8; wait 0.2; focus +50; wait 0.3"
    )
    found = make_twin(TwinRequest([session], place=Place.BODY, train="100%"))
    assert found.whole.strict == found.whole.replies > 200
    assert found.score.in_sample
    profile = read_profile(found.profile, "twin")
    assert profile.place is Place.BODY
    original = read_profile((PROFILES / "nex7.toml").read_text(), "nex7")
    for name in ("cold", "rows", "switches_speed", "pads_to"):
        assert getattr(profile.settings, name) == getattr(original.settings, name)
    assert [wish.aperture for wish in profile.settings.wishes if wish.aperture is not None] == [0x1600]
    path = tmp_path / "body.toml"
    path.write_text(found.profile)
    assert main(["loopback", "--body", str(path), "--lens", "sel55210", "--quiet"]) == 0


def test_an_lmount_twin_of_a_session_at_rest_homes_as_fast_as_its_lens(tmp_path: Path) -> None:
    path = tmp_path / "rest.lmx"
    header = session_header("lmount", "panasonic-s1r", "7artisans-af-50mm-f1.8", "", None, duration=1.0)
    with path.open("wb") as file, RecordingWriter(file, header) as writer:
        run_loopback("panasonic-s1r", "7artisans-af-50mm-f1.8", seconds=1.0, tap=writer.write)
    score = make_twin(TwinRequest([path])).score
    assert score.strict == score.replies > 20


@pytest.mark.parametrize("lens", ["sigma-45mm-f2.8-dg-dn", "leica-vario-elmarit-sl-24-90mm-f2.8-4"])
def test_an_lmount_twin_has_the_settings_of_the_lens(lens: str, tmp_path: Path) -> None:
    script = "focus 2m; aperture f/8; wait 0.2"
    path = tmp_path / "lmount.lmx"
    header = session_header("lmount", "sigma-fp", lens, script, None, duration=1.2)
    with path.open("wb") as file, RecordingWriter(file, header) as writer:
        run_loopback("sigma-fp", lens, seconds=1.2, script=script, tap=writer.write)
    found = make_twin(TwinRequest([path], train="50%"))
    assert found.twin.dialect == "lmount"
    assert found.score.strict == found.score.replies > 20
    original, twin = load_profile(lens).settings, read_profile(found.profile, "twin").settings
    for name in ("maker", "focal_mm", "f_number", "smallest_f_number", "nearest_m"):
        assert getattr(twin.optics, name) == getattr(original.optics, name)
    played = tmp_path / "lens.toml"
    played.write_text(found.profile)
    assert main(["loopback", "--body", "sigma-fp", "--lens", str(played), "--quiet"]) == 0


def test_a_body_twin_holds_the_exposure_and_flags_of_the_camera_as_wishes(captures: Path, tmp_path: Path) -> None:
    name = "nex7-zeiss-28mm-at-2.8-init.txt"
    found = make_twin(TwinRequest([captures / name], place=Place.BODY))
    assert found.score.strict >= 0.95 * found.score.replies
    assert found.whole.strict >= 0.97 * found.whole.replies
    assert found.score.given["BodyState.state"] > 0
    settings = read_profile(found.profile, "twin").settings
    assert isinstance(settings, BodySettings)
    fields = [wish.fields.get("BodyState", {}) for wish in settings.wishes]
    assert [one["state"] for one in fields if "state" in one][:2] == [0xEC, 0x2179]
    path = tmp_path / "body.toml"
    path.write_text(found.profile)
    assert main(["loopback", "--body", str(path), "--lens", "loxia-21", "--quiet"]) == 0


def test_sessions_of_a_twin_are_fuzzed_by_its_file(
    result: TwinResult, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "twin.toml"
    path.write_text(result.profile)
    command = ["fuzz", "session", "--steps", "500", "--quiet", "--output-dir", str(tmp_path), "--json"]
    assert main([*command, "--lens", str(path)]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["dialects"], figures["steps"], figures["broken"]) == (["emount"], 500, 0)
    assert main([*command, "--body", str(path)]) == 2
    assert "plays a lens" in capsys.readouterr().err


def test_a_twin_without_a_start_gives_a_whole_session_after_its_start(captures: Path) -> None:
    dialect, traits = load_dialect("emount"), get_twin_traits("emount")
    session = read_session(captures / "a6000_sel55210_init_55.sr", dialect)
    loop = [at for at, one in enumerate(session.frames) if one.frame.class_ == LOOP_CLASS]
    tail = replace(session, frames=session.frames[loop[len(loop) // 4] :], edges=[], records=())
    replay = get_replay(dialect, Place.LENS, traits)
    twin = infer_twin([tail], "emount", Place.LENS, traits, replay)
    part = play_session(twin.settings, session, replay, dialect, trained=False).part(0)
    score = merge_parts([part], twin.settings, split="", noise=())
    # The rows come from how long a row select lasts, and not from a hidden count of pairs.
    assert score.strict > 0.85 * score.replies > 150


@pytest.mark.parametrize(
    ("name", "size"), [("nex7-voigtlander-15mm-f4.5-inf.txt", 0), ("a6000_sel55210_init_55.sr", 9000)]
)
def test_a_capture_that_holds_nothing_is_refused_in_one_line(
    captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, size: int
) -> None:
    path = tmp_path / name
    path.write_bytes((captures / name).read_bytes()[:size])
    assert main(["twin", str(path), "--output", str(tmp_path / "twin.toml")]) == 3
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "twin.toml").exists()


def test_a_capture_with_its_lines_in_random_order_is_scored_truthfully(captures: Path, tmp_path: Path) -> None:
    lines = (captures / "nex7-voigtlander-15mm-f4.5-inf.txt").read_text().splitlines(keepends=True)[:240]
    Random(1).shuffle(lines)
    path = tmp_path / "shuffled.txt"
    path.write_text("".join(lines))
    score = make_twin(TwinRequest([path])).score
    assert score.strict < 0.1 * score.replies


def test_a_body_twin_cut_in_its_farewell_takes_the_usual_one(tmp_path: Path) -> None:
    path = record(tmp_path / "sleep.lmx", "sel2870", "nex7", 2.6, "wait 0.6; sleep")
    session = read_session(path, load_dialect("emount"))
    modes = [at for at, one in enumerate(session.frames) if isinstance(one.messages[0], BodyMode)]
    farewell = [at for at in modes if one_mode(session.frames[at].messages[0]).state == FAREWELL_STATE]
    assert len(farewell) > 8
    infer = get_twin_traits("emount").infer_settings
    whole = infer([session], Place.BODY, None)
    for count in (1, 4):
        cut = infer([session.first(farewell[count] + 1)], Place.BODY, None)
        assert cut["farewell"]["BodyMode"] == whole["farewell"]["BodyMode"]
        assert "farewell_frames" not in cut
    # A frame of the lens after the last one of the body.
    ends_with_lens = session.first(farewell[8] + 2)
    assert ends_with_lens.frames[-1].sender is Role.LENS
    assert "farewell_frames" not in infer([ends_with_lens], Place.BODY, None)
    assert whole["farewell_frames"] == len(farewell)


def one_mode(message: object) -> BodyMode:
    assert isinstance(message, BodyMode)
    return message
