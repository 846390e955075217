"""Replays the body of a Fuji G capture to the lens engine, word by word at the captured times.

At the start of each burst the engine's loaded unit is compared with the captured one. The capture gives the state at
its beginning and the turns of the rings; everything else is the engine's own. A capture that begins in a session is
joined at the end of that session.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import msgspec

from lensmount_emulator.comparison.follower import DeviceProfile
from lensmount_emulator.comparison.score import FidelityResult, Score, match_frames
from lensmount_emulator.engine.script import Step
from lensmount_emulator.roles.fuji_g.lens import APERTURE_RING_BIT, FOCUS_RING_BIT, TURN_SHIFT, LensEngine
from lensmount_emulator.roles.fuji_g.motion import way_of_move
from lensmount_emulator.roles.fuji_g.profile import LensSettings
from lensmount_protocol.decoder import Decoded, DecodedFrame, Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.lines import BIT_RATE, FOCUS_BUSY, IRIS_BUSY, SUPPLY
from lensmount_protocol.dialects.fuji_g.link import BodyNull, LensAcknowledge, LensBlock, LensEmptyBlock, LensNull
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE
from lensmount_protocol.errors import CaptureError, DialectError
from lensmount_protocol.timing_marks import measure_events
from lensmount_protocol.wire import Burst, DriveLine, Edge, LineChanged, Received, Role, Transmit, WireRecord

SAME_MOMENT_S = 1e-3
"""The busy lines rise together with the supply."""

UNEXPLAINED_BITS = 0x0800
"""The bit of the status that keeps its value in each capture."""

POSITION_TOLERANCE = 4
"""Units by which the position at the end of a move may differ."""

PATH_TOLERANCE = 0.03
"""Share of a move by which a position in between may differ."""


@dataclass(slots=True)
class WordScore:
    """Units of the lens by kind.

    Attributes:
        expected: kind -> units in the capture.
        exact: kind -> units that are equal to the bit.
        late: units that were not loaded when the clock started.
        ends: positions after a move that are within `POSITION_TOLERANCE`, and all of them.
        paths: positions during a move that are within `PATH_TOLERANCE` of its length, and all of them.
        given: values that the capture gives, by name.
    """

    expected: Counter[str] = field(default_factory=lambda: Counter[str]())
    exact: Counter[str] = field(default_factory=lambda: Counter[str]())
    late: int = 0
    ends: list[int] = field(default_factory=lambda: [0, 0])
    paths: list[int] = field(default_factory=lambda: [0, 0])
    given: Counter[str] = field(default_factory=lambda: Counter[str]())


def replay_words(
    records: Sequence[WireRecord], dialect: Dialect, profile: DeviceProfile
) -> tuple[FidelityResult, WordScore]:
    """Replay the body of a capture to the lens of a profile; return the result, and the score by kind of unit.

    Raises:
        CaptureError: the capture holds no whole session.
        DialectError: the profile is no lens.
    """
    settings = profile.settings
    if not isinstance(settings, LensSettings):
        raise DialectError(f"the words of a body are replayed to a lens, and {type(settings).__name__} is none")
    captured = list(Decoder(dialect).decode(records))
    run = _Replay(captured, settings)
    run.play()
    score = Score("lens", requests=len(run.body))
    frames = [event for event in Decoder(dialect).decode(run.ours) if isinstance(event, DecodedFrame)]
    match_frames(score, run.scored, [frame for frame in frames if frame.sender is Role.LENS], ())
    played: list[Decoded] = [*frames, *run.made_edges]
    score.timing = measure_events(played, dialect)
    return FidelityResult(score, captured, played), run.score


def find_supply(frames: Sequence[DecodedFrame], edges: Sequence[Edge]) -> float | None:
    """Return when the supply of a capture rises: both busy lines rise with it; `None` where it is on from the start.

    Args:
        frames: the frames of both ends; the supply rises before the first one.
        edges: all edges.
    """
    rises = {
        line: [edge.at for edge in edges if edge.line == line and edge.level and edge.at > 0]
        for line in (FOCUS_BUSY, IRIS_BUSY)
    }
    first = min((frame.at or 0.0 for frame in frames), default=0.0)
    return next(
        (
            at
            for at in rises[FOCUS_BUSY]
            if at < first and any(abs(at - other) < SAME_MOMENT_S for other in rises[IRIS_BUSY])
        ),
        None,
    )


class _Replay:
    def __init__(self, captured: Sequence[Decoded], settings: LensSettings) -> None:
        frames = [event for event in captured if isinstance(event, DecodedFrame) and event.at is not None]
        self.body = [frame for frame in frames if frame.sender is Role.BODY]
        self.lens = {frame.at: frame for frame in frames if frame.sender is Role.LENS}
        self.edges = [event for event in captured if isinstance(event, Edge)]
        if not self.body or not self.lens:
            raise CaptureError("the capture has no words of both ends")
        self.score = WordScore()
        self.ours: list[WireRecord] = []
        self.made_edges: list[Edge] = []
        self.scored: list[DecodedFrame] = []
        self._last_status = 0
        self._turn_code = 0
        self._move: tuple[int, int] = (0, 0)
        supply = find_supply(frames, self.edges)
        self.starts_cold = supply is not None
        self.engine = LensEngine(self._given_settings(settings))
        self.engine.start(0.0)
        if supply is None:
            self._join()
        else:
            self.made_edges.append(Edge(supply, SUPPLY, True))
            self.engine.receive(LineChanged(SUPPLY, True), supply)

    def play(self) -> None:
        """Feed the body's units, and compare the lens's."""
        loaded = b""
        first = 0 if self.starts_cold else self._first_session()
        for frame in self.body[first:]:
            at, end = frame.at or 0.0, frame.end or 0.0
            self._operate(frame, at)
            loaded = self._run_to(at, loaded)
            theirs = self.lens.get(frame.at)
            if theirs is not None:
                self._compare(theirs, loaded, frame)
                self.ours += [
                    Burst(at, Role.BODY, frame.frame.raw, BIT_RATE, end, whole=True),
                    Burst(at, Role.LENS, loaded or bytes(len(frame.frame.raw)), BIT_RATE, end, whole=True),
                ]
            loaded = b""
            self._run_to(end, b"")
            self.engine.receive(Received(frame.frame.raw), end)
        if not self.scored:
            raise CaptureError("the capture has no whole session")

    def _replies(self) -> Iterator[c.StatusReply | c.PositionReply | c.IrisStepReply | LensBlock]:
        for frame in self.lens.values():
            message = frame.messages[0]
            if isinstance(message, c.StatusReply | c.PositionReply | c.IrisStepReply | LensBlock):
                yield message

    def _given_settings(self, settings: LensSettings) -> LensSettings:
        """The profile with the state at the beginning of the capture: position, iris step, unexplained status bits."""
        given: dict[str, object] = {}
        for message in self._replies():
            if isinstance(message, c.PositionReply) and "focus" not in given:
                lower, upper = settings.focus.lower, settings.focus.upper
                value = min(max(message.value, lower), upper)
                given["focus"] = msgspec.structs.replace(settings.focus, initial=value)
            elif isinstance(message, c.StatusReply) and "status_bits" not in given:
                given["status_bits"] = message.value & UNEXPLAINED_BITS
                self._turn_code = message.value >> TURN_SHIFT & 7
            elif isinstance(message, c.IrisStepReply) and "iris" not in given:
                step = min(message.value >> 8, settings.iris.steps)
                given["iris"] = msgspec.structs.replace(settings.iris, initial=step)
            elif isinstance(message, LensBlock) and "serial_number" not in given:
                given["serial_number"] = message.serial_number.rstrip(b"\0").decode("ascii", "replace")
        for frame in self.lens.values():
            reply = frame.messages[0]
            if isinstance(reply, c.TemperatureReply) and "temperature" not in given:
                given["temperature"] = reply.value
            elif isinstance(reply, c.ApertureRingReply) and reply.value and "ring_index" not in given:
                given["ring_index"] = reply.value
            elif isinstance(reply, c.FocusRingReply) and "first_turn" not in given:
                given["first_turn"] = reply.value
        start = self._start_of_first_move(settings)
        if start is not None:
            given["focus"] = msgspec.structs.replace(settings.focus, initial=start)
        self.score.given.update(given.keys())
        return msgspec.structs.replace(settings, **given)

    def _start_of_first_move(self, settings: LensSettings) -> int | None:
        """The position before a move that no reading precedes, by the duration of the busy line; else `None`."""
        speed, target = settings.focus.speed, None
        for frame in self.body:
            message, at = frame.messages[0], frame.at or 0.0
            if isinstance(message, c.PositionRequest):
                return None
            if isinstance(message, c.FocusSpeedCommand):
                speed = min(float(message.argument), settings.focus.speed)
            elif isinstance(message, c.FocusTargetCommand):
                target = message.argument
            elif isinstance(message, c.ExecuteCommand) and target is not None:
                falls = next((e.at for e in self.edges if e.line == FOCUS_BUSY and not e.level and e.at > at), None)
                rises = next(
                    (e.at for e in self.edges if e.line == FOCUS_BUSY and e.level and e.at > (falls or at)), None
                )
                if falls is None or rises is None:
                    return None
                way = round(way_of_move(rises - falls, speed, settings.focus.acceleration))
                before, after = target - way, target + way
                return before if before >= settings.focus.lower else min(after, settings.focus.upper)
        return None

    def _join(self) -> None:
        """Bring the engine between two sessions of a lens that has long started."""
        self.engine.join(0.0)
        self.engine.turn_code = self._turn_code

    def _first_session(self) -> int:
        """Index of the body's first unit after a session has ended."""
        for index, frame in enumerate(self.body[:-2]):
            if isinstance(frame.messages[0], BodyNull) and self.body[index + 1].frame.class_ == ACKNOWLEDGE:
                return index + 2
        raise CaptureError("the capture has no whole session")

    def _operate(self, frame: DecodedFrame, at: float) -> None:
        """Turn the rings as the captured status shows it, before the body asks for that status."""
        if not isinstance(frame.messages[0], c.StatusRequest):
            return
        status = self._next_value(c.StatusReply, at)
        if status is None:
            return
        appeared = status & ~self._last_status
        self._last_status = status
        if appeared & FOCUS_RING_BIT and self.engine.is_started:
            turn = self._next_value(c.FocusRingReply, at) or 0
            self.engine.operate_control(Step("turn", f"turn {turn}", turn), at)
            self.score.given["turn"] += 1
        if appeared & APERTURE_RING_BIT and self.engine.is_started:
            index = self._next_value(c.ApertureRingReply, at) or 0
            self.engine.operate_control(Step("ring", f"ring {index}", index), at)
            self.score.given["ring"] += 1

    def _next_value(self, kind: type[c.StatusReply | c.FocusRingReply | c.ApertureRingReply], at: float) -> int | None:
        for when, frame in self.lens.items():
            if (when or 0.0) >= at and isinstance(frame.messages[0], kind):
                value: int = frame.messages[0].value
                return value
        return None

    def _run_to(self, at: float, loaded: bytes) -> bytes:
        """Run the engine's timers up to a time; return what it has loaded then."""
        while True:
            for action in self.engine.actions():
                if isinstance(action, Transmit):
                    loaded = action.data
                elif isinstance(action, DriveLine):
                    self.made_edges.append(Edge(self.engine.now, action.line, action.level))
            deadline = self.engine.next_deadline()
            if deadline is None or deadline > at:
                return loaded
            self.engine.handle_deadline(deadline)

    def _compare(self, theirs: DecodedFrame, loaded: bytes, asked: DecodedFrame) -> None:
        self.scored.append(theirs)
        kind = _kind(theirs)
        self.score.expected[kind] += 1
        self.score.late += not loaded
        self.score.exact[kind] += loaded == theirs.frame.raw
        message = theirs.messages[0]
        if isinstance(message, c.FocusTargetEcho):
            self._move = (round(self.engine.focus.position(asked.at or 0.0)), message.value)
        if isinstance(message, c.PositionReply) and len(loaded) == len(theirs.frame.raw):
            ours = int.from_bytes(loaded[:2], "big", signed=True)
            way = abs(self._move[1] - self._move[0])
            moving = self._last_status & 1 and not self.engine.levels.get(FOCUS_BUSY, False)
            if moving:
                self.score.paths[0] += abs(ours - message.value) <= max(PATH_TOLERANCE * way, POSITION_TOLERANCE)
                self.score.paths[1] += 1
            else:
                self.score.ends[0] += abs(ours - message.value) <= POSITION_TOLERANCE
                self.score.ends[1] += 1


_READS = {
    c.StatusReply: "status",
    c.PositionReply: "position",
    c.IrisStepReply: "iris step",
    c.Query09Reply: "09.0",
    c.TemperatureReply: "temperature",
    c.MoveResultReply: "move result",
    c.ApertureRingReply: "aperture ring",
    c.FocusRingReply: "focus ring",
}


def _kind(frame: DecodedFrame) -> str:
    """The kind of a unit of the lens."""
    message = frame.messages[0]
    if isinstance(message, LensAcknowledge):
        return "acknowledge"
    if isinstance(message, LensNull):
        return "null"
    if isinstance(message, LensBlock | LensEmptyBlock):
        return "block"
    return next((name for cls, name in _READS.items() if isinstance(message, cls)), "echo")
