"""One end of a recording, played again to a live peer: in its own time, or each step when the peer has done its own."""

from collections import deque
from collections.abc import Iterator, Sequence

from lensmount_emulator.roles.notice import Notice
from lensmount_emulator.sessions.steps import Do, ExpectFrame, ExpectLevel, Step, has_action
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.frame import Frame, GarbageReason
from lensmount_protocol.paving import type_of
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import DriveLine, LineChanged, Role, SetBaudrate, WireAction, WireEvent

USUAL_PATIENCE = 2.0
"""Seconds that a step of the peer is waited for; the longest start-up of a captured lens takes less than one."""

AFTERGLOW = 0.1
"""Seconds that the peer is listened to behind the last step; what was sent last is still on its way, too."""


class Replay:
    """Plays one end of a recording; a live session drives it as it drives an engine.

    In its own time, what the recording did is done when it did it, counted from the first step, whatever the peer does.
    Waiting, each step comes as long behind the one before as it did in the recording, and before what follows a frame
    or an edge of the peer the peer is waited for: a frame of the same messages, the line at that level. Other frames
    that come meanwhile are passed over. A peer that does not do its step in time is missed, and the replay goes on.

    Attributes:
        now: when it was last asked, in seconds.
        role: the end that is played.
        baudrate: the rate in force.
        missed: steps of the peer that did not come.
        passed_over: frames of the peer that nothing waited for.
        done: steps that are over.
        over: whether everything is done and the peer has had time to answer.
        acts: whether the port carries anything of what the recording sends or drives.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        role: Role,
        dialect: Dialect,
        carried: frozenset[str],
        *,
        waits: bool,
        patience: float = USUAL_PATIENCE,
    ) -> None:
        """Make ready.

        Args:
            steps: what the recording asks.
            role: the end that we play.
            dialect: what is spoken.
            carried: the lines that the port carries; others are neither driven nor waited for.
            waits: wait for the peer.
            patience: seconds that a step of the peer is waited for.
        """
        self.now = 0.0
        self.role = role
        self.baudrate = dialect.wiring.baudrates[0]
        self.missed = self.passed_over = self.done = 0
        self.over = False
        self._ended: float | None = None
        self._steps = [step for step in steps if _is_played(step, carried, waits)]
        self.acts = has_action(self._steps)
        self._waits = waits
        self._patience = patience
        self._silence = dialect.silence
        self._reader = FrameReader(dialect, role.peer, dialect.paving())
        self._heard_at: float | None = None
        self._frames: deque[tuple[int, ...]] = deque(maxlen=64)
        self._levels: dict[str, bool] = {}
        self._seen: set[tuple[str, bool]] = set()
        self._actions: deque[WireAction] = deque()
        self._notices: deque[Notice] = deque()
        self._began = 0.0
        self._since = 0.0
        self._expecting = False

    @property
    def finished(self) -> bool:
        """Whether every step is over."""
        return self.done == len(self._steps)

    @property
    def clean(self) -> bool:
        """Whether there was something to do, every step was made, and the peer did all of its own."""
        return self.acts and self.finished and not self.missed

    def summary(self) -> str:
        """What the replay came to, in one line."""
        if not self.acts:
            return "nothing was played: the port carries none of the lines that the recording drives"
        missed = f", {self.missed} of the peer's missed" if self.missed else ""
        return (
            f"{self.done} of {len(self._steps)} steps done{missed}, {self.passed_over} frames of the peer passed over"
        )

    def start(self, now: float) -> None:
        """The session begins."""
        self.now = self._began = self._since = now
        self._go_on()

    def receive(self, event: WireEvent, now: float) -> None:
        """The peer did something."""
        self.now = now
        if isinstance(event, LineChanged):
            self._levels[event.line] = event.level
            self._seen.add((event.line, event.level))
        else:
            if self._heard_at is not None and now - self._heard_at > self._silence:
                self._reader.close(GarbageReason.SILENCE)
            self._heard_at = now
            for found in self._reader.receive(event.data):
                if isinstance(found, Frame):
                    self._frames.append(tuple(type_of(message) for message in found.messages))
        self._go_on()

    def next_deadline(self) -> float | None:
        """When the next step is due, or the peer's is missed."""
        if self._ended is not None:
            return None if self.over else self._ended + AFTERGLOW
        step = self._steps[self.done]
        return self._since + self._patience if self._expecting else self._due(step)

    def handle_deadline(self, now: float) -> None:
        """The time has come."""
        self.now = now
        self._go_on()

    def actions(self) -> Iterator[WireAction]:
        """What to do on the wire, in order; each is given once."""
        while self._actions:
            yield self._actions.popleft()

    def notices(self) -> Iterator[Notice]:
        """What to tell people, in order; each is given once."""
        while self._notices:
            yield self._notices.popleft()

    def _go_on(self) -> None:
        while not self.finished:
            step = self._steps[self.done]
            if isinstance(step, Do):
                due = self._due(step)
                if due > self.now:
                    return
                # What comes next is counted from when this was due, so that lateness does not add up.
                self._act(step.action)
                self._step_over(due + step.takes if self._waits else due)
            elif self._has_come(step):
                self._step_over(self.now)
            else:
                self._expecting = True
                if self.now < self._since + self._patience:
                    return
                self.missed += 1
                self._tell(f"the peer did not come to {step} within {self._patience:g} s; going on", trouble=True)
                self._step_over(self.now)
        if self._ended is None:
            self._ended = self.now
        self.over = self.now >= self._ended + AFTERGLOW

    def _step_over(self, at: float) -> None:
        self.done += 1
        self._since = max(self._since, at)
        self._expecting = False

    def _due(self, step: Step) -> float:
        first = self._steps[0].at or 0.0
        if not self._waits:
            return self._began + (step.at or first) - first
        if not self.done or step.at is None:
            return self._since
        before = self._steps[self.done - 1]
        ended = (before.at or 0.0) + (before.takes if isinstance(before, Do) else 0.0)
        return self._since if before.at is None else self._since + max(0.0, step.at - ended)

    def _has_come(self, step: ExpectFrame | ExpectLevel) -> bool:
        if isinstance(step, ExpectLevel):
            # A pulse may be over before it is asked for.
            come = self._levels.get(step.line) is step.level or (step.line, step.level) in self._seen
            self._seen.discard((step.line, step.level))
            return come
        while self._frames:
            if self._frames.popleft() == step.types:
                return True
            self.passed_over += 1
        return False

    def _act(self, action: WireAction) -> None:
        if isinstance(action, SetBaudrate):
            if action.baudrate == self.baudrate:
                return
            self.baudrate = action.baudrate
        self._actions.append(action)

    def _tell(self, text: str, *, trouble: bool) -> None:
        self._notices.append(Notice(self.now, self.role, text, trouble))


def _is_played(step: Step, carried: frozenset[str], waits: bool) -> bool:
    if isinstance(step, ExpectLevel):
        return waits and step.line in carried
    if isinstance(step, Do) and isinstance(step.action, DriveLine):
        return step.action.line in carried
    return waits or isinstance(step, Do)
