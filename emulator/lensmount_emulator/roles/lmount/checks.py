"""What a profile of the open model must keep that its shape alone cannot say: limits, told with their key."""

from itertools import pairwise

from msgspec import Struct

from lensmount_emulator.roles.cast import Place
from lensmount_emulator.roles.lmount.settings import (
    ALL_RATES,
    AccessorySettings,
    BodySettings,
    Firmware,
    LensSettings,
)
from lensmount_emulator.roles.value_checks import check_above_zero, check_between
from lensmount_protocol.errors import ProfileError

FOCAL_MM = (1.0, 4000.0)
F_NUMBER = (0.7, 64.0)
NEAREST_M = (0.01, 100.0)
STEPS = (2, 65_535)
FRAME_HZ = (24, 480)
FACTOR = (0.5, 4.0)
CURRENT_MA = (0, 5000)
MAX_TEXT = 255
"""Bytes of a text whose length a message carries in one byte."""


def check(_place: Place, settings: Struct) -> None:
    """Hold a profile's values against what is possible.

    Raises:
        ProfileError: the key, what it says, and what is legal.
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
    _range("optics.focal_mm", optics.focal_mm, *FOCAL_MM)
    _range("optics.f_number", optics.f_number, *F_NUMBER)
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
    """A firmware version as four bytes, highest part first: `1.2` is `01 02 00 00`.

    Raises:
        ProfileError: no version.
    """
    parts = text.split(".")
    if len(parts) > 4 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        raise ProfileError(f"firmware.version is {text!r}; it must be one to four numbers of 0 to 255, such as '1.2'")
    return bytes(map(int, parts)).ljust(4, b"\0")


def _check_text(key: str, text: str) -> None:
    size = len(text.encode())
    if size > MAX_TEXT:
        raise ProfileError(f"{key} has {size} bytes of UTF-8; at most {MAX_TEXT} fit into a message")


def _range(key: str, values: list[float], lowest: float, highest: float) -> None:
    if len(values) not in (1, 2):
        raise ProfileError(f"{key} is {values}; it must be one value, or the two of a range")
    for value in values:
        check_between(key, value, lowest, highest)
    if any(before > after for before, after in pairwise(values)):
        raise ProfileError(f"{key} is {values}; the first must not be above the second")
