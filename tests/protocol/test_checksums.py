"""Checksums against their check values and against plain arithmetic."""

from importlib import import_module

import crcmod
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_protocol.checksums import (
    CHECK_INPUT,
    CHECKSUMS,
    CRC16_IBM_3740,
    CRC32_ISO_HDLC,
    Checksum,
    missing_extension_warning,
    sum16,
)


@pytest.mark.parametrize("checksum", CHECKSUMS.values(), ids=lambda checksum: checksum.name)
def test_check_values(checksum: Checksum) -> None:
    assert checksum.compute(CHECK_INPUT) == checksum.check
    assert checksum.source


@given(st.binary(max_size=600))
def test_the_fast_sum_is_the_sum(data: bytes) -> None:
    assert sum16(data) == sum(data) % 65536
    assert sum16(b"\xff" * len(data)) == 255 * len(data) % 65536


@given(st.binary(max_size=300))
def test_the_standard_librarys_crc_is_crcmods(data: bytes) -> None:
    assert CRC16_IBM_3740.compute(data) == crcmod.mkCrcFun(0x11021, initCrc=0xFFFF, rev=False, xorOut=0)(data)


@given(st.binary(max_size=300))
def test_the_standard_librarys_longer_crc_is_crcmods(data: bytes) -> None:
    assert CRC32_ISO_HDLC.compute(data) == crcmod.mkCrcFun(0x104C11DB7, initCrc=0, rev=True, xorOut=0xFFFFFFFF)(data)


def test_a_crcmod_without_its_extension_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = import_module("crcmod.crcmod")
    monkeypatch.setattr(inside, "_usingExtension", True)
    assert missing_extension_warning() == ""
    monkeypatch.setattr(inside, "_usingExtension", False)
    assert "C extension" in missing_extension_warning()
