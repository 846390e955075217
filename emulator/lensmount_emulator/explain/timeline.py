"""The facts of a session: its frames, garbage, windows, line levels and timing marks, in the order of time.

Notes in a recording are not read: a fault plan writes its own actions there, and an explanation must find them from the
traffic alone.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_emulator.explain.finding import Finding
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, EmptyWindow
from lensmount_protocol.describe import message_name
from lensmount_protocol.dialect import BaudrateNegotiation, Dialect
from lensmount_protocol.timing import Mark
from lensmount_protocol.timing_marks import TimingMarkExtractor
from lensmount_protocol.wire import Annotation, DataLoss, Defect, Edge, LineDefect, Role

MAX_EVENTS = 400_000
"""Events that an explanation reads: some minutes of a session. The first cause of a start-up is in the first second."""

MIN_LOOP_FRAMES = 2
"""Frames of the loop from each end that has one with which the loop counts as reached."""

OFF_SLACK_S = 1e-3
"""Seconds around the end of the supply in which lines fall with it."""

LEAD_S = 2e-3
"""Seconds before its first bit from which on a select line rose without a reason; the longest set-up is 1 ms."""

MIN_LINES_ONLY = 4
"""Windows of each end without a byte that show a source of lines alone; a handshake has two at most."""

MIN_USUAL = 5
OFFSET_TOLERANCE_S = 0.3e-3
"""Frames of a type that show when it is sent, and seconds by which one of them may differ."""

DUE_SLACK_US = 100.0
"""Microseconds by which a window may open before its bound."""


@dataclass
class Timeline:
    """The facts of one session, in the order of time; what is asked of it is looked up once all events are added.

    Attributes:
        dialect: its dialect.
        knowledge: what is known about the dialect's sessions.
        frames: the valid frames.
        garbage: runs of bytes that are no frame.
        windows: select windows without bytes.
        edges: line -> its edges after the supply has settled; the first record of a line that only states its level is
            not among them.
        levels: line -> every record of its level.
        marks: timing marks with their events, in the order of time.
        defects: lines that the reader of the capture could not trust.
        incomplete: number of places where the source lost something.
        start: time of the first event, in seconds; 0 without times.
        end: time of the last event.
        ended_at: when the session ended, where that is known apart from its last event.
        script: the script of the body, where it is known and nothing else acted on the session; `""` else.
        refusal: that the body gave its lens up by a rule, where the body reported it; the supply then goes off.
        cut: whether the source goes on after the last event that was read.
        order: position of a frame in the source, by its identity.
    """

    dialect: Dialect
    knowledge: SessionKnowledge
    frames: list[DecodedFrame] = field(default_factory=lambda: list[DecodedFrame]())
    garbage: list[DecodedGarbage] = field(default_factory=lambda: list[DecodedGarbage]())
    windows: list[EmptyWindow] = field(default_factory=lambda: list[EmptyWindow]())
    edges: dict[str, list[Edge]] = field(default_factory=lambda: dict[str, list[Edge]]())
    levels: dict[str, tuple[list[float], list[bool]]] = field(
        default_factory=lambda: dict[str, tuple[list[float], list[bool]]]()
    )
    marks: list[tuple[float, Mark, Decoded]] = field(default_factory=lambda: list[tuple[float, Mark, Decoded]]())
    defects: list[LineDefect] = field(default_factory=lambda: list[LineDefect]())
    incomplete: int = 0
    start: float = math.inf
    end: float = -math.inf
    ended_at: float | None = None
    script: str = ""
    refusal: Finding | None = None
    cut: bool = False
    order: dict[int, int] = field(default_factory=lambda: dict[int, int]())
    _rises: dict[str, list[float]] = field(default_factory=lambda: dict[str, list[float]]())
    _recorded: dict[Role, bool] = field(default_factory=lambda: dict[Role, bool]())
    _usual: dict[tuple[Role, int], float | None] = field(default_factory=lambda: dict[tuple[Role, int], float | None]())

    @property
    def has_times(self) -> bool:
        """Whether the source has times."""
        return self.end > -math.inf

    @property
    def has_edges(self) -> bool:
        """Whether the source has the edges of lines that delimit frames or periods."""
        return any(len(self.levels[line][0]) > 1 for line in self._delimiting_lines if line in self.levels)

    @cached_property
    def _delimiting_lines(self) -> set[str]:
        """The lines that delimit frames or periods; none where only the bytes do, as on a plain UART."""
        wiring = self.dialect.wiring
        lines = {*(line.select for line in wiring.serial), self.dialect.sync} - {""}
        if wiring.clocked is not None and wiring.clocked.acknowledge is not None:
            lines |= {wiring.clocked.acknowledge.clocking, wiring.clocked.acknowledge.clocked}
        return lines

    @property
    def is_whole(self) -> bool:
        """Whether the source holds the supply, and so every line of the mount from the start on.

        A text log or a port without that line holds a part of the lines, and may have lost some of its own.
        """
        return self.dialect.supply in self.levels and (self.has_edges or not self._delimiting_lines)

    def records_bytes(self, role: Role) -> bool:
        """Whether the source records the bytes of an end.

        An end without any byte is not recorded where the other end goes on as if it had received some.
        """
        if role not in self._recorded:
            self._recorded[role] = self._records_bytes(role)
        return self._recorded[role]

    def _records_bytes(self, role: Role) -> bool:
        if any(one.sender is role for one in self.frames) or any(one.sender is role for one in self.garbage):
            return True
        windows = [sum(one.sender is each for one in self.windows) for each in Role]
        if not self.frames:
            return min(windows) < MIN_LINES_ONLY
        asked = [first_type(one) for one in self.frames if one.sender is role.peer]
        return len(set(asked)) < 2

    def has_line(self, line: str) -> bool:
        """Whether the source records a line; a line that never moves has no record in a source that is whole."""
        return line in self.levels or self.is_whole

    def level(self, line: str, at: float) -> bool | None:
        """The level of a line at a time; `None` where it is not known."""
        known = self.levels.get(line)
        if known is None:
            return None
        index = bisect_right(known[0], at) - 1
        return None if index < 0 else known[1][index]

    def rises(self, line: str) -> list[float]:
        """The times at which a line went high, the first record of its level included if it states high."""
        if line not in self._rises:
            rises = self._changes(line, True)
            self._rises[line] = [at for at in rises if at > self.start] if self.begins_in_loop else rises
        return self._rises[line]

    @cached_property
    def begins_in_loop(self) -> bool:
        """Whether the source begins in the loop, under supply: first levels are no events, first bytes a rest."""
        supplied = self.level(self.dialect.supply, self.start) is True
        return supplied and any(self._in_loop(one) for one in self.frames[:1])

    def falls(self, line: str) -> list[float]:
        """The times at which a line went low after it was high."""
        return self._changes(line, False)

    def _changes(self, line: str, wanted: bool) -> list[float]:
        times, levels = self.levels.get(line, ([], []))
        before: bool | None = None if wanted else False
        found: list[float] = []
        for at, level in zip(times, levels, strict=True):
            if level is wanted and before is not wanted:
                found.append(at)
            before = level
        return found

    def is_settling(self, at: float) -> bool:
        """Whether the supply came on so short a time before that lines may glitch."""
        rises = self.rises(self.dialect.supply)
        index = bisect_right(rises, at) - 1
        return index >= 0 and at - rises[index] < self.dialect.power_settling_s

    def lost_between(self, begin: float, end: float) -> bool:
        """Whether the supply went off or the lens came off between two times."""
        index = bisect_left(self.losses, begin - OFF_SLACK_S)
        return index < len(self.losses) and self.losses[index] <= end

    @cached_property
    def ordered_detach(self) -> float | None:
        """When the last step of the script took the lens off; `None` where it did not, or where anything follows."""
        steps = [" ".join(step.split()) for step in self.script.split(";") if step.strip()]
        opened = [edge for edge in self.edges.get(self.dialect.detect, []) if edge.level]
        orders = tuple(f"{order} " for order in self.knowledge.detaching_steps)
        if not opened or not steps or not f"{steps[-1]} ".startswith(orders):
            return None
        at = opened[-1].at
        returns = self.level(self.dialect.detect, math.inf) is False
        return None if returns or (self.frame_times and self.frame_times[-1] > at) else at

    @cached_property
    def losses(self) -> list[float]:
        """When the supply went off or the lens came off."""
        off = [edge.at for edge in self.edges.get(self.dialect.supply, []) if not edge.level]
        off += [edge.at for edge in self.edges.get(self.dialect.detect, []) if edge.level]
        return sorted(off)

    @cached_property
    def stops(self) -> list[float]:
        """When the loop was ended on order, or the supply or the lens went away."""
        ordered = [one.at for one in self.frames if one.at is not None and self.knowledge.stops_loop(one)]
        return sorted([*ordered, *self.losses])

    @cached_property
    def frame_times(self) -> list[float]:
        """The time of each frame; 0 for one without."""
        return [frame.at or 0.0 for frame in self.frames]

    @cached_property
    def _garbage_times(self) -> dict[Role, list[float]]:
        return {
            role: sorted(run.at for run in self.garbage if run.sender is role and run.at is not None) for role in Role
        }

    def next_garbage(self, sender: Role, at: float) -> float:
        """The first time from `at` on at which an end sent bytes that are no frame; infinite for none."""
        times = self._garbage_times[sender]
        index = bisect_left(times, at)
        return times[index] if index < len(times) else math.inf

    @cached_property
    def _frames_by_role(self) -> dict[Role, tuple[list[int], list[float], list[DecodedFrame]]]:
        """The frames of each end, with their positions in the source and their times."""
        found: dict[Role, tuple[list[int], list[float], list[DecodedFrame]]] = {}
        for role in Role:
            frames = [one for one in self.frames if one.sender is role]
            found[role] = [self.order[id(one)] for one in frames], [one.at or 0.0 for one in frames], frames
        return found

    def frame_before(self, sender: Role, order: int) -> DecodedFrame | None:
        """The last frame of an end before a position in the source; `None` for none."""
        orders, _, frames = self._frames_by_role[sender]
        index = bisect_left(orders, order) - 1
        return None if index < 0 else frames[index]

    def next_frame_time(self, sender: Role, at: float) -> float | None:
        """The time of the first frame of an end after a time; `None` for none."""
        _, times, _ = self._frames_by_role[sender]
        index = bisect_right(times, at)
        return times[index] if index < len(times) else None

    @cached_property
    def first_frame_time(self) -> float:
        """The time of the first frame; infinite without any."""
        return min((frame.at for frame in self.frames if frame.at is not None), default=math.inf)

    @cached_property
    def agreed_rates(self) -> list[tuple[int, int]]:
        """The rates that both ends agreed on, each with the index of the frame that accepts it."""
        negotiation = BaudrateNegotiation(self.dialect.parse_baudrate_message)
        found: list[tuple[int, int]] = []
        for index, frame in enumerate(self.frames):
            agreed = negotiation.observe(frame.sender, frame.frame.class_, frame.messages)
            if agreed is not None:
                found.append((index, agreed))
        return found

    def next_fall(self, line: str, at: float) -> float | None:
        """The first time from `at` on at which a line is recorded as low."""
        times, levels = self.levels.get(line, ([], []))
        for index in range(bisect_left(times, at), len(times)):
            if not levels[index]:
                return times[index]
        return None

    def last_rise(self, line: str, at: float) -> float | None:
        """The last time until `at` at which a line is recorded as high."""
        times, levels = self.levels.get(line, ([], []))
        for index in range(bisect_right(times, at) - 1, -1, -1):
            if levels[index]:
                return times[index]
        return None

    def in_handshake(self, at: float) -> bool:
        """Whether the select lines may move without bytes: before the first frame, and after some messages."""
        index = bisect_right(self.frame_times, at) - 1
        before = self.frames[index] if index >= 0 else None
        if before is None or before.at is None:
            return True
        rises = self.rises(self.dialect.supply)
        started = bisect_right(rises, at) - 1
        if started >= 0 and rises[started] > before.at:
            return True
        return first_type(before) in self.knowledge.silent_after

    def was_due(self, sender: Role, opened: float, type_: int | None) -> bool:
        """Whether a window that opens at a time is one that the contract lets an end open there, for a frame."""
        usual = self._is_usual(sender, opened, type_)
        if usual is not None:
            return usual
        wanted = (
            ("open", sender.value, "any" if type_ is None else f"{type_:#04x}"),
            ("open", sender.value, f"class {self._find_class(sender, type_)}"),
        )
        rules = [
            rule for rule in self.dialect.timing
            if rule.end[:2] == ("open", sender.value) and (rule.end in wanted or type_ is None)
        ]  # fmt: skip
        for rule in rules:
            start = self._last_mark(rule.start, opened)
            if start is not None and rule.minimum_us - DUE_SLACK_US <= (opened - start) * 1e6 <= rule.maximum_us:
                return True
        if sender is Role.LENS and not rules:
            index = bisect_right(self._body_ends, opened) - 1
            return index >= 0 and (opened - self._body_ends[index]) * 1e6 <= self.knowledge.reply_us
        return False

    @cached_property
    def _body_ends(self) -> list[float]:
        return [one.end for one in self.frames if one.sender is Role.BODY and one.end is not None]

    @cached_property
    def sync_falls(self) -> list[float]:
        """The pulses of frame sync."""
        return [edge.at for edge in self.edges.get(self.dialect.sync, []) if not edge.level]

    def _is_usual(self, sender: Role, opened: float, type_: int | None) -> bool | None:
        """Whether a frame of the loop opens its window as long after frame sync as most frames of its type do.

        `None` where too few frames of the type show when that is.
        """
        sync = self.sync_falls
        if type_ is None or not sync or type_ not in self._loop_types:
            return None
        if (sender, type_) not in self._usual:
            self._usual[sender, type_] = self._usual_offset(sender, type_)
        usual = self._usual[sender, type_]
        index = bisect_right(sync, opened) - 1
        return None if usual is None or index < 0 else abs(opened - sync[index] - usual) < OFFSET_TOLERANCE_S

    def _usual_offset(self, sender: Role, type_: int) -> float | None:
        """Seconds after frame sync at which most frames of a type open their window; `None` for too few frames."""
        sync = self.sync_falls
        offsets: list[float] = []
        for frame in self.frames:
            lead = (frame.at or 0.0) - (frame.opened or 0.0)
            if frame.sender is sender and first_type(frame) == type_ and frame.opened is not None and lead < LEAD_S:
                index = bisect_right(sync, frame.opened) - 1
                offsets += [frame.opened - sync[index]] if index >= 0 else []
        return sorted(offsets)[len(offsets) // 2] if len(offsets) >= MIN_USUAL else None

    @cached_property
    def _loop_types(self) -> set[int | None]:
        return {first_type(one) for frames in self.loop_frames.values() for one in frames}

    def _find_class(self, sender: Role, type_: int | None) -> int | None:
        return self._classes.get((sender, type_))

    @cached_property
    def _classes(self) -> dict[tuple[Role, int | None], int | None]:
        found: dict[tuple[Role, int | None], int | None] = {}
        for one in self.frames:
            found.setdefault((one.sender, first_type(one)), one.frame.class_)
        return found

    @cached_property
    def shortest_frames(self) -> dict[Role, int]:
        """Bytes of the shortest frame of each end; 1 for an end without any."""
        return {
            role: min((len(one.frame.raw) for one in self.frames if one.sender is role), default=1) for role in Role
        }

    def _last_mark(self, mark: Mark, until: float) -> float | None:
        times = self._times_by_mark.get(mark, [])
        index = bisect_right(times, until) - 1
        return None if index < 0 else times[index]

    @cached_property
    def _times_by_mark(self) -> dict[Mark, list[float]]:
        found: dict[Mark, list[float]] = {}
        for at, one, _ in self.marks:
            found.setdefault(one, []).append(at)
        return found

    @cached_property
    def loop_frames(self) -> dict[Role, list[DecodedFrame]]:
        """The frames of the loop, by their sender."""
        return {role: [one for one in self.frames if one.sender is role and self._in_loop(one)] for role in Role}

    def _in_loop(self, frame: DecodedFrame) -> bool:
        return self.knowledge.is_loop(frame)

    @property
    def loop_since(self) -> float | None:
        """When each end with a loop had sent frames of it; `None` where one did not, infinite without times."""
        loops = [self.loop_frames[role] for role in self.dialect.streaming_roles]
        if any(len(frames) < MIN_LOOP_FRAMES for frames in loops):
            return None
        times = [frames[MIN_LOOP_FRAMES - 1].at for frames in loops]
        return math.inf if None in times else max(at for at in times if at is not None)

    def name(self, type_: int | None, sender: Role) -> str:
        """The name of a message in explanations, which write `the` before it: `descriptor request (08)`, `message`."""
        if type_ is None:
            return "message"
        known = self.knowledge.names.get(type_) if sender is Role.BODY else None
        kind = self.dialect.messages.get((sender, type_))
        words = known or ("" if kind is None else split_name(kind.__name__.removesuffix(f"{type_:02X}")))
        return f"{words} ({type_:02X})" if words else f"message {type_:02X}"


def split_name(name: str) -> str:
    """`DescriptorRequest` as `descriptor request`."""
    words: list[str] = []
    for letter in name:
        if (letter.isupper() and words and not (len(words[-1]) and words[-1][-1].isupper())) or (
            letter.isdigit() and words and not words[-1][-1:].isdigit()
        ):
            words.append(letter)
        elif words:
            words[-1] += letter
        else:
            words.append(letter)
    return " ".join(words).lower()


def first_type(frame: DecodedFrame) -> int | None:
    """Type of the first message of a frame."""
    payload = frame.frame.payload
    return payload[0] if payload else None


def type_names(frame: DecodedFrame) -> str:
    """The names of a frame's messages."""
    return " + ".join(message_name(message) for message in frame.messages)


def read_timeline(events: Iterable[Decoded], dialect: Dialect, knowledge: SessionKnowledge) -> Timeline:
    """Collect the facts of a session from its decoded events, which must be in the order of time."""
    timeline = Timeline(dialect, knowledge)
    finder = TimingMarkExtractor(dialect)
    limited = iter(events)
    for number, event in enumerate(islice(limited, MAX_EVENTS)):
        _add(timeline, event, number)
        # A select line that rose long before its frame rose for another reason.
        early = isinstance(event, DecodedFrame) and (event.at or 0.0) - (event.opened or event.at or 0.0) > LEAD_S
        timeline.marks += [(at, mark, event) for at, mark in finder.marks(event) if not (early and mark[0] == "open")]
    timeline.cut = next(limited, None) is not None
    if timeline.begins_in_loop:
        timeline.garbage = [one for one in timeline.garbage if one.at is None or one.at > timeline.start + LEAD_S]
        timeline.marks = [one for one in timeline.marks if one[0] > timeline.start or not isinstance(one[2], Edge)]
    timeline.marks.sort(key=lambda item: item[0])
    _select_edges(timeline)
    return timeline


def _add(timeline: Timeline, event: Decoded, number: int) -> None:
    times: Sequence[float | None]
    if isinstance(event, DecodedFrame):
        timeline.frames.append(event)
        timeline.order[id(event)] = number
        times = (event.at, event.end, event.closed)
    elif isinstance(event, DecodedGarbage):
        timeline.garbage.append(event)
        timeline.order[id(event)] = number
        times = (event.at,)
    elif isinstance(event, EmptyWindow):
        timeline.windows.append(event)
        times = (event.opened, event.closed)
    elif isinstance(event, Edge):
        known = timeline.levels.setdefault(event.line, ([], []))
        known[0].append(event.at)
        known[1].append(event.level)
        times = (event.at,)
    else:
        if isinstance(event, LineDefect) and event.defect is not Defect.POLLED:
            timeline.defects.append(event)
        if isinstance(event, DataLoss) or (isinstance(event, Annotation) and event.incomplete):
            timeline.incomplete += 1
        # A note is no traffic: it may stand after the last byte or edge.
        times = ()
    for at in times:
        if at is not None:
            timeline.start, timeline.end = min(timeline.start, at), max(timeline.end, at)


def _select_edges(timeline: Timeline) -> None:
    dialect = timeline.dialect
    # Glitches of power-on are on signal lines; a contact or a rail that bounces then is a fault.
    contacts = (dialect.supply, dialect.detect, *dialect.rails)
    for line, (times, levels) in timeline.levels.items():
        before: bool | None = None
        found: list[Edge] = []
        for at, level in zip(times, levels, strict=True):
            if before is not None and level is not before and (line in contacts or not timeline.is_settling(at)):
                found.append(Edge(at, line, level))
            before = level
        timeline.edges[line] = found
    if not timeline.has_times:
        timeline.start = 0.0
