"""Profiles of the open model: all load, every value says where it comes from, and what is wrong is told in one line."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.profiles.library import Profile, all_profiles, load_profile, read_profile
from lensmount_emulator.roles.lmount.profile import AccessorySettings, BodySettings, LensSettings, Optics
from lensmount_emulator.roles.lmount.roles import LMOUNT_ROLES
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.errors import ProfileError

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "emulator" / "lensmount_emulator" / "profiles" / "lmount"
FILES = sorted(FOLDER.rglob("*.toml"))
PLACES = {"bodies": Place.BODY, "lenses": Place.LENS, "accessories": Place.ACCESSORY}
HEADS = ("profile", "sources", "evidence")
MODELLED = "modelled"
GOOD = (FOLDER / "lenses" / "sigma-28-45mm-f1.8-dg-dn.toml").read_text()
BODY = (FOLDER / "bodies" / "leica-cl.toml").read_text()
TUBE = (FOLDER / "accessories" / "extension-tube-l-16mm.toml").read_text()

MAKERS = {
    "Leica", "Panasonic", "Sigma", "Samyang", "Sirui", "Viltrox", "7Artisans", "Laowa", "Meike", "TTArtisan",
}  # fmt: skip
BODIES = {
    "leica-t", "leica-tl", "leica-tl2", "leica-cl", "leica-sl", "leica-sl-2015", "leica-sl2", "leica-sl2-s",
    "leica-sl3", "leica-sl3-s", "leica-sl3-p", "panasonic-s1", "panasonic-s1r", "panasonic-s1h", "panasonic-s5",
    "panasonic-s5d", "panasonic-bs1h", "panasonic-s5ii", "panasonic-s5iix", "panasonic-s9", "panasonic-s1rii",
    "panasonic-s1ii", "panasonic-s1iie", "sigma-fp", "sigma-fp-l", "sigma-bf", "sigma-foveon-ff",
    "blackmagic-cinema-camera-6k", "blackmagic-pyxis-6k", "dji-ronin-4d-l",
}  # fmt: skip
ACCESSORIES = {
    "panasonic-stc14", "panasonic-stc14-silent", "panasonic-stc20", "sigma-tc-1411", "sigma-tc-2011",
    "leica-extender-l-1.4x", "extension-tube-l-16mm", "emount-adapter",
}  # fmt: skip


def profiles_of(place: Place) -> dict[str, Any]:
    found = (profile for profile in all_profiles() if profile.dialect == "lmount" and profile.place is place)
    return {profile.name: profile.settings for profile in found}


LENSES: Mapping[str, LensSettings] = profiles_of(Place.LENS)


def values_of(told: Mapping[str, object], above: str = "") -> Iterator[str]:
    for key, value in told.items():
        if isinstance(value, Mapping) and key != "fits_not":
            yield from values_of(value, f"{above}{key}.")
        else:
            yield above + key


def evidence_of(profile: Profile, value: str) -> str | None:
    """The most specific entry for a value."""
    words = value.split(".")
    keys = (".".join(words[:length]) for length in range(len(words), 0, -1))
    return next((profile.evidence[key] for key in keys if key in profile.evidence), None)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_file_is_named_as_its_profile_and_every_value_has_its_evidence(file: Path) -> None:
    profile = load_profile(file.stem)
    assert profile.name == file.stem
    assert (profile.place, profile.dialect) == (PLACES[file.parent.name], "lmount")
    assert profile.sources
    assert profile.notes
    told = tomllib.loads(file.read_text())
    values = list(values_of({key: told[key] for key in told if key not in HEADS}))
    legal = {*profile.sources, MODELLED}
    assert {value: evidence_of(profile, value) for value in values if evidence_of(profile, value) not in legal} == {}
    spoken_of = {value: {value.rsplit(".", up)[0] for up in range(value.count(".") + 1)} for value in values}
    assert set(profile.evidence) <= set().union(*spoken_of.values()), "evidence for what the file does not set"
    used = {evidence_of(profile, value) for value in values}
    assert all(key in used or key in profile.notes for key in profile.sources), "a source that nothing came from"


def test_no_value_comes_from_the_list_whose_licence_forbids_it() -> None:
    assert [file.name for file in FILES if "lens-db" in file.read_text().lower()] == []
    assert [file.name for file in FILES if "lensdb" in file.read_text().lower()] == []


def test_lenses_are_of_all_makers_and_kinds() -> None:
    assert len(LENSES) >= 64
    makers = Counter(lens.optics.maker for lens in LENSES.values())
    assert set(makers) >= MAKERS
    assert all(makers[maker] >= 12 for maker in ("Leica", "Panasonic", "Sigma"))
    kinds = {
        "aps-c": [name for name, lens in LENSES.items() if lens.optics.format == "aps-c"],
        "prime": [name for name, lens in LENSES.items() if len(lens.optics.focal_mm) == 1],
        "zoom": [name for name, lens in LENSES.items() if len(lens.optics.focal_mm) == 2],
        "macro": [name for name in LENSES if "macro" in name],
        "stabilised, first generation": [n for n, lens in LENSES.items() if lens.stabiliser.generation == 1],
        "stabilised, second generation": [n for n, lens in LENSES.items() if lens.stabiliser.generation == 2],
        "linear ring": [name for name, lens in LENSES.items() if lens.parts.linear_ring],
        "aperture ring": [name for name, lens in LENSES.items() if lens.parts.aperture_ring],
        "limiter": [name for name, lens in LENSES.items() if lens.parts.limiter],
        "pages": [name for name, lens in LENSES.items() if lens.firmware.pages],
    }
    assert {kind: len(names) for kind, names in kinds.items() if len(names) < 4} == {}


def test_the_odd_lenses_are_there() -> None:
    parts = {name: lens.parts for name, lens in LENSES.items()}
    assert not parts["laowa-15mm-f2"].contacts
    assert not parts["ttartisan-tilt-50mm-f1.4"].contacts
    chip = LENSES["viltrox-af-28mm-f4.5"]
    assert (chip.parts.diaphragm, chip.parts.focus_ring, chip.parts.focus_motor) == (False, False, True)
    assert chip.optics.smallest_f_number == chip.optics.f_number[0]
    manual = parts["modelled-manual-50mm-f2"]
    assert (manual.contacts, manual.diaphragm, manual.focus_motor, manual.focus_ring) == (True, True, False, True)
    assert parts["sigma-28-45mm-f1.8-dg-dn"].click_switch
    assert parts["sigma-50mm-f1.4-dg-dn"].afl_button
    assert max(LENSES["panasonic-s-pro-50mm-f1.4"].focus.drive_hz) == 480
    assert LENSES["sigma-100-400mm-f5-6.3-dg-dn-os"].folds == ["sigma-tc-1411"]
    assert "update" not in LENSES["ttartisan-af-40mm-f2"].firmware.features


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("panasonic-s-pro-50mm-f1.4", 500),
        ("panasonic-s-pro-70-200mm-f4", 500),
        ("panasonic-s-70-300mm-f4.5-5.6", 500),
        ("panasonic-s-24-105mm-f4", 500),
        ("panasonic-s-pro-70-200mm-f2.8", 900),
        ("sigma-60-600mm-f4.5-6.3-dg-dn-os", 900),
        ("sigma-150-600mm-f5-6.3-dg-dn-os", 900),
        ("sigma-200mm-f2-dg-os", 900),
    ],
)
def test_power_hungry_lenses_draw_more_than_the_class_below_theirs(name: str, least: int) -> None:
    lens = LENSES[name]
    power = lens.power
    stabiliser = power.stabiliser_ma if lens.stabiliser.generation else 0
    assert least < power.idle_ma + power.focus_ma + power.diaphragm_ma + stabiliser <= 1500


def test_bodies_are_all_there() -> None:
    bodies: dict[str, BodySettings] = profiles_of(Place.BODY)
    assert set(bodies) == BODIES
    assert bodies["leica-cl"].power.warns_from == "high"
    assert {name for name, body in bodies.items() if not body.camera.released} == {"sigma-foveon-ff"}
    foveon = load_profile("sigma-foveon-ff")
    assert "NOT released" in foveon.title
    assert "NOT RELEASED" in foveon.notes
    assert {name for name, body in bodies.items() if body.camera.format == "aps-c"} == {
        "leica-t", "leica-tl", "leica-tl2", "leica-cl",
    }  # fmt: skip
    assert {name for name, body in bodies.items() if body.firmware.pages} == {
        "leica-sl3", "leica-sl3-s", "leica-sl3-p",
        "panasonic-s9", "panasonic-s1rii", "panasonic-s1ii", "panasonic-s1iie",
    }  # fmt: skip


def test_accessories_fit_lenses_that_are_there() -> None:
    accessories: dict[str, AccessorySettings] = profiles_of(Place.ACCESSORY)
    assert set(accessories) == ACCESSORIES
    for name, accessory in accessories.items():
        for beginning in (*accessory.fits, *accessory.fits_not):
            assert any(lens.startswith(beginning) for lens in LENSES), (name, beginning)
    assert set(accessories) >= {name for lens in LENSES.values() for name in lens.folds}


def test_the_usual_pair_is_there() -> None:
    assert load_profile(LMOUNT_ROLES.default_body).place is Place.BODY
    assert load_profile(LMOUNT_ROLES.default_lens).place is Place.LENS


def test_all_of_them_load_in_less_than_a_second() -> None:
    clock = MonotonicClock()

    def seconds() -> float:
        began = clock.now()
        all_profiles()
        return clock.now() - began

    # The quickest of a few, so that a busy machine proves nothing.
    assert min(seconds() for _ in range(3)) < 1.0


def test_a_lens_of_ones_own_is_ten_lines() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-profile.md").read_text()
    (told,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert told.count("\n") == 10
    profile = read_profile(told, "mine.toml")
    assert evidence_of(profile, "optics.nearest_m") == "BOX"
    assert isinstance(profile.settings, LensSettings)
    assert profile.settings.optics == Optics(
        maker="Mine", focal_mm=[50.0], f_number=[2.0], smallest_f_number=16.0, nearest_m=0.5
    )


def test_the_page_of_how_to_names_every_key_of_a_lens() -> None:
    page = (ROOT / "docs" / "how-to" / "add-a-profile.md").read_text()
    for table in msgspec.structs.fields(LensSettings):
        inner = table.type if isinstance(table.type, type) and issubclass(table.type, msgspec.Struct) else None
        keys = [entry.name for entry in msgspec.structs.fields(inner)] if inner else [table.name]
        assert [key for key in keys if not re.search(rf"\b{key}\b", page)] == [], table.name


WRONG_LENSES = [
    ("focal_mm = [28.0, 45.0]\n", "", r"missing required field `focal_mm` - at `\$.optics`"),
    ("f_number = [1.8]\n", "", r"missing required field `f_number` - at `\$.optics`"),
    ("nearest_m = 0.3\n", "", r"missing required field `nearest_m` - at `\$.optics`"),
    ("[28.0, 45.0]", "[]", r"optics.focal_mm is \[\]; it must be one value, or the two of a range"),
    ("[28.0, 45.0]", "[28.0, 35.0, 45.0]", "optics.focal_mm is .*; it must be one value, or the two of a range"),
    ("[28.0, 45.0]", "[45.0, 28.0]", "optics.focal_mm is .*; the first must not be above the second"),
    ("[28.0, 45.0]", "[0.0, 45.0]", "optics.focal_mm is 0; it must lie between 1 and 4000"),
    ("[28.0, 45.0]", "[28.0, 45000.0]", "optics.focal_mm is 45000; it must lie between 1 and 4000"),
    ("[28.0, 45.0]", "[28.0, nan]", "optics.focal_mm: nan is no number to compute with"),
    ("[28.0, 45.0]", '"28-45"', r"Expected `array`, got `str` - at `\$.optics.focal_mm`"),
    ("f_number = [1.8]", "f_number = [0.1]", "optics.f_number is 0.1; it must lie between 0.7 and 64"),
    ("f_number = [1.8]", "f_number = [4.0, 2.8]", "optics.f_number is .*; the first must not be above the second"),
    ("smallest_f_number = 16.0", "smallest_f_number = 1.4", "optics.smallest_f_number is 1.4; .*between 1.8 and 64"),
    ("nearest_m = 0.3", "nearest_m = -1.0", "optics.nearest_m is -1; it must lie between 0.01 and 100"),
    ('"corrections"', '"levitation"', r"Invalid enum value 'levitation' - at `\$.firmware.features\[2\]`"),
    ("focal_mm", "focal_inch", r"unknown key 'focal_inch' in \[optics\]; known: f_number, focal_mm, "),
    ("[parts]", "[part]", "unknown key 'part'; known: diaphragm, firmware"),
    ("[firmware]", '[firmware]\nversion = "new"', "firmware.version is 'new'; it must be one to four numbers"),
    ("[firmware]", '[firmware]\nversion = "1.300"', "firmware.version is '1.300'; .* of 0 to 255"),
    ("[firmware]", '[firmware]\nversion = "1.2.3.4.5"', "firmware.version is .*; it must be one to four numbers"),
    ("[firmware]", "[firmware]\nrevision = 9", "firmware.revision is 9; it must lie between 1 and 3"),
    ("[firmware]", "[firmware]\nrates = [9600]", r"firmware.rates is \[9600\]; it must hold 115200"),
    ("[firmware]", '[firmware]\npages = ["tea"]', r"Invalid enum value 'tea' - at `\$.firmware.pages\[0\]`"),
    ("drive_hz = [60, 120, 240]", "drive_hz = [960]", "focus.drive_hz is 960; it must lie between 24 and 480"),
    ('role = "lens"', 'role = "body"', "unknown key 'optics'; known: camera|missing required field `camera`"),
]  # fmt: skip
WRONG_OTHERS = [
    (BODY, "highest_hz = 60", "highest_hz = 999", "camera.highest_hz is 999; it must lie between 60 and 480"),
    (BODY, 'format = "aps-c"', 'format = "6x6"', r"Invalid enum value '6x6' - at `\$.camera.format`"),
    (BODY, 'warns_from = "high"', 'warns_from = "much"', r"Invalid enum value 'much' - at `\$.power.warns_from`"),
    (BODY, '"corrections", ', "\"corrections\", 'wings', ", r"Invalid enum value 'wings' - at `\$.firmware.features"),
    (TUBE, "length_mm = 16.0", "length_mm = 900.0", "length_mm is 900; it must lie between 0 and 200"),
    (TUBE, "length_mm = 16.0", "factor = 9.0", "factor is 9; it must lie between 0.5 and 4"),
    (TUBE, 'behaviour = "silent"', 'behaviour = "sings"', r"Invalid enum value 'sings' - at `\$.behaviour`"),
]


@pytest.mark.parametrize(
    ("good", "before", "after", "text"), [*((GOOD, *wrong) for wrong in WRONG_LENSES), *WRONG_OTHERS]
)
def test_what_is_wrong_is_reported_in_one_line(good: str, before: str, after: str, text: str) -> None:
    assert before in good
    with pytest.raises(ProfileError, match=text) as caught:
        read_profile(good.replace(before, after), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_offered_twice_is_refused_with_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "their_l_lenses"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sigma-28-45mm-f1.8-dg-dn.toml").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))

    class Entry:
        value = "their_l_lenses"

    def entry_points(**_: Any) -> list[Entry]:
        return [Entry()]

    monkeypatch.setattr("lensmount_emulator.profiles.library.entry_points", entry_points)
    with pytest.raises(ProfileError, match=r"'sigma-28-45mm-f1.8-dg-dn' is offered twice: .* and .*their_l_lenses"):
        load_profile("sigma-28-45mm-f1.8-dg-dn")
    with pytest.raises(ProfileError, match="is offered twice"):
        all_profiles()
