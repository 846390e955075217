"""Replaces the edges that a host drives on the frame signal by pulses of the board's timer.

A host is late by microseconds to milliseconds, differently each time; a chip's timer is not. So the board passes on
the first pulses as driven. Then its timer makes them, and the host's edges only set period and phase. `SyncDetector`
is pure: it receives levels and times, and returns the pulse settings for the board. `SyncSignal` sends them.
"""

from dataclasses import dataclass
from statistics import median

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.protocol.commands import Sync
from lensmount_hardware.boards.protocol.constants import MIN_SYNC_PERIOD_US, SyncFlag

PULSES_DRIVEN = 16
"""Pulses that go through as they are driven, until period and phase are known."""

_PHASE_GAIN = 0.1
"""Share of an error that moves the phase: the lateness of a host spreads over some ten periods."""

_PERIOD_GAIN = 0.002
_MAX_CORRECTION = 100e-6
"""Seconds; a pulse that is off by more comes from a late host, and does not describe the signal."""

_MAX_PHASE_ERROR = 0.1
"""Share of a period by which a pulse may be off before the signal counts as another one."""

_MIN_PHASE_UPDATE = 10e-6
"""Seconds; the smallest phase change that is sent to the board."""

_MISSED_PERIODS = 1.5
"""Periods without a pulse after which the signal has ended."""


@dataclass(frozen=True, slots=True)
class SyncPulse:
    """Pulse settings for the board's timer, in seconds of the host's clock.

    Attributes:
        first: when the next pulse begins.
        period: from pulse to pulse.
        width: of a pulse.
    """

    first: float
    period: float
    width: float


class SyncDetector:
    """Follows one frame signal with low pulses.

    Args:
        width: of a pulse, in seconds; 0 measures it on the driven pulses.

    Attributes:
        running: whether the board's timer makes the pulses.
    """

    def __init__(self, width: float = 0.0) -> None:
        self.running = False
        self._fixed_width = width
        self._falls: list[float] = []
        self._widths: list[float] = []
        self._next = 0.0
        self._period = 0.0
        self._outliers = 0
        self._last_pulse = SyncPulse(0.0, 0.0, 0.0)

    def drive(self, level: bool, now: float) -> SyncPulse | None:
        """Process an edge that the host drives; returns new pulse settings for the board, if any.

        If `running` is true afterwards, the caller does not send the edge itself.
        """
        if self.running:
            return None if level else self._track(now)
        if not level:
            self._falls.append(now)
        elif self._falls:
            self._widths.append(now - self._falls[-1])
            if len(self._falls) >= PULSES_DRIVEN:
                return self._start_timer()
        return None

    def expires_at(self) -> float | None:
        """Return when the signal ends unless the host drives it before; `None` while it does not run."""
        return self._next + (_MISSED_PERIODS - 1) * self._period if self.running else None

    def stop(self) -> None:
        """Reset: the board makes no pulses any more."""
        self.running = False
        self._outliers = 0
        self._falls.clear()
        self._widths.clear()

    def _start_timer(self) -> SyncPulse | None:
        falls = self._falls
        half = PULSES_DRIVEN // 2
        period = median((later - earlier) / half for earlier, later in zip(falls, falls[half:], strict=False))
        expected = [fall + (len(falls) - number) * period for number, fall in enumerate(falls)]
        following = median(expected)
        if max(abs(at - following) for at in expected) > _MAX_PHASE_ERROR * period * PULSES_DRIVEN:
            # No signal with one period yet.
            del self._falls[0], self._widths[0]
            return None
        self.running = True
        self._next, self._period = following, period
        return self._make_pulse()

    def _track(self, now: float) -> SyncPulse | None:
        late = now - self._next
        self._outliers = self._outliers + 1 if abs(late) > _MAX_PHASE_ERROR * self._period else 0
        if self._outliers > 1:
            # One is a late host; two are another rate or a pause: pass on the next pulses, and start again.
            self.stop()
            self._falls.append(now)
            return None
        believed = min(max(late, -_MAX_CORRECTION), _MAX_CORRECTION)
        self._period += _PERIOD_GAIN * believed
        self._next += _PHASE_GAIN * believed + self._period
        ahead = round((self._next - self._last_pulse.first) / self._last_pulse.period)
        drifted = self._next - (self._last_pulse.first + ahead * self._last_pulse.period)
        return self._make_pulse() if abs(drifted) >= _MIN_PHASE_UPDATE else None

    def edge_time(self, level: bool, now: float) -> float:
        """Return when the pulse at `now` begins (low) or ends (high), by the settings that the board has."""
        pulse = round((now - self._last_pulse.first) / self._last_pulse.period)
        return self._last_pulse.first + pulse * self._last_pulse.period + (self._last_pulse.width if level else 0.0)

    def _make_pulse(self) -> SyncPulse:
        self._last_pulse = SyncPulse(self._next, self._period, self._fixed_width or median(self._widths))
        return self._last_pulse


class SyncSignal:
    """One frame signal, made by the host's edges or by the board's timer.

    Args:
        width: of its pulses, in seconds; 0 measures it on the driven pulses.
    """

    def __init__(self, width: float) -> None:
        self._detector = SyncDetector(width)

    def drive(self, level: bool, now: float, link: BoardLink) -> bool:
        """Process an edge that the host drives at our time `now`; returns whether the board's timer makes it."""
        if not link.clock.known:
            return False
        pulse = self._detector.drive(level, now)
        if pulse is not None:
            period_us = max(MIN_SYNC_PERIOD_US, round(pulse.period * 1e6))
            width_us = min(max(1, round(pulse.width * 1e6)), period_us - 1)
            link.send(Sync(SyncFlag.ON, period_us, width_us, link.clock.board_time_us(pulse.first)))
        return self._detector.running

    def edge_time(self, level: bool, now: float) -> float:
        """Return when the board makes the edge that the host drives at `now`."""
        return self._detector.edge_time(level, now)

    def time_left(self, now: float) -> float:
        """Return the seconds until the signal may have ended."""
        ends = self._detector.expires_at()
        return float("inf") if ends is None else max(0.0, ends - now)

    def stop_if_expired(self, now: float, link: BoardLink) -> None:
        """Stop the board's pulses when the host has stopped driving the signal."""
        ends = self._detector.expires_at()
        if ends is not None and now >= ends:
            self._detector.stop()
            link.send(Sync(0, 0, 0, 0))

    def stop(self) -> None:
        """Reset after the board has ended the signal."""
        self._detector.stop()
