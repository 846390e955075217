"""The settings of an L-Mount profile of the open model: the structure of its TOML, checked when it is loaded.

Only `[optics]` has no defaults: a new lens needs ten lines. Every default is modelled, and no maker's. `check_settings`
checks limits beyond the structure, and names the key.
"""

from itertools import pairwise
from typing import Literal

from msgspec import Struct

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.profile_values import check_above_zero, check_between
from lensmount_protocol.errors import ProfileError

Format = Literal["full-frame", "aps-c"]
PowerName = Literal["none", "low", "normal", "high", "extreme"]
FeatureName = Literal[
    "synchronised focus", "shared stabilisation", "corrections", "breathing", "defocus", "update", "pages"
]
PageName = Literal["joint corrections", "fast focus"]

ALL_FEATURES: tuple[FeatureName, ...] = (
    "synchronised focus", "shared stabilisation", "corrections", "breathing", "defocus", "update", "pages",
)  # fmt: skip
ALL_RATES = (115_200, 750_000, 1_500_000)


class Optics(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The optics.

    Attributes:
        maker: as on the barrel.
        format: the sensor format that it covers.
        focal_mm: shortest and longest focal length; one value for a prime.
        f_number: widest aperture at the short and at the long end; one value where they are equal.
        smallest_f_number: the smallest aperture.
        nearest_m: nearest focus.
        weight_g: weight; 0 if unknown.
    """

    maker: str
    format: Format = "full-frame"
    focal_mm: list[float]
    f_number: list[float]
    smallest_f_number: float = 22.0
    nearest_m: float
    weight_g: int = 0


class LensParts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The parts of the lens; it refuses orders for missing parts.

    Attributes:
        contacts: whether it has any; without them a body sees no lens.
        diaphragm: whether the body can close it.
        focus_motor: whether the body can focus it.
        focus_ring: whether it has a focus ring by wire.
        linear_ring: whether the ring's throw can be set.
        aperture_ring: whether it has an aperture ring with an A position.
        click_switch: whether that ring's clicks can be switched off.
        af_switch: whether it has an AF/MF switch.
        limiter: whether it has a focus limiter switch.
        afl_button: whether it has a button.
        power_zoom: whether the body can zoom it.
    """

    contacts: bool = True
    diaphragm: bool = True
    focus_motor: bool = True
    focus_ring: bool = True
    linear_ring: bool = False
    aperture_ring: bool = False
    click_switch: bool = False
    af_switch: bool = True
    limiter: bool = False
    afl_button: bool = False
    power_zoom: bool = False


class FocusGroup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The focus drive; position 0 is the far end.

    Attributes:
        steps: positions.
        speed: top speed, in steps a second.
        acceleration: in steps a second a second.
        backlash: steps that are lost at a change of direction.
        settle_ms: from standstill to the report that the target is reached.
        homes: whether it must find its zero after each power-up.
        drive_hz: rates at which it takes new targets, lowest first.
        breathes_percent: change of the field of view from far to near.
    """

    steps: int = 4000
    speed: float = 12_000.0
    acceleration: float = 400_000.0
    backlash: int = 2
    settle_ms: float = 2.0
    homes: bool = True
    drive_hz: tuple[int, ...] = (60, 120)
    breathes_percent: float = 3.0


class Diaphragm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The iris.

    Attributes:
        av_per_s: speed, in Av a second.
        step: its resolution, in Av/256.
    """

    av_per_s: float = 60.0
    step: int = 8


class ZoomGroup(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The zoom.

    Attributes:
        focus_shift_steps: shift of the plane of focus over the whole range; a parfocal lens has 0.
        corrected: whether the lens compensates that with its focus group.
        seconds: time of a powered zoom for its range.
    """

    focus_shift_steps: int = 400
    corrected: bool = True
    seconds: float = 2.0


class LensStabiliser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The stabiliser.

    Attributes:
        generation: 0 without one; 2 takes part in shared stabilisation as the newer of two generations does.
        range_um: largest shift of the image each way.
    """

    generation: int = 0
    range_um: int = 1500


class LensPower(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The currents of the lens, in milliamperes; 0 of the focus motor means an estimate from the weight.

    Attributes:
        idle_ma: its processor.
        focus_ma: the focus motor while it runs.
        diaphragm_ma: the diaphragm while it moves.
        stabiliser_ma: the stabiliser while it works.
    """

    idle_ma: int = 40
    focus_ma: int = 0
    diaphragm_ma: int = 60
    stabiliser_ma: int = 150


class LensTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timing of the lens, in microseconds.

    Attributes:
        boot: supply to the rise of its attention line.
        hello: greeting to its own.
        answer: order to its answer.
        cycle: frame signal to its reports.
        wake: wake-up signal to the rise of its attention line.
    """

    boot: float = 60_000.0
    hello: float = 500.0
    answer: float = 120.0
    cycle: float = 300.0
    wake: float = 3_000.0


class Firmware(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The firmware.

    Attributes:
        version: four parts at most, highest first.
        revision: revision of this model that it supports.
        rates: in baud.
        features: optional features.
        pages: the extension pages that it has.
    """

    version: str = "1.0"
    revision: int = 2
    rates: tuple[int, ...] = ALL_RATES
    features: tuple[FeatureName, ...] = ALL_FEATURES
    pages: tuple[PageName, ...] = ()


class LensSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A lens.

    Attributes:
        name: as on the barrel; empty: the profile's title.
        number: the maker's number of the lens in this model; 0 computes one from maker and optics.
        serial: serial number.
        folds: names of accessories that the lens knows: it includes them in its own identity, and they send nothing.
    """

    optics: Optics
    parts: LensParts = LensParts()
    focus: FocusGroup = FocusGroup()
    diaphragm: Diaphragm = Diaphragm()
    zoom: ZoomGroup = ZoomGroup()
    stabiliser: LensStabiliser = LensStabiliser()
    power: LensPower = LensPower()
    timing: LensTiming = LensTiming()
    firmware: Firmware = Firmware()
    name: str = ""
    number: int = 0
    serial: str = "0000001"
    folds: list[str] = []


class BodyPower(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The power supply of the body for a lens.

    Attributes:
        grants: the highest class that it grants.
        warns_from: the class from which it warns its user of the consumption; `none`: never.
        supply_ma: largest current of its supply.
    """

    grants: PowerName = "extreme"
    warns_from: PowerName = "none"
    supply_ma: int = 1500


class Camera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The camera.

    Attributes:
        maker: as on the body.
        format: format of its sensor.
        megapixels: 0 if unknown.
        stabiliser: whether the sensor is stabilised.
        stabiliser_range_um: largest shift of the sensor each way.
        focuses_by: its autofocus method.
        live_view_hz: frame signals a second.
        highest_hz: the fastest frame signal, for video.
        corrects_breathing: whether it removes breathing by cropping.
        sets_ring: whether it has a menu for the focus ring's behaviour.
        released: whether it was ever sold.
    """

    maker: str
    format: Format = "full-frame"
    megapixels: float = 0.0
    stabiliser: bool = False
    stabiliser_range_um: int = 3000
    focuses_by: Literal["contrast", "depth from defocus", "phase detection"] = "contrast"
    live_view_hz: int = 60
    highest_hz: int = 120
    corrects_breathing: bool = False
    sets_ring: bool = True
    released: bool = True


class BodyTiming(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Timing of the body, in microseconds.

    Attributes:
        detect: detection of a lens to its power-up.
        cycle: frame signal to the body's own frame.
        settle: answer to the next order.
    """

    detect: float = 20_000.0
    cycle: float = 40.0
    settle: float = 60.0


class BodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body.

    Attributes:
        number: the maker's number of the body in this model; 0 computes one from its profile.
    """

    camera: Camera
    power: BodyPower = BodyPower()
    timing: BodyTiming = BodyTiming()
    firmware: Firmware = Firmware()
    number: int = 0


class AccessorySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An accessory between body and lens.

    Attributes:
        maker: as on the barrel.
        kind: its kind.
        behaviour: `speaks`: it relays frames, rewrites the lens's messages and reports itself; `silent`: wires only,
            so that a lens that does not know it reports wrong values; `translates`: it adapts a lens of another mount.
        factor: focal length with it, as a multiple of the lens's own.
        length_mm: length of an extension tube.
        fits: prefixes of profile names of lenses that it fits; empty: every lens.
        fits_not: prefix of profile names of lenses that it does not fit -> the reason.
        far_dialect: dialect on its far side.
        single_autofocus: whether it allows single autofocus only.
        idle_ma: its current.
        number: the maker's number in this model; 0 computes one from maker and kind.
    """

    maker: str
    kind: Literal["teleconverter", "extension tube", "mount adapter"]
    behaviour: Literal["speaks", "silent", "translates"] = "speaks"
    factor: float = 1.0
    length_mm: float = 0.0
    fits: list[str] = []
    fits_not: dict[str, str] = {}
    far_dialect: str = "lmount"
    single_autofocus: bool = False
    idle_ma: int = 10
    number: int = 0


FOCAL_MM = (1.0, 4000.0)
F_NUMBER = (0.7, 64.0)
NEAREST_M = (0.01, 100.0)
STEPS = (2, 65_535)
FRAME_HZ = (24, 480)
FACTOR = (0.5, 4.0)
CURRENT_MA = (0, 5000)
MAX_TEXT = 255
"""Bytes of a text with its length in one byte of a message."""


def check_settings(_place: Place, settings: Struct) -> None:
    """Check that a profile's values are possible.

    Raises:
        ProfileError: the key, its value, and the legal values.
    """
    if isinstance(settings, LensSettings):
        _check_lens(settings)
    elif isinstance(settings, BodySettings):
        _check_body(settings)
    elif isinstance(settings, AccessorySettings):
        check_between("factor", settings.factor, *FACTOR)
        check_between("length_mm", settings.length_mm, 0, 200)
        check_between("idle_ma", settings.idle_ma, *CURRENT_MA)
        check_between("number", settings.number, 0, 0xFFFF)


def _check_lens(lens: LensSettings) -> None:
    optics = lens.optics
    _check_range("optics.focal_mm", optics.focal_mm, *FOCAL_MM)
    _check_range("optics.f_number", optics.f_number, *F_NUMBER)
    widest = max(optics.f_number)
    check_between("optics.smallest_f_number", optics.smallest_f_number, widest, F_NUMBER[1])
    check_between("optics.nearest_m", optics.nearest_m, *NEAREST_M)
    check_between("focus.steps", lens.focus.steps, *STEPS)
    check_above_zero("focus.speed", lens.focus.speed)
    check_above_zero("focus.acceleration", lens.focus.acceleration)
    check_between("focus.backlash", lens.focus.backlash, 0, lens.focus.steps // 2)
    check_between("focus.settle_ms", lens.focus.settle_ms, 0, 1000)
    for rate in lens.focus.drive_hz or [0]:
        check_between("focus.drive_hz", rate, *FRAME_HZ)
    check_above_zero("diaphragm.av_per_s", lens.diaphragm.av_per_s)
    check_between("diaphragm.step", lens.diaphragm.step, 1, 256)
    check_between("zoom.focus_shift_steps", abs(lens.zoom.focus_shift_steps), 0, lens.focus.steps)
    check_above_zero("zoom.seconds", lens.zoom.seconds)
    check_between("stabiliser.generation", lens.stabiliser.generation, 0, 2)
    check_between("stabiliser.range_um", lens.stabiliser.range_um, 1, 32_767)
    power = lens.power
    for key, current in (
        ("idle_ma", power.idle_ma),
        ("focus_ma", power.focus_ma),
        ("diaphragm_ma", power.diaphragm_ma),
        ("stabiliser_ma", power.stabiliser_ma),
    ):
        check_between(f"power.{key}", current, *CURRENT_MA)
    check_between("timing.boot", lens.timing.boot, 0, 150_000)
    check_between("timing.hello", lens.timing.hello, 20, 20_000)
    check_between("timing.answer", lens.timing.answer, 20, 4_000)
    check_between("timing.cycle", lens.timing.cycle, 20, 1_500)
    check_between("number", lens.number, 0, 0xFFFF)
    _check_text("optics.maker", optics.maker)
    _check_text("name", lens.name)
    _check_text("serial", lens.serial)
    _check_firmware(lens.firmware)


def _check_body(body: BodySettings) -> None:
    camera = body.camera
    check_between("camera.live_view_hz", camera.live_view_hz, *FRAME_HZ)
    check_between("camera.highest_hz", camera.highest_hz, camera.live_view_hz, FRAME_HZ[1])
    check_between("camera.stabiliser_range_um", camera.stabiliser_range_um, 1, 32_767)
    check_between("power.supply_ma", body.power.supply_ma, *CURRENT_MA)
    check_between("timing.detect", body.timing.detect, 20_000, 1_000_000)
    check_between("timing.cycle", body.timing.cycle, 0, 1_000)
    check_between("number", body.number, 0, 0xFFFF)
    _check_firmware(body.firmware)


def _check_firmware(firmware: Firmware) -> None:
    version_bytes(firmware.version)
    check_between("firmware.revision", firmware.revision, 1, 3)
    if ALL_RATES[0] not in firmware.rates or not set(firmware.rates) <= set(ALL_RATES):
        legal = ", ".join(map(str, ALL_RATES))
        raise ProfileError(
            f"firmware.rates is {list(firmware.rates)}; it must hold {ALL_RATES[0]}, and others of {legal}"
        )
    if firmware.pages and "pages" not in firmware.features:
        raise ProfileError("firmware.pages names pages; then firmware.features must hold 'pages'")


def version_bytes(text: str) -> bytes:
    """Return a firmware version as four bytes, highest part first: `1.2` is `01 02 00 00`.

    Raises:
        ProfileError: the text is no version.
    """
    parts = text.split(".")
    if len(parts) > 4 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        raise ProfileError(f"firmware.version is {text!r}; it must be one to four numbers of 0 to 255, such as '1.2'")
    return bytes(map(int, parts)).ljust(4, b"\0")


def _check_text(key: str, text: str) -> None:
    size = len(text.encode())
    if size > MAX_TEXT:
        raise ProfileError(f"{key} has {size} bytes of UTF-8; at most {MAX_TEXT} fit into a message")


def _check_range(key: str, values: list[float], lowest: float, highest: float) -> None:
    if len(values) not in (1, 2):
        raise ProfileError(f"{key} is {values}; it must be one value, or the two of a range")
    for value in values:
        check_between(key, value, lowest, highest)
    if any(before > after for before, after in pairwise(values)):
        raise ProfileError(f"{key} is {values}; the first must not be above the second")
