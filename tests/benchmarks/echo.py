"""The other end of a pty, in a process of its own: answers every request of 14 bytes with 33.

`python -m benchmarks.echo WAY PATH`: `raw` by system calls alone, `select` by those and one that can wait for a
limited time, `bytes` through our transport, `ours` and `construct` through our transport and a codec that reads each
request and builds each reply.
"""

import os
import select
import sys
import tty
from random import Random

from benchmarks.workload import build, exchange

REQUEST_SIZE = 14
SEED = 1
LIMIT = 60.0
"""Seconds; never reached."""


def main() -> None:
    """Answer until killed; say that we are ready first."""
    way, path = sys.argv[1:]
    (raw if way in ("raw", "select") else through_transport)(way, path)


def raw(way: str, path: str) -> None:
    """System calls, nothing else."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(port)
    reply = build(exchange(Random(SEED))[1])
    _ready()
    waiting = 0
    while True:
        if way == "select":
            select.select([port], [], [], LIMIT)
        waiting += len(os.read(port, 4096))
        while waiting >= REQUEST_SIZE:
            waiting -= REQUEST_SIZE
            os.write(port, reply)


def through_transport(way: str, path: str) -> None:
    """Our serial transport, and a codec where one is asked for."""
    from benchmarks.pty_ends import answering
    from lensmount_hardware.port_spec import open_transport
    from lensmount_protocol.wire import Received, Role, Transmit

    answer = answering(way)
    with open_transport(f"serial:{path}", role=Role.BODY, baudrate=1_500_000) as port:
        _ready()
        while True:
            for event in port.receive(None):
                if isinstance(event, Received):
                    for reply in answer(event.data):
                        port.send(Transmit(reply))


def _ready() -> None:
    sys.stdout.write("ready\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
