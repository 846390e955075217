"""The firmware's core as a whole: no branch untried, no bad address, any frames at all, and the codec equal to ours."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_hardware.boards.protocol import BY_TYPE, CRC, frame_of, read_frame, stuff
from lensmount_protocol.errors import FrameError

HERE = Path(__file__).parent
FIRMWARE = Path(__file__).parents[3] / "hardware" / "firmware"
COUNTED = FIRMWARE / "build" / "host" / "counted"
FUZZED_FRAMES = int(os.environ.get("LENSMOUNT_FUZZED_FRAMES", "200000"))


class Codec:
    """The core's frames, as functions."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self._library.frame_build.restype = ctypes.c_size_t
        self._library.frame_checksum.restype = ctypes.c_uint16

    def build(self, message: bytes) -> bytes:
        wire = ctypes.create_string_buffer(300)
        size = self._library.frame_build(wire, message, ctypes.c_size_t(len(message)))
        return wire.raw[:size]

    def read(self, wire: bytes) -> list[bytes | None]:
        """Of everything that ended: the message, or `None` where it is none."""
        reader = ctypes.create_string_buffer(260)
        sizes = ((self._library.frame_take(reader, byte), reader) for byte in wire)
        return [bytes(at.raw[:size]) if size > 0 else None for size, at in sizes if size]

    def checksum(self, data: bytes) -> int:
        return int(self._library.frame_checksum(data, ctypes.c_size_t(len(data))))


@pytest.fixture(scope="module")
def codec(core_library: Path) -> Codec:
    return Codec(core_library)


def _judged(piece: bytes) -> bytes | None:
    try:
        frame = read_frame(piece)
    except FrameError:
        return None
    return bytes((frame.type, frame.sequence)) + frame.fields


def test_the_checksum_is_the_declared_one(codec: Codec) -> None:
    assert codec.checksum(b"123456789") == CRC.check


@given(st.binary(min_size=2, max_size=252))
def test_both_build_the_same_frames(codec: Codec, message: bytes) -> None:
    ours = stuff(message + CRC.of(message).to_bytes(2, "little")) + b"\0"
    assert codec.build(message) == ours
    assert codec.read(ours) == [message]


@given(st.lists(st.one_of(st.binary(max_size=300), st.binary(max_size=6))))
def test_both_judge_any_bytes_alike(codec: Codec, pieces: list[bytes]) -> None:
    wire = b"\0".join(pieces) + b"\0"
    assert codec.read(wire) == [_judged(piece) for piece in wire[:-1].split(b"\0") if piece]


_BYTE = st.integers(0, 255)


@given(
    type_=st.sampled_from(sorted(BY_TYPE)),
    sequence=_BYTE,
    fields=st.binary(max_size=250),
    damage=st.lists(st.tuples(_BYTE, st.integers(1, 255)), max_size=2),
)
def test_both_judge_damaged_messages_alike(
    codec: Codec, type_: int, sequence: int, fields: bytes, damage: list[tuple[int, int]]
) -> None:
    wire = bytearray(frame_of(type_, fields, sequence))
    for at, value in damage:
        wire[at % (len(wire) - 1)] = value
    assert codec.read(bytes(wire)) == [_judged(bytes(wire[:-1]))]


def test_no_branch_is_untried_and_no_address_is_bad(core_library: Path) -> None:
    """All the scenarios once more, with both counted and checked."""
    if shutil.which("gcov") is None:
        pytest.skip("branches are counted with gcov, which is not here")
    for old in COUNTED.glob("*.gcda"):
        old.unlink()
    checker = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    scenarios = [str(path) for path in HERE.glob("test_core_*.py")]
    environment = os.environ | {
        "LD_PRELOAD": checker.stdout.strip(),
        "ASAN_OPTIONS": "detect_leaks=0",
        "LENSMOUNT_FIRMWARE_COUNTED": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *scenarios]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    counts = [str(path) for path in sorted(COUNTED.glob("*.gcda")) if "sim" not in path.name]
    told = subprocess.run(["gcov", "-b", "-n", *counts], cwd=COUNTED, capture_output=True, text=True, check=True).stdout
    files = re.findall(
        r"File '([^']*core/[^']*\.c)'\nLines executed:([\d.]+)%.*\n.*\nTaken at least once:([\d.]+)% of (\d+)", told
    )
    branches = sum(int(count) for *_, count in files)
    print(f"{branches} branches in {len(files)} files: each taken")
    assert len(files) == len(list((FIRMWARE / "core").glob("*.c")))
    assert [
        (Path(name).name, lines, taken) for name, lines, taken, _ in files if (lines, taken) != ("100.00",) * 2
    ] == []


def test_any_frames_at_all_leave_the_mount_safe(core_library: Path) -> None:
    """Random frames, levels and bytes; what must hold is looked at after each: see fuzz.c."""
    made = subprocess.run(
        ["make", "-s", "-C", FIRMWARE, "build/host/fuzz"], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    fuzz = [str(FIRMWARE / "build/host/fuzz"), str(FUZZED_FRAMES), "2"]
    run = subprocess.run(fuzz, capture_output=True, text=True, timeout=600, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stderr[-3000:]
