"""A live table of traffic for a terminal: one line per message with count, period and last fields; lines; trouble."""

from collections import deque
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from lensmount_emulator.reports.printable import one_line
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import format_summary, message_name
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import ClockSync, Edge

MAX_MESSAGES = 500
"""Compositions that are counted; noise must not fill the memory."""

MAX_TROUBLE = 4
"""Last events of trouble that are shown."""

HEAD_LINES = 3
"""Lines of the title, of the names of the columns, and of the cursor."""

ARROWS = {"body": "body →", "lens": "← lens"}


@dataclass(slots=True)
class MessageLine:
    """What is known of one composition of one end.

    Attributes:
        sender: the end.
        types: type bytes, joined by `+`.
        names: names of the messages.
        count: how many frames came.
        size: bytes of the last one.
        last: text of the fields of the last one.
        period_s: mean interval of the last frames; `None` before the second one.
        at: time of the last one.
    """

    sender: str
    types: str
    names: str
    count: int = 0
    size: int = 0
    last: str = ""
    period_s: float | None = None
    at: float | None = None


@dataclass(slots=True)
class MonitorTable:
    """Counts traffic and draws it.

    Attributes:
        dialect: the dialect of the traffic.
        source: where it comes from, for the title.
        fits: whether it shows no more lines than the terminal has: then the messages that came last.
    """

    dialect: Dialect
    source: str
    messages: dict[tuple[str, str], MessageLine] = field(default_factory=dict[tuple[str, str], MessageLine])
    levels: dict[str, bool] = field(default_factory=dict[str, bool])
    edges: int = 0
    frames: int = 0
    garbage: int = 0
    trouble: "deque[str]" = field(default_factory=lambda: deque[str](maxlen=MAX_TROUBLE))
    latest: float = 0.0
    fits: bool = False
    _lock: Any = field(default_factory=Lock)

    def add(self, event: Decoded) -> None:
        """Count one event."""
        with self._lock:
            at = event.opened if isinstance(event, EmptyWindow) else event.at
            self.latest = max(self.latest, at or 0.0)
            if isinstance(event, Edge):
                self.levels[event.line] = event.level
                self.edges += 1
            elif isinstance(event, DecodedFrame):
                self._add_frame(event)
            elif isinstance(event, DecodedGarbage):
                self.garbage += len(event.data)
                self._add_trouble(at, f"{len(event.data)} bytes of the {event.sender.value}: {event.reason.value}")
            elif not isinstance(event, EmptyWindow | ClockSync):
                self._add_trouble(at, event.text)

    def _add_frame(self, event: DecodedFrame) -> None:
        self.frames += 1
        types = "+".join(f"{message_type(message):02X}" for message in event.messages)
        key = event.sender.value, types
        line = self.messages.get(key)
        if line is None:
            if len(self.messages) >= MAX_MESSAGES:
                return
            names = " + ".join(message_name(message) for message in event.messages)
            line = self.messages[key] = MessageLine(event.sender.value, types, names)
        line.count += 1
        line.size = len(event.frame.raw)
        line.last = ", ".join(
            part for message in event.messages if (part := format_summary(message).partition(", ")[2])
        )
        if event.at is not None:
            if line.at is not None and event.at > line.at:
                interval = event.at - line.at
                # A mean over the last eight or so, so that a change of rate shows within a moment.
                line.period_s = interval if line.period_s is None else line.period_s + (interval - line.period_s) / 8
            line.at = event.at

    def _add_trouble(self, at: float | None, text: str) -> None:
        when = "no time" if at is None else f"{at * 1e3:.3f} ms"
        self.trouble.append(one_line(f"{when}  {text}"))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as it is now; trouble stands above it, where no message pushes it out of the terminal."""
        with self._lock:
            parts = self._parts(console.height)
        # Outside the lock, which the thread that counts needs: the caller draws each part here.
        yield from parts

    def _parts(self, height: int) -> list[Table | Text]:
        lines = list(self.messages.values())
        free_lines = height - len(self.trouble) - bool(self.levels) - HEAD_LINES
        left_out = len(lines) - max(1, free_lines - 1) if self.fits and len(lines) > free_lines else 0
        if left_out:
            lines = sorted(lines, key=lambda line: -1.0 if line.at is None else line.at)[left_out:]
        table = Table(box=None, expand=True, padding=(0, 1), pad_edge=False)
        table.add_column("from", no_wrap=True, width=6)
        table.add_column("type", no_wrap=True, max_width=8)
        table.add_column("message", no_wrap=True, overflow="ellipsis", ratio=3)
        table.add_column("count", justify="right", no_wrap=True)
        table.add_column("period", justify="right", no_wrap=True)
        table.add_column("last", no_wrap=True, overflow="ellipsis", ratio=5)
        for line in sorted(lines, key=lambda line: (line.sender, line.types)):
            style = "cyan" if line.sender == "body" else "green"
            table.add_row(
                Text(ARROWS[line.sender], style=style),
                Text(line.types, style="bold"),
                Text(line.names),
                str(line.count),
                Text("" if line.period_s is None else f"{line.period_s * 1e3:.1f} ms"),
                Text(one_line(line.last), style="dim"),
            )
        head = Text(no_wrap=True, overflow="ellipsis")
        head.append(one_line(self.source), style="bold")
        head.append(f"  {self.dialect.name}  {self.latest:.1f} s  {self.frames} frames  {self.edges} edges")
        if self.garbage:
            head.append(f"  {self.garbage} bytes in no frame", style="red")
        parts: list[Table | Text] = [head]
        if self.levels:
            parts.append(self._lines())
        parts += [Text(text, style="red", no_wrap=True, overflow="ellipsis") for text in self.trouble]
        if self.messages:
            parts.append(table)
        elif not (self.edges or self.trouble):
            parts.append(Text("nothing received yet", style="dim"))
        if left_out:
            remark = f"… and {left_out} messages that came before these; a taller terminal shows them"
            parts.append(Text(remark, style="dim"))
        return parts

    def _lines(self) -> Text:
        text = Text(overflow="ellipsis", no_wrap=True)
        for name in self.dialect.wiring.lines:
            if name in self.levels:
                text.append(f"{'●' if self.levels[name] else '○'} {name}  ", style="" if self.levels[name] else "dim")
        return text

    def as_dict(self) -> dict[str, Any]:
        """The counts as plain data."""
        with self._lock:
            return {
                "kind": "monitor",
                "source": self.source,
                "dialect": self.dialect.name,
                "seconds": round(self.latest, 6),
                "frames": self.frames,
                "edges": self.edges,
                "garbage_bytes": self.garbage,
                "lines": dict(self.levels),
                "messages": [
                    {
                        "dir": line.sender,
                        "types": line.types,
                        "names": line.names,
                        "count": line.count,
                        "period_ms": None if line.period_s is None else round(line.period_s * 1e3, 3),
                        "last": line.last,
                    }
                    for line in sorted(self.messages.values(), key=lambda line: (line.sender, line.types))
                ],
                "trouble": list(self.trouble),
            }
