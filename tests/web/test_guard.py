"""The table of security: host, origin, key, socket, path, upload; a page of another site gets nothing."""

import json
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lensmount_web.server import PageServer, Served

API = "/api/v1/sessions"


def test_the_page_with_its_key_gets_its_data(running):
    with running.client() as client:
        assert client.get(API).json()[0]["id"] == running.session


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 400),
        ({"host": "127.0.0.1:1"}, 400),
        ({"host": "localhost.evil.example"}, 400),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:1"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/", API, "/api/v1/login"])
def test_other_hosts_and_sites_are_refused_even_with_the_key(running, headers, status, path):
    with running.client() as client:
        answer = client.get(path, headers=headers)
        assert answer.status_code == status
        assert answer.json()["error"]
        assert client.post("/api/v1/login", json={"token": running.key}, headers=headers).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        API,
        "/api/v1/about",
        "/api/v1/profiles",
        "/api/v1/openapi.json",
        "/api/v1/dialects/emount",
        "/api/v1/nothing",
        "/api/",
    ],
)
@pytest.mark.parametrize("cookie", ["", "wrong", "x" * 5000])
def test_interface_without_the_key_is_refused(running, path, cookie):
    name = f"lensmount_{running.root.rpartition(':')[2]}"
    headers = {"cookie": f"{name}={cookie}"} if cookie else {}
    with running.client(login=False) as client:
        assert client.get(path, headers=headers).status_code == 403


def test_wrong_key_gets_no_cookie(running):
    with running.client(login=False) as client:
        for token in ("", "wrong", running.key[:-1], running.key + "x"):
            answer = client.post("/api/v1/login", json={"token": token})
            assert (answer.status_code, dict(answer.cookies)) == (403, {})


def test_cookie_is_for_this_site_only_and_not_for_scripts(running):
    with running.client(login=False) as client:
        cookie = client.post("/api/v1/login", json={"token": running.key}).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_every_answer_has_the_policy_and_none_opens_to_others(running):
    with running.client() as client:
        for path in ("/", API, "/assets/none.js", "/api/v1/nothing"):
            headers = client.get(path).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "script-src" not in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert not [name for name in headers if name.startswith("access-control")]


def socket_status(running, **options) -> int:
    url = f"{running.root.replace('http', 'ws')}/api/v1/live/{running.session}"
    try:
        with connect(url, open_timeout=20, **options) as socket:
            socket.recv(timeout=20)
    except InvalidStatus as refused:
        return refused.response.status_code
    return 101


def test_page_that_comes_back_in_its_tab_takes_the_session_over(running):
    with running.client() as client:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        wanted = {"body": "a6000", "lens": "sel55210", "seed": 1}
        session = client.post("/api/v1/sessions", json=wanted).json()["id"]

    def page(tab):
        url = f"{running.root.replace('http', 'ws')}/api/v1/live/{session}?tab={tab}"
        key = {"additional_headers": {"cookie": cookie}, "origin": running.root}
        return connect(url, open_timeout=20, **key)

    def controls(socket):
        return json.loads(socket.recv(timeout=20))["controls"]

    # The browser keeps the page that was left, with its socket.
    with page("one") as kept:
        assert controls(kept)
        with page("two") as other, page("one") as back:
            assert not controls(other)
            assert controls(back)


def test_socket_needs_origin_and_key(running):
    with running.client() as client:
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    key = {"additional_headers": {"cookie": cookie}}
    assert socket_status(running, origin=running.root, **key) == 101
    assert socket_status(running, **key) == 403
    assert socket_status(running, origin="http://evil.example", **key) == 403
    assert socket_status(running, origin=running.root) == 403
    assert socket_status(running) == 403


@pytest.mark.parametrize(
    "path",
    [
        "/assets/..%2f..%2fapp.py",
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/assets/..\\app.py",
        "/assets/.hidden",
        "/..%2f..%2fetc/passwd",
        "/etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_page(running, path):
    with running.client() as client:
        answer = client.get(path)
    assert "root:" not in answer.text
    assert "The server's routes" not in answer.text
    assert answer.status_code in (200, 404)
    if answer.status_code == 200:
        assert '<div id="page">' in answer.text


def test_names_of_uploads_are_names_only(running, recording: Path):
    data = recording.read_bytes()
    with running.client() as client:
        for name in ("../../../tmp/evil.lmx", "/etc/evil.lmx", "..\\evil.lmx", "", "." * 50, "x" * 4000, "a\x00b"):
            answer = client.post("/api/v1/uploads", params={"name": name}, content=data)
            assert answer.status_code == 200, answer.text
            title = answer.json()["title"]
            assert "/" not in title
            assert not title.startswith(".")
    folder = running.server.bench.uploads
    assert all(path.parent == folder for path in folder.rglob("*"))


def test_no_request_names_a_file_or_a_port(running):
    """The interface takes no path of a file and no port: a session is virtual, uploaded, or named on the command."""
    with running.client() as client:
        document = client.get("/api/v1/openapi.json").json()
        for body in ({"file": "/etc/passwd"}, {"port": "serial:/dev/ttyUSB0"}, {"body": "/etc/passwd", "lens": "x"}):
            answer = client.post(API, json=body)
            assert answer.status_code == 422
            assert "root:" not in answer.text
    names = {
        parameter["name"]
        for path in document["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
    }
    assert names == {
        "id",
        "name",
        "row",
        "number",
        "dialect",
        "since",
        "from",
        "n",
        "t0",
        "way",
        "t1",
        "px",
        "t",
        "form",
        "part",
        "where",
        "page",
    }


def test_another_address_only_shows(recording: Path):
    server = PageServer(Served(files=[recording], address="0.0.0.0", opens_browser=False))
    assert server.bench.reads_only
    server.close()
    local = PageServer(Served(files=[recording], opens_browser=False))
    assert not local.bench.reads_only
    local.close()


def test_profile_of_a_new_session_is_a_name_and_no_path(running, tmp_path: Path):
    """A profile by its path is a file of the server's machine, which no page may name."""
    path = tmp_path / "mine.toml"
    path.write_text("nothing")
    with running.client() as client:
        for name in (str(path), "../mine.toml", "./a6000.toml"):
            answer = client.post(API, json={"body": name, "lens": "sel55210"})
            assert answer.status_code == 422
            assert "unknown profile" in answer.json()["error"]


def test_two_servers_have_two_keys(running, recording: Path):
    other = PageServer(Served(files=[recording], opens_browser=False))
    key = other.url.partition("#key=")[2]
    other.close()
    with running.client(login=False) as client:
        assert client.post("/api/v1/login", json={"token": key}).status_code == 403
