"""Values of a profile beyond all sense: refused in one line, or playable."""

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.profiles.library import Profile, load_profile, read_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.errors import MountError, ProfileError

FOLDER = Path(__file__).parents[3] / "emulator" / "lensmount_emulator" / "profiles"
PARTNERS = {
    "a6000": "sel2870", "sel55210": "a6000", "sigma-fp": "sigma-45mm-f2.8-dg-dn", "sigma-45mm-f2.8-dg-dn": "sigma-fp",
    "extension-tube-l-16mm": "",
}  # fmt: skip
EXTREMES: dict[type, tuple[Any, ...]] = {
    int: (0, -1, 1, 256, 65_536, 2**63 - 1, -(2**63)),
    float: (0.0, -1.0, 1e-9, 1e18, -1e300),
    str: ("", "zz", "FF", "0c", "é" * 200),
    list: ([], ["zz"], [["zz"]], [-1]),
    dict: ({}, {"zz": 1.0}, {"FF": -1.0}, {"otherwise": []}),
}


def places(table: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every value of a table, and of each list the first two."""
    items = table.items() if isinstance(table, dict) else list(enumerate(table))[:2] if isinstance(table, list) else ()
    for key, value in items:
        yield (*at, key)
        yield from places(value, (*at, key))


def changed(table: Any, place: tuple[Any, ...], value: Any) -> Any:
    table = copy.deepcopy(table)
    inner = table
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return table


def accepted(name: str) -> list[tuple[str, Profile]]:
    """What of all extreme values a profile may hold; the rest is refused."""
    profile = load_profile(name)
    cast = get_roles(profile.dialect)
    whole = msgspec.json.decode(msgspec.json.encode(profile.settings))
    for key in ("variable", "fits", "far_dialect"):
        whole.pop(key, None)
    found, refused = [], 0
    for place in places(whole):
        old = whole
        for key in place:
            old = old[key]
        for value in EXTREMES.get(type(old), ()):
            try:
                settings = msgspec.convert(changed(whole, place, value), type(profile.settings))
                cast.check(profile.place, settings)
            except (msgspec.ValidationError, ProfileError):
                refused += 1
            else:
                found.append((f"{'.'.join(map(str, place))} = {value!r}", replace(profile, settings=settings)))
    assert refused > len(whole)
    return found


@pytest.mark.parametrize("name", PARTNERS)
def test_extreme_values_are_refused_or_played(name: str) -> None:
    found = accepted(name)
    played = Random(name).sample(found, 4)
    for label, profile in played:
        ends: dict[Place, Any] = {profile.place: profile, Place.LENS: "sigma-45mm-f2.8-dg-dn"}
        if PARTNERS[name]:
            ends = {profile.place: profile, Place.LENS if profile.place is Place.BODY else Place.BODY: PARTNERS[name]}
        accessories = [ends[Place.ACCESSORY]] if Place.ACCESSORY in ends else []
        try:
            session = run_loopback(
                ends.get(Place.BODY, "sigma-fp"), ends[Place.LENS], accessories=accessories, seconds=0.4, seed=1
            )
        except MountError as error:
            pytest.fail(f"{label} is accepted and refused later: {error}")
        assert session.records, label


EMOUNT_BODY = [
    ('cold = ["01"', 'cold = ["zz"', "cold: 'zz' is no type; write two digits"),
    ('cold = ["01"', 'cold = ["0c"', "cold: '0c' is no type; write two digits"),
    ('warm = ["0B"', 'warm = ["0xB"', "warm: '0xB' is no type; write two digits"),
    ('cold = ["01"', 'cold = ["FF"', "cold: unknown message of a body 'FF'; known: 01, "),
    ("vd_period = 16683.0", "vd_period = 0.0", "timing.vd_period is 0; it must lie between 1000 and"),
    ("vd_low = 62.0", "vd_low = 16683.0", "timing.vd_low is 16683; it must be below timing.vd_period"),
    ("[timing]", "[timing]\npoll = -1.0", "timing.poll is -1; it must lie between 100 and"),
    ("first_vd = 2240.0", "first_vd = -1e300", r"timing.first_vd is -1e\+300; it must lie between 0 and"),
    ("setup = [40.0, 40.0]", "setup = [40.0, -1.0]", "timing.setup is -1; it must lie between 0 and"),
    ("otherwise = 150.0", "otherwise = 1e18", r"timing.hold.otherwise is 1e\+18; it must lie between"),
    ("otherwise = 150.0", '"slow 16" = 150.0', "timing.hold has no 'otherwise'"),
    ("otherwise = 150.0", "otherwise = 150.0, quick = 1.0", "timing.hold: unknown key 'quick'; write 'otherwise', or"),
    ("{ 01 = 286.0", "{ 1 = 286.0", "timing.next_request: unknown key '1'; write a type"),
    ("pads_to = 16", "pads_to = 0", "pads_to is 0; it must lie between 1 and 1024"),
    ("pads_to = 16", "ring_blocks = -1", "ring_blocks is -1; it must lie between 0 and 65535"),
    ("first_row = 0", "first_row = 4", "first_row is 4; it must lie between 0 and 3"),
    ("first_row = 0", "rows = []", "rows is empty; it must have at least one entry"),
    ("first_row = 0", "rows = [256]", "rows is 256; it must lie between 0 and 255"),
    ("cycles = [[1, 7], [2, 3], [4, 3], [6, 0]]", "cycles = []", "cycles is empty; it must have at least one entry"),
    ("cycles = [[1, 7]", "cycles = [[0, 7]", "a length of cycles is 0; it must lie between 1 and 255"),
    ("farewell_frames = 26", "farewell_frames = -1", "farewell_frames is -1; it must lie between 0 and"),
    ("frames = 4", "frames = -4", r"variable\[4\].frames is -4; it must lie between"),
]
EMOUNT_LENS = [
    ("lower = 0x3EE2", "lower = -1", "focus.lower is -1; it must lie between 0 and 65535"),
    ("acknowledge_frames = 2", "acknowledge_frames = -1", "focus.acknowledge_frames is -1; it must lie"),
    ('cycle_flag = "follows"', 'cycle_flag = "sings"', r"Invalid enum value 'sings' - at `\$.focus.cycle_flag`"),
    ("echo_frames = 2", "echo_frames = -1", "rows.echo_frames is -1; it must lie between 0 and 1000"),
    ("echo_frames = 2", "echo_frames = 2\ninitial = 0x1FF", "rows.initial is 511; it must lie between 0 and 255"),
    ("{ 15 = ", "{ 5 = ", "rows.c: unknown key '5'; write two digits"),
    ("[timing]", "[timing.pauses]\n07 = [[4, 1.0], [4, 1.0]]\n[timing]", "timing.pauses.07: bytes are .*must rise"),
    ("[timing]", "[timing.pauses]\n07 = [[4, -1.0]]\n[timing]", "timing.pauses.07 is -1; it must lie between"),
    ("[timing]", "[timing.pauses]\nzz = []\n[timing]", "timing.pauses: unknown key 'zz'; write a type"),
    ("{ 01 = 583.3", "{ 01 = -583.3", "timing.reply.01 is -583.3; it must lie between 0 and"),
    ("[profile]", "first_sequence = 256\n[profile]", "first_sequence is 256; it must lie between 0 and 255"),
    ("[profile]", "focus_skips = -1\n[profile]", "focus_skips is -1; it must lie between 0 and"),
]
LMOUNT_LENS = [
    ('maker = "', f'maker = "{"é" * 200}', r"optics.maker has 40\d bytes of UTF-8; at most 255 fit"),
    ("[optics]", "[zoom]\nseconds = 0.0\n[optics]", "zoom.seconds is 0; it must be above 0"),
]
CASES = [
    *(("nex7", *wrong) for wrong in EMOUNT_BODY),
    *(("sel55210", *wrong) for wrong in EMOUNT_LENS),
    *(("sigma-45mm-f2.8-dg-dn", *wrong) for wrong in LMOUNT_LENS),
]


@pytest.mark.parametrize(("name", "before", "after", "text"), CASES)
def test_impossible_values_are_refused_with_their_key(name: str, before: str, after: str, text: str) -> None:
    good = next(FOLDER.rglob(f"{name}.toml")).read_text(encoding="utf-8")
    assert before in good
    with pytest.raises(ProfileError, match=text) as caught:
        read_profile(good.replace(before, after, 1), "mine.toml")
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)
