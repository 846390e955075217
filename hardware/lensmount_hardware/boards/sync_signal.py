"""Hands a body's frame signal over to its board's timer, and takes it back."""

from lensmount_hardware.boards.link import BoardLink
from lensmount_hardware.boards.orders import Sync
from lensmount_hardware.boards.sync_follower import SyncFollower
from lensmount_hardware.boards.words import SHORTEST_SYNC_US, SyncFlag


class SyncSignal:
    """One frame signal and who makes it.

    Args:
        width: of its pulses, in seconds; 0 takes it from what is driven.
    """

    def __init__(self, width: float) -> None:
        self._follower = SyncFollower(width)

    def drive(self, level: bool, now: float, link: BoardLink) -> bool:
        """The host drives the line at our time `now`; whether the board does that by itself."""
        if not link.clock.known:
            return False
        beat = self._follower.drive(level, now)
        if beat is not None:
            period_us = max(SHORTEST_SYNC_US, round(beat.period * 1e6))
            width_us = min(max(1, round(beat.width * 1e6)), period_us - 1)
            link.send(Sync(SyncFlag.ON, period_us, width_us, link.clock.board_time_us(beat.first)))
        return self._follower.running

    def made_at(self, level: bool, now: float) -> float:
        """When the board makes the edge that the host has driven at `now`."""
        return self._follower.made_at(level, now)

    def patience(self, now: float) -> float:
        """Seconds until the signal may have ended."""
        ends = self._follower.ends()
        return float("inf") if ends is None else max(0.0, ends - now)

    def end_if_due(self, now: float, link: BoardLink) -> None:
        """End the signal when the host drives it no longer."""
        ends = self._follower.ends()
        if ends is not None and now >= ends:
            self._follower.stop()
            link.send(Sync(0, 0, 0, 0))

    def stop(self) -> None:
        """The board has ended it by itself."""
        self._follower.stop()
