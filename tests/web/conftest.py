"""What the tests of the page share: a server in a thread, clients of its interface, and Chromium."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_web.server import PageServer, Served
from lensmount_web.session_store import SessionStore, StoredSession

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"
AXE = Path(__file__).parents[2] / "web" / "page" / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 60_000
"""How long a step in the browser may take on a busy machine."""


@dataclass
class Running:
    """A server that runs in this process.

    Attributes:
        url: the address with its secret.
        root: the address without a path.
        key: the secret.
        session: name of the first session.
        server: the server itself.
        thread: the thread that it serves in.
    """

    url: str
    root: str
    key: str
    session: str
    server: PageServer
    thread: threading.Thread

    def stop(self) -> None:
        """End the server; it answers nothing from then on."""
        self.server.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    @contextmanager
    def client(self, *, login: bool = True) -> Iterator[httpx.Client]:
        with httpx.Client(base_url=self.root, timeout=30) as client:
            if login:
                assert client.post("/api/v1/login", json={"token": self.key}).status_code == 200
            yield client


def run_server(served: Served) -> Iterator[Running]:
    server = PageServer(served)
    thread = threading.Thread(target=server.run, args=(lambda _url: None,), daemon=True)
    thread.start()
    address, _, key = server.url.partition("#key=")
    root = "/".join(address.split("/")[:3])
    session = address.rpartition("/")[2]
    running = Running(server.url, root, key, session, server, thread)
    try:
        yield running
    finally:
        running.stop()


def read(path: Path) -> StoredSession:
    """A session that is read to its end."""
    session = SessionStore().open_file(path)
    while session.reading:
        threading.Event().wait(0.01)
    return session


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "session.lmx"
    fault = "bitflip rate=1e-4 at=1.2s"
    return run_loopback(script="focus 0x4200", seconds=1.5, seed=7, faults=[fault]).save(path)


@pytest.fixture(scope="module")
def running(recording: Path) -> Iterator[Running]:
    yield from run_server(Served(files=[recording], opens_browser=False))


@pytest.fixture
def read_session() -> object:
    return read


@pytest.fixture
def serve_with() -> Iterator[object]:
    """Starts servers with any settings; they end with the test."""
    with ExitStack() as stack:
        yield lambda served: stack.enter_context(contextmanager(run_server)(served))


@pytest.fixture(scope="module")
def serve_module() -> Iterator[object]:
    """As `serve_with`; the servers end with the module."""
    with ExitStack() as stack:
        yield lambda served: stack.enter_context(contextmanager(run_server)(served))


@pytest.fixture
def serve() -> Iterator[object]:
    """Starts servers; they end with the test."""
    with ExitStack() as stack:
        yield lambda *files: stack.enter_context(contextmanager(run_server)(Served(files=files, opens_browser=False)))


@pytest.fixture(scope="session")
def chromium() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed; .ci/packages names it")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; the group dev has it")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, timeout=TIMEOUT_MS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: object) -> Iterator[object]:
    context = chromium.new_context(viewport={"width": 1600, "height": 960}, color_scheme="dark")
    context.set_default_timeout(TIMEOUT_MS)
    made = context.new_page()
    made.requests = []
    made.errors = []
    made.on("request", lambda request: made.requests.append(request.url))
    # Of every page that a test opens, and until the last one is closed.
    context.on("weberror", lambda failure: made.errors.append(f"{failure.error}\n{failure.error.stack}"))
    yield made
    context.close()
    assert made.errors == []


def wait_until(condition, seconds: float = 30.0) -> None:
    """Wait for another thread; the test fails where the condition stays false."""
    event = threading.Event()
    for _ in range(int(seconds * 100)):
        if condition():
            return
        event.wait(0.01)
    raise AssertionError("the condition stayed false")


def wait_until_drawn(page) -> None:
    """Wait for two animation frames: what changed before them is on the screen."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")


def wait_until_still(page, tries: int = 100) -> None:
    """Wait until two pictures of the page, some frames apart, are equal."""
    before = page.screenshot()
    for _ in range(tries):
        for _ in range(6):
            wait_until_drawn(page)
        now = page.screenshot()
        if now == before:
            return
        before = now
    raise AssertionError(f"the page still moved after {tries} pictures")


def check_axe(page) -> None:
    """Fail on a serious violation that axe-core finds."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [
        (one["id"], [node["html"][:200] for node in one["nodes"][:3]])
        for one in result["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
