"""The state of a lens of the open model: its profile, its models, and the requests of the body."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.models.optics import max_aperture_at, to_av256
from lensmount_emulator.models.power_budget import PowerBudget, PowerReduction, estimate_focus_ma
from lensmount_emulator.models.stabiliser import CameraShake, ImageStabiliser, PanningDetector
from lensmount_emulator.models.zoom import ZoomModel, focus_shift
from lensmount_emulator.roles.lmount.ids import lens_number, maker_number
from lensmount_emulator.roles.lmount.link_engine import LmountEngine
from lensmount_emulator.roles.lmount.profile import LensSettings
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionId
from lensmount_protocol.dialects.lmount.lines import V_DRIVE
from lensmount_protocol.dialects.lmount.types import ControlKind, ImageCircle, PowerClass, RingKind, StabiliserMode
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

if TYPE_CHECKING:
    from lensmount_emulator.roles.lmount.lens.extensions import LensExtensions
    from lensmount_emulator.roles.lmount.lens.firmware_update import UpdateReceiver

REMEMBERED_REPLIES = 8
"""Number of stored answers, so that a repeated order is answered again but executed once."""

ALL_AXES = 3


@dataclass(slots=True)
class BodyRequests:
    """The requests of the body since its greeting.

    Attributes:
        revision: the common revision of the model.
        features: features that both ends have.
        granted: the granted power class.
        reports: types of the reports that the body requests with each frame.
        frame: number of the current frame.
        frame_at: time of its beginning, in seconds.
        period: seconds between two frames.
        used: the part of the image circle that the body uses.
        extensions: agreed pages.
        stabiliser: mode of the stabiliser.
        axes: axes that the lens corrects.
        share: the lens's part of the correction, 0 to 1.
        rate: pitch and yaw that the body measured last, in degrees a second.
        exposing: whether an exposure is announced or running.
        linear: whether the focus ring is linear.
        throw_degrees: angle of its whole range.
        reversed: whether its direction is reversed.
        clicks: whether the aperture ring clicks.
        grants: number of power grants.
        changing: whether an accepted rate is not in force yet.
        answered: number and type of an order -> its bytes and its answer, the newest last.
    """

    revision: int = 1
    features: int = 0
    granted: PowerClass = PowerClass.NONE
    reports: Sequence[int] = ()
    frame: int = -1
    frame_at: float = 0.0
    period: float = 0.0
    used: ImageCircle = ImageCircle.FULL_FRAME
    extensions: list[ExtensionId] = field(default_factory=lambda: list[ExtensionId]())
    stabiliser: StabiliserMode = StabiliserMode.OFF
    axes: int = ALL_AXES
    share: float = 1.0
    rate: tuple[float, float] = (0.0, 0.0)
    exposing: bool = False
    linear: bool = False
    throw_degrees: int = 0
    reversed: bool = False
    clicks: bool = True
    grants: int = 0
    changing: bool = False
    answered: deque[tuple[bytes, Message]] = field(
        default_factory=lambda: deque[tuple[bytes, Message]](maxlen=REMEMBERED_REPLIES)
    )


class LensEngineBase(LmountEngine):
    """A lens without its behaviour.

    Attributes:
        settings: the profile's data.
        version: version of the running firmware.
        store: its firmware store; `None` until the first update order.
        receiver: receives new firmware; `None` as long.
        maker: number of its maker.
        model: the maker's number of the lens.
        focus: the focus drive.
        iris: the diaphragm.
        zoom: the zoom.
        stabiliser: shifts the image.
        panning: detects panning.
        yaw_held: yaw reference of the stabiliser, in degrees; a pan changes it.
        camera_shake: the camera shake that its own sensor measures.
        budget: its current.
        reduction: its reductions to stay within the grant.
        started: whether its processor runs.
        last_received_at: time of the last frame, in seconds.
        asleep: whether the body sent it to sleep.
        homed: whether the focus drive knows its zero.
        homing: whether the focus drive searches its zero.
        homing_run: number of the current search; a search that lost power must not end the next one.
        by_ring: whether the ring moved the focus last.
        driving: number of the current focus order; 0 for none.
        closing: the same for the diaphragm.
        zooming: the same for the zoom.
        drive_runs: number of orders of each of the three, because order numbers repeat.
        rate_run: number of baud-rate switches.
        switches: position of each button and switch.
        ring_av: value of the aperture ring; `None` at its A position.
        extensions: state of its pages; `None` until one is used.
        run_number: number of the current run of set points.
        body_requests: requests of the body.
        peak_ma: largest current since the last report.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(Role.LENS, carried, random)
        self.settings = settings
        self.version = settings.firmware.version
        self.store: FirmwareStore | None = None
        self.receiver: UpdateReceiver | None = None
        optics, focus, power = settings.optics, settings.focus, settings.power
        self.maker = maker_number(optics.maker)
        self.model = lens_number(settings)
        self.budget = PowerBudget(
            idle_ma=power.idle_ma,
            focus_ma=(power.focus_ma or estimate_focus_ma(optics.weight_g)) * settings.parts.focus_motor,
            diaphragm_ma=power.diaphragm_ma * settings.parts.diaphragm,
            stabiliser_ma=power.stabiliser_ma * bool(settings.stabiliser.generation),
        )
        self.reduction: PowerReduction = self.budget.reduce(self.budget.peak_ma)
        self.focus = FocusDriveModel(
            steps=focus.steps,
            speed=focus.speed,
            acceleration=focus.acceleration,
            backlash=focus.backlash,
            settle=focus.settle_ms * 1e-3,
            start=focus.steps // 3,
        )
        self.min_focal_um = round(optics.focal_mm[0] * 1000)
        self.max_focal_um = round(optics.focal_mm[-1] * 1000)
        self.widest = (to_av256(optics.f_number[0]), to_av256(optics.f_number[-1]))
        self.smallest = to_av256(optics.smallest_f_number) if settings.parts.diaphragm else self.widest[0]
        self.iris = DiaphragmModel(
            widest=self.widest[0],
            smallest=max(self.smallest, self.widest[0]),
            step=settings.diaphragm.step,
            av_per_s=settings.diaphragm.av_per_s,
        )
        self.zoom = ZoomModel(
            min_focal_um=self.min_focal_um, max_focal_um=self.max_focal_um, seconds=settings.zoom.seconds
        )
        self.stabiliser = ImageStabiliser(settings.stabiliser.range_um)
        self.panning = PanningDetector()
        self.yaw_held = 0.0
        self.camera_shake = CameraShake(random)
        self.started = self.asleep = False
        self.last_received_at = 0.0
        self.homed = not focus.homes
        self.homing = False
        self.homing_run = 0
        self.drive_runs: dict[str, int] = {"driving": 0, "closing": 0, "zooming": 0}
        self.rate_run = 0
        self.by_ring = False
        self.driving = self.closing = self.zooming = 0
        self.switches: dict[ControlKind, int] = {}
        self.ring_av: int | None = None
        self.extensions: LensExtensions | None = None
        self.run_number = 0
        self.body_requests = BodyRequests()
        self.peak_ma = 0
        self.nearest_mm = round(optics.nearest_m * 1000)

    @property
    def is_zoom(self) -> bool:
        """Whether it has more than one focal length."""
        return self.max_focal_um > self.min_focal_um

    @property
    def has_drive_power(self) -> bool:
        """Whether motors may run: power is granted, and its contact is high if the port carries it."""
        return self.body_requests.granted > PowerClass.NONE and (
            V_DRIVE not in self.carried or self.levels.get(V_DRIVE, False)
        )

    @property
    def zoom_shift(self) -> int:
        """Steps between the plane of focus and the position of the focus group, at this zoom."""
        zoom = self.settings.zoom
        if zoom.corrected or not self.is_zoom:
            return 0
        return focus_shift(self.zoom.fraction(self.now), zoom.focus_shift_steps)

    def focus_plane(self) -> int:
        """Return the plane of focus as a position of the focus drive: a zoom that is not parfocal moves it."""
        position = self.focus.position(self.now) + self.zoom_shift
        return max(self.focus.lower, min(self.focus.upper, position))

    def max_aperture_now(self) -> int:
        """Return the widest aperture at this zoom, in Av/256."""
        return max_aperture_at(self.zoom.fraction(self.now), *self.widest)

    def draw_ma(self) -> int:
        """Return the current that it draws now, in milliamperes."""
        now = self.now
        draw = self.budget.draw_ma(
            focus=self.focus.moving(now),
            diaphragm=self.iris.moving(now),
            stabiliser=self.body_requests.stabiliser != StabiliserMode.OFF and not self.asleep,
            reduction=self.reduction,
        )
        self.peak_ma = max(self.peak_ma, draw)
        return draw

    def cancel_focus_sequence(self) -> None:
        """Cancel a focus run of a page, because an order drives the focus."""
        if self.extensions is not None and self.extensions.fast_focus is not None:
            self.extensions.fast_focus.cancel()

    def has_ring(self, kind: RingKind) -> bool:
        """Whether it has this ring."""
        parts = self.settings.parts
        return {
            RingKind.FOCUS: parts.focus_ring,
            RingKind.APERTURE: parts.aperture_ring,
            RingKind.ZOOM: self.is_zoom,
        }.get(kind, False)
