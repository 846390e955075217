"""A host's process is killed in mid-session; another process goes on with the session, and is told what is missing."""

import json
import os
import select
import socket
import subprocess
import sys

import pytest

from lensmount_hardware.boards.protocol import reports as r
from lensmount_hardware.boards.protocol.framing import DELIMITER, parse_frame
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.errors import FrameError

CLOCK = MonotonicClock()
PATIENCE = 30.0
SLICE_US = 2000
OUTPUTS = (7, 8, 10, 11, 0)

HOST = """
import json, sys
from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.transport import BoardTransport
from lensmount_hardware.boards.link import ResumePoint, save_resume_point
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.byte_stream import open_stream
from lensmount_hardware.boards.protocol.constants import BoardRole, StateFlag
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import DriveLine, DataLoss, Annotation, Transmit

spec, left, clock = parse_spec(sys.argv[1]), json.loads(sys.argv[2]), MonotonicClock()
stream = open_stream(spec)
if left:
    save_resume_point(f"board:{stream.name}", ResumePoint(*left))
dialect = load_dialect("emount")
plan = make_pin_map(spec, get_contacts(dialect), BoardRole.BODY, 750_000)
port = BoardTransport(stream, plan, clock, 77)
began, powered = clock.now(), False
while clock.now() - began < 20:
    said = [one.record for one in port.timed_records(0.02, clock)]
    for one in said:
        if isinstance(one, DataLoss | Annotation):
            print(json.dumps([type(one).__name__, one.text]), flush=True)
    if port.state.flags & StateFlag.PRESENT and not powered:
        port.send(DriveLine("VCC", True))
        powered = True
    if powered and not left:
        place = port.link.resume_point
        values = [place.session_id, place.next_sequence, place.expected_sequence, place.board_us]
        print(json.dumps(["ResumePoint", values]), flush=True)
        for _ in range(12):
            port.send(Transmit(bytes(range(1, 201))))
"""


class Served:
    """An emulated board behind a TCP port, no faster than the hosts that are other processes."""

    def __init__(self, emulator):
        self.emulator = emulator
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.spec = f"board:tcp//127.0.0.1:{self.listener.getsockname()[1]}"
        self.end = None
        self.partial = b""
        self.frames = []
        self.began, self.began_us = CLOCK.now(), emulator.now_us

    def run(self):
        """A moment: what came goes on, both ways."""
        ahead = (self.emulator.now_us - self.began_us) * 1e-6 - (CLOCK.now() - self.began)
        ready, _, _ = select.select([self.end or self.listener], [], [], max(0.0, ahead))
        if ready and self.end is None:
            self.end, _ = self.listener.accept()
        elif ready:
            data = self.heard()
            if data:
                self.emulator.write(0, data)
            else:
                self.close_end()
        self.emulator.run(SLICE_US)
        data, self.emulator.usb_data[0] = self.emulator.usb_data[0], b""
        *whole, self.partial = (self.partial + data).split(DELIMITER)
        for frame in whole:
            try:
                self.frames += [parse_frame(frame)] if frame else []
            except FrameError:
                continue
        if data and self.end is not None:
            try:
                self.end.sendall(data)
            except OSError:
                self.close_end()

    def heard(self):
        """What the host says; nothing when it is gone, which a killed one's system may tell as an error."""
        try:
            return self.end.recv(1 << 16)
        except ConnectionResetError:
            return b""

    def close_end(self):
        self.end.close()
        self.end = None

    def close(self):
        self.listener.close()
        if self.end is not None:
            self.end.close()


class Host:
    """A process that plays a body through the board."""

    def __init__(self, served, left):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self.served = served
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOST, served.spec, json.dumps(left)], stdout=subprocess.PIPE, env=environment
        )
        os.set_blocking(self.process.stdout.fileno(), False)
        self.partial, self.told = b"", []

    def until(self, reached):
        """Let time go by until this holds of what the process told."""
        ends = CLOCK.now() + PATIENCE
        while not reached(self.told):
            assert self.process.poll() is None, "the host has ended"
            assert CLOCK.now() < ends, self.told[-3:]
            self.served.run()
            self.read()

    def read(self):
        *lines, self.partial = (self.partial + (self.process.stdout.read() or b"")).split(b"\n")
        self.told += [json.loads(line) for line in lines]

    def kill(self):
        if self.process.stdout.closed:
            return
        self.process.kill()
        self.process.wait()
        self.read()
        self.process.stdout.close()


@pytest.fixture
def served(new_emulator):
    emulator = new_emulator()
    emulator.set_pin(0, 6, False)
    made = Served(emulator)
    yield made
    made.close()


@pytest.fixture
def new_host(served):
    hosts = []

    def start(left=None):
        hosts.append(Host(served, left))
        return hosts[-1]

    yield start
    for host in hosts:
        host.kill()


@pytest.mark.parametrize("closes", [True, False], ids=["its port is closed", "its port stays open"])
def test_a_host_that_is_killed_is_followed_by_one_that_is_told_what_is_missing(served, new_host, closes):
    emulator = served.emulator
    first = new_host()
    first.until(lambda told: len(told) > 8 and len(emulator.sent) > 3000)
    assert emulator.board_status(0)["states"][7] == "high"
    first.kill()
    left = [what for kind, what in first.told if kind == "ResumePoint"][-1]
    while served.end is not None:
        served.run()
    if closes:
        emulator.order("lines", board=0, value=0)
    told_before = len(served.frames)
    while any(emulator.board_status(0)["states"][pin] in ("high", "uart") for pin in OUTPUTS):
        served.run()
    if closes:
        assert len(served.frames) - told_before < 100
        emulator.order("lines", board=0, value=3)
        emulator.until_ready()
    second = new_host(left)
    second.until(lambda told: sum(kind == "Annotation" for kind, _ in told) >= 1)
    missing = next(text for kind, text in second.told if kind == "Annotation")
    welcome = [frame.sequence for frame in served.frames if frame.type == r.HelloReply.TYPE][-1]
    count = (welcome - left[2]) % 256
    assert 0 < count < 128
    frames = f"{count} of its frames are missing from number {left[2]} on"
    assert missing == f"the board kept its power; {frames}, or that and a multiple of 256"
    if closes:
        second.until(lambda told: any(kind == "DataLoss" for kind, _ in told))
        drops = [text for kind, text in second.told if kind == "DataLoss"]
        assert any(text.endswith("transmissions, when the board entered the safe state") for text in drops), drops
    # It has the board, and plays on.
    second.until(lambda _: emulator.board_status(0)["states"][7] == "high")
