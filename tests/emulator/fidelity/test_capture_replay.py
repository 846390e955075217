"""Captures of real devices, replayed against both engines: every frame answered, exact, and in time."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.comparison.differences import compare_fields
from lensmount_emulator.comparison.score import PADDING, Score
from lensmount_emulator.fidelity.capture_replay import replay_capture
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Annotation, Burst, Defect, Edge, LineDefect, Role, WireRecord

# Capture, profile, frames of the real device in it.
REPLAYS = [
    ("a6000_sel55210_init_55.sr", "sel55210", 201),
    ("a6000_sel55210_init_55.sr", "a6000", 197),
    ("a6000_ef50_viltrox_init.sr", "viltrox-ef50", 415),
    ("a6000_ef50_viltrox_init.sr", "a6000", 419),
    ("nex7-voigtlander-15mm-f4.5-inf.txt", "voigtlander-15", 269),
    ("nex7-voigtlander-15mm-f4.5-inf.txt", "nex7", 269),
    ("nex7-zeiss-28mm-at-2.8-init.txt", "loxia-21", 133),
    ("nex7-zeiss-28mm-at-2.8-init.txt", "nex7", 133),
    ("nex7-sony-28-70mm-at-70mm.txt", "sel2870", 226),
    ("nex7-sony-28-70mm-at-70mm.txt", "nex7", 225),
]


def score_of(path: Path, profile: str) -> Score:
    dialect = load_dialect("emount")
    records = list(open_capture(path, dialect.wiring).records)
    return replay_capture(records, dialect, load_profile(profile)).score


@pytest.mark.parametrize(("name", "profile", "frames"), REPLAYS)
def test_our_engine_is_the_real_device(captures: Path, name: str, profile: str, frames: int) -> None:
    score = score_of(captures / name, profile)
    assert score.first_divergence == ""
    assert (score.expected, score.answered, score.right_type, score.exact) == (frames,) * 4
    assert score.windows == frames
    assert PADDING not in score.ignored
    assert score.rules_violated == 0
    assert score.perfect


@pytest.mark.parametrize("line", ["BODY_CS", "LENS_CS", "VD"])
def test_bad_line_spoils_no_replay(captures: Path, line: str) -> None:
    dialect = load_dialect("emount")
    path = captures / "a6000_sel55210_init_55.sr"
    left_out = list(open_capture(path, dialect.wiring, channels={line: "none"}).records)
    assert line not in {record.line for record in left_out if isinstance(record, Edge)}
    stuck = [
        LineDefect(line, Defect.STUCK_HIGH, f"{line} is high all the time", True),
        Edge(0.0, line, True),
        *left_out,
    ]
    for records in (left_out, stuck):
        score = replay_capture(records, dialect, load_profile("sel55210")).score
        assert (score.expected, score.exact, score.windows, score.perfect) == (201, 201, 201, True)


def test_the_wrong_lens_is_found_out(captures: Path) -> None:
    score = score_of(captures / "a6000_sel55210_init_55.sr", "voigtlander-15")
    assert not score.perfect
    assert "LensCapabilities.types" in score.first_divergence


def test_a_capture_without_the_peer_is_reported(captures: Path) -> None:
    with pytest.raises(CaptureError, match="holds no frame of the lens"):
        score_of(captures / "nex7-clocks-and-sync-lines.txt", "sel55210")


@pytest.mark.parametrize("lens", ["sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870"])
@pytest.mark.parametrize("body", ["a6000", "nex7"])
def test_a_recording_of_our_own_replays_on_both_ends(body: str, lens: str) -> None:
    session = run_loopback(body, lens, seconds=2.0, seed=3)
    for profile in (body, lens):
        score = replay_capture(session.records, session.dialect, load_profile(profile)).score
        assert score.first_divergence == ""
        assert score.perfect
        assert score.expected > 50


@pytest.mark.parametrize("profile", ["a6000", "sel55210"])
def test_a_source_without_the_supply_replays_on_both_ends(profile: str) -> None:
    records, dialect = session_of(1.6)
    without = [one for one in records if not (isinstance(one, Edge) and one.line == "VCC")]
    score = replay_capture(without, dialect, load_profile(profile)).score
    assert score.perfect, score.first_divergence
    assert score.expected > 50


def test_windows_of_frames_alone_show_no_start_and_no_times() -> None:
    records, dialect = session_of(1.6)
    first = min(one.at for one in records if isinstance(one, Burst) and one.at is not None)
    windows = [
        one
        for one in records
        if isinstance(one, Burst) or (isinstance(one, Edge) and one.line.endswith("_CS") and one.at > first - 1e-3)
    ]
    score = replay_capture(windows, dialect, load_profile("sel55210")).score
    assert score.perfect, score.first_divergence
    assert score.expected > 50
    assert score.timing == []


def session_of(seconds: float) -> tuple[list[WireRecord], Dialect]:
    session = run_loopback("a6000", "sel55210", seconds=seconds, seed=3)
    return list(session.records), session.dialect


def test_replay_that_cannot_join_names_the_place_and_the_reason() -> None:
    records, dialect = session_of(1.6)
    late = [Burst(None, r.sender, r.data, r.baudrate, whole=True) for r in records if isinstance(r, Burst)][-40:]
    score = replay_capture(late, dialect, load_profile("sel55210")).score
    assert not score.perfect
    lost = score.lost
    assert lost is not None
    assert not lost.joined
    assert lost.unanswered == score.expected
    assert (lost.frame, lost.total) == (next(n for n, r in enumerate(late, 1) if r.sender is Role.LENS), len(late))
    assert "could not join the session at frame" in lost.text()
    assert "the capture begins in mid-session" in lost.reason


@pytest.mark.parametrize("profile", ["a6000", "sel55210"])
def test_replay_that_cannot_join_measures_no_timing(profile: str) -> None:
    records, dialect = session_of(1.6)
    score = replay_capture([r for r in records if (r.at or 0.0) > 1.4], dialect, load_profile(profile)).score
    assert score.lost is not None
    assert not score.lost.joined
    assert score.timing == []


def test_replay_that_stops_following_names_the_lost_frame() -> None:
    records, dialect = session_of(1.6)
    bursts = [Burst(r.end, r.sender, r.data, 750_000, whole=True) for r in records if isinstance(r, Burst)]
    requests = [n for n, r in enumerate(bursts) if r.sender is Role.BODY and r.data[3] == REQUEST_CLASS]
    lost_one = requests[4]
    score = replay_capture(bursts[:lost_one] + bursts[lost_one + 1 :], dialect, load_profile("a6000")).score
    assert not score.perfect
    assert score.lost is not None
    assert score.lost.joined
    assert "stopped following at frame" in score.lost.text()
    assert score.lost.reason.startswith("the capture lacks the request of the body before frame ")
    assert score.as_dict()["lost"]["reason"] == score.lost.reason


def test_incomplete_capture_is_no_perfect_replay() -> None:
    records, dialect = session_of(1.2)
    assert replay_capture(records, dialect, load_profile("sel55210")).score.perfect
    score = replay_capture(
        [*records, Annotation(None, "a part is lost", True)], dialect, load_profile("sel55210")
    ).score
    assert score.incomplete == ["a part is lost"]
    assert not score.perfect


def test_every_difference_is_counted_per_field_and_byte() -> None:
    records, dialect = session_of(1.6)
    profile = load_profile("sel55210")
    assert replay_capture(records, dialect, profile).score.differences.fields.keys() <= {("FocusStatus", "cycle_flags")}
    changed = 0
    for number, record in enumerate(records):
        if isinstance(record, Burst) and record.sender is Role.LENS and record.data[5:6] == b"\x05" and changed < 3:
            # The first two bytes of a LensStatus are its aperture.
            frame = bytearray(record.data)
            frame[6] ^= 1
            if changed:
                frame[7] ^= 1
            frame[-3:-1] = (sum(frame[1:-3]) & 0xFFFF).to_bytes(2, "little")
            records[number] = replace(record, data=bytes(frame))
            changed += 1
    score = replay_capture(records, dialect, profile).score
    found = score.differences.fields["LensStatus", "aperture"]
    assert (found.count, dict(found.bytes), found.declared) == (3, {1: 1, 2: 2}, False)
    assert found.text() == "1 byte 1x, 2 bytes 2x"
    told = score.as_dict()["differences"]["fields"]["LensStatus.aperture"]
    assert told["differ"] == 3
    assert told["compared"] > 10
    assert told["bytes"] == {"1": 1, "2": 2}
    assert score.lost is None


def test_field_behind_an_absent_block_is_counted_where_it_is() -> None:
    theirs = FocusStatus(blocks=0b101)
    third = next(spec for spec in reversed(FocusStatus.FIELDS) if spec.block == 3)
    assert not any(spec.block == 2 for spec in FocusStatus.fields_with(0b101))
    changed = bytearray(theirs.build())
    changed[-third.size] ^= 1
    mine = FocusStatus.parse_with(bytes(changed), 0b101)
    assert list(compare_fields(theirs, mine)) == [(third.name, 1)]


def test_verb_names_a_bad_line(captures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dialect, path = load_dialect("emount"), tmp_path / "stuck.lmx"
    source = open_capture(captures / "a6000_sel55210_init_55.sr", dialect.wiring, channels={"BODY_CS": "none"})
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        writer.write(LineDefect("BODY_CS", Defect.STUCK_HIGH, "BODY_CS is high all the time", ignored=True))
        for record in source.records:
            writer.write(record)
    assert main(["fidelity", str(path), "--profile", "sel55210", "--json"]) == 0
    (defect,) = json.loads(capsys.readouterr().out)["defects"]
    assert (defect["line"], defect["defect"]) == ("BODY_CS", "stuck-high")
