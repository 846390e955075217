"""Ports of the page: only those that the command named; playing only after the name of the port was typed."""

import os
import pty
import threading
from pathlib import Path

import pytest

from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_protocol.decoder import DecodedFrame
from lensmount_web.server import Served

FRAME = bytes.fromhex("f00a0002000d00190055")


@pytest.fixture
def port(tmp_path: Path):
    """A pseudo-terminal: the descriptor of its far end, and its spec."""
    far, near = pty.openpty()
    yield far, f"serial:{os.ttyname(near)}"
    os.close(far)
    os.close(near)


@pytest.fixture
def bench(port, tmp_path, serve_with):
    return serve_with(Served(ports=[port[1]], recordings=tmp_path, opens_browser=False))


def wait_until(condition, seconds=30.0):
    pause = threading.Event()
    for _ in range(int(seconds * 50)):
        if condition():
            return
        pause.wait(0.02)
    raise AssertionError("stayed false")


def test_listening_records_to_a_file_of_the_user(port, bench, tmp_path):
    far, spec = port
    with bench.client() as client:
        assert client.get("/api/v1/about").json()["ports"] == [spec]
        info = client.post("/api/v1/ports/0", json={"mode": "listen"}).json()
        assert info["kind"] == "live"
        second = client.post("/api/v1/ports/0", json={"mode": "listen"})
        assert (second.status_code, "in use" in second.json()["error"]) == (422, True)
        path = f"/api/v1/sessions/{info['id']}"

        def frames():
            os.write(far, FRAME)
            return client.get(path).json()["rows"] >= 3

        wait_until(frames)
        assert client.delete(path).status_code == 200
    recorded = [event for event in open_capture(tmp_path / "port-1.lmx") if isinstance(event, DecodedFrame)]
    assert len(recorded) >= 3
    assert recorded[0].frame.raw == FRAME


@pytest.mark.parametrize(
    ("number", "body", "status", "text"),
    [
        (1, {"mode": "listen"}, 404, "no such port"),
        (0, {"mode": "play", "role": "lens", "profile": "sel55210"}, 422, "type its name"),
        (0, {"mode": "play", "role": "lens", "profile": "sel55210", "confirm": "yes"}, 422, "type its name"),
        (0, {"mode": "play", "role": "lens", "profile": "/etc/passwd", "confirm": "SPEC"}, 422, "unknown profile"),
        (0, {"mode": "play", "role": "body", "profile": "sel55210", "confirm": "SPEC"}, 422, "sel55210"),
        (0, {"mode": "update"}, 422, "cannot be read"),
        (0, {"mode": "listen", "dialect": "zmount"}, 422, "unknown dialect"),
        (0, {"mode": "play", "allow": ["*"], "profile": "sel55210", "confirm": "SPEC"}, 422, "cannot be read"),
    ],
)
def test_nothing_is_opened_without_a_name_and_a_confirmation(port, bench, tmp_path, number, body, status, text):
    filled = {key: port[1] if value == "SPEC" else value for key, value in body.items()}
    with bench.client() as client:
        answer = client.post(f"/api/v1/ports/{number}", json=filled)
    assert (answer.status_code, text in answer.json()["error"]) == (status, True), answer.text
    assert list(tmp_path.glob("*.lmx*")) == []


def test_a_confirmed_end_plays_and_stops_in_order(port, bench, tmp_path):
    _, spec = port
    body = {"mode": "play", "role": "body", "profile": "a6000", "confirm": spec}
    with bench.client() as client:
        info = client.post("/api/v1/ports/0", json=body).json()
        player = bench.server.bench.players[info["id"]]
        wait_until(lambda: client.get(f"/api/v1/sessions/{info['id']}").json()["rows"] > 0)
        assert player.status()["running"]
        player.order({"do": "stop"})
        wait_until(lambda: not player.session.reading)
        assert not player.status()["running"]
    recorded = [event for event in open_capture(tmp_path / "port-1.lmx") if isinstance(event, DecodedFrame)]
    assert recorded[0].sender.value == "body"


def test_a_port_that_is_not_there_is_said_in_one_sentence(serve_with, tmp_path):
    served = Served(ports=["serial:/dev/no-such-port"], recordings=tmp_path, opens_browser=False)
    bench = serve_with(served)
    with bench.client() as client:
        info = client.post("/api/v1/ports/0", json={"mode": "listen"}).json()
        wait_until(lambda: not client.get(f"/api/v1/sessions/{info['id']}").json()["reading"])
        error = client.get(f"/api/v1/sessions/{info['id']}").json()["error"]
    assert "/dev/no-such-port" in error
    assert "\n" not in error
