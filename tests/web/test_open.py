"""`--open`: verbs that play show what they recorded, at the moment at which it went wrong."""

import threading
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_hardware.captures.lmx import read_recording_header
from lensmount_web.server import PageServer


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path, int]]:
    """What pages show: their address, file and number of rows."""
    found: list[tuple[str, Path, int]] = []

    def run(server: PageServer, on_start, _on_no_browser) -> None:
        on_start(server.url)
        (session,) = server.bench.store
        for _ in range(1000):
            if not session.reading:
                break
            threading.Event().wait(0.01)
        assert read_recording_header(session.path)["role"] == "body"
        found.append((server.url, session.path, len(session.columns)))
        server.close()

    monkeypatch.setattr(PageServer, "run", run)
    return found


@pytest.mark.parametrize("keeps", [True, False], ids=["recording kept", "no recording asked for"])
def test_run_shows_its_recording_at_the_first_cause(tmp_path, shown, capsys, keeps):
    kept = tmp_path / "body.lmx"
    words = ["run", "body", "--profile", "a6000", "--port", f"pty:{tmp_path / 'body'}", "--duration", "0.4", "--open"]
    # No lens is there, so the session fails, and the page opens at the cause.
    assert main([*words, "--record", str(kept)] if keeps else words) == 4
    ((url, path, rows),) = shown
    assert url in capsys.readouterr().out
    assert "&t=" in url
    assert rows > 0
    assert (path == kept, path.is_file()) == (keeps, keeps)


def test_run_reports_a_missing_extra_before_it_plays(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "lensmount_web.server", None)
    words = ["run", "body", "--profile", "a6000", "--port", f"pty:{tmp_path / 'body'}", "--duration", "60", "--open"]
    assert main(words) == 2
    assert "install lensmount with the extra `web`" in capsys.readouterr().err
