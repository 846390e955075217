"""A live session of a body on a port in virtual time: only the work of the session costs, and nothing waits.

The lens behind the port is an engine; its work is not counted. A wait ends late, as one of the system does.
"""

import contextlib
import importlib
import io
import sys
import time
from collections import deque
from typing import Any

import lensmount_hardware.clock as clocks
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import Received, Role, Transmit, WireAction, WireEvent, transmission_time

LATE_S = 95e-6
"""Seconds by which a wait of the system ends late."""

POLL_S = 15e-6
"""Seconds that a poll takes that does not wait."""

BODY, LENS = "nex7", "sel2870"


def _first_module(*names: str) -> Any:
    for name in names:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    raise ImportError(f"none of {', '.join(names)}")


class LensPort(Transport):
    """A port with a lens behind it."""

    name = "virtual"
    lines: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def __init__(self, lens: Any, clock: clocks.VirtualClock) -> None:
        self.spent_ns = 0
        self._lens = lens
        self._clock = clock
        self._coming: deque[tuple[float, bytes]] = deque()
        lens.start(0.0)
        self._take()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        """Let time pass, and return what the lens sends meanwhile."""
        began = time.process_time_ns()
        try:
            return self._receive(self._clock.now() + (timeout + LATE_S if timeout else POLL_S))
        finally:
            self.spent_ns += time.process_time_ns() - began

    def send(self, action: WireAction) -> None:
        """Pass bytes to the lens."""
        began = time.process_time_ns()
        if isinstance(action, Transmit):
            self._lens.receive(Received(action.data), self._clock.now())
            self._take()
        self.spent_ns += time.process_time_ns() - began

    def close(self) -> None:
        """Nothing is open."""

    def _receive(self, ends: float) -> list[WireEvent]:
        while True:
            due = self._lens.next_deadline()
            arrives = self._coming[0][0] if self._coming else ends
            now = min(ends if due is None else due, arrives, ends)
            if now > self._clock.now():
                self._clock.advance_to(now)
            if self._coming and arrives <= now:
                return [Received(self._coming.popleft()[1])]
            if now >= ends:
                return []
            self._lens.handle_deadline(self._clock.now())
            self._take()

    def _take(self) -> None:
        for action in self._lens.actions():
            if isinstance(action, Transmit):
                ends = self._clock.now() + transmission_time(len(action.data), self._lens.baudrate)
                self._coming.append((ends, action.data))
        for _ in self._lens.notices():
            pass


def measure(seconds: float) -> float:
    """CPU seconds of a body's session for each second that it lasts, without the lens."""
    clock = clocks.VirtualClock()
    setattr(clocks, "MonotonicClock", lambda: clock)  # noqa: B010  the type differs
    player = _first_module("lensmount_emulator.cli.live_console", "lensmount_emulator.cli.playing")
    live = _first_module("lensmount_emulator.sessions.driver", "lensmount_emulator.sessions.live")
    engines = _first_module("lensmount_emulator.sessions.live", "lensmount_emulator.cli.playing")
    make = (
        getattr(engines, "make_live_engine", None)
        or importlib.import_module("lensmount_emulator.cli.playing").engine_for
    )
    load_profile = importlib.import_module("lensmount_emulator.profiles.library").load_profile
    port = LensPort(make(load_profile(LENS, Role.LENS), frozenset(), ""), clock)
    player.MonotonicClock = lambda: clock
    importlib.import_module("lensmount_emulator.cli.ports").open_port = lambda *_args, **_options: port
    importlib.import_module("lensmount_emulator.cli.run").open_port = lambda *_args, **_options: port
    driver = getattr(live, "EngineDriver", None) or live.LiveSession
    play, taken = driver.run, list[int]()

    def timed(self: Any, *arguments: Any, **options: Any) -> Any:
        port.spent_ns, began = 0, time.process_time_ns()
        try:
            return play(self, *arguments, **options)
        finally:
            taken.append(time.process_time_ns() - began - port.spent_ns)

    driver.run = timed
    main = importlib.import_module("lensmount_emulator.cli.main").main
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main(["run", "body", "--profile", BODY, "--port", "virtual:", "--duration", f"{seconds}"])
    if not taken or " valid frames" not in out.getvalue():
        sys.exit(f"no session was played: {out.getvalue()[-300:]}")
    return taken[0] / 1e9 / seconds
