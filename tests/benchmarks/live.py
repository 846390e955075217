"""Sections on real time: how late a wait ends, a round trip over a pseudo-terminal, and what reading a port costs."""

import asyncio
import os
import select
import statistics
import subprocess
import sys
import time
import tty
from collections.abc import Callable

import serial

from benchmarks.harness import Result, percentile
from lensmount_hardware.spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import Received, Role, Transmit

WAITS_US = (100, 300, 1_000, 5_000)
RATE = 150_000
PIECE = 32


def timer(rounds: int, _size: int) -> Result:
    """How late each kind of wait ends, in wall time."""
    result = Result("timer: how late a wait ends", "µs late at p50")
    with open_transport("pty:", Role.LENS, 115_200) as port:
        kinds: dict[str, Callable[[float], None]] = {
            "lensmount": lambda seconds: _until(port, seconds),
            "time.sleep": time.sleep,
            "select": lambda seconds: select.select([], [], [], seconds) and None,
        }
        late: dict[str, list[float]] = {}
        for _ in range(rounds):
            for wait_us in WAITS_US:
                for name, wait in kinds.items():
                    late.setdefault(f"{name}, {wait_us} µs", []).extend(
                        _lateness(wait, wait_us / 1e6) for _ in range(40)
                    )
    for wait_us in WAITS_US:
        late[f"asyncio, {wait_us} µs"] = asyncio.run(_asyncio_lateness(wait_us / 1e6, 40 * rounds))
    result.values = {name: percentile(found, 50) for name, found in late.items()}
    ours = [value for name, found in late.items() if name.startswith("lensmount") for value in found]
    worst = max(result.values[f"lensmount, {wait_us} µs"] for wait_us in WAITS_US)
    result.figure("lensmount: µs late at p50, worst of the waits", worst, 80, at_most=True)
    result.figure("lensmount: µs early, at most", max(0.0, -min(ours)), 0, at_most=True)
    result.figure("lensmount: µs late at p99", percentile(ours, 99))
    return result


def _until(port: Transport, seconds: float) -> None:
    """As a live session waits: what the port gives up with, it is asked for again until the time has come."""
    deadline = time.perf_counter() + seconds
    while (left := deadline - time.perf_counter()) > 0:
        port.receive(left)


def _lateness(wait: Callable[[float], object], seconds: float) -> float:
    began = time.perf_counter()
    wait(seconds)
    return (time.perf_counter() - began - seconds) * 1e6


async def _asyncio_lateness(seconds: float, count: int) -> list[float]:
    late: list[float] = []
    for _ in range(count):
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        late.append((time.perf_counter() - began - seconds) * 1e6)
    return late


_ECHO = """
import os, sys
port = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
while True:
    data = os.read(port, 4096)
    if not data: break
    os.write(port, bytes(33))
"""
_ANSWER = """
import sys
from lensmount_hardware.spec import open_transport
from lensmount_protocol.wire import Role, Transmit
with open_transport("serial:" + sys.argv[1], Role.LENS, 115200) as port:
    reply = Transmit(bytes(33))
    while True:
        for _ in port.receive(None): port.send(reply)
"""


def echo(rounds: int, size: int) -> Result:
    """A request of 14 bytes and a reply of 33 over a pseudo-terminal to another process, beside a raw echo."""
    count = max(300, size // 20)
    times: dict[str, list[float]] = {"raw echo": [], "lensmount at both ends": []}
    for _ in range(max(3, rounds // 2)):
        times["raw echo"] += _raw_echo(count)
        times["lensmount at both ends"] += _our_echo(count)
    result = Result("pty: a request and its reply over a pseudo-terminal, two processes", "µs at p50")
    result.values = {name: percentile(found, 50) for name, found in times.items()}
    ours, raw = result.values["lensmount at both ends"], result.values["raw echo"]
    result.figure("lensmount against a raw echo", ours / raw, 1.5, at_most=True)
    return result


def _raw_echo(count: int) -> list[float]:
    near, far = os.openpty()
    tty.setraw(far)
    with subprocess.Popen([sys.executable, "-c", _ECHO, os.ttyname(far)]) as child:
        try:
            request, times = bytes(14), list[float]()
            for number in range(count + 50):
                began = time.perf_counter()
                os.write(near, request)
                got = 0
                while got < 33:
                    got += len(os.read(near, 4096))
                if number >= 50:
                    times.append((time.perf_counter() - began) * 1e6)
        finally:
            child.kill()
    os.close(near)
    os.close(far)
    return times


def _our_echo(count: int) -> list[float]:
    with open_transport("pty:", Role.BODY, 115_200) as port:
        with subprocess.Popen([sys.executable, "-c", _ANSWER, port.name]) as child:
            try:
                request, times = Transmit(bytes(14)), list[float]()
                for number in range(count + 50):
                    began = time.perf_counter()
                    port.send(request)
                    got = 0
                    while got < 33:
                        got += sum(len(event.data) for event in port.receive(None) if isinstance(event, Received))
                    if number >= 50:
                        times.append((time.perf_counter() - began) * 1e6)
            finally:
                child.kill()
    return times


_FEEDER = """
import os, sys, time
port, rate, piece, seconds = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
began, sent, data = time.perf_counter(), 0, bytes(piece)
while (passed := time.perf_counter() - began) < seconds:
    while sent < passed * rate:
        os.write(port, data)
        sent += piece
    time.sleep(2e-4)
"""


def serial_input(_rounds: int, _size: int) -> Result:
    """What reading 150 kB/s from a port takes of a core."""
    result = Result("serial: reading 150 kB/s in pieces of 32 bytes", "% of a core")
    seconds = 2.0

    def fed(read: Callable[[str, float], int]) -> float:
        near, far = os.openpty()
        tty.setraw(far)
        arguments = [str(near), str(RATE), str(PIECE), str(seconds)]
        with subprocess.Popen([sys.executable, "-c", _FEEDER, *arguments], pass_fds=[near]):
            began = time.process_time()
            read(os.ttyname(far), seconds - 0.2)
            used = time.process_time() - began
        os.close(near)
        os.close(far)
        return used / (seconds - 0.2) * 100

    result.values["lensmount"] = statistics.median(fed(_read_ours) for _ in range(3))
    result.values["pyserial, one byte at a time"] = statistics.median(fed(_read_bytewise) for _ in range(3))
    result.figure("lensmount: percent of a core", result.values["lensmount"], 10, at_most=True)
    return result


def _read_ours(path: str, seconds: float) -> int:
    until, got = time.perf_counter() + seconds, 0
    with open_transport(f"serial:{path}", Role.BODY, 115_200) as port:
        while (left := until - time.perf_counter()) > 0:
            got += sum(len(event.data) for event in port.receive(left) if isinstance(event, Received))
    return got


def _read_bytewise(path: str, seconds: float) -> int:
    until, got = time.perf_counter() + seconds, 0
    with serial.Serial(path, timeout=0.1) as port:
        while time.perf_counter() < until:
            got += len(port.read(1))
    return got
