"""The sums and CRCs that mounts use, by name, each with the check value that proves it.

A check value is the result over the nine ASCII digits `123456789`, the convention of the CRC catalogues.
"""

from binascii import crc_hqx
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import cast
from zlib import adler32
from zlib import crc32 as zlib_crc32

import crcmod

CHECK_INPUT = b"123456789"


@dataclass(frozen=True, slots=True)
class SumAlgorithm:
    """The sum of all bytes, or their exclusive or.

    Attributes:
        width: bits of the result: 8, 16 or 32.
        exclusive: whether bytes are combined by exclusive or.
    """

    width: int
    exclusive: bool = False


@dataclass(frozen=True, slots=True)
class CrcAlgorithm:
    """Parameters of a CRC, as the CRC catalogues give them.

    Attributes:
        width: bits of the result: 8, 16 or 32.
        polynomial: the polynomial, without its highest bit, highest power first.
        initial: value of the register before the first byte.
        reflected: whether bytes enter, and the result leaves, lowest bit first.
        final_xor: combined with the result by exclusive or.
    """

    width: int
    polynomial: int
    initial: int
    reflected: bool
    final_xor: int


@dataclass(frozen=True, slots=True)
class Checksum:
    """A named check over bytes.

    Attributes:
        name: its name in specifications.
        compute: the function itself.
        check: its value over `123456789`.
        source: source of its parameters.
        algorithm: its parameters, for exports; `None` where only the function knows.
    """

    name: str
    compute: Callable[[bytes], int]
    check: int
    source: str
    algorithm: "SumAlgorithm | CrcAlgorithm | None" = None

    def __post_init__(self) -> None:
        """Remember the checksum by its function, which is all that a frame's declaration holds of it."""
        _BY_FUNCTION[self.compute] = self


_BY_FUNCTION: dict[Callable[[bytes], int], Checksum] = {}


def find_checksum(compute: object) -> Checksum | None:
    """Return the checksum with this function; `None` for a function that no checksum has."""
    return next((checksum for function, checksum in _BY_FUNCTION.items() if function is compute), None)


def find_made_crc(compute: object) -> CrcAlgorithm | None:
    """Return the parameters of a CRC with a function that was made from them, so that no module has it by its name."""
    checksum = find_checksum(compute) if "<" in getattr(compute, "__qualname__", "") else None
    return checksum.algorithm if checksum is not None and isinstance(checksum.algorithm, CrcAlgorithm) else None


_MAX_ADLER_SUM_SIZE = 256
"""Up to 256 bytes the low half of Adler-32 with start value 0 never reaches its modulus, so it is the plain sum,
at a fifth of the cost of `sum()`."""


def sum16(data: bytes) -> int:
    """Sum of all bytes, modulo 65 536."""
    if len(data) < _MAX_ADLER_SUM_SIZE:
        return adler32(data, 0) & 0xFFFF
    return sum(data) & 0xFFFF


def missing_extension_warning() -> str:
    """Return a warning if crcmod runs without its C extension, which it does silently; `""` otherwise."""
    # The package exports a function under the name of this module, so import it by its full name.
    if getattr(import_module("crcmod.crcmod"), "_usingExtension", False):
        return ""
    return "crcmod has no C extension here, so its CRCs take 8 to 22 times as long; install a compiler and reinstall it"


def crc16_ibm_3740(data: bytes) -> int:
    """CRC-16/IBM-3740, by the standard library: as fast as crcmod's extension, and always available."""
    return crc_hqx(data, 0xFFFF)


def crc32(data: bytes) -> int:
    """CRC-32/ISO-HDLC, by the standard library: ten times as fast as crcmod's extension."""
    return zlib_crc32(data)


def crc_function(crc: CrcAlgorithm) -> Callable[[bytes], int]:
    """Return the function of a CRC."""
    # crcmod ships no types; this is the one place that calls it. It wants the register as it leaves: its start value
    # includes what is combined with the result.
    make = cast("Callable[..., Callable[[bytes], int]]", crcmod.mkCrcFun)  # pyright: ignore[reportUnknownMemberType]
    start = crc.initial ^ crc.final_xor
    return make(1 << crc.width | crc.polynomial, initCrc=start, rev=crc.reflected, xorOut=crc.final_xor)


def make_crc(
    name: str, width: int, polynomial: int, *, initial: int, reflected: bool, final_xor: int, source: str
) -> Checksum:
    """Return a CRC by the parameters of a catalogue entry.

    Args:
        name: its name, for users and exports; that of the catalogue, such as `CRC-8/SMBUS`, or any other.
        width: bits of the result: 8, 16 or 32.
        polynomial: the polynomial, without its highest bit, highest power first.
        initial: value of the register before the first byte, as the catalogue gives it.
        reflected: whether bytes enter, and the result leaves, lowest bit first.
        final_xor: combined with the result by exclusive or.
        source: source of the parameters.

    Raises:
        ValueError: another width, or a parameter that does not fit it.
    """
    if width not in (8, 16, 32):
        raise ValueError(f"a CRC of {width} bits; legal widths: 8, 16, 32")
    for what, value in (("polynomial", polynomial), ("initial", initial), ("final_xor", final_xor)):
        if not 0 <= value < 1 << width:
            raise ValueError(f"{what} {value:#x} does not fit {width} bits")
    algorithm = CrcAlgorithm(width, polynomial, initial, reflected, final_xor)
    compute = crc_function(algorithm)
    return Checksum(name, compute, compute(CHECK_INPUT), source, algorithm)


def sum8(data: bytes) -> int:
    """Sum of all bytes, modulo 256."""
    return sum(data) & 0xFF


def xor8(data: bytes) -> int:
    """Exclusive or of all bytes."""
    value = 0
    for byte in data:
        value ^= byte
    return value


SUM8 = Checksum("sum8", sum8, 0xDD, "arithmetic: the sum of the check input is 0x1DD", SumAlgorithm(8))
XOR8 = Checksum("xor8", xor8, 0x31, "arithmetic: `1` to `9` in exclusive or", SumAlgorithm(8, exclusive=True))
SUM16 = Checksum("sum16", sum16, 0x01DD, "lensmount protocol/spec/emount.md, frame layer", SumAlgorithm(16))
CRC16_IBM_3740 = Checksum(
    "crc16-ibm-3740",
    crc16_ibm_3740,
    0x29B1,
    "Catalogue of parametrised CRC algorithms, CRC-16/IBM-3740",
    CrcAlgorithm(16, 0x1021, 0xFFFF, reflected=False, final_xor=0),
)
_IBM_SDLC = CrcAlgorithm(16, 0x1021, 0xFFFF, reflected=True, final_xor=0xFFFF)
CRC16_IBM_SDLC = Checksum(
    "crc16-ibm-sdlc",
    crc_function(_IBM_SDLC),
    0x906E,
    "Catalogue of parametrised CRC algorithms, CRC-16/IBM-SDLC",
    _IBM_SDLC,
)
CRC32_ISO_HDLC = Checksum(
    "crc32-iso-hdlc",
    crc32,
    0xCBF43926,
    "Catalogue of parametrised CRC algorithms, CRC-32/ISO-HDLC",
    CrcAlgorithm(32, 0x04C11DB7, 0xFFFF_FFFF, reflected=True, final_xor=0xFFFF_FFFF),
)
CHECKSUMS = {
    checksum.name: checksum for checksum in (SUM8, XOR8, SUM16, CRC16_IBM_3740, CRC16_IBM_SDLC, CRC32_ISO_HDLC)
}
