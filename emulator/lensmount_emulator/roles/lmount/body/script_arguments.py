"""The parsers of script arguments: focus targets, apertures, exposure times, modes."""

from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.engine.script import parse_count, parse_seconds
from lensmount_emulator.models.firmware_image import Image, read_image
from lensmount_emulator.models.optics import to_av256
from lensmount_emulator.roles.lmount.ids import EXTENSIONS
from lensmount_emulator.roles.lmount.profile import PageName
from lensmount_protocol.dialects.lmount.types import FocusCommand, StabiliserMode
from lensmount_protocol.errors import unknown_name_message

MAX_STEP = 0xFFFF
MAX_DURATION_S = 3600.0
FRAME_HZ = (24, 480)
MAX_STEPS_PER_S = 1_000_000


@dataclass(frozen=True, slots=True)
class FocusTarget:
    """Target of the focus.

    Attributes:
        order: meaning of `value`.
        value: steps.
        distance_mm: distance, if one is given; else 0.
    """

    order: FocusCommand
    value: int = 0
    distance_mm: int = 0


@dataclass(frozen=True, slots=True)
class ApertureRamp:
    """An aperture, and the duration of the change in seconds."""

    target: int
    seconds: float


_NAMED = {"near": FocusCommand.NEAR_END, "far": FocusCommand.FAR_END, "home": FocusCommand.HOME}


def parse_focus_target(text: str) -> FocusTarget:
    """Parse `near`, `far`, `home`; steps `1200`, `+200`, `-200`; or a distance `2.5m`.

    Raises:
        ValueError: it is none of them.
    """
    if text in _NAMED:
        return FocusTarget(_NAMED[text])
    wants = f"wants near, far, home, steps such as 1200 or +200, or a distance such as 2.5m, not {text!r}"
    try:
        if text.endswith("m"):
            metres = float(text.removesuffix("m"))
            if not 0 < metres < 65_535:
                raise ValueError
            return FocusTarget(FocusCommand.ABSOLUTE, 0, round(metres * 1000))
        value = int(text, 0)
    except ValueError:
        raise ValueError(wants) from None
    if abs(value) > MAX_STEP:
        raise ValueError(f"wants steps up to {MAX_STEP}, not {text!r}")
    return FocusTarget(FocusCommand.RELATIVE if text.startswith(("+", "-")) else FocusCommand.ABSOLUTE, value)


def parse_velocity(text: str) -> int:
    """Parse steps a second, positive towards the near end."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"wants steps a second such as 500 or -500, not {text!r}") from None
    if abs(value) > MAX_STEPS_PER_S:
        raise ValueError(f"wants at most {MAX_STEPS_PER_S} steps a second, not {text!r}")
    return value


def parse_aperture(text: str) -> int:
    """Parse `f/5.6` or `5.6`; returns Av/256."""
    try:
        f_number = float(text.lower().removeprefix("f/"))
    except ValueError:
        f_number = 0.0
    if not 0.5 <= f_number <= 256:
        raise ValueError(f"wants an aperture from f/0.5 to f/256 such as f/5.6, not {text!r}")
    return to_av256(f_number)


def parse_aperture_ramp(text: str) -> ApertureRamp:
    """Parse an aperture and a duration: `f/8 500ms`."""
    first, _, rest = text.partition(" ")
    return ApertureRamp(parse_aperture(first), parse_seconds(rest))


def parse_exposure_time(text: str) -> float:
    """Parse `1/60`, `2s`, `500ms`; returns seconds."""
    if text.startswith("1/"):
        try:
            value = 1 / float(text.removeprefix("1/"))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"wants an exposure time such as 1/60 or 2s, not {text!r}") from None
    else:
        value = parse_seconds(text)
    if not 0 < value <= MAX_DURATION_S:
        raise ValueError(f"wants an exposure time above 0 and up to {MAX_DURATION_S:g} s, not {text!r}")
    return value


def parse_stabiliser_mode(text: str) -> StabiliserMode:
    """Parse `off`, `normal`, `panning` or `video`."""
    names = {mode.name.lower(): mode for mode in StabiliserMode}
    if text not in names:
        raise ValueError(unknown_name_message("stabiliser mode", text, names))
    return names[text]


def parse_ring_throw(text: str) -> int:
    """Parse the angle of a linear ring, `180`; `off` for a ring that depends on speed."""
    return 0 if text == "off" else parse_count(text)


def parse_limits(text: str) -> tuple[int, int] | None:
    """Parse two positions, far end first: `200 1500`; `off` for the whole range."""
    if text == "off":
        return None
    far, _, near = text.partition(" ")
    try:
        values = parse_count(far), parse_count(near)
    except ValueError:
        raise ValueError(f"wants two positions such as `200 1500`, or off, not {text!r}") from None
    if max(values) > MAX_STEP:
        raise ValueError(f"wants positions up to {MAX_STEP}, not {text!r}")
    return values


def parse_extension_name(text: str) -> PageName:
    """Parse the name of a page."""
    names: dict[str, PageName] = {name: name for name in EXTENSIONS}
    if text not in names:
        raise ValueError(unknown_name_message("page", text, names))
    return names[text]


def parse_frame_rate(text: str) -> int:
    """Parse frame signals a second."""
    value = parse_count(text)
    if not FRAME_HZ[0] <= value <= FRAME_HZ[1]:
        raise ValueError(f"wants {FRAME_HZ[0]} to {FRAME_HZ[1]} frames a second, not {text!r}")
    return value


def parse_image_path(text: str) -> Image:
    """Read a firmware image by the path of its file.

    Raises:
        FirmwareError: it is missing or damaged.
    """
    return read_image(Path(text))


def parse_optional_seconds(text: str) -> float | None:
    """Parse a duration; `None` for an empty text."""
    return parse_seconds(text) if text else None
