"""The protocol's specification and its declarations are the same."""

from pathlib import Path

from lensmount_hardware.boards.protocol import constants
from lensmount_hardware.boards.protocol.framing import CRC, MAX_WIRE_SIZE, cobs_encode
from lensmount_hardware.boards.protocol.markdown import to_markdown

SPEC = (Path(__file__).parents[4] / "protocol" / "spec" / "board.md").read_text()


def test_the_tables_are_the_declarations() -> None:
    assert SPEC[SPEC.index("### The head") :] == to_markdown()


def test_the_figures_in_the_text_are_those_of_the_declarations() -> None:
    assert f"Version {constants.VERSION} of lensmount's own protocol" in SPEC
    assert f"4 to {constants.MAX_FRAME} bytes together" in SPEC
    assert f"longer than {MAX_WIRE_SIZE} bytes" in SPEC
    assert f"`123456789` is 0x{CRC.check:X} (CRC-16/IBM-3740" in SPEC


def test_the_example_of_cobs_is_right() -> None:
    assert cobs_encode(bytes.fromhex("11220033")).hex(" ") == "03 11 22 02 33"
    assert "`11 22 00 33` becomes `03 11 22 02 33`" in SPEC
