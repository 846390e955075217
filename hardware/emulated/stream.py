"""An emulated board's USB as the stream of a transport, and the emulator's time as its clock."""

from emulated.emulator import Emulator

_AT_MOST = 60.0
"""Seconds of the emulator's time for who waits without end."""


class EmulatedClock:
    """The emulator's time, in seconds."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def now(self) -> float:
        """The time."""
        return self._emulator.now_us * 1e-6


class EmulatedStream:
    """The host's end of a board's USB; whoever waits here moves time on.

    Attributes:
        name: of the board, for messages.
    """

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.name = f"emulated {board}"
        self._emulator, self._board = emulator, board

    def read(self, wait: float | None) -> bytes:
        """What the board has said; waits for it in the emulator's time."""
        until_us = self._emulator.now_us + 1e6 * (_AT_MOST if wait is None else wait)
        while not self._emulator.said[self._board] and self._emulator.now_us < until_us:
            self._emulator.run_until(until_us, unless_usb=True)
        data, self._emulator.said[self._board] = self._emulator.said[self._board], b""
        return data

    def write(self, data: bytes) -> None:
        """To the board, from now on."""
        self._emulator.write(self._board, data)

    def close(self) -> None:
        """The emulator stays as it is."""
