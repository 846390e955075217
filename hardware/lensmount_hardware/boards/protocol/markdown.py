"""Writes the protocol as Markdown tables, the end of the specification: `python -m …boards.protocol.markdown`.

A test compares the tables in protocol/spec/board.md with this output.
"""

import re
from collections.abc import Iterator

from lensmount_hardware.boards.protocol.commands import COMMANDS, LINE_LAYOUT, TIMING_LAYOUT
from lensmount_hardware.boards.protocol.constants import MEANINGS, describe_constant
from lensmount_hardware.boards.protocol.message import HEAD, HEAD_SIZE, FieldOffset, field_offsets
from lensmount_hardware.boards.protocol.reports import REPORTS


def to_markdown() -> str:
    """Every message and every value."""
    return "\n".join(_sections()).rstrip("\n") + "\n"


def _sections() -> Iterator[str]:
    yield from _table("The head of every message", list(field_offsets(HEAD)))
    for title, messages in (("From the host", COMMANDS), ("From the board", REPORTS)):
        yield f"### {title}"
        yield ""
        for name, message in messages.items():
            spends = ", spends credit" if message.QUEUED else ""
            yield f"**`{name}`**, {message.TYPE:#04x}{spends}. {_join_lines(message.__doc__ or '')}"
            yield ""
            fields = list(field_offsets(message.LAYOUT, HEAD_SIZE))
            if fields:
                yield from _rows(fields)
    yield from _table("The timing table", list(field_offsets(TIMING_LAYOUT)))
    yield from _table("A line of the map", list(field_offsets(LINE_LAYOUT)))
    for constants in MEANINGS:
        yield f"### {_title(constants.__name__)}"
        yield ""
        yield "| value | name | meaning |"
        yield "|---|---|---|"
        yield from (f"| {member.value} | `{member.name}` | {describe_constant(member)} |" for member in constants)
        yield ""


def _table(title: str, fields: list[FieldOffset]) -> Iterator[str]:
    yield f"### {title}"
    yield ""
    yield from _rows(fields)


def _rows(fields: list[FieldOffset]) -> Iterator[str]:
    yield "| offset | bytes | field | meaning |"
    yield "|---|---|---|---|"
    for field in fields:
        takes = "…" if field.size is None else str(field.size)
        yield f"| {field.offset} | {takes} | `{field.name}` | {field.meaning} |"
        if field.size is None and field.name == "data" and field.meaning == "the bytes":
            yield "| … | … | `gaps` | with `GAPS`: count - 1 bytes, else none |"
    yield ""


def _join_lines(text: str) -> str:
    return " ".join(text.split())


def _title(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


if __name__ == "__main__":
    print(to_markdown(), end="")
