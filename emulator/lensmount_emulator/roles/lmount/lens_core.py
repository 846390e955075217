"""What a lens of the open model is made of: its profile, its models, and what the body told it."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.models.diaphragm import DiaphragmMotion
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.focus_group import FocusMotion
from lensmount_emulator.models.image_stabiliser import ImageStabiliser, PanningDetector
from lensmount_emulator.models.optics import av256, widest_at
from lensmount_emulator.models.power_budget import PowerBudget, Reduction, focus_ma_of
from lensmount_emulator.models.shake import Shake
from lensmount_emulator.models.zoom_group import ZoomMotion, focus_shift
from lensmount_emulator.roles.lmount.lens_pages import LensPages
from lensmount_emulator.roles.lmount.lens_update import UpdateReceiver
from lensmount_emulator.roles.lmount.link_end import LinkEnd
from lensmount_emulator.roles.lmount.numbers import lens_number, maker_number
from lensmount_emulator.roles.lmount.settings import LensSettings
from lensmount_protocol.dialects.lmount.lines import V_DRIVE
from lensmount_protocol.dialects.lmount.types import ControlKind, ImageCircle, PowerClass, RingKind, StabiliserMode
from lensmount_protocol.dialects.lmount.update import Page
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

REMEMBERED = 8
"""Orders whose answers are kept, so that one that is sent twice is answered twice and carried out once."""

ALL_AXES = 3


@dataclass(slots=True)
class Told:
    """What the body told the lens since it greeted.

    Attributes:
        revision: of the model that both speak.
        features: those that both have.
        granted: the class of power.
        reports: types of the reports that it wants with each frame.
        frame: number of the frame that runs.
        frame_at: when it began, in seconds.
        period: seconds between two frames.
        used: the part of the image circle that the body uses.
        pages: what was agreed.
        stabiliser: what it is for.
        axes: which axes are the lens's.
        share: the lens's part of the correction, 0 to 1.
        rate: pitch and yaw that the body measured last, in degrees a second.
        exposing: an exposure is under way.
        linear: whether the focus ring is linear.
        throw_degrees: angle of its whole range.
        reversed: the other way round.
        clicks: whether the aperture ring clicks.
        grants: how many grants of power came.
        changing: whether a rate was accepted that is not in force yet.
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
    pages: list[Page] = field(default_factory=lambda: list[Page]())
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
        default_factory=lambda: deque[tuple[bytes, Message]](maxlen=REMEMBERED)
    )


class LensCore(LinkEnd):
    """A lens without its behaviour.

    Attributes:
        settings: the profile's data.
        version: of the firmware that runs.
        store: where its firmware is; `None` until somebody asks for it.
        receiver: takes new firmware; `None` as long.
        maker: number of its maker.
        model: the maker's number of it.
        focus: the focus drive.
        iris: the diaphragm.
        zoom: the zoom.
        stabiliser: what shifts the image.
        panning: what tells panning from shaking.
        yaw_held: where the hand holds it, in degrees: a pan leaves it elsewhere.
        shake: the hand that holds it, as its own sensor feels it.
        budget: what it draws.
        reduction: what it leaves out to stay within the grant.
        started: whether its processor runs.
        heard_at: when the last frame came, in seconds.
        asleep: whether the body sent it to sleep.
        homed: whether the focus drive knows its zero.
        homing: whether it looks for it.
        homing_run: which search for the zero is under way; one that lost its power must not end the next one.
        by_ring: whether the ring was what moved the focus last.
        driving: number of the focus order that is under way; 0 for none.
        closing: the same for the diaphragm.
        zooming: the same for the zoom.
        drive_runs: for each of the three, how many orders it has had; numbers of orders come again.
        rate_run: how many rates were taken.
        switches: position of each button and switch.
        ring_av: what the aperture ring says; `None` at its A position.
        pages: what its pages know; `None` until one is used.
        run_number: which run of set points is followed.
        told: what the body told.
        peak_ma: most that was drawn since the last report.
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
            focus_ma=(power.focus_ma or focus_ma_of(optics.weight_g)) * settings.parts.focus_motor,
            diaphragm_ma=power.diaphragm_ma * settings.parts.diaphragm,
            stabiliser_ma=power.stabiliser_ma * bool(settings.stabiliser.generation),
        )
        self.reduction: Reduction = self.budget.reduce(self.budget.peak_ma)
        self.focus = FocusMotion(
            steps=focus.steps,
            speed=focus.speed,
            acceleration=focus.acceleration,
            backlash=focus.backlash,
            settle=focus.settle_ms * 1e-3,
            start=focus.steps // 3,
        )
        self.shortest_um = round(optics.focal_mm[0] * 1000)
        self.longest_um = round(optics.focal_mm[-1] * 1000)
        self.widest = (av256(optics.f_number[0]), av256(optics.f_number[-1]))
        self.smallest = av256(optics.smallest_f_number) if settings.parts.diaphragm else self.widest[0]
        self.iris = DiaphragmMotion(
            widest=self.widest[0],
            smallest=max(self.smallest, self.widest[0]),
            step=settings.diaphragm.step,
            av_per_s=settings.diaphragm.av_per_s,
        )
        self.zoom = ZoomMotion(shortest_um=self.shortest_um, longest_um=self.longest_um, seconds=settings.zoom.seconds)
        self.stabiliser = ImageStabiliser(settings.stabiliser.range_um)
        self.panning = PanningDetector()
        self.yaw_held = 0.0
        self.shake = Shake(random)
        self.started = self.asleep = False
        self.heard_at = 0.0
        self.homed = not focus.homes
        self.homing = False
        self.homing_run = 0
        self.drive_runs: dict[str, int] = {"driving": 0, "closing": 0, "zooming": 0}
        self.rate_run = 0
        self.by_ring = False
        self.driving = self.closing = self.zooming = 0
        self.switches: dict[ControlKind, int] = {}
        self.ring_av: int | None = None
        self.pages: LensPages | None = None
        self.run_number = 0
        self.told = Told()
        self.peak_ma = 0
        self.nearest_mm = round(optics.nearest_m * 1000)

    @property
    def is_zoom(self) -> bool:
        """Whether it has more than one focal length."""
        return self.longest_um > self.shortest_um

    @property
    def has_drive_power(self) -> bool:
        """Whether motors may run: power was granted, and its contact is up where the port carries it."""
        return self.told.granted > PowerClass.NONE and (V_DRIVE not in self.carried or self.levels.get(V_DRIVE, False))

    @property
    def zoom_shift(self) -> int:
        """Steps by which the plane of focus lies elsewhere than the focus group says, at this zoom."""
        zoom = self.settings.zoom
        if zoom.corrected or not self.is_zoom:
            return 0
        return focus_shift(self.zoom.fraction(self.now), zoom.focus_shift_steps)

    def plane(self) -> int:
        """Where the focus really is, as a position of the focus drive: a zoom that is not parfocal moves it."""
        position = self.focus.position(self.now) + self.zoom_shift
        return max(self.focus.lower, min(self.focus.upper, position))

    def widest_now(self) -> int:
        """The widest aperture at this zoom, in Av/256."""
        return widest_at(self.zoom.fraction(self.now), *self.widest)

    def draw_ma(self) -> int:
        """What it draws now."""
        now = self.now
        draw = self.budget.draw_ma(
            focus=self.focus.moving(now),
            diaphragm=self.iris.moving(now),
            stabiliser=self.told.stabiliser != StabiliserMode.OFF and not self.asleep,
            reduction=self.reduction,
        )
        self.peak_ma = max(self.peak_ma, draw)
        return draw

    def drop_run(self) -> None:
        """A drive by order ends what a page lets the focus do."""
        if self.pages is not None and self.pages.fast_focus is not None:
            self.pages.fast_focus.drop()

    def ring(self, kind: RingKind) -> bool:
        """Whether it has this ring."""
        parts = self.settings.parts
        return {
            RingKind.FOCUS: parts.focus_ring,
            RingKind.APERTURE: parts.aperture_ring,
            RingKind.ZOOM: self.is_zoom,
        }.get(kind, False)
