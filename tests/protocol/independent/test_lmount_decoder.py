"""A decoder written from the specification alone reads what the declarations build, field by field."""

import importlib.util
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_protocol.describe import to_json_values
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import FrameError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role

HERE = Path(__file__).parent
CATALOGUE = HERE.parents[2] / "protocol" / "spec" / "lmount-messages.md"


@pytest.fixture(scope="module")
def lmount() -> Dialect:
    return load_dialect("lmount")


@pytest.fixture(scope="module")
def independent() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lmount_decoder", HERE / "lmount_decoder.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {name: plain(inside) for name, inside in value.items()}
    return [plain(inside) for inside in value] if isinstance(value, list) else value


def told(message: AnyMessage) -> tuple[str, dict[str, Any]]:
    return type(message).__name__, to_json_values(message)


def test_it_imports_nothing_of_the_project() -> None:
    assert "lensmount" not in "".join(
        line for line in (HERE / "lmount_decoder.py").read_text().splitlines() if "import" in line.split("#")[0][:8]
    )


def test_every_message_is_read_the_same(lmount: Dialect, independent: ModuleType) -> None:
    decoder = independent.Decoder(CATALOGUE)
    random = Random("independent")
    read = 0
    for cls in lmount.messages.values():
        reader = FrameParser(lmount, cls.SENDER, lmount.payload_parser())
        for _ in range(60):
            frame = lmount.build_frame(message_bytes(cls, random), 1, random.randrange(256))
            try:
                ours = reader.parse(frame).messages
            except FrameError:
                assert decoder.frame(frame) is None
                continue
            if any(isinstance(message, UnknownMessage) for message in ours):
                continue
            theirs = [(name, plain(values)) for name, values in decoder.frame(frame) or []]
            assert theirs == [told(message) for message in ours]
            read += 1
    assert read > 20 * len(lmount.messages)


@pytest.mark.parametrize("cut_at", [1, 4, 40])
def test_a_frame_that_was_cut_off_takes_no_other_one_with_it(
    lmount: Dialect, independent: ModuleType, cut_at: int
) -> None:
    long, short = lmount.build_frame(b"\x7f\xc0\0" + bytes(192), 2, 7), lmount.build_frame(b"\x7f\0\0", 2, 8)
    told_of_short = [("Unknown", {"type": 0x7F})]
    assert independent.Decoder(CATALOGUE).stream(long[:cut_at] + short + short) == ([told_of_short] * 2, cut_at)


def test_damaged_frames_are_none_for_both(lmount: Dialect, independent: ModuleType) -> None:
    decoder = independent.Decoder(CATALOGUE)
    reader = FrameParser(lmount, Role.LENS, lmount.payload_parser())
    random = Random("damage")
    frame = bytearray(lmount.build_frame(bytes.fromhex("850300070120"), 3, 9))
    for at in range(len(frame)):
        damaged = bytes(frame[:at]) + bytes([frame[at] ^ 1 << random.randrange(8)]) + bytes(frame[at + 1 :])
        assert decoder.frame(damaged) is None
        with pytest.raises(FrameError):
            reader.parse(damaged)


def test_recordings_of_the_matrix_are_read_the_same() -> None:
    """A share of the cells; `make independent-decoder` takes them all."""
    spec = importlib.util.spec_from_file_location("whole_matrix", HERE / "whole_matrix.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["whole_matrix"] = module
    spec.loader.exec_module(module)
    counts = list(module.compare(97))[-1]
    assert counts.sessions > 50
    assert counts.messages > 20_000
    assert (counts.differing, counts.first) == (0, "")
