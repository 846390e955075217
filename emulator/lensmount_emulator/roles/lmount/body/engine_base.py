"""The state of a body of the open model: its profile, the known state of the lens, and its requests."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Wait, WaitFor
from lensmount_emulator.engine.verdicts import CompatibilityResult, Verdict
from lensmount_emulator.models.power_budget import Supply
from lensmount_emulator.models.stabiliser import CameraShake
from lensmount_emulator.roles.lmount.ids import has_bit
from lensmount_emulator.roles.lmount.link_engine import LmountEngine
from lensmount_emulator.roles.lmount.profile import BodySettings
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionId, ExtensionReport, UpdateState
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.identity import AccessoryEntry, Identity, LensCapabilities
from lensmount_protocol.dialects.lmount.lines import DETECT
from lensmount_protocol.dialects.lmount.link import CommandDone, LensHello
from lensmount_protocol.dialects.lmount.power import PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import Feature, ImageCircle, Outcome, Part, PowerClass
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, transmission_time

ANSWER = "answer"
"""Topic of `Wait.on`: an order was answered, or has ended."""

REPORT = "report"
"""Topic of `Wait.on`: the lens sent its reports."""

MAX_SENDS = 3
"""Number of times that an order is sent before the body gives it up."""

REPLY_TIMEOUT_S = 0.012
"""Reply timeout of a body, without the time on the wire: the longest legal wait is 4 ms, 20 ms for tables."""

MAX_EXTENSION_REPORTS = 1024
LONG_REPLY_BYTES = 400
"""Bytes that may be on the wire before an answer."""

RequestTask = Generator[WaitFor, bool, Message | None]


@dataclass(slots=True)
class LensInfo:
    """The state of the lens as the body knows it, kept during sleep.

    Attributes:
        hello: its greeting.
        identity: its identity.
        capabilities: its abilities.
        accessories: the accessories between body and lens, from the body on.
        focus: its last report of the focus.
        aperture: its last report of the diaphragm.
        zoom: its last report of the zoom.
        stabiliser: its last report of the stabiliser.
        power: its last power report.
        recovery: set if it accepts only updates.
        features: features that both ends have.
        revision: the common revision.
        extensions: agreed pages.
        used: the part of the image circle that is used.
        granted: class of power that it was granted.
        warned: whether the user was warned of its consumption.
        reports: number of received reports.
        turned: degrees that each ring was turned.
        manual: whether its switch is at MF.
        locked: whether its button is pressed.
    """

    hello: LensHello | None = None
    identity: Identity | None = None
    capabilities: LensCapabilities | None = None
    accessories: list[AccessoryEntry] = field(default_factory=lambda: list[AccessoryEntry]())
    focus: FocusState | None = None
    aperture: ApertureState | None = None
    zoom: ZoomState | None = None
    stabiliser: StabiliserState | None = None
    power: PowerReport | None = None
    recovery: UpdateState | None = None
    features: int = 0
    revision: int = 1
    extensions: list[ExtensionId] = field(default_factory=lambda: list[ExtensionId]())
    used: ImageCircle = ImageCircle.FULL_FRAME
    granted: PowerClass = PowerClass.NONE
    warned: bool = False
    reports: int = 0
    turned: dict[int, float] = field(default_factory=lambda: dict[int, float]())
    manual: bool = False
    locked: bool = False

    def has_feature(self, feature: Feature) -> bool:
        """Whether both ends have a feature."""
        return has_bit(self.features, feature)

    def has_part(self, part: Part) -> bool:
        """Whether the lens has a part."""
        return self.capabilities is not None and has_bit(self.capabilities.parts, part)


class BodyEngineBase(LmountEngine):
    """A body without its behaviour.

    Attributes:
        settings: the profile's data.
        lens_info: the known state of the lens.
        script: steps to execute in order after the lens has begun to report.
        position: number of completed steps.
        restarts: whether the lens is power-cycled after the step, to start from another image.
        expects_detach: whether the script is detaching the lens.
        answers: number of an order -> its answer, until a task takes it.
        outcomes: number of a drive -> its outcome.
        streaming: whether frame signals are sent.
        lens_sleeps: whether the lens was sent to sleep, and neither woken nor power-cycled since.
        stream: number of the run of frame signals: an ended run must not continue when the next begins.
        reported_at: time of the last report, or of the beginning of the stream, in seconds.
        frame: number of the current frame.
        frame_at: time of its beginning, in seconds.
        rate_hz: frame signals a second.
        share: the lens's part in shared stabilisation; `None` if it is not shared.
        supply: its power supply.
        camera_shake: the camera shake that its own sensor measures.
        resent_count: number of repeated orders.
        extension_reports: reports of pages that no task has taken yet.
    """

    topics = LmountEngine.topics | {ANSWER, REPORT}

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
    ) -> None:
        super().__init__(Role.BODY, carried, random)
        self.settings = settings
        self.lens_info = LensInfo()
        self.script = tuple(script)
        self.position = 0
        self.restarts = self.expects_detach = False
        self.answers: dict[int, Any] = {}
        self.outcomes: dict[int, Outcome] = {}
        self.streaming = self.lens_sleeps = False
        self.stream = 0
        self.reported_at = 0.0
        self.frame = 0
        self.frame_at = 0.0
        self.rate_hz = settings.camera.live_view_hz
        self.share: float | None = None
        self.supply = Supply(settings.power.supply_ma)
        self.camera_shake = CameraShake(random)
        self.resent_count = 0
        self.extension_reports: deque[ExtensionReport] = deque(maxlen=MAX_EXTENSION_REPORTS)
        self._number = 0
        # The body pulls this line up; a lens grounds it.
        self.levels[DETECT] = DETECT in self.carried

    def restart(self, why: str) -> None:
        """Power-cycle the lens and identify it again; the current step of the script is repeated."""

    def next_number(self) -> int:
        """Return a number for an order, 1 to 255; old answers to this number are forgotten."""
        self._number = self._number % 255 + 1
        self.answers.pop(self._number, None)
        self.outcomes.pop(self._number, None)
        return self._number

    def record_result(self, step: str, verdict: Verdict, detail: str, rule: str = "") -> None:
        """Record the result of a step."""
        self.compatibility_results.append(CompatibilityResult(step, verdict, rule, detail, self.now))
        self.report(f"{step}: {verdict.value}{f' ({rule})' if rule else ''}: {detail}")

    def request(
        self, order: Any, *, timeout: float = REPLY_TIMEOUT_S, numbered: bool = True, max_sends: int = MAX_SENDS
    ) -> RequestTask:
        """Send an order until it is answered; returns the answer, or `None` without one.

        Args:
            order: the order; it receives the next number unless it has its own.
            timeout: seconds that an answer may take, without the time on the wire.
            numbered: whether the order receives a new number.
            max_sends: maximum number of times that it is sent.
        """
        number = order.number = self.next_number() if numbered else order.number
        wire = transmission_time(len(order.build()) + LONG_REPLY_BYTES, self.baudrate)
        for attempt in range(max_sends):
            if attempt:
                self.resent_count += 1
            self.queue_frame([order], ORDER)
            yield Wait(self.now + timeout + wire, lambda: number in self.answers, (ANSWER,))
            if number in self.answers:
                answer: Message = self.answers.pop(number)
                yield self.after(self.settings.timing.settle)
                return answer
        self.report(f"no answer to {type(order).__name__} {number}, asked {max_sends} times", is_error=True)
        return None

    def wait_for_outcome(self, order: Any, timeout: float) -> Generator[WaitFor, bool, Outcome | None]:
        """Wait for the outcome of an accepted drive; returns `None` after the timeout."""
        number = order.number
        yield Wait(self.now + timeout, lambda: number in self.outcomes, (ANSWER,))
        return self.outcomes.pop(number, None)

    def on_reply(self, answer: Message) -> None:
        """Store an answer for the task that waits for it."""
        number = int(getattr(answer, "number", 0))
        if isinstance(answer, CommandDone) and answer.outcome != Outcome.ACCEPTED:
            self.outcomes[number] = answer.outcome
        # After a lost acceptance the outcome serves as the answer.
        self.answers.setdefault(number, answer)
        self.wake(ANSWER)
