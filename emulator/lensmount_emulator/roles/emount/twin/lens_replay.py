"""Replays the body of an E-mount session to a lens engine frame by frame, without wires and times.

Free-running: the engine gets the frames of the body and the number of pairs. Where a session begins in the middle, it
joins: it takes its state from the first pairs, and those do not count. After a gap in the numbers of the body it keeps
its state, and takes a phase again where that improves two pairs in a row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from msgspec import Struct

from lensmount_emulator.engine.field_rules import split_name
from lensmount_emulator.engine.rule_player import RulePlayer
from lensmount_emulator.engine.twin_traits import Reply, Session
from lensmount_emulator.roles.emount.lens import commands, focus_orders, stream
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role

JOIN_PAIRS = 3
"""Pairs from which an engine that joins takes its state."""

MAX_LOST = 64
"""Lost pulses that are played one by one; after more of them the models stand still anyway."""

JOINED_PAIR = 1000
"""Number of the first pair of a session that begins in the middle: far beyond every start list."""


@dataclass(slots=True)
class Pair:
    """The frames of a captured pair.

    Attributes:
        status: its `05`; `None` where the capture lost it.
        focus: its `06`.
        ours: our messages, once they are made.
    """

    status: DecodedFrame | None = None
    focus: DecodedFrame | None = None
    ours: dict[type[Message], list[Message]] = field(default_factory=lambda: dict[type[Message], list[Message]]())
    number: int = 0
    sequence: int = 0

    @property
    def frames(self) -> list[DecodedFrame]:
        """The frames that the capture has."""
        return [frame for frame in (self.status, self.focus) if frame is not None]


def group_pairs(frames: Sequence[DecodedFrame]) -> dict[int, Pair]:
    """Group the stream frames of a lens into pairs; returns index of a frame -> its pair."""
    pairs: dict[int, Pair] = {}
    current = Pair()
    for index, frame in enumerate(frames):
        if frame.sender is not Role.LENS or frame.frame.class_ != LOOP_CLASS:
            continue
        if any(isinstance(one, LensStatus) for one in frame.messages):
            current = Pair(status=frame)
        elif current.status is not None and not current.focus and _number(current.status) == _number(frame):
            current.focus = frame
        else:
            current = Pair(focus=frame)
        pairs[index] = current
    return pairs


def _right_fields(pair: Pair, ours: Sequence[Message]) -> int:
    """Fields of a captured pair that our messages give."""
    by_class = {type(message): message for message in ours}
    return sum(
        getattr(message, spec.name) == getattr(by_class[type(message)], spec.name)
        for frame in pair.frames
        for message in frame.messages
        if isinstance(message, Message) and type(message) in by_class
        for spec in message.FIELDS
    )


def _number(frame: DecodedFrame) -> int:
    return frame.frame.sequence


def pulses_between(before: int, number: int) -> int:
    """Pulses from one number of the body to another: the least count, as 0xF0..0xFF travel as 0x80..0x8F."""
    firsts = (before, before + 0x70) if 0x80 <= before < 0x90 else (before,)
    lasts = (number, number + 0x70) if 0x80 <= number < 0x90 else (number,)
    return min((last - first - 1) % 256 + 1 for first in firsts for last in lasts)


def replay_lens(settings: Struct, session: Session, given: bool) -> Iterator[Reply]:
    """Replay a session to a lens; yields a reply for each captured frame of the lens.

    Args:
        settings: the lens.
        session: the capture.
        given: take the states of the profile from the captured frames.
    """
    assert isinstance(settings, LensSettings)
    yield from _LensReplay(settings, given).run(session.frames)


class _LensReplay:
    def __init__(self, settings: LensSettings, given: bool) -> None:
        self.lens = LensEngine(settings)
        self.states = {name: split_name(state.field) for name, state in settings.state.items()} if given else {}
        self.request: AnyMessage | None = None
        self.body_number: int | None = None
        self.pairs = 0
        self.joining = 0
        self.relocks = self.started = False
        self.fitting: set[tuple[str, int]] = set()

    def run(self, frames: Sequence[DecodedFrame]) -> Iterator[Reply]:
        pairs = group_pairs(frames)
        for index, frame in enumerate(frames):
            if frame.sender is Role.BODY:
                self._take(frame)
            elif index in pairs:
                yield self._stream_reply(frame, pairs[index])
            else:
                yield self._answer(frame)

    def _take(self, frame: DecodedFrame) -> None:
        if frame.frame.class_ != LOOP_CLASS:
            self.request = frame.messages[0] if frame.messages else None
            return
        lens = self.lens
        self._count_pulses(frame.frame.sequence)
        lens.stream.on_loop_frame(frame.frame.sequence)
        lens.inputs.take(frame.messages)
        for message in frame.messages:
            focus_orders.handle_command(lens, message)

    def _count_pulses(self, number: int) -> None:
        """Play the pairs that the capture lost between two pulses of the body."""
        lens = self.lens
        before, self.body_number = self.body_number, number
        if before == number:
            return
        if lens.stream.running and before is not None:
            lost = pulses_between(before, number) - self.pairs
            self.relocks = self.relocks or lost != 0
            for _ in range(min(MAX_LOST, lost)):
                lens.stream.next_pair()
                stream.make_pair(lens)
        self.pairs = 0

    def _stream_reply(self, frame: DecodedFrame, pair: Pair) -> Reply:
        lens = self.lens
        if not pair.ours:
            if not lens.stream.running:
                self._join(pair)
            lens.stream.next_pair()
            self.pairs += 1
            self.joining = max(0, self.joining - 1)
            if self.joining:
                self._follow(pair)
            self._give(pair)
            status, focus = stream.make_pair(lens)
            pair.ours = {LensStatus: status, FocusStatus: focus}
            pair.number, pair.sequence = lens.stream.frame, lens.stream.sequence
            if self.relocks and lens.player is not None:
                self.relock(lens.player, pair)
        kind = LensStatus if frame is pair.status else FocusStatus
        ours = pair.ours[kind]
        if kind is FocusStatus and pair.number < lens.settings.focus_skips:
            ours = []
        inputs = lens.inputs.inputs(pair.number, pair.sequence)
        return Reply(frame, list(ours), pair.sequence, pair.number, inputs, joins=self.joining > 0)

    def relock(self, player: RulePlayer, pair: Pair) -> None:
        """Take another value of a phase where it improves two pairs in a row: a gap may have moved a cycle."""
        inputs = self.lens.inputs.inputs(pair.number, pair.sequence)
        ours = [message for messages in pair.ours.values() for message in messages]
        right = _right_fields(pair, ours)
        better: set[tuple[str, int]] = set()
        for name, value in player.other_phases():
            before, player.phases[name] = player.phases[name], value
            copies = [replace(message) for message in ours if isinstance(message, LensStatus | FocusStatus)]
            player.apply(copies, inputs)
            if _right_fields(pair, copies) > right:
                better.add((name, value))
            player.phases[name] = before
        both = better & self.fitting
        self.fitting = better
        if both:
            name, value = min(both)
            player.phases[name] = value
            self.fitting = set()

    def _answer(self, frame: DecodedFrame) -> Reply:
        lens, request = self.lens, self.request
        reply = None if request is None else commands.reply_to(lens, request, frame.frame.class_)
        if isinstance(request, StreamLayoutRequest) and isinstance(frame.messages[0], StreamLayoutReply):
            if request.status_blocks or request.focus_blocks:
                lens.begin_stream(request.status_blocks, request.focus_blocks)
                self.body_number, self.pairs = None, 0
                # A cycle may begin elsewhere after a sleep.
                self.relocks = self.relocks or self.started
                self.started = True
            else:
                lens.stream.end()
                lens.rows.clear()
        return Reply(frame, [] if reply is None else [reply], 0, -1, {})

    def _join(self, pair: Pair) -> None:
        """Begin a stream in the middle of a session."""
        lens = self.lens
        lens.begin_stream(LensStatus.DEFAULT_BLOCKS, FocusStatus.DEFAULT_BLOCKS)
        lens.stream.frame = JOINED_PAIR
        if self.body_number is not None:
            lens.stream.on_loop_frame(self.body_number)
        else:
            lens.stream.sequence = pair.frames[0].frame.sequence - 1 & 0xFF
            lens.stream.on_loop_frame(lens.stream.sequence)
        self.joining = JOIN_PAIRS + 1
        self.relocks = True

    def _follow(self, pair: Pair) -> None:
        """Take the state of a captured pair: row pair, aperture, focus position."""
        lens = self.lens
        for message in (one for frame in pair.frames for one in frame.messages):
            if isinstance(message, LensStatus):
                lens.rows.shown = (message.row_index_a, message.row_index_b)
                lens.iris.current = message.aperture
                lens.iris.goal = max(
                    lens.iris.widest + lens.iris.offset,
                    min(lens.iris.narrowest + lens.iris.offset, message.aperture_next),
                )
            elif isinstance(message, FocusStatus):
                lens.motor.hold_position(float(lens.stream.frame))
                lens.motor.start = lens.motor.clamp(message.planned_position)

    def _give(self, pair: Pair) -> None:
        player = self.lens.player
        if player is None or not self.states:
            return
        for name, (owner, field_name) in self.states.items():
            for message in (one for frame in pair.frames for one in frame.messages):
                if type(message).__name__ == owner:
                    player.given[name] = int(getattr(message, field_name))
