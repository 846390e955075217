"""The body's side of a lens engine that follows a capture: supply, handshake, requests, pulses and loop frames.

All times are those of usual bodies, so the engine sees a regular session whatever times the capture has.
"""

from collections.abc import Callable

from lensmount_emulator.comparison.engine_driver import EngineDriver
from lensmount_emulator.engine.engine import Engine
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import BODY_CS, LENS_CS, RXD, TXD, VCC, VD
from lensmount_protocol.dialects.emount.transitions import ASLEEP, OFF, STREAMING, STREAMING_ASKED, SWITCHING

VD_PERIOD_S = 16_684e-6
VD_LOW_S = 63e-6
PAIR_S = 8_400e-6
"""Seconds after a pulse in which a lens sends its pair; the body's `03` comes after 8.57 ms."""

BOOT_S = 0.2
"""Longer than any lens takes to boot (115 ms)."""

HANDSHAKE_S = 10.0
"""The longest time that a profile may give a lens for one step of its handshake."""

REPLY_S = 12.0
"""The longest reply time that a profile may give, with the pauses inside it."""

SWITCH_AFTER_S = 124e-6
REST_S = 20.3e-3
SETUP_S = 20e-6
HOLD_S = 150e-6


class LensLink:
    """A lens engine, and a body that does what it is asked to do.

    Attributes:
        driver: runs the engine.
    """

    def __init__(self, engine: Engine) -> None:
        self.driver = EngineDriver(engine)
        self._pulse_at = -VD_PERIOD_S
        self.driver.start()

    @property
    def is_off(self) -> bool:
        """Whether the lens has no supply."""
        return self._state == OFF

    @property
    def is_asleep(self) -> bool:
        """Whether the lens sleeps."""
        return self._state == ASLEEP

    @property
    def is_streaming(self) -> bool:
        """Whether the lens streams."""
        return self._state in (STREAMING, STREAMING_ASKED)

    def power_up(self) -> None:
        """Switch the supply on and do the handshake; a lens that has power loses it first."""
        driver = self.driver
        for line in (VCC, VD, TXD):
            driver.set_line(line, False)
        driver.run(BOOT_S)
        driver.set_line(VCC, True)
        driver.set_line(VD, True)
        driver.run(BOOT_S)
        self._handshake()

    def wake(self) -> None:
        """Do the handshake of a lens that sleeps."""
        self._handshake()

    def request(self, raw: bytes, *, is_layout: bool) -> list[DecodedFrame]:
        """Send a request; return the frames up to the reply.

        Args:
            raw: the frame.
            is_layout: whether it is a stream layout request; a lens may send its first pair right after its reply.
        """
        driver, replies = self.driver, list[DecodedFrame]()

        def answered() -> bool:
            replies.extend(driver.take_sent())
            return bool(replies) and replies[-1].frame.class_ == REQUEST_CLASS

        if is_layout:
            self._fall()
        driver.send_window(raw, SETUP_S, HOLD_S)
        driver.run_until(answered, REPLY_S)
        if self._state == SWITCHING:
            self._switch_speed()
        elif is_layout:
            driver.run(PAIR_S)
        return [*replies, *driver.take_sent()]

    def pulse(self) -> list[DecodedFrame]:
        """Send one frame-sync pulse; return the frames that the lens sends after it."""
        driver = self.driver
        self._fall()
        driver.run(self._pulse_at + PAIR_S - driver.now)
        return driver.take_sent()

    def loop_frame(self, raw: bytes) -> None:
        """Send a loop frame of the body."""
        self.driver.send_window(raw, SETUP_S, HOLD_S)

    @property
    def _state(self) -> str:
        return self.driver.engine.connection.state

    def _fall(self) -> None:
        driver = self.driver
        driver.run(max(0.0, self._pulse_at + VD_PERIOD_S - driver.now))
        self._pulse_at = driver.now
        driver.set_line(VD, False)
        driver.run(VD_LOW_S)
        driver.set_line(VD, True)

    def _handshake(self) -> None:
        driver = self.driver
        driver.set_line(BODY_CS, True)
        driver.run(SETUP_S)
        driver.set_line(TXD, True)
        driver.run_until(self._level(RXD, True), HANDSHAKE_S)
        driver.run(SETUP_S)
        driver.set_line(BODY_CS, False)
        driver.run_until(self._level(LENS_CS, False), HANDSHAKE_S)
        driver.run(REST_S)

    def _switch_speed(self) -> None:
        driver = self.driver
        driver.run_until(self._level(LENS_CS, False), HANDSHAKE_S)
        driver.run(SWITCH_AFTER_S)
        driver.set_line(BODY_CS, True)
        driver.run_until(self._level(LENS_CS, True), REST_S)
        driver.run(SETUP_S)
        driver.set_line(BODY_CS, False)
        driver.run_until(self._level(LENS_CS, False), REST_S)
        driver.run(REST_S)

    def _level(self, line: str, level: bool) -> Callable[[], bool]:
        return lambda: self.driver.engine.levels.get(line, False) == level
