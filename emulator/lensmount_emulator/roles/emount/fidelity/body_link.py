"""The lens's side of a body engine that follows a capture: contacts, replies and stream frames at usual times."""

from collections.abc import Sequence

from lensmount_emulator.comparison.engine_driver import EngineDriver
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, XDETECT
from lensmount_protocol.dialects.emount.transitions import SWITCHING

STATUS_AFTER_VD_S = 1_500e-6
SETUP_S = 20e-6
HOLD_S = 14e-6
REPLY_S = 300e-6
SWITCH_S = 60e-3
"""Longer than the silent handshake of a speed switch and the rest after it."""

REQUEST_S = 20.0
"""The longest time that a profile may leave between two requests."""

FRAME_S = 60.0
"""Longer than one frame of any legal frame-sync period, and than the start of a loop."""


class BodyLink:
    """A body engine, and a lens that does what it is asked to do.

    Attributes:
        engine: the engine.
        driver: runs it.
    """

    def __init__(self, engine: BodyEngine) -> None:
        self.engine = engine
        self.driver = EngineDriver(engine)
        self.driver.start()
        # The engine polls these lines in its handshakes; a lens that always has them there is legal.
        self.driver.set_line(RXD, True)
        self.driver.set_line(XDETECT, False)

    def next_request(self) -> DecodedFrame | None:
        """Run the engine until it sends a request; `None` where it sends none."""
        return self._next(REQUEST_CLASS, REQUEST_S)

    def reply(self, raw: bytes) -> None:
        """Send a reply of the lens."""
        driver = self.driver
        driver.run_until(lambda: not self.engine.levels.get(BODY_CS, False), SWITCH_S)
        driver.run(REPLY_S)
        driver.send_window(raw, SETUP_S, HOLD_S)
        if self.engine.connection.state == SWITCHING:
            self._switch_speed()

    def loop_pair(self, stream: Sequence[bytes]) -> list[DecodedFrame]:
        """Run one frame of the loop; return what the engine sends in it.

        Args:
            stream: the lens's frames that come before the engine's.
        """
        driver, engine = self.driver, self.engine
        pulses, frame = engine.pulses, engine.loop.frame
        if not driver.run_until(lambda: engine.pulses != pulses, FRAME_S):
            return []
        driver.run(STATUS_AFTER_VD_S)
        for raw in stream:
            driver.send_window(raw, SETUP_S, HOLD_S)
        driver.take_sent()
        pulses = engine.pulses
        driver.run_until(lambda: engine.loop.frame != frame or engine.pulses != pulses, FRAME_S)
        # The window of the second frame closes after the loop has counted it.
        driver.run(HOLD_S)
        return [sent for sent in driver.take_sent() if sent.frame.class_ == LOOP_CLASS]

    def _next(self, class_: int, seconds: float) -> DecodedFrame | None:
        found: list[DecodedFrame] = []

        def sent() -> bool:
            found.extend(one for one in self.driver.take_sent() if one.frame.class_ == class_)
            return bool(found)

        self.driver.run_until(sent, seconds)
        return found[0] if found else None

    def _switch_speed(self) -> None:
        driver, levels = self.driver, self.engine.levels
        if driver.run_until(lambda: levels.get(BODY_CS, False), SWITCH_S):
            driver.set_line(LENS_CS, True)
            driver.run_until(lambda: not levels.get(BODY_CS, False), SWITCH_S)
            driver.set_line(LENS_CS, False)
