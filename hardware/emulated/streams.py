"""An emulated board's USB as a stream of bytes, in the emulator's own time: whoever waits here moves time on."""

from emulated.emulator import Emulator


class EmulatedClock:
    """The emulator's time, in seconds."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def now(self) -> float:
        """Seconds since the boards were plugged in."""
        return self._emulator.now_us * 1e-6


class EmulatedStream:
    """The host's end of a board's USB."""

    def __init__(self, emulator: Emulator, board: int) -> None:
        self.name = f"emulated {board}"
        self._emulator, self._board = emulator, board

    def read(self, wait: float | None) -> bytes:
        """What the board says within `wait`; for ever is a minute."""
        until_us = self._emulator.now_us + 1e6 * (60 if wait is None else wait)
        while not self._emulator.said[self._board] and self._emulator.now_us < until_us:
            self._emulator.run_until(until_us, unless_usb=True)
        data, self._emulator.said[self._board] = self._emulator.said[self._board], b""
        return data

    def write(self, data: bytes) -> None:
        """The board gets this now."""
        self._emulator.write(self._board, data)

    def close(self) -> None:
        """Nothing is held."""
