"""Formats of E-mount fields: enumerations, apertures, distances, focal lengths, optical rows, lens specification.

Values of an enumeration without a name survive. Sources: protocol/spec/emount.md, encodings. The lens specification is
the one that ExifTool knows as `LensSpec`.
"""

import math
from dataclasses import dataclass

from lensmount_protocol.message import OpenIntEnum


class FocusMode(OpenIntEnum):
    """`04` f3: the end that moves the focus."""

    MANUAL = 0x81
    BODY_DRIVES = 0x83


class FocusSwitch(OpenIntEnum):
    """`05` f62: the lens's AF/MF switch."""

    AF = 1
    MF = 3


class MountKind(OpenIntEnum):
    """`07` f0: what sits on the mount."""

    NATIVE = 1
    ADAPTER = 2


class RefusalCode(OpenIntEnum):
    """`02` f2: why a lens refuses."""

    BAD_END = 1
    BAD_START = 2
    BAD_CHECKSUM = 3
    UNKNOWN_MESSAGE = 4


CODES_PER_STOP = 256
INFINITY = 0x0700
"""Distance code for infinity, or for a distance that the lens does not report."""


def aperture_code(f_number: float) -> int:
    """The code of an f-number: 4096 at f/1, 256 more a stop.

    Raises:
        ValueError: not a positive number, or off the scale.
    """
    if not f_number > 0 or math.isinf(f_number):
        raise ValueError(f"an f-number is a positive number, not {f_number}")
    code = round(CODES_PER_STOP * (16 + 2 * math.log2(f_number)))
    if not 0 <= code <= 0xFFFF:
        raise ValueError(f"f/{f_number:g} is off the scale")
    return code


def f_number(code: int) -> float:
    """The f-number of an aperture code."""
    return math.exp2((code / CODES_PER_STOP - 16) / 2)


def distance_code(metres: float) -> int:
    """The code of a focus distance: 384 at 1 m, 64 more each time it doubles; infinity is 0x0700."""
    if math.isinf(metres):
        return INFINITY
    return max(0, min(INFINITY - 1, round(384 + 64 * math.log2(metres))))


def metres(code: int) -> float:
    """The focus distance of a code."""
    return math.inf if code >= INFINITY else math.exp2((code - 384) / 64)


@dataclass(frozen=True, slots=True)
class OpticalRow:
    """A curve of five values, as six bytes carry it.

    Attributes:
        kind: bit 7 of the first byte.
        exponent: the value of each number is `v × 2^-exponent`, modulo 8.
        start: first number, 12 bits.
        deltas: four signed steps from the first number.
    """

    kind: int
    exponent: int
    start: int
    deltas: tuple[int, int, int, int]


def parse_row(row: bytes) -> OpticalRow:
    """The curve in six bytes."""
    a, b, c, d = (byte - 256 if byte >= 128 else byte for byte in row[2:6])
    return OpticalRow(row[0] >> 7, row[0] >> 4 & 7, (row[0] & 0x0F) << 8 | row[1], (a, b, c, d))


def build_row(row: OpticalRow) -> bytes:
    """The six bytes of a curve."""
    head = bytes((row.kind << 7 | row.exponent << 4 | row.start >> 8, row.start & 0xFF))
    return head + bytes(delta & 0xFF for delta in row.deltas)


def format_aperture(code: int) -> str:
    """A code with its f-number."""
    return f"{code:#06x} = f/{f_number(code):.2f}"


def format_distance(code: int) -> str:
    """A distance code in metres."""
    return f"{code:#06x} = {'infinity' if code >= INFINITY else f'{metres(code):.2f} m'}"


def format_tenths_mm(value: int) -> str:
    """A focal length in tenths of a millimetre."""
    return f"{value / 10:.1f} mm"


def format_steps(value: int) -> str:
    """A focus position in motor steps."""
    return f"{value:#06x} steps"


def format_hex8(value: int) -> str:
    """A byte of flags."""
    return f"{value:#04x}"


def format_hex16(value: int) -> str:
    """A 16-bit value of unknown unit."""
    return f"{value:#06x}"


_AUTOFOCUS_STATES = {0x1D: "AF", 0x4C: "MF", 0x3F: "neither AF nor MF"}


def format_body_state(value: int) -> str:
    """The body state of `03`, with what an alpha 5000's low byte means."""
    meaning = _AUTOFOCUS_STATES.get(value & 0xFF)
    return format_hex16(value) if meaning is None else f"{format_hex16(value)} ({meaning})"


def format_version(value: int) -> str:
    """A version with hexadecimal digits that read as decimal ones."""
    return f"{value >> 8:x}.{value & 0xFF:02x}"


def format_letter(value: int) -> str:
    """A byte that is an ASCII letter."""
    return repr(chr(value)) if 0x20 <= value < 0x7F else format_hex8(value)


def format_signed_bytes(value: bytes) -> str:
    """Signed bytes, one number each."""
    return " ".join(str(byte - 256 if byte >= 128 else byte) for byte in value)


def format_text(value: bytes) -> str:
    """ASCII with zero padding."""
    return repr(value.rstrip(b"\0").decode("ascii", "replace"))


_TYPE = {0x0100: "DT", 0x0200: "FE", 0x0300: "E"}
_CLASS = {0x0004: "ZA", 0x0008: "G"}
_SPECIAL = {0x20: "STF", 0x40: "Reflex", 0x60: "Macro", 0x80: "Fisheye"}
_DRIVE = {1: "SSM", 2: "SAM"}
_SINGLE = ((0x4000, "PZ"),)
_SUFFIX = ((0x8000, "OSS"), (0x2000, "LE"), (0x0800, "II"))


def format_lens_spec(spec: bytes) -> str:
    """The lens's name from its eight specification bytes: `E 55-210mm F4.5-6.3 OSS`."""
    flags = spec[0] << 8 | spec[7]
    short, long = _bcd(spec[1:3]), _bcd(spec[3:5])
    focal = f"{short}-{long}mm" if long else f"{short}mm"
    wide, tele = _bcd(spec[5:6]) / 10, _bcd(spec[6:7]) / 10
    aperture = (f"F{wide:g}-{tele:g}" if tele else f"F{wide:g}") if wide else ""
    parts = [
        _TYPE.get(flags & 0x0300, ""),
        *(text for bit, text in _SINGLE if flags & bit),
        focal,
        aperture,
        _CLASS.get(flags & 0x000C, ""),
        _SPECIAL.get(flags & 0x00E0, ""),
        _DRIVE.get(flags & 0x0003, ""),
        *(text for bit, text in _SUFFIX if flags & bit),
    ]
    return " ".join(filter(None, parts))


def _bcd(digits: bytes) -> int:
    number = digits.hex()
    return int(number) if number.isdecimal() else 0
