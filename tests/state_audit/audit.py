"""The audit itself: explorations of lenses, disturbed sessions of bodies, and the exceptions that each may need."""

from dataclasses import dataclass, field
from types import ModuleType

from state_audit import emount, lmount
from state_audit.bodies import PLAYS, audit_bodies, is_defect
from state_audit.exceptions import EXCEPTIONS, Row
from state_audit.explore import Explored, Step, changed_by_refusal, explore, ignored, locked

MODULES: dict[str, ModuleType] = {"emount": emount, "lmount": lmount}

LENSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("emount", ("sel55210", "share")),
    ("lmount", ("sigma-45mm-f2.8-dg-dn", "link")),
    ("lmount", ("sigma-45mm-f2.8-dg-dn", "power")),
    ("lmount", ("sigma-45mm-f2.8-dg-dn", "stream")),
)
"""Dialect, and profile and letters, that the suite explores."""

MORE_LENSES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("emount", ("sel55210",)),
    ("emount", ("sel2870",)),
    ("lmount", ("panasonic-s-pro-70-200mm-f2.8", "link")),
    ("lmount", ("sigma-45mm-f2.8-dg-dn", "all")),
)
"""What `make state-audit` explores beside those."""

MOST_STATES = 700


@dataclass
class Report:
    """What was tried, and what is wrong.

    Attributes:
        name: of what was explored.
        states: how many were met.
        inputs: how many were tried in them.
        excepted: row of the exceptions -> how often it was needed.
        defects: what no exception covers, in words.
    """

    name: str
    states: int = 0
    inputs: int = 0
    excepted: dict[Row, int] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)


def judge(dialect: str, found: Explored, report: Report) -> Report:
    """Hold an exploration against the three kinds of defects and the exceptions."""
    kinds: tuple[tuple[str, list[tuple[Step, str]]], ...] = (
        ("refusal", changed_by_refusal(found)),
        ("ignored", ignored(found)),
        ("locked", locked(found, MODULES[dialect].is_home)),
    )
    report.states, report.inputs = len(found.states), len(found.steps)
    for kind, cases in kinds:
        for step, words in cases:
            row = next((r for r in EXCEPTIONS if (r.dialect, r.kind) == (dialect, kind) and r.applies(step)), None)
            if row is None:
                report.defects.append(f"{kind}: {words}")
            else:
                report.excepted[row] = report.excepted.get(row, 0) + 1
    return report


def audit_lens(dialect: str, arguments: tuple[str, ...], *, each_new: bool = False) -> Report:
    """Explore one lens with one alphabet."""
    found = explore(MODULES[dialect].alphabet(*arguments), MOST_STATES, each_new=each_new)
    return judge(dialect, found, Report(f"{dialect} lens {' '.join(arguments)}"))


def audit_body(dialect: str, every: int = 1, first: int = 0) -> Report:
    """Disturb the sessions of one body."""
    report, met = Report(f"{dialect} body {PLAYS[dialect].body}"), set[str]()
    for result in audit_bodies(PLAYS[dialect], every, first):
        met.add(result.state)
        report.inputs += 1
        if is_defect(result):
            report.defects.append(f"{result.name} in {result.state}: {result.outcome}")
    report.states = len(met)
    return report
