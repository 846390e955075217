"""What the tests of every dialect's roles share."""

from collections.abc import Callable

import pytest

from lensmount_emulator.engine.engine import Engine
from lensmount_protocol.wire import DriveLine, Role, WireEvent

Survive = Callable[[Engine, list[tuple[WireEvent, float]], str], None]


@pytest.fixture(scope="session")
def survive() -> Survive:
    """Lets an engine live through timed events; a lens must not raise a line without its supply."""

    def live(engine: Engine, timed: list[tuple[WireEvent, float]], supply: str) -> None:
        engine.start(0.0)
        now = 0.0
        for event, pause in timed:
            until = now + pause
            for _ in range(500):
                deadline = engine.next_deadline()
                if deadline is None or deadline > until:
                    break
                now = max(now, deadline)
                engine.handle_deadline(now)
                list(engine.actions())
            now = max(now, until)
            engine.receive(event, now)
            for action in engine.actions():
                if engine.role is Role.LENS and isinstance(action, DriveLine) and action.level:
                    assert engine.levels.get(supply), f"{action} without power"
            list(engine.notices())

    return live
