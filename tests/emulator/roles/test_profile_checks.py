"""Profiles of both dialects: each default, each limit on both of its sides, and each number made from a name."""

import re
from typing import Any

import pytest
from msgspec import ValidationError, convert, json, to_builtins
from msgspec.structs import replace

from lensmount_emulator.engine.dialect_roles import Place, get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount import profile as emount
from lensmount_emulator.roles.lmount import profile as lmount
from lensmount_emulator.roles.lmount.accessories.assembly import merge_accessory
from lensmount_emulator.roles.lmount.ids import (
    CIRCLE_MM,
    MAKERS,
    feature_bits,
    lens_number,
    maker_name,
    maker_number,
    model_number,
    part_bits,
)
from lensmount_emulator.roles.lmount.profile import check_settings, version_bytes
from lensmount_protocol.dialects.lmount.types import ImageCircle
from lensmount_protocol.errors import ProfileError, ScriptError

OPTICS = {"maker": "Sigma", "focal_mm": [45.0], "f_number": [2.8], "nearest_m": 0.24}


def lens(**more: Any) -> lmount.LensSettings:
    return convert({"optics": OPTICS, **more}, lmount.LensSettings)


def body(**more: Any) -> lmount.BodySettings:
    return convert({"camera": {"maker": "Sigma"}, **more}, lmount.BodySettings)


LMOUNT_DEFAULTS: dict[Any, dict[str, Any]] = {
    lmount.LensParts: {
        "contacts": True, "diaphragm": True, "focus_motor": True, "focus_ring": True, "linear_ring": False,
        "aperture_ring": False, "click_switch": False, "af_switch": True, "limiter": False, "afl_button": False,
        "power_zoom": False,
    },
    lmount.FocusGroup: {
        "steps": 4000, "speed": 12_000.0, "acceleration": 400_000.0, "backlash": 2, "settle_ms": 2.0, "homes": True,
        "drive_hz": [60, 120], "breathes_percent": 3.0,
    },
    lmount.Diaphragm: {"av_per_s": 60.0, "step": 8},
    lmount.ZoomGroup: {"focus_shift_steps": 400, "corrected": True, "seconds": 2.0},
    lmount.LensStabiliser: {"generation": 0, "range_um": 1500},
    lmount.LensPower: {"idle_ma": 40, "focus_ma": 0, "diaphragm_ma": 60, "stabiliser_ma": 150},
    lmount.LensTiming: {"boot": 60_000.0, "hello": 500.0, "answer": 120.0, "cycle": 300.0, "wake": 3000.0},
    lmount.Firmware: {
        "version": "1.0", "revision": 2, "rates": [115_200, 750_000, 1_500_000],
        "features": [
            "synchronised focus", "shared stabilisation", "corrections", "breathing", "defocus", "update", "pages",
        ],
        "pages": [],
    },
    lmount.BodyPower: {"grants": "extreme", "warns_from": "none", "supply_ma": 1500},
    lmount.BodyTiming: {"detect": 20_000.0, "cycle": 40.0, "settle": 60.0},
    lmount.AccessorySettings: {
        "behaviour": "speaks", "factor": 1.0, "length_mm": 0.0, "fits": [], "fits_not": {}, "far_dialect": "lmount",
        "single_autofocus": False, "idle_ma": 10, "number": 0,
    },
}  # fmt: skip


@pytest.mark.parametrize("shape", LMOUNT_DEFAULTS, ids=lambda shape: shape.__name__)
def test_defaults_of_the_open_model(shape: Any) -> None:
    needed = {"maker": "Sigma", "kind": "extension tube"} if shape is lmount.AccessorySettings else {}
    values = json.decode(json.encode(convert(needed, shape)))
    assert {key: values[key] for key in LMOUNT_DEFAULTS[shape]} == LMOUNT_DEFAULTS[shape]


def test_defaults_of_whole_ends_of_the_open_model() -> None:
    made = lens()
    assert (made.name, made.number, made.serial, made.folds) == ("", 0, "0000001", [])
    assert (made.optics.format, made.optics.smallest_f_number, made.optics.weight_g) == ("full-frame", 22.0, 0)
    camera = body().camera
    assert to_builtins(camera) == {
        "maker": "Sigma", "format": "full-frame", "megapixels": 0.0, "stabiliser": False, "stabiliser_range_um": 3000,
        "focuses_by": "contrast", "live_view_hz": 60, "highest_hz": 120, "corrects_breathing": False,
        "sets_ring": True, "released": True,
    }  # fmt: skip
    assert body().number == 0


def test_defaults_of_the_emount() -> None:
    needed = {"setup": [1, 2], "hold": {"16": 3.0}}
    timing = json.decode(json.encode(convert(needed, emount.BodyTiming)))
    assert timing == {
        "first_vd": 2240.0, "vd_period": 16_684.0, "vd_low": 63.0, "select_rises": 119_380.0, "serial_on": 20.0,
        "first_poll": 5230.0, "poll": 5040.0, "link_poll": 170.0, "setup": [1.0, 2.0], "hold": {"16": 3.0},
        "next_request": {}, "next_request_otherwise": 260.0, "switch_rises": 124.0, "switch_look": 18.0,
        "switch_falls": 47.0, "switch_rests": 20_300.0, "state_after_vd": 8567.0, "mode_after_vd": 10_083.0,
    }  # fmt: skip
    made = convert(
        {"timing": needed, "switches_speed": True, "cold": [], "warm": [], "messages": {}}, emount.BodySettings
    )
    assert (made.pads_to, made.ring_blocks, made.rows, made.first_row) == (16, 0, (0x15, 0x16, 0x15, 0x17), 0)
    assert made.cycles == ((1, 18), (2, 3), (4, 3), (6, 0))
    assert (made.adapter, made.start, made.farewell, made.farewell_frames, made.variable) == ({}, {}, {}, 26, [])


def test_defaults_of_a_lens_of_the_emount() -> None:
    needed = {
        "select_rises": 1.0, "serial_on": 2.0, "select_falls": 3.0, "reply": {}, "reply_otherwise": 4.0,
        "setup": [1, 2], "hold": [3, 4], "first_status": 5.0, "status_after_vd": 6.0, "focus_after_status": 7.0,
    }  # fmt: skip
    timing = convert(needed, emount.LensTiming)
    assert (timing.select_follows, timing.switch_rises, timing.switch_falls, timing.pauses) == (10.0, 12.0, 100.0, {})
    iris = convert({"driven": True, "widest": 1, "narrowest": 2}, emount.Iris)
    assert (iris.offset, iris.codes_per_frame, iris.delay_frames, iris.announces_target) == (0, 336, 2, False)
    focus = convert({"driven": True, "lower": 1, "upper": 2, "planned": 1, "encoder": 1}, emount.Focus)
    assert (focus.steps_per_frame, focus.lag_frames, focus.acknowledge_frames, focus.motion_outlasts) == (
        300,
        1.5,
        1,
        0,
    )
    assert (focus.acknowledges_first, focus.reports_encoder, focus.shows_limits) == (False, True, True)
    assert focus.cycle_flag == "none"
    rows = convert({"echo_frames": 2}, emount.Rows)
    assert (rows.initial, rows.b, rows.c, rows.d) == (0, [], {}, [])
    made = emount.LensSettings(timing=timing, iris=iris, focus=focus, rows=rows, messages={})
    assert (made.start, made.first_sequence, made.counts_alone, made.focus_skips) == ({}, 0, False, 0)
    assert (made.unsolicited_acknowledgement, made.refuses, made.variable) == (-1, True, [])


@pytest.mark.parametrize("shape", [lmount.Optics, lmount.Camera, *LMOUNT_DEFAULTS], ids=lambda shape: shape.__name__)
def test_settings_of_the_open_model_are_fixed_named_and_closed(shape: Any) -> None:
    needed = {
        lmount.Optics: OPTICS, lmount.Camera: {"maker": "Sigma"},
        lmount.AccessorySettings: {"maker": "Sigma", "kind": "extension tube"},
    }.get(shape, {})  # fmt: skip
    made = convert(needed, shape)
    key = made.__struct_fields__[0]
    with pytest.raises(AttributeError):
        setattr(made, key, getattr(made, key))
    with pytest.raises(ValidationError, match="unknown field `levitates`"):
        convert({**needed, "levitates": True}, shape)
    with pytest.raises(TypeError, match="positional"):
        shape(*(getattr(made, name) for name in made.__struct_fields__))


@pytest.mark.parametrize("made", [lens(), body()], ids=["lens", "body"])
def test_whole_ends_of_the_open_model_are_fixed_named_and_closed(made: Any) -> None:
    with pytest.raises(AttributeError):
        made.number = 7
    with pytest.raises(ValidationError, match="unknown field `levitates`"):
        convert({**to_builtins(made), "levitates": True}, type(made))
    with pytest.raises(TypeError, match="positional"):
        type(made)(*(getattr(made, name) for name in made.__struct_fields__))


def in_lens(path: str, value: Any) -> lmount.LensSettings:
    whole: dict[str, Any] = {"optics": dict(OPTICS)}
    *groups, key = path.split(".")
    target = whole
    for group in groups:
        target = target.setdefault(group, {})
    target[key] = value
    return convert(whole, lmount.LensSettings)


LENS_LIMITS = [
    ("optics.focal_mm", [1.0], [0.99]),
    ("optics.focal_mm", [4000.0], [4000.1]),
    ("optics.focal_mm", [24.0, 24.0], [24.0, 23.9]),
    ("optics.focal_mm", [24.0, 70.0], [24.0, 50.0, 70.0]),
    ("optics.focal_mm", [24.0], []),
    ("optics.f_number", [0.7], [0.69]),
    ("optics.smallest_f_number", 2.8, 2.79),
    ("optics.smallest_f_number", 64.0, 64.1),
    ("optics.nearest_m", 0.01, 0.009),
    ("optics.nearest_m", 100.0, 100.1),
    ("focus.steps", 2000, 1),
    ("focus.steps", 65_535, 65_536),
    ("focus.speed", 0.1, 0.0),
    ("focus.speed", 1e9, float("inf")),
    ("focus.acceleration", 0.1, 0.0),
    ("focus.backlash", 0, -1),
    ("focus.backlash", 2000, 2001),
    ("focus.settle_ms", 0.0, -0.1),
    ("focus.settle_ms", 1000.0, 1000.1),
    ("focus.drive_hz", [24], []),
    ("focus.drive_hz", [24, 480], [60, 481]),
    ("focus.drive_hz", [24], [23]),
    ("diaphragm.av_per_s", 0.1, 0.0),
    ("diaphragm.step", 1, 0),
    ("diaphragm.step", 256, 257),
    ("zoom.focus_shift_steps", 4000, 4001),
    ("zoom.focus_shift_steps", -4000, -4001),
    ("zoom.seconds", 0.1, 0.0),
    ("stabiliser.generation", 0, -1),
    ("stabiliser.generation", 2, 3),
    ("stabiliser.range_um", 1, 0),
    ("stabiliser.range_um", 32_767, 32_768),
    ("power.idle_ma", 0, -1),
    ("power.focus_ma", 5000, 5001),
    ("power.diaphragm_ma", 5000, 5001),
    ("power.stabiliser_ma", 0, -1),
    ("timing.boot", 0.0, -1.0),
    ("timing.boot", 150_000.0, 150_001.0),
    ("timing.hello", 20.0, 19.9),
    ("timing.hello", 20_000.0, 20_001.0),
    ("timing.answer", 20.0, 19.9),
    ("timing.answer", 4000.0, 4001.0),
    ("timing.cycle", 20.0, 19.9),
    ("timing.cycle", 1500.0, 1501.0),
    ("number", 0, -1),
    ("number", 65_535, 65_536),
    ("firmware.revision", 1, 0),
    ("firmware.revision", 3, 4),
    ("firmware.rates", [115_200], [750_000]),
    ("firmware.rates", [115_200, 1_500_000], [115_200, 9_600]),
    ("firmware.version", "255.1.2.3", "256.0"),
    ("firmware.version", "7", "1.2.3.4.5"),
    ("firmware.version", "0.0", "1.x"),
]


@pytest.mark.parametrize(("key", "legal", "beyond"), LENS_LIMITS, ids=lambda value: str(value)[:24])
def test_a_lens_s_limits_hold_from_exactly_there_on(key: str, legal: Any, beyond: Any) -> None:
    check_settings(Place.LENS, in_lens(key, legal))
    with pytest.raises(ProfileError, match=f"^{re.escape(key)} is "):
        check_settings(Place.LENS, in_lens(key, beyond))


def test_few_steps_are_enough_without_a_zoom_s_shift() -> None:
    check_settings(Place.LENS, lens(focus={"steps": 2, "backlash": 1}, zoom={"focus_shift_steps": 2}))
    with pytest.raises(ProfileError, match=r"focus\.backlash is 2; it must lie between 0 and 1"):
        check_settings(Place.LENS, lens(focus={"steps": 2, "backlash": 2}, zoom={"focus_shift_steps": 2}))


def test_pages_want_their_feature() -> None:
    pages = ["fast focus"]
    check_settings(Place.LENS, lens(firmware={"pages": pages, "features": ["pages"]}))
    with pytest.raises(ProfileError, match=r"firmware\.pages names pages"):
        check_settings(Place.LENS, lens(firmware={"pages": pages, "features": ["update"]}))


@pytest.mark.parametrize(
    ("legal", "beyond"),
    [
        ({"camera": {"live_view_hz": 24}}, {"camera": {"live_view_hz": 23}}),
        ({"camera": {"live_view_hz": 60, "highest_hz": 60}}, {"camera": {"live_view_hz": 60, "highest_hz": 59}}),
        ({"camera": {"highest_hz": 480}}, {"camera": {"highest_hz": 481}}),
        ({"camera": {"stabiliser_range_um": 1}}, {"camera": {"stabiliser_range_um": 0}}),
        ({"camera": {"stabiliser_range_um": 32_767}}, {"camera": {"stabiliser_range_um": 32_768}}),
        ({"power": {"supply_ma": 5000}}, {"power": {"supply_ma": 5001}}),
        ({"timing": {"detect": 20_000.0}}, {"timing": {"detect": 19_999.0}}),
        ({"timing": {"detect": 1_000_000.0}}, {"timing": {"detect": 1_000_001.0}}),
        ({"timing": {"cycle": 0.0}}, {"timing": {"cycle": -1.0}}),
        ({"timing": {"cycle": 1000.0}}, {"timing": {"cycle": 1001.0}}),
        ({"number": 65_535}, {"number": 65_536}),
        ({"firmware": {"revision": 3}}, {"firmware": {"revision": 4}}),
    ],
)
def test_a_body_s_limits_hold_from_exactly_there_on(legal: dict[str, Any], beyond: dict[str, Any]) -> None:
    def made(changes: dict[str, Any]) -> lmount.BodySettings:
        return body(**{**changes, "camera": {"maker": "Sigma", **changes.get("camera", {})}})

    check_settings(Place.BODY, made(legal))
    ((group, change),) = beyond.items()
    key = f"{group}.{list(change)[-1]}" if isinstance(change, dict) else group
    with pytest.raises(ProfileError, match=f"^{re.escape(key)} is "):
        check_settings(Place.BODY, made(beyond))


@pytest.mark.parametrize(
    ("legal", "beyond"),
    [
        ({"factor": 0.5}, {"factor": 0.49}),
        ({"factor": 4.0}, {"factor": 4.1}),
        ({"length_mm": 200.0}, {"length_mm": 200.1}),
        ({"length_mm": 0.0}, {"length_mm": -0.1}),
        ({"number": 65_535}, {"number": 65_536}),
    ],
)
def test_an_accessory_s_limits_hold_from_exactly_there_on(legal: dict[str, Any], beyond: dict[str, Any]) -> None:
    check_settings(
        Place.ACCESSORY, convert({"maker": "Sigma", "kind": "extension tube", **legal}, lmount.AccessorySettings)
    )
    with pytest.raises(ProfileError):
        check_settings(
            Place.ACCESSORY, convert({"maker": "Sigma", "kind": "extension tube", **beyond}, lmount.AccessorySettings)
        )


def test_a_version_is_four_bytes() -> None:
    assert [version_bytes(text) for text in ("1", "1.2", "1.2.3.255")] == [b"\1\0\0\0", b"\1\2\0\0", b"\1\2\3\xff"]


def test_numbers_of_makers_and_models() -> None:
    assert [maker_number(name) for name in ("", "Leica", "Panasonic", "Sigma", "TTArtisan")] == [0, 1, 2, 3, 16]
    assert maker_number("Somewhere Else") == 0x8000 | 0x4471
    found = [maker_name(number) for number in (3, 16, 17, 0xC471)]
    assert found == ["Sigma", "TTArtisan", "0x0011", "0xc471"]
    assert " ".join(name.replace(" ", "_") for name in MAKERS[1:]) == (
        "Leica Panasonic Sigma Ernst_Leitz_Wetzlar DJI Samyang Astrodesign Blackmagic Sirui Viltrox 7Artisans AstrHori"
        " Laowa Meike Pergear TTArtisan"
    )
    assert model_number(7, "x") == 7
    # The one whose CRC is 0 has the number 1: 0 stands for no number.
    assert model_number(0, "model", 142_708) == 1
    assert model_number(0, "a", 1) == model_number(0, "a 1")
    assert lens_number(lens()) == 32_622
    assert CIRCLE_MM == {ImageCircle.FULL_FRAME: 43.3, ImageCircle.APS_C: 28.2}


def test_bits_of_features_and_parts() -> None:
    assert feature_bits([]) == 0
    assert feature_bits(["update", "update"]) == feature_bits(["update"])
    assert feature_bits(lmount.ALL_FEATURES) == 0x7F
    assert part_bits(lmount.LensParts(), stabiliser=False) == 0b111
    every = replace(
        lmount.LensParts(), linear_ring=True, aperture_ring=True, click_switch=True, limiter=True, afl_button=True,
        power_zoom=True,
    )  # fmt: skip
    assert part_bits(every, stabiliser=True) == 0x3FF


def test_a_lens_with_a_converter_that_it_knows() -> None:
    converter = convert(
        {"maker": "Sigma", "kind": "extension tube", "factor": 1.4, "idle_ma": 15}, lmount.AccessorySettings
    )
    long = in_lens("optics.focal_mm", [100.0, 3000.0])
    made = merge_accessory(
        replace(long, name="Lens", firmware=lmount.Firmware(pages=("joint corrections", "fast focus"))), converter, "TC"
    )
    assert made.optics.focal_mm == [140.0, 4000.0]
    assert (made.optics.f_number, made.optics.smallest_f_number) == ([3.92], 30.8)
    assert (made.stabiliser.range_um, made.power.idle_ma, made.name) == (2100, 55, "Lens + TC")
    assert made.firmware.pages == ("fast focus",)
    assert made.number == model_number(0, lens_number(long), "TC")
    same = merge_accessory(
        replace(long, firmware=lmount.Firmware(pages=("joint corrections",))), replace(converter, factor=1.0), "T"
    )
    assert same.firmware.pages == ("joint corrections",)
    wide = merge_accessory(in_lens("stabiliser.range_um", 32_000), converter, "TC")
    assert wide.stabiliser.range_um == 32_767


@pytest.mark.parametrize(
    ("dialect", "legal", "beyond"),
    [
        ("lmount", "focus 65535", "focus 65536"),
        ("lmount", "focus -65535", "focus -65536"),
        ("lmount", "focus 65534.9m", "focus 65535m"),
        ("lmount", "focus 0.001m", "focus 0m"),
        ("lmount", "velocity 1000000", "velocity 1000001"),
        ("lmount", "velocity -1000000", "velocity -1000001"),
        ("lmount", "aperture f/0.5", "aperture f/0.49"),
        ("lmount", "aperture f/256", "aperture f/257"),
        ("lmount", "expose 1/8000", "expose 1/0"),
        ("lmount", "expose 3600s", "expose 3601s"),
        ("lmount", "expose 1ms", "expose 0s"),
        ("lmount", "limits 0 65535", "limits 0 65536"),
        ("lmount", "rate 24", "rate 23"),
        ("lmount", "rate 480", "rate 481"),
        ("emount", "focus 0xFFFF", "focus 0x10000"),
        ("emount", "focus -65535", "focus -65536"),
        ("emount", "aperture 0x14F1", "aperture f/x"),
    ],
)
def test_a_script_s_values_hold_from_exactly_there_on(dialect: str, legal: str, beyond: str) -> None:
    verbs = get_roles(dialect).verbs
    assert len(parse_script(legal, verbs)) == 1
    with pytest.raises(ScriptError):
        parse_script(beyond, verbs)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("focus 0x3EEF", 16_111),
        ("focus +200", 200),
        ("focus -200", -200),
        ("aperture f/8", 0x1600),
        ("aperture 5.6", 5369),
        ("aperture 0x14F1", 0x14F1),
        ("aperture F/4", 0x1400),
        ("wait 500ms", 0.5),
        ("frame 30", 30),
        ("sleep", None),
    ],
)
def test_words_of_the_emount(text: str, value: Any) -> None:
    (step,) = parse_script(text, get_roles("emount").verbs)
    assert step.value == value


@pytest.mark.parametrize(
    ("table", "values", "message"),
    [
        ("behaviour", {"blocked_by": ["4a"]}, "blocked_by: '4a' is no type"),
        ("behaviour", {"refusal_class": 1}, "refusal_class is 1"),
        ("behaviour", {"overshoot": 5000}, "overshoot is 5000"),
        ("behaviour", {"reserve": (0x4000, 0)}, r"reserve\[0\] is 16384"),
        ("service", {"replies": {"VV": ""}}, "'VV' is no command"),
        ("service", {"replies": {"V": "0x"}}, "replies.V: '0x' is not 16 bytes"),
        ("service", {"homing": ["F3"]}, "'F3' is no command"),
    ],
)
def test_illegal_value_names_its_key(table: str, values: dict[str, Any], message: str) -> None:
    settings = load_profile("sel55210").settings
    assert isinstance(settings, emount.LensSettings)
    changed = replace(getattr(settings, table), **values)
    with pytest.raises(ProfileError, match=message):
        get_roles("emount").check(Place.LENS, replace(settings, **{table: changed}))
