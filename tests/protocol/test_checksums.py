"""Checksums against their check values and against plain arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.checksums import CHECK_INPUT, CHECKSUMS, Checksum, sum16


@pytest.mark.parametrize("checksum", CHECKSUMS.values(), ids=lambda checksum: checksum.name)
def test_check_values(checksum: Checksum) -> None:
    assert checksum.of(CHECK_INPUT) == checksum.check
    assert checksum.source


@given(st.binary(max_size=600))
def test_the_fast_sum_is_the_sum(data: bytes) -> None:
    assert sum16(data) == sum(data) % 65536
    assert sum16(b"\xff" * len(data)) == 255 * len(data) % 65536
