"""Does work items in processes of this machine; one that dies or hangs loses no results of others.

Cases of a campaign and cells of a matrix are such items. Worker processes ignore signals, which the first process
handles, and none outlives it. Also chooses the default number of workers.
"""

import contextlib
import math
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Generic, TypeVar

from lensmount_emulator.campaign.case import Case, CaseResult, InvariantOutcome
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.garbage_collection import DeferredGC
from lensmount_emulator.termination import SIGNALS, shielded
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.logs import get_logger


@contextlib.contextmanager
def blocked_signals() -> Generator[None]:
    """Block the signals of processes that start in the block, from their first moment on; ours arrive after it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker() -> None:
    """Make this process a worker: its parent ends it, and it does not outlive the parent."""
    # A terminal, a service manager and a CI runner signal every process of a group; only the first one reports.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


T = TypeVar("T")
R = TypeVar("R")

MAX_DEATHS = 3
"""Workers that may die with an item before it is given up."""

QUEUED_PER_WORKER = 2
"""Items that a worker has at once: the current one and the next, so that it never waits for us."""

POLL_INTERVAL_S = 1.0
"""Seconds between two checks for workers that hang."""

_log = get_logger("workers")

# Use a new interpreter for each: a fork would copy locks that our threads hold, such as a progress bar's.
_CONTEXT = get_context("spawn")


@dataclass(frozen=True, slots=True)
class Work(Generic[T, R]):
    """What a pool does with its items.

    Attributes:
        do: does an item; it must support pickling, and raise nothing.
        lost: returns the result of an item that was given up, and why.
        name: names an item in the log.
        limit: real seconds after which a worker that is still at its item is ended, and the item is lost.
        is_large: whether an item may exceed the buffer of a pipe.
    """

    do: Callable[[T], R]
    lost: Callable[[T, str], R]
    name: Callable[[T], str]
    limit: float = math.inf
    is_large: Callable[[T], bool] = lambda _item: False


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """An item and its number, from 0."""

    number: int
    item: T


@dataclass(slots=True)
class Worker(Generic[T, R]):
    """A process that does items.

    Attributes:
        process: the process.
        pipe: our end of the connection to it.
        given: the jobs that it has, the current one first.
        since: start of the current job, in seconds; infinite without one.
    """

    process: SpawnProcess
    pipe: "Connection[T, R | None]"
    given: deque[Job[T]] = field(default_factory=lambda: deque[Job[T]]())
    since: float = math.inf


def run_in_workers(items: Iterable[T], work: Work[T, R], processes: int) -> Generator[tuple[int, R]]:
    """Do items in worker processes; yield the number and the result of each as soon as it is ready.

    After the death of its worker an item is done again in another one; after some deaths it is lost. A caller that
    stops early closes the generator: items under way are omitted.

    Args:
        items: the items.
        work: what is done with them.
        processes: number of processes.
    """
    pool = WorkerPool(deque(Job(number, item) for number, item in enumerate(items)), work, processes)
    try:
        pool.fill()
        while pool.workers:
            wait([one for worker in pool.workers for one in (worker.pipe, worker.process.sentinel)], POLL_INTERVAL_S)
            for worker in list(pool.workers):
                yield from pool.poll(worker)
            pool.fill()
    finally:
        pool.stop()


def in_order(results: Iterable[tuple[int, R]]) -> Generator[R]:
    """Yield results in the order of their numbers, each as soon as those before it are there."""
    waiting: dict[int, R] = {}
    following = 0
    for number, result in results:
        waiting[number] = result
        while following in waiting:
            yield waiting.pop(following)
            following += 1


@dataclass(slots=True)
class WorkerPool(Generic[T, R]):
    """Workers, and the jobs that wait for them.

    Attributes:
        waiting: jobs without a worker.
        work: what is done with them.
        processes: maximum number of workers.
        workers: living workers with jobs.
        deaths: number of a job -> workers that died with it.
        clock: the clock of the machine.
    """

    waiting: deque[Job[T]]
    work: Work[T, R]
    processes: int
    workers: list[Worker[T, R]] = field(default_factory=lambda: list[Worker[T, R]]())
    deaths: Counter[int] = field(default_factory=Counter[int])
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    def fill(self) -> None:
        """End workers without jobs, and start workers until there are enough."""
        for worker in self.workers:
            self._feed(worker, 1)
        for worker in [worker for worker in self.workers if not worker.given]:
            self._stop_worker(worker)
        while self.waiting and len(self.workers) < self.processes:
            ours, theirs = _CONTEXT.Pipe()
            process = _CONTEXT.Process(target=_serve, args=(theirs, self.work.do), daemon=True)
            with _start_quietly():
                process.start()
                theirs.close()
                self.workers.append(Worker(process, ours))
            _log.info("worker %s started", process.pid)
            self._feed(self.workers[-1], 1)
        # Each worker gets a first job before any gets a second one.
        for worker in self.workers:
            self._feed(worker, QUEUED_PER_WORKER)

    def poll(self, worker: Worker[T, R]) -> Generator[tuple[int, R]]:
        """Yield the results of a worker; handle its jobs if it died or takes too long."""
        alive, limit = worker.process.is_alive(), self.work.limit
        # What a worker sent before it died is still in the pipe.
        for result in _receive(worker.pipe):
            worker.since = self.clock.now()
            if result is None:
                continue
            done = worker.given.popleft()
            if alive:
                self._feed(worker, QUEUED_PER_WORKER)
            yield done.number, result
        if alive and self.clock.now() - worker.since <= limit:
            return
        self._stop_worker(worker)
        if worker.given:
            job = worker.given.popleft()
            what = f"ended after {limit:g} s" if alive else f"died by {_exit_reason(worker.process)}"
            _log.warning("worker %s: %s in %s", worker.process.pid, what, self.work.name(job.item))
            if alive:
                yield job.number, self.work.lost(job.item, f"still at it after {limit:g} s")
            else:
                self.deaths[job.number] += 1
                if self.deaths[job.number] < MAX_DEATHS:
                    self.waiting.appendleft(job)
                else:
                    why = f"{MAX_DEATHS} processes died with it, the last by {_exit_reason(worker.process)}"
                    yield job.number, self.work.lost(job.item, why)
        self.waiting.extendleft(reversed(worker.given))

    def stop(self) -> None:
        """End every worker, in any state."""
        with shielded():
            for worker in list(self.workers):
                self._stop_worker(worker)

    def _feed(self, worker: Worker[T, R], max_jobs: int) -> None:
        while self.waiting and len(worker.given) < max_jobs:
            if worker.given and self.work.is_large(self.waiting[0].item):
                # It may exceed the pipe's buffer: a worker that is sending a result would wait for us, and we for it.
                # A worker without jobs is receiving.
                return
            job = self.waiting.popleft()
            worker.given.append(job)
            try:
                worker.pipe.send(job.item)
            except OSError:
                # The worker is dead; the next read from it reports that, and its jobs.
                return

    def _stop_worker(self, worker: Worker[T, R]) -> None:
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        _log.info("worker %s ended", worker.process.pid)


@contextlib.contextmanager
def _start_quietly() -> Generator[None]:
    # The resource tracker is started once, and unblocks the signals when it is.
    resource_tracker.ensure_running()
    with blocked_signals():
        yield


def _receive(pipe: "Connection[T, R | None]") -> Iterator[R | None]:
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll():
            yield pipe.recv()


def _exit_reason(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"exit code {code}"
    return next((one.name for one in signal.Signals if one.value == -code), f"signal {-code}")


def _serve(pipe: "Connection[R | None, T]", do: Callable[[T], R]) -> None:
    start_worker()
    with DeferredGC() as collector, contextlib.suppress(EOFError, OSError):
        # Everything is imported now: from here on only the items' own time counts.
        pipe.send(None)
        while True:
            pipe.send(do(pipe.recv()))
            collector.collect_if_due()


MIN_TASKS_PER_WORKER = 8
"""A worker takes about 0.3 s to start: fewer sessions than this finish sooner without it."""


def available_processors() -> int:
    """Return the number of processors that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def default_worker_count(tasks: int) -> int:
    """Return the number of workers for so many tasks: all processors, fewer where the tasks are few."""
    return max(1, min(available_processors(), tasks // MIN_TASKS_PER_WORKER))


RunCase = Callable[[Case], CaseResult]
"""Runs a case; it must support pickling, and raise nothing."""

LOST = "no exception"
"""The invariant that is violated if a session kills its process, or never ends."""


def run_local(cases: Iterable[Case], play: RunCase, processes: int, limit: float) -> Generator[CaseResult]:
    """Run cases; yield each result as soon as it is ready, each case once.

    Args:
        cases: the cases to run.
        play: runs a case.
        processes: number of processes.
        limit: real seconds after which a worker that is still at its case is ended, and the case is lost.
    """
    # A scenario of random steps is as long as it is.
    work = Work(play, lost_case, lambda case: f"case {case.number}", limit, lambda case: bool(case.begins))
    with closing(run_in_workers(cases, work, processes)) as results:
        for _, result in results:
            yield result


def lost_case(case: Case, why: str) -> CaseResult:
    """The result of a case that no process could finish."""
    return CaseResult(case, InvariantOutcome.LOST, (Violation(LOST, 0.0, why),))
