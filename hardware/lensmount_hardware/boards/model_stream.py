"""The bytes between a host and model boards, in virtual time: whoever waits moves time on."""

from collections.abc import Sequence
from functools import partial

from lensmount_hardware.boards.model import ModelBoard
from lensmount_hardware.clock import VirtualClock


class ModelBench:
    """Model boards that share one time.

    Attributes:
        clock: the host's time; 0 is when the boards were plugged in.
        boards: the boards.
    """

    def __init__(self, *boards: ModelBoard) -> None:
        self.clock = VirtualClock()
        self.boards: Sequence[ModelBoard] = boards

    def advance(self, seconds: float) -> None:
        """Let time pass for all."""
        self.advance_to(self.clock.now() + seconds)

    def advance_to(self, at: float) -> None:
        """Let time pass for all; what one board does reaches another at its time."""
        while (due := self._next(at)) is not None:
            self._turn_to(due)
        self._turn_to(at)

    def stream(self, board: ModelBoard, name: str = "model") -> "ModelStream":
        """The host's end of a board's bytes."""
        return ModelStream(self, board, name)

    def _next(self, until: float) -> float | None:
        times = [due / 1e6 for board in self.boards if (due := board.next_us()) is not None]
        soonest = min(times, default=until)
        return soonest if soonest < until else None

    def _turn_to(self, at: float) -> None:
        self.clock.advance_to(max(at, self.clock.now()))
        # What one board does then, another one hears then.
        for board in self.boards:
            board.turn_to(round(at * 1e6))
        for board in self.boards:
            board.advance_to(round(at * 1e6))


class ModelStream:
    """A host's end of a model board's bytes; they take no time.

    Attributes:
        name: what it leads to.
        cut: why nothing goes through any more; `""` while it does.
        to_host: bytes that are put in front of what the board says next, as noise.
    """

    def __init__(self, bench: ModelBench, board: ModelBoard, name: str) -> None:
        self.name = name
        self.cut = ""
        self.to_host = b""
        self._bench = bench
        self._board = board

    def read(self, wait: float | None) -> bytes:
        """What the board says within `wait`; for ever is a minute of its time."""
        self._require()
        until = self._bench.clock.now() + (60.0 if wait is None else max(0.0, wait))
        while True:
            data, self.to_host = self.to_host + self._board.bytes_to_send(), b""
            now = self._bench.clock.now()
            if data or now >= until:
                return data
            due = [at / 1e6 for board in self._bench.boards if (at := board.next_us()) is not None]
            self._bench.advance_to(min([until, *(at for at in due if at > now)]))

    def write(self, data: bytes) -> None:
        """The board hears this now."""
        self._require()
        self._board.receive(data)

    def close(self) -> None:
        """Unplug the host."""
        self.cut = "closed"

    def _require(self) -> None:
        if self.cut:
            raise ConnectionError(self.cut)


def join(
    body: ModelBoard, lens: ModelBoard, wires: Sequence[tuple[ModelBoard, int, int]], *, any_rate: bool = False
) -> None:
    """Wire two boards' lines together.

    Args:
        body: one board.
        lens: the other one.
        wires: for each wire the board that drives it, its line there, and the line at the other board.
        any_rate: whether bytes are understood at any rate, as on ports that have none.
    """
    for driver, other in ((body, lens), (lens, body)):
        ends = {ours: theirs for board, ours, theirs in wires if board is driver}
        driver.drove = partial(_drove, other, ends)
        driver.said = partial(_said, driver, other, ends, any_rate)


def _drove(other: ModelBoard, ends: dict[int, int], line: int, level: bool, _at_us: int) -> None:
    if line in ends:
        other.see(ends[line], level)


def _said(
    driver: ModelBoard, other: ModelBoard, ends: dict[int, int], any_rate: bool,
    line: int, data: bytes, begin_us: int, _end_us: int,
) -> None:  # fmt: skip
    speaks, listens = driver.wire, other.wire
    if line in ends and speaks is not None and listens is not None:
        other.hear(ends[line], data, begin_us, listens.baudrate if any_rate else speaks.baudrate)
