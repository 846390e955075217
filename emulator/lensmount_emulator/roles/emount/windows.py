"""How either end sends a frame: select line up, set-up time, the bytes, hold time, select line down."""

from collections.abc import Sequence

from lensmount_emulator.roles.engine import WINDOW, Engine
from lensmount_emulator.roles.tasks import Task, Wait
from lensmount_protocol.dialects.emount.lines import FAST_BAUDRATE
from lensmount_protocol.wire import transmission_time

GAP_US = 20.0
"""Select is low for at least this between two windows of one end; ours, the captures have no such case."""


def send_window(
    engine: Engine,
    data: bytes,
    setup_us: tuple[float, float],
    hold_us: float,
    pauses: Sequence[tuple[int, float]] = (),
) -> Task:
    """Send bytes in one select window, behind the one that may still be open.

    Args:
        engine: the end that sends.
        data: frame and padding.
        setup_us: select high to the first start bit, at the slow and at the fast rate.
        hold_us: last stop bit to select low.
        pauses: pairs of (bytes sent so far, pause in microseconds) inside the window.
    """
    if engine.sending:
        yield Wait(ready=lambda: not engine.sending, on=(WINDOW,))
    # Nobody goes ahead of who waits for the gap.
    engine.sending = True
    if engine.now < engine.free_at:
        yield engine.free_at
    engine.drive(engine.select, True)
    yield engine.after(by_rate(engine, setup_us))
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


def by_rate(engine: Engine, pair: tuple[float, float]) -> float:
    """The first of a pair at the slow rate, the second at the fast one."""
    return pair[engine.baudrate == FAST_BAUDRATE]
