"""A buggy lens or body behind a pseudo-terminal, and somebody who switches it off and on: SIGUSR1 does.

`python served.py DIALECT lens|body --link PATH --log FOLDER [--plants N]`: the engine plays in a child, which dies of a
crash, or hangs, and stays so until the power is taken. `FOLDER/log` names the bugs that have struck, `FOLDER/heard` has
every byte that came.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from planted_bugs import PLANTS, plant

from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import Transport
from lensmount_protocol.wire import Received, Role, WireAction, WireEvent


class Kept(Transport):
    """A port that keeps what came."""

    def __init__(self, inner: Transport, heard: int) -> None:
        self.name, self.lines = inner.name, inner.lines
        self._inner, self._heard = inner, heard

    def receive(self, timeout: float | None) -> list[WireEvent]:
        events = self._inner.receive(timeout)
        for event in events:
            if isinstance(event, Received):
                os.write(self._heard, event.data)
        return events

    def send(self, action: WireAction) -> None:
        self._inner.send(action)

    def close(self) -> None:
        self._inner.close()


def play(port: Transport, dialect: str, role: Role, plants: int | None, log: int) -> None:
    """The child: an engine that is switched on now."""
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while port.receive(0):
        pass
    setup = make_config(dialect, role)
    bugs = dict(list(PLANTS[dialect, role.value].items())[:plants])

    def trip(name: str) -> None:
        os.write(log, f"{name}\n".encode())
        if name.startswith("crash"):
            os._exit(70)
        while True:
            signal.pause()

    engine = plant(setup.make_engine(setup.reference, port.lines), bugs, trip)
    EngineDriver(engine, port, MonotonicClock(), spin=0.0).run(None)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("dialect")
    parser.add_argument("role", choices=("lens", "body"))
    parser.add_argument("--link", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--plants", type=int)
    arguments = parser.parse_args()
    folder, role = Path(arguments.log), Role(arguments.role)
    # What every child needs is read once, so that it is there as soon as it has power.
    setup = make_config(arguments.dialect, role)
    setup.make_engine(setup.reference, frozenset()).start(0.0)
    log, heard = (os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for name in ("log", "heard"))
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGUSR1, signal.SIGTERM))
    with open_transport(f"pty:{arguments.link}", role=role, baudrate=115_200) as port:
        while True:
            child = os.fork()
            if child == 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGUSR1, signal.SIGTERM))
                try:
                    play(Kept(port, heard), arguments.dialect, role, arguments.plants, log)
                finally:
                    os._exit(1)
            # Crashed or hung, it stays as it is until somebody takes its power.
            came = signal.sigwait((signal.SIGUSR1, signal.SIGTERM))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            if came == signal.SIGTERM:
                return 0


if __name__ == "__main__":
    sys.exit(main())
