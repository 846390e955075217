"""The buffer that a body transmits from: blocks of 16 bytes in a ring, whose old content shows behind each frame.

An A6000's padding is zero until the ring has gone round once, and then what stood there one round ago: with 477
blocks this gives every padding byte of 419 windows of one capture (SIG, a6000_ef50_viltrox_init.sr).
"""

from lensmount_protocol.dialects.emount.framing import padded


class TransmitRing:
    """Turns frames into windows of whole blocks.

    Args:
        block_size: bytes in a block; 1 pads nothing.
        blocks: blocks in the ring; 0 for a buffer that is cleared before each use.
    """

    def __init__(self, block_size: int, blocks: int) -> None:
        self._block_size = block_size
        self._ring = [bytes(block_size)] * blocks
        self._next = 0

    def window(self, frame: bytes) -> bytes:
        """The bytes that are clocked for a frame: itself, and what its last block held behind it."""
        if not self._ring:
            return padded(frame, self._block_size)
        size, ring = self._block_size, self._ring
        padding = b""
        for at in range(0, len(frame), size):
            block = frame[at : at + size]
            if len(block) < size:
                padding = ring[self._next][len(block) :]
                block += padding
            ring[self._next] = block
            self._next = (self._next + 1) % len(ring)
        return frame + padding
