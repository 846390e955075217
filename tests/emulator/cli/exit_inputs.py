"""What the cases of exit codes read: a good recording and image, and files that are empty, cut or wrong."""

import builtins
import io
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_hardware.captures.lmx import RecordingWriter

from .exit_cases import Bench  # noqa: TID252  helpers of this folder

BODY, LENS = "a6000", "sel55210"
PAIR = ("--body", BODY, "--lens", LENS)
SECONDS = 1.5
SMALL_DISK = 512

Setup = Callable[[Bench], Path]


@lru_cache
def session() -> bytes:
    """A recording of a virtual session that both ends and `replay` agree with."""
    memory = io.BytesIO()
    header = session_header("emount", BODY, LENS, "", 3, duration=SECONDS)
    with RecordingWriter(memory, header) as writer:
        run_loopback(BODY, LENS, seconds=SECONDS, seed=3, tap=writer.write)
    return memory.getvalue()


def recording(bench: Bench, name: str = "session.lmx") -> Path:
    path = bench.folder / name
    path.write_bytes(session())
    return path


def empty(bench: Bench) -> Path:
    """A recording of nothing."""
    path = bench.folder / "empty.lmx"
    path.write_bytes(session().partition(b"\n")[0] + b"\n")
    return path


def half(bench: Bench) -> Path:
    """The first half of a recording, cut in a line."""
    path = bench.folder / "half.lmx"
    path.write_bytes(session()[: len(session()) // 2 // 10 * 10 + 3])
    assert not path.read_bytes().endswith(b"\n")
    return path


def other_dialect(bench: Bench) -> Path:
    """A recording that declares another dialect than its bytes have."""
    path = bench.folder / "other.lmx"
    path.write_bytes(session().replace(b'"dialect":"emount"', b'"dialect":"lmount"', 1))
    return path


def image(bench: Bench) -> Path:
    path = bench.folder / "image.lmf"
    assert bench.run("firmware", path, "--make-for", "sigma-45mm-f2.8-dg-dn", "--size", "64") == 0
    return path


def missing(bench: Bench) -> Path:
    return bench.folder / "missing"


def folder(bench: Bench) -> Path:
    return bench.folder


def unreadable(good: Setup, bench: Bench) -> Path:
    """A file that the system refuses to open; root may open any file, so the refusal is put in its place."""
    path = good(bench)
    real = io.open

    def refuse(file: Any, *arguments: Any, **options: Any) -> Any:
        if str(file) == str(path):
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *arguments, **options)

    bench.monkeypatch.setattr(builtins, "open", refuse)
    bench.monkeypatch.setattr(io, "open", refuse)
    return path
