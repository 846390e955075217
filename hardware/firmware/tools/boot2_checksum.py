"""The second stage as assembler data, and the checksum that the boot ROM asks for (RP2040 Datasheet 2.8.1)."""

import sys
from pathlib import Path

SIZE = 252
POLYNOMIAL = 0x04C11DB7


def checksum(data: bytes) -> int:
    """CRC-32/MPEG-2: nothing reflected, no final exclusive or."""
    sum_ = 0xFFFFFFFF
    for byte in data:
        sum_ ^= byte << 24
        for _ in range(8):
            sum_ = (sum_ << 1 ^ (POLYNOMIAL if sum_ & 1 << 31 else 0)) & 0xFFFFFFFF
    return sum_


def main() -> None:
    """`boot2_checksum.py BINARY` prints the section `.boot2`."""
    code = Path(sys.argv[1]).read_bytes()
    if len(code) > SIZE:
        sys.exit(f"{sys.argv[1]} has {len(code)} bytes; the second stage can have {SIZE}")
    code = code.ljust(SIZE, b"\0")
    print('    .section .boot2, "a"')
    for byte in code + checksum(code).to_bytes(4, "little"):
        print(f"    .byte {byte:#04x}")


if __name__ == "__main__":
    main()
