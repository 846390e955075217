"""The pages' contents: what is built is read, the rest is a MountError, and the specification says the same."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.roles.lmount.ids import EXTENSIONS
from lensmount_protocol.codec.lazy_construct import declaration_text
from lensmount_protocol.dialects.lmount.extensions import (
    EXTENSION_MESSAGES,
    FAST_FOCUS,
    JOINT_CORRECTIONS,
    CorrectionProfile,
    FocusSequence,
    FocusSequenceReport,
    MeasuredPoint,
    ProfileRequest,
    SetPoint,
    parse_extension,
)
from lensmount_protocol.errors import FrameError, MountError
from lensmount_protocol.message import FieldGroup, FieldSpec, Message
from lensmount_protocol.wire import Role

SPEC = (Path(__file__).parents[3] / "protocol" / "spec" / "lmount.md").read_text()
SECTION = SPEC[SPEC.index("## 8. Pages") : SPEC.index("## 9. Timing")]
RECORDS: tuple[type[FieldGroup], ...] = (SetPoint, MeasuredPoint)
EVERY = [(page, cls) for page, classes in EXTENSION_MESSAGES.items() for cls in classes]
TYPES = {"Int8ub": "u8", "Int16ul": "u16", "Int16sl": "s16", "Int32ul": "u32"}
LIMITS = {"Int8ub": (0, 255), "Int16ul": (0, 65_535), "Int16sl": (-32_768, 32_767), "Int32ul": (0, 2**32 - 1)}


def type_of(spec: FieldSpec) -> str:
    text = declaration_text(spec.layout) or ""
    element = re.fullmatch(r"PrefixedArray\(Int8ub, (?:FieldGroupAdapter\([\w.]*\.(\w+)\(.*|(\w+))\)", text)
    if element is None:
        return TYPES[text]
    return f"u8 n, n × {element[1] or TYPES[element[2]]}"


def table_of(fields: Iterable[FieldSpec], ahead: int) -> str:
    lines = ["| field | at | type | unit | meaning |", "|---|---|---|---|---|"]
    certain = True
    for spec in fields:
        at = str(spec.offset + ahead) if certain else "…"
        lines.append(f"| `{spec.name}` | {at} | {type_of(spec)} | {spec.unit} | {spec.meaning} |")
        certain = certain and not spec.varies
    return "\n".join(lines)


def chapter(page: int) -> str:
    """What section 8 is to say of a page's contents and of their records."""
    parts: list[str] = []
    for cls in EXTENSION_MESSAGES[page]:
        parts.append(f"#### `{cls.TYPE:02X}` {cls.__name__}, {cls.SENDER.value} to {cls.SENDER.peer.value}\n")
        parts.append(" ".join((cls.__doc__ or "").split()) + "\n")
        parts.append(table_of(cls.FIELDS, 1) + "\n")
        for record in RECORDS:
            if any(type_of(spec).endswith(f" {record.__name__}") for spec in cls.FIELDS):
                parts.append(f"`{record.__name__}`: {' '.join((record.__doc__ or '').split())}\n")
                parts.append(table_of(record.FIELDS, 0) + "\n")
    return "\n".join(parts)


@pytest.mark.parametrize("page", EXTENSION_MESSAGES, ids=hex)
def test_the_tables_are_the_declarations(page: int) -> None:
    text = SECTION[SECTION.index(f"### Page {page:#06x}:") :]
    following = text.find("\n### Page", 1)
    text = text if following < 0 else text[:following]
    assert text[text.index("#### ") :].strip() == chapter(page).strip()


def test_the_pages_are_those_that_there_are() -> None:
    written = re.findall(r"^\| (0x\w+) \| (\d+) \| ([a-z ]+) \| ([^|]+) \|$", SECTION, re.MULTILINE)
    assert written == [
        (f"{page.number:#06x}", str(page.revision), name, page.feature) for name, page in EXTENSIONS.items()
    ]
    assert set(EXTENSION_MESSAGES) == {page.number for page in EXTENSIONS.values()}
    assert [int(number, 16) for number in re.findall(r"^### Page (0x\w+)", SECTION, re.MULTILINE)] == list(
        EXTENSION_MESSAGES
    )


def value_of(spec: FieldSpec) -> st.SearchStrategy[Any]:
    kind = type_of(spec)
    record = next((record for record in RECORDS if kind.endswith(record.__name__)), None)
    if record is not None:
        made = record
        fields = {inside.name: value_of(inside) for inside in record.FIELDS}
        return st.lists(st.fixed_dictionaries(fields).map(lambda values: made(**values)), max_size=5)
    limits = next(LIMITS[word] for word, name in TYPES.items() if name == kind.rsplit(" ", 1)[-1])
    return st.lists(st.integers(*limits), max_size=5) if " " in kind else st.integers(*limits)


@given(st.data(), st.sampled_from(EVERY))
def test_what_is_built_is_read_and_built_again(data: st.DataObject, which: tuple[int, type[Message]]) -> None:
    page, cls = which
    content = cls(**{spec.name: data.draw(value_of(spec)) for spec in cls.FIELDS})
    built = content.build()
    assert parse_extension(page, cls.SENDER, built) == content
    assert parse_extension(page, cls.SENDER, built).build() == built
    for cut in range(len(built)):
        with pytest.raises(FrameError):
            parse_extension(page, cls.SENDER, built[:cut])
    with pytest.raises(FrameError):
        parse_extension(page, cls.SENDER, built + b"\0")


@given(st.integers(0, 3), st.sampled_from(Role), st.binary(max_size=60))
def test_any_content_is_read_or_is_a_mount_error(page: int, sender: Role, content: bytes) -> None:
    read = None
    with contextlib.suppress(MountError):
        read = parse_extension(page, sender, content)
    assert read is None or read.build() == content


def test_what_no_one_knows_is_reported() -> None:
    with pytest.raises(FrameError, match="page 0x0001 has no kind 0x02 from the body"):
        parse_extension(JOINT_CORRECTIONS, Role.BODY, b"\2")
    with pytest.raises(FrameError, match="page 0x8001 has no kind 0x01 from the lens"):
        parse_extension(0x8001, Role.LENS, b"\1")
    with pytest.raises(FrameError, match="page 0x0002 has no content that is empty"):
        parse_extension(FAST_FOCUS, Role.BODY, b"")


def test_golden_contents() -> None:
    request = ProfileRequest(3, 50_000, 2_000, 512, 23_600, 15_600)
    assert request.build().hex() == "010350c30000d00700000002305cf03c"
    profile = CorrectionProfile(3, 50_000, 2_000, 512, 23_600, 15_600, 75, [-256], [], [1, 2])
    assert profile.build().hex() == "810350c30000d00700000002305cf03c4b0100ff000201000200"
    run = FocusSequence(1, 500, [SetPoint(0, 0, 1000), SetPoint(1, 32_768, 1004)])
    assert run.build().hex() == "0101f40102000000e803010080ec03"
    report = FocusSequenceReport(1, 500, 1, [MeasuredPoint(0, 998, -2)])
    assert report.build().hex() == "8101f40101010000e603feff0080"
