"""Captures of real devices, replayed against both engines: every frame answered, exact, and in time."""

from pathlib import Path

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.fidelity import replay
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.score import PADDING, Score
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Defect, Edge, LineDefect

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
    return replay(records, dialect, load_profile(profile)).score


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
        score = replay(records, dialect, load_profile("sel55210")).score
        assert (score.expected, score.exact, score.windows, score.perfect) == (201, 201, 201, True)


def test_the_wrong_lens_is_found_out(captures: Path) -> None:
    score = score_of(captures / "a6000_sel55210_init_55.sr", "voigtlander-15")
    assert not score.perfect
    assert "LensCapabilities.types" in score.first_divergence


def test_a_capture_without_the_peer_is_told(captures: Path) -> None:
    with pytest.raises(CaptureError, match="holds no frame of the lens"):
        score_of(captures / "nex7-clocks-and-sync-lines.txt", "sel55210")


@pytest.mark.parametrize("lens", ["sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870"])
@pytest.mark.parametrize("body", ["a6000", "nex7"])
def test_a_recording_of_our_own_replays_on_both_ends(body: str, lens: str) -> None:
    session = run_loopback(body, lens, seconds=2.0, seed=3)
    for profile in (body, lens):
        score = replay(session.records, session.dialect, load_profile(profile)).score
        assert score.first_divergence == ""
        assert score.perfect
        assert score.expected > 50
