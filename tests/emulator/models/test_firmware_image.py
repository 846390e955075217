"""Image files: what was written is read, and whatever else a file holds is told in one line that names it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.firmware_image import (
    MANIFEST_SIZE,
    Image,
    check_image_for,
    format_version,
    make_image,
    read_image,
    write_image,
)
from lensmount_emulator.models.firmware_store import SLOT_SIZE
from lensmount_protocol.errors import CaptureError, FirmwareError

IMAGE = make_image(3, 77, bytes((1, 2, 0, 0)), 5000, seed=4)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "lens.lmf"
    write_image(path, IMAGE)
    return path


def complaint(path: Path) -> str:
    with pytest.raises(FirmwareError) as raised:
        read_image(path)
    text = str(raised.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    return text


def test_what_was_written_is_read(file: Path) -> None:
    assert read_image(file) == IMAGE
    assert file.stat().st_size == MANIFEST_SIZE + 5000
    assert make_image(3, 77, IMAGE.version, 5000, seed=4) == IMAGE
    assert make_image(3, 77, IMAGE.version, 5000, seed=5).content != IMAGE.content
    assert IMAGE.name == "demo 1.2"


@given(st.data())
def test_a_changed_file_is_never_taken(file: Path, data: st.DataObject) -> None:
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    changed = file.with_name("changed.lmf")
    changed.write_bytes(raw)
    complaint(changed)


@given(st.integers(0, MANIFEST_SIZE + 4999))
def test_a_cut_file_is_never_taken(file: Path, size: int) -> None:
    cut = file.with_name("cut.lmf")
    cut.write_bytes(file.read_bytes()[:size])
    assert "truncated" in complaint(cut) or size < 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda raw: b"PNG" + raw, "no firmware image; one begins with the bytes 4c 4d 46 1a"),
        (lambda raw: raw[:4] + b"\x02" + raw[5:], "image format 2; 1 is known"),
        (lambda raw: raw[:5] + b"\x09" + raw[6:], "the manifest is corrupt"),
        (lambda raw: raw[:-1], "truncated: 4999 bytes of content; its manifest has 5000"),
        (lambda raw: raw + b"1", "too long: 5001 bytes of content; its manifest has 5000"),
        (lambda raw: raw[:-1] + bytes((raw[-1] ^ 1,)), "corrupt: the CRC-32 of its content is 0x"),
    ],
)  # fmt: skip
def test_the_complaint_says_what_is_wrong(file: Path, change: object, told: str) -> None:
    assert callable(change)
    wrong = file.with_name("wrong.lmf")
    wrong.write_bytes(change(file.read_bytes()))
    assert told in complaint(wrong)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read: No such file" in complaint(tmp_path / "none.lmf")
    with pytest.raises(CaptureError, match=r"none\.lmf: No such file"):
        write_image(tmp_path / "none" / "none.lmf", IMAGE)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (Image(3, 77, bytes(4), bytes(SLOT_SIZE + 1)), "262145 bytes of content; an image has 1 to 262144"),
        (Image(3, 77, bytes(4), b""), "0 bytes of content"),
        (Image(70_000, 77, bytes(4), b"1"), "must be 0 to 65535"),
        (Image(3, 77, bytes(5), b"1"), "the version 4 bytes"),
        (Image(3, 77, bytes(4), b"1", "n" * 33), "at most 32 bytes"),
    ],
)
def test_what_does_not_fit_is_not_written(tmp_path: Path, image: Image, told: str) -> None:
    path = tmp_path / "wrong.lmf"
    with pytest.raises(FirmwareError, match=told):
        write_image(path, image)
    assert not path.exists()


def test_an_image_is_held_against_the_lens() -> None:
    check_image_for(IMAGE, 3, 77, IMAGE.version)
    check_image_for(IMAGE, 3, 77, bytes(4))
    with pytest.raises(FirmwareError, match=r"lens\.lmf: for maker 3, model 77; this lens is maker 3, model 78"):
        check_image_for(IMAGE, 3, 78, IMAGE.version, "lens.lmf")
    with pytest.raises(FirmwareError, match=r"the image: version 1\.2; the lens runs 1\.3, and accepts an older"):
        check_image_for(IMAGE, 3, 77, bytes((1, 3, 0, 0)))


def test_a_version_as_text() -> None:
    assert format_version(bytes((1, 0, 0, 0))) == "1.0"
    assert format_version(bytes((1, 0, 2, 0))) == "1.0.2"
