"""Flash memory that forgets nothing but what it was told to, and may lose its power at any byte of its work.

Programming clears bits, within a page; erasing sets them, a sector at once. What an interrupted operation leaves is
modelled byte by byte: those in front are done, those behind are as before, and the one in work is half of each.
"""

from lensmount_protocol.errors import MountError

PAGE = 256
SECTOR = 4096
ERASED = 0xFF


class PowerCutError(MountError):
    """Power was lost in the middle of an operation; nothing works before `Flash.power_up`."""


class Flash:
    """Memory cells, with a fault to order.

    Attributes:
        cells: what they hold.
        worked: bytes that were programmed or erased so far.
        cut_after: bytes that may still be programmed or erased before power is lost; `None` for no cut.
        torn_bits: bits of the byte in work that have changed when power is lost.
    """

    __slots__ = ("_powered", "cells", "cut_after", "torn_bits", "worked")

    def __init__(self, size: int) -> None:
        self.cells = bytearray(bytes((ERASED,)) * size)
        self.worked = 0
        self.cut_after: int | None = None
        self.torn_bits = 0
        self._powered = True

    def power_up(self) -> None:
        """Work again after a cut."""
        self._powered = True

    def read(self, at: int, count: int) -> bytes:
        """The bytes that stand there."""
        return bytes(self.cells[at : at + count])

    def program(self, at: int, content: bytes) -> None:
        """Clear the bits that are 0 in `content`, all of it within one page.

        Raises:
            PowerCutError: power was lost meanwhile.
            ValueError: it would go beyond the page, whose rest a real chip then overwrites from its beginning.
        """
        count = len(content)
        if at % PAGE + count > PAGE:
            raise ValueError(f"programming {count} bytes at {at:#x} leaves the page of {PAGE} bytes")
        done = self._spend(count)
        cells = self.cells
        both = int.from_bytes(cells[at : at + done]) & int.from_bytes(content[:done])
        cells[at : at + done] = both.to_bytes(done)
        if done < count:
            cells[at + done] &= content[done] | ~self.torn_bits & 0xFF
            self._lose_power()

    def erase(self, at: int) -> None:
        """Set all bits of the sector that begins at `at`.

        Raises:
            PowerCutError: power was lost meanwhile.
            ValueError: no sector begins there.
        """
        if at % SECTOR:
            raise ValueError(f"no sector begins at {at:#x}; they are {SECTOR} bytes each")
        done = self._spend(SECTOR)
        self.cells[at : at + done] = bytes((ERASED,)) * done
        if done < SECTOR:
            self.cells[at + done] |= self.torn_bits
            self._lose_power()

    def copy(self) -> "Flash":
        """The same once more, to try something on."""
        other = Flash(0)
        other.cells = bytearray(self.cells)
        other.worked, other.cut_after, other.torn_bits = self.worked, self.cut_after, self.torn_bits
        other._powered = self._powered
        return other

    def _spend(self, count: int) -> int:
        """How many of so many bytes are done before power is lost."""
        if not self._powered:
            raise PowerCutError("the lens has no power; start it again")
        if self.cut_after is not None:
            count, left = min(count, self.cut_after), self.cut_after
            self.cut_after = left - count
        self.worked += count
        return count

    def _lose_power(self) -> None:
        self.cut_after = None
        self._powered = False
        raise PowerCutError(f"power was lost after {self.worked} bytes of flash work")
