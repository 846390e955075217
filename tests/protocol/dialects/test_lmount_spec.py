"""The open model's specification and its declarations are the same, both ways."""

import re
from pathlib import Path

import pytest

from lensmount_emulator.reports.reference_tables import message_catalogue
from lensmount_protocol.checksums import CHECK_INPUT, CRC16_IBM_3740
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.lmount.types import POWER_LIMITS_MA, Feature, FocusFlag, Part, PowerClass
from lensmount_protocol.message import OpenIntEnum

FOLDER = Path(__file__).parents[3] / "protocol" / "spec"
SPEC = (FOLDER / "lmount.md").read_text()
ITEM = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def lmount() -> Dialect:
    return load_dialect("lmount")


def test_the_catalogue_is_the_declarations(lmount: Dialect) -> None:
    written = (FOLDER / "lmount-messages.md").read_text()
    assert written[written.index("### ") :] == message_catalogue(lmount)


def test_every_item_is_carried_by_just_the_messages_that_say_so(lmount: Dialect) -> None:
    rows = {int(number): re.findall(r"`([A-Z][a-z]\w+)`", carried) for number, *_, carried in ITEM.findall(SPEC)}
    assert sorted(rows) == list(range(1, 40))
    declared: dict[int, list[str]] = {number: [] for number in rows}
    for cls in lmount.messages.values():
        for number in re.findall(r"\d+", cls.EVIDENCE.source):
            declared[int(number)].append(cls.__name__)
    assert {number: sorted(names) for number, names in rows.items()} == {
        number: sorted(names) for number, names in declared.items()
    }


def test_every_item_is_carried_by_something() -> None:
    assert all(carried.strip() for *_, carried in ITEM.findall(SPEC))


def test_the_lines_are_the_wiring(lmount: Dialect) -> None:
    written = dict(re.findall(r"^\| `([A-Z_]+)` \| (body|lens) \|", SPEC, re.MULTILINE))
    assert written == {line: driver.value for line, driver in lmount.drivers.items()}
    assert set(written) == set(lmount.wiring.lines)


def test_the_bounds_are_the_contract(lmount: Dialect) -> None:
    written = re.findall(r"^\| ([a-z ]+) \| ([\d.e+]+) \| ([\d.e+]+) \|$", SPEC, re.MULTILINE)
    assert [(name, float(low), float(high)) for name, low, high in written] == [
        (rule.name, rule.minimum_us, rule.maximum_us) for rule in lmount.timing
    ]


def test_the_states_are_the_table(lmount: Dialect) -> None:
    assert lmount.transitions.diagram() in SPEC


@pytest.mark.parametrize(
    ("heading", "bits"), [("features of a body or lens", Feature), ("parts of a lens", Part)], ids=["features", "parts"]
)
def test_the_bits_are_the_sets(heading: str, bits: type[OpenIntEnum]) -> None:
    table = SPEC[SPEC.index(f"| {heading} | bit |") :].partition("\n\n")[0]
    assert [int(bit) for bit in re.findall(r"\| (\d+) \|$", table, re.MULTILINE)] == [int(bit) for bit in bits]


def test_the_flags_of_focus_are_the_enumeration() -> None:
    table = SPEC[SPEC.index("| flags of a focus state | bit |") :].partition("\n\n")[0]
    written = re.findall(r"^\| `([A-Z_]+)` \| (\d+) \|", table, re.MULTILINE)
    assert {name: 1 << int(bit) for name, bit in written} == {flag.name: int(flag) for flag in FocusFlag}


def test_the_classes_of_power_are_the_limits() -> None:
    written = re.findall(r"^\| ([A-Z]+) \| (\d+) \|$", SPEC, re.MULTILINE)
    assert {PowerClass[name]: int(most) for name, most in written} == POWER_LIMITS_MA


def test_the_checksum_is_the_one_that_is_described() -> None:
    assert CRC16_IBM_3740.compute(CHECK_INPUT) == CRC16_IBM_3740.check == 0x29B1
    assert "0x29B1 (CRC-16/IBM-3740)" in SPEC


def test_everything_is_modelled_and_says_so(lmount: Dialect) -> None:
    assert {cls.EVIDENCE.level.value for cls in lmount.messages.values()} == {"our own model"}
    assert "This is not the L-Mount protocol" in SPEC
    assert "is not it" in lmount.notice


def test_types_are_on_their_senders_side(lmount: Dialect) -> None:
    assert all((cls.TYPE >= 0x80) == (cls.SENDER.value == "lens") for cls in lmount.messages.values())
    assert not {cls.TYPE & 0x7F for cls in lmount.messages.values()} & set(range(0x78, 0x80))
