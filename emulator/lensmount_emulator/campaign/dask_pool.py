"""Runs a campaign's cases on a cluster, by Dask distributed, which must be installed.

Dask runs a case again after its worker died. Results arrive here, at the one writer, as soon as they are ready.
"""

import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from typing import Any

from lensmount_emulator.campaign.case import Case, CaseResult, InvariantOutcome
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.store import code_version
from lensmount_emulator.campaign.worker_pool import LOST
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_protocol.errors import TransportLostError, TransportOpenError, TransportSpecError

# Dask's types are incomplete, and it is not installed where types are checked.
distributed: Any = import_module("distributed")

for _name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
    # We report errors ourselves, in one line.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

CANCELLED: type[BaseException] = import_module("distributed.client").CancelledError
KILLED: type[Exception] = distributed.KilledWorker

ADDRESS = re.compile(r"((tcp|tls|wss?)://)?(\[[0-9a-fA-F:.%]+\]|[^\s/:\[\]]+):[0-9]{1,5}")
"""Host and port, with a scheme by which another machine can be reached."""

CONNECT_TIMEOUT_S = 10.0
QUEUED_PER_THREAD = 4
"""Cases under way for each thread of the cluster, so that no worker waits for us."""


def run_dask(address: str, cases: Iterable[Case], runner: CaseRunner) -> Generator[CaseResult]:
    """Run cases on a cluster; yield each result as soon as it is ready.

    Args:
        address: the address of the scheduler: `tcp://HOST:8786`.
        cases: the cases to run.
        runner: runs a case.

    Raises:
        TransportSpecError: the address is invalid.
        TransportOpenError: no scheduler answers, it has no workers, or their lensmount is missing or another one.
        TransportLostError: the connection to the scheduler was lost.
    """
    client = _connect(address)
    try:
        threads = _count_threads(client, address)
        yield from _run(client, address, iter(cases), runner, threads * QUEUED_PER_THREAD)
    finally:
        client.close(timeout=CONNECT_TIMEOUT_S)


def _connect(address: str) -> Any:
    if not ADDRESS.fullmatch(address):
        # Dask would wait for an address that it cannot parse, and then report several lines.
        raise TransportSpecError(f"--dask {address!r}: no address of a Dask scheduler; write tcp://HOST:8786")
    try:
        return distributed.Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise TransportOpenError(f"{address}: no Dask scheduler answers: {_line(error)}") from error


def _count_threads(client: Any, address: str) -> int:
    """Return the number of threads of the cluster, after a check that each of its workers can run cases."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_TIMEOUT_S)
        versions: dict[str, str] = client.run(_own_version)
        threads = sum(client.nthreads().values())
    except TimeoutError as error:
        raise TransportOpenError(f"{address}: the scheduler has no worker") from error
    except Exception as error:
        raise TransportOpenError(f"{address}: a worker cannot run cases: {_line(error)}") from error
    ours = _own_version()
    for worker, theirs in versions.items():
        if theirs != ours:
            raise TransportOpenError(f"{address}: the worker {worker} has lensmount {theirs}, and this is {ours}")
    return int(threads)


def _run(client: Any, address: str, cases: Iterator[Case], work: CaseRunner, max_cases: int) -> Generator[CaseResult]:
    given: dict[Any, Case] = {}
    ours = _own_version()

    def submit(case: Case) -> Any:
        future = client.submit(_play, ours, work.for_case(case), case, pure=False)
        given[future] = case
        return future

    done = distributed.as_completed([submit(case) for case in islice(cases, max_cases)], loop=client.loop)
    for future in done:
        case = given.pop(future)
        try:
            result = _result(future, case)
        except (OSError, CANCELLED) as error:
            kept = "every case that was finished before is kept"
            raise TransportLostError(f"{address}: the scheduler went away: {_line(error)}; {kept}") from error
        except KILLED as error:
            result = CaseResult(case, InvariantOutcome.LOST, (Violation(LOST, 0.0, _line(error)),))
        except Exception as error:
            # An exception in a case is its result; this error came before the case ran, or after it.
            raise TransportOpenError(f"{address}: a worker cannot run cases: {_line(error)}") from error
        for following in islice(cases, 1):
            done.add(submit(following))
        yield result


def _result(future: Any, case: Case) -> CaseResult:
    result: object = future.result()
    if not isinstance(result, CaseResult) or result.case.number != case.number:
        raise TypeError(f"case {case.number} came back as {type(result).__name__}")
    return result


def _play(wanted: str, work: Callable[[Case], CaseResult], case: Case) -> CaseResult:
    # Workers may join while we run.
    if _own_version() != wanted:
        raise RuntimeError(f"it has lensmount {_own_version()}, and this is {wanted}")
    return work(case)


def _own_version() -> str:
    """The version and a short digest of the code, which a checkout may have changed since."""
    return f"{version('lensmount')} with code {code_version()[:8]}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
