"""What a lens does with the pages that were agreed: a table from content to what it answers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.fast_focus import FastFocus, PlannedPoint
from lensmount_protocol.dialects.lmount.focus import INFINITY_MM
from lensmount_protocol.dialects.lmount.link import Done, Refusal
from lensmount_protocol.dialects.lmount.pages import (
    FRACTION,
    MOST_POINTS_HZ,
    CompensatedMove,
    FocusRun,
    FocusRunStop,
    JointProfile,
    ProfileRequest,
    content_class,
    parse_page,
)
from lensmount_protocol.dialects.lmount.types import CorrectionKind, Outcome, RefusalCode
from lensmount_protocol.dialects.lmount.update import Page, PageOrder, PageReport
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MOST_WAITING = 255
MISFIT_PERCENT = 25
"""What each value of a request that the lens has no data for takes from a profile's confidence; modelled."""

ROUNDED = 0.01
"""Sensors and image circles of one format differ by so much, as makers round them."""

CLOSEST_S = 0.999 / MOST_POINTS_HZ
"""Set points may stand this close; the thousandth is for fractions of a frame that are rounded."""

Correct = Callable[[CorrectionKind, float, int, int, float], list[int]]
"""Kind, place in the zoom range (0 to 1), focal length in µm, distance in mm, f-number -> coefficients in 1/32768, in
the order of `POWERS`, with r = 1 at the edge of the image circle."""

POWERS = {
    CorrectionKind.DISTORTION: (0, 2, 4, 6),
    CorrectionKind.LATERAL_COLOUR: (0, 2, 0, 2),
    CorrectionKind.VIGNETTING: (2, 4, 6),
}
"""Which power of r each coefficient of a profile belongs to: r' = (r + a r³ + b r⁵ + c r⁷) / (1 + v) of distortion,
r' = r (1 + p + q r²) of red, then of blue, 1 + a r² + b r⁴ + c r⁶ of the light that is left."""


class FrameClock(Protocol):
    """The frame signal as the lens knows it."""

    @property
    def frame(self) -> int:
        """Number of the frame that runs; below 0 before the first."""
        ...

    @property
    def frame_at(self) -> float:
        """When it began, in seconds."""
        ...

    @property
    def period(self) -> float:
        """Seconds between two frames; 0 before that is known."""
        ...


@dataclass(frozen=True, slots=True)
class PageOptics:
    """What a joint profile is made from.

    Attributes:
        focal_um: shortest and longest focal length.
        nearest_mm: nearest distance.
        aperture: widest and smallest aperture, in Av/256.
        circle_um: diameter of the image circle.
        correct: what the lens knows of its faults.
    """

    focal_um: tuple[int, int]
    nearest_mm: int
    aperture: tuple[int, int]
    circle_um: int
    correct: Correct


@dataclass(slots=True)
class LensPages:
    """A lens as its pages see it.

    Attributes:
        optics: for joint corrections.
        clock: the frame signal.
        fast_focus: for fast focus; `None` for a lens without a focus drive.
        now: seconds.
    """

    optics: PageOptics
    clock: FrameClock
    fast_focus: FastFocus | None = None
    now: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """What a page's order comes to.

    Attributes:
        reply: the order's own answer.
        reports: what follows at once.
    """

    reply: Done | Refusal
    reports: Sequence[PageReport] = ()


class _RefusedError(Exception):
    """A content that is not carried out; gives the code and which of its fields is at fault."""

    def __init__(self, code: RefusalCode, field_number: int = 0) -> None:
        super().__init__(code.name)
        self.code = code
        self.field_number = field_number


_obey = Handlers[LensPages, list[Message]]()


def answer_page(lens: LensPages, order: PageOrder, agreed: Sequence[Page], now: float) -> Answered:
    """Carry out what a page says; whatever it says, there is one answer."""
    lens.now = now
    if order.page not in {page.number for page in agreed}:
        return _refusal(order, RefusalCode.NOT_AGREED)
    if not order.content or content_class(order.page, Role.BODY, order.content[0]) is None:
        return _refusal(order, RefusalCode.UNKNOWN_MESSAGE)
    try:
        contents = _obey(lens, parse_page(order.page, Role.BODY, order.content))
    except FrameError:
        return _refusal(order, RefusalCode.DAMAGED)
    except _RefusedError as why:
        return _refusal(order, why.code, why.field_number)
    if contents is None:
        return _refusal(order, RefusalCode.NOT_ABLE)
    reports = [PageReport(page=order.page, content=content.build()) for content in contents]
    return Answered(Done(number=order.number, order=order.TYPE, outcome=Outcome.DONE), reports)


def advance_pages(lens: LensPages, page: int, now: float) -> list[PageReport]:
    """What the lens reports by itself on the page of fast focus, once its set points are due."""
    reports = lens.fast_focus.advance(now) if lens.fast_focus is not None else []
    return [PageReport(page=page, content=report.build()) for report in reports]


def _refusal(order: PageOrder, code: RefusalCode, field_number: int = 0) -> Answered:
    return Answered(Refusal(number=order.number, order=order.TYPE, code=code, field_number=field_number))


@_obey.on(ProfileRequest)
def _profile(lens: LensPages, request: ProfileRequest) -> list[Message]:
    """The nearest setting that there is data for, with its coefficients brought to the sensor's corner."""
    optics = lens.optics
    for number, side_um in ((5, request.sensor_width_um), (6, request.sensor_height_um)):
        if not side_um:
            raise _RefusedError(RefusalCode.OUT_OF_RANGE, number)
    shortest, longest = optics.focal_um
    focal = max(shortest, min(longest, request.focal_length_um))
    distance = max(optics.nearest_mm, min(INFINITY_MM, request.distance_mm))
    aperture = max(optics.aperture[0], min(optics.aperture[1], request.aperture))
    reach = math.hypot(request.sensor_width_um, request.sensor_height_um) / optics.circle_um
    if abs(reach - 1) <= ROUNDED:
        reach = 1.0
    misfits = (focal != request.focal_length_um) + (distance != request.distance_mm)
    misfits += (aperture != request.aperture) + (reach > 1)
    place = (focal - shortest) / (longest - shortest) if longest > shortest else 0.5
    tables = [
        _brought_to(min(1.0, reach), kind, optics.correct(kind, place, focal, distance, 2 ** (aperture / 512)))
        for kind in POWERS
    ]
    profile = JointProfile(
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


def _brought_to(reach: float, kind: CorrectionKind, coefficients: Sequence[int]) -> list[int]:
    """Coefficients for r = 1 at this part of the radius that they were made for; none stay none."""
    if not coefficients or reach == 1:
        return list(coefficients)
    scaled = [round(value * reach**power) for power, value in zip(POWERS[kind], coefficients, strict=True)]
    if kind is CorrectionKind.DISTORTION:
        # The corner that is to stay in its place is another one.
        scaled[0] = sum(scaled[1:])
    return [max(-0x8000, min(0x7FFF, value)) for value in scaled]


@_obey.on(FocusRun)
def _run(lens: LensPages, order: FocusRun) -> list[Message]:
    fast = _fast_focus(lens)
    points = [
        PlannedPoint((order.frame + point.after) & 0xFFFF, point.at, 0.0, point.position) for point in order.points
    ]
    _follow(lens, fast, order.run, points, 3)
    return []


@_obey.on(CompensatedMove)
def _move(lens: LensPages, order: CompensatedMove) -> list[Message]:
    fast = _fast_focus(lens)
    if not fast.scales:
        raise _RefusedError(RefusalCode.NOT_ABLE)
    for number, value in ((3, order.frames), (5, order.points)):
        if not value:
            raise _RefusedError(RefusalCode.OUT_OF_RANGE, number)
    if order.target > fast.focus.upper:
        raise _RefusedError(RefusalCode.OUT_OF_RANGE, 4)
    count = order.frames * order.points
    origin = fast.focus.position(lens.now)
    points: list[PlannedPoint] = []
    for step in range(1, min(count, MOST_WAITING + 1) + 1):
        frame, at = divmod(step * FRACTION // order.points, FRACTION)
        position = round(origin + (order.target - origin) * step / count)
        points.append(PlannedPoint((order.frame + frame) & 0xFFFF, at, 0.0, position))
    # A new run, even under the old number: what waited led elsewhere.
    _follow(lens, fast, order.run, points, 5, instead=True)
    return []


@_obey.on(FocusRunStop)
def _stop(lens: LensPages, order: FocusRunStop) -> list[Message]:
    fast = _fast_focus(lens)
    if order.run == fast.run:
        fast.drop()
    return []


def _fast_focus(lens: LensPages) -> FastFocus:
    if lens.fast_focus is None:
        raise _RefusedError(RefusalCode.NOT_ABLE)
    if lens.clock.frame < 0 or lens.clock.period <= 0:
        raise _RefusedError(RefusalCode.NOT_NOW)
    return lens.fast_focus


def _follow(
    lens: LensPages,
    fast: FastFocus,
    run: int,
    points: Sequence[PlannedPoint],
    field_number: int,
    *,
    instead: bool = False,
) -> None:
    """Give the set points their times and follow them, all or none."""
    clock = lens.clock
    goes_on = run == fast.run and not instead
    timed: list[PlannedPoint] = []
    for point in points:
        ahead = (point.frame - clock.frame + 0x8000 & 0xFFFF) - 0x8000 + point.at / FRACTION
        timed.append(PlannedPoint(point.frame, point.at, clock.frame_at + ahead * clock.period, point.position))
    waiting = list(fast.waiting) if goes_on else []
    times = [lens.now, *(point.due for point in waiting[-1:] + timed)]
    late = any(after <= lens.now for after in times[1:])
    dense = any(after - before < CLOSEST_S for before, after in pairwise(times[1:]))
    beyond = any(point.position > fast.focus.upper for point in timed)
    if not timed or late or dense or beyond or len(waiting) + len(timed) > MOST_WAITING:
        raise _RefusedError(RefusalCode.OUT_OF_RANGE, field_number)
    if instead:
        fast.drop()
    fast.take(run, timed, lens.now)
