"""Bad input, and what goes wrong around a page: one sentence on the page with what to do, and nothing is lost."""

import errno
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_protocol.decoder import DecodedFrame
from lensmount_web.messages import NewVirtual
from lensmount_web.server import Served

FRAME = bytes.fromhex("f00a0002000d00190055")


@pytest.fixture
def port():
    """A pseudo-terminal: the descriptor of its far end, and its spec."""
    far, near = pty.openpty()
    yield far, f"serial:{os.ttyname(near)}"
    os.close(far)
    os.close(near)


def sentence(page, selector):
    """The one sentence that a page shows."""
    page.wait_for_selector(selector)
    text = page.text_content(selector).removesuffix("×").strip()
    assert "\n" not in text
    assert "Traceback" not in text
    return text


def upload(page, running, name, data, tmp_path: Path):
    file = tmp_path / name
    file.write_bytes(data)
    page.goto(running.url)
    page.wait_for_selector(".card")
    page.set_input_files("input[type=file]", str(file))
    return sentence(page, ".refused")


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("notes.txt", b"hello", "notes.txt: not a known capture format"),
        ("empty.sr", b"", "empty.sr: the file is empty; choose a capture"),
        ("cut.lmx", b'{"lensmount"', "cut inside its header"),
        (
            "other.lmx",
            b'{"lensmount":"recording","version":1,"dialect":"zmount"}\n',
            "unknown dialect 'zmount'",
        ),
    ],
    ids=["no capture", "empty", "cut", "dialect not installed"],
)
def test_a_file_that_is_none_or_of_another_dialect(page, serve, tmp_path, name, data, text):
    assert text in upload(page, serve(), name, data, tmp_path)


def test_a_file_that_is_too_large_names_the_command_that_reads_it(page, serve, tmp_path, monkeypatch):
    monkeypatch.setattr("lensmount_web.app.MAX_UPLOAD", 100_000)
    running = serve()
    text = upload(page, running, "big.sr", bytes(300_000), tmp_path)
    assert text.startswith("big.sr: larger than ")
    assert "lensmount ui FILE" in text
    # The page knows the limit, and sends nothing.
    assert [url for url in page.requests if "/uploads" in url] == []
    assert list(running.server.bench.uploads.iterdir()) == []


def test_a_full_disk_at_an_upload(page, serve, tmp_path, monkeypatch):
    running = serve()

    async def full(*_words: object) -> object:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("lensmount_web.app.anyio", SimpleNamespace(open_file=full))
    text = upload(page, running, "session.lmx", b"x" * 100, tmp_path)
    assert text == "session.lmx: cannot be stored: No space left on device; free some space"
    assert list(running.server.bench.uploads.iterdir()) == []


def test_a_recording_that_cannot_be_written(page, serve_with, port, tmp_path):
    running = serve_with(Served(ports=[port[1]], recordings=tmp_path / "not there", opens_browser=False))
    page.goto(running.url)
    page.click('button:text-is("listen")')
    text = sentence(page, ".message")
    assert "not there" in text
    assert "No such file" in text or "does not exist" in text


def test_a_disk_that_fills_up_while_a_port_is_recorded(page, serve_with, port, tmp_path, monkeypatch):
    """The page says that the recording ended, where the part is, and does not claim that nothing was lost."""
    far, spec = port
    # The child's files may not grow beyond this: the write fails as on a full disk.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "limit"), os.environ.get("PYTHONPATH", "")]))
    (tmp_path / "limit").mkdir()
    (tmp_path / "limit" / "sitecustomize.py").write_text(
        "import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
    )
    folder = tmp_path / "recordings"
    folder.mkdir()
    running = serve_with(Served(ports=[spec], recordings=folder, opens_browser=False))
    page.goto(running.url)
    page.click('button:text-is("listen")')
    page.wait_for_selector(".stop")
    (player,) = running.server.bench.players.values()
    for _ in range(2000):
        if not player.session.reading:
            break
        os.write(far, FRAME * 10)
        player._stop.wait(0.01)
    assert "File too large" in sentence(page, ".message")
    page.click("#tab-live")
    page.wait_for_selector('.live-view [aria-label="losses"] .bad')
    assert "Nothing" not in page.text_content('.live-view [aria-label="losses"]')
    (part,) = folder.iterdir()
    recorded = [event for event in open_capture(part) if isinstance(event, DecodedFrame)]
    assert recorded
    assert recorded[0].frame.raw == FRAME


def test_a_port_that_is_not_there_and_one_that_is_busy(page, serve_with, port, tmp_path):
    far, spec = port
    running = serve_with(Served(ports=[spec, "serial:/dev/no-such-port"], recordings=tmp_path, opens_browser=False))
    page.goto(running.url)
    page.click('.port >> nth=1 >> button:text-is("listen")')
    assert "/dev/no-such-port" in sentence(page, ".message")
    page.goto(running.root + "/")
    page.click('.port >> nth=0 >> button:text-is("listen")')
    page.wait_for_selector(".stop")
    page.goto(running.root + "/")
    page.click('.port >> nth=0 >> button:text-is("listen")')
    text = sentence(page, ".refused")
    assert text == f"{spec} is in use by another session of this page; stop that one"
    # Nothing that is recorded is lost by the refusal, nor by a page that is closed.
    (first,) = [one for one in running.server.bench.players.values() if one.session.reading]
    page.close()
    for _ in range(200):
        os.write(far, FRAME)
        if len(first.session.columns) >= 3:
            break
        first._stop.wait(0.05)
    first.close()
    recorded = [event for event in open_capture(first.session.about["file"]) if isinstance(event, DecodedFrame)]
    assert len(recorded) >= 3


def test_a_second_tab_watches_and_controls_after_the_first_is_closed(page, serve):
    running = serve()
    with running.client() as client:
        wanted = {"body": "a6000", "lens": "sel55210", "seed": 1}
        NewVirtual(**wanted)
        session = client.post("/api/v1/sessions", json=wanted).json()["id"]
    page.goto(f"{running.root}/session/{session}#key={running.key}")
    page.goto(running.url)
    page.wait_for_selector(".card")
    page.goto(f"{running.root}/session/{session}")
    page.wait_for_selector(".virtual")
    other = page.context.new_page()
    other.goto(f"{running.root}/session/{session}")
    assert "this one watches" in sentence(other, ".watching")
    other.fill('input[aria-label="script"]', "focus +50")
    other.press('input[aria-label="script"]', "Enter")
    assert "close that one to control it here" in sentence(other, ".refused")
    assert running.server.bench.players[session].orders == []
    page.goto("about:blank")
    other.wait_for_selector(".watching", state="detached")
    other.press('input[aria-label="script"]', "Enter")
    other.wait_for_selector(".refused", state="detached")
    assert [text for _, _, text in running.server.bench.players[session].orders] == ["focus +50"]


def test_without_a_browser_the_command_says_so_and_goes_on(recording, tmp_path):
    command = [sys.executable, "-m", "lensmount", "ui", str(recording)]
    environment = {**os.environ, "BROWSER": str(tmp_path / "none"), "PATH": "", "DISPLAY": ""}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout.readline().startswith("the page is at http://127.0.0.1:")
    assert process.stderr.readline() == "lensmount: no browser was found here; open the address in one\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    process.stdout.close()
    process.stderr.close()


def test_a_server_that_ended_is_said_on_the_page(page, serve):
    running = serve()
    page.goto(running.url)
    # What the start page asks for is there, and nothing answers from here on.
    page.wait_for_selector('button.main:has-text("Start"):not([disabled])')
    running.stop()
    page.click('button.main:has-text("Start")')
    assert "start `lensmount ui` again" in sentence(page, ".refused")


def test_files_that_cannot_be_opened_are_errors_before_a_browser_opens(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("hello")
    for words, code, text in (
        (["ui", "notes.txt"], 3, "not a known capture format"),
        (["ui", "missing.sr"], 3, "missing.sr"),
        (["ui", "--port", "nonsense"], 2, "has no scheme"),
        (["ui", "--channel", "nonsense"], 2, "--channel needs a FILE"),
        (["ui", "--samplerate", "6M"], 2, "--samplerate needs a FILE"),
        (["ui", "--listen", "192.0.2.1", "--no-browser"], 4, "choose another one with --listen"),
    ):
        assert main(words) == code, words
        error = capsys.readouterr().err
        assert (text in error, error.count("\n")) == (True, 1), error
