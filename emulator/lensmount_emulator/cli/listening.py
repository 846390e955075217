"""What the verbs that listen have in common: ports that drive nothing, and what is told on the terminal."""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import TextIO

from lensmount_emulator.cli.ports import open_port, require_distinct
from lensmount_emulator.reports.json_lines import json_of
from lensmount_emulator.reports.lines import FIELD_INDENT, HANG, colour_of, fields_of, line_of
from lensmount_emulator.reports.story import Storyteller
from lensmount_emulator.reports.terminal import Colour, Line, line_writer, write_line
from lensmount_emulator.sessions.listening import Listener
from lensmount_emulator.sessions.live_verdict import Shortfall, Traffic, judge_listening
from lensmount_emulator.sessions.pumping import Heard, listen
from lensmount_emulator.sessions.tally import Tally
from lensmount_emulator.termination import shielded
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.clock import Clock, MonotonicClock
from lensmount_hardware.output_file import check_output
from lensmount_hardware.spec import parse_spec
from lensmount_hardware.transport import Transport, timed
from lensmount_hardware.transports.control_lines import OUTPUTS, RESTS
from lensmount_hardware.transports.reconnecting import ReconnectingTransport
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import MountError, TransportSpecError
from lensmount_protocol.wire import Burst, Drop, Edge, LineDefect, Record, Remark, Role


def teller(dialect: Dialect, form: str, every_frame: bool, out: TextIO) -> Callable[[Decoded], None]:
    """What prints events as they come.

    Args:
        dialect: what is spoken.
        form: `story` tells only what is new, `lines` one line an event, `fields` every field, `json` one object each,
            `none` prints what happened to the port and no traffic.
        every_frame: a story of all that passes.
        out: where to.
    """
    story = Storyteller(dialect.routine, every_frame)
    write = line_writer(out)

    def plain(line: Line) -> None:
        out.write(f"{line.text}\n")

    def tell(event: Decoded) -> None:
        if form == "json":
            lines = [Line(json_of(event, dialect))]
        elif isinstance(event, Remark | Drop | LineDefect):
            lines = [Line(line_of(event, dialect), colour_of(event), HANG)]
        elif form == "story":
            lines = list(story.frame(event))
        elif isinstance(event, Edge) or form == "none":
            lines = []
        else:
            lines = [Line(line_of(event, dialect), colour_of(event), HANG)]
            if form == "fields" and isinstance(event, DecodedFrame):
                lines += (Line(text, None, 2 * FIELD_INDENT) for text in fields_of(event))
        for line in lines:
            (plain if form == "json" else write)(line)
        if lines:
            out.flush()

    return tell


class Count:
    """Counts what is heard, so that a verb can say at its end what it came to."""

    def __init__(self) -> None:
        self.heard: Counter[Role] = Counter()
        self.edges = 0
        self.lost: Counter[str] = Counter()

    def __call__(self, record: Record) -> None:
        """Count one record."""
        if isinstance(record, Burst):
            self.heard[record.sender] += len(record.data)
        elif isinstance(record, Edge):
            self.edges += 1
        elif isinstance(record, Drop):
            self.lost[record.what] += record.count

    def traffic(self, sender: Role, frames: Mapping[Role, int]) -> Traffic:
        """What came from one end; `frames` are the valid frames by sender."""
        return Traffic(sender, self.heard[sender], frames[sender])

    def summary(self) -> str:
        """What was heard, in one line."""
        lost = "".join(f"; lost: {count} {what}" for what, count in self.lost.items())
        return (
            f"{self.heard[Role.BODY]} bytes of the body, {self.heard[Role.LENS]} of the lens, {self.edges} edges{lost}"
        )


class Ears:
    """Ports that are listened to, and what is made of what they hear."""

    def __init__(
        self,
        stack: ExitStack,
        dialect: Dialect,
        specs: Mapping[Role, str],
        *,
        baudrate: int | None,
        record: str | None,
        tell: Callable[[Decoded], None] | None,
        reconnect: bool,
        both_ends: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Open all ports, then make the file.

        Args:
            stack: closes them.
            dialect: what is spoken.
            specs: the end whose bytes are heard -> the port in words; a port that hears both ends stands alone.
            baudrate: the rate to listen at; `None` to follow the link.
            record: the file to write; `None` for none.
            tell: gets what it decodes to.
            reconnect: wait for ports that go away.
            both_ends: refuse a lone port that hears one end only.
            overwrite: replace an existing file.

        Raises:
            TransportSpecError: a port's description means nothing, or asks for lines to be driven; or a board, which
                hears both ends, beside another port; or one port twice.
            TransportOpenError: a port cannot be opened.
            CaptureError: the file exists or cannot be written.
        """
        for spec in specs.values():
            require_silent(spec)
        require_distinct(specs.values())
        if record is not None:
            check_output(Path(record), overwrite=overwrite)
        self.clock: Clock = MonotonicClock()
        self.count = Count()
        self._inbox: SimpleQueue[Heard] = SimpleQueue()
        self.ports: dict[Role, Transport] = {}
        for sender, spec in specs.items():
            self.ports[sender] = stack.enter_context(self._open(sender, spec, dialect, baudrate, reconnect))
        self.hears_both = [port for port in self.ports.values() if timed(port) is not None]
        if self.hears_both and len(specs) > 1:
            raise TransportSpecError(f"{self.hears_both[0].name} hears both ends; leave the other port out")
        if both_ends and len(specs) == 1 and not self.hears_both:
            alone = self.ports[next(iter(specs))].name
            raise TransportSpecError(f"{alone} hears one end only; name a second port for the lens, or a board")
        tap: Callable[[Record], None] = self.count
        if record is not None:
            heard = dict.fromkeys(Role, *specs.values()) if self.hears_both else specs
            header = {"dialect": dialect.name, "heard": {role.value: spec for role, spec in heard.items()}}
            writer = stack.enter_context(RecordingWriter(Path(record), header, overwrite=overwrite))
            tap = both(self.count, writer.write)
        self.listener = Listener(dialect, tap, tell, baudrate, keeps_windows=bool(self.hears_both))

    def introduce(self, out: TextIO) -> None:
        """Say who is heard where, and what is to be known of that port."""
        for sender, port in self.ports.items():
            who = "both ends" if self.hears_both else f"the {sender.value}"
            out.write(f"hears {who} on {port.name}\n")
            for note in port.notes:
                write_line(out, f"note: {note}", hang=6)
        out.flush()

    def shortfalls(self, seconds: float, *, may_be_silent: bool) -> list[Shortfall]:
        """What the session lacks that lasted so many seconds; each end that is listened to is expected to speak."""
        ends = list(Role) if self.hears_both else list(self.ports)
        heard = [self.count.traffic(sender, self.listener.frames) for sender in ends]
        name = self.listener.dialect.name
        return judge_listening(heard, name, seconds, lost=self.count.lost, may_be_silent=may_be_silent)

    def listen(self, seconds: float | None) -> None:
        """Listen for so many seconds, or until somebody stops it."""
        with shielded() as stopped:
            listen(self.listener, self.ports, self.clock, self._inbox, seconds, stopped)

    def _open(self, sender: Role, spec: str, dialect: Dialect, baudrate: int | None, reconnect: bool) -> Transport:
        def opened() -> Transport:
            return open_port(spec, sender.peer, dialect, baudrate, listens=True)

        if not reconnect:
            return opened()
        port = ReconnectingTransport(opened)
        # It is told in the thread that owns the port, and a queue is safe to use from there.
        port.told = lambda text: self._inbox.put((self.clock.now(), sender, text))
        return port


def report_shortfalls(shortfalls: Iterable[Shortfall], out: TextIO) -> int:
    """Print what a session lacks, a line each; gives its exit code. An error that ends the session is all there is."""
    found = [] if isinstance(sys.exc_info()[1], MountError) else list(shortfalls)
    for shortfall in found:
        write_line(out, f"failed: {shortfall.text}", Colour.ERROR, hang=8)
    out.flush()
    return 1 if found else 0


def both(first: Callable[[Record], None], second: Callable[[Record], None]) -> Callable[[Record], None]:
    """What hands a record to two takers."""

    def tap(record: Record) -> None:
        first(record)
        second(record)

    return tap


def require_silent(text: str) -> None:
    """Refuse a port to listen at that would drive a line; an output may be held where it is.

    Raises:
        TransportSpecError: its description maps an output.
    """
    spec = parse_spec(text)
    if driven := [control for control in OUTPUTS if spec.options.get(control, "active") not in RESTS]:
        told = " and ".join(f"{one}=" for one in driven)
        raise spec.error(f"who listens drives nothing; leave {told} out, or hold them: {' or '.join(RESTS)}")


def tallied(tally: Tally, tell: Callable[[Decoded], None]) -> Callable[[Decoded], None]:
    """What counts events and then tells them."""

    def take(event: Decoded) -> None:
        tally.add(event)
        tell(event)

    return take
