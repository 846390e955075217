"""What a body of the open model is made of: its profile, what it learned of the lens, and how it asks."""

from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lensmount_emulator.models.power_budget import Supply
from lensmount_emulator.models.shake import Shake
from lensmount_emulator.roles.findings import Finding, Verdict
from lensmount_emulator.roles.lmount.link_end import LinkEnd
from lensmount_emulator.roles.lmount.numbers import has
from lensmount_emulator.roles.lmount.settings import BodySettings
from lensmount_emulator.roles.script import Step
from lensmount_emulator.roles.tasks import Await, Wait
from lensmount_protocol.dialects.lmount.aperture import ApertureState, ZoomState
from lensmount_protocol.dialects.lmount.focus import FocusState
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.identity import Abilities, AccessoryEntry, Identity
from lensmount_protocol.dialects.lmount.lines import DETECT
from lensmount_protocol.dialects.lmount.link import Done, LensHello
from lensmount_protocol.dialects.lmount.power import PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import Feature, ImageCircle, Outcome, Part, PowerClass
from lensmount_protocol.dialects.lmount.update import Page, PageReport, UpdateState
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role, transmission_time

ANSWER = "answer"
"""Topic of `Wait.on`: an order was answered, or has come to its end."""

REPORT = "report"
"""Topic of `Wait.on`: the lens sent its reports."""

TRIES = 3
"""How often an order is sent before it is given up."""

PATIENCE_S = 0.012
"""What a body waits for an answer, beside the time on the wire: the longest legal wait is 4 ms, 20 ms for tables."""

MOST_PAGE_REPORTS = 1024
LONG_ANSWER_BYTES = 400
"""Room for what may be on the wire in front of an answer."""

Asking = Generator[Await, bool, Message | None]


@dataclass(slots=True)
class Known:
    """What the body has learned of the lens, kept through sleep.

    Attributes:
        hello: its greeting.
        identity: who it is.
        abilities: what it can.
        accessories: what stands in between, from the body on.
        focus: its last report of the focus.
        aperture: its last report of the diaphragm.
        zoom: its last report of the zoom.
        stabiliser: its last report of the stabiliser.
        power: what it draws.
        recovery: set where it can do nothing but be updated.
        features: those that both have.
        revision: that both speak.
        pages: what was agreed.
        used: the part of the image circle that is used.
        granted: class of power that it was granted.
        warned: whether the user was told of its consumption.
        reports: reports that came.
        turned: degrees that each ring was turned.
        manual: whether its switch says MF.
        locked: whether its button is pressed.
    """

    hello: LensHello | None = None
    identity: Identity | None = None
    abilities: Abilities | None = None
    accessories: list[AccessoryEntry] = field(default_factory=lambda: list[AccessoryEntry]())
    focus: FocusState | None = None
    aperture: ApertureState | None = None
    zoom: ZoomState | None = None
    stabiliser: StabiliserState | None = None
    power: PowerReport | None = None
    recovery: UpdateState | None = None
    features: int = 0
    revision: int = 1
    pages: list[Page] = field(default_factory=lambda: list[Page]())
    used: ImageCircle = ImageCircle.FULL_FRAME
    granted: PowerClass = PowerClass.NONE
    warned: bool = False
    reports: int = 0
    turned: dict[int, float] = field(default_factory=lambda: dict[int, float]())
    manual: bool = False
    locked: bool = False

    def feature(self, feature: Feature) -> bool:
        """Whether both ends have a feature."""
        return has(self.features, feature)

    def part(self, part: Part) -> bool:
        """Whether the lens has a part."""
        return self.abilities is not None and has(self.abilities.parts, part)


class BodyCore(LinkEnd):
    """A body without its behaviour.

    Attributes:
        settings: the profile's data.
        known: what it learned of the lens.
        script: what to do once the lens reports, in order.
        position: how many steps of it are done.
        restarts: whether the lens is to get its supply anew behind the step, to start from another image.
        expects_detach: whether the script has the lens taken off just now.
        answers: number of an order -> its answer, until somebody takes it.
        ends: number of a drive -> how it ended.
        streaming: whether frame signals are given.
        lens_sleeps: whether it was sent to sleep, and neither called nor given its supply anew since.
        stream: which run of frame signals it is: one that was ended must not go on when the next begins.
        reported_at: when the last report came, or the stream began.
        frame: number of the frame that runs.
        frame_at: when it began, in seconds.
        rate_hz: frame signals a second.
        share: the lens's part in shared stabilisation; `None` where it is not shared.
        supply: what it can give.
        shake: the hand that holds the camera, as its own sensor feels it.
        asked_again: how often an order had to be sent again.
        page_reports: what pages said that nobody has taken yet.
    """

    def __init__(
        self,
        settings: BodySettings,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        script: Sequence[Step] = (),
    ) -> None:
        super().__init__(Role.BODY, carried, random)
        self.settings = settings
        self.known = Known()
        self.script = tuple(script)
        self.position = 0
        self.restarts = self.expects_detach = False
        self.answers: dict[int, Any] = {}
        self.ends: dict[int, Outcome] = {}
        self.streaming = self.lens_sleeps = False
        self.stream = 0
        self.reported_at = 0.0
        self.frame = 0
        self.frame_at = 0.0
        self.rate_hz = settings.camera.live_view_hz
        self.share: float | None = None
        self.supply = Supply(settings.power.supply_ma)
        self.shake = Shake(random)
        self.asked_again = 0
        self.page_reports: deque[PageReport] = deque(maxlen=MOST_PAGE_REPORTS)
        self._number = 0
        # The body pulls this line up; a lens grounds it.
        self.levels[DETECT] = DETECT in self.carried

    def start_anew(self, why: str) -> None:
        """Take the lens's supply and get to know it again; the step of the script that was under way is repeated."""

    def next_number(self) -> int:
        """A number for an order, 1 to 255; what was answered under it long ago is forgotten."""
        self._number = self._number % 255 + 1
        self.answers.pop(self._number, None)
        self.ends.pop(self._number, None)
        return self._number

    def find(self, step: str, verdict: Verdict, detail: str, rule: str = "") -> None:
        """Note what a step came to."""
        self.findings.append(Finding(step, verdict, rule, detail, self.now))
        self.tell(f"{step}: {verdict.value}{f' ({rule})' if rule else ''}: {detail}")

    def ask(self, order: Any, *, patience: float = PATIENCE_S, numbered: bool = True, tries: int = TRIES) -> Asking:
        """Send an order until it is answered; gives the answer, or `None` where none came.

        Args:
            order: gets the next number, where it has none of its own.
            patience: seconds that an answer may take, beside the time on the wire.
            numbered: whether the order is to get a number.
            tries: how often it is sent.
        """
        number = order.number = self.next_number() if numbered else order.number
        wire = transmission_time(len(order.build()) + LONG_ANSWER_BYTES, self.baudrate)
        for attempt in range(tries):
            if attempt:
                self.asked_again += 1
            self.say([order], ORDER)
            yield Wait(self.now + patience + wire, lambda: number in self.answers, (ANSWER,))
            if number in self.answers:
                answer: Message = self.answers.pop(number)
                yield self.after(self.settings.timing.settle)
                return answer
        self.tell(f"no answer to {type(order).__name__} {number}, asked {tries} times", trouble=True)
        return None

    def end_of(self, order: Any, patience: float) -> Generator[Await, bool, Outcome | None]:
        """Wait for the end of a drive that was accepted; `None` where it did not come."""
        number = order.number
        yield Wait(self.now + patience, lambda: number in self.ends, (ANSWER,))
        return self.ends.pop(number, None)

    def take_answer(self, answer: Message) -> None:
        """An answer came: keep it for who asked."""
        number = int(getattr(answer, "number", 0))
        if isinstance(answer, Done) and answer.outcome != Outcome.ACCEPTED:
            self.ends[number] = answer.outcome
        # An acceptance that was lost is as good as the end that came after it.
        self.answers.setdefault(number, answer)
        self.wake(ANSWER)
