"""Finds forbidden messages in bytes, written from `protocol/spec/*.md` alone: nothing of the project is imported.

It reads which messages there are, and how long, from the tables of the specifications; knows both envelopes and both
checksums itself; and looks for a frame at every byte, of any length that the two bytes of its length can say.
"""

import re
from dataclasses import dataclass
from pathlib import Path

SPEC = Path(__file__).parents[2] / "protocol" / "spec"
EMOUNT, LMOUNT = "emount", "lmount"
VARIABLE = {0x05, 0x06}
"""Of an E-mount lens: built from blocks that are agreed on, so where they end is not in the table."""


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021) & 0xFFFF if value & 0x8000 else value << 1
        table.append(value)
    return table


_CRC = _crc_table()


def crc(data: bytes) -> int:
    """CRC-16: polynomial 0x1021, initial value 0xFFFF, nothing reflected."""
    value = 0xFFFF
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC[value >> 8 ^ byte]
    return value


@dataclass(frozen=True)
class Rules:
    """What one end of one mount may send.

    Attributes:
        mount: which mount.
        known: types of the messages of this end that the specification lists.
        sizes: bytes of those that always take the same, type byte included.
        dangerous: types that write firmware or flash, or lock a lens up.
    """

    mount: str
    known: frozenset[int]
    sizes: dict[int, int]
    dangerous: frozenset[int]

    def is_forbidden(self, type_: int) -> bool:
        """Whether a message of this type must not be sent."""
        return type_ in self.dangerous or type_ not in self.known


def read_rules(mount: str, sender: str) -> Rules:
    """What the specification says of the messages of `sender`."""
    if mount == EMOUNT:
        text = (SPEC / "emount.md").read_text(encoding="utf-8")
        rows = re.findall(rf"^\| ([0-9A-F]{{2}}) \| {sender} \| (\d+) \|", text, re.MULTILINE)
        sizes = {int(type_, 16): int(size) for type_, size in rows}
        fixed = {type_: size for type_, size in sizes.items() if sender == "body" or type_ not in VARIABLE}
        words = re.search(
            r"`(..)` and `(..)` write a lens's flash, `(..)`\s+locks up lenses of another maker, and `(..)` and `(..)`",
            text,
        )
        assert words is not None
        # The specification lets a lens send its service replies.
        harmless = {"40"} if sender == "lens" and "A lens may send `40`" in text else set[str]()
        dangerous = frozenset(int(word, 16) for word in words.groups() if word not in harmless)
        return Rules(mount, frozenset(sizes), fixed, dangerous)
    text = (SPEC / "lmount-messages.md").read_text(encoding="utf-8")
    rows = re.findall(r"^### `([0-9A-F]{2})` (\w+), (body|lens) to", text, re.MULTILINE)
    known = frozenset(int(type_, 16) for type_, _, who in rows if who == sender)
    updates = frozenset(int(type_, 16) for type_, name, who in rows if name.startswith("Update") and who == "body")
    return Rules(mount, known, {}, updates)


def types_in(rules: Rules, payload: bytes) -> list[int]:
    """The types of the messages of a payload, up to the first whose end is not known."""
    types, at = list[int](), 0
    while at < len(payload):
        types.append(payload[at])
        if rules.mount == LMOUNT:
            if at + 3 > len(payload):
                break
            at += 3 + payload[at + 1] + (payload[at + 2] << 8)
        elif payload[at] in rules.sizes:
            at += rules.sizes[payload[at]]
        else:
            break
    return types


def is_worth_a_checksum(rules: Rules, payload: bytes) -> bool:
    """Whether a payload holds a forbidden message, if it is one."""
    return any(rules.is_forbidden(type_) for type_ in types_in(rules, payload))


def payloads(rules: Rules, data: bytes) -> list[bytes]:
    """The payload of every right frame with a forbidden message, whatever byte it begins at."""
    found, size = list[bytes](), len(data)
    start = b"\xf0" if rules.mount == EMOUNT else b"\xe0"
    at = data.find(start)
    while 0 <= at <= size - 9:
        length = data[at + 1] | data[at + 2] << 8
        if rules.mount == EMOUNT:
            end, classes, tail = at + length, 3, 3
            right = length >= 9 and end <= size and data[end - 1] == 0x55
        else:
            end, classes, tail = at + length + 7, 4, 2
            right = length >= 3 and end <= size
        # A checksum over bytes that hold nothing forbidden decides nothing.
        if right and 1 <= data[at + 3] <= classes and is_worth_a_checksum(rules, data[at + 5 : end - tail]):
            checked = data[at + 1 : end - tail]
            value = sum(checked) & 0xFFFF if rules.mount == EMOUNT else crc(checked)
            if value == data[end - tail] | data[end - tail + 1] << 8:
                found.append(data[at + 5 : end - tail])
        at = data.find(start, at + 1)
    return found


def scan(rules: Rules, data: bytes) -> list[int]:
    """The types of all forbidden messages in the bytes, once for each frame and place."""
    return [
        type_ for payload in payloads(rules, data) for type_ in types_in(rules, payload) if rules.is_forbidden(type_)
    ]


def build(mount: str, payload: bytes, class_: int, sequence: int) -> bytes:
    """A right frame."""
    if mount == EMOUNT:
        checked = (len(payload) + 8).to_bytes(2, "little") + bytes((class_, sequence)) + payload
        return b"\xf0" + checked + (sum(checked) & 0xFFFF).to_bytes(2, "little") + b"\x55"
    checked = len(payload).to_bytes(2, "little") + bytes((class_, sequence)) + payload
    return b"\xe0" + checked + crc(checked).to_bytes(2, "little")
