"""The pages of a lens: handlers of their orders, joint correction profiles, and runs of focus set points.

Page orders are answered like other orders; page reports follow when they are due. A lens that follows set points runs
to each at the speed that reaches it in time; its error, from acceleration, top speed or backlash, is in the report.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Protocol

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.models.optics import breathing_scales, correction
from lensmount_emulator.roles.lmount.ids import CIRCLE_MM, CIRCLES
from lensmount_emulator.roles.lmount.lens.commands import make_rejection
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_protocol.dialects.lmount.extensions import (
    FAST_FOCUS,
    FRACTION,
    MAX_POINT_RATE_HZ,
    UNSCALED,
    BreathingCompensatedMove,
    CorrectionProfile,
    FocusSequence,
    FocusSequenceReport,
    FocusSequenceStop,
    MeasuredPoint,
    ProfileRequest,
    extension_message_class,
    parse_extension,
)
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionCommand, ExtensionId, ExtensionReport
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM
from lensmount_protocol.dialects.lmount.framing import EVENT
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.dialects.lmount.types import CorrectionKind, Outcome, RejectionCode
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MAX_ERROR = 32_767


class FocusActuator(Protocol):
    """The focus drive interface of a page; position 0 is the far end, times are seconds."""

    @property
    def upper(self) -> int:
        """The near end, in steps."""
        ...

    def set_target(self, target: int, now: float, speed: float = 0.0) -> float:
        """Run to a target, at most this many steps a second; returns the time of arrival."""
        ...

    def position(self, now: float) -> int:
        """Return its position, in steps."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedPoint:
    """A set point with its time.

    Attributes:
        frame: number of its frame.
        at: time within that frame, in 1/65536.
        due: the same time, in seconds.
        position: target of the focus, in steps.
    """

    frame: int
    at: int
    due: float
    position: int


@dataclass(slots=True)
class FastFocus:
    """A current run of set points.

    Attributes:
        focus: the focus drive.
        scales: field of view from the far end to the near end, in 1/32768; empty if the lens does not know it.
        sequence: number of the run.
        waiting: remaining set points.
    """

    focus: FocusActuator
    scales: Sequence[int] = ()
    sequence: int = 0
    waiting: deque[PlannedPoint] = field(default_factory=lambda: deque[PlannedPoint]())
    _measured: list[MeasuredPoint] = field(default_factory=lambda: list[MeasuredPoint]())

    @property
    def next_deadline(self) -> float | None:
        """Time of the next set point, in seconds; `None` if none waits."""
        return self.waiting[0].due if self.waiting else None

    def follow(self, sequence: int, points: Sequence[PlannedPoint], now: float) -> None:
        """Follow these set points: after the waiting ones, if the run continues, otherwise instead of them."""
        if sequence != self.sequence:
            self.cancel()
        self.sequence = sequence
        idle = not self.waiting
        self.waiting.extend(points)
        if idle:
            self._move_to_next(now)

    def cancel(self) -> None:
        """Drop the remaining set points; the drive ends at its current target."""
        self.waiting.clear()
        self._measured.clear()

    def advance(self, now: float) -> list[FocusSequenceReport]:
        """Measure the due set points; returns the reports of complete frames."""
        reports: list[FocusSequenceReport] = []
        while self.waiting and self.waiting[0].due <= now:
            point = self.waiting.popleft()
            self._measured.append(self._measure(point))
            if not self.waiting or self.waiting[0].frame != point.frame:
                left = min(255, len(self.waiting))
                reports.append(
                    FocusSequenceReport(run=self.sequence, frame=point.frame, left=left, points=self._measured)
                )
                self._measured = []
            self._move_to_next(point.due)
        return reports

    def scale_at(self, position: int) -> int:
        """Return the field of view at a position, interpolated between the nearest two known values."""
        if not self.scales:
            return UNSCALED
        place = max(0.0, min(1.0, position / max(1, self.focus.upper))) * (len(self.scales) - 1)
        below = min(int(place), max(0, len(self.scales) - 2))
        above = min(below + 1, len(self.scales) - 1)
        return round(self.scales[below] + (self.scales[above] - self.scales[below]) * (place - below))

    def _measure(self, point: PlannedPoint) -> MeasuredPoint:
        position = self.focus.position(point.due)
        error = max(-MAX_ERROR, min(MAX_ERROR, position - point.position))
        return MeasuredPoint(at=point.at, position=position, error=error, scale=self.scale_at(position))

    def _move_to_next(self, now: float) -> None:
        if not self.waiting:
            return
        point = self.waiting[0]
        distance = abs(point.position - self.focus.position(now))
        if distance:
            self.focus.set_target(point.position, now, distance / max(point.due - now, 1e-6))


MAX_WAITING_POINTS = 255
MISFIT_PERCENT = 25
"""Loss of a profile's confidence for each requested value without data; modelled."""

ROUNDED = 0.01
"""Difference between sensors and image circles of one format, from the makers' rounding."""

MIN_POINT_INTERVAL_S = 0.999 / MAX_POINT_RATE_HZ
"""Minimum interval of set points; the thousandth allows for rounded fractions of a frame."""

Correct = Callable[[CorrectionKind, float, int, int, float], list[int]]
"""Kind, zoom position (0 to 1), focal length in µm, distance in mm, f-number -> coefficients in 1/32768, in the
order of `POWERS`, with r = 1 at the edge of the image circle."""

POWERS = {
    CorrectionKind.DISTORTION: (0, 2, 4, 6),
    CorrectionKind.LATERAL_COLOUR: (0, 2, 0, 2),
    CorrectionKind.VIGNETTING: (2, 4, 6),
}
"""Powers of r of the coefficients of a profile: r' = (r + a r³ + b r⁵ + c r⁷) / (1 + v) of distortion,
r' = r (1 + p + q r²) of red, then of blue, 1 + a r² + b r⁴ + c r⁶ of the light that is left."""


class FrameClock(Protocol):
    """The frame signal at the lens."""

    @property
    def frame(self) -> int:
        """Number of the current frame; below 0 before the first."""
        ...

    @property
    def frame_at(self) -> float:
        """Time of its beginning, in seconds."""
        ...

    @property
    def period(self) -> float:
        """Seconds between two frames; 0 while unknown."""
        ...


@dataclass(frozen=True, slots=True)
class ExtensionOptics:
    """The optical data for a joint profile.

    Attributes:
        focal_um: shortest and longest focal length.
        nearest_mm: nearest distance.
        aperture: widest and smallest aperture, in Av/256.
        circle_um: diameter of the image circle.
        correct: computes the lens's own corrections.
    """

    focal_um: tuple[int, int]
    nearest_mm: int
    aperture: tuple[int, int]
    circle_um: int
    correct: Correct


@dataclass(slots=True)
class LensExtensions:
    """The data of a lens that its pages use.

    Attributes:
        optics: data for joint corrections.
        clock: the frame signal.
        fast_focus: state of fast focus; `None` for a lens without a focus drive.
        now: current time, in seconds.
    """

    optics: ExtensionOptics
    clock: FrameClock
    fast_focus: FastFocus | None = None
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class ExtensionReply:
    """Result of a page's order.

    Attributes:
        reply: the order's own answer.
        reports: reports that follow at once.
    """

    reply: CommandDone | CommandRejected
    reports: Sequence[ExtensionReport] = ()


class _RefusedError(Exception):
    """A page order is refused, with a code and the number of the field that causes it."""

    def __init__(self, code: RejectionCode, field_number: int = 0) -> None:
        super().__init__(code.name)
        self.code = code
        self.field_number = field_number


_command_handlers = HandlerTable[LensExtensions, list[Message]]()


def handle_extension_command(
    lens: LensExtensions, order: ExtensionCommand, agreed: Sequence[ExtensionId], now: float
) -> ExtensionReply:
    """Execute an order of a page; returns exactly one answer for any content."""
    lens.now = now
    if order.page not in {page.number for page in agreed}:
        return _refusal(order, RejectionCode.NOT_AGREED)
    if not order.content or extension_message_class(order.page, Role.BODY, order.content[0]) is None:
        return _refusal(order, RejectionCode.UNKNOWN_MESSAGE)
    try:
        contents = _command_handlers(lens, parse_extension(order.page, Role.BODY, order.content))
    except FrameError:
        return _refusal(order, RejectionCode.DAMAGED)
    except _RefusedError as why:
        return _refusal(order, why.code, why.field_number)
    if contents is None:
        return _refusal(order, RejectionCode.NOT_ABLE)
    reports = [ExtensionReport(page=order.page, content=content.build()) for content in contents]
    return ExtensionReply(CommandDone(number=order.number, order=order.TYPE, outcome=Outcome.DONE), reports)


def poll_extension_reports(lens: LensExtensions, extension: int, now: float) -> list[ExtensionReport]:
    """Return the lens's own reports on the page of fast focus for set points that are due."""
    reports = lens.fast_focus.advance(now) if lens.fast_focus is not None else []
    return [ExtensionReport(page=extension, content=report.build()) for report in reports]


def _refusal(order: ExtensionCommand, code: RejectionCode, field_number: int = 0) -> ExtensionReply:
    return ExtensionReply(CommandRejected(number=order.number, order=order.TYPE, code=code, field_number=field_number))


@_command_handlers.on(ProfileRequest)
def _profile(lens: LensExtensions, request: ProfileRequest) -> list[Message]:
    """Return the profile of the nearest setting with data, with its coefficients scaled to the sensor's corner."""
    optics = lens.optics
    for number, side_um in ((5, request.sensor_width_um), (6, request.sensor_height_um)):
        if not side_um:
            raise _RefusedError(RejectionCode.OUT_OF_RANGE, number)
    min_focal, max_focal = optics.focal_um
    focal = max(min_focal, min(max_focal, request.focal_length_um))
    distance = max(optics.nearest_mm, min(INFINITY_MM, request.distance_mm))
    aperture = max(optics.aperture[0], min(optics.aperture[1], request.aperture))
    reach = math.hypot(request.sensor_width_um, request.sensor_height_um) / optics.circle_um
    if abs(reach - 1) <= ROUNDED:
        reach = 1.0
    misfits = (focal != request.focal_length_um) + (distance != request.distance_mm)
    misfits += (aperture != request.aperture) + (reach > 1)
    place = (focal - min_focal) / (max_focal - min_focal) if max_focal > min_focal else 0.5
    tables = [
        _scale_to_corner(min(1.0, reach), kind, optics.correct(kind, place, focal, distance, 2 ** (aperture / 512)))
        for kind in POWERS
    ]
    profile = CorrectionProfile(
        request=request.request,
        focal_length_um=focal,
        distance_mm=distance,
        aperture=aperture,
        sensor_width_um=request.sensor_width_um,
        sensor_height_um=request.sensor_height_um,
        confidence=100 - MISFIT_PERCENT * misfits,
        distortion=tables[0],
        lateral_colour=tables[1],
        vignetting=tables[2],
    )
    return [profile]


def _scale_to_corner(reach: float, kind: CorrectionKind, coefficients: Sequence[int]) -> list[int]:
    """Return the coefficients for r = 1 at a fraction of their original radius; empty ones stay empty."""
    if not coefficients or reach == 1:
        return list(coefficients)
    scaled = [round(value * reach**power) for power, value in zip(POWERS[kind], coefficients, strict=True)]
    if kind is CorrectionKind.DISTORTION:
        # Another corner must stay in its place.
        scaled[0] = sum(scaled[1:])
    return [max(-0x8000, min(0x7FFF, value)) for value in scaled]


@_command_handlers.on(FocusSequence)
def _start_sequence(lens: LensExtensions, order: FocusSequence) -> list[Message]:
    fast = _fast_focus(lens)
    points = [
        PlannedPoint((order.frame + point.after) & 0xFFFF, point.at, 0.0, point.position) for point in order.points
    ]
    _follow(lens, fast, order.run, points, 3)
    return []


@_command_handlers.on(BreathingCompensatedMove)
def _move(lens: LensExtensions, order: BreathingCompensatedMove) -> list[Message]:
    fast = _fast_focus(lens)
    if not fast.scales:
        raise _RefusedError(RejectionCode.NOT_ABLE)
    for number, value in ((3, order.frames), (5, order.points)):
        if not value:
            raise _RefusedError(RejectionCode.OUT_OF_RANGE, number)
    if order.target > fast.focus.upper:
        raise _RefusedError(RejectionCode.OUT_OF_RANGE, 4)
    count = order.frames * order.points
    origin = fast.focus.position(lens.now)
    points: list[PlannedPoint] = []
    for step in range(1, min(count, MAX_WAITING_POINTS + 1) + 1):
        frame, at = divmod(step * FRACTION // order.points, FRACTION)
        position = round(origin + (order.target - origin) * step / count)
        points.append(PlannedPoint((order.frame + frame) & 0xFFFF, at, 0.0, position))
    # A new run, even with the same number: the waiting set points had another target.
    _follow(lens, fast, order.run, points, 5, instead=True)
    return []


@_command_handlers.on(FocusSequenceStop)
def _stop(lens: LensExtensions, order: FocusSequenceStop) -> list[Message]:
    fast = _fast_focus(lens)
    if order.run == fast.sequence:
        fast.cancel()
    return []


def _fast_focus(lens: LensExtensions) -> FastFocus:
    if lens.fast_focus is None:
        raise _RefusedError(RejectionCode.NOT_ABLE)
    if lens.clock.frame < 0 or lens.clock.period <= 0:
        raise _RefusedError(RejectionCode.NOT_NOW)
    return lens.fast_focus


def _follow(
    lens: LensExtensions,
    fast: FastFocus,
    sequence: int,
    points: Sequence[PlannedPoint],
    field_number: int,
    *,
    instead: bool = False,
) -> None:
    """Compute the times of the set points and follow all of them, or none."""
    clock = lens.clock
    goes_on = sequence == fast.sequence and not instead
    timed: list[PlannedPoint] = []
    for point in points:
        ahead = (point.frame - clock.frame + 0x8000 & 0xFFFF) - 0x8000 + point.at / FRACTION
        timed.append(PlannedPoint(point.frame, point.at, clock.frame_at + ahead * clock.period, point.position))
    waiting = list(fast.waiting) if goes_on else []
    times = [lens.now, *(point.due for point in waiting[-1:] + timed)]
    late = any(after <= lens.now for after in times[1:])
    dense = any(after - before < MIN_POINT_INTERVAL_S for before, after in pairwise(times[1:]))
    beyond = any(point.position > fast.focus.upper for point in timed)
    if not timed or late or dense or beyond or len(waiting) + len(timed) > MAX_WAITING_POINTS:
        raise _RefusedError(RejectionCode.OUT_OF_RANGE, field_number)
    if instead:
        fast.cancel()
    fast.follow(sequence, timed, lens.now)


handle_extension_order = HandlerTable[LensEngineBase, Message]()
"""Executes an order of a page; returns its answer."""


@handle_extension_order.on(ExtensionCommand)
def _handle_extension_order(lens: LensEngineBase, order: ExtensionCommand) -> Message:
    agreed = {page.number for page in lens.body_requests.extensions}
    if order.page == FAST_FOCUS and order.page in agreed:
        if not lens.has_drive_power:
            return make_rejection(order, RejectionCode.NO_POWER)
        if lens.homing or not lens.homed:
            return make_rejection(order, RejectionCode.NOT_NOW)
    pages = _agreed_extensions(lens)
    answered = handle_extension_command(pages, order, lens.body_requests.extensions, lens.now)
    if answered.reports:
        lens.spawn(_report_later(lens, list(answered.reports)))
    if pages.fast_focus is not None and pages.fast_focus.waiting and order.page == FAST_FOCUS:
        lens.run_number += 1
        lens.spawn(_report_sequence(lens, pages.fast_focus, lens.run_number))
    return answered.reply


def _agreed_extensions(lens: LensEngineBase) -> LensExtensions:
    """Return the state of the pages of the current greeting."""
    pages = lens.extensions
    if pages is None or pages.clock is not lens.body_requests:
        settings = lens.settings
        optics = ExtensionOptics(
            focal_um=(lens.min_focal_um, lens.max_focal_um),
            nearest_mm=lens.nearest_mm,
            aperture=(lens.widest[0], lens.smallest),
            circle_um=round(CIRCLE_MM[CIRCLES[settings.optics.format]] * 1000),
            correct=correction,
        )
        fast = None
        if settings.parts.focus_motor:
            fast = FastFocus(lens.focus, breathing_scales(settings.focus.breathes_percent))
        pages = lens.extensions = LensExtensions(optics, lens.body_requests, fast)
    return pages


def _report_later(lens: LensEngineBase, reports: list[ExtensionReport]) -> Task:
    """Send reports after the order's own answer."""
    yield lens.after(lens.settings.timing.answer * 2)
    for report in reports:
        lens.queue_frame([report], EVENT)


def _report_sequence(lens: LensEngineBase, fast: FastFocus, run_number: int) -> Task:
    """Measure each set point when it is due, until none is left or another run begins."""
    pages = lens.extensions
    while (due := fast.next_deadline) is not None:
        yield due
        if pages is None or lens.run_number != run_number or not lens.has_drive_power:
            return
        for report in poll_extension_reports(pages, FAST_FOCUS, lens.now):
            lens.queue_frame([report], EVENT)
