"""A capture file as decoded traffic: its frames, messages, timing and statistics, read from the file on demand."""

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_emulator.traffic.read_columns import columns_of_events, notebook_view
from lensmount_hardware.captures.capture import Capture, Progress, no_progress
from lensmount_hardware.captures.declared_dialect import declared_dialect
from lensmount_hardware.captures.formats import open_capture as open_records
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder, OrderedDecoder
from lensmount_protocol.describe import html_table
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import limit_list
from lensmount_protocol.message import Message
from lensmount_protocol.timing import MARK_LOOK_AHEAD, TimingAnalyzer, TimingResult
from lensmount_protocol.timing_marks import TimingMarkExtractor
from lensmount_protocol.wire import WireRecord

if TYPE_CHECKING:
    from lensmount_emulator.traffic.event_columns import EventColumns

DEFAULT_DIALECT = "emount"
"""The dialect of a capture that declares none."""

MAX_GAPS = 5
"""Maximum number of missing parts that a verdict names."""

M = TypeVar("M", bound=Message)


class DecodedCapture:
    """A capture of any known format.

    Iterating gives its decoded events in the order of time. Each iteration reads the file again in bounded memory, so
    a capture of any length can be used more than once. `statistics` and `timing` read it once and keep the result.

    Attributes:
        path: the file, or the folder that Logic 2 exported.
        format: name of its format.
        dialect: the dialect that it is decoded as.
        declared: the dialect that the file declares; `None` where it declares none.
        resolution: seconds between the samples of a logic capture; `None` where the file has none.
    """

    def __init__(
        self,
        path: Path,
        dialect: Dialect,
        declared: str | None,
        channels: Mapping[str, str],
        samplerate: float | None,
        progress: Progress = no_progress,
    ) -> None:
        self.path = path
        self.dialect = dialect
        self.declared = declared
        self._channels = dict(channels)
        self._samplerate = samplerate
        self._progress = progress
        self._results: tuple[TrafficStats, list[TimingResult]] | None = None
        capture = self._open()
        self.format = capture.format
        self.resolution = capture.resolution

    def __iter__(self) -> Iterator[Decoded]:
        """Yield every decoded event in the order of time: frames, garbage, edges, annotations.

        Raises:
            CaptureError: the file is damaged.
        """
        return OrderedDecoder(Decoder(self.dialect)).decode(self.records())

    def records(self) -> Iterator[WireRecord]:
        """Yield the bytes and edges of the file, before any decoding.

        Raises:
            CaptureError: the file is damaged.
        """
        return self._open().records

    def frames(self) -> Iterator[DecodedFrame]:
        """Yield the valid frames: `at`, `sender`, `baudrate` and `messages` of each."""
        return (event for event in self if isinstance(event, DecodedFrame))

    def messages(self, kind: type[M]) -> Iterator[tuple[DecodedFrame, M]]:
        """Yield the messages of a class, each with the frame that carries it."""
        return ((frame, one) for frame in self.frames() for one in frame.messages if isinstance(one, kind))

    def to_columns(self) -> "EventColumns":
        """Read the file once; return its traffic as numpy arrays: lines, rows, fields.

        Raises:
            CaptureError: the file is damaged.
        """
        return columns_of_events(self.dialect, self)

    def to_dataframe(self, fields: Iterable[str] = ()) -> Any:
        """Read the file once; return its frames, garbage and notes as a dataframe of polars or pandas.

        Args:
            fields: fields to add as columns, as `Message.field`.

        Raises:
            CaptureError: the file is damaged.
            DialectError: a field is unknown, or neither library is installed.
        """
        return self.to_columns().to_dataframe(fields)

    def plot(
        self, fields: Iterable[str] = (), lines: Iterable[str] = (), *, within: tuple[float, float] | None = None
    ) -> Any:
        """Read the file once; draw fields and lines over time with matplotlib.

        Args:
            fields: fields, as `Message.field`. Without fields and lines the focus of the lens and all lines are drawn.
            lines: lines of the mount.
            within: only this time, in seconds.

        Returns:
            A `matplotlib.figure.Figure`: `figure.savefig("plot.svg")`.

        Raises:
            CaptureError: the file is damaged, or there is nothing to draw.
            DialectError: a field or line is unknown, a field holds no numbers, or matplotlib is not installed.
        """
        return self.to_columns().plot(fields, lines, within=within, title=self.path.name)

    @property
    def statistics(self) -> TrafficStats:
        """Counts over all of the traffic: frames, bytes, bytes in no frame, missing parts of the file."""
        return self._measured()[0]

    @property
    def timing(self) -> list[TimingResult]:
        """Every rule of the dialect's timing contract as the capture keeps it, with its `violations`."""
        return self._measured()[1]

    @property
    def problems(self) -> list[str]:
        """Why the capture cannot be trusted as a whole, one line each; empty where every byte is explained.

        The file is incomplete, is of another dialect, holds no frame, or holds frames that are not understood.
        """
        return capture_problems(self.statistics, self.declared, assumed=False)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path.name!r}: {self.format}, {self.dialect.name}>"

    def _repr_html_(self) -> str:
        counts = sorted(self.statistics.frames.items(), key=lambda item: -item[1][0])
        frames = ((sender, types, count, size) for (sender, types), (count, size) in counts)
        caption = f"{self.path.name}: {self.format}, {self.dialect.name}; {self.statistics.summary()}"
        table = html_table(caption, ("sender", "message types", "frames", "bytes"), frames, len(counts))
        return table + notebook_view(self.to_columns, self.path.name)

    def _open(self) -> Capture:
        return open_records(
            self.path,
            self.dialect.wiring,
            channels=self._channels,
            progress=self._progress,
            samplerate=self._samplerate,
        )

    def _measured(self) -> tuple[TrafficStats, list[TimingResult]]:
        if self._results is None:
            tally, meter = TrafficStats(self.dialect), TimingAnalyzer(self.dialect.timing, MARK_LOOK_AHEAD)
            finder = TimingMarkExtractor(self.dialect, meter.wanted)
            # Counts need no order of time, and the analyzer sorts by itself.
            for event in Decoder(self.dialect).decode(self.records()):
                tally.add(event)
                meter.add_marks(finder.marks(event))
            self._results = tally, meter.finish()
        return self._results


def open_capture(
    path: str | PathLike[str],
    dialect: str | Dialect | None = None,
    *,
    channels: Mapping[str, str] | None = None,
    samplerate: float | None = None,
    progress: Progress = no_progress,
) -> DecodedCapture:
    """Open a capture file of any known format; its content decides the format.

    Args:
        path: the file, or a folder that Logic 2 exported.
        dialect: the dialect, by name or as an object; `None` for what the file declares, else `emount`.
        channels: line -> channel, for a logic capture with other channel names: `{"RXD": "3"}`.
        samplerate: samples a second, for a capture of samples that does not hold it.
        progress: takes the fraction of the file that has been read, each time that it is read.

    Raises:
        CaptureError: the file is missing, unreadable, empty, of no known format, or damaged.
        DialectError: the dialect is unknown.
    """
    file = Path(fspath(path))
    declared = declared_dialect(file)
    if not isinstance(dialect, Dialect):
        dialect = load_dialect(dialect or declared or DEFAULT_DIALECT)
    return DecodedCapture(file, dialect, declared, channels or {}, samplerate, progress)


def capture_problems(stats: TrafficStats, declared: str | None, *, assumed: bool) -> list[str]:
    """Why a capture is not verified, one line each; empty where it is.

    Args:
        stats: the counts over the whole capture.
        declared: the dialect that the file declares.
        assumed: neither the caller nor the file named the dialect.
    """
    wrong = reading_problems(stats, declared, assumed=assumed)
    nowhere, total = sum(stats.garbage.values()), stats.total
    if stats.valid and nowhere * 2 > total:
        wrong.append(f"{nowhere} of {total} bytes are in no frame: another rate or dialect, or a bad line")
    if not stats.all_frames_verified:
        wrong.append(f"{stats.valid - min(stats.typed, stats.rebuilt)} frames are not typed or not rebuilt")
    if stats.violation_count:
        wrong.append(f"{stats.violation_count} rules between frames are broken, the first {stats.violations[0]}")
    return wrong


def reading_problems(
    stats: TrafficStats, declared: str | None, *, assumed: bool, needs_bytes: bool = True
) -> list[str]:
    """Why a capture was not read as a whole, or holds nothing, one line each.

    Args:
        stats: as for `capture_problems`.
        declared: as for `capture_problems`.
        assumed: as for `capture_problems`.
        needs_bytes: a capture of lines alone holds nothing.
    """
    name = stats.dialect.name
    wrong = limit_list([f"incomplete: {gap}" for gap in stats.gaps], MAX_GAPS)
    if declared is not None and declared != name:
        wrong.append(f"the file declares the dialect {declared}, and was read as {name}")
    nowhere = sum(stats.garbage.values())
    if not stats.valid and (nowhere or needs_bytes):
        wrong.append(f"none of {nowhere} bytes is in a frame" if nowhere else "nothing to verify: no byte in it")
        if nowhere and assumed:
            wrong.append(f"is this {name}? no dialect is declared; name it with --dialect")
    return wrong
