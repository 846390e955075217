"""Sessions that the server holds: they answer while they are explained, and one that cannot start is not kept."""

import socket
import struct
import threading

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_emulator.traffic.event_columns import EventColumns
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.errors import CaptureError, ProfileError
from lensmount_web import session_store
from lensmount_web.app import Bench, _answering, _defect, endpoints
from lensmount_web.messages import NewVirtual
from lensmount_web.results import Results
from lensmount_web.server import PageServer, Served
from lensmount_web.session_store import SessionStore, StoredSession
from lensmount_web.virtual_player import VirtualPlayer


def answers(session: StoredSession) -> bool:
    """Whether another thread may use a session now."""
    found: list[bool] = []

    def look() -> None:
        found.append(session.lock.acquire(blocking=False))
        if found[0]:
            session.lock.release()

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("name", ["explain_events", "explain"])
def test_a_session_answers_while_it_is_explained(name, monkeypatch, tmp_path):
    result = run_loopback("a6000", "sel55210", seconds=0.8, seed=1)
    columns = EventColumns(result.dialect).add_all(OrderedDecoder(Decoder(result.dialect)).decode(result.records))
    session = StoredSession("a session", "virtual", columns)
    plain = session.explanation()
    session.explained = None
    seen: list[bool] = []
    if name == "explain":
        session.path = tmp_path / "session.lmx"
        session.path.write_bytes(b"")

    def explained(events, *_words, **_named):
        if name == "explain_events":
            events = list(events)
            assert len(events) == len(list(columns.timeline())) > 2 * 40
        seen.append(answers(session))
        return original(columns.timeline(), result.dialect, source="a session")

    original = session_store.explain_events
    monkeypatch.setattr(session_store, "PIECE", 40)
    monkeypatch.setattr(session_store, name, explained)
    assert session.explanation() == plain
    assert session.explanation() == plain
    assert seen == [True]


@pytest.mark.parametrize(("error", "status"), [(ProfileError("the lens cannot start"), 422), (ValueError("no"), 500)])
def test_a_session_that_cannot_start_is_not_kept(error, status, monkeypatch):
    made: list[VirtualPlayer] = []
    store = SessionStore()
    bench = Bench(store, Results(), "key")
    loops: list[bool] = []

    class Failing(VirtualPlayer):
        def __init__(self, wanted):
            super().__init__(wanted)
            made.append(self)

        def begin(self):
            # The thread of the event loop goes on meanwhile.
            loops.append(threading.current_thread() is threading.main_thread())
            super().begin()

    def fail(_session):
        raise error

    monkeypatch.setattr(VirtualSession, "start", fail)
    monkeypatch.setattr("lensmount_web.app.VirtualPlayer", Failing)
    endpoint = next(one for one in endpoints(bench) if one.method == "POST" and one.path == "/api/v1/sessions")
    app = Starlette(
        routes=[Route(endpoint.path, _answering(endpoint), methods=["POST"])], exception_handlers={Exception: _defect}
    )

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post(endpoint.path, json={"body": "a6000", "lens": "sel55210"})

    answer = anyio.run(ask)
    assert answer.status_code == status
    assert "error" in answer.json()
    assert list(store) == []
    assert bench.players == {}
    assert loops == [False]
    assert [player.session.reading for player in made] == [False]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_session_that_fails_while_it_plays_ends_and_says_so(monkeypatch):
    player = VirtualPlayer(NewVirtual("a6000", "sel55210"))

    def fail(_session, _now):
        raise ValueError("no")

    monkeypatch.setattr(VirtualSession, "advance", fail)
    player.begin()
    player._thread.join(20)
    assert not player.session.reading
    assert player.status()["error"] == "a defect of lensmount: ValueError; please report it"


def leave(connection: socket.socket) -> None:
    """Close a connection at once, as a browser that leaves the page does: what was not read is dropped."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("what", ["columns", "live"])
def test_nothing_is_sent_to_a_page_that_has_left(what, serve, recording, monkeypatch, caplog):
    """Neither the rest of a long answer nor the state of a session; asyncio logs it where one is."""
    running = serve(recording)
    monkeypatch.setattr(StoredSession, "packed", lambda *_: [bytes(48 << 20)])
    caplog.set_level("WARNING", "asyncio")
    with running.client() as client:
        cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        host = running.root.removeprefix("http://")
        lines = [f"Host: {host}", f"Cookie: {cookies}"]
        if what == "columns":
            path = f"/api/v1/sessions/{running.session}/columns"
        else:
            # Each time the page comes back in its tab and takes the session over.
            wanted = {"body": "a6000", "lens": "sel55210", "seed": 1}
            path = f"/api/v1/live/{client.post('/api/v1/sessions', json=wanted).json()['id']}?tab=one"
            lines += [f"Origin: {running.root}", "Upgrade: websocket", "Connection: Upgrade"]
            lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        begins = b"HTTP/1.1 200" if what == "columns" else b"HTTP/1.1 101"
        for count in range(40):
            page = socket.create_connection((host.split(":")[0], int(host.split(":")[1])), timeout=30)
            page.sendall("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
            assert page.recv(1 << 20).startswith(begins)
            for _ in range(count % 20 if what == "columns" else count % 3):
                assert page.recv(1 << 20)
            leave(page)
        assert client.get("/api/v1/about").status_code == 200
    running.stop()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncio"] == []


def test_a_sample_rate_goes_to_the_files_that_may_lack_it(tmp_path):
    recording = run_loopback(seconds=0.3, seed=1).save(tmp_path / "session.lmx")
    sampled = tmp_path / "session.sr"
    assert main(["export", str(recording), "--output", str(sampled), "--samplerate", "12M", "--quiet"]) == 0
    server = PageServer(Served(files=[recording, sampled], samplerate=12e6, opens_browser=False))
    try:
        rates = {session.title: session.samplerate for session in server.bench.store}
        assert rates == {"session.lmx": None, "session.sr": 12e6}
    finally:
        server.close()
    with pytest.raises(CaptureError, match="leave --samplerate out"):
        PageServer(Served(files=[recording], samplerate=12e6, opens_browser=False))
