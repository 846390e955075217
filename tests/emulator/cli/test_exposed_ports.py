"""Every verb that listens on TCP warns when others can reach the port, and only then."""

from pathlib import Path

import pytest

from lensmount_emulator.cli import ports
from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.lmx import RecordingWriter

WARNS = "anyone who reaches this address can drive the device"
OPEN, CLOSED = "tcp:0.0.0.0:0?listen=1", "tcp:127.0.0.1:0?listen=1"


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_printed", set())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("exposed") / "short.lmx"
    session = run_loopback("a6000", "sel55210", script="wait 0.05; sleep", seed=1)
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        for record in session.records[:40]:
            writer.write(record)
    return path


VERBS = {
    "run lens": ["run", "lens", "--profile", "sel55210", "--duration", "0.02", "--port", "PORT"],
    "run body": ["run", "body", "--profile", "a6000", "--duration", "0.02", "--port", "PORT"],
    "reconnect": ["run", "lens", "--profile", "sel55210", "--duration", "0.02", "--reconnect", "--port", "PORT"],
    "sniff": ["sniff", "PORT", "--duration", "0.02"],
    "record": ["record", "PORT", "--duration", "0.02", "--to", "TO"],
    "bridge": ["bridge", "PORT", "pty:", "--duration", "0.02"],
    "replay": ["replay", "FILE", "--as", "body", "--port", "PORT", "--allow", "garbage"],
    "fuzz": [
        "fuzz",
        "lens",
        "--port",
        "PORT",
        "--seconds",
        "0.1",
        "--cases",
        "1",
        "--folder",
        "TO",
        "--greeting",
        "0.1",
    ],
}


@pytest.mark.parametrize("port", [OPEN, CLOSED])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_listens_warns_once_and_in_one_line(
    verb: str, port: str, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = {"PORT": port, "FILE": str(recording), "TO": str(tmp_path / "out")}
    main([words.get(word, word) for word in VERBS[verb]])
    lines = [line for line in capsys.readouterr().err.splitlines() if WARNS in line]
    if port == CLOSED:
        assert lines == []
    else:
        (line,) = lines
        assert line.startswith("lensmount: warning: tcp:0.0.0.0:")
