"""Prints the flash and RAM that the image uses: `image_size.py SIZE ELF`, where SIZE is the toolchain's `size`."""

import subprocess
import sys

FLASH_BYTES = 2 * 1024 * 1024
RAM_BYTES = 264 * 1024
STACK_BYTES = 8 * 1024


def sections(size: str, elf: str) -> dict[str, int]:
    """Return the bytes of each section."""
    table = subprocess.run([size, "-A", elf], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in table.splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) == 3 and row[1].isdecimal()}


def main() -> None:
    """Print flash and RAM use."""
    at = sections(sys.argv[1], sys.argv[2])
    flash = at[".boot2"] + at[".flash"] + at[".ram_image"]
    ram = at[".ram_image"] + at[".bss"] + at[".kept"] + STACK_BYTES
    print(f"flash {flash} of {FLASH_BYTES} bytes")
    print(
        f"RAM   {ram} of {RAM_BYTES} bytes: {at['.ram_image']} code and tables, {at['.bss']} data, {STACK_BYTES} stack"
    )


if __name__ == "__main__":
    main()
