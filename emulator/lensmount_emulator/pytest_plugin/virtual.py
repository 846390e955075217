"""A body and a lens on virtual mounts, in virtual time: the same test is the same session, byte for byte."""

from collections.abc import Callable
from typing import Any, TypeVar

from lensmount_emulator.engine.dialect_roles import DialectRoles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.pytest_plugin.failure_report import ReplayCommand, decode_command
from lensmount_emulator.pytest_plugin.mount_session import DETACH, BodyAction, MountSession
from lensmount_emulator.pytest_plugin.traffic_log import TrafficLog
from lensmount_emulator.sessions.virtual_session import VirtualSession

T = TypeVar("T")


class VirtualMountSession(MountSession):
    """Both ends are ours."""

    def __init__(
        self, session: VirtualSession, roles: DialectRoles, log: TrafficLog, lines: int, replay: ReplayCommand
    ) -> None:
        super().__init__(session.dialect, roles, log, lines)
        self._session = session
        self._replay_command = replay
        self._ready_at: float | None = None
        log.on_detached = self._detached
        session.start()

    @property
    def body(self) -> Engine:
        """The body's engine."""
        return self._session.body

    @property
    def lens(self) -> Engine:
        """The lens's engine."""
        return self._session.lens

    @property
    def virtual_session(self) -> VirtualSession:
        """Contacts and virtual time; no command can express what is done there."""
        self._replay_command.exact = False
        return self._session

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self._session.now

    @property
    def violations(self) -> list[str]:
        """What an end did at any joint that would hurt a real one."""
        return self._session.violations

    @property
    def judges_timing(self) -> bool:
        """Virtual time is the wire's own."""
        return True

    def run(self, seconds: float) -> None:
        """Let so much virtual time pass."""
        self._session.run(self.now + seconds)

    def operate(self, text: str) -> None:
        """Operate a control of the lens, from this moment on."""
        for step in self._control_steps(text):
            self._note(step.text if step.verb in self.roles.verbs else None, waited=False)
            self._session.operate_mount(step)

    def detach(self) -> None:
        """Take the lens off, now."""
        self._note(DETACH if DETACH in self.roles.verbs else None, waited=False)
        self._session.detach_lens(self.now)

    def attach(self) -> None:
        """Put the lens back on, now."""
        self._replay_command.possible = False
        self._session.attach_lens(self.now)

    def check_device(self) -> None:
        """Both ends are ours, and a test asserts what it wants of them."""

    def close(self) -> None:
        """The recording ends."""
        self.log.close()

    def _wait(self, ready: Callable[[], T], within: float) -> T:
        value = ready()
        if value:
            return value

        def look() -> bool:
            nonlocal value
            value = ready()
            return bool(value)

        self._session.run(self.now + within, stop_when=look)
        return value

    def _start_action(self, action: BodyAction[Any]) -> None:
        action.engine.now = self.now
        action.engine.spawn(action.task())

    def _await_body(self, within: float) -> None:
        __tracebackhide__ = True
        if not self.body.done or self.body.gave_up:
            super()._await_body(within)
            self._ready_at = self.now

    def _finish(self, action: BodyAction[Any], what: str, within: float, *, may_end: bool = False) -> None:
        __tracebackhide__ = True
        super()._finish(action, what, within, may_end=may_end)
        self._ready_at = self.now

    def _note(self, text: str | None, *, waited: bool) -> None:
        if text is None:
            self._replay_command.possible = False
            return
        if self._ready_at is not None and self.now > self._ready_at:
            self._replay_command.add(f"wait {self.now - self._ready_at:.6g}", exact=False)
        self._replay_command.add(text, exact=waited and self.now == self._ready_at)

    def _replay(self) -> str:
        if not self._replay_command.possible:
            return f"{decode_command(self.log.path)}  # no script can express what the test did"
        return self._replay_command.format(self.now)

    def _detached(self) -> None:
        # A body that lost its lens has to get to know it again before it can do anything.
        self.body.done = False
