"""Firmware onto a board in boot mode: the right image onto the right drive, and one line for everything else."""

from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware.boards.flash import (
    FAMILY,
    FAMILY_OFFSET,
    IMAGE,
    UF2_BLOCK,
    UF2_MAGIC,
    check_image,
    find_boot_drives,
    flash,
)
from lensmount_protocol.errors import BoardError

INFO = "UF2 Bootloader v3.0\nModel: Raspberry Pi RP2\nBoard-ID: RPI-RP2\n"


def uf2(blocks: int = 3, family: bytes = FAMILY) -> bytes:
    block = bytearray(UF2_BLOCK)
    block[: len(UF2_MAGIC)] = UF2_MAGIC
    block[FAMILY_OFFSET : FAMILY_OFFSET + 4] = family
    return bytes(block) * blocks


def board(folder: Path, info: str = INFO) -> Path:
    folder.mkdir()
    (folder / "INFO_UF2.TXT").write_text(info)
    return folder


def test_a_board_in_boot_mode_is_told_from_other_drives(tmp_path: Path) -> None:
    pico, stick = board(tmp_path / "RPI-RP2"), tmp_path / "stick"
    stick.mkdir()
    other = board(tmp_path / "feather", INFO.replace("RPI-RP2", "SAMD51"))
    assert find_boot_drives([stick, pico, other, tmp_path / "gone"]) == [pico]


def test_an_image_is_copied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pico, image = board(tmp_path / "RPI-RP2"), tmp_path / "mine.uf2"
    image.write_bytes(uf2())
    assert main(["board", "flash", "--drive", str(pico), "--file", str(image)]) == 0
    assert (pico / IMAGE).read_bytes() == uf2()
    assert "it starts by itself" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (b"", "0 bytes are no UF2 file"),
        (uf2()[:-1], "1535 bytes are no UF2 file"),
        (uf2(1) + bytes(UF2_BLOCK), "the block at 512 is no UF2 block"),
        (uf2(family=b"abcd"), "is for another chip than an RP2040"),
    ],
)
def test_what_is_no_image_is_not_written(tmp_path: Path, image: bytes, told: str) -> None:
    pico = board(tmp_path / "RPI-RP2")
    with pytest.raises(BoardError, match=told):
        flash(image, "mine.uf2", [pico])
    assert [file.name for file in pico.iterdir()] == ["INFO_UF2.TXT"]


def test_it_says_how_where_no_board_waits_and_asks_where_two_do(tmp_path: Path) -> None:
    check_image(uf2(), "mine")
    with pytest.raises(BoardError, match="hold its BOOTSEL button down"):
        flash(uf2(), "mine", [])
    with pytest.raises(BoardError, match="2 boards wait"):
        flash(uf2(), "mine", [board(tmp_path / "a"), board(tmp_path / "b")])


def test_a_drive_that_is_none_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "mine.uf2"
    image.write_bytes(uf2())
    assert main(["board", "flash", "--drive", str(tmp_path), "--file", str(image)]) == 4
    assert "is no drive of a board in boot mode" in capsys.readouterr().err
    assert main(["board", "flash", "--file", str(tmp_path / "no.uf2")]) == 4
    assert "no.uf2: No such file" in capsys.readouterr().err
