"""A campaign's cases in processes of this machine; one that dies or hangs takes no result with it."""

import contextlib
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess

from lensmount_emulator.campaign.case import Case, Result, Verdict
from lensmount_emulator.fuzz.watch import Complaint
from lensmount_emulator.sessions.collector import QuietCollector
from lensmount_emulator.termination import shielded
from lensmount_emulator.worker_process import begin_worker, blocked_signals
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.logs import get_logger

Play = Callable[[Case], Result]
"""Plays a case; it must be something that can be pickled, and raise nothing."""

MOST_DEATHS = 3
"""Workers that may die with a case before it is given up."""

AHEAD = 2
"""Cases that a worker has at once: the one that it plays, and the next, so that it never waits for us."""

LOST = "no exception"
"""The invariant that is violated where a session takes its process with it, or never ends."""

LOOKS_S = 1.0
"""How often somebody looks for workers that hang."""

_log = get_logger("workers")

# A fresh interpreter each: a fork would copy whatever threads of ours hold, a progress bar's for one.
_CONTEXT = get_context("spawn")


@dataclass(slots=True)
class Worker:
    """A process that plays cases.

    Attributes:
        process: the process.
        pipe: our end of what we speak through.
        given: the cases that it has, the one that it plays first.
        since: when it began that one, in seconds; infinite while it has begun none.
    """

    process: SpawnProcess
    pipe: "Connection[Case, Result | None]"
    given: deque[Case] = field(default_factory=deque[Case])
    since: float = float("inf")


def run_in_processes(cases: Iterable[Case], play: Play, processes: int, limit: float) -> Generator[Result]:
    """Play cases; gives each result as soon as it is there, each case once.

    A case whose worker died is played again by another one; after some deaths it is lost. Whoever stops early closes
    the generator: what is being played then is left out.

    Args:
        cases: what to play.
        play: what plays them.
        processes: how many processes share the work.
        limit: real seconds after which a worker that is still at its case is ended, and the case is lost.
    """
    crew = Crew(deque(cases), play, processes, limit)
    try:
        crew.fill_up()
        while crew.workers:
            wait([one for worker in crew.workers for one in (worker.pipe, worker.process.sentinel)], LOOKS_S)
            for worker in list(crew.workers):
                yield from crew.hear(worker)
            crew.fill_up()
    finally:
        crew.stop()


@dataclass(slots=True)
class Crew:
    """Workers, and the cases that wait for them.

    Attributes:
        waiting: cases that nobody has yet.
        play: what plays them.
        processes: how many workers there are where there are so many cases.
        limit: real seconds that a case may take.
        workers: those that live and have something to do.
        deaths: number of a case -> workers that died with it.
        clock: the machine's.
    """

    waiting: deque[Case]
    play: Play
    processes: int
    limit: float
    workers: list[Worker] = field(default_factory=list[Worker])
    deaths: Counter[int] = field(default_factory=Counter[int])
    clock: MonotonicClock = field(default_factory=MonotonicClock)

    def fill_up(self) -> None:
        """Let go of workers that have nothing to do, and see that there are enough who have."""
        for worker in self.workers:
            self._feed(worker, 1)
        for worker in [worker for worker in self.workers if not worker.given]:
            self._let_go(worker)
        while self.waiting and len(self.workers) < self.processes:
            ours, theirs = _CONTEXT.Pipe()
            process = _CONTEXT.Process(target=_serve, args=(theirs, self.play), daemon=True)
            with _quiet_start():
                process.start()
                theirs.close()
                self.workers.append(Worker(process, ours))
            _log.info("worker %s started", process.pid)
            self._feed(self.workers[-1], 1)
        # Nobody gets a second one before everybody has one.
        for worker in self.workers:
            self._feed(worker, AHEAD)

    def hear(self, worker: Worker) -> Generator[Result]:
        """What a worker has finished; and what becomes of its cases where it is gone, or takes too long."""
        alive = worker.process.is_alive()
        # What a worker sent before it died is still in the pipe.
        for result in _received(worker.pipe):
            worker.since = self.clock.now()
            if result is None:
                continue
            worker.given.popleft()
            if alive:
                self._feed(worker, AHEAD)
            yield result
        if alive and self.clock.now() - worker.since <= self.limit:
            return
        if alive:
            self._let_go(worker)
            if worker.given:
                _log.warning(
                    "worker %s: ended in case %d after %g s", worker.process.pid, worker.given[0].number, self.limit
                )
                yield _lost(worker.given.popleft(), f"still at it after {self.limit:g} s")
        elif worker.given:
            self._let_go(worker)
            died = worker.given.popleft()
            self.deaths[died.number] += 1
            _log.warning("worker %s: died in case %d by %s", worker.process.pid, died.number, _end_of(worker.process))
            if self.deaths[died.number] < MOST_DEATHS:
                self.waiting.appendleft(died)
            else:
                yield _lost(died, f"{MOST_DEATHS} processes died with it, the last by {_end_of(worker.process)}")
        else:
            self._let_go(worker)
        self.waiting.extendleft(reversed(worker.given))

    def stop(self) -> None:
        """End every worker, whatever it is at."""
        with shielded():
            for worker in list(self.workers):
                self._let_go(worker)

    def _feed(self, worker: Worker, most: int) -> None:
        while self.waiting and len(worker.given) < most:
            if worker.given and self.waiting[0].begins:
                # A story may be more than a pipe takes: whoever sends a result just then would wait for us, and we
                # for it. Who has nothing to do listens.
                return
            case = self.waiting.popleft()
            worker.given.append(case)
            try:
                worker.pipe.send(case)
            except OSError:
                # It is dead; whoever hears it next sees that, and what it had.
                return

    def _let_go(self, worker: Worker) -> None:
        self.workers.remove(worker)
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        _log.info("worker %s ended", worker.process.pid)


@contextlib.contextmanager
def _quiet_start() -> Generator[None]:
    # The tracker is started once, and lets go of the signals when it is.
    resource_tracker.ensure_running()
    with blocked_signals():
        yield


def _received(pipe: "Connection[Case, Result | None]") -> Iterator[Result | None]:
    with contextlib.suppress(EOFError, OSError):
        while pipe.poll():
            yield pipe.recv()


def _lost(case: Case, why: str) -> Result:
    return Result(case, Verdict.LOST, (Complaint(LOST, 0.0, why),))


def _end_of(process: SpawnProcess) -> str:
    code = process.exitcode or 0
    if code >= 0:
        return f"exit code {code}"
    return next((one.name for one in signal.Signals if one.value == -code), f"signal {-code}")


def _serve(pipe: "Connection[Result | None, Case]", play: Play) -> None:
    begin_worker()
    with QuietCollector() as collector, contextlib.suppress(EOFError, OSError):
        # All that it takes is here now: what counts from here on is the cases' own time.
        pipe.send(None)
        while True:
            pipe.send(play(pipe.recv()))
            collector.rest()
