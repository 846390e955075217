"""Listens at a port, or plays an end on it, in a process of its own, and shows its recording while it grows.

The process is `lensmount record` or `lensmount run`. It opens the port, and everything that it sends passes the send
guard. The server never opens a port. The recording is a file of the user, so nothing is lost when the server ends.
"""

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.traffic.event_columns import DROP, EventColumns
from lensmount_hardware.captures.record_json import parse_object, record_from_json
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.output_file import partial_path
from lensmount_protocol.decoder import Decoded, Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import MountError, TransportOpenError
from lensmount_protocol.wire import Role
from lensmount_web.messages import OpenPort
from lensmount_web.session_store import StoredSession

TICK_S = 1 / 30
IDLE_S = 600.0
"""Seconds without a page after which an end that is played stops."""

STOP_S = 5.0
"""Seconds in which the process ends in order; then it is killed."""

PIECE = 1 << 18
BATCH = 500
"""Events that are added at once."""


class PortPlayer:
    """A port in a process of its own.

    Args:
        spec: the port, as the command named it.
        wanted: what to do with it.
        target: the recording to write.
        second: the port that receives the lens, where two listen.

    Attributes:
        session: the traffic.
        specs: the ports that are in use.
        plays: whether an end is played, and not only listened to.

    Raises:
        MountError: the dialect or profile is unknown, or playing was not confirmed.
    """

    def __init__(self, spec: str, wanted: OpenPort, target: Path, second: str = "") -> None:
        self.spec = spec
        self.specs = frozenset({spec, second} - {""})
        self.plays = wanted.mode == "play"
        self._target = target
        self._clock = MonotonicClock()
        self._touched = self._clock.now()
        self._lines: deque[dict[str, Any]] = deque(maxlen=100)
        self._late: dict[str, Any] = {}
        self._unread = 0
        self._stop = threading.Event()
        words = [sys.executable, "-m", "lensmount"]
        if self.plays:
            if wanted.confirm.strip() != spec:
                raise TransportOpenError(f"to play on {spec}, type its name as it stands there: {spec}")
            role = Role(wanted.role)
            profile = load_profile(wanted.profile, role)
            dialect = load_dialect(profile.dialect)
            words += ["run", role.value, "--profile", wanted.profile, "--port", spec, "--json", "--record", str(target)]
            if wanted.script:
                words += ["--script", wanted.script]
        else:
            dialect = load_dialect(wanted.dialect)
            words += [
                "record",
                spec,
                *(["--second-port", second] if second else []),
                "--output",
                str(target),
                "--dialect",
                dialect.name,
                "--allow-silence",
            ]
        self._decoder = OrderedDecoder(Decoder(dialect))
        about: dict[str, Any] = {"port": spec, "plays": wanted.role if self.plays else "", "file": str(target)}
        ports = f"{spec} and {second}" if second else spec
        title = f"{wanted.role} {wanted.profile} on {spec}" if self.plays else f"listening on {ports}"
        self.session = StoredSession(title, "live", EventColumns(dialect), reading=True, about=about)
        self._process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        self._collectors: list[threading.Thread] = []
        for name, stream in (("out", self._process.stdout), ("err", self._process.stderr)):
            assert stream is not None
            self._collectors.append(threading.Thread(target=self._collect, args=(name, stream), daemon=True))
            self._collectors[-1].start()
        self._thread = threading.Thread(target=self._follow, name="port", daemon=True)

    def begin(self) -> None:
        """Start showing what the process records."""
        self._thread.start()

    def _collect(self, name: str, stream: BinaryIO) -> None:
        """Keep what the process prints: errors, notices and the summary, but no traffic."""
        with stream:
            for line in stream:
                text = line.decode("utf-8", "replace").rstrip()
                if name == "err":
                    self._lines.append({"text": text[:500]})
                elif text.startswith(('{"kind":"notice"', '{"kind":"summary"', '{"kind":"session"')):
                    with contextlib.suppress(ValueError):
                        self._lines.append(json.loads(text))
                elif text.startswith('{"kind":"late"'):
                    with contextlib.suppress(ValueError):
                        self._late = json.loads(text)

    def _follow(self) -> None:
        """Read the recording as it grows, until the process has ended and all is read."""
        rest = b""
        offset = 0
        header = True
        while True:
            ended = self._process.poll() is not None
            path = self._target if self._target.exists() else partial_path(self._target)
            data = _read_from(path, offset)
            offset += len(data)
            self._unread = max(0, _size(path) - offset)
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            # Decoding is the slow part, and needs no lock; the page reads in between.
            events: list[Decoded] = []
            for line in lines[1:] if header and lines else lines:
                with contextlib.suppress(ValueError):
                    events += self._decoder.feed(record_from_json(parse_object(line)), flush=True)
                if len(events) >= BATCH:
                    self.session.add(events)
                    events.clear()
            header = header and not lines
            self.session.add(events)
            if ended and not data:
                break
            if self.plays and self._clock.now() - self._touched > IDLE_S:
                self._end()
            self._stop.wait(TICK_S if len(data) < PIECE else 0.001)
        for collector in self._collectors:
            collector.join(STOP_S)
        with contextlib.suppress(MountError):
            self.session.add(self._decoder.finish())
        errors = [line["text"] for line in list(self._lines) if "text" in line and "kind" not in line]
        if self._process.returncode not in (0, -signal.SIGTERM, 128 + signal.SIGTERM) and errors:
            self.session.error = errors[-1].removeprefix("lensmount: ")
        self.session.reading = False

    def _end(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        """End the process in order, so that its lines come to rest; then by force."""
        self._end()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stop.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(STOP_S)

    def status(self) -> dict[str, Any]:
        """What the page shows of the running port."""
        self._touched = self._clock.now()
        with self.session.lock:
            losses = int((self.session.columns.view("kind") == DROP).sum())
        lines = list(self._lines)
        summary = next((line for line in reversed(lines) if line.get("kind") == "summary"), None)
        return {
            "kind": "state",
            "port": self.spec,
            "plays": self.plays,
            "running": self._process.poll() is None,
            "rows": len(self.session.columns),
            "edges": self.session.columns.edge_count,
            "file": str(self._target),
            "octaves": self._late.get("octaves", []),
            "troubles": self._late.get("port", {}),
            "losses": losses,
            "behind": self._unread,
            "summary": None if summary is None else summary.get("text"),
            "error": self.session.error,
            "notices": [
                {
                    "t": (line.get("t_us") or 0.0) / 1e6,
                    "dir": line.get("dir") or "",
                    "error": line.get("ok") is False or "kind" not in line,
                    "text": str(line.get("text") or line.get("title") or ""),
                }
                for line in lines
                if line.get("kind") != "summary"
            ][-40:],
        }

    def order(self, order: Mapping[str, Any]) -> None:
        """Carry out an order of the page: `stop`.

        Raises:
            MountError: any other order.
        """
        if order.get("do") != "stop":
            raise MountError("a port takes one order: stop")
        self._end()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _read_from(path: Path, offset: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(PIECE)
    except OSError:
        # It is not there yet, or gets its final name at this moment.
        return b""


def free_name(folder: Path) -> Path:
    """A name for a recording that no file has."""
    number = 1
    while (target := folder / f"port-{number}.lmx").exists() or partial_path(target).exists():
        number += 1
    return target
