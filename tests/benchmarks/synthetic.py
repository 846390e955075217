"""Captures that are made here, for machines without real ones: samples of a logic analyser, and recordings."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.emount_traffic import loop_frames
from lensmount_protocol.wire import Role

RATE = 6_000_000
"""Samples a second."""

SAMPLES_PER_BIT = RATE // 1_500_000
PROBES = {Role.LENS: ("RXD", 0), Role.BODY: ("TXD", 1)}
PAUSE_SAMPLES = 24_000
"""Between two frames: 4 ms, as in the loop."""


def write_samples(path: Path, frames: int, seed: int) -> None:
    """Write a sigrok capture of so many loop frames at 1.5 Mbaud."""
    level = {Role.LENS: 1, Role.BODY: 1}
    pieces: list[np.ndarray] = [np.full(PAUSE_SAMPLES, 0b11, np.uint8)]
    for frame in loop_frames(frames, Random(seed)):
        bit = PROBES[frame.sender][1]
        rest = 0b11 & ~(1 << bit)
        pieces.append(_uart(frame.raw) << np.uint8(bit) | np.uint8(rest))
        pieces.append(np.full(PAUSE_SAMPLES, 0b11, np.uint8))
    probes = "\n".join(f"probe{number + 1}={name}" for name, number in PROBES.values())
    metadata = (
        f"[device 1]\ncapturefile=logic-1\ntotal probes={len(level)}\nsamplerate={RATE // 1_000_000} MHz\n"
        f"total analog=0\n{probes}\nunitsize=1\n"
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("version", "2")
        archive.writestr("metadata", metadata)
        archive.writestr("logic-1-1", np.concatenate(pieces).tobytes())


def _uart(data: bytes) -> np.ndarray:
    """The levels of one line, 8N1, a few samples a bit."""
    bits = np.ones((len(data), 10), np.uint8)
    bits[:, 0] = 0
    bits[:, 1:9] = np.unpackbits(np.frombuffer(data, np.uint8)[:, None], axis=1, bitorder="little")
    return np.repeat(bits.ravel(), SAMPLES_PER_BIT)


def write_recording(frames: int, path: Path) -> None:
    """Write a recording of so many loop frames, one every 4 ms."""
    header = {"lensmount": "recording", "version": 1, "dialect": "emount", "frames": frames}
    with path.open("w") as file:
        file.write(json.dumps(header, separators=(",", ":")) + "\n")
        file.writelines(_lines(frames))


def _lines(frames: int) -> Iterator[str]:
    told = [
        (f',"dir":"{frame.sender.value}","baud":1500000,"hex":"{frame.raw.hex()}","until_us":', len(frame.raw))
        for frame in loop_frames(997, Random(1))
    ]
    for index in range(frames):
        text, size = told[index % len(told)]
        at = index * 4000
        yield f'{{"t_us":{at}.0{text}{at + round(size * 20 / 3, 3)}}}\n'
