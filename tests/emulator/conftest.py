"""What the emulator's tests share: captures of real devices, a server for corpora, and no lines of progress."""

import math
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lensmount_emulator.reports import console

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"
SERVERS = [name for name in ("redis-server", "valkey-server") if shutil.which(name)]


@pytest.fixture(scope="session", autouse=True)
def _no_lines_of_progress() -> Iterator[None]:
    """Progress writes a line every 10 s, so on a busy machine it would stand between what tests expect on stderr."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(console, "LINE_INTERVAL", math.inf)
        yield


@pytest.fixture(scope="session")
def captures() -> Path:
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES}: they are real traffic and not part of the project")
    return CAPTURES


@pytest.fixture(params=SERVERS or ["no server"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a server that keeps nothing on the disk."""
    pytest.importorskip("redis")
    if not SERVERS:
        pytest.skip("neither redis-server nor valkey-server is installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [request.param, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "eady to accept" not in (line := process.stdout.readline()):
            assert line, "the server ended"
        yield f"redis://127.0.0.1:{port}/0"
        process.terminate()
