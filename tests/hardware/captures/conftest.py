"""What capture tests need: the E-mount's wiring, the captures beside the project, a signal to sample."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from lensmount_protocol.wire import Role, SerialLine, Wiring

WIRING = Wiring(
    serial=(SerialLine("RXD", Role.LENS, "LENS_CS"), SerialLine("TXD", Role.BODY, "BODY_CS")),
    baudrates=(750_000, 1_500_000),
    start_low_bits=5,
    lines=("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS"),
)


@dataclass
class Signal:
    """Levels of the mount's lines over time, drawn by a test, then sampled; bit n of a sample is line n."""

    rate: float = 6e6
    initial: dict[str, bool] = field(
        default_factory=lambda: {"VD": True, "VCC": True, "RXD": True, "TXD": True}
    )
    changes: dict[str, list[tuple[float, bool]]] = field(default_factory=dict)
    end: float = 0.0

    def set(self, line: str, at: float, level: bool) -> None:
        self.changes.setdefault(line, []).append((at, level))
        self.end = max(self.end, at)

    def pulse(self, line: str, start: float, stop: float, level: bool = True) -> None:
        self.set(line, start, level)
        self.set(line, stop, not level)

    def send(
        self,
        line: str,
        at: float,
        data: bytes,
        baudrate: float,
        gap: float | Callable[[int], float] = 0.0,
        broken: frozenset[int] = frozenset(),
    ) -> list[float]:
        """Send bytes with gaps between them; give when each one starts."""
        bit = 1 / baudrate
        starts = []
        for index, value in enumerate(data):
            starts.append(at)
            bits = [False, *(bool(value >> shift & 1) for shift in range(8)), index not in broken]
            for number, level in enumerate(bits):
                self.set(line, at + number * bit, level)
            self.set(line, at + 10 * bit, True)
            at += 10 * bit + (gap(index) if callable(gap) else gap)
        return starts

    def window(self, line: str, select: str, at: float, data: bytes, baudrate: float, **more) -> list[float]:
        """Send bytes inside a select window, 20 µs of room on both sides."""
        starts = self.send(line, at, data, baudrate, **more)
        self.pulse(select, at - 20e-6, self.changes[line][-1][0] + 20e-6)
        return starts

    def levels(self, line: str, count: int) -> np.ndarray:
        levels = np.full(count, self.initial.get(line, False))
        # A stable sort: of two levels at one and the same time the later call wins.
        for at, level in sorted(self.changes.get(line, []), key=lambda change: change[0]):
            levels[math.ceil(at * self.rate - 1e-6) :] = level
        return levels

    def samples(
        self, lines: tuple[str, ...] = WIRING.lines, after: float = 50e-6, dtype=np.uint8
    ) -> np.ndarray:
        count = math.ceil((self.end + after) * self.rate)
        port = np.zeros(count, dtype)
        for bit, line in enumerate(lines):
            port |= self.levels(line, count).astype(dtype) << dtype(bit)
        return port


@pytest.fixture
def wiring() -> Wiring:
    return WIRING


@pytest.fixture
def signal() -> type[Signal]:
    return Signal


@pytest.fixture
def emount_captures() -> Path:
    """The original captures, which are evidence and no part of this repository."""
    folder = Path(__file__).resolve().parents[3].parent / "shared" / "captures" / "e-mount"
    if not folder.is_dir():
        pytest.skip("the captures are not beside the project: ../shared/captures/e-mount")
    return folder
