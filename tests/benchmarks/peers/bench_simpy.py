"""simpy: processes that wait for a time-out, again and again."""

from collections.abc import Generator
from typing import Any

import simpy


def run(processes: int, steps: int) -> None:
    """So many processes, each of so many steps."""
    environment = simpy.Environment()

    def tick(period: float) -> Generator[Any, Any, None]:
        for _ in range(steps):
            yield environment.timeout(period)

    for index in range(processes):
        environment.process(tick(1.0 + index / processes))
    environment.run()
