"""What a profile of the open L-Mount model must say: the shape of its TOML, checked when it is loaded.

Only `[optics]` has no defaults: a lens of one's own is ten lines. Every default is modelled, and no maker's.
"""

from typing import Literal

from msgspec import Struct

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
    """What the glass is.

    Attributes:
        maker: as on the barrel.
        format: what it covers.
        focal_mm: shortest and longest focal length; one value for a prime.
        f_number: widest aperture at the short and at the long end; one value where they are equal.
        smallest_f_number: the smallest aperture.
        nearest_m: nearest focus.
        weight_g: weight; 0 where nobody says it.
    """

    maker: str
    format: Format = "full-frame"
    focal_mm: list[float]
    f_number: list[float]
    smallest_f_number: float = 22.0
    nearest_m: float
    weight_g: int = 0


class LensParts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the lens has; what it has not, an order refuses.

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
        backlash: steps that are lost at a turn.
        settle_ms: from standstill to the report that the target is reached.
        homes: whether it must find its zero after each power-up.
        drive_hz: rates at which it takes new targets, lowest first.
        breathes_percent: how much the field of view changes from far to near.
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
        focus_shift_steps: how far the plane of focus moves over the whole range; a parfocal lens has 0.
        corrected: whether the lens moves its focus group against that.
        seconds: how long a powered zoom takes for its range.
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
    """What the lens draws, in milliamperes; 0 milliamperes of a part stands for a value that its weight suggests.

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
    """When the lens moves, in microseconds.

    Attributes:
        boot: supply to the rise of its attention line.
        hello: greeting to its own.
        answer: order to its answer.
        cycle: frame signal to its reports.
        wake: call to the rise of its attention line.
    """

    boot: float = 60_000.0
    hello: float = 500.0
    answer: float = 120.0
    cycle: float = 300.0
    wake: float = 3_000.0


class Firmware(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What runs inside.

    Attributes:
        version: four parts at most, highest first.
        revision: of this model that it speaks.
        rates: in baud.
        features: what it can beyond the basics.
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
        number: the maker's number of the lens in this model; 0 makes one from maker and optics.
        serial: serial number.
        folds: names of accessories that the lens knows: it takes them into its own identity, and they say nothing.
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
    """What the body has for a lens.

    Attributes:
        grants: the highest class that it grants.
        warns_from: the class from which it tells its user of the consumption; `none` never does.
        supply_ma: what its supply can give at most.
    """

    grants: PowerName = "extreme"
    warns_from: PowerName = "none"
    supply_ma: int = 1500


class Camera(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the camera is.

    Attributes:
        maker: as on the body.
        format: of its sensor.
        megapixels: 0 where nobody says it.
        stabiliser: whether the sensor is stabilised.
        stabiliser_range_um: largest shift of the sensor each way.
        focuses_by: how it finds the focus.
        live_view_hz: frame signals a second.
        highest_hz: the fastest frame signal, for video.
        corrects_breathing: whether it crops the breathing away.
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
    """When the body moves, in microseconds.

    Attributes:
        detect: a lens is there this long before it gets power.
        cycle: frame signal to the body's own frame.
        settle: what it waits between an answer and the next order.
    """

    detect: float = 20_000.0
    cycle: float = 40.0
    settle: float = 60.0


class BodySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A body.

    Attributes:
        number: the maker's number of the body in this model; 0 makes one from its profile.
    """

    camera: Camera
    power: BodyPower = BodyPower()
    timing: BodyTiming = BodyTiming()
    firmware: Firmware = Firmware()
    number: int = 0


class AccessorySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands between body and lens.

    Attributes:
        maker: as on the barrel.
        kind: what it is.
        behaviour: `speaks`: it stands in the line, rewrites what the lens says and reports itself; `silent`: wires
            only, so that a lens that does not know it tells wrong values; `translates`: another mount's lens hangs
            on it.
        factor: focal length behind it, of the lens's own.
        length_mm: what an extension tube adds.
        fits: beginnings of profile names of lenses that it can be put on; none: every lens.
        fits_not: the same, of those that it cannot be put on, and why: beginning -> why.
        far_dialect: what hangs on its far side.
        single_autofocus: whether it allows single autofocus only.
        idle_ma: what it draws.
        number: the maker's number in this model; 0 makes one from maker and kind.
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
