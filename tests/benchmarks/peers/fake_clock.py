"""asyncio in virtual time: a selector that looks at nothing and moves the clock on instead of waiting."""

import asyncio
import selectors
from typing import Any


class _Jumping(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        """Wait by letting the time be later."""
        if timeout is not None and timeout > 0:
            self.now += timeout
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now


def sleep(processes: int, steps: int) -> None:
    """So many tasks, each of so many sleeps."""

    async def tick(period: float) -> None:
        for _ in range(steps):
            await asyncio.sleep(period)

    async def everybody() -> None:
        await asyncio.gather(*(tick(1.0 + index / processes) for index in range(processes)))

    loop = _Loop()
    try:
        loop.run_until_complete(everybody())
    finally:
        loop.close()


def call_later(processes: int, steps: int) -> None:
    """So many functions that have themselves called again, each so many times."""
    loop = _Loop()
    left = processes

    def tick(period: float, more: int) -> None:
        nonlocal left
        if more:
            loop.call_later(period, tick, period, more - 1)
            return
        left -= 1
        if not left:
            loop.stop()

    for index in range(processes):
        loop.call_later(0.0, tick, 1.0 + index / processes, steps)
    try:
        loop.run_forever()
    finally:
        loop.close()
