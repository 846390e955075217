"""One lens engine in the place of a captured lens: each captured frame is a step, and a lost frame is replaced.

The engine's clock is the captured lens: each pair of the capture costs one frame-sync pulse. Numbers of body frames
show what the capture lacks; a copy of the last `03` with the missing number takes the place of a lost one.
"""

from collections import deque

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.roles.emount.fidelity.lens_link import LensLink
from lensmount_emulator.roles.emount.fidelity.loop_frames import number_before, numbers_between, renumbered_frame
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS, build_frame
from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply, StreamLayoutRequest
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role

COLD_START = 0x01
"""Type of the first request after power-up."""

MAX_FILLED = 128
"""Pairs that a gap may lack; a greater distance of two numbers means frames out of order."""


class LensTrack:
    """A lens engine that takes a session frame by frame.

    Attributes:
        link: the engine with the body's side.
        gaps: places where frames of the body are missing.
        loop_gaps: of those, places in the stream.
        filled: frames of the body that were made in the place of lost ones.
    """

    def __init__(self, engine: Engine) -> None:
        self.link = LensLink(engine)
        self.gaps = self.loop_gaps = 0
        self.filled = 0
        self._stream: deque[DecodedFrame] = deque()
        self._replies: deque[DecodedFrame] = deque()
        self._state: DecodedFrame | None = None
        self._mode: DecodedFrame | None = None
        self._number: int | None = None
        self._pulsed = False
        self._asked = False

    def step(self, frame: DecodedFrame) -> FollowedReply | None:
        """Take the next frame of either end; return the comparison if it is one of the lens."""
        if frame.sender is Role.BODY:
            if frame.frame.class_ == REQUEST_CLASS:
                self._on_request(frame)
            else:
                self._on_loop_frame(frame)
            return None
        if frame.frame.class_ == LOOP_CLASS:
            return self._on_stream_frame(frame)
        return self._on_reply(frame)

    def start_stream(self, status_blocks: int, focus_blocks: int) -> None:
        """Power the lens up and let it stream these blocks: a session that begins in the middle."""
        self.link.power_up()
        order = StreamLayoutRequest(status_blocks=status_blocks, focus_blocks=focus_blocks)
        self.link.request(build_frame(order.build(), REQUEST_CLASS, 0), is_layout=True)

    def warm_up(self, state: DecodedFrame, mode: DecodedFrame | None, numbers: list[int]) -> None:
        """Run pairs with copies of a body's frames before the first one of the capture.

        Args:
            state: the first `03` of the capture.
            mode: the first `04`; `None` where there is none.
            numbers: the numbers of the pairs, in order, up to the one before that `03`.
        """
        for place, number in enumerate(numbers):
            self.link.pulse()
            self.link.loop_frame(renumbered_frame(state.messages, number, phase_steps=place - len(numbers)))
            if mode is not None:
                self.link.loop_frame(renumbered_frame(mode.messages[:1], number))
        self._state, self._mode, self._number, self._pulsed = state, mode, numbers[-1], False

    def _on_request(self, frame: DecodedFrame) -> None:
        self._send_request(message_type(frame.messages[0]), bytes(frame.frame.raw))

    def _send_request(self, type_: int, raw: bytes) -> None:
        if self.link.is_off or (type_ == COLD_START and self._asked):
            self.link.power_up()
        elif self.link.is_asleep:
            self.link.wake()
        self._asked = True
        is_layout = type_ == StreamLayoutRequest.TYPE
        if is_layout:
            self._state = self._mode = self._number = None
            self._pulsed = False
            self._stream.clear()
        self._replies.clear()
        for sent in self.link.request(raw, is_layout=is_layout):
            (self._replies if sent.frame.class_ == REQUEST_CLASS else self._stream).append(sent)

    def _on_reply(self, frame: DecodedFrame) -> FollowedReply:
        if self._replies:
            return FollowedReply(frame, self._replies.popleft())
        type_ = message_type(frame.messages[0])
        request = EMOUNT.messages.get((Role.BODY, type_))
        if request is None:
            return FollowedReply(frame, None)
        # The capture lacks the request: the one that asks for this reply takes its place.
        self.gaps += 1
        self.filled += 1
        reply = frame.messages[0]
        message = request(**reply.values()) if isinstance(reply, StreamLayoutReply) else request()
        self._send_request(type_, build_frame(message.build(), REQUEST_CLASS, 0))
        ours = self._replies.popleft() if self._replies else None
        return FollowedReply(frame, ours, scored=False, note=f"the capture lacks the request {type_:02X}")

    def _on_loop_frame(self, frame: DecodedFrame) -> None:
        number = frame.frame.sequence
        if isinstance(frame.messages[0], BodyState):
            self._fill_up_to(number, including=False)
            if self._state is not None and not self._pulsed:
                # The lens sent a pair that the capture lacks.
                self._pulse()
            self._state, self._number, self._pulsed = frame, number, False
        elif isinstance(frame.messages[0], BodyMode):
            self._fill_up_to(number, including=True)
            self._mode = frame
        self.link.loop_frame(bytes(frame.frame.raw))

    def _on_stream_frame(self, frame: DecodedFrame) -> FollowedReply:
        ours = self._take(frame)
        if ours is None:
            answered = number_before(frame.frame.sequence)
            if answered is not None:
                self._fill_up_to(answered, including=True)
            self._pulse()
            ours = self._take(frame)
        return FollowedReply(frame, ours)

    def _take(self, frame: DecodedFrame) -> DecodedFrame | None:
        """Our frame of the same kind in the current pair; what precedes it the capture lacks.

        A frame of the pair before the last `03` fits only by its number: a log may print it late.
        """
        kinds = {message_type(message) for message in frame.messages}
        for place, ours in enumerate(self._stream):
            fits = self._pulsed or self._state is None or ours.frame.sequence == frame.frame.sequence
            if fits and kinds & {message_type(message) for message in ours.messages}:
                for _ in range(place + 1):
                    self._stream.popleft()
                return ours
        return None

    def _pulse(self) -> None:
        self._stream.clear()
        self._stream.extend(self.link.pulse())
        self._pulsed = True

    def _fill_up_to(self, number: int, *, including: bool) -> None:
        """Send frames in the place of lost ones, up to this number."""
        if self._number is None or self._state is None or self._number == number:
            return
        missing = numbers_between(self._number, number)
        missing += [number] if including else []
        if len(missing) > MAX_FILLED or not missing:
            return
        self.gaps += 1
        self.loop_gaps += 1
        for lost in missing:
            if not self._pulsed:
                self._pulse()
            self.filled += 1
            self._number, self._pulsed = lost, False
            self.link.loop_frame(self._copy(self._state, lost))
            if self._mode is not None and (lost != number or not including):
                self.link.loop_frame(renumbered_frame(self._mode.messages[:1], lost))

    def _copy(self, state: DecodedFrame, number: int) -> bytes:
        steps = len(numbers_between(state.frame.sequence, number)) + 1
        return renumbered_frame(state.messages, number, phase_steps=steps)
