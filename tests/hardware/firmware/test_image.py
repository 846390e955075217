"""The image that ships: whole, of these very sources, and the same bytes whenever it is built."""

import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FIRMWARE = ROOT / "hardware" / "firmware"
SHIPPED = ROOT / "hardware" / "lensmount_hardware" / "boards" / "firmware"
IMAGE = (SHIPPED / "lensmount-pico.uf2").read_bytes()
MADE_OF = dict(line.split(" ", 1) for line in (SHIPPED / "lensmount-pico.txt").read_text().splitlines())
FAMILY = 0xE48BFF56


def blocks():
    return [IMAGE[at : at + 512] for at in range(0, len(IMAGE), 512)]


def flash():
    return b"".join(block[32 : 32 + 256] for block in blocks())


def crc32_mpeg2(data):
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(7, -1, -1):
            crc = (crc << 1 ^ (0x04C11DB7 if (crc >> 31 ^ byte >> bit) & 1 else 0)) & 0xFFFFFFFF
    return crc


def test_every_block_of_the_uf2_is_whole():
    for number, block in enumerate(blocks()):
        head = struct.unpack("<8I", block[:32])
        assert head[:3] == (0x0A324655, 0x9E5D5157, 0x2000)
        assert head[3:] == (0x10000000 + 256 * number, 256, number, len(blocks()), FAMILY)
        assert struct.unpack("<I", block[-4:]) == (0x0AB16F30,)


def test_the_second_stage_has_the_checksum_that_the_boot_rom_asks_for():
    assert crc32_mpeg2(b"123456789") == 0x0376E6E7
    assert crc32_mpeg2(flash()[:252]) == int.from_bytes(flash()[252:256], "little")


def test_the_vector_table_points_to_where_there_is_something():
    stack, reset = struct.unpack("<2I", flash()[256:264])
    assert 0x20040000 < stack <= 0x20042000
    assert 0x10000108 <= reset < 0x10000200
    assert reset & 1, "Thumb"


def test_it_tells_the_revision_that_stands_beside_it():
    assert re.fullmatch(r"\d+\.\d+\+[0-9a-f]{16}", MADE_OF["revision"])
    assert MADE_OF["revision"].encode() + b"\0" in flash()


def test_it_is_made_of_these_sources():
    """The revision is a hash over them, so this needs no compiler."""
    listed = subprocess.run(
        ["make", "-s", "-C", FIRMWARE, "sources"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert len(listed) > 30
    command = [sys.executable, "tools/source_revision.py", *listed]
    told = subprocess.run(command, cwd=FIRMWARE, capture_output=True, text=True, check=True).stdout.strip()
    assert told == MADE_OF["revision"], "the firmware has changed: run `make firmware`"


def test_it_is_built_again_to_the_same_bytes(tmp_path):
    if shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("the firmware is built with arm-none-eabi-gcc, which is not here")
    version = subprocess.run(["arm-none-eabi-gcc", "--version"], capture_output=True, text=True, check=True).stdout
    if version.splitlines()[0] != MADE_OF["compiler"]:
        pytest.skip(f"it was built by {MADE_OF['compiler']}; here is {version.splitlines()[0]}")
    for folder in ("first", "second/and/deeper"):
        # Nothing but the sources, as in a clean checkout, and elsewhere each time.
        sources = tmp_path / folder / "firmware"
        shutil.copytree(FIRMWARE, sources, ignore=shutil.ignore_patterns("build", "__pycache__"))
        command = ["make", "-s", "-C", sources, f"PYTHON={sys.executable}"]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        assert (sources / "build" / "lensmount-pico.uf2").read_bytes() == IMAGE
        assert re.search(r"flash \d+ of 2097152 bytes\nRAM +\d+ of 270336 bytes", made.stdout)
