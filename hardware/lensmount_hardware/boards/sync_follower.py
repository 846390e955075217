"""Turns the edges that a host drives on the frame signal into a signal of the board's own timer.

A host is late by microseconds to milliseconds, differently each time; a chip's timer is not. So the first pulses go
through as they are driven; then the board makes them, and what the host drives only tells how long a period is and
where it begins. The follower is pure: it is told levels and times, and says what the board is to be told.
"""

from dataclasses import dataclass
from statistics import median

PULSES_DRIVEN = 16
"""Pulses that go through as they are driven, until period and phase are known."""

_PHASE_GAIN = 0.1
"""Share of an error that moves the phase: the lateness of a host spreads over some ten periods."""

_PERIOD_GAIN = 0.002
_MOST_BELIEVED = 100e-6
"""Seconds; a pulse that is off by more is a host that was late, and no news of the signal."""

_LOST = 0.1
"""Share of a period by which a pulse may be off before the signal counts as another one."""

_WORTH_TELLING = 10e-6
"""Seconds of phase that the board is corrected by at once."""

_MISSED_PERIODS = 1.5
"""Periods without a pulse after which the signal has ended."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What the board's timer is to make, in seconds of the host's clock.

    Attributes:
        first: when the next pulse begins.
        period: from pulse to pulse.
        width: of a pulse.
    """

    first: float
    period: float
    width: float


class SyncFollower:
    """Follows one frame signal whose pulses are low.

    Args:
        width: of a pulse, in seconds; 0 takes it from what is driven.

    Attributes:
        running: whether the board makes the pulses.
    """

    def __init__(self, width: float = 0.0) -> None:
        self.running = False
        self._told_width = width
        self._falls: list[float] = []
        self._widths: list[float] = []
        self._next = 0.0
        self._period = 0.0
        self._off = 0
        self._told = Beat(0.0, 0.0, 0.0)

    def drive(self, level: bool, now: float) -> Beat | None:
        """The host drives the line; a beat is what the board is to be told.

        While `running` is true afterwards the drive itself is not to be passed on.
        """
        if self.running:
            return None if level else self._keep(now)
        if not level:
            self._falls.append(now)
        elif self._falls:
            self._widths.append(now - self._falls[-1])
            if len(self._falls) >= PULSES_DRIVEN:
                return self._hand_over()
        return None

    def ends(self) -> float | None:
        """When the signal has ended unless the host drives it before; `None` while it does not run."""
        return self._next + (_MISSED_PERIODS - 1) * self._period if self.running else None

    def stop(self) -> None:
        """The board makes no pulses any more."""
        self.running = False
        self._off = 0
        self._falls.clear()
        self._widths.clear()

    def _hand_over(self) -> Beat | None:
        falls = self._falls
        half = PULSES_DRIVEN // 2
        period = median((later - earlier) / half for earlier, later in zip(falls, falls[half:], strict=False))
        expected = [fall + (len(falls) - number) * period for number, fall in enumerate(falls)]
        following = median(expected)
        if max(abs(at - following) for at in expected) > _LOST * period * PULSES_DRIVEN:
            # No signal with one period yet.
            del self._falls[0], self._widths[0]
            return None
        self.running = True
        self._next, self._period = following, period
        return self._tell()

    def _keep(self, now: float) -> Beat | None:
        late = now - self._next
        self._off = self._off + 1 if abs(late) > _LOST * self._period else 0
        if self._off > 1:
            # One was a late host; two are another rate, or a pause: the next pulses are driven, and followed again.
            self.stop()
            self._falls.append(now)
            return None
        believed = min(max(late, -_MOST_BELIEVED), _MOST_BELIEVED)
        self._period += _PERIOD_GAIN * believed
        self._next += _PHASE_GAIN * believed + self._period
        ahead = round((self._next - self._told.first) / self._told.period)
        drifted = self._next - (self._told.first + ahead * self._told.period)
        return self._tell() if abs(drifted) >= _WORTH_TELLING else None

    def made_at(self, level: bool, now: float) -> float:
        """When the pulse that runs at `now` begins (low) or ends (high), as the board was told."""
        pulse = round((now - self._told.first) / self._told.period)
        return self._told.first + pulse * self._told.period + (self._told.width if level else 0.0)

    def _tell(self) -> Beat:
        self._told = Beat(self._next, self._period, self._told_width or median(self._widths))
        return self._told
