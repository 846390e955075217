"""What an E-mount lens says of itself, in the words of the open model."""

from lensmount_emulator.roles.emount.body_core import Lens
from lensmount_emulator.roles.lmount.settings import (
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
from lensmount_protocol.dialects.emount.optics import f_number, show_lens_spec

STEPS = 4096
"""Positions that the focus is told in, whatever the lens counts in: its own limits are known only when it streams."""

NEAREST_M = 1.0
"""No E-mount lens says its nearest distance; modelled."""

BOOT_US = 145_000.0
"""The body is let wait as long as it may be, for the lens behind needs its time."""

LENS_MA = LensPower(idle_ma=60, focus_ma=220, diaphragm_ma=60, stabiliser_ma=0)
"""What an E-mount lens draws is not on its wire; modelled."""

TIMING = LensTiming(boot=BOOT_US)


def unknown_lens(adapter: AccessorySettings) -> LensSettings:
    """What the adapter is before it knows what hangs on it."""
    return LensSettings(
        optics=Optics(maker=adapter.maker, focal_mm=[50.0], f_number=[4.0], nearest_m=1.0), timing=TIMING
    )


def translated(adapter: AccessorySettings, lens: Lens) -> LensSettings:
    """The lens as the body is to know it: what nobody can translate, it has not got.

    Args:
        adapter: the adapter's profile.
        lens: what the lens has answered.
    """
    identity, descriptor = lens.identity, lens.descriptor
    if identity is None or descriptor is None:
        return unknown_lens(adapter)
    spec = descriptor.lens_spec
    short, long = _bcd(spec[1:3]), _bcd(spec[3:5])
    wide, tele = _bcd(spec[5:6]) / 10, _bcd(spec[6:7]) / 10
    widest = f_number(descriptor.widest_aperture)
    named = [value for value in (wide, tele) if value]
    driven = not lens.slow_starter
    name = show_lens_spec(spec)
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
