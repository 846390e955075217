"""Runs a campaign's cases in processes of this machine; one that dies or hangs loses no results of others.

Worker processes ignore signals, which the first process handles, and none outlives it. Also chooses the default number
of workers.
"""

import contextlib
import os
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from threading import Thread
from typing import Any

from lensmount_emulator.campaign.case import Case, CaseResult, InvariantOutcome
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.sessions.driver import DeferredGC
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


def start_worker(stop: "Connection[Any, Any] | None" = None) -> None:
    """Make this process a worker: its parent ends it, and it does not outlive the parent.

    Args:
        stop: its other end is closed when this process is to end, in any state.
    """
    # A terminal, a service manager and a CI runner signal every process of a group; only the first one reports.
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    Thread(target=_end_with_parent, args=(stop,), daemon=True).start()


def _end_with_parent(stop: "Connection[Any, Any] | None") -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel, *([] if stop is None else [stop])])
        os._exit(1)


RunCase = Callable[[Case], CaseResult]
"""Runs a case; it must support pickling, and raise nothing."""

MAX_DEATHS = 3
"""Workers that may die with a case before it is given up."""

QUEUED_PER_WORKER = 2
"""Cases that a worker has at once: the current one and the next, so that it never waits for us."""

LOST = "no exception"
"""The invariant that is violated if a session kills its process, or never ends."""

POLL_INTERVAL_S = 1.0
"""Seconds between two checks for workers that hang."""

_log = get_logger("workers")

# Use a new interpreter for each: a fork would copy locks that our threads hold, such as a progress bar's.
_CONTEXT = get_context("spawn")


@dataclass(slots=True)
class Worker:
    """A process that runs cases.

    Attributes:
        process: the process.
        pipe: our end of the connection to it.
        given: the cases that it has, the current one first.
        since: start of the current case, in seconds; infinite without one.
    """

    process: SpawnProcess
    pipe: "Connection[Case, CaseResult | None]"
    given: deque[Case] = field(default_factory=deque[Case])
    since: float = float("inf")


def run_local(cases: Iterable[Case], play: RunCase, processes: int, limit: float) -> Generator[CaseResult]:
    """Run cases; yield each result as soon as it is ready, each case once.

    After the death of its worker a case runs again in another one; after some deaths it is lost. A caller that stops
    early closes the generator: cases that run then are omitted.

    Args:
        cases: the cases to run.
        play: runs a case.
        processes: number of processes.
        limit: real seconds after which a worker that is still at its case is ended, and the case is lost.
    """
    pool = WorkerPool(deque(cases), play, processes, limit)
    try:
        pool.fill()
        while pool.workers:
            wait([one for worker in pool.workers for one in (worker.pipe, worker.process.sentinel)], POLL_INTERVAL_S)
            for worker in list(pool.workers):
                yield from pool.poll(worker)
            pool.fill()
    finally:
        pool.stop()


@dataclass(slots=True)
class WorkerPool:
    """Workers, and the cases that wait for them.

    Attributes:
        waiting: cases without a worker.
        play: runs a case.
        processes: maximum number of workers.
        limit: real seconds that a case may take.
        workers: living workers with cases.
        deaths: number of a case -> workers that died with it.
        clock: the clock of the machine.
    """

    waiting: deque[Case]
    play: RunCase
    processes: int
    limit: float
    workers: list[Worker] = field(default_factory=list[Worker])
    deaths: Counter[int] = field(default_factory=Counter[int])
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    def fill(self) -> None:
        """End workers without cases, and start workers until there are enough."""
        for worker in self.workers:
            self._feed(worker, 1)
        for worker in [worker for worker in self.workers if not worker.given]:
            self._stop_worker(worker)
        while self.waiting and len(self.workers) < self.processes:
            ours, theirs = _CONTEXT.Pipe()
            process = _CONTEXT.Process(target=_serve, args=(theirs, self.play), daemon=True)
            with _start_quietly():
                process.start()
                theirs.close()
                self.workers.append(Worker(process, ours))
            _log.info("worker %s started", process.pid)
            self._feed(self.workers[-1], 1)
        # Each worker gets a first case before any gets a second one.
        for worker in self.workers:
            self._feed(worker, QUEUED_PER_WORKER)

    def poll(self, worker: Worker) -> Generator[CaseResult]:
        """Yield the results of a worker; handle its cases if it died or takes too long."""
        alive = worker.process.is_alive()
        # What a worker sent before it died is still in the pipe.
        for result in _receive(worker.pipe):
            worker.since = self.clock.now()
            if result is None:
                continue
            worker.given.popleft()
            if alive:
                self._feed(worker, QUEUED_PER_WORKER)
            yield result
        if alive and self.clock.now() - worker.since <= self.limit:
            return
        if alive:
            self._stop_worker(worker)
            if worker.given:
                _log.warning(
                    "worker %s: ended in case %d after %g s", worker.process.pid, worker.given[0].number, self.limit
                )
                yield _lost_case(worker.given.popleft(), f"still at it after {self.limit:g} s")
        elif worker.given:
            self._stop_worker(worker)
            died = worker.given.popleft()
            self.deaths[died.number] += 1
            _log.warning(
                "worker %s: died in case %d by %s", worker.process.pid, died.number, _exit_reason(worker.process)
            )
            if self.deaths[died.number] < MAX_DEATHS:
                self.waiting.appendleft(died)
            else:
                yield _lost_case(
                    died, f"{MAX_DEATHS} processes died with it, the last by {_exit_reason(worker.process)}"
                )
        else:
            self._stop_worker(worker)
        self.waiting.extendleft(reversed(worker.given))

    def stop(self) -> None:
        """End every worker, in any state."""
        with shielded():
            for worker in list(self.workers):
                self._stop_worker(worker)

    def _feed(self, worker: Worker, max_cases: int) -> None:
        while self.waiting and len(worker.given) < max_cases:
            if worker.given and self.waiting[0].begins:
                # A scenario may exceed the pipe's buffer: a worker that is sending a result would wait for us, and
                # we for it. A worker without cases is receiving.
                return
            case = self.waiting.popleft()
            worker.given.append(case)
            try:
                worker.pipe.send(case)
            except OSError:
                # The worker is dead; the next read from it reports that, and its cases.
                return

    def _stop_worker(self, worker: Worker) -> None:
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


def _receive(pipe: "Connection[Case, CaseResult | None]") -> Iterator[CaseResult | None]:
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll():
            yield pipe.recv()


def _lost_case(case: Case, why: str) -> CaseResult:
    return CaseResult(case, InvariantOutcome.LOST, (Violation(LOST, 0.0, why),))


def _exit_reason(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"exit code {code}"
    return next((one.name for one in signal.Signals if one.value == -code), f"signal {-code}")


def _serve(pipe: "Connection[CaseResult | None, Case]", play: RunCase) -> None:
    start_worker()
    with DeferredGC() as collector, contextlib.suppress(EOFError, OSError):
        # Everything is imported now: from here on only the cases' own time counts.
        pipe.send(None)
        while True:
            pipe.send(play(pipe.recv()))
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
