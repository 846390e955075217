"""Version 2 of the schema of E-mount profiles, as a hand writes it; version 1 stays legal."""

from pathlib import Path

import pytest

import lensmount_emulator.profiles as profiles
from lensmount_emulator.engine.script import Step
from lensmount_emulator.profiles.library import read_profile
from lensmount_emulator.roles.emount.lens import stream
from lensmount_emulator.roles.emount.lens.controls import StateValue
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.errors import ProfileError

V1 = (Path(profiles.__path__[0]) / "emount" / "voigtlander-15.toml").read_text()
V2 = """
[stream]
first_sequence = 9
counts_alone = true
blocks = [0x7FFF, 0x3F]

[state]
focal_length = { field = "LensStatus.focal_length_dmm", values = [150, 300], initial = 150 }
position = { field = "FocusStatus.planned_position", values = "0x1000..0x103F" }

[[phase]]
name = "rows"
modulus = 2
clock = "vd"

[[field]]
name = "LensStatus.row_b"
kind = "table"
key = ["position", "phase:rows"]
between = "row"
data = { "0x1000,0" = "270835304039", "0x1000,1" = "B1284751FF38" }

[[field]]
name = "LensStatus.row_d"
kind = "copy"
of = ["LensStatus.row_a", "row_b"]
by = "phase:rows"
clear_bit = 7

[[field]]
name = "LensStatus.aperture_above_widest"
kind = "affine"
of = "LensStatus.aperture"
add = -5205

[[field]]
name = "FocusStatus.position"
kind = "noise"
around = "planned_position"
values = { -1 = 0.5, 0 = 0.5 }
stay = 0.8

[[start.LensStatus]]
unknown_67 = 5

[[start.LensStatus]]
when = { focal_length = 300 }
unknown_67 = 6

[origin]
captures = { "a.sr" = "00" }
train = 0.6
"""


def settings(text: str) -> LensSettings:
    made = read_profile(text, "v2").settings
    assert isinstance(made, LensSettings)
    return made


def version_2() -> str:
    return V1.replace("first_sequence = 2\n", "") + V2


def test_a_profile_of_version_2_plays_its_rules() -> None:
    made = settings(version_2())
    assert (made.first_sequence, made.counts_alone) == (9, True)
    lens = LensEngine(made)
    lens.begin_stream(0x7FFF, 0x3F)
    lens.stream.next_pair()
    (first,), (focus,) = stream.make_pair(lens)
    assert first.row_b.hex() == "270835304039"
    assert first.row_d.hex() == "312847514b38"
    assert first.unknown_67 == 5
    assert focus.position == 0x1000
    lens.stream.next_pair()
    (second,), _ = stream.make_pair(lens)
    assert second.row_d.hex() == "31284751ff38"
    assert read_profile(version_2(), "v2").origin is not None


def test_the_start_of_a_stream_depends_on_the_state() -> None:
    lens = LensEngine(settings(version_2()))
    assert lens.player is not None
    lens.player.given["focal_length"] = 300
    lens.begin_stream(0x7FFF, 0x3F)
    lens.stream.next_pair()
    (first,), _ = stream.make_pair(lens)
    assert (first.focal_length_dmm, first.unknown_67) == (300, 6)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (("counts_alone = true\nblocks", "count = 1\nblocks"), "unknown key 'count'"),
        (('"0x1000..0x103F"', '"0x1000-0x103F"'), "write numbers, or a range"),
        (("modulus = 2", "modulus = 0"), "phase[0].modulus"),
        (('clock = "vd"', 'clock = "frames"'), "unknown clock 'frames'"),
        (("train = 0.6", "trained = 0.6"), "unknown key 'trained'"),
    ],
)
def test_a_wrong_key_of_version_2_is_named(change: tuple[str, str], text: str) -> None:
    assert change[0] in version_2()
    with pytest.raises(ProfileError) as caught:
        read_profile(version_2().replace(*change), "v2")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (('"0x1000..0x103F"', '"0..99999999999999999999"'), "write numbers, or a range"),
        (("initial = 150", "initial = 70000"), "state.focal_length"),
        (('kind = "affine"', 'kind = "counter"\nphase = "rows"\nmodulus = 70000'), "modulus is 70000"),
    ],
)
def test_a_value_that_cannot_play_is_refused(change: tuple[str, str], text: str) -> None:
    assert change[0] in version_2()
    with pytest.raises(ProfileError) as caught:
        read_profile(version_2().replace(*change), "v2")
    assert text in str(caught.value)


def test_a_state_that_does_not_fit_its_field_is_not_taken() -> None:
    lens = LensEngine(settings(version_2().replace("LensStatus.focal_length_dmm", "LensStatus.focus_switch")))
    assert lens.player is not None
    lens.on_control(Step("state", "state focal_length=300", StateValue("focal_length", 300)))
    assert lens.player.given["focal_length"] == 150
