"""The declarations as Markdown, `python -m lensmount_hardware.boards.catalogue`: the end of the specification.

A test holds the tables that stand in protocol/spec/board.md equal to what this prints.
"""

import re
from collections.abc import Iterator

from lensmount_hardware.boards.declaration import HEAD, HEAD_SIZE, Place, places
from lensmount_hardware.boards.meanings import MEANINGS, meaning
from lensmount_hardware.boards.orders import LINE, ORDERS, TIMING
from lensmount_hardware.boards.reports import REPORTS


def catalogue() -> str:
    """Every message and every value."""
    return "\n".join(_lines()).rstrip("\n") + "\n"


def _lines() -> Iterator[str]:
    yield from _table("The head of every message", list(places(HEAD)))
    for title, messages in (("From the host", ORDERS), ("From the board", REPORTS)):
        yield f"### {title}"
        yield ""
        for name, message in messages.items():
            spends = ", spends credit" if message.QUEUED else ""
            yield f"**`{name}`**, {message.TYPE:#04x}{spends}. {_opening(message.__doc__ or '')}"
            yield ""
            fields = list(places(message.LAYOUT, HEAD_SIZE))
            if fields:
                yield from _rows(fields)
    yield from _table("The timing table", list(places(TIMING)))
    yield from _table("A line of the map", list(places(LINE)))
    for word in MEANINGS:
        yield f"### {_title(word.__name__)}"
        yield ""
        yield "| value | name | meaning |"
        yield "|---|---|---|"
        yield from (f"| {member.value} | `{member.name}` | {meaning(member)} |" for member in word)
        yield ""


def _table(title: str, fields: list[Place]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield from _rows(fields)


def _rows(fields: list[Place]) -> Iterator[str]:
    yield "| offset | bytes | field | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        takes = "…" if field.size is None else str(field.size)
        yield f"| {field.offset} | {takes} | `{field.name}` | {field.meaning} |"
        if field.size is None and field.name == "data" and field.meaning == "the bytes":
            yield "| … | … | `gaps` | with `GAPS`: count - 1 bytes, else none |"
    yield ""


def _opening(text: str) -> str:
    return " ".join(text.split())


def _title(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


if __name__ == "__main__":
    print(catalogue(), end="")
