"""What the verbs with ports say of a session that lacks something; test_exit_codes.py has a case per exit code."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

from .conftest import pty_pair  # noqa: TID252  helpers of this folder

REQUEST = bytes.fromhex("f00b0002000b6000780055")
ANSWER = bytes.fromhex("f00d0002000900000000180055")
OTHER_DIALECT = load_dialect("lmount").build_frame(bytes([0x0A, 1, 2, 3]), 1, 0)
PROFILES = {Role.BODY: "a6000", Role.LENS: "sel55210"}

PATIENCE = 20.0

Captured = pytest.CaptureFixture[str]


@contextmanager
def playing(role: Role, spec: str, until: Callable[[], bool]) -> Iterator[None]:
    """A peer of ours in real time, in a thread; it ends without a word when it is told to."""
    with open_transport(spec, role=role, baudrate=750_000) as port:
        engine = make_live_engine(load_profile(PROFILES[role]), port.lines, "")
        session = EngineDriver(engine, port, MonotonicClock())
        thread = Thread(target=session.run, args=(None,), kwargs={"stop_when": until})
        thread.start()
        try:
            yield
        finally:
            thread.join()


@contextmanager
def sending(near: int, data: bytes) -> Iterator[None]:
    """A peer that sends the same again and again, whatever comes."""
    over = Event()

    def send() -> None:
        while not over.wait(0.02):
            os.write(near, data)

    thread = Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.fixture
def peer() -> Iterator[tuple[int, str]]:
    """Our end of a pseudo-terminal, and the port that leads to it."""
    with pty_pair() as (near, path):
        yield near, f"serial:{path}"


def run(role: str, spec: str, *words: str) -> list[str]:
    return ["run", role, "--profile", PROFILES[Role(role)], "--port", spec, *words]


@pytest.mark.parametrize(
    ("role", "words", "code", "told"),
    [
        ("lens", ["--duration", "0.1"], 4, ["0 errors", "failed: nothing came from the body in "]),
        (
            "body",
            ["--duration", "1.0", "--do", "focus +100"],
            1,
            [
                'script: 0 of 1 steps done, stopped at "focus +100"',
                "failed: nothing came from the lens in ",
                "failed: the script was not done in ",
                " errors\n",
            ],
        ),
    ],
)
def test_run_without_a_peer(
    role: str, words: list[str], code: int, told: list[str], peer: tuple[int, str], capsys: Captured
) -> None:
    assert main(run(role, peer[1], *words)) == code
    out = capsys.readouterr().out
    for text in told:
        assert text in out


def test_run_with_a_peer_of_another_dialect(peer: tuple[int, str], capsys: Captured) -> None:
    near, spec = peer
    with sending(near, OTHER_DIALECT):
        assert main(run("lens", spec, "--duration", "0.3", "--json")) == 1
    verdict = json.loads(capsys.readouterr().out.splitlines()[-1])["verdict"]
    assert verdict["lacks"][0]["kind"] == "no frame"
    assert verdict["peer"]["bytes"] > 0 == verdict["peer"]["frames"]
    assert "check the dialect, the baud rate and the wiring" in verdict["lacks"][0]["text"]


def test_run_ends_before_its_script(tmp_path: Path, capsys: Captured) -> None:
    link, over = tmp_path / "wire", Event()
    with playing(Role.LENS, f"pty:{link}", over.is_set):
        assert main(run("body", f"serial:{link}", "--do", "wait 0.01; wait 60", "--duration", "1.2")) == 1
        over.set()
    out = capsys.readouterr().out
    assert '\nscript: 1 of 2 steps done, stopped at "wait 60"\n' in out
    assert "; --duration gives it longer\n" in out


LISTENING = {
    "record": lambda body, lens, path: ["record", body, "--also", lens, "--to", path],
    "sniff": lambda body, lens, path: ["sniff", body, lens, "--record", path],
    "bridge": lambda body, lens, path: ["bridge", body, lens, "--record", path],
}


@pytest.mark.parametrize("verb", LISTENING)
@pytest.mark.parametrize(
    ("body", "lens", "words", "code", "told"),
    [
        (b"", b"", [], 1, ["nothing came from the body in ", "nothing came from the lens in "]),
        (b"", b"", ["--allow-silence"], 0, []),
        (REQUEST, b"", [], 1, ["nothing came from the lens in "]),
        (REQUEST, ANSWER, [], 0, []),
        (OTHER_DIALECT, OTHER_DIALECT, [], 1, ["the body hold no valid frame of emount", "the lens hold no valid"]),
        (REQUEST, ANSWER, ["--baudrate", "1500000"], 0, []),
    ],
    ids=["silence", "silence allowed", "half", "both", "other dialect", "fixed rate"],
)
def test_what_a_listener_receives_decides_its_exit_code(
    verb: str, body: bytes, lens: bytes, words: list[str], code: int, told: list[str], tmp_path: Path, capsys: Captured
) -> None:
    with ExitStack() as stack:
        pairs = [stack.enter_context(pty_pair()) for _ in Role]
        for (near, _), data in zip(pairs, (body, lens), strict=True):
            if data:
                stack.enter_context(sending(near, data))
        ports = [f"serial:{path}" for _, path in pairs]
        command = LISTENING[verb](*ports, str(tmp_path / "a.lmx"))
        assert main([*command, "--duration", "0.15", *words]) == code
    err = capsys.readouterr().err
    for text in told:
        assert text in err
    assert err.count("failed: ") == len(told)
