"""The sending end of a serial line: 32 bytes at a time, paced to a rate, for so many seconds; then it ends.

`python -m benchmarks.feeder PATH_OR_FD BYTES_PER_SECOND SECONDS`
"""

import os
import sys
import time

WRITE = 32
"""Bytes of one write, as a driver hands them over."""


def main() -> None:
    """Say that we are ready, wait for a line, and send."""
    where, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
    port = int(where) if where.isdigit() else os.open(where, os.O_RDWR | os.O_NOCTTY)
    data = bytes(range(WRITE))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began = time.perf_counter_ns()
    period_ns = WRITE / rate * 1e9
    for number in range(int(seconds * rate / WRITE)):
        due = began + number * period_ns
        late = time.perf_counter_ns() - due
        if late < 0:
            time.sleep(-late / 1e9)
        os.write(port, data)


if __name__ == "__main__":
    main()
