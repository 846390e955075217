"""The protocol's specification and its declarations are the same."""

from pathlib import Path

from lensmount_hardware.boards import words
from lensmount_hardware.boards.catalogue import catalogue
from lensmount_hardware.boards.protocol import CRC, LONGEST_ON_WIRE, stuff

SPEC = (Path(__file__).parents[3] / "protocol" / "spec" / "board.md").read_text()


def test_the_tables_are_the_declarations() -> None:
    assert SPEC[SPEC.index("### The head") :] == catalogue()


def test_the_figures_in_the_text_are_those_of_the_declarations() -> None:
    assert f"Version {words.VERSION} of lensmount's own protocol" in SPEC
    assert f"4 to {words.LONGEST_FRAME} bytes together" in SPEC
    assert f"longer than {LONGEST_ON_WIRE} bytes" in SPEC
    assert f"`123456789` is 0x{CRC.check:X} (CRC-16/IBM-3740" in SPEC


def test_the_example_of_cobs_is_right() -> None:
    assert stuff(bytes.fromhex("11220033")).hex(" ") == "03 11 22 02 33"
    assert "`11 22 00 33` becomes `03 11 22 02 33`" in SPEC
