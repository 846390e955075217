"""Translates the identity of an E-mount lens into settings of the open model."""

from lensmount_emulator.roles.emount.body.engine_base import LensInfo
from lensmount_emulator.roles.lmount.profile import (
    AccessorySettings,
    Firmware,
    FocusGroup,
    LensParts,
    LensPower,
    LensSettings,
    LensTiming,
    Optics,
    ZoomGroup,
)
from lensmount_protocol.dialects.emount.units import f_number, format_lens_spec

STEPS = 4096
"""Focus positions towards the body, independent of the lens: its own limits are known only when it streams."""

NEAREST_M = 1.0
"""No E-mount lens reports its nearest distance; modelled."""

BOOT_US = 145_000.0
"""Boot time, the longest that is legal, because the E-mount lens needs time for its own start."""

LENS_MA = LensPower(idle_ma=60, focus_ma=220, diaphragm_ma=60, stabiliser_ma=0)
"""Currents of an E-mount lens, which does not report them; modelled."""

TIMING = LensTiming(boot=BOOT_US)


def placeholder_settings(adapter: AccessorySettings) -> LensSettings:
    """Return the settings of the adapter before its lens is known."""
    return LensSettings(
        optics=Optics(maker=adapter.maker, focal_mm=[50.0], f_number=[4.0], nearest_m=1.0), timing=TIMING
    )


def translate_lens(adapter: AccessorySettings, lens: LensInfo) -> LensSettings:
    """Return the settings of the lens towards the body, without functions that cannot be translated.

    Args:
        adapter: the adapter's profile.
        lens: the lens's replies.
    """
    identity, descriptor = lens.identity, lens.descriptor
    if identity is None or descriptor is None:
        return placeholder_settings(adapter)
    spec = descriptor.lens_spec
    short, long = _bcd(spec[1:3]), _bcd(spec[3:5])
    wide, tele = _bcd(spec[5:6]) / 10, _bcd(spec[6:7]) / 10
    widest = f_number(descriptor.widest_aperture)
    named = [value for value in (wide, tele) if value]
    driven = not lens.slow_starter
    name = format_lens_spec(spec)
    firmware = identity.firmware_version
    return LensSettings(
        optics=Optics(
            maker=adapter.maker,
            format="aps-c" if name.startswith(("E ", "DT ")) else "full-frame",
            focal_mm=[float(value) for value in (short or 50, long) if value],
            f_number=sorted(named) or [round(widest, 1)],
            smallest_f_number=max(round(f_number(descriptor.narrowest_aperture), 1), *named, round(widest, 1)),
            nearest_m=NEAREST_M,
        ),
        parts=LensParts(
            diaphragm=descriptor.narrowest_aperture > descriptor.widest_aperture,
            focus_motor=driven,
            focus_ring=False,
        ),
        focus=FocusGroup(steps=STEPS, drive_hz=(60,), breathes_percent=0.0),
        zoom=ZoomGroup(focus_shift_steps=0),
        power=LENS_MA,
        timing=TIMING,
        firmware=Firmware(version=f"{firmware >> 8}.{firmware & 0xFF}", features=(), pages=()),
        name=f"{name} ({identity.lens_id:#06x})",
        number=identity.lens_id,
        serial=str(descriptor.serial),
    )


def _bcd(digits: bytes) -> int:
    number = digits.hex()
    return int(number) if number.isdecimal() else 0
