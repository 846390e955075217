"""Starts the server on loopback and opens the browser on it."""

import ipaddress
import socket
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from lensmount_hardware.captures.formats import takes_samplerate
from lensmount_protocol.errors import TransportOpenError
from lensmount_web.app import Bench, make_app
from lensmount_web.guard import new_token
from lensmount_web.results import Results, check_results, result_kind
from lensmount_web.session_store import SessionStore, StoredSession

LOOPBACK = "127.0.0.1"


@dataclass(slots=True)
class Served:
    """What a server is started with.

    Attributes:
        files: captures and results, which exist and can be read.
        dialect: the dialect of captures that declare none; `None` for the usual one.
        ports: ports that may be listened to, and played on after a confirmation.
        recordings: folder for recordings of ports.
        address: the address to listen at.
        port: its port; 0 for a free one.
        opens_browser: whether to open the browser.
        at: time in the first capture that the page shows, in seconds; `None` for the whole.
        firmware: paths of firmware in C that the page offers as devices.
        channels: line -> channel, for logic captures with other channel names.
        samplerate: samples a second, for the captures that may lack them.
    """

    files: Sequence[Path] = ()
    dialect: str | None = None
    ports: Sequence[str] = ()
    recordings: Path = field(default_factory=Path)
    address: str = LOOPBACK
    port: int = 0
    opens_browser: bool = True
    at: float | None = None
    sessions: list[StoredSession] = field(default_factory=list[StoredSession])
    firmware: Sequence[str] = ()
    channels: Mapping[str, str] = field(default_factory=dict[str, str])
    samplerate: float | None = None


class PageServer:
    """A server that is bound and has read what it shows.

    Args:
        served: what it is started with.

    Attributes:
        url: the address for the user, with the secret in its fragment.

    Raises:
        CaptureError: a file cannot be read.
        TransportOpenError: the address is in use or not of this machine.
    """

    def __init__(self, served: Served) -> None:
        store = SessionStore()
        results = [path for path in served.files if result_kind(path)]
        check_results(results)
        captures = [path for path in served.files if path not in results]
        # Where no file takes a rate, the reader of the first one reports that.
        sampled = [path for path in captures if takes_samplerate(path)] or captures
        opened = [
            store.open_file(
                path,
                served.dialect,
                channels=served.channels or None,
                samplerate=served.samplerate if path in sampled else None,
            )
            for path in captures
        ]
        opened += [store.put(session) for session in served.sessions]
        self._socket = _bind(served.address, served.port)
        number = self._socket.getsockname()[1]
        token = new_token()
        self.bench = Bench(
            store,
            Results(results),
            token,
            reads_only=not _is_loopback(served.address),
            ports=served.ports,
            firmware=served.firmware,
        )
        self.bench.recordings = served.recordings
        names = {served.address, "localhost"} if _is_loopback(served.address) else {served.address}
        hosts = [f"{'[' + name + ']' if ':' in name else name}:{number}" for name in sorted(names)]
        self.app = make_app(self.bench, hosts)
        where = f"session/{opened[0].id}" if len(opened) == 1 and not results else ""
        if not opened and len(results) == 1:
            where = f"{result_kind(results[0])}/1"
        when = "" if served.at is None or not where else f"&t={served.at!r}"
        host = f"[{served.address}]" if ":" in served.address else served.address
        self.url = f"http://{host}:{number}/{where}#key={token}{when}"
        config = uvicorn.Config(
            self.app,
            log_level="critical",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="websockets-sansio",
        )
        self._server = uvicorn.Server(config)
        self._opens = served.opens_browser

    def run(self, on_start: Callable[[str], None], on_no_browser: Callable[[], None] = lambda: None) -> None:
        """Serve until `stop` or a signal.

        Args:
            on_start: called with the address when the server accepts connections.
            on_no_browser: called where no browser can be opened.
        """

        def show() -> None:
            if not open_browser(self.url):
                on_no_browser()

        on_start(self.url)
        if self._opens:
            threading.Timer(0.3, show).start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.close()

    def close(self) -> None:
        """Give up the address, and end what is played; `run` does so at its end."""
        self._socket.close()
        self.bench.close()

    def stop(self) -> None:
        """End the server from another thread."""
        self._server.should_exit = True


def open_browser(url: str) -> bool:
    """Open the user's browser; whether one was found."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sends at once only on sockets with a named protocol.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        reason = getattr(error, "strerror", None) or error
        raise TransportOpenError(
            f"{address}:{port}: {reason}; choose another one with --listen and --http-port, or leave them out"
        ) from error
    return made
