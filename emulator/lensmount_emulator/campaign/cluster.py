"""A campaign's cases on a cluster, by Dask distributed; whoever imports this module needs it installed.

Dask plays a case again whose worker died. Results come here, to the one writer, as soon as they are there.
"""

import logging
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from typing import Any

from lensmount_emulator.campaign.case import Case, Result, Verdict
from lensmount_emulator.campaign.code import own_code
from lensmount_emulator.campaign.processes import LOST
from lensmount_emulator.campaign.trial import Work
from lensmount_emulator.fuzz.watch import Complaint
from lensmount_protocol.errors import TransportLostError, TransportOpenError, TransportSpecError

# Dask's types say little, and it is not installed where types are checked.
distributed: Any = import_module("distributed")

for _name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
    # What goes wrong is told by us, in one line.
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

CANCELLED: type[BaseException] = import_module("distributed.client").CancelledError
KILLED: type[Exception] = distributed.KilledWorker

ADDRESS = re.compile(r"((tcp|tls|wss?)://)?(\[[0-9a-fA-F:.%]+\]|[^\s/:\[\]]+):[0-9]{1,5}")
"""Host and port, with a scheme by which another machine can be reached."""

PATIENCE_S = 10.0
AHEAD = 4
"""Cases under way for each thread of the cluster, so that nobody waits for us."""


def run_on_cluster(address: str, cases: Iterable[Case], work: Work) -> Generator[Result]:
    """Play cases on a cluster; gives each result as soon as it is there.

    Args:
        address: of the scheduler: `tcp://HOST:8786`.
        cases: what to play.
        work: what plays them.

    Raises:
        TransportSpecError: the address is none.
        TransportOpenError: nobody is there, it has no workers, or they have another lensmount than this one, or none.
        TransportLostError: the scheduler went away.
    """
    client = _reached(address)
    try:
        threads = _ready(client, address)
        yield from _run(client, address, iter(cases), work, threads * AHEAD)
    finally:
        client.close(timeout=PATIENCE_S)


def _reached(address: str) -> Any:
    if not ADDRESS.fullmatch(address):
        # Dask would wait for what it cannot read, and end in several lines.
        raise TransportSpecError(f"--dask {address!r}: no address of a Dask scheduler; write tcp://HOST:8786")
    try:
        return distributed.Client(address, timeout=PATIENCE_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise TransportOpenError(f"{address}: no Dask scheduler answers: {_line(error)}") from error


def _ready(client: Any, address: str) -> int:
    """How many threads the cluster has, once it is seen that each of its workers can play."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE_S)
        versions: dict[str, str] = client.run(_own_version)
        threads = sum(client.nthreads().values())
    except TimeoutError as error:
        raise TransportOpenError(f"{address}: the scheduler has no worker") from error
    except Exception as error:
        raise TransportOpenError(f"{address}: a worker cannot play: {_line(error)}") from error
    ours = _own_version()
    for worker, theirs in versions.items():
        if theirs != ours:
            raise TransportOpenError(f"{address}: the worker {worker} has lensmount {theirs}, and this is {ours}")
    return int(threads)


def _run(client: Any, address: str, cases: Iterator[Case], work: Work, most: int) -> Generator[Result]:
    given: dict[Any, Case] = {}
    ours = _own_version()

    def submit(case: Case) -> Any:
        future = client.submit(_play, ours, work.only(case), case, pure=False)
        given[future] = case
        return future

    done = distributed.as_completed([submit(case) for case in islice(cases, most)], loop=client.loop)
    for future in done:
        case = given.pop(future)
        try:
            result = _result(future, case)
        except (OSError, CANCELLED) as error:
            kept = "every case that was finished before is kept"
            raise TransportLostError(f"{address}: the scheduler went away: {_line(error)}; {kept}") from error
        except KILLED as error:
            result = Result(case, Verdict.LOST, (Complaint(LOST, 0.0, _line(error)),))
        except Exception as error:
            # Whatever a case does is its result; this came before it could be played, or behind it.
            raise TransportOpenError(f"{address}: a worker cannot play: {_line(error)}") from error
        for following in islice(cases, 1):
            done.add(submit(following))
        yield result


def _result(future: Any, case: Case) -> Result:
    result: object = future.result()
    if not isinstance(result, Result) or result.case.number != case.number:
        raise TypeError(f"case {case.number} came back as {type(result).__name__}")
    return result


def _play(wanted: str, work: Callable[[Case], Result], case: Case) -> Result:
    # Workers may join while we run.
    if _own_version() != wanted:
        raise RuntimeError(f"it has lensmount {_own_version()}, and this is {wanted}")
    return work(case)


def _own_version() -> str:
    """The version, and in short the code, which a checkout may have changed since."""
    return f"{version('lensmount')} with code {own_code()[:8]}"


def _line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
