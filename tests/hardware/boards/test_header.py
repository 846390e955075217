"""The C header that the firmware is built with is what the declarations say."""

import re
from pathlib import Path

from lensmount_hardware.boards.header import header

HEADER = Path(__file__).parents[3] / "hardware" / "firmware" / "include" / "board_protocol.h"


def test_the_header_that_is_checked_in_is_generated() -> None:
    assert HEADER.read_text() == header()


def test_no_name_is_defined_twice() -> None:
    names = re.findall(r"^#define (\w+)", header(), re.MULTILINE)
    assert len(names) == len(set(names))
