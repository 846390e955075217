"""The ports and the terminal output that the listening verbs share. The ports drive nothing."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from lensmount_emulator.cli.ports import open_port, require_distinct
from lensmount_emulator.reports.event_json import event_to_json
from lensmount_emulator.reports.event_text import (
    FIELD_INDENT,
    HANG,
    EventNarrator,
    event_colour,
    format_event,
    format_fields,
)
from lensmount_emulator.reports.printable import Colour, Line, line_writer, write_line
from lensmount_emulator.sessions.listener import Listener
from lensmount_emulator.sessions.port_reader import PortEvent, run_listeners
from lensmount_emulator.sessions.traffic_stats import TrafficStats
from lensmount_emulator.sessions.verdict import Shortfall, Traffic, evaluate_listening
from lensmount_emulator.termination import shielded
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.output_file import check_output
from lensmount_hardware.port_spec import parse_spec
from lensmount_hardware.transport import Transport, as_timed
from lensmount_hardware.transports.control_lines import HELD_LEVELS, OUTPUTS
from lensmount_hardware.transports.reconnecting import ReconnectingTransport
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError, TransportSpecError
from lensmount_protocol.wire import Annotation, Burst, DataLoss, Edge, LineDefect, Role, WireRecord


def event_printer(dialect: Dialect, form: str, every_frame: bool, out: TextIO) -> Callable[[Decoded], None]:
    """What prints events as they come.

    Args:
        dialect: the dialect.
        form: `summary` prints only what is new, `lines` one line an event, `fields` every field, `json` one object
            each, `none` prints what happened to the port and no traffic.
        every_frame: whether `summary` prints every frame.
        out: where to.
    """
    scenario = EventNarrator(dialect.routine, every_frame)
    write = line_writer(out)

    def plain(line: Line) -> None:
        out.write(f"{line.text}\n")

    def print_event(event: Decoded) -> None:
        if form == "json":
            lines = [Line(event_to_json(event, dialect))]
        elif isinstance(event, Annotation | DataLoss | LineDefect):
            lines = [Line(format_event(event, dialect), event_colour(event), HANG)]
        elif form == "summary":
            lines = list(scenario.frame(event))
        elif isinstance(event, Edge) or form == "none":
            lines = []
        else:
            lines = [Line(format_event(event, dialect), event_colour(event), HANG)]
            if form == "fields" and isinstance(event, DecodedFrame):
                lines += (Line(text, None, 2 * FIELD_INDENT) for text in format_fields(event))
        for line in lines:
            (plain if form == "json" else write)(line)
        if lines:
            out.flush()

    return print_event


class RecordCounter:
    """Counts the records, for the summary at the end."""

    def __init__(self) -> None:
        self.received: Counter[Role] = Counter()
        self.edges = 0
        self.lost: Counter[str] = Counter()

    def __call__(self, record: WireRecord) -> None:
        """Count one record."""
        if isinstance(record, Burst):
            self.received[record.sender] += len(record.data)
        elif isinstance(record, Edge):
            self.edges += 1
        elif isinstance(record, DataLoss):
            self.lost[record.what] += record.count

    def traffic(self, sender: Role, frames: Mapping[Role, int]) -> Traffic:
        """What came from one end; `frames` are the valid frames by sender."""
        return Traffic(sender, self.received[sender], frames[sender])

    def summary(self) -> str:
        """Return the counts as one line."""
        lost = "".join(f"; lost: {count} {what}" for what, count in self.lost.items())
        return (
            f"{self.received[Role.BODY]} bytes of the body, {self.received[Role.LENS]} of the lens, {self.edges} "
            f"edges{lost}"
        )


class ListeningPorts:
    """Ports that are listened to, and the decoding of what they receive."""

    def __init__(
        self,
        stack: ExitStack,
        dialect: Dialect,
        specs: Mapping[Role, str],
        *,
        baudrate: int | None,
        record: str | None,
        on_decoded: Callable[[Decoded], None] | None,
        reconnect: bool,
        both_ends: bool = False,
        overwrite: bool = False,
        on_record: Callable[[WireRecord], None] | None = None,
    ) -> None:
        """Open all ports, then make the file.

        Args:
            stack: closes them.
            dialect: the dialect.
            specs: the sending end -> the port spec; a port that receives both ends stands alone.
            baudrate: the rate to listen at; `None` to follow the link.
            record: the file to write; `None` for none.
            on_decoded: gets what it decodes to.
            reconnect: wait for ports that go away.
            both_ends: refuse a lone port that receives one end only.
            overwrite: replace an existing file.
            on_record: gets each record, after it was counted.

        Raises:
            TransportSpecError: a port's description means nothing, or asks for lines to be driven; or a board, which
                receives both ends, beside another port; or one port twice.
            TransportOpenError: a port cannot be opened.
            CaptureError: the file exists or cannot be written.
        """
        for spec in specs.values():
            require_listen_only(spec)
        require_distinct(specs.values())
        if record is not None:
            check_output(Path(record), overwrite=overwrite)
        self.clock: Clock = MonotonicClock()
        self.count = RecordCounter()
        self._inbox: SimpleQueue[PortEvent] = SimpleQueue()
        self.ports: dict[Role, Transport] = {}
        for sender, spec in specs.items():
            self.ports[sender] = stack.enter_context(self._open(sender, spec, dialect, baudrate, reconnect))
        self.receives_both = [port for port in self.ports.values() if as_timed(port) is not None]
        if self.receives_both and len(specs) > 1:
            raise TransportSpecError(f"{self.receives_both[0].name} receives both ends; leave the other port out")
        if both_ends and len(specs) == 1 and not self.receives_both:
            alone = self.ports[next(iter(specs))].name
            raise TransportSpecError(f"{alone} receives one end only; name a second port for the lens, or a board")
        tap: Callable[[WireRecord], None] = self.count if on_record is None else tee(self.count, on_record)
        if record is not None:
            received = dict.fromkeys(Role, *specs.values()) if self.receives_both else specs
            header = {"dialect": dialect.name, "ports": {role.value: spec for role, spec in received.items()}}
            writer = stack.enter_context(RecordingWriter(Path(record), header, overwrite=overwrite))
            tap = tee(tap, writer.write)
        self.listener = Listener(dialect, tap, on_decoded, baudrate, keeps_windows=bool(self.receives_both))

    def print_header(self, out: TextIO) -> None:
        """Print which port receives which end, and the notes of each port."""
        for sender, port in self.ports.items():
            who = "both ends" if self.receives_both else f"the {sender.value}"
            out.write(f"receives {who} on {port.name}\n")
            for note in port.notes:
                write_line(out, f"note: {note}", hang=6)
        out.flush()

    def shortfalls(self, seconds: float, *, may_be_silent: bool) -> list[Shortfall]:
        """What the session lacks that lasted so many seconds; each end that is listened to is expected to speak."""
        ends = list(Role) if self.receives_both else list(self.ports)
        received = [self.count.traffic(sender, self.listener.frames) for sender in ends]
        name = self.listener.dialect.name
        return evaluate_listening(received, name, seconds, lost=self.count.lost, may_be_silent=may_be_silent)

    def listen(self, seconds: float | None, stop_when: Callable[[], bool] = lambda: False) -> None:
        """Listen for so many seconds, or until the user stops it or `stop_when` is true."""
        with shielded() as stopped:

            def ends() -> bool:
                return stopped() or stop_when()

            run_listeners(self.listener, self.ports, self.clock, self._inbox, seconds, ends)

    def _open(self, sender: Role, spec: str, dialect: Dialect, baudrate: int | None, reconnect: bool) -> Transport:
        def opened() -> Transport:
            return open_port(spec, sender.peer, dialect, baudrate, listens=True)

        if not reconnect:
            return opened()
        port = ReconnectingTransport(opened)
        # The notice comes in the thread that owns the port, and a queue is safe to use from there.
        port.on_notice = lambda text: self._inbox.put((self.clock.now(), sender, text))
        return port


def report_shortfalls(shortfalls: Iterable[Shortfall], out: TextIO) -> int:
    """Print what a session lacks, a line each; gives its exit code. An error that ends the session is all there is."""
    found = [] if isinstance(sys.exc_info()[1], MountError) else list(shortfalls)
    for shortfall in found:
        write_line(out, f"failed: {shortfall.text}", Colour.ERROR, hang=8)
    out.flush()
    return 1 if found else 0


def tee(first: Callable[[WireRecord], None], second: Callable[[WireRecord], None]) -> Callable[[WireRecord], None]:
    """Return a function that passes a record to two functions."""

    def tap(record: WireRecord) -> None:
        first(record)
        second(record)

    return tap


def require_listen_only(text: str) -> None:
    """Refuse a port to listen at that would drive a line; an output may be held where it is.

    Raises:
        TransportSpecError: its description maps an output.
    """
    spec = parse_spec(text)
    if driven := [control for control in OUTPUTS if spec.options.get(control, "active") not in HELD_LEVELS]:
        line = " and ".join(f"{one}=" for one in driven)
        raise spec.error(f"who listens drives nothing; leave {line} out, or hold them: {' or '.join(HELD_LEVELS)}")


def count_and_forward(stats: TrafficStats, on_decoded: Callable[[Decoded], None]) -> Callable[[Decoded], None]:
    """Return a callback that counts events and then forwards them."""

    def take(event: Decoded) -> None:
        stats.add(event)
        on_decoded(event)

    return take
