"""What a receiver reads of bytes that are sent at another rate than it listens at."""

from functools import lru_cache

BITS = 10
"""Start bit, eight data bits, stop bit."""


@lru_cache(maxsize=4096)
def misread(data: bytes, rate: float) -> bytes:
    """The bytes that a receiver takes out of a run of bytes sent back to back.

    It waits for the line to fall, and looks at it in the middle of each of its own bits; a byte whose stop bit is low
    is lost, and it waits for the line to rise before it looks for the next start.

    Args:
        data: what is sent.
        rate: the sender's rate as a share of the receiver's.
    """
    bits = [bit for byte in data for bit in (0, *(byte >> place & 1 for place in range(8)), 1)]
    read = bytearray()
    at, ends = 0.0, float(len(bits))

    def level(place: float) -> int:
        return bits[int(place)] if place < ends else 1

    while at < ends:
        if level(at):
            at = float(int(at) + 1)
            continue
        # Places count in bits of the sender; one of the receiver's takes `rate` of them.
        value = sum(level(at + (place + 1.5) * rate) << place for place in range(8))
        stop = at + (BITS - 0.5) * rate
        if level(stop):
            read.append(value)
            at = stop
        else:
            at = stop
            while at < ends and not level(at):
                at = float(int(at) + 1)
    return bytes(read)
