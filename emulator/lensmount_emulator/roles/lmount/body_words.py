"""How a script's words are read: focus targets, apertures, exposure times, modes."""

from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.models.firmware_image import Image, read_image
from lensmount_emulator.models.optics import av256
from lensmount_emulator.roles.lmount.pages import PAGES
from lensmount_emulator.roles.lmount.settings import PageName
from lensmount_emulator.roles.script import seconds, whole_number
from lensmount_protocol.dialects.lmount.types import FocusOrder, StabiliserMode
from lensmount_protocol.errors import unknown

LARGEST_STEP = 0xFFFF
LONGEST_S = 3600.0
FRAME_HZ = (24, 480)
FASTEST_STEPS = 1_000_000


@dataclass(frozen=True, slots=True)
class FocusTarget:
    """Where the focus shall go.

    Attributes:
        order: what `value` means.
        value: steps.
        distance_mm: where a distance was named; 0 elsewhere.
    """

    order: FocusOrder
    value: int = 0
    distance_mm: int = 0


@dataclass(frozen=True, slots=True)
class Smooth:
    """An aperture, and over how many seconds."""

    target: int
    seconds: float


_NAMED = {"near": FocusOrder.NEAR_END, "far": FocusOrder.FAR_END, "home": FocusOrder.HOME}


def focus_target(text: str) -> FocusTarget:
    """`near`, `far`, `home`; steps `1200`, `+200`, `-200`; or a distance `2.5m`.

    Raises:
        ValueError: none of them.
    """
    if text in _NAMED:
        return FocusTarget(_NAMED[text])
    wants = f"wants near, far, home, steps such as 1200 or +200, or a distance such as 2.5m, not {text!r}"
    try:
        if text.endswith("m"):
            metres = float(text.removesuffix("m"))
            if not 0 < metres < 65_535:
                raise ValueError
            return FocusTarget(FocusOrder.ABSOLUTE, 0, round(metres * 1000))
        value = int(text, 0)
    except ValueError:
        raise ValueError(wants) from None
    if abs(value) > LARGEST_STEP:
        raise ValueError(f"wants steps up to {LARGEST_STEP}, not {text!r}")
    return FocusTarget(FocusOrder.RELATIVE if text.startswith(("+", "-")) else FocusOrder.ABSOLUTE, value)


def velocity(text: str) -> int:
    """Steps a second, towards the near end where positive."""
    try:
        value = int(text)
    except ValueError:
        raise ValueError(f"wants steps a second such as 500 or -500, not {text!r}") from None
    if abs(value) > FASTEST_STEPS:
        raise ValueError(f"wants at most {FASTEST_STEPS} steps a second, not {text!r}")
    return value


def aperture(text: str) -> int:
    """`f/5.6` or `5.6`, in Av/256."""
    try:
        f_number = float(text.lower().removeprefix("f/"))
    except ValueError:
        f_number = 0.0
    if not 0.5 <= f_number <= 256:
        raise ValueError(f"wants an aperture from f/0.5 to f/256 such as f/5.6, not {text!r}")
    return av256(f_number)


def smooth(text: str) -> Smooth:
    """An aperture and a duration: `f/8 500ms`."""
    first, _, rest = text.partition(" ")
    return Smooth(aperture(first), seconds(rest))


def exposure_time(text: str) -> float:
    """`1/60`, `2s`, `500ms`; in seconds."""
    if text.startswith("1/"):
        try:
            value = 1 / float(text.removeprefix("1/"))
        except (ValueError, ZeroDivisionError):
            raise ValueError(f"wants an exposure time such as 1/60 or 2s, not {text!r}") from None
    else:
        value = seconds(text)
    if not 0 < value <= LONGEST_S:
        raise ValueError(f"wants an exposure time above 0 and up to {LONGEST_S:g} s, not {text!r}")
    return value


def stabiliser_mode(text: str) -> StabiliserMode:
    """`off`, `normal`, `panning` or `video`."""
    names = {mode.name.lower(): mode for mode in StabiliserMode}
    if text not in names:
        raise ValueError(unknown("stabiliser mode", text, names))
    return names[text]


def throw(text: str) -> int:
    """The angle of a linear ring, `180`; `off` for a ring that heeds speed."""
    return 0 if text == "off" else whole_number(text)


def limits(text: str) -> tuple[int, int] | None:
    """Two positions, far end first: `200 1500`; `off` for the whole range."""
    if text == "off":
        return None
    far, _, near = text.partition(" ")
    try:
        values = whole_number(far), whole_number(near)
    except ValueError:
        raise ValueError(f"wants two positions such as `200 1500`, or off, not {text!r}") from None
    if max(values) > LARGEST_STEP:
        raise ValueError(f"wants positions up to {LARGEST_STEP}, not {text!r}")
    return values


def page(text: str) -> PageName:
    """The name of a page."""
    names: dict[str, PageName] = {name: name for name in PAGES}
    if text not in names:
        raise ValueError(unknown("page", text, names))
    return names[text]


def rate(text: str) -> int:
    """Frame signals a second."""
    value = whole_number(text)
    if not FRAME_HZ[0] <= value <= FRAME_HZ[1]:
        raise ValueError(f"wants {FRAME_HZ[0]} to {FRAME_HZ[1]} frames a second, not {text!r}")
    return value


def image(text: str) -> Image:
    """A firmware image by the path of its file.

    Raises:
        FirmwareError: there is none, or it is damaged.
    """
    return read_image(Path(text))


def optional_seconds(text: str) -> float | None:
    """A duration, or nothing."""
    return seconds(text) if text else None
