"""The C header that the firmware is built with is what the declarations say."""

import re
from pathlib import Path

from lensmount_hardware.boards.protocol.c_header import to_c_header

HEADER = Path(__file__).parents[4] / "hardware" / "firmware" / "include" / "board_protocol.h"


def test_the_header_that_is_checked_in_is_generated() -> None:
    assert HEADER.read_text() == to_c_header()


def test_no_name_is_defined_twice() -> None:
    names = re.findall(r"^#define (\w+)", to_c_header(), re.MULTILINE)
    assert len(names) == len(set(names))
