"""On a cluster: a worker that is killed costs nothing, and whoever is missing is told in one line."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.campaign.store import code_version
from lensmount_emulator.cli.main import main

from .conftest import environment, finished_in, start, wait_for  # noqa: TID252  helpers of this folder

pytest.importorskip("distributed")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Generator[tuple[str, "list[subprocess.Popen[bytes]]"]]:
    """A scheduler with workers of one thread each, each a process of its own."""
    address = f"tcp://127.0.0.1:{free_port()}"
    played: list[subprocess.Popen[bytes]] = []

    def begin(*words: str) -> None:
        command = [sys.executable, "-m", *words]
        with (folder / f"{len(played)}.log").open("wb") as log:
            played.append(subprocess.Popen(command, env=environment(), stdout=log, stderr=log, cwd=folder))

    try:
        begin("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2],
              "--no-dashboard", "--no-show")  # fmt: skip
        for _ in range(workers):
            begin("distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard")
        logs = [folder / f"{number}.log" for number in range(1, workers + 1)]
        wait_for(lambda: all("Starting established connection" in log.read_text() for log in logs))
        yield address, played
    finally:
        for process in played:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_killed_worker_loses_no_result_and_no_case_is_there_twice(tmp_path: Path, write: Callable[..., Path]) -> None:
    file = write(seeds='"1-6"')
    with cluster(tmp_path, 2) as (address, (_, *workers)):
        run = start(file, "--dask", address)
        wait_for(lambda: len(finished_in(file.with_suffix(".sqlite"))) >= 4 or run.poll() is not None)
        assert run.poll() is None
        os.kill(workers[0].pid, signal.SIGKILL)
        out, err = run.communicate(timeout=180)
    assert run.returncode == 0, out + err
    assert "36 cases in " in out
    assert [case.case.number for case in read_campaign(file.with_suffix(".sqlite")).cases] == list(range(1, 37))


@pytest.mark.slow
def test_a_scheduler_that_goes_away_is_reported_in_one_line(tmp_path: Path, write: Callable[..., Path]) -> None:
    file = write(seeds='"1-40"')
    with cluster(tmp_path, 1) as (address, (scheduler, _)):
        run = start(file, "--dask", address)
        wait_for(lambda: len(finished_in(file.with_suffix(".sqlite"))) >= 4 or run.poll() is not None)
        scheduler.kill()
        out, err = run.communicate(timeout=180)
    assert run.returncode == 4, out + err
    assert len(err.strip().splitlines()) == 1
    assert "the scheduler went away" in err
    assert len(finished_in(file.with_suffix(".sqlite"))) >= 4


def test_a_scheduler_that_is_not_there_is_reported_in_one_line(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensmount_emulator.campaign import dask_pool as module

    monkeypatch.setattr(module, "CONNECT_TIMEOUT_S", 0.3)
    address = f"tcp://127.0.0.1:{free_port()}"
    assert main(["campaign", str(write()), "--dask", address]) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"lensmount: {address}: no Dask scheduler answers")


@pytest.mark.parametrize("address", ["nowhere://", "nowhere", "tcp://", "tcp://:1", "inproc://1"])
def test_an_address_that_means_nothing_is_reported_in_one_line(
    address: str, write: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["campaign", str(write()), "--dask", address]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line == f"lensmount: --dask {address!r}: no address of a Dask scheduler; write tcp://HOST:8786"


def test_a_worker_with_other_code_is_reported_in_one_line(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lensmount_emulator.campaign import dask_pool as module

    theirs = "0.0.9 with code 01234567"

    class Client:
        def __init__(self, *_words: object, **_more: object) -> None: ...
        def wait_for_workers(self, *_words: object, **_more: object) -> None: ...
        def close(self, **_more: object) -> None: ...

        def run(self, asked: Callable[[], str]) -> dict[str, str]:
            return {"tcp://one": asked(), "tcp://other": theirs}

        def nthreads(self) -> dict[str, int]:
            return {"tcp://one": 1, "tcp://other": 1}

    monkeypatch.setattr(module.distributed, "Client", Client)
    assert main(["campaign", str(write()), "--dask", "tcp://somewhere:8786"]) == 4
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(
        f"lensmount: tcp://somewhere:8786: the worker tcp://other has lensmount {theirs}, and this is "
    )
    assert line.endswith(f" with code {code_version()[:8]}")


def test_a_worker_that_joins_later_with_other_code_plays_nothing() -> None:
    from lensmount_emulator.campaign import dask_pool as module

    def work(_case: object) -> None:
        raise AssertionError("it was played")

    with pytest.raises(RuntimeError, match=r"it has lensmount .*, and this is 0\.0\.9"):
        module._play("0.0.9", work, None)  # type: ignore[arg-type]  # pyright: ignore
