"""Common parts of clocked bodies: attempts on a lens, giving up until another one is attached, and common steps."""

from collections.abc import Callable, Generator

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_protocol.errors import ProtocolError

MAX_ATTEMPTS = 3
"""Attempts on a lens that fails, before the body gives up; the behaviour of a real body is not known."""

RETRY_DELAY_S = 0.1
"""Time without supply between two attempts."""


def run_sessions(body: Engine, detect: str, play: Callable[[], Task], power_off: Callable[[str], None]) -> Task:
    """Play the session with the lens that is attached; a body that has given up waits for another lens.

    Args:
        body: the engine.
        detect: the line that is low while a lens is attached.
        play: makes the task of one attempt, from the supply to the end of the script.
        power_off: switches the supply off after an attempt that failed, for the reason that it gets.
    """
    while not (yield from _attempt(body, detect, play, power_off)):
        body.done = body.gave_up = True
        yield body.level(detect, True)
        body.done = body.gave_up = False
    body.done = True


def _attempt(
    body: Engine, detect: str, play: Callable[[], Task], power_off: Callable[[str], None]
) -> Generator[WaitFor, bool, bool]:
    """Make up to `MAX_ATTEMPTS` attempts; return whether one of them succeeded."""
    for left in reversed(range(MAX_ATTEMPTS)):
        yield body.level(detect, False)
        try:
            yield from play()
        except ProtocolError as error:
            trouble = str(error)
        else:
            return True
        power_off(f"{trouble}; supply off, {'tries again' if left else 'giving up'}")
        if left:
            yield body.now + RETRY_DELAY_S
    return False


def wait_step(body: Engine, step: Step) -> Task:
    """Execute the step `wait`: let its seconds pass."""
    yield body.after(float(step.value) * 1e6)


def operator_step(body: Engine, step: Step) -> Task:
    """Let the operator of the mount execute a step, where one is simulated."""
    if body.operate_mount is None:
        body.report(f"no simulated operator on a live port; operate the control manually: {step.text}", is_error=True)
    else:
        body.operate_mount(step)
    return
    yield
