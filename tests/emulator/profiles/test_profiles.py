"""Profiles: all of them load and say what was captured; what is wrong is told in one line that names file and key."""

from pathlib import Path
from typing import Any

import pytest

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.profile_values import build_message
from lensmount_emulator.profiles.library import all_profiles, load_profile, profile_names, read_profile
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Role

FOLDER = Path(__file__).parents[3] / "emulator" / "lensmount_emulator" / "profiles" / "emount"
GOOD = (FOLDER / "sel55210.toml").read_text()

# Golden frames: SIG a6000_sel55210_init_55.sr, SIG a6000_ef50_viltrox_init.sr, LEX fullinit.txt.
SAID = {
    ("sel55210", "IdentityReply"): (
        "f02b000200070103350100060211a01280000000006092865e0000000000000000000000000000008f0355"
    ),
    ("viltrox-ef50", "IdentityReply"): (
        "f02b000200070203080100013110a04e0000000000285050320000000000000000000000000000006c0255"
    ),
    ("voigtlander-15", "IdentityReply"): (
        "f02b000200070101600100010100a030c7000000006092865e000000000000000000000000000000060455"
    ),
    ("voigtlander-15", "LensCapabilities"): (
        "f02900020001ff977815804010000000000000000000000000000000000000000000000000001f0355"
    ),
    ("a6000", "DescriptorRequest"): "f01100020008c2610000000c6202ae0155",
    ("nex7", "DescriptorRequest"): "f01100020008c0210000330962029c0155",
}


def test_every_profile_loads_has_sources_and_a_name_of_its_own() -> None:
    profiles = all_profiles()
    assert [profile.name for profile in profiles] == profile_names()
    assert {profile.place for profile in profiles} == set(Place)
    assert all(profile.sources and profile.notes for profile in profiles)


def test_every_captured_profile_says_why_a_replay_leaves_fields_out() -> None:
    captured = [profile for profile in all_profiles() if profile.dialect == "emount"]
    assert {profile.role for profile in captured} == set(Role)
    assert all(entry.why for profile in captured for entry in profile.settings.variable)


@pytest.mark.parametrize(
    ("key", "raw"), SAID.items(), ids=lambda value: "-".join(value) if isinstance(value, tuple) else ""
)
def test_profiles_say_what_was_captured(key: tuple[str, str], raw: str) -> None:
    name, message = key
    profile = load_profile(name)
    classes = {cls.__name__: cls for cls in load_dialect("emount").messages.values() if cls.SENDER is profile.role}
    worded = build_message(classes[message], profile.settings.messages[message])
    assert build_frame(worded.build(), 2, 0).hex() == raw


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("lower = 0x3EE2", "lower = 0x4000", "focus.planned is 0x3ff6; it must lie between"),
        ("widest = 0x1468", "widest = 0x1A00", "iris.widest 0x1a00 is beyond iris.narrowest 0x1902"),
        ("serial_on = 23108.0", 'serial_on = "soon"', r"Expected `float`, got `str` - at `\$.timing.serial_on`"),
        ("serial_on = 23108.0", "serial_of = 1.0", "timing"),
        ("[messages.SpeedReply]", "[messages.WarpReply]", "unknown message of a lens 'WarpReply'; known: .*SpeedReply"),
        ("lens_id = ", "lens_number = ", "messages.IdentityReply: unknown field 'lens_number'; known: .*lens_id"),
        ('lens_spec = "83', 'lens_spec = "zz', "is no hexadecimal; write 8 bytes"),
        ('lens_spec = "83', 'lens_spec = "', "messages.DescriptorReply"),
        ("lens_id = 0x8012", "lens_id = 0x98012", "messages.IdentityReply: .*lens_id"),
        ('"E11CBAD1EAF6", "E11CBAD1EAF6"', '"E11CBAD1EA", "E11CBAD1EAF6"', "rows.b: 'E11CBAD1EA' is not 6 bytes"),
        ('dialect = "emount"', 'dialect = "zmount"', "unknown emulated dialect 'zmount'; known: emount"),
        ('role = "lens"', 'role = "tripod"', "Invalid enum value 'tripod'"),
        ("[timing]", "[timing", "no TOML"),
        ('field = "cycle_flags"', 'field = "mood"', "unknown field 'mood'"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(before: str, after: str, text: str) -> None:
    assert before in GOOD
    with pytest.raises(ProfileError, match=text) as caught:
        read_profile(GOOD.replace(before, after, 1), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_a_path_works_wherever_a_name_does(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('name = "sel55210"', 'name = "mine"'))
    assert load_profile(str(path)).name == "mine"
    with pytest.raises(ProfileError, match="No such file"):
        load_profile(str(tmp_path / "other.toml"))


@pytest.mark.parametrize(
    ("name", "near"),
    [("loxia21", "; near it: loxia-21, "), ("sigma-45mm", "; near it: sigma-45mm-f2.8-dg-dn; "), ("!", "; ")],
)
def test_an_unknown_name_tells_those_near_it_and_where_all_are(name: str, near: str) -> None:
    with pytest.raises(ProfileError, match=f"unknown profile '{name}'{near}.*lists all [0-9]+; or give the path"):
        load_profile(name)


def test_a_lens_is_no_body() -> None:
    with pytest.raises(ProfileError, match="is a lens; a body is needed"):
        load_profile("sel55210", Role.BODY)


def test_profiles_of_another_package_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "their_lenses"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "theirs.toml").write_text(GOOD.replace('name = "sel55210"', 'name = "theirs"'))
    monkeypatch.syspath_prepend(str(tmp_path))

    class Entry:
        value = "their_lenses"

    def entry_points(**_: Any) -> list[Entry]:
        return [Entry()]

    monkeypatch.setattr("lensmount_emulator.profiles.library.entry_points", entry_points)
    assert "theirs" in profile_names()
    assert load_profile("theirs").name == "theirs"
