"""Byte streams between a host and simulated boards, in virtual time: a read that waits advances time."""

from collections.abc import Sequence
from functools import partial

from lensmount_hardware.boards.protocol.constants import LineKind
from lensmount_hardware.boards.simulator.board import BoardSimulator
from lensmount_hardware.clock import VirtualClock


class SimulatorBench:
    """Simulated boards that share one clock.

    Attributes:
        clock: the host's time; 0 is when the boards were plugged in.
        boards: the boards.
    """

    def __init__(self, *boards: BoardSimulator) -> None:
        self.clock = VirtualClock()
        self.boards: Sequence[BoardSimulator] = boards

    def advance(self, seconds: float) -> None:
        """Advance time for all boards."""
        self.advance_to(self.clock.now() + seconds)

    def advance_to(self, at: float) -> None:
        """Advance time for all boards; an action of one board reaches the others at its time."""
        while (due := self._next(at)) is not None:
            self._set_time(due)
        self._set_time(at)

    def stream(self, board: BoardSimulator, name: str = "model") -> "SimulatedByteStream":
        """Return the host's end of a board's byte stream."""
        return SimulatedByteStream(self, board, name)

    def _next(self, until: float) -> float | None:
        times = [due / 1e6 for board in self.boards if (due := board.next_us()) is not None]
        soonest = min(times, default=until)
        return soonest if soonest < until else None

    def _set_time(self, at: float) -> None:
        self.clock.advance_to(max(at, self.clock.now()))
        # An action of one board reaches the others at the same time.
        for board in self.boards:
            board.set_time(round(at * 1e6))
        for board in self.boards:
            board.advance_to(round(at * 1e6))


class SimulatedByteStream:
    """The host's end of a simulated board's byte stream; bytes take no time.

    Attributes:
        name: the board's name.
        closed_reason: why the stream is closed; `""` while it is open.
        noise_to_host: bytes to insert before the next bytes of the board, as noise.
    """

    def __init__(self, bench: SimulatorBench, board: BoardSimulator, name: str) -> None:
        self.name = name
        self.closed_reason = ""
        self.noise_to_host = b""
        self._bench = bench
        self._board = board

    def read(self, wait: float | None) -> bytes:
        """Return what the board sends within `wait` seconds; `None` is a minute of its time."""
        self._require_open()
        until = self._bench.clock.now() + (60.0 if wait is None else max(0.0, wait))
        while True:
            data, self.noise_to_host = self.noise_to_host + self._board.bytes_to_send(), b""
            now = self._bench.clock.now()
            if data or now >= until:
                return data
            due = [at / 1e6 for board in self._bench.boards if (at := board.next_us()) is not None]
            self._bench.advance_to(min([until, *(at for at in due if at > now)]))

    def write(self, data: bytes) -> None:
        """Send bytes to the board, now."""
        self._require_open()
        self._board.receive(data)

    def close(self) -> None:
        """Unplug the host."""
        self.closed_reason = "closed"

    def _require_open(self) -> None:
        if self.closed_reason:
            raise ConnectionError(self.closed_reason)


def connect_boards(
    body: BoardSimulator,
    lens: BoardSimulator,
    wires: Sequence[tuple[BoardSimulator, int, int]],
    *,
    any_rate: bool = False,
) -> None:
    """Wire two boards' lines together.

    Args:
        body: one board.
        lens: the other one.
        wires: for each wire the board that drives it, its line there, and the line at the other board.
        any_rate: whether bytes are received at any rate, as on ports without one.
    """
    for driver, other in ((body, lens), (lens, body)):
        ends = {ours: theirs for board, ours, theirs in wires if board is driver}
        driver.on_drive = partial(_relay_level, other, ends)
        driver.on_transmit = partial(_relay_bytes, driver, other, ends, any_rate)
        driver.on_clock = partial(_relay_unit, driver, other, ends)


def _relay_level(other: BoardSimulator, ends: dict[int, int], line: int, level: bool, _at_us: int) -> None:
    if line in ends:
        other.on_line_level(ends[line], level)


def _relay_unit(driver: BoardSimulator, other: BoardSimulator, ends: dict[int, int], data: bytes, begin: int) -> bytes:
    pins = [] if driver.simulated_lines is None else driver.simulated_lines.pins
    ours = next((pin.number for pin in pins if pin.driven and pin.mapped.kind == LineKind.DATA), None)
    return b"" if ours is None or ours not in ends else other.answer_burst({ends[ours]: data}, begin)


def _relay_bytes(
    driver: BoardSimulator, other: BoardSimulator, ends: dict[int, int], any_rate: bool,
    line: int, data: bytes, begin_us: int, _end_us: int,
) -> None:  # fmt: skip
    sender, receiver = driver.simulated_lines, other.simulated_lines
    if line in ends and sender is not None and receiver is not None:
        other.on_line_bytes(ends[line], data, begin_us, receiver.baudrate if any_rate else sender.baudrate)
