"""What an E-mount lens knows of its body at each pair of its stream: the inputs of the field rules of a profile.

All inputs come from the frames that the body has sent and from the count of pairs. `row1` is the row pair of the last
`03`, `row2` that of the last but one: simple lenses follow the first, Sony AF lenses the second.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.payload import AnyMessage

MAX_DWELL = 15
"""Largest count of frames for which a row pair lasts; longer waits count as this one."""

KNOWN_ROWS = 2 * MAX_DWELL + 4
"""Rows after which the row before them is no longer known."""

_LAGS = (1, 2)
_BODY_WORDS = ("state", "control", "mode", "unknown_15", "start_flag", "aperture_target")

INPUTS: tuple[str, ...] = (
    "pair",
    "vd",
    "sequence",
    "toggle",
    "flip",
    "cycle_zero",
    "turn",
    "row",
    "dwell",
    "focus_mode",
    "mode_state",
    *(f"{name}{lag}" for lag in _LAGS for name in ("row", "dwell", "previous", "cycle", *_BODY_WORDS)),
)
"""Names of the values: counts, row pairs, the frames that they have lasted, cycles and words of the body."""


_WORD_NAMES = {lag: tuple(f"{name}{lag}" for name in ("cycle", *_BODY_WORDS)) for lag in _LAGS}
"""Lag -> the names of the words of a `03`."""


@dataclass(frozen=True, slots=True)
class _Row:
    """A row pair that the body selects.

    Attributes:
        value: both numbers; -1 before the first `03`, and for one without a select.
        lasted: frames in a row that select it.
        previous: the row pair before it; -1 for none.
    """

    value: int = -1
    lasted: int = 0
    previous: int = -1

    def followed_by(self, value: int) -> "_Row":
        """The row pair of the next frame."""
        if self.lasted and value == self.value:
            return _Row(value, self.lasted + 1, self.previous)
        return _Row(value, 1, self.value)


class LoopInputs:
    """Collects what the body sends, and gives the inputs of each pair."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the body: a stream begins."""
        self._row = self._row_before = _Row()
        self._states: deque[BodyState] = deque(maxlen=2)
        self._words: deque[tuple[int, ...]] = deque(maxlen=2)
        self._toggle = self._focus_mode = self._mode_state = self._flip = self._turn = 0
        self._phase_zero = self._flipped = self._turned = self._ends = False
        self._since_turn = self._cycle = self._next_cycle = 0
        self._arrived = True

    def take(self, messages: Sequence[AnyMessage]) -> None:
        """Take a loop frame of the body."""
        first = messages[0]
        if isinstance(first, BodyState):
            selected = next((one for one in messages if isinstance(one, RowSelect)), None)
            self._take_state(first, -1 if selected is None else selected.row_a << 8 | selected.row_b)
        elif isinstance(first, BodyMode):
            self._focus_mode, self._mode_state = int(first.focus_mode), first.state

    def _take_state(self, state: BodyState, row: int) -> None:
        self._row_before, self._row = self._row, self._row.followed_by(row)
        before = self._states[-1] if self._states else None
        self._states.append(state)
        cycle = state.cycle_length << 8 | state.cycle_phase
        self._words.append((cycle, *(int(getattr(state, name)) for name in _BODY_WORDS)))
        begins = state.cycle_phase == 0
        self._toggle ^= begins
        self._phase_zero = self._phase_zero or begins
        regular = before is not None and before.cycle_phase == before.cycle_length - 1
        self._ends = self._ends or (begins and regular)
        self._next_cycle = state.cycle_length
        self._arrived = True

    def _assume_state(self) -> None:
        """A `03` is missing: the body goes on in its cycle, and keeps its row pair."""
        last = self._states[-1]
        phase = (last.cycle_phase + 1) % max(1, last.cycle_length)
        self._take_state(replace(last, cycle_phase=phase), self._row.value)

    def next_pair(self) -> None:
        """Begin a pair: `flip` counts those after a cycle phase 0, at most every other one.

        `turn` counts the cycles of a lens that counts frames itself: a cycle of the body that ends as announced turns
        it, and so does a cycle without such an end.
        """
        if not self._arrived and self._states:
            self._assume_state()
        self._arrived = False
        self._flipped = self._phase_zero and not self._flipped
        self._flip += self._flipped
        self._since_turn += 1
        full = self._since_turn >= max(2, self._cycle, self._next_cycle)
        self._turned = (self._ends and not self._turned) or full
        if self._turned:
            self._turn += 1
            self._since_turn, self._cycle = 0, self._next_cycle
        self._phase_zero = self._ends = False

    def inputs(self, pair: int, sequence: int) -> dict[str, int]:
        """Return the inputs of a pair.

        Args:
            pair: its number since the stream began.
            sequence: the number that its frames carry.
        """
        known = {
            "pair": pair,
            "vd": pair,
            "sequence": sequence,
            "toggle": self._toggle,
            "flip": self._flip,
            "cycle_zero": self._flip,
            "turn": self._turn,
            "focus_mode": self._focus_mode,
            "mode_state": self._mode_state,
        }
        for lag, row in ((1, self._row), (2, self._row_before)):
            known[f"row{lag}"] = row.value
            known[f"dwell{lag}"] = min(MAX_DWELL, max(0, row.lasted - 1))
            known[f"previous{lag}"] = row.previous if row.lasted <= KNOWN_ROWS - lag else -1
            if len(self._words) >= lag:
                known.update(zip(_WORD_NAMES[lag], self._words[-lag], strict=True))
        known |= {"row": known["row1"], "dwell": known["dwell1"]}
        return known
