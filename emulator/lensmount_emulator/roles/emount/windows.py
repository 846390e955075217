"""Sends frames in select windows: select line up, set-up time, the bytes, hold time, select line down.

`TransmitBuffer` models the ring of 16-byte blocks that a body transmits from; its old content pads each frame. An
A6000's padding is zero in the first round of the ring, and then the content of one round ago: with 477 blocks this
gives every padding byte of 419 windows of one capture (SIG, a6000_ef50_viltrox_init.sr).
"""

from collections.abc import Sequence

from lensmount_emulator.engine.engine import WINDOW, Engine
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_protocol.dialects.emount.framing import pad_frame
from lensmount_protocol.dialects.emount.lines import FAST_BAUDRATE
from lensmount_protocol.wire import transmission_time

GAP_US = 20.0
"""Minimum low time of select between two windows of one end; our choice, the captures have no such case."""


def send_window(
    engine: Engine,
    data: bytes,
    setup_us: tuple[float, float],
    hold_us: float,
    pauses: Sequence[tuple[int, float]] = (),
) -> Task:
    """Send bytes in one select window, after the one that may still be open.

    Args:
        engine: the end that sends.
        data: frame and padding.
        setup_us: select high to the first start bit, at the slow and at the fast rate.
        hold_us: last stop bit to select low.
        pauses: pairs of (bytes sent so far, pause in microseconds) inside the window.
    """
    if engine.sending:
        yield Wait(ready=lambda: not engine.sending, on=(WINDOW,))
    # Claim the line now so that another task cannot overtake this one during the gap.
    engine.sending = True
    if engine.now < engine.free_at:
        yield engine.free_at
    engine.drive(engine.select, True)
    yield engine.after(for_baudrate(engine, setup_us))
    sent = 0
    for count, pause_us in pauses:
        piece = data[sent : min(count, len(data))]
        engine.transmit(piece)
        sent += len(piece)
        yield engine.after(transmission_time(len(piece), engine.baudrate) * 1e6 + pause_us)
    engine.transmit(data[sent:])
    yield engine.after(transmission_time(len(data) - sent, engine.baudrate) * 1e6 + hold_us)
    engine.drive(engine.select, False)
    engine.free_at = engine.now + GAP_US * 1e-6
    engine.sending = False
    engine.wake(WINDOW)


def for_baudrate(engine: Engine, pair: tuple[float, float]) -> float:
    """Return the first of a pair at the slow rate, the second at the fast one."""
    return pair[engine.baudrate == FAST_BAUDRATE]


class TransmitBuffer:
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
        """Return the bytes to clock out for a frame: the frame, and the old content of its last block."""
        if not self._ring:
            return pad_frame(frame, self._block_size)
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
