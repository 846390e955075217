"""Cases for the verbs with ports; each cell of the page's table has one."""

import json
import os
import re
import resource
from collections.abc import Callable
from functools import partial
from threading import Event, Thread
from typing import Any

from lensmount_emulator.cli.listen_console import RecordCounter
from lensmount_emulator.cli.live_console import LiveConsole
from lensmount_emulator.fuzz.device.fuzzer import DeviceFuzzer
from lensmount_emulator.fuzz.device.recovery import WELL, HealthCheck
from lensmount_emulator.margins.point import LivePoints, PointResult
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_hardware import serial_devices
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_protocol.wire import Burst, DataLoss, Edge, Role

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_peers import ANSWER, NOISE, PATIENCE, PROFILES, REQUEST, leaving, playing, ports  # noqa: TID252  helpers of this folder

SHORT = ("--duration", "0.15")


def run_words(role: str, port: str) -> list[str]:
    return ["run", role, "--profile", PROFILES[Role(role)], "--port", port]


COMMANDS: dict[str, Callable[[str, str], list[str]]] = {
    "run": lambda port, _other: run_words("lens", port),
    "replay --port": lambda port, _other: ["replay", "short.lmx", "--port", port, "--as", "body"],
    "record": lambda port, other: ["record", port, "--also", other, "--to", "a.lmx"],
    "sniff": lambda port, other: ["sniff", port, other],
    "monitor": lambda port, other: ["monitor", port, other],
    "shadow --port": lambda port, other: ["shadow", "--twin", "voigtlander-15", "--port", port, "--port", other],
    "bridge": lambda port, other: ["bridge", port, other],
}
"""Verb -> its words on two ports."""

LASTS_S = 0.15


def command(verb: str, bench: Bench, port: str, other: str, seconds: float = LASTS_S, *, record: str = "") -> list[str]:
    """The words of a verb that takes so many seconds, and records to this file; a replay's capture is written first."""
    words = COMMANDS[verb](port, other)
    if verb == "replay --port":
        with RecordingWriter(bench.folder / "short.lmx", {"dialect": "emount"}, overwrite=True) as writer:
            for at, sender, data in (
                (0.0, Role.BODY, REQUEST),
                (0.01, Role.LENS, ANSWER),
                (seconds, Role.BODY, REQUEST),
            ):
                writer.write(Burst(at, sender, data, 750_000))
    else:
        words = [*words, "--duration", f"{seconds:g}"]
    if not record:
        return words
    if verb == "record":
        return [record if word == "a.lmx" else word for word in words]
    return [*words, "--record", record]


HEARD = {
    "done": (REQUEST, REQUEST, ""),
    "silence": (b"", b"", "failed: nothing came from the "),
    "half": (REQUEST, b"", "failed: nothing came from the lens in "),
    "noise": (NOISE, NOISE, "hold no valid frame of emount; check the dialect, the baud rate"),
}
"""Situation -> what comes at the two ports, and what the verb says."""


def _heard(verb: str, situation: str, bench: Bench) -> int:
    *data, told = HEARD[situation]
    with ports(*(bytes(one) for one in data if isinstance(one, bytes))) as (body, lens):
        code = bench.run(*command(verb, bench, body, lens))
    assert str(told) in bench.said
    assert ("failed" in bench.said) is (situation != "done")
    return code


def _gone(verb: str, bench: Bench) -> int:
    with leaving() as port, ports(b"") as (other,):
        code = bench.run(*command(verb, bench, port, other, 20))
    assert len([line for line in bench.err.splitlines() if line.startswith("lensmount: ")]) == 1
    return code


def _full(verb: str, bench: Bench) -> int:
    with ports(b"", b"") as (body, lens):
        code = bench.run(*command(verb, bench, body, lens, 20, record="/dev/full"))
    assert "lensmount: /dev/full: No space left on device" in bench.err
    return code


def _exists(verb: str, bench: Bench) -> int:
    path = bench.folder / "precious.lmx"
    path.write_bytes(b"precious")
    # It is refused before a port is opened: there is none.
    code = bench.run(*command(verb, bench, "serial:/dev/no-such-port", "pty:", record=str(path)))
    assert "exists already; name another file, or replace it with --force" in bench.err
    assert path.read_bytes() == b"precious"
    with ports(REQUEST, REQUEST) as (body, lens):
        bench.run(*command(verb, bench, body, lens, record=str(path)), "--force")
    assert path.read_bytes().startswith(b'{"lensmount":"recording"')
    assert path.read_bytes().count(b"\n") > 1
    return code


def _pipe(verb: str, bench: Bench) -> int:
    with ports(REQUEST, REQUEST) as (body, lens):
        return bench.run_on_closed_pipe(*command(verb, bench, body, lens))


def _lost(verb: str, bench: Bench) -> int:
    """Something is lost between port and recording: a port reports it as a record of its own."""
    drop = DataLoss(0.0, "edges, because the board's queue was full", 2)

    def lossy(play: Callable[[Any, float | None], None]) -> Callable[[Any, float | None], None]:
        def losing(player: Any, seconds: float | None) -> None:
            player._tap(drop)
            play(player, seconds)

        return losing

    def counting(count: RecordCounter) -> None:
        make(count)
        count(drop)

    make = RecordCounter.__init__
    bench.monkeypatch.setattr(RecordCounter, "__init__", counting)
    bench.monkeypatch.setattr(LiveConsole, "run", lossy(LiveConsole.run))
    with ports(REQUEST, REQUEST) as (body, lens):
        code = bench.run(*command(verb, bench, body, lens))
    assert "failed: the recording is not complete: lost 2 edges, because the board's queue was full" in bench.said
    return code


for _verb in COMMANDS:
    for _situation in HEARD:
        if (_verb != "run" or _situation in ("silence", "noise")) and (_verb, _situation) != ("replay --port", "half"):
            case(_verb, _situation)(partial(_heard, _verb, _situation))
    case(_verb, "gone")(partial(_gone, _verb))
    case(_verb, "full")(partial(_full, _verb))
    case(_verb, "exists")(partial(_exists, _verb))
    case(_verb, "lost")(partial(_lost, _verb))
    if _verb != "bridge":
        case(_verb, "pipe")(partial(_pipe, _verb))


@case("run", "done")
def _script_done(bench: Bench) -> int:
    link = bench.folder / "wire"
    with playing(Role.LENS, f"pty:{link}"):
        code = bench.run(*run_words("body", f"serial:{link}"), "--do", "wait 0.05; sleep")
    assert "\nscript: 2 of 2 steps done\n" in bench.said
    assert "failed" not in bench.said
    return code


@case("run", "errors")
def _violations(bench: Bench) -> int:
    # Valid frames, and none of them an answer to what the body asks.
    with ports(ANSWER) as (port,):
        code = bench.run(*run_words("body", port), "--duration", "1", "--json")
    verdict = json.loads(bench.said.splitlines()[-1])["verdict"]
    assert verdict["errors"] > 0
    assert "errors" in [lack["kind"] for lack in verdict["lacks"]]
    return code


@case("run", "stopped")
def _peer_is_killed(bench: Bench) -> int:
    link, over = bench.folder / "wire", Event()

    def play() -> None:
        clock = MonotonicClock()
        while not link.is_symlink():
            assert clock.now() < PATIENCE
            over.wait(0.005)
        with open_transport(f"serial:{link}", role=Role.BODY, baudrate=750_000) as port:
            engine = make_live_engine(load_profile("a6000"), port.lines, "")
            session = EngineDriver(engine, port, MonotonicClock())
            session.run(None, stop_when=lambda: engine.done or clock.now() > PATIENCE)

    thread = Thread(target=play)
    thread.start()
    code = bench.run(*run_words("lens", f"pty:{link}"), "--duration", "2.6", "--json")
    thread.join()
    verdict = json.loads(bench.said.splitlines()[-1])["verdict"]
    assert [lack["kind"] for lack in verdict["lacks"]] == ["peer stopped"]
    assert verdict["lacks"][0]["text"].startswith("the body sent nothing in the last ")
    assert verdict["state"] == "STREAMING"
    return code


@case("replay --port", "half")
def _peer_does_not_answer(bench: Bench) -> int:
    # A frame comes that is not the one of the capture.
    with ports(REQUEST) as (port,):
        code = bench.run(*command("replay --port", bench, port, ""), "--wait", "--patience", "0.05")
    assert "1 of the peer's missed" in bench.said
    with ports(b"") as (port,):
        assert bench.run(*command("replay --port", bench, port, ""), "--wait", "--patience", "0") == code
    return code


@case("run", "half")
def _script_not_done(bench: Bench) -> int:
    with ports(b"") as (port,):
        code = bench.run(*run_words("body", port), "--duration", "1", "--do", "focus +100")
    assert 'script: 0 of 1 steps done, stopped at "focus +100"' in bench.said
    return code


for _verb in ("run", "record", "sniff", "shadow --port", "bridge"):

    @case(_verb, "nothing")
    def _no_time(bench: Bench, verb: str = _verb) -> int:
        codes = set[int]()
        for seconds in ("0", "-1", "nan", "inf", "soon"):
            codes.add(bench.run(*COMMANDS[verb]("pty:", "pty:"), f"--duration={seconds}"))
            assert f"{seconds!r} is no duration; write seconds, more than 0" in bench.err
        assert os.listdir(bench.folder) == []
        (code,) = codes
        return code


@case("replay --port", "nothing")
def _no_byte_of_that_end(bench: Bench) -> int:
    path = bench.folder / "a.lmx"
    with RecordingWriter(path, {"dialect": "emount"}) as writer:
        writer.write(Burst(0.0, Role.BODY, REQUEST, 750_000))
        writer.write(Edge(0.1, "BODY_CS", True))
    code = bench.run("replay", path, "--port", "pty:", "--as", "lens", "--record", "b.lmx")
    (line,) = bench.err.splitlines()
    assert line.endswith(
        "a.lmx: nothing to play, it holds no byte and no edge of the lens; --role body plays the other end"
    )
    assert bench.run("replay", path, "--port", "pty:", "--as", "lens", "--wait") == code
    # Edges alone are nothing to play on a port that carries no line.
    with RecordingWriter(bench.folder / "edges.lmx", {"dialect": "emount"}) as writer:
        writer.write(Edge(0.1, "BODY_CS", True))
    with ports(REQUEST) as (port,):
        assert bench.run("replay", "edges.lmx", "--port", port, "--as", "body") == code
    assert "failed: nothing was replayed: the port carries none of the lines that the recording drives" in bench.said
    return code


FUZZED = ("lens", "body")
FUZZ = ("--seconds", "0.001", "--greeting", "0.3", "--answer", "0.3", "--folder", "found")


def _fuzz(device: str, bench: Bench, peers: str, *words: str) -> int:
    return bench.run("fuzz", device, "--dialect", "emount", "--port", peers, *FUZZ, *words)


def _healthy_device(bench: Bench) -> None:
    """A device in a session that is well whenever it is examined; one in real time is too slow on a busy machine."""
    bench.monkeypatch.setattr(HealthCheck, "establish_session", lambda _health: True)
    bench.monkeypatch.setattr(HealthCheck, "health_check", lambda _health: WELL)


for _device in FUZZED:

    @case(f"fuzz {_device}", "nothing")
    def _no_case_tried(bench: Bench, device: str = _device) -> int:
        _healthy_device(bench)
        with ports(b"") as (port,):
            code = _fuzz(device, bench, port, "--seconds", "1e-9")
        assert re.search(r"lensmount: no case was tried in \d+\.\d s; --seconds gives it longer\n", bench.err)
        assert re.search(r"^cases +0$", bench.said, re.MULTILINE)
        for option in ("--cases", "--seconds"):
            assert bench.run("fuzz", device, "--port", "pty:", option, "0") == 2
        return code

    @case(f"fuzz {_device}", "done")
    def _case_tried(bench: Bench, device: str = _device) -> int:
        _healthy_device(bench)
        with ports(b"") as (port,):
            code = _fuzz(device, bench, port, "--cases", "1", "--seconds", "20")
        assert re.search(r"^cases +1$", bench.said, re.MULTILINE)
        return code

    @case(f"fuzz {_device}", "full")
    def _recording_on_full_disk(bench: Bench, device: str = _device) -> int:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
        try:
            code = _fuzz(device, bench, "pty:")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert "run-1.lmx: File too large" in bench.err
        return code

    @case(f"fuzz {_device}", "pipe")
    def _report_is_not_read(bench: Bench, device: str = _device) -> int:
        bench.monkeypatch.setattr(DeviceFuzzer, "run", lambda hunt: setattr(hunt.result, "cases", 1))
        with ports(b"") as (port,):
            return bench.run_on_closed_pipe("fuzz", device, "--dialect", "emount", "--port", port, "--folder", "found")

    @case(f"fuzz {_device}", "silence", "gone")
    def _no_device(bench: Bench, device: str = _device) -> int:
        code = _fuzz(device, bench, "tcp:127.0.0.1:1")
        assert "Connection refused" in bench.err
        assert _fuzz(device, bench, "pty:") == code
        assert "does not start a session of emount: no bytes received" in bench.err
        return code

    @case(f"fuzz {_device}", "noise")
    def _other_dialect(bench: Bench, device: str = _device) -> int:
        with ports(NOISE) as (port,):
            code = _fuzz(device, bench, port)
        assert "does not start a session of emount: its bytes form no session" in bench.err
        return code


@case("doctor", "nothing")
def _nothing_to_examine(bench: Bench) -> int:
    code = bench.run("doctor", "pty:")
    assert "nothing to examine" in bench.err
    return code


@case("doctor", "done")
def _healthy(bench: Bench) -> int:
    return bench.run("doctor", "loop://", "--json")


@case("doctor", "gone")
def _no_port(bench: Bench) -> int:
    code = bench.run("doctor", "/dev/no-such-port")
    assert "WRONG port" in bench.said
    return code


@case("doctor", "full")
def _doctor_full(bench: Bench) -> int:
    return bench.run_on_full_disk("doctor", "/dev/no-such-port")


@case("doctor", "pipe")
def _doctor_pipe(bench: Bench) -> int:
    return bench.run_on_closed_pipe("doctor", "/dev/no-such-port")


def _no_devices(bench: Bench) -> None:
    bench.monkeypatch.setattr(serial_devices.list_ports, "comports", list)


@case("devices", "silence")
def _no_board(bench: Bench) -> int:
    _no_devices(bench)
    code = bench.run("devices")
    assert "no serial device found" in bench.said
    return code


@case("devices", "full")
def _boards_full(bench: Bench) -> int:
    _no_devices(bench)
    return bench.run_on_full_disk("devices")


@case("devices", "pipe")
def _boards_pipe(bench: Bench) -> int:
    _no_devices(bench)
    return bench.run_on_closed_pipe("devices")


@case("flash --dry-run", "done")
def _image(bench: Bench) -> int:
    return bench.run("flash", "--dry-run")


@case("flash --dry-run", "noise")
def _no_image(bench: Bench) -> int:
    path = bench.folder / "noise.uf2"
    path.write_bytes(bytes(512))
    return bench.run("flash", "--dry-run", "--file", path)


@case("flash", "gone")
def _no_drive(bench: Bench) -> int:
    return bench.run("flash", "--drive", bench.folder)


@case("bootloader", "gone")
def _no_such_board(bench: Bench) -> int:
    return bench.run("bootloader", "--port", "board:/dev/no-such-board")


MARGINS = ("margins", "--body", PROFILES[Role.BODY], "--vary", "body setup slow=19us..21us")


def _margins(bench: Bench, port: str, *words: str) -> int:
    for name in ("MAX_START_S", "REST_S", "LOOP_S"):
        bench.monkeypatch.setattr(f"lensmount_emulator.margins.point.{name}", 2.5 if name == "MAX_START_S" else 0.1)
    return bench.run(*MARGINS, "--port", port, *words)


@case("margins --port", "done")
def _margins_done(bench: Bench) -> int:
    bench.monkeypatch.setattr(LivePoints, "__call__", lambda *_: PointResult(True))
    code = _margins(bench, "pty:")
    assert "body setup slow: 20 µs in the profile" in bench.said
    return code


@case("margins --port", "silence")
def _margins_silence(bench: Bench) -> int:
    with ports(b"") as (port,):
        code = _margins(bench, port)
    assert f"lensmount: {port}: nothing came from the lens" in bench.err
    return code


@case("margins --port", "half")
def _margins_half(bench: Bench) -> int:
    with ports(ANSWER) as (port,):
        code = _margins(bench, port)
    assert "the session does not work with the values of its profiles" in bench.err
    return code


@case("margins --port", "nothing")
def _margins_nothing(bench: Bench) -> int:
    return bench.run("margins", "--body", PROFILES[Role.BODY], "--port", "serial:/dev/no-such-port")


@case("margins --port", "gone")
def _margins_gone(bench: Bench) -> int:
    with leaving() as port:
        return _margins(bench, port)


@case("margins --port", "exists")
def _margins_exists(bench: Bench) -> int:
    (bench.folder / "out.svg").write_text("mine")
    code = _margins(bench, "serial:/dev/no-such-port", "--output", "out.svg")
    assert (bench.folder / "out.svg").read_text() == "mine"
    return code
