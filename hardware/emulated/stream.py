"""The USB of an emulated board as a byte stream for a transport, and the emulator's time as its clock."""

from emulated.emulator import Emulator

_AT_MOST = 60.0
"""Emulator seconds that a read without a timeout waits at most."""


class EmulatedClock:
    """The emulator's time, in seconds."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def now(self) -> float:
        """Return the emulator's time in seconds."""
        return self._emulator.now_us * 1e-6


class EmulatedStream:
    """The host's end of a board's USB; a read that waits advances the emulator's time.

    Attributes:
        name: the board's name, for messages.
    """

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.name = f"emulated {board}"
        self._emulator, self._board = emulator, board

    def read(self, wait: float | None) -> bytes:
        """Return what the board has sent; waits for it in the emulator's time."""
        until_us = self._emulator.now_us + 1e6 * (_AT_MOST if wait is None else wait)
        while not self._emulator.usb_data[self._board] and self._emulator.now_us < until_us:
            self._emulator.run_until(until_us, unless_usb=True)
        data, self._emulator.usb_data[self._board] = self._emulator.usb_data[self._board], b""
        return data

    def write(self, data: bytes) -> None:
        """Send bytes to the board."""
        self._emulator.write(self._board, data)

    def close(self) -> None:
        """Do nothing: the emulator keeps running."""
