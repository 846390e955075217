"""Peers for the cases of exit codes: ports at which something is sent, that go away, or that have a device of ours."""

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

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
NOISE = load_dialect("lmount").build_frame(bytes([0x0A, 1, 2, 3]), 1, 0)
"""A frame of another dialect than is listened for."""

PATIENCE = 20.0

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
            engine = make_live_engine(load_profile(PROFILES[role]), port.lines, "")
            there.set()
            EngineDriver(engine, port, MonotonicClock()).run(None, stop_when=over.is_set)

    thread = Thread(target=play)
    thread.start()
    try:
        assert there.wait(PATIENCE)
        yield
    finally:
        over.set()
        thread.join()
