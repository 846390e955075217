"""How many worker processes a run uses where the user names no number."""

import os

MIN_TASKS_PER_WORKER = 8
"""A worker takes about 0.3 s to start: fewer sessions than this are done sooner without it."""


def available_processors() -> int:
    """Return the number of processors that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def default_worker_count(tasks: int) -> int:
    """Return the number of workers for so many tasks: all processors, fewer where the tasks are few."""
    return max(1, min(available_processors(), tasks // MIN_TASKS_PER_WORKER))
