"""What a lens is made of: its profile, its models and the memory of its stream; its behaviour stands beside it."""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, TypeVar

from lensmount_emulator.models.focus_motor import FocusMotor
from lensmount_emulator.models.iris import IrisModel
from lensmount_emulator.models.row_echo import RowEcho
from lensmount_emulator.roles.emount.settings import LensSettings, Rows
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.tasks import Task
from lensmount_emulator.roles.wording import copies_of, message_from, values_from
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS
from lensmount_protocol.dialects.emount.sequence import lens_sequence
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

M = TypeVar("M", bound=Message)

MOST_WAITING = 64
"""Answers and refusals that wait to be sent; a body that floods a lens gets the first ones."""


class Stream:
    """What the loop remembers from frame to frame.

    Attributes:
        running: whether `05` and `06` are sent.
        run: which stream it is: a pair that was begun in one must not go on in the next, of other blocks.
        frame: number of the pair that is being sent, from 0.
        waits: the first pair comes with the next pulse.
        busy: a pair is on its way out.
        status_blocks: selection of `05`.
        focus_blocks: selection of `06`.
        sequence: the number that the current pair carries.
        cycle_flag: `06` f23 bit 6.
        phase_zero: a `03` with cycle phase 0 came since the last pair.
        flipped: the cycle flag changed in the last pair.
        target: the aperture code that the body asked for last.
        targets: codes on their way through the lens, oldest first.
        acknowledgements: pairs of (frame from which it may be sent, message).
        moving_to: target of the focus order under way.
        moves: whether that order has a way to go.
        motion_left: frames behind the acknowledgement for which the lens still calls itself moving.
    """

    def __init__(self, settings: LensSettings) -> None:
        self._first_sequence = settings.first_sequence
        self._counts_alone = settings.counts_alone
        self.status_blocks = LensStatus.USUAL_BLOCKS
        self.focus_blocks = FocusStatus.USUAL_BLOCKS
        self.run = 0
        self.begin(self.status_blocks, self.focus_blocks)
        self.running = False

    def begin(self, status_blocks: int, focus_blocks: int) -> None:
        """The body ordered a stream of these blocks."""
        self.status_blocks, self.focus_blocks = status_blocks, focus_blocks
        self.running = True
        self.run += 1
        self.frame = -1
        self.busy = self.waits = False
        self.sequence = self._first_sequence
        self.cycle_flag = self.flipped = self.phase_zero = False
        self.target: int | None = None
        self.targets: deque[int | None] = deque()
        self.acknowledgements: deque[tuple[int, Message]] = deque()
        self.moving_to: int | None = None
        self.moves = False
        self.motion_left = 0
        self._heard: int | None = None
        self._met = False

    def end(self) -> None:
        """The body stopped the stream, or power is gone."""
        self.running = False

    def body_spoke(self, sequence: int) -> None:
        """A loop frame with this number came."""
        self._heard = sequence

    def next_pair(self) -> None:
        """A new pair begins: count it and number it.

        A lens answers with the number behind the body's; when the body falls silent it counts by itself (firmware of a
        Samyang). Before the body's first frame lenses differ.
        """
        self.frame += 1
        if self._heard is not None:
            self._met = True
            self.sequence = lens_sequence(self._heard)
        elif self.frame and (self._counts_alone or self._met):
            self.sequence = lens_sequence(self.sequence)
        self._heard = None


class RowTable:
    """The optical rows of a profile as bytes.

    Attributes:
        b: row B, frame by frame; empty: as the profile words the message.
        c: row index -> row C.
        d: row D, frame by frame; empty: as row C.
    """

    def __init__(self, rows: Rows) -> None:
        self.b: Sequence[bytes] = [bytes.fromhex(row) for row in rows.b]
        self.d: Sequence[bytes] = [bytes.fromhex(row) for row in rows.d]
        self.c = {index: bytes.fromhex(rows.c[name]) for index in range(256) if (name := f"{index:02X}") in rows.c}


class LensCore(Engine):
    """A lens without its behaviour.

    Attributes:
        settings: the profile's data.
        iris: the diaphragm.
        motor: the focus drive.
        rows: the echo of row selects.
        row_table: what the rows hold.
        stream: what the loop remembers.
        pulse_at: when VD last fell.
        pulse_period: seconds between its last two falls.
        window_holds_bytes: whether bytes came in the body's window that is open, or was the last one.
        waiting: answers and refusals that are not out yet.
        lost: those that were left out, because too many waited.
        overflowed_at: when one was left out last, in seconds.
        turned_to_dmm: focal length that a hand turned it to, in tenths of a millimetre; 0: as the profile says.
    """

    def __init__(
        self, settings: LensSettings, carried: frozenset[str] | None = None, random: Random | None = None
    ) -> None:
        super().__init__(EMOUNT, Role.LENS, carried, random)
        self.settings = settings
        focus, iris = settings.focus, settings.iris
        at_rest = iris.widest + iris.offset
        self.iris = IrisModel(
            iris.widest, iris.narrowest, iris.offset, iris.codes_per_frame, current=at_rest, goal=at_rest
        )
        self.motor = FocusMotor(
            focus.lower,
            focus.upper,
            focus.planned,
            focus.steps_per_frame,
            focus.lag_frames,
            focus.encoder - focus.planned,
        )
        self.rows = RowEcho(settings.rows.echo_frames, (settings.rows.initial, settings.rows.initial))
        self.row_table = RowTable(settings.rows)
        self.stream = Stream(settings)
        self.hears = False
        self.pulse_at = self.pulse_period = 0.0
        self.turned_to_dmm = 0
        self.window_holds_bytes = False
        self.waiting = self.lost = 0
        self.overflowed_at = -1.0
        self._worded: dict[type[Message], Callable[[], Any]] = {}
        self._start: dict[type[Message], list[dict[str, Any]]] = {
            cls: [values_from(cls, fields) for fields in settings.start.get(cls.__name__, [])]
            for cls in (LensStatus, FocusStatus)
        }

    def knows(self, cls: type[Message]) -> bool:
        """Whether the profile words this message."""
        return cls.__name__ in self.settings.messages

    def says(self, cls: type[M]) -> M:
        """A fresh message of this class as the profile words it."""
        copy = self._worded.get(cls)
        if copy is None:
            copy = self._worded[cls] = copies_of(message_from(cls, self.settings.messages.get(cls.__name__, {})))
        message: M = copy()
        return message

    def start_up(self, message: Message, frame: int) -> None:
        """Put over a message what the profile says of this first frame of a stream."""
        patches = self._start[type(message)]
        if frame < len(patches):
            for name, value in patches[frame].items():
                setattr(message, name, value)

    def say_in_turn(self, answer: Task) -> None:
        """Send an answer or a refusal in its turn; with too many in front of it, it is left out."""
        if self.waiting >= MOST_WAITING:
            self.lost += 1
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

    def frame_is_over(self) -> bool:
        """Whether the body has let go of its select line."""
        return BODY_CS not in self.carried or not self.levels.get(BODY_CS, False)
