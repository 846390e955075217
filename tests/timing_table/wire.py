"""What is measured on a recording: edges of lines, and windows with the bytes in them."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from lensmount_protocol.wire import Burst, Edge, Role, WireRecord


@dataclass(frozen=True)
class Window:
    """One burst of an end and the select window around it, in seconds.

    Attributes:
        opens: the select line rises.
        first: the first start bit.
        last: the last stop bit.
        closes: the select line falls.
        data: the bytes.
        baudrate: at which they were sent.
    """

    opens: float
    first: float
    last: float
    closes: float
    data: bytes
    baudrate: int


class Wire:
    """A recording to measure.

    Args:
        records: edges and bursts.
        selects: the select line of each end.
        type_at: where a frame has the type of its first message.
        class_at: where a frame has its class.
    """

    def __init__(self, records: Iterable[WireRecord], selects: dict[Role, str], type_at: int, class_at: int) -> None:
        self._edges: dict[tuple[str, bool], list[float]] = {}
        self.windows: dict[Role, list[Window]] = {Role.BODY: [], Role.LENS: []}
        self._type_at, self._class_at = type_at, class_at
        bursts: list[Burst] = []
        for record in records:
            if isinstance(record, Edge):
                self._edges.setdefault((record.line, record.level), []).append(record.at)
            elif isinstance(record, Burst):
                bursts.append(record)
        for burst in bursts:
            line = selects[burst.sender]
            before = [at for at in self.edges(line, True) if at <= burst.at]
            behind = [at for at in self.edges(line, False) if at >= burst.end]
            if before and behind:
                window = Window(before[-1], burst.at, burst.end, behind[0], burst.data, burst.baudrate)
                self.windows[burst.sender].append(window)

    def edges(self, line: str, level: bool) -> list[float]:
        """Every time at which a line took a level."""
        return self._edges.get((line, level), [])

    def edge(self, line: str, level: bool, since: float = -1.0) -> float:
        """The first time from `since` on at which a line takes a level."""
        times = self.edges(line, level)
        place = bisect_right(times, since)
        assert place < len(times), f"{line} never goes {'high' if level else 'low'} behind {since:.6f} s"
        return times[place]

    def of(self, role: Role, type_: int, class_: int | None = None) -> list[Window]:
        """Windows of an end whose frame has this type first."""
        return [
            window
            for window in self.windows[role]
            if len(window.data) > self._type_at
            and window.data[self._type_at] == type_
            and class_ in (None, window.data[self._class_at])
        ]
