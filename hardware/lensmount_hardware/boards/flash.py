"""Copies the firmware of this package to a board in boot mode.

A Pico that is plugged in while its BOOTSEL button is pressed shows up as a drive with an `INFO_UF2.TXT` on it; a UF2
file that is copied there is written and started (RP2040 Datasheet 2.8.4).
"""

import getpass
from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files
from pathlib import Path

from lensmount_protocol.errors import BoardError

INFO_FILE = "INFO_UF2.TXT"
CHIP = "RPI-RP2"
"""Start of the board's identity in that file."""

IMAGE = "lensmount-pico.uf2"
REVISION = "lensmount-pico.txt"
UF2_BLOCK = 512
UF2_MAGIC = bytes.fromhex("5546320a57515d9e")
FAMILY = bytes.fromhex("56ff8be4")
"""0xE48BFF56: RP2040 (github.com/microsoft/uf2, utils/uf2families.json)."""

FAMILY_OFFSET = 28

BOOT_MODE_ADVICE = (
    "no board waits for firmware; hold its BOOTSEL button down while you plug it in, release it, and try again. If its "
    "drive is not mounted automatically, mount it and name it with --drive"
)


def list_mounts() -> list[Path]:
    """Return the folders at which a system mounts removable drives."""
    user = getpass.getuser()
    roots = [Path("/media") / user, Path("/run/media") / user, Path("/media"), Path("/Volumes")]
    return [drive for root in roots if root.is_dir() for drive in sorted(root.iterdir()) if drive.is_dir()]


def find_boot_drives(mounts: Iterable[Path]) -> list[Path]:
    """Return the folders that are the drive of a board in boot mode."""
    return [place for place in mounts if _is_boot_drive(place)]


def bundled_image() -> tuple[bytes, str]:
    """The firmware in this package, and its revision.

    Raises:
        BoardError: this package was made without one.
    """
    folder = files("lensmount_hardware.boards") / "firmware"
    image, revision = folder / IMAGE, folder / REVISION
    if not (image.is_file() and revision.is_file()):
        raise BoardError("this package holds no firmware; `make firmware` makes it where arm-none-eabi-gcc is there")
    with as_file(image) as path:
        return path.read_bytes(), revision.read_text(encoding="utf-8").splitlines()[0]


def check_image(image: bytes, name: str) -> None:
    """Check that an image is for this board, before anything is written.

    Raises:
        BoardError: it is no UF2 file, is cut, or is for another chip.
    """
    if not image or len(image) % UF2_BLOCK:
        raise BoardError(f"{name}: {len(image)} bytes are no UF2 file, which has blocks of {UF2_BLOCK}")
    for at in range(0, len(image), UF2_BLOCK):
        if image[at : at + len(UF2_MAGIC)] != UF2_MAGIC:
            raise BoardError(f"{name}: the block at {at} is no UF2 block")
        if image[at + FAMILY_OFFSET : at + FAMILY_OFFSET + len(FAMILY)] != FAMILY:
            raise BoardError(f"{name}: the block at {at} is for another chip than an RP2040")


def flash(image: bytes, name: str, drives: Sequence[Path]) -> Path:
    """Copy an image to the one board that waits for firmware; returns its drive.

    Args:
        image: a UF2 file.
        name: its name in errors.
        drives: drives of boards that wait.

    Raises:
        BoardError: the image is none, no board waits, more than one does, or the drive went away while it was written.
    """
    check_image(image, name)
    if not drives:
        raise BoardError(BOOT_MODE_ADVICE)
    if len(drives) > 1:
        raise BoardError(f"{len(drives)} boards wait: {', '.join(map(str, drives))}; name one with --drive")
    target = drives[0] / IMAGE
    try:
        with target.open("wb") as file:
            file.write(image)
    except OSError as error:
        raise BoardError(f"{target}: {error.strerror or error}; the board may have to be plugged in again") from error
    return drives[0]


def _is_boot_drive(place: Path) -> bool:
    try:
        info = (place / INFO_FILE).read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(line.partition(":")[2].strip().startswith(CHIP) for line in info.splitlines() if "Board-ID" in line)
