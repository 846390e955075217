"""Twins of several captures: states that differ between them, what is confounded, and what a state plays."""

import re
from pathlib import Path

import pytest

import lensmount_emulator.profiles as profiles
from lensmount_emulator.profiles.library import read_profile
from lensmount_emulator.reports.twin import advice_lines, summary_lines
from lensmount_emulator.sessions.loopback import make_virtual_session, run_loopback
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_emulator.twin.make import TwinRequest, TwinResult, make_twin
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import WireRecord

WIDE = (Path(profiles.__path__[0]) / "emount" / "voigtlander-15.toml").read_text()
ROW = "B1023F423F37"


def changed(name: str, **values: str) -> str:
    """A manual lens with other values of its stream."""
    text = WIDE.replace('name = "voigtlander-15"', f'name = "{name}"')
    for key, value in values.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count, key
    return text


def record(folder: Path, name: str, text: str, seconds: float = 1.6, *, since: float = 0.0) -> Path:
    profile = folder / f"{name}.toml"
    profile.write_text(text)
    path = folder / f"{name}.lmx"
    header = session_header("emount", "nex7", str(profile), "", None, duration=seconds)
    with path.open("wb") as file, RecordingWriter(file, header) as writer:
        run_loopback(
            "nex7", str(profile), seconds=seconds, tap=lambda one: writer.write(one) if (one.at or 0) >= since else None
        )
    return path


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> TwinResult:
    folder = tmp_path_factory.mktemp("merge")
    wide = record(folder, "wide", WIDE)
    tele = record(folder, "tele", changed("tele", focal_length_dmm="0x12C", row_a=f'"{ROW}"'))
    return make_twin(TwinRequest([wide, tele]))


def test_captures_of_two_states_make_one_twin(merged: TwinResult) -> None:
    assert merged.twin.states.varying == ["focal_length"]
    assert merged.twin.states.values["focal_length"] == [150, 300]
    assert merged.score.strict == merged.score.replies > 50
    rules = {rule.name: rule for rule in merged.twin.data["field"]}
    assert rules["LensStatus.row_a"].key == ["focal_length"]
    assert rules["LensStatus.row_a"].between == "row"
    assert not merged.advice.confounded


def test_the_user_sets_the_state_that_plays(merged: TwinResult, tmp_path: Path) -> None:
    path = tmp_path / "zoom.toml"
    path.write_text(merged.profile)
    records: list[WireRecord] = []
    session = make_virtual_session("nex7", str(path), tap=records.append)
    session.start()
    session.run(0.5)
    session.operate("state focal_length=300")
    session.run(0.8)
    frames = [one for one in Decoder(load_dialect("emount")).decode(records) if isinstance(one, DecodedFrame)]
    shown = [one for frame in frames for one in frame.messages if isinstance(one, LensStatus)]
    assert (shown[0].focal_length_dmm, shown[0].row_a.hex().upper()) == (150, "B12847514B38")
    assert (shown[-1].focal_length_dmm, shown[-1].row_a.hex().upper()) == (300, ROW)


@pytest.mark.parametrize(
    ("turns", "unseen", "given"), [({0.9: 300, 1.4: 150}, 0, True), ({1.3: 300}, 1, False)], ids=["known", "unseen"]
)
def test_a_ring_that_the_user_turns_is_named_with_its_fields(
    turns: dict[float, int], unseen: int, given: bool, merged: TwinResult, tmp_path: Path
) -> None:
    path, capture = tmp_path / "zoom.toml", tmp_path / "turned.lmx"
    path.write_text(merged.profile)
    with capture.open("wb") as file, RecordingWriter(file, {"dialect": "emount"}) as writer:
        session = make_virtual_session("nex7", str(path), tap=writer.write)
        session.start()
        for at, value in turns.items():
            session.run(at)
            session.operate(f"state focal_length={value}")
        session.run(1.8)
    found = make_twin(TwinRequest([capture]))
    (state,) = found.user_states
    assert (state.name, state.unseen) == ("focal_length", unseen)
    assert {"LensStatus.focal_length_dmm", "LensStatus.row_a"} <= set(state.fields)
    assert found.as_dict()["user_states"] == [state.as_dict()]
    text = "\n".join(summary_lines(found))
    assert "not predictable in free run: only the user moves focal_length" in text
    assert ("states given, which takes" in text) is given
    assert ("turn only the zoom ring" in found.advice.next_captures[0]) is bool(unseen)
    assert found.score.strict < found.score.replies
    if found.given is not None:
        assert found.given.strict > found.score.strict


def test_captures_that_name_two_lenses_make_no_twin(tmp_path: Path) -> None:
    captures = [record(tmp_path, "one", WIDE), record(tmp_path, "other", changed("other", lens_id="0xC731"))]
    with pytest.raises(CaptureError, match=r"two lenses: .*lens_id is 50992 in one\.lmx, and 50993 in other\.lmx"):
        make_twin(TwinRequest(captures))


def test_captures_that_name_no_lens_are_reported_with_what_differs(tmp_path: Path, merged: TwinResult) -> None:
    texts = [WIDE, changed("other", lens_id="0xC731", focal_length_dmm="0x12C", row_a=f'"{ROW}"')]
    captures = [record(tmp_path, str(number), text, since=0.7) for number, text in enumerate(texts)]
    found = make_twin(TwinRequest(captures))
    (line,) = [line for line in advice_lines(found) if "identified" in line]
    assert line.startswith("not identified: the lens of 0.lmx, 1.lmx may be another one; constant but different: ")
    assert found.as_dict()["unidentified"] == ["0.lmx", "1.lmx"]
    assert {"LensStatus.focal_length_dmm", "LensStatus.row_a"} <= set(found.advice.differing)
    # The same difference in captures that name one lens is a state.
    assert (merged.advice.unidentified, merged.advice.differing) == ([], [])


def test_states_that_change_together_are_confounded_and_named(tmp_path: Path) -> None:
    both = changed(
        "both", focal_length_dmm="0x12C", row_a=f'"{ROW}"', aperture="0x1600", aperture_next="0x1600", widest="0x1400",
        narrowest="0x1700",
    )  # fmt: skip
    found = make_twin(TwinRequest([record(tmp_path, "one", WIDE), record(tmp_path, "both", both)]))
    assert found.advice.confounded == [("focal_length", "aperture")]
    assert found.advice.next_captures[0].startswith("needs a capture that changes only focal_length")
    assert found.advice.next_captures[1].startswith("needs a capture that changes only aperture")
    states = read_profile(found.profile, "twin").settings.state
    assert not states["focal_length"].alone
