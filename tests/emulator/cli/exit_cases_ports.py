"""Cases for the verbs with ports; each cell of the page's table has one."""

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, Thread

from lensmount_emulator.cli.playing import engine_for
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.live import LiveSession
from lensmount_hardware.boards import devices
from lensmount_hardware.captures.recording import RecordingWriter
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.spec import open_transport
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Burst, Edge, Role

from .conftest import pty_pair  # noqa: TID252
from .exit_cases import Bench, case  # noqa: TID252

REQUEST = bytes.fromhex("f00b0002000b6000780055")
NOISE = load_dialect("lmount").build_frame(bytes([0x0A, 1, 2, 3]), 1, 0)
"""A frame of another dialect than is listened for."""

SHORT = ("--duration", "0.15")

PROFILES = {Role.BODY: "a6000", Role.LENS: "sel55210"}


@contextmanager
def ports(*data: bytes) -> Iterator[list[str]]:
    """Ports at which peers send this again and again; one that has nothing to send is silent."""
    over = Event()

    def send(near: int, what: bytes) -> None:
        while what and not over.wait(0.02):
            os.write(near, what)

    with ExitStack() as stack:
        pairs = [stack.enter_context(pty_pair()) for _ in data]
        threads = [Thread(target=send, args=(near, what)) for (near, _), what in zip(pairs, data, strict=True)]
        for thread in threads:
            thread.start()
        try:
            yield [f"serial:{path}" for _, path in pairs]
        finally:
            over.set()
            for thread in threads:
                thread.join()


@contextmanager
def leaving() -> Iterator[str]:
    """A port that goes away at once."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=lambda: server.accept()[0].close())
        thread.start()
        yield f"tcp:127.0.0.1:{server.getsockname()[1]}"
        thread.join()


@contextmanager
def playing(role: Role, spec: str) -> Iterator[None]:
    """A healthy peer of ours in real time, which is there before the body of the statement runs."""
    over, there = Event(), Event()

    def play() -> None:
        with open_transport(spec, role=role, baudrate=750_000) as port:
            engine = engine_for(load_profile(PROFILES[role]), port.lines, "")
            there.set()
            LiveSession(engine, port, MonotonicClock()).run(None, unless=over.is_set)

    thread = Thread(target=play)
    thread.start()
    try:
        assert there.wait(20)
        yield
    finally:
        over.set()
        thread.join()


def run_words(role: str, port: str) -> list[str]:
    return ["run", role, "--profile", PROFILES[Role(role)], "--port", port]


COMMANDS: dict[str, Callable[[str, str], list[str]]] = {
    "run": lambda port, _other: run_words("lens", port),
    "record": lambda port, other: ["record", port, "--also", other, "--to", "a.lmx"],
    "sniff": lambda port, other: ["sniff", port, other],
    "bridge": lambda port, other: ["bridge", port, other],
}
"""Verb -> its words on two ports."""

HEARD = {
    "done": (REQUEST, REQUEST, ""),
    "silence": (b"", b"", "failed: nothing came from the body in "),
    "half": (REQUEST, b"", "failed: nothing came from the lens in "),
    "noise": (NOISE, NOISE, "hold no valid frame of emount; check the dialect, the baud rate"),
}
"""Situation -> what comes at the two ports, and what the verb says."""


def _heard(verb: str, situation: str, bench: Bench) -> int:
    *data, told = HEARD[situation]
    with ports(*(bytes(one) for one in data if isinstance(one, bytes))) as (body, lens):
        code = bench.run(*COMMANDS[verb](body, lens), *SHORT)
    assert str(told) in bench.said
    assert ("failed" in bench.said) is (situation != "done")
    return code


def _gone(verb: str, bench: Bench) -> int:
    with leaving() as port, ports(b"") as (other,):
        code = bench.run(*COMMANDS[verb](port, other), "--duration", "20")
    assert len([line for line in bench.err.splitlines() if line.startswith("lensmount: ")]) == 1
    return code


def _full(verb: str, bench: Bench) -> int:
    with ports(b"", b"") as (body, lens):
        words = COMMANDS[verb](body, lens)
        words = [word.replace("a.lmx", "/dev/full") for word in words]
        if verb != "record":
            words += ["--record", "/dev/full"]
        code = bench.run(*words, "--duration", "20")
    assert "lensmount: /dev/full: No space left on device" in bench.err
    return code


def _pipe(verb: str, bench: Bench) -> int:
    with ports(REQUEST, REQUEST) as (body, lens):
        return bench.run_on_closed_pipe(*COMMANDS[verb](body, lens), *SHORT)


for _verb in COMMANDS:
    for _situation in HEARD:
        if _verb != "run" or _situation in ("silence", "noise"):
            case(_verb, _situation)(partial(_heard, _verb, _situation))
    case(_verb, "gone")(partial(_gone, _verb))
    case(_verb, "full")(partial(_full, _verb))
    if _verb != "bridge":
        case(_verb, "pipe")(partial(_pipe, _verb))


@case("run", "half")
def _script_not_done(bench: Bench) -> int:
    with ports(b"") as (port,):
        code = bench.run(*run_words("body", port), "--duration", "1", "--do", "focus +100")
    assert 'script: 0 of 1 steps done, stopped at "focus +100"' in bench.said
    return code


for _verb in COMMANDS:

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
        "a.lmx: nothing to play, it holds no byte and no edge of the lens; --as body plays the other end"
    )
    assert bench.run("replay", path, "--port", "pty:", "--as", "lens", "--wait") == code
    # Edges alone are nothing to play on a port that carries no line.
    with RecordingWriter(bench.folder / "edges.lmx", {"dialect": "emount"}) as writer:
        writer.write(Edge(0.1, "BODY_CS", True))
    with ports(REQUEST) as (port,):
        assert bench.run("replay", "edges.lmx", "--port", port, "--as", "body") == code
    assert "failed: nothing was played: the port carries none of the lines that the recording drives" in bench.said
    return code


DEVICES = ("lens", "body")
FUZZ = ("--seconds", "0.001", "--greeting", "0.3", "--answer", "0.3", "--folder", "found")


def _fuzz(device: str, bench: Bench, peers: str, *words: str) -> int:
    return bench.run("fuzz", device, "--dialect", "emount", "--port", peers, *FUZZ, *words)


for _device in DEVICES:

    @case(f"fuzz {_device}", "nothing")
    def _no_case_tried(bench: Bench, device: str = _device) -> int:
        link = bench.folder / "wire"
        with playing(Role(device), f"pty:{link}"):
            code = _fuzz(device, bench, f"serial:{link}", "--greeting", "5")
        assert re.search(r"lensmount: no case was tried in \d+\.\d s; --seconds gives it longer\n", bench.err)
        assert re.search(r"^cases +0$", bench.said, re.MULTILINE)
        for option in ("--cases", "--seconds"):
            assert bench.run("fuzz", device, "--port", "pty:", option, "0") == 2
        return code

    @case(f"fuzz {_device}", "silence", "gone")
    def _no_device(bench: Bench, device: str = _device) -> int:
        code = _fuzz(device, bench, "tcp:127.0.0.1:1")
        assert "Connection refused" in bench.err
        assert _fuzz(device, bench, "pty:") == code
        assert "does not come to a session of emount: nothing is heard" in bench.err
        return code

    @case(f"fuzz {_device}", "noise")
    def _other_dialect(bench: Bench, device: str = _device) -> int:
        with ports(NOISE) as (port,):
            code = _fuzz(device, bench, port)
        assert "does not come to a session of emount: what it says is no session" in bench.err
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
    bench.monkeypatch.setattr(devices.list_ports, "comports", list)


@case("boards", "silence")
def _no_board(bench: Bench) -> int:
    _no_devices(bench)
    code = bench.run("boards")
    assert "no serial device found" in bench.said
    return code


@case("boards", "full")
def _boards_full(bench: Bench) -> int:
    _no_devices(bench)
    return bench.run_on_full_disk("boards")


@case("boards", "pipe")
def _boards_pipe(bench: Bench) -> int:
    _no_devices(bench)
    return bench.run_on_closed_pipe("boards")


@case("board image", "done")
def _image(bench: Bench) -> int:
    return bench.run("board", "image")


@case("board image", "noise")
def _no_image(bench: Bench) -> int:
    path = bench.folder / "noise.uf2"
    path.write_bytes(bytes(512))
    return bench.run("board", "image", "--file", path)


@case("board flash", "gone")
def _no_drive(bench: Bench) -> int:
    return bench.run("board", "flash", "--drive", bench.folder)


@case("board boot", "gone")
def _no_such_board(bench: Bench) -> int:
    return bench.run("board", "boot", "--port", "board:/dev/no-such-board")
