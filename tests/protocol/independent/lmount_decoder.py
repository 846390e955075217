"""Decodes the open model's frames from the specification's text alone; it imports nothing of the project.

The catalogue's tables are read as data, and the words in their "written as" column by a little evaluator of its own.
"""

import re
from pathlib import Path
from typing import Any


class CutError(Exception):
    """The bytes end inside a field."""


class Cursor:
    """Bytes that are taken one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise CutError
        self.at += count
        return self.data[self.at - count : self.at]


def crc16(data: bytes) -> int:
    """Width 16, polynomial 0x1021, initial value 0xFFFF, bit by bit."""
    register = 0xFFFF
    for byte in data:
        register ^= byte << 8
        for _ in range(8):
            register = (register << 1 ^ 0x1021 if register & 0x8000 else register << 1) & 0xFFFF
    return register


def split(text: str) -> list[str]:
    """The parts of a list, by the commas outside brackets."""
    parts, depth, part = [], 0, ""
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            parts.append(part.strip())
            part = ""
        else:
            part += letter
    return [*parts, part.strip()] if part.strip() else parts


def read(word: str, cursor: Cursor) -> Any:
    """The value that a word of the catalogue describes, taken from the cursor."""
    number = re.fullmatch(r"Int(\d+)([us])([bl])", word)
    if number:
        raw = cursor.take(int(number[1]) // 8)
        return int.from_bytes(raw, "big" if number[3] == "b" else "little", signed=number[2] == "s")
    name, inside = re.fullmatch(r"(\w+)(?:\((.*)\))?", word, re.DOTALL).groups()  # type: ignore[union-attr]
    arguments = split(inside or "")
    if name == "GreedyBytes":
        return cursor.take(cursor.left)
    if name == "Bytes":
        return cursor.take(int(arguments[0]))
    if name == "OpenEnum":
        return read(arguments[0], cursor)
    if name == "Optional":
        mark = cursor.at
        try:
            return read(arguments[0], cursor)
        except CutError:
            cursor.at = mark
            return None
    if name == "Prefixed":
        return read(arguments[1], Cursor(cursor.take(read(arguments[0], cursor))))
    if name == "PascalString":
        return cursor.take(read(arguments[0], cursor)).decode(arguments[1].strip("'"))
    if name == "PrefixedArray":
        return [read(arguments[1], cursor) for _ in range(read(arguments[0], cursor))]
    if name == "FieldGroupAdapter":
        fields = re.fullmatch(r"[\w.]+\((.*)\)", arguments[0], re.DOTALL)[1]  # type: ignore[index]
        return {part.split(": ", 1)[0]: read(part.split(": ", 1)[1], cursor) for part in split(fields)}
    raise ValueError(f"the catalogue says {word}, which this decoder does not know")


class Decoder:
    """Messages by type, as the catalogue has them."""

    def __init__(self, catalogue: Path) -> None:
        self.messages: dict[int, tuple[str, list[tuple[str, str]]]] = {}
        for part in re.split(r"^### ", catalogue.read_text(), flags=re.MULTILINE)[1:]:
            head = re.match(r"`([0-9A-F]{2})` (\w+), ", part)
            if head:
                rows = re.findall(r"^\| [^|]+ \| [^|]+ \| `(\w+)` \| `(.*?)` \| ", part, re.MULTILINE)
                self.messages[int(head[1], 16)] = (head[2], rows)

    def frame(self, data: bytes) -> list[tuple[str, dict[str, Any]]] | None:
        """The messages of a frame; `None` where the bytes are none."""
        if len(data) < 10 or data[0] != 0xE0 or len(data) != 7 + int.from_bytes(data[1:3], "little"):
            return None
        if crc16(data[1:-2]) != int.from_bytes(data[-2:], "little") or data[3] not in (1, 2, 3, 4):
            return None
        payload, told = Cursor(data[5:-2]), []
        while payload.left:
            type_ = payload.take(1)[0]
            body = Cursor(payload.take(int.from_bytes(payload.take(2), "little")))
            if type_ not in self.messages:
                told.append(("Unknown", {"type": type_}))
                continue
            name, rows = self.messages[type_]
            told.append((name, {**{field: read(word, body) for field, word in rows}, "tail": body.take(body.left)}))
        return told

    def stream(self, data: bytes) -> tuple[list[list[tuple[str, dict[str, Any]]]], int]:
        """The frames of one end's bytes, and how many bytes were in none: a candidate that fails gives up its first."""
        told, at, lost = [], 0, 0
        while at < len(data):
            end = at + 7 + int.from_bytes(data[at + 1 : at + 3], "little")
            messages = self.frame(data[at:end]) if data[at] == 0xE0 and end <= len(data) else None
            if messages is None:
                at, lost = at + 1, lost + 1
            else:
                told.append(messages)
                at = end
        return told, lost
