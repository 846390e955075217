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

from lensmount_hardware.boards.protocol.framing import BY_TYPE, CRC, build_raw_frame, cobs_encode, parse_frame
from lensmount_protocol.errors import FrameError

FIRMWARE = Path(__file__).parents[3] / "hardware" / "firmware"
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
        sizes = ((self._library.frame_add_byte(reader, byte), reader) for byte in wire)
        return [bytes(at.raw[:size]) if size > 0 else None for size, at in sizes if size]

    def checksum(self, data: bytes) -> int:
        return int(self._library.frame_checksum(data, ctypes.c_size_t(len(data))))


@pytest.fixture(scope="module")
def codec(core_library: Path) -> Codec:
    return Codec(core_library)


def _judged(piece: bytes) -> bytes | None:
    try:
        frame = parse_frame(piece)
    except FrameError:
        return None
    return bytes((frame.type, frame.sequence)) + frame.fields


def test_the_checksum_is_the_declared_one(codec: Codec) -> None:
    assert codec.checksum(b"123456789") == CRC.check


@given(st.binary(min_size=2, max_size=252))
def test_both_build_the_same_frames(codec: Codec, message: bytes) -> None:
    ours = cobs_encode(message + CRC.compute(message).to_bytes(2, "little")) + b"\0"
    assert codec.build(message) == ours
    assert codec.read(ours) == [message]


@given(st.lists(st.one_of(st.binary(max_size=300), st.binary(max_size=6))))
def test_both_check_any_bytes_alike(codec: Codec, pieces: list[bytes]) -> None:
    wire = b"\0".join(pieces) + b"\0"
    assert codec.read(wire) == [_judged(piece) for piece in wire[:-1].split(b"\0") if piece]


@pytest.mark.parametrize("cut_at", [1, 5, 200])
def test_a_frame_that_was_cut_off_costs_no_other_one(codec: Codec, cut_at: int) -> None:
    long, short = codec.build(bytes(range(1, 251))), codec.build(b"\x01\x02")
    assert codec.read(long[:cut_at] + b"\0" + short) == [None, b"\x01\x02"]
    assert codec.read(long[:cut_at] + short + short) == [None, b"\x01\x02"], "nothing but a zero ends a frame"


_BYTE = st.integers(0, 255)


@given(
    type_=st.sampled_from(sorted(BY_TYPE)),
    sequence=_BYTE,
    fields=st.binary(max_size=250),
    damage=st.lists(st.tuples(_BYTE, st.integers(1, 255)), max_size=2),
)
def test_both_check_damaged_messages_alike(
    codec: Codec, type_: int, sequence: int, fields: bytes, damage: list[tuple[int, int]]
) -> None:
    wire = bytearray(build_raw_frame(type_, fields, sequence))
    for at, value in damage:
        wire[at % (len(wire) - 1)] = value
    assert codec.read(bytes(wire)) == [_judged(bytes(wire[:-1]))]


def test_no_branch_is_untried_and_no_address_is_bad(core_library: Path) -> None:
    """All the scenarios once more, with both counted and checked."""
    if shutil.which("gcov") is None:
        pytest.skip("branches are counted with gcov, which is not here")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(FIRMWARE / "tools" / "branch_coverage.py")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    told = re.search(r"core: (\d+) branches, 100\.00 % taken", run.stdout)
    assert told is not None
    assert int(told[1]) > 500


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


def _interrupts(folder: Path, cases: str = "") -> subprocess.CompletedProcess[str]:
    command = ["make", "-s", "-C", str(folder), "interrupts", f"CASES={cases}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_interrupts_between_any_two_accesses_leave_the_core_sound(core_library: Path) -> None:
    """Each access to shared data in 24 operations, with an interrupt in front of it: see interrupts.c."""
    run = _interrupts(FIRMWARE)
    print(run.stdout)
    assert run.returncode == 0, run.stderr[-3000:]
    told = re.search(r"^(\d+) places in (\d+) cases, 0 failed$", run.stdout, re.MULTILINE)
    assert told is not None
    assert int(told[1]) > 10_000
    assert int(told[2]) > 20


LOCKS = {
    "command_queue.c": (
        "command_queue_reset",
        r"    const uint32_t before = hal_lock\(\);\n|    hal_unlock\(before\);\n",
    ),
    "line_map.c": ("line_map_set_powered", r"    if \(powered == lines.powered\)\n        return;\n"),
}
"""File -> function, and the lock or check in it that protects a partial change from interrupts."""


def test_interrupts_find_each_lock_that_is_taken_out(core_library: Path, tmp_path: Path) -> None:
    """The test above can fail: it does so without these locks."""
    folder = tmp_path / "firmware"
    shutil.copytree(FIRMWARE, folder, ignore=shutil.ignore_patterns("build"))
    for file, (function, lock) in LOCKS.items():
        source = folder / "core" / file
        front, found, behind = source.read_text().partition(f"void {function}(")
        body, end, rest = behind.partition("\n}\n")
        unlocked, changes = re.subn(lock, "", body + "\n")
        assert found
        assert changes
        source.write_text(front + found + unlocked.rstrip("\n") + end + rest)
    run = _interrupts(folder, "hello rail")
    assert run.returncode != 0, run.stdout
    for name in ("hello while it sends", "rail comes on"):
        assert any(line.startswith(name) and "interrupted before" in line for line in run.stderr.splitlines()), name
