"""The specification's tables and the declarations are the same, both ways."""

import re
from pathlib import Path

from lensmount_protocol.dialect import Dialect

SPEC = Path(__file__).parents[3] / "protocol" / "spec" / "emount.md"
ROW = re.compile(r"^\| ([0-9A-F]{2}) \| (body|lens) \| (\d+) \| (\w+) \| ([^|]+) \|$", re.MULTILINE)
LINE = re.compile(r"^\| `([A-Z_]+)` \| (body|lens) \|", re.MULTILINE)
SOURCE = re.compile(r"\b(SIG|LEXFW|LEX|BAS-SY|BAS-TA|BAS-TR|BAS|WZQ|ENT|EXIF|AN|LB)\b")


def test_the_message_table_is_the_declarations(emount: Dialect) -> None:
    written = {
        (int(type_, 16), sender, int(size), name, known)
        for type_, sender, size, name, known in ROW.findall(SPEC.read_text())
    }
    declared = {
        (cls.TYPE, cls.SENDER.value, cls.SIZE, cls.__name__, f"{cls.EVIDENCE.level.value} ({cls.EVIDENCE.source})")
        for cls in emount.messages.values()
    }
    assert written == declared


def test_the_line_table_is_the_wiring(emount: Dialect) -> None:
    written = dict(LINE.findall(SPEC.read_text()))
    assert written == {line: driver.value for line, driver in emount.drivers.items()}
    assert set(written) == set(emount.wiring.lines)


def test_every_source_that_a_declaration_names_is_listed(emount: Dialect) -> None:
    named = {key for cls in emount.messages.values() for key in SOURCE.findall(cls.EVIDENCE.source)}
    named |= {
        key
        for cls in emount.messages.values()
        for spec in cls.FIELDS
        if spec.evidence is not None
        for key in SOURCE.findall(spec.evidence.source)
    }
    named |= {key for rule in emount.timing for key in SOURCE.findall(rule.evidence.source)}
    assert named <= emount.sources.keys()
    assert all(key in SPEC.read_text() for key in named)


def test_every_rule_of_the_contract_has_bounds_that_make_sense(emount: Dialect) -> None:
    assert len({rule.name for rule in emount.timing}) == len(emount.timing)
    assert all(0 <= rule.minimum_us < rule.maximum_us for rule in emount.timing)
