"""A body and a lens on virtual mounts, in virtual time: the same test is the same session, byte for byte."""

from collections.abc import Callable
from typing import Any, TypeVar

from lensmount_emulator.pytest_plugin.deeds import Deed
from lensmount_emulator.pytest_plugin.heard import Heard
from lensmount_emulator.pytest_plugin.played import OFF, Mounted
from lensmount_emulator.pytest_plugin.retelling import Retelling
from lensmount_emulator.pytest_plugin.telling import decode_command
from lensmount_emulator.roles.cast import Cast
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.sessions.chain import Chain

T = TypeVar("T")


class VirtualMounted(Mounted):
    """Both ends are ours."""

    def __init__(self, chain: Chain, cast: Cast, heard: Heard, lines: int, told: Retelling) -> None:
        super().__init__(chain.dialect, cast, heard, lines)
        self._chain = chain
        self._told = told
        self._ready_at: float | None = None
        heard.on_detached = self._detached
        chain.start()

    @property
    def body(self) -> Engine:
        """The body's engine."""
        return self._chain.body

    @property
    def lens(self) -> Engine:
        """The lens's engine."""
        return self._chain.lens

    @property
    def bench(self) -> Chain:
        """Contacts and virtual time; what is done there cannot be told as a command."""
        self._told.exact = False
        return self._chain

    @property
    def now(self) -> float:
        """Virtual time in seconds."""
        return self._chain.now

    @property
    def violations(self) -> list[str]:
        """What an end did at any joint that would hurt a real one."""
        return self._chain.violations

    @property
    def judges_timing(self) -> bool:
        """Virtual time is the wire's own."""
        return True

    def run(self, seconds: float) -> None:
        """Let so much virtual time pass."""
        self._chain.run(self.now + seconds)

    def hand(self, text: str) -> None:
        """Have the hand at the lens do something, from this moment on."""
        for step in self._hand_steps(text):
            self._note(step.text if step.verb in self.cast.verbs else None, waited=False)
            self._chain.do_by_hand(step)

    def take_off(self) -> None:
        """Take the lens off, now."""
        self._note(OFF if OFF in self.cast.verbs else None, waited=False)
        self._chain.take_off(self.now)

    def put_on(self) -> None:
        """Put the lens back on, now."""
        self._told.possible = False
        self._chain.put_on(self.now)

    def judge(self) -> None:
        """Both ends are ours, and a test asserts what it wants of them."""

    def close(self) -> None:
        """The recording ends."""
        self.heard.close()

    def _wait(self, ready: Callable[[], T], within: float) -> T:
        value = ready()
        if value:
            return value

        def look() -> bool:
            nonlocal value
            value = ready()
            return bool(value)

        self._chain.run(self.now + within, unless=look)
        return value

    def _begin(self, deed: Deed[Any]) -> None:
        deed.engine.now = self.now
        deed.engine.spawn(deed.task())

    def _await_body(self, within: float) -> None:
        __tracebackhide__ = True
        if not self.body.done or self.body.gave_up:
            super()._await_body(within)
            self._ready_at = self.now

    def _finish(self, deed: Deed[Any], what: str, within: float, *, may_end: bool = False) -> None:
        __tracebackhide__ = True
        super()._finish(deed, what, within, may_end=may_end)
        self._ready_at = self.now

    def _note(self, text: str | None, *, waited: bool) -> None:
        if text is None:
            self._told.possible = False
            return
        if self._ready_at is not None and self.now > self._ready_at:
            self._told.add(f"wait {self.now - self._ready_at:.6g}", exact=False)
        self._told.add(text, exact=waited and self.now == self._ready_at)

    def _replay(self) -> str:
        if not self._told.possible:
            return f"{decode_command(self.heard.path)}  # what the test did cannot be said as a script"
        return self._told.command(self.now)

    def _detached(self) -> None:
        # A body that lost its lens has to get to know it again before it can do anything.
        self.body.done = False
