"""What reading a busy serial line costs: a paced process writes at full rate, and each way of reading takes it in."""

import os
import select
import time
import tty
from collections.abc import Callable
from contextlib import ExitStack
from random import Random

import serial as pyserial

from benchmarks.feeder import WRITE
from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from benchmarks.processes import start, stop
from benchmarks.tables import OURS
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import Received, Role

RATE = 150_000
"""Bytes a second: one direction at 1.5 Mbaud."""

SECONDS = 0.8
BASELINE = "pyserial read(1)"
MOST_PERCENT = 10.0
SILENCE = 2.0
"""Seconds without a byte after which a feeder has failed."""

Read = Callable[[], int]
"""Waits for bytes, takes them, and tells how many there were."""


def serial(settings: Settings) -> list[Table]:
    """Each round reads for a while in every way."""
    seconds = max(SECONDS * settings.scale, 0.05)
    ways = {
        OURS: lambda: _cost(_our_serial, seconds),
        "ours, pty:": lambda: _cost(_our_pty, seconds),
        BASELINE: lambda: _cost(_read_one, seconds),
        "pyserial read(in_waiting or 1)": lambda: _cost(_read_waiting, seconds),
        "os.read(4096)": lambda: _cost(_os_read, seconds),
        "select, os.read(4096)": lambda: _cost(_select_read, seconds),
    }

    def percent(name: str, _source: Random) -> float:
        return ways[name]()

    found = interleaved(ways, percent, settings)
    rows: list[Row] = []
    for name in sorted(found.values, key=found.median):
        median = found.median(name)
        goal = Goal(f"at most {MOST_PERCENT:g} %", MOST_PERCENT, median, False) if name == OURS else None
        rows.append(Row(name, median, found.ratio(name, BASELINE), goal, values=found.values[name]))
    title = f"reading {RATE // 1000} kB/s that arrive {WRITE} bytes at a time"
    return [
        Table(
            "serial", title, "% of a core", BASELINE, rows, ["of the reading process, its time in the system included"]
        )
    ]


def _cost(opened: Callable[[ExitStack], tuple[Read, str, int | None]], seconds: float) -> float:
    """Percent of a core while a feeder sends for so long."""
    with ExitStack() as stack:
        read, where, descriptor = opened(stack)
        kept = () if descriptor is None else (descriptor,)
        feeder = start("benchmarks.feeder", where, str(RATE), str(seconds), pass_fds=kept)
        stack.callback(stop, feeder)
        assert feeder.stdin is not None
        assert feeder.stdout is not None
        feeder.stdout.readline()
        left = int(seconds * RATE / WRITE) * WRITE
        began, cpu = time.perf_counter_ns(), time.process_time_ns()
        feeder.stdin.write(b"go\n")
        feeder.stdin.flush()
        while left > 0:
            taken = read()
            if not taken:
                raise RuntimeError(f"the feeder has gone silent with {left} bytes to come")
            left -= taken
        cpu = time.process_time_ns() - cpu
        return 100 * cpu / (time.perf_counter_ns() - began)


def _pair(stack: ExitStack) -> tuple[int, str]:
    near, far = os.openpty()
    stack.callback(os.close, near)
    stack.callback(os.close, far)
    tty.setraw(far)
    return near, os.ttyname(far)


def _receiving(port: Transport) -> Read:
    def read() -> int:
        return sum(len(event.data) for event in port.receive(SILENCE) if isinstance(event, Received))

    return read


def _our_serial(stack: ExitStack) -> tuple[Read, str, int | None]:
    near, path = _pair(stack)
    port = stack.enter_context(open_transport(f"serial:{path}", role=Role.BODY, baudrate=1_500_000))
    return _receiving(port), str(near), near


def _our_pty(stack: ExitStack) -> tuple[Read, str, int | None]:
    port = stack.enter_context(open_transport("pty:", role=Role.LENS, baudrate=1_500_000))
    return _receiving(port), port.name.removeprefix("pty:"), None


def _pyserial(stack: ExitStack) -> tuple[pyserial.Serial, int]:
    near, path = _pair(stack)
    port = stack.enter_context(pyserial.Serial(path, 1_500_000, timeout=SILENCE))
    return port, near


def _read_one(stack: ExitStack) -> tuple[Read, str, int | None]:
    port, near = _pyserial(stack)
    return lambda: len(port.read(1)), str(near), near


def _read_waiting(stack: ExitStack) -> tuple[Read, str, int | None]:
    port, near = _pyserial(stack)
    return lambda: len(port.read(port.in_waiting or 1)), str(near), near


def _os_read(stack: ExitStack) -> tuple[Read, str, int | None]:
    near, path = _pair(stack)
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    stack.callback(os.close, port)
    return lambda: len(os.read(port, 4096)), str(near), near


def _select_read(stack: ExitStack) -> tuple[Read, str, int | None]:
    near, path = _pair(stack)
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    stack.callback(os.close, port)

    def read() -> int:
        return len(os.read(port, 4096)) if select.select([port], [], [], SILENCE)[0] else 0

    return read, str(near), near
