"""A share of the state audit; all of it by `make state-audit`."""

from functools import cache

import pytest

from lensmount_emulator.roles.lmount.lens import power
from lensmount_protocol.dialects.lmount.transitions import TRANSITIONS
from state_audit.audit import LENSES, Report, audit_body, audit_lens, judge
from state_audit.exceptions import EXCEPTIONS
from state_audit.explore import Alphabet, Explored, Letter, explore
from state_audit.lmount import alphabet

BODY_SHARE = 29


@cache
def audited(dialect: str, arguments: tuple[str, ...]) -> Report:
    """The audit of one lens, once in each process that asks for it."""
    return audit_lens(dialect, arguments)


@pytest.mark.parametrize(
    ("dialect", "arguments"), LENSES, ids=lambda value: value if isinstance(value, str) else value[-1]
)
def test_a_lens_has_no_state_with_a_defect(dialect: str, arguments: tuple[str, ...]) -> None:
    report = audited(dialect, arguments)
    assert report.defects == []
    assert report.states >= 12
    assert report.inputs >= 150


def test_every_exception_is_needed() -> None:
    assert set(EXCEPTIONS) == {row for lens in LENSES for row in audited(*lens).excepted}
    assert all(row.reason and row.evidence for row in EXCEPTIONS)


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_a_body_goes_on_or_gives_up_in_order(dialect: str) -> None:
    report = audit_body(dialect, BODY_SHARE)
    assert report.defects == []
    assert report.states >= 6
    assert report.inputs >= 15


# The defects that the audit was written for, planted again: it must find each.


def _audit_link() -> Report:
    return audit_lens("lmount", ("sigma-45mm-f2.8-dg-dn", "sleep"))


def test_a_refusal_that_moves_a_sleeping_link_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for legal in TRANSITIONS._legal.values():
        if "refusal" in legal["ASLEEP"]:
            monkeypatch.setitem(legal["ASLEEP"], "refusal", "READY")
    assert any(text.startswith("refusal: a refusal of") and "ASLEEP" in text for text in _audit_link().defects)


def test_a_lens_that_never_wakes_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def rests_for_ever(_lens: object):
        yield from ()

    monkeypatch.setattr(power, "_wait_for_wake_up", rests_for_ever)
    assert any("call is legal in" in text and text.startswith("ignored") for text in _audit_link().defects)


def test_a_state_without_a_way_out_is_found() -> None:
    whole = alphabet("sigma-45mm-f2.8-dg-dn", "sleep")
    letters = whole.letters
    few = {name: letter for name, letter in letters.items() if name not in ("call", "hello")}
    few["hello once"] = Letter("hello once", lambda raw: None if raw.lens.asleep else letters["hello"].act(raw))
    found: Explored = explore(Alphabet(whole.new, few, whole.state, whole.refusal))
    report = judge("lmount", found, Report("without a call"))
    assert any(text.startswith("locked") and "ASLEEP" in text for text in report.defects)
