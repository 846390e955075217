"""`python -m page_live.feeder DESCRIPTOR ROLE SECONDS`: frames of one end into a terminal, back to back at 1.5 Mbaud.

It prints how many bytes it wrote, and their digest.
"""

import hashlib
import os
import sys
import threading

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.wire import Burst, Role

BYTES_A_SECOND = 150_000
"""At 1.5 Mbaud a byte takes ten bits."""

PIECE_S = 0.01


def traffic(role: Role) -> bytes:
    """What an end sends in a session of the open model."""
    result = run_loopback("panasonic-s5ii", "sigma-45mm-f2.8-dg-dn", seconds=2.0, seed=1)
    return b"".join(one.data for one in result.records if isinstance(one, Burst) and one.sender is role)


def main(descriptor: int, role: Role, seconds: float) -> None:
    data = traffic(role)
    pause = threading.Event()
    clock, digest, sent = MonotonicClock(), hashlib.sha256(), 0
    begun = clock.now()
    wanted = round(seconds * BYTES_A_SECOND)
    while sent < wanted:
        # As many bytes as the wire would have carried by now.
        due = min(wanted, round((clock.now() - begun) * BYTES_A_SECOND)) - sent
        while due > 0:
            at = sent % len(data)
            written = os.write(descriptor, data[at : at + min(due, 2048)])
            digest.update(data[at : at + written])
            sent, due = sent + written, due - written
        pause.wait(PIECE_S)
    print(sent, digest.hexdigest(), f"{clock.now() - begun:.1f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), Role(sys.argv[2]), float(sys.argv[3]))
