"""No emulator outlives who started it: one that is left behind takes a whole core of the machine."""

import os
import select
import signal
import subprocess
import sys

import pytest

from emulated.emulator import Emulator

PATIENCE = 20.0

STARTS_ONE = """
import sys
from emulated.emulator import Emulator
emulator = Emulator(["0000000000000001"])
print(emulator._process.pid, flush=True)
sys.stdin.read()
"""


def has_ended(process, wait):
    """Whether a process, as a descriptor, ends within so many seconds."""
    return bool(select.select([process], [], [], wait)[0])


pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")


def test_a_killed_parent_takes_its_emulator_along(emulator_installed):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS_ONE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    try:
        assert parent.stdout is not None
        emulator = os.pidfd_open(int(parent.stdout.readline()))
        try:
            assert not has_ended(emulator, 0)
            parent.send_signal(signal.SIGKILL)
            parent.wait()
            assert has_ended(emulator, PATIENCE)
        finally:
            os.close(emulator)
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()
        parent.stdin.close()


def fail_within(processes):
    with Emulator(["0000000000000001"]) as emulator:
        processes.append(os.pidfd_open(emulator._process.pid))
        raise ZeroDivisionError


def test_what_goes_wrong_within_does_too(emulator_installed):
    processes = []
    with pytest.raises(ZeroDivisionError):
        fail_within(processes)
    (process,) = processes
    try:
        assert has_ended(process, PATIENCE)
    finally:
        os.close(process)
