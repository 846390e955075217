"""What a body asks with each page that was agreed, and what it learns from the answers: two tables."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.settings import PageName
from lensmount_protocol.dialects.lmount.pages import (
    FRACTION,
    MOST_POINTS_HZ,
    UNSCALED,
    CompensatedMove,
    FocusRun,
    FocusRunReport,
    JointProfile,
    ProfileRequest,
    SetPoint,
    parse_page,
)
from lensmount_protocol.dialects.lmount.update import PageReport
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

LEAD_FRAMES = 2
"""From asking to the first frame of a run, so that the order is there in time."""

RUN_FRAMES = 4
RUN_SHARE = 0.05
"""How far a run goes, of the whole range."""


class BodyView(Protocol):
    """A body as its pages see it: what it knows of the lens, its sensor and the frame signal."""

    @property
    def focal_length_um(self) -> int:
        """What the lens is set to."""
        ...

    @property
    def distance_mm(self) -> int:
        """What the lens is focused on."""
        ...

    @property
    def aperture(self) -> int:
        """What the lens is stopped down to, in Av/256."""
        ...

    @property
    def sensor_um(self) -> tuple[int, int]:
        """Width and height of the part of the sensor that is used."""
        ...

    @property
    def focus_position(self) -> int:
        """Where the focus was last, in steps."""
        ...

    @property
    def focus_steps(self) -> int:
        """How many steps it has."""
        ...

    @property
    def frame(self) -> int:
        """Number of the frame that runs."""
        ...

    @property
    def rate_hz(self) -> float:
        """Frames a second."""
        ...


Ask = Callable[[BodyView, int], Message]
"""What a body knows, and a number for the request or run -> what it asks."""


def profile_request(body: BodyView, number: int) -> ProfileRequest:
    """The profile for what is set now."""
    width, height = body.sensor_um
    return ProfileRequest(
        request=number,
        focal_length_um=body.focal_length_um,
        distance_mm=body.distance_mm,
        aperture=body.aperture,
        sensor_width_um=width,
        sensor_height_um=height,
    )


def focus_run(body: BodyView, number: int) -> FocusRun:
    """A short run towards the roomier end, with as many set points as a lens follows."""
    each = points_a_frame(body.rate_hz)
    origin, count = body.focus_position, RUN_FRAMES * each
    positions = [round(origin + (_goal(body) - origin) * step / count) for step in range(1, count + 1)]
    return run_through(number, body.frame + LEAD_FRAMES, positions, each)


def compensated_move(body: BodyView, number: int) -> CompensatedMove:
    """The same way, evenly, with the field of view told on the way."""
    return CompensatedMove(
        run=number,
        frame=(body.frame + LEAD_FRAMES) & 0xFFFF,
        frames=RUN_FRAMES,
        target=_goal(body),
        points=points_a_frame(body.rate_hz),
    )


ASKS: dict[PageName, tuple[Ask, ...]] = {
    "joint corrections": (profile_request,),
    "fast focus": (focus_run, compensated_move),
}
"""Page -> what a body asks with it, one after the other; a run is over when its report leaves nothing to come."""


def points_a_frame(rate_hz: float) -> int:
    """Set points that fit into a frame."""
    return max(1, min(60, int(MOST_POINTS_HZ / rate_hz)))


def run_through(number: int, frame: int, positions: Sequence[int], points_each_frame: int) -> FocusRun:
    """A run through these positions, evenly spaced in time from the beginning of a frame on."""
    points: list[SetPoint] = []
    for step, position in enumerate(positions):
        after, part = divmod(step, points_each_frame)
        points.append(SetPoint(after=after, at=part * FRACTION // points_each_frame, position=position))
    return FocusRun(run=number, frame=frame & 0xFFFF, points=points)


def _goal(body: BodyView) -> int:
    last = max(0, body.focus_steps - 1)
    way = round(last * RUN_SHARE)
    return body.focus_position + (way if body.focus_position + way <= last else -way)


@dataclass(slots=True)
class PagesHeard:
    """What a body learned from pages.

    Attributes:
        profile: the last joint profile.
        points: set points that were measured.
        worst_error: the largest of their errors, in steps.
        scale: field of view at the last of them, in 1/32768 of the far end's.
        left: set points of the last run that are still to come.
        frames: numbers of the frames that were reported.
    """

    profile: JointProfile | None = None
    points: int = 0
    worst_error: int = 0
    scale: int = UNSCALED
    left: int = 0
    frames: list[int] = field(default_factory=lambda: list[int]())


_hear = Handlers[PagesHeard, str]()


def hear_page(heard: PagesHeard, report: PageReport) -> str:
    """Take what a lens says on a page; gives one line for people.

    Raises:
        FrameError: nobody knows the content, or it cannot be read.
    """
    return _hear(heard, parse_page(report.page, Role.LENS, report.content)) or ""


@_hear.on(JointProfile)
def _profile(heard: PagesHeard, profile: JointProfile) -> str:
    heard.profile = profile
    width, height = profile.sensor_width_um / 1000, profile.sensor_height_um / 1000
    return (
        f"joint profile for {profile.focal_length_um / 1000:g} mm on {width:g} x {height:g} mm, "
        f"confidence {profile.confidence} %"
    )


@_hear.on(FocusRunReport)
def _measured(heard: PagesHeard, report: FocusRunReport) -> str:
    errors = [abs(point.error) for point in report.points]
    heard.points += len(errors)
    heard.worst_error = max([heard.worst_error, *errors])
    heard.left = report.left
    heard.frames.append(report.frame)
    if report.points:
        heard.scale = report.points[-1].scale
    return f"frame {report.frame}: {len(errors)} set points met within {max(errors, default=0)} steps"
