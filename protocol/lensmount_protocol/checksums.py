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
class Checksum:
    """A named check over bytes.

    Attributes:
        name: its name in specifications.
        compute: the function itself.
        check: its value over `123456789`.
        source: source of its parameters.
    """

    name: str
    compute: Callable[[bytes], int]
    check: int
    source: str


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


def _make_crc(polynomial: int, *, initial: int, reflected: bool, final_xor: int) -> Callable[[bytes], int]:
    # crcmod ships no types; this is the one place that calls it.
    make = cast("Callable[..., Callable[[bytes], int]]", crcmod.mkCrcFun)  # pyright: ignore[reportUnknownMemberType]
    return make(polynomial, initCrc=initial, rev=reflected, xorOut=final_xor)


SUM16 = Checksum("sum16", sum16, 0x01DD, "lensmount protocol/spec/emount.md, frame layer")
CRC16_IBM_3740 = Checksum(
    "crc16-ibm-3740",
    crc16_ibm_3740,
    0x29B1,
    "Catalogue of parametrised CRC algorithms, CRC-16/IBM-3740",
)
CRC16_IBM_SDLC = Checksum(
    "crc16-ibm-sdlc",
    _make_crc(0x11021, initial=0x0000, reflected=True, final_xor=0xFFFF),
    0x906E,
    "Catalogue of parametrised CRC algorithms, CRC-16/IBM-SDLC",
)
CRC32_ISO_HDLC = Checksum(
    "crc32-iso-hdlc",
    crc32,
    0xCBF43926,
    "Catalogue of parametrised CRC algorithms, CRC-32/ISO-HDLC",
)
CHECKSUMS = {checksum.name: checksum for checksum in (SUM16, CRC16_IBM_3740, CRC16_IBM_SDLC, CRC32_ISO_HDLC)}
