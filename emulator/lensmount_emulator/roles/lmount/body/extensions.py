"""The pages of a body: its requests on each agreed page, the reports of the lens, and their results."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.engine.tasks import Wait
from lensmount_emulator.roles.lmount.body.actions import Action
from lensmount_emulator.roles.lmount.body.engine_base import REPORT, BodyEngineBase
from lensmount_emulator.roles.lmount.ids import EXTENSIONS
from lensmount_emulator.roles.lmount.profile import PageName
from lensmount_protocol.dialects.lmount.extensions import (
    FRACTION,
    MAX_POINT_RATE_HZ,
    UNSCALED,
    BreathingCompensatedMove,
    CorrectionProfile,
    FocusSequence,
    FocusSequenceReport,
    ProfileRequest,
    SetPoint,
    parse_extension,
)
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionCommand, ExtensionReport
from lensmount_protocol.dialects.lmount.link import CommandDone
from lensmount_protocol.dialects.lmount.types import ImageCircle
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

LEAD_FRAMES = 2
"""Frames between an order and the first frame of its run, so that the order arrives in time."""

RUN_FRAMES = 4
RUN_SHARE = 0.05
"""Length of a run as a fraction of the whole range."""


class ExtensionBodyInfo(Protocol):
    """The data of a body that its pages use: state of the lens, sensor and frame signal."""

    @property
    def focal_length_um(self) -> int:
        """Focal length of the lens, in micrometres."""
        ...

    @property
    def distance_mm(self) -> int:
        """Focus distance of the lens, in millimetres."""
        ...

    @property
    def aperture(self) -> int:
        """Aperture of the lens, in Av/256."""
        ...

    @property
    def sensor_um(self) -> tuple[int, int]:
        """Width and height of the used part of the sensor, in micrometres."""
        ...

    @property
    def focus_position(self) -> int:
        """Last reported focus position, in steps."""
        ...

    @property
    def focus_steps(self) -> int:
        """Number of focus steps."""
        ...

    @property
    def frame(self) -> int:
        """Number of the current frame."""
        ...

    @property
    def rate_hz(self) -> float:
        """Frames a second."""
        ...


MakeRequest = Callable[[ExtensionBodyInfo, int], Message]
"""Data of the body, and a number for the request or run -> the request."""


def profile_request(body: ExtensionBodyInfo, number: int) -> ProfileRequest:
    """Return a request for the profile at the current setting."""
    width, height = body.sensor_um
    return ProfileRequest(
        request=number,
        focal_length_um=body.focal_length_um,
        distance_mm=body.distance_mm,
        aperture=body.aperture,
        sensor_width_um=width,
        sensor_height_um=height,
    )


def focus_sequence(body: ExtensionBodyInfo, number: int) -> FocusSequence:
    """Return a short run within the range, with as many set points as a lens follows."""
    each = points_per_frame(body.rate_hz)
    origin, count = body.focus_position, RUN_FRAMES * each
    positions = [round(origin + (_goal(body) - origin) * step / count) for step in range(1, count + 1)]
    return make_focus_sequence(number, body.frame + LEAD_FRAMES, positions, each)


def compensated_move(body: ExtensionBodyInfo, number: int) -> BreathingCompensatedMove:
    """Return the same movement at an even speed, with reports of the field of view."""
    return BreathingCompensatedMove(
        run=number,
        frame=(body.frame + LEAD_FRAMES) & 0xFFFF,
        frames=RUN_FRAMES,
        target=_goal(body),
        points=points_per_frame(body.rate_hz),
    )


REQUESTS: dict[PageName, tuple[MakeRequest, ...]] = {
    "joint corrections": (profile_request,),
    "fast focus": (focus_sequence, compensated_move),
}
"""Page -> its requests, in order; a run ends when its report leaves no set points."""


def points_per_frame(rate_hz: float) -> int:
    """Return the number of set points that fit into a frame."""
    return max(1, min(60, int(MAX_POINT_RATE_HZ / rate_hz)))


def make_focus_sequence(number: int, frame: int, positions: Sequence[int], points_each_frame: int) -> FocusSequence:
    """Return a run through these positions, evenly spaced in time from the beginning of a frame on."""
    points: list[SetPoint] = []
    for step, position in enumerate(positions):
        after, part = divmod(step, points_each_frame)
        points.append(SetPoint(after=after, at=part * FRACTION // points_each_frame, position=position))
    return FocusSequence(run=number, frame=frame & 0xFFFF, points=points)


def _goal(body: ExtensionBodyInfo) -> int:
    last = max(0, body.focus_steps - 1)
    way = round(last * RUN_SHARE)
    return body.focus_position + (way if body.focus_position + way <= last else -way)


@dataclass(slots=True)
class ExtensionResults:
    """Results of pages.

    Attributes:
        profile: the last joint profile.
        points: set points that were measured.
        worst_error: the largest of their errors, in steps.
        scale: field of view at the last of them, in 1/32768 of the far end's.
        left: remaining set points of the last run.
        frames: numbers of the reported frames.
    """

    profile: CorrectionProfile | None = None
    points: int = 0
    worst_error: int = 0
    scale: int = UNSCALED
    left: int = 0
    frames: list[int] = field(default_factory=lambda: list[int]())


_report_handlers = HandlerTable[ExtensionResults, str]()


def on_extension_report(results: ExtensionResults, report: ExtensionReport) -> str:
    """Handle a lens's report on a page; returns one line of text.

    Raises:
        FrameError: the content is unknown or cannot be parsed.
    """
    return _report_handlers(results, parse_extension(report.page, Role.LENS, report.content)) or ""


@_report_handlers.on(CorrectionProfile)
def _on_profile(results: ExtensionResults, profile: CorrectionProfile) -> str:
    results.profile = profile
    width, height = profile.sensor_width_um / 1000, profile.sensor_height_um / 1000
    return (
        f"joint profile for {profile.focal_length_um / 1000:g} mm on {width:g} x {height:g} mm, "
        f"confidence {profile.confidence} %"
    )


@_report_handlers.on(FocusSequenceReport)
def _on_measured(results: ExtensionResults, report: FocusSequenceReport) -> str:
    errors = [abs(point.error) for point in report.points]
    results.points += len(errors)
    results.worst_error = max([results.worst_error, *errors])
    results.left = report.left
    results.frames.append(report.frame)
    if report.points:
        results.scale = report.points[-1].scale
    return f"frame {report.frame}: {len(errors)} set points met within {max(errors, default=0)} steps"


SENSORS_UM = {ImageCircle.FULL_FRAME: (36_000, 24_000), ImageCircle.APS_C: (23_600, 15_600)}
"""Width and height of the used part of a sensor."""

REPORT_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class _BodyInfo:
    """The data of a body for its pages."""

    body: BodyEngineBase

    @property
    def focal_length_um(self) -> int:
        zoom = self.body.lens_info.zoom
        return 0 if zoom is None else zoom.focal_length_um

    @property
    def distance_mm(self) -> int:
        focus = self.body.lens_info.focus
        return 0 if focus is None else focus.distance_mm

    @property
    def aperture(self) -> int:
        aperture = self.body.lens_info.aperture
        return 0 if aperture is None else aperture.now

    @property
    def sensor_um(self) -> tuple[int, int]:
        return SENSORS_UM[self.body.lens_info.used]

    @property
    def focus_position(self) -> int:
        focus = self.body.lens_info.focus
        return 0 if focus is None else focus.position

    @property
    def focus_steps(self) -> int:
        abilities = self.body.lens_info.capabilities
        return 0 if abilities is None else abilities.focus_steps

    @property
    def frame(self) -> int:
        return self.body.frame

    @property
    def rate_hz(self) -> float:
        return self.body.rate_hz


def has_extension(body: BodyEngineBase, name: PageName) -> bool:
    """Whether a page was agreed."""
    return EXTENSIONS[name].number in {page.number for page in body.lens_info.extensions}


def use_extension(body: BodyEngineBase, name: PageName) -> Action:
    """Send all requests of a page; returns the results, or the answer to a refused order."""
    results = ExtensionResults()
    for number, ask in enumerate(REQUESTS[name], 1):
        body.extension_reports.clear()
        content = ask(_BodyInfo(body), number).build()
        answer = yield from body.request(ExtensionCommand(page=EXTENSIONS[name].number, content=content))
        if not isinstance(answer, CommandDone):
            return answer
        while True:
            yield Wait(body.now + REPORT_TIMEOUT_S, lambda: bool(body.extension_reports), (REPORT,))
            if not body.extension_reports:
                body.report(f"no report on the page of {name}", is_error=True)
                return None
            try:
                body.report(on_extension_report(results, body.extension_reports.popleft()))
            except FrameError as error:
                body.report(f"a report on the page of {name} cannot be read: {error}", is_error=True)
                return None
            if not results.left:
                break
    return results
