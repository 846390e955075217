"""Faults as text: every key reads what it writes, and whatever is wrong is told in one line with what is legal."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.faults.options import option_type
from lensmount_emulator.faults.registry import (
    BUILT_IN_FAULTS,
    OLD_NAMES,
    format_fault,
    known_faults,
    option_fields,
    parse_fault,
)
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role


@pytest.mark.parametrize("name", known_faults())
def test_a_fault_by_its_name_alone_reads_as_it_writes(name: str) -> None:
    fault = parse_fault(name)
    assert name == fault.NAME
    assert parse_fault(format_fault(fault)) == fault
    assert format_fault(parse_fault(format_fault(fault))) == format_fault(fault)


def test_each_has_its_own_name_and_says_what_it_is() -> None:
    assert len(known_faults()) >= len(BUILT_IN_FAULTS) == len({cls.NAME for cls in BUILT_IN_FAULTS})
    assert {cls.TOUCHES for cls in BUILT_IN_FAULTS} == {
        "bytes",
        "frames",
        "lines",
        "timing",
        "clock",
        "power",
        "attachment",
    }
    assert all((cls.__doc__ or "").strip() for cls in BUILT_IN_FAULTS)


@given(st.sampled_from(BUILT_IN_FAULTS), st.floats(0, 1e3), st.sampled_from([None, *Role]), st.integers(1, 500))
def test_any_values_read_as_they_write(cls: type, at: float, role: Role | None, count: int) -> None:
    fault = replace(cls(), at=at, from_=role, count=count)
    assert parse_fault(format_fault(fault)) == fault


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("bitflip rate=1e-4", "bitflip at=0.0s from=both rate=0.0001"),
        ("detach at=1.2s for=30ms", "detach at=1.2s for=0.03s from=both rate=0.0"),
        ("vd jitter=200us", "jitter at=0.0s from=both rate=1.0 by=0.0002s line=vd"),
        ("pause by=150ms byte=9 from=lens", "pause at=0.0s from=lens rate=1.0 count=1 by=0.15s byte=9"),
        ("baud by=3%", "baud at=0.0s from=lens rate=1.0 by=3.0%"),
    ],
)
def test_texts_of_people(text: str, means: str) -> None:
    assert format_fault(parse_fault(text)) == means


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "unknown fault ''; known: baud, bit-shift"),
        ("bitflop", "unknown fault 'bitflop'; known: baud, bit-shift"),
        ("bitflip rate=2", "rate wants a share from 0 to 1, not '2'"),
        ("bitflip rate=nan", "rate wants a share"),
        ("bitflip rate", "unknown key 'rate'"),
        ("bitflip by=3", "unknown key 'by'; known: at, count, expect, for, from, rate, until"),
        ("detach at=soon", "at wants a duration such as 1.2s, 30ms or 200us, not 'soon'"),
        ("detach at=-1s", "at wants a duration"),
        ("detach from=adapter", "from wants body, lens or both"),
        ("drop count=0", "count wants a whole number from 1 to 1000000"),
        ("drop at=1 at=2", "at is there twice"),
        ("stuck-line level=1", "level wants low or high"),
        ("baud by=90%", "by wants a percentage from -30 to 30"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(text: str, says: str) -> None:
    with pytest.raises(FaultError) as error:
        parse_fault(text)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@given(st.text(max_size=30))
def test_any_text_reads_or_is_refused(text: str) -> None:
    fault, refusal = read(text)
    assert "\n" not in refusal
    assert fault is None or parse_fault(format_fault(fault)) == fault


def read(text: str) -> tuple[Fault | None, str]:
    try:
        return parse_fault(text), ""
    except FaultError as error:
        return None, str(error)


@given(st.sampled_from(BUILT_IN_FAULTS), st.data(), st.text(max_size=12))
def test_any_value_reads_or_is_refused(cls: type, data: st.DataObject, value: str) -> None:
    name = data.draw(st.sampled_from(sorted(option_fields(cls))))
    value = "".join(value.split())
    fault, refusal = read(f"{cls.NAME} {name}={value}")  # type: ignore[attr-defined]
    if fault is None:
        assert option_type(option_fields(cls)[name].metadata).legal in refusal
    else:
        assert parse_fault(format_fault(fault)) == fault


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("late by=3ms", "delay-frame by=3ms"),
        ("repeat rate=0.1", "duplicate-frame rate=0.1"),
        ("stuck line=VD", "stuck-line line=VD"),
        ("other-lens at=1s", "swap-lens at=1s"),
    ],
)
def test_an_old_name_makes_the_same_fault(old: str, new: str) -> None:
    assert parse_fault(old) == parse_fault(new)
    assert format_fault(parse_fault(old)).split()[0] == new.split()[0]


def test_a_message_lists_no_old_name() -> None:
    with pytest.raises(FaultError) as raised:
        parse_fault("lost rate=0.1")
    assert "delay-frame" in str(raised.value)
    assert not set(OLD_NAMES) & set(re.split(r"[ ,;:]+", str(raised.value)))
