"""What the specification says of updates, held against what a lens does: each refusal, each stage, the image file."""

import re
from pathlib import Path

import pytest

from lensmount_emulator.models.firmware_flash import PAGE, SECTOR
from lensmount_emulator.models.firmware_image import MANIFEST_SIZE, make_image, write_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.lmount.body.firmware_update import MAX_RESENDS
from lensmount_emulator.roles.lmount.lens.firmware_update import UpdateCommand, UpdateReceiver
from lensmount_emulator.verification.update_power_cuts import image_identity
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.dialects.lmount.firmware_update import (
    BLOCK_SIZE,
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollback,
)
from lensmount_protocol.dialects.lmount.types import UpdateStage

SPEC = (Path(__file__).parents[4] / "protocol" / "spec" / "lmount.md").read_text()
SECTION = SPEC[SPEC.index("## 7. Firmware update") : SPEC.index("## 8. Pages")]
MAKER, MODEL, SLOT = 3, 77, 4096
OLD, NEW, OLDER = (make_image(MAKER, MODEL, bytes((1, part, 0, 0)), 300, part) for part in (1, 2, 0))


def block(at: int, content: bytes, damage: int = 0) -> UpdateBlock:
    return UpdateBlock(number=2, offset=at, crc32=CRC32_ISO_HDLC.compute(content) ^ damage, content=content)


OFFER = UpdateOffer(1, MAKER, MODEL, NEW.version, 300, NEW.crc32)
FIRST = block(0, NEW.content[:BLOCK_SIZE])
LAST = block(BLOCK_SIZE, NEW.content[BLOCK_SIZE:])
ACTIVATE, BACK = UpdateActivate(3), UpdateRollback(4)

SCENES: dict[tuple[str, str], list[list[UpdateCommand]]] = {
    ("UpdateOffer", "maker or model is another lens's"): [
        [UpdateOffer(1, MAKER + 1, MODEL, NEW.version, 300, 0)],
        [UpdateOffer(1, MAKER, MODEL + 1, NEW.version, 300, 0)],
    ],
    ("UpdateOffer", "size is 0, or more than a slot has"): [
        [UpdateOffer(1, MAKER, MODEL, NEW.version, 0, 0)],
        [UpdateOffer(1, MAKER, MODEL, NEW.version, SLOT + 1, 0)],
    ],
    ("UpdateOffer", "older than the running image, and not the previous image"): [
        [UpdateOffer(1, MAKER, MODEL, OLDER.version, 300, OLDER.crc32)]
    ],
    ("UpdateOffer", "the running image is on trial, or a roll-back is under way"): [],
    ("UpdateBlock", "nothing is being received"): [[FIRST], [OFFER, FIRST, LAST, block(300, b"1")]],
    ("UpdateBlock", "its CRC-32 is wrong"): [[OFFER, block(0, NEW.content[:BLOCK_SIZE], 1)]],
    ("UpdateBlock", "another offset than `wanted`, no bytes, or bytes after the end"): [
        [OFFER, LAST],
        [OFFER, FIRST, FIRST],
        [OFFER, block(0, b"")],
        [OFFER, block(0, bytes(301))],
    ],
    ("UpdateBlock", "the last one, and the image's CRC-32 is wrong; `wanted` is 0"): [
        [OFFER, FIRST, block(BLOCK_SIZE, bytes(300 - BLOCK_SIZE))]
    ],
    ("UpdateActivate", "the stage is neither `VERIFIED` nor `ACTIVE`"): [[ACTIVATE], [OFFER, FIRST, ACTIVATE]],
    ("UpdateRollback", "there is neither a previous image nor a part to discard"): [[BACK]],
}
ROWS = re.findall(r"^\| `(Update\w+)` \| (.+?) \| `(\w+)` \| `(\w+)` \|$", SECTION, re.MULTILINE)


def lens_with_old() -> UpdateReceiver:
    return UpdateReceiver(FirmwareStore.with_image(image_identity(OLD), OLD.content, SLOT), MAKER, MODEL)


def test_every_row_is_tried() -> None:
    assert [(order, when) for order, when, *_ in ROWS] == list(SCENES)


@pytest.mark.parametrize(("order", "when", "stage", "code"), ROWS)
def test_a_lens_refuses_as_it_is_written(order: str, when: str, stage: str, code: str) -> None:
    for orders in SCENES[order, when]:
        lens = lens_with_old()
        states = [lens.handle_command(sent) for sent in orders]
        assert (states[-1].stage.name, states[-1].code.name) == (stage, code)
        assert all(state.code == 0 for state in states[:-1])
        assert type(orders[-1]).__name__ == order
        assert "`wanted` is 0" not in when or states[-1].wanted == 0


def test_what_runs_is_on_trial_or_a_way_back_is_under_way() -> None:
    (row,) = (row for row in ROWS if "on trial" in row[1])
    lens = lens_with_old()
    for sent in (OFFER, FIRST, LAST, ACTIVATE):
        lens.handle_command(sent)
    lens.store.start()
    newer = UpdateOffer(1, MAKER, MODEL, bytes((9, 0, 0, 0)), 300, 0)
    on_trial = UpdateReceiver(lens.store, MAKER, MODEL).handle_command(newer)
    lens.store.confirm()
    going_back = UpdateReceiver(lens.store, MAKER, MODEL)
    going_back.handle_command(BACK)
    for state in (on_trial, going_back.handle_command(newer)):
        assert (state.stage.name, state.code.name) == row[2:]


def test_the_stages_are_all_there() -> None:
    written = re.findall(r"^\| `([A-Z_]+)` \| ", SECTION, re.MULTILINE)
    assert written == [stage.name for stage in UpdateStage]


def test_the_image_file_is_as_it_is_written(tmp_path: Path) -> None:
    image = make_image(MAKER, MODEL, bytes((1, 2, 3, 4)), 300, seed=1, name="Ä")
    write_image(tmp_path / "lens.lmf", image)
    raw = (tmp_path / "lens.lmf").read_bytes()
    rows = re.findall(r"^\| (\d+) \| (\d+|size) \| ([^|]+) \|$", SECTION, re.MULTILINE)
    parts = {what: raw[int(at) :][: len(image.content) if size == "size" else int(size)] for at, size, what in rows}
    assert b"".join(parts.values()) == raw
    assert list(parts.values()) == [
        b"LMF\x1a", b"\1", b"\3\0", b"M\0", bytes((1, 2, 3, 4)), (300).to_bytes(4, "little"),
        image.crc32.to_bytes(4, "little"), "Ä".encode().ljust(32, b"\0"),
        CRC32_ISO_HDLC.compute(raw[: MANIFEST_SIZE - 4]).to_bytes(4, "little"), image.content,
    ]  # fmt: skip
    assert "`4C 4D 46 1A`" in next(what for what in parts if "magic" in what)


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    assert f"pages ({PAGE} bytes)" in SECTION
    assert f"sectors ({SECTOR} bytes)" in SECTION
    assert f"up to {BLOCK_SIZE} bytes" in SECTION
    assert (MAX_RESENDS, f"{CRC32_ISO_HDLC.check:#010X}"[2:]) == (3, "CBF43926")
    assert "0xCBF43926" in SECTION
