"""The state of an E-mount lens: its profile, its models and its stream; other modules define its behaviour."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple, TypeVar

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.profile_values import MessageFields, build_message, field_values, message_copier
from lensmount_emulator.engine.rule_player import RulePlayer
from lensmount_emulator.engine.tasks import Task
from lensmount_emulator.roles.emount.loop_inputs import LoopInputs
from lensmount_emulator.roles.emount.models import EmountFocusMotor, EmountIris, RowEcho
from lensmount_emulator.roles.emount.profile import LensSettings, Rows
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import next_lens_sequence
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

M = TypeVar("M", bound=Message)

MAX_QUEUED = 64
"""Answers and refusals that may wait to be sent; a body that floods a lens receives the first ones."""


class ScanLeg(NamedTuple):
    """One movement of a scan.

    Attributes:
        target: where it ends, in motor steps.
        speed: steps a frame; `None` is top speed.
        phase: `06` f25 while it runs.
    """

    target: int
    speed: int | None
    phase: int


class Stream:
    """State of the stream.

    Attributes:
        running: whether `05` and `06` are sent.
        run: number of the stream: a pair of one stream must not continue in the next, which has other blocks.
        frame: number of the pair that is being sent, from 0.
        waits: the first pair waits for the next pulse.
        ready_at: from when on the first pair may be sent, in seconds; a pulse that comes too soon starts none.
        busy: a pair is being sent.
        status_blocks: selection of `05`.
        focus_blocks: selection of `06`.
        sequence: the number that the current pair carries.
        cycle_flag: `06` f23 bit 6.
        phase_zero: a `03` with cycle phase 0 has arrived since the last pair.
        flipped: the cycle flag changed in the last pair.
        target: the aperture code that the body requested last.
        targets: delayed codes, oldest first.
        acknowledgements: pairs of (frame from which it may be sent, message).
        released: acknowledgements of replaced orders, which the next frame carries.
        legs: movements of a scan that are still to come.
        scan_phase: `06` f25.
        pulses_moved: pulses of VD since the current move began.
        decoupled: `04` f3 bit 1, taken as set before the first `04` (BAS-SY).
        state_due: a `03` has arrived since the last `05`.
        mode_due: a `04` has arrived since the last `06`.
        moving_to: target of the focus order under way.
        moves: whether that order changes the position.
        motion_left: frames after the acknowledgement for which the lens still reports motion.
    """

    def __init__(self, settings: LensSettings) -> None:
        self._first_sequence = settings.first_sequence
        self._counts_alone = settings.counts_alone
        self.status_blocks = LensStatus.DEFAULT_BLOCKS
        self.focus_blocks = FocusStatus.DEFAULT_BLOCKS
        self.run = 0
        self.begin(self.status_blocks, self.focus_blocks)
        self.running = False

    def begin(self, status_blocks: int, focus_blocks: int) -> None:
        """Begin a stream of these blocks."""
        self.status_blocks, self.focus_blocks = status_blocks, focus_blocks
        self.running = True
        self.run += 1
        self.frame = -1
        self.busy = self.waits = False
        self.ready_at = 0.0
        self.sequence = self._first_sequence
        self.cycle_flag = self.flipped = self.phase_zero = False
        self.target: int | None = None
        self.targets: deque[int | None] = deque()
        self.acknowledgements: deque[tuple[int, Message]] = deque()
        self.released: deque[Message] = deque()
        self.legs: deque[ScanLeg] = deque()
        self.scan_phase = self.pulses_moved = 0
        self.decoupled = True
        self.state_due = self.mode_due = False
        self.moving_to: int | None = None
        self.moves = False
        self.motion_left = 0
        self._received: int | None = None
        self._met = False

    def end(self) -> None:
        """End the stream: the body stopped it, or power is lost."""
        self.running = False

    def on_loop_frame(self, sequence: int) -> None:
        """Store the number of a loop frame of the body."""
        self._received = sequence

    def next_pair(self) -> None:
        """Begin a new pair: count it and number it.

        A lens answers with the number after the body's; when the body is silent it counts by itself (firmware of a
        Samyang). Before the body's first frame lenses differ.
        """
        self.frame += 1
        if self._received is not None:
            self._met = True
            self.sequence = next_lens_sequence(self._received)
        elif self.frame and (self._counts_alone or self._met):
            self.sequence = next_lens_sequence(self.sequence)
        self._received = None


class OpticalRowCache:
    """The optical rows of a profile as bytes.

    Attributes:
        b: row B, frame by frame; empty: as in the profile's message.
        c: row index -> row C.
        d: row D, frame by frame; empty: as row C.
    """

    def __init__(self, rows: Rows) -> None:
        self.b: Sequence[bytes] = [bytes.fromhex(row) for row in rows.b]
        self.d: Sequence[bytes] = [bytes.fromhex(row) for row in rows.d]
        self.c = {index: bytes.fromhex(rows.c[name]) for index in range(256) if (name := f"{index:02X}") in rows.c}


def _start_patches(start: Mapping[str, list[MessageFields]]) -> dict[type[Message], list[dict[str, Any]]]:
    return {
        cls: [field_values(cls, fields) for fields in start.get(cls.__name__, [])] for cls in (LensStatus, FocusStatus)
    }


class LensEngineBase(Engine):
    """A lens without its behaviour.

    Attributes:
        settings: the profile's data.
        iris: the diaphragm.
        motor: the focus drive.
        rows: the echo of row selects.
        row_table: content of the rows.
        inputs: what the body sent, as field rules use it.
        player: the field rules of the profile; `None` where it has none.
        stream: state of the stream.
        pulse_at: time of the last falling edge of VD.
        pulse_period: seconds between its last two falling edges.
        window_holds_bytes: whether bytes arrived in the body's current or last window.
        waiting: answers and refusals that are not sent yet.
        dropped: answers and refusals that were dropped, because too many waited.
        overflowed_at: time of the last drop, in seconds.
        blocked: whether a message without a known size has locked it up, until its supply is cut.
        lasting_refusal: the refusal that answers every window from now on, until its supply is cut.
        homing_run: number of the homing that is running or was the last.
        homing_frames: `04` that have arrived, which pace the homing of some lenses.
        fills_aperture: whether `28` carries the aperture, as the body's `08` decides (WZQ).
        reports_controls: whether the service channel reports the lens's controls.
        turned_to_dmm: focal length set by the zoom ring, in tenths of a millimetre; 0: the profile's value.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(EMOUNT, Role.LENS, carried, random)
        self.settings = settings
        focus, iris = settings.focus, settings.iris
        at_rest = iris.widest + iris.offset
        self.iris = EmountIris(
            iris.widest, iris.narrowest, iris.offset, iris.codes_per_frame, current=at_rest, goal=at_rest
        )
        below, above = settings.behaviour.reserve
        self.motor = EmountFocusMotor(
            focus.lower - below,
            focus.upper + above,
            focus.planned,
            focus.steps_per_frame,
            focus.lag_frames,
            focus.encoder - focus.planned,
        )
        self.rows = RowEcho(settings.rows.echo_frames, (settings.rows.initial, settings.rows.initial))
        self.row_table = OpticalRowCache(settings.rows)
        self.inputs = LoopInputs()
        self.player: RulePlayer | None = None
        if settings.field or settings.state:
            streamed = {cls.__name__: cls for cls in (LensStatus, FocusStatus)}
            self.player = RulePlayer(settings.state, settings.phase, settings.field, streamed, random)
        self.stream = Stream(settings)
        self.rx_enabled = False
        self.pulse_at = self.pulse_period = 0.0
        self.turned_to_dmm = 0
        self.window_holds_bytes = self.blocked = self.reports_controls = False
        self.fills_aperture = True
        self.lasting_refusal: Message | None = None
        self.homing_run = self.homing_frames = 0
        self.waiting = self.dropped = 0
        self.overflowed_at = -1.0
        self._copiers: dict[type[Message], Callable[[], Any]] = {}
        self._start = _start_patches(settings.start)
        self._start_at = [(one.when, _start_patches(one.start)) for one in settings.start_at]

    def begin_stream(self, status_blocks: int, focus_blocks: int) -> None:
        """Begin a stream of these blocks; all counts of frames start again."""
        self.stream.begin(status_blocks, focus_blocks)
        self.inputs.clear()
        if self.player is not None:
            self.player.begin()
            states = self.player.given
            fits = (start for when, start in self._start_at if all(states.get(k) == v for k, v in when.items()))
            self._start = next(fits, _start_patches(self.settings.start))

    def has_message(self, cls: type[Message]) -> bool:
        """Whether the profile has this message."""
        return cls.__name__ in self.settings.messages

    def message_from_profile(self, cls: type[M]) -> M:
        """Return a new message of this class with the profile's fields."""
        copy = self._copiers.get(cls)
        if copy is None:
            copy = self._copiers[cls] = message_copier(build_message(cls, self.settings.messages.get(cls.__name__, {})))
        message: M = copy()
        return message

    def apply_startup_patch(self, message: Message, frame: int) -> None:
        """Apply the profile's fields of this first stream frame to a message."""
        patches = self._start[type(message)]
        if frame < len(patches):
            for name, value in patches[frame].items():
                setattr(message, name, value)

    @property
    def published_limits(self) -> tuple[int, int]:
        """The lower and upper travel limit that `06` shows; the motor may pass them by the profile's reserve."""
        below, above = self.settings.behaviour.reserve
        return self.motor.lower + below, self.motor.upper - above

    def forget(self) -> None:
        """Lose what only the supply keeps: lock-up, lasting refusal, service mode."""
        self.blocked = self.reports_controls = False
        self.lasting_refusal = None
        self.fills_aperture = True
        self.homing_run += 1

    def queue_reply(self, answer: Task, *, never_lost: bool = False) -> None:
        """Send an answer or a refusal in its turn; if too many wait, it is dropped.

        Args:
            answer: sends it.
            never_lost: whether a single transmit buffer does not matter: the request acts before its answer is due.
        """
        single = self.settings.behaviour.one_reply and not never_lost
        # At a port the peer has a reply before our time for its last bytes is over.
        unsent = self.waiting - (self.live and self.sending)
        if unsent >= (1 if single else MAX_QUEUED):
            self.dropped += 1
            self.overflowed_at = self.now
            answer.close()
            return
        self.spawn(self._counted(answer))

    def _counted(self, answer: Task) -> Task:
        self.waiting += 1
        try:
            yield from answer
        finally:
            self.waiting -= 1

    def frame_finished(self) -> bool:
        """Whether the body has released its select line."""
        return BODY_CS not in self.carried or not self.levels.get(BODY_CS, False)
