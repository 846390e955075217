"""Cases for the verbs with ports; each cell of the page's table has one."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event, Thread

from lensmount_hardware.boards import devices
from lensmount_protocol.registry import load_dialect

from .conftest import pty_pair  # noqa: TID252
from .exit_cases import Bench, case  # noqa: TID252

REQUEST = bytes.fromhex("f00b0002000b6000780055")
NOISE = load_dialect("lmount").build_frame(bytes([0x0A, 1, 2, 3]), 1, 0)
"""A frame of another dialect than is listened for."""

SHORT = ("--duration", "0.15")


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


def run_words(role: str, port: str) -> list[str]:
    return ["run", role, "--profile", {"lens": "sel55210", "body": "a6000"}[role], "--port", port]


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


CAMPAIGN = 'dialect = "emount"\nbodies = ["a6000"]\nlenses = ["sel55210"]\nscript = "wait 0.05"\n'


def _campaign(bench: Bench, more: str = "", *words: object) -> int:
    (bench.folder / "c.toml").write_text(CAMPAIGN + more)
    return bench.run("campaign", "c.toml", "--processes", "1", *words)


@case("campaign", "done")
def _passes(bench: Bench) -> int:
    code = _campaign(bench)
    assert bench.said.endswith("every case passed\n")
    return code


@case("campaign", "nothing")
def _no_combination(bench: Bench) -> int:
    return _campaign(bench, "seeds = []\n")


@case("campaign", "wanting")
def _not_as_expected(bench: Bench) -> int:
    code = _campaign(bench, 'faults = ["drop rate=0.2"]\n')
    assert "failed: 1 of 1 cases" in bench.said
    return code


@case("campaign", "dialect")
def _unknown_dialect(bench: Bench) -> int:
    (bench.folder / "c.toml").write_text('dialect = "zmount"\n')
    return bench.run("campaign", "c.toml")


@case("campaign", "missing")
def _no_file(bench: Bench) -> int:
    return bench.run("campaign", "missing.toml")


@case("campaign", "folder")
def _folder_as_file(bench: Bench) -> int:
    return bench.run("campaign", bench.folder)


def _results(bench: Bench, finished: int, planned: int) -> str:
    """Results of which only some cases are there."""
    from lensmount_emulator.campaign.case import Result, ScriptResult, Verdict
    from lensmount_emulator.campaign.form import read_form
    from lensmount_emulator.campaign.planning import plan_campaign
    from lensmount_emulator.campaign.store import Store

    plan = plan_campaign(read_form(f'{CAMPAIGN}seeds = "1-{planned}"\n'.encode(), "c"))
    with Store(bench.folder / "r.sqlite", plan) as store:
        for one in plan.cases[:finished]:
            store.add(Result(one, Verdict.HELD, (), ScriptResult(complete=True, done=1, steps=1), digest="d"))
    return "r.sqlite"


@case("campaign report", "done")
def _report(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 2, 2))
    assert bench.said.endswith("every case passed\n")
    return code


@case("campaign report", "half")
def _unfinished(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 1, 2))
    assert "failed: the campaign is not finished, 1 of 2 cases have a result; " in bench.said
    assert "every case passed" not in bench.said
    # Nor may a choice of its cases hide it.
    assert bench.run("campaign", "report", "r.sqlite", "--where", "seed = 1") == 1
    return code


@case("campaign report", "nothing")
def _no_case(bench: Bench) -> int:
    code = bench.run("campaign", "report", _results(bench, 0, 2))
    assert "failed: no case has a result" in bench.said
    return code


@case("campaign report", "missing")
def _no_results(bench: Bench) -> int:
    return bench.run("campaign", "report", "missing.sqlite")


@case("campaign report", "folder")
def _folder_as_results(bench: Bench) -> int:
    return bench.run("campaign", "report", bench.folder)


@case("campaign report", "full")
def _report_full(bench: Bench) -> int:
    return bench.run_on_full_disk("campaign", "report", _results(bench, 2, 2))


@case("campaign report", "pipe")
def _report_pipe(bench: Bench) -> int:
    return bench.run_on_closed_pipe("campaign", "report", _results(bench, 2, 2))
