"""One body engine in the place of a captured body: requests in their order, and the loop pair by pair.

Nothing on the wire shows what the photographer and the camera's own control want. So the aperture, the exposure (its
delay and the length of the cycle), the focus orders, the power switch and the first number of a stream come from the
capture; they are counted as given state. Flags that the camera sets by itself are not given: the first frame with
another value than ours counts as wrong, and from then on the flag is taken to stay as the capture last showed it.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.engine_base import LoopUpdate
from lensmount_emulator.roles.emount.body.frame_loop import ECHOES_WANTED, PULSES_AHEAD
from lensmount_emulator.roles.emount.body.script import execute_extra_step
from lensmount_emulator.roles.emount.fidelity.body_link import BodyLink
from lensmount_emulator.roles.emount.fidelity.loop_frames import numbers_between
from lensmount_emulator.roles.emount.wishes import CAMERA_FLAGS
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS, build_frame
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.dialects.emount.transitions import ASLEEP
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

FAREWELL_STATE = 0x09
"""`04` f10 while a NEX-7 powers off."""

MAX_FILLED = 128
MAX_SKIPPED = 16
"""Requests that a capture may lack in a row."""

MakeBody = Callable[[bool], BodyEngine]
"""Makes the engine; the argument is whether the lens wakes from sleep."""


_WISHES = (("BodyState.aperture_target_leading", 2), ("BodyState.cycle_length", 1), ("BodyState.state", 2))


def _row_select(frame: DecodedFrame) -> tuple[int, int] | None:
    return next(((one.row_a, one.row_b) for one in frame.messages if isinstance(one, RowSelect)), None)


class BodyTrack:
    """A body engine that takes a session frame by frame.

    Attributes:
        link: the engine with the lens's side.
        gaps: places where frames are missing.
        loop_gaps: of those, places in the stream.
        given: state variable -> bytes that were taken from the capture.
    """

    def __init__(self, make_body: MakeBody, *, cold: Sequence[int], warm: Sequence[int]) -> None:
        self.gaps = self.loop_gaps = 0
        self.given: Counter[str] = Counter()
        self._make_body = make_body
        self._first = cold[0] if cold else -1
        self._cold_only = set(cold) - set(warm)
        self._link: BodyLink | None = None
        self._open: Message | None = None
        self._open_type = -1
        self._stream: list[bytes] = []
        self._last_stream: list[bytes] = []
        self._number: int | None = None
        self._wishes: tuple[int | None, ...] = (None, None, None)
        self._pending: list[DecodedFrame] = []
        self._passive = False
        self._early: DecodedFrame | None = None
        self._flags: set[tuple[type[Message], str]] = set()

    @property
    def link(self) -> BodyLink:
        """The engine with the lens's side; made on first use, warm."""
        return self._link or self._new_link(warm=True)

    def _new_link(self, *, warm: bool) -> BodyLink:
        self._link = BodyLink(self._make_body(warm))
        self._open = self._number = self._early = None
        return self._link

    def step(self, frame: DecodedFrame) -> list[FollowedReply]:
        """Take the next frame of either end; return the comparisons that it makes possible."""
        if frame.frame.class_ == LOOP_CLASS:
            if frame.sender is Role.BODY:
                return list(self._on_loop_frame(frame))
            compared = list(self._run_pair())
            self._stream.append(bytes(frame.frame.raw))
            return compared
        compared = list(self._run_pair())
        if frame.sender is Role.BODY:
            return [*compared, self._on_request(frame)]
        self._on_reply(frame)
        return compared

    def finish(self) -> list[FollowedReply]:
        """The session is over: compare the pair that still waits for its `04`."""
        return list(self._run_pair())

    def start_stream(self, replies: dict[int, Message]) -> None:
        """Let the body start with a lens that gives these replies, up to its loop: a session that is joined."""
        self._new_link(warm=False)
        while not self.link.engine.looping and (request := self.link.next_request()) is not None:
            type_ = message_type(request.messages[0])
            reply = replies.get(type_) or _usual_reply(request.messages[0])
            if reply is None:
                return
            self.link.reply(_frame(reply))

    def set_stream(self, frames: list[bytes]) -> None:
        """Set the lens's frames that come before the next pair."""
        self._stream = frames

    def _on_request(self, frame: DecodedFrame) -> FollowedReply:
        type_ = message_type(frame.messages[0])
        if self._link is None or (type_ == self._first and self._open_type >= 0):
            self._new_link(warm=type_ not in self._cold_only)
        engine = self.link.engine
        if self._open is not None and type_ != self._open_type:
            # The capture lacks the reply; the body went on, so there was one.
            self.gaps += 1
            self._answer(self._open)
        if engine.looping:
            order = frame.messages[0]
            if not (isinstance(order, StreamLayoutRequest) and not order.status_blocks and not order.focus_blocks):
                self._passive = True
                return FollowedReply(frame, None, scored=False, note="a request of the user in the stream")
            engine.spawn(execute_extra_step(engine, Step("sleep", "sleep", 0)))
            self._number = None
        elif engine.connection.state == ASLEEP:
            engine.spawn(execute_extra_step(engine, Step("wake", "wake", None)))
        self._passive = False
        return FollowedReply(frame, self._find_request(type_))

    def _find_request(self, type_: int) -> DecodedFrame | None:
        """Run the engine to its request of this type.

        The engine's requests before it are missing in the capture, and get a usual reply. A request that the engine
        leaves out is not sent; its next one waits for its turn.
        """
        for _ in range(MAX_SKIPPED):
            ours, self._early = self._early or self.link.next_request(), None
            if ours is None:
                return None
            request = ours.messages[0]
            self._open_type = message_type(request)
            self._open = request if isinstance(request, Message) else None
            if self._open_type == type_:
                return ours
            if self._comes_before(type_, self._open_type):
                self._early, self._open, self._open_type = ours, None, type_
                return None
            self.gaps += 1
            self._answer(self._open)
        return None

    def _comes_before(self, type_: int, other: int) -> bool:
        """Whether a start asks one type before another; a type that no start asks comes before each."""
        settings = self.link.engine.settings
        order = [int(text, 16) for text in (settings.warm if self.link.engine.warm else settings.cold)]
        return type_ not in order or (other in order and order.index(type_) < order.index(other))

    def _on_reply(self, frame: DecodedFrame) -> None:
        if self._passive:
            return
        if self._link is None or (self._open is None and not self.link.engine.looping):
            # The capture lacks the request.
            type_ = message_type(frame.messages[0])
            self.gaps += 1
            if self._link is None:
                self._new_link(warm=type_ not in self._cold_only)
            self._find_request(type_)
        if self._early is not None:
            # It answers a request that the engine did not send.
            return
        self._open = None
        self._number = None
        self._stream.clear()
        self.link.reply(bytes(frame.frame.raw))

    def _answer(self, request: Message | None) -> None:
        reply = _usual_reply(request)
        self._open = None
        if reply is not None:
            self.link.reply(_frame(reply))

    def _on_loop_frame(self, frame: DecodedFrame) -> Iterator[FollowedReply]:
        number = frame.frame.sequence
        if self._pending and (self._pending[0].frame.sequence != number or isinstance(frame.messages[0], BodyState)):
            yield from self._run_pair()
        self._pending.append(frame)
        if isinstance(frame.messages[0], BodyMode):
            yield from self._run_pair()

    def _run_pair(self) -> Iterator[FollowedReply]:
        """Run the engine through the pair that waits, and compare."""
        frames, self._pending = self._pending, []
        if not frames:
            return
        engine = self.link.engine
        if self._open is not None:
            # The reply that starts the stream is missing.
            self.gaps += 1
            self._answer(self._open)
        number = frames[0].frame.sequence
        if self._number is None:
            engine.pulses_before = number - PULSES_AHEAD - engine.pulses - 1
            self.given["Frame.sequence"] += 1
        else:
            self._fill(numbers_between(self._number, number))
        self._number = number
        self._give(engine, frames)
        stream = self._take_stream()
        sent = self.link.loop_pair(stream)
        engine.loop_updates.pop(engine.loop.frame - 1, None)
        for frame in frames:
            type_ = message_type(frame.messages[0])
            ours = next((one for one in sent if message_type(one.messages[0]) == type_), None)
            self._follow_flags(engine, frame.messages[0], None if ours is None else ours.messages[0])
            if ours is not None:
                self._follow_rows(engine, frame, ours)
                self._follow_cycle(engine, frame, ours)
            yield FollowedReply(frame, ours)

    def _follow_flags(self, engine: BodyEngine, captured: AnyMessage, ours: AnyMessage | None) -> None:
        """Hold the flags in which the camera differs from our body; one that it sets as ours does stays ours."""
        if not isinstance(captured, Message):
            return
        cls = type(captured)
        for name in CAMERA_FLAGS.get(cls, ()):
            value = getattr(captured, name)
            if type(ours) is cls and getattr(ours, name) != value:
                self._flags.add((cls, name))
            if (cls, name) in self._flags and engine.camera[cls].get(name) != value:
                engine.camera[cls][name] = value
                self.given[f"{cls.__name__}.{name}"] += 1

    def _follow_rows(self, engine: BodyEngine, captured: DecodedFrame, ours: DecodedFrame) -> None:
        """Go on from the row that the camera selects where it leaves its rule, as a NEX-7 does at first."""
        theirs, mine = (_row_select(frame) for frame in (captured, ours))
        if theirs is None or mine is None or theirs in (mine, None) or theirs not in engine.row_pairs:
            return
        loop, pairs = engine.loop, engine.row_pairs
        sent = pairs.index(mine, loop.row) if mine in pairs[loop.row :] else pairs.index(mine)
        is_late = pairs[sent - 1] == theirs
        ahead = next(step for step in range(1, len(pairs) + 1) if pairs[(sent + step) % len(pairs)] == theirs)
        loop.row = (sent - 1 if is_late else sent + ahead) % len(pairs)
        loop.echoes = ECHOES_WANTED - 1 if is_late else 0
        self.given["RowSelect.row_a"] += 1

    def _follow_cycle(self, engine: BodyEngine, captured: DecodedFrame, ours: DecodedFrame) -> None:
        """Go on from the cycle of the camera after a wrong phase: the frame that began another cycle may be lost."""
        theirs, mine = captured.messages[0], ours.messages[0]
        if isinstance(theirs, BodyState) and isinstance(mine, BodyState) and theirs.cycle_phase != mine.cycle_phase:
            engine.loop.phase = theirs.cycle_phase
            engine.loop.cycle = max(theirs.cycle_length, theirs.cycle_phase + 1)
            self.given["BodyState.cycle_phase"] += 1

    def hold_flags(self, frames: Sequence[DecodedFrame]) -> None:
        """Take the flags of the first frames of a session that is joined."""
        for cls, names in CAMERA_FLAGS.items():
            shown = next((one for frame in frames for one in frame.messages if type(one) is cls), None)
            if shown is not None:
                self._flags |= {(cls, name) for name in names}
                self.link.engine.camera[cls] |= {name: getattr(shown, name) for name in names}

    def _fill(self, missing: list[int]) -> None:
        if not missing or len(missing) > MAX_FILLED:
            return
        self.gaps += 1
        self.loop_gaps += 1
        for _ in missing:
            self.link.loop_pair(self._take_stream())

    def _take_stream(self) -> list[bytes]:
        """The lens's frames before the next pair; a copy of the last ones where the capture lacks them."""
        stream, self._stream = self._stream, []
        self._last_stream = stream or self._last_stream
        return self._last_stream

    def _give(self, engine: BodyEngine, frames: list[DecodedFrame]) -> None:
        """Give the engine what the capture alone shows: the exposure, the focus orders and the power switch."""
        state = next((one.messages[0] for one in frames if isinstance(one.messages[0], BodyState)), None)
        mode = next((one for one in frames if isinstance(one.messages[0], BodyMode)), None)
        orders: tuple[Message, ...] = ()
        if mode is not None:
            orders = tuple(one for one in mode.messages[1:] if isinstance(one, Message))
            for order in orders:
                self.given[f"{type(order).__name__}"] += len(order.build())
            if isinstance(mode.messages[0], BodyMode) and mode.messages[0].state == FAREWELL_STATE:
                if not engine.sending_farewell:
                    self.given["power switch"] += 1
                    self._flags.clear()
                engine.sending_farewell = True
        if isinstance(state, BodyState):
            wishes = state.aperture_target_leading, state.cycle_length, state.state
            for (name, size), wish, before in zip(_WISHES, wishes, self._wishes, strict=True):
                self.given[name] += size * (wish != before)
            self._wishes = wishes
            own = engine.loop_updates.get(engine.loop.frame, LoopUpdate()).fields
            fields = {**own, BodyState: {**own.get(BodyState, {}), "state": state.state}}
            engine.loop_updates[engine.loop.frame] = LoopUpdate(*wishes[:2], orders, fields)
        elif orders:
            engine.loop_updates[engine.loop.frame] = LoopUpdate(orders=orders)


def _frame(message: Message) -> bytes:
    return build_frame(message.build(), REQUEST_CLASS, 0)


def _usual_reply(request: object) -> Message | None:
    """A reply that lets a body go on; `None` where the dialect has none."""
    if isinstance(request, StreamLayoutRequest):
        return StreamLayoutReply(**request.values())
    cls = EMOUNT.messages.get((Role.LENS, request.TYPE)) if isinstance(request, Message) else None
    return None if cls is None else cls()
