"""Who listens at the far end of a wire, written by itself: frames of both dialects at every place at which one begins.

It knows the envelopes from the specifications, and of messages only which types are forbidden and how long those are
that may stand in front of them; nothing of the project's readers.
"""

from collections.abc import Iterator

E_MOUNT, L_MODEL = "emount", "lmount"
FORBIDDEN = {E_MOUNT: {0x14, 0x15, 0x40, 0x4B, 0x4C}, L_MODEL: {0x60, 0x61, 0x62, 0x63}}
HARMLESS_FROM_LENS = {E_MOUNT: {0x40}, L_MODEL: set[int]()}


def crc16(data: bytes) -> int:
    """CRC-16 with 0x1021, from 0xFFFF on, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def payloads(dialect: str, data: bytes) -> Iterator[bytes]:
    """The payload of every right frame, wherever it begins."""
    for at, byte in enumerate(data):
        if dialect == E_MOUNT and byte == 0xF0:
            size = int.from_bytes(data[at + 1 : at + 3], "little")
            frame = data[at : at + size]
            right = 9 <= size <= 1040 and len(frame) == size and frame[-1] == 0x55 and frame[3] in (1, 2, 3)
            if right and sum(frame[1:-3]) & 0xFFFF == int.from_bytes(frame[-3:-1], "little"):
                yield frame[5:-3]
        elif dialect == L_MODEL and byte == 0xE0:
            size = int.from_bytes(data[at + 1 : at + 3], "little") + 7
            frame = data[at : at + size]
            right = size >= 10 and len(frame) == size and frame[3] in (1, 2, 3, 4)
            if right and crc16(frame[1:-2]) == int.from_bytes(frame[-2:], "little"):
                yield frame[5:-2]


def types_in(dialect: str, payload: bytes, sizes: dict[int, int]) -> list[int]:
    """The types of a payload's messages, as far as their sizes are known."""
    types, at = list[int](), 0
    while at < len(payload):
        types.append(payload[at])
        if dialect == L_MODEL:
            if at + 3 > len(payload):
                break
            at += 3 + int.from_bytes(payload[at + 1 : at + 3], "little")
        else:
            size = sizes.get(payload[at], 0)
            if not size:
                break
            at += size
    return types


def forbidden(dialect: str, data: bytes, known: set[int], sizes: dict[int, int], sender: str = "body") -> list[str]:
    """Every message that must not be in bytes, in any frame that anybody could find in them."""
    dangerous = FORBIDDEN[dialect] - (HARMLESS_FROM_LENS[dialect] if sender == "lens" else set[int]())
    return [
        f"{dialect} {type_:#04x}"
        for payload in payloads(dialect, data)
        for type_ in types_in(dialect, payload, sizes)
        if type_ in dangerous or type_ not in known
    ]
