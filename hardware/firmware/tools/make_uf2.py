"""A flash image as UF2, the form that a Pico in boot mode takes as a file (https://github.com/microsoft/uf2)."""

import struct
import sys
from pathlib import Path

FAMILY = 0xE48BFF56
"""Of the RP2040, in the list of families beside the format's description."""

FLASH = 0x10000000
PAYLOAD = 256
_FIRST, _SECOND, _LAST = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_FAMILY_IS_TOLD = 0x2000


def as_uf2(image: bytes, address: int = FLASH) -> bytes:
    """Blocks of 512 bytes, 256 of them payload."""
    parts = [image[at : at + PAYLOAD].ljust(PAYLOAD, b"\0") for at in range(0, len(image), PAYLOAD)]
    return b"".join(
        struct.pack(
            "<8I", _FIRST, _SECOND, _FAMILY_IS_TOLD, address + PAYLOAD * number, PAYLOAD, number, len(parts), FAMILY
        )
        + part.ljust(476, b"\0")
        + struct.pack("<I", _LAST)
        for number, part in enumerate(parts)
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(as_uf2(Path(sys.argv[1]).read_bytes()))
