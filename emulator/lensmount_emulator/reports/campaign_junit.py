"""A campaign as JUnit XML: a suite for each body, a case for each case; what fails is a failure, lost is an error.

Element order and attributes are those that Jenkins's schema has (xunit-plugin, junit-10.xsd); GitLab takes a case's
class for its suite and wants names that differ. Times are virtual.
"""

import re
from collections.abc import Sequence
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from lensmount_emulator.campaign.case import Standing
from lensmount_emulator.campaign.finished import Finished
from lensmount_emulator.campaign.results import Results
from lensmount_emulator.reports.campaign_words import (
    complaint_line,
    conclusion,
    name_of,
    replay_of,
    script_line,
    shown_by,
    summary,
    totals,
)

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS = {Standing.BROKEN: "failure", Standing.UNEXPECTED: "failure", Standing.LOST: "error"}


def campaign_to_junit(results: Results) -> str:
    """The document."""
    name = results.title or f"lensmount campaign {results.dialect}"
    suites = Element("testsuites", {"name": _clean(name), **_figures(results.cases)})
    by_body: dict[str, list[Finished]] = {}
    for case in results.cases:
        by_body.setdefault(case.case.body, []).append(case)
    for body, cases in by_body.items():
        suite = SubElement(suites, "testsuite", {"name": _clean(body), **_figures(cases), "skipped": "0"})
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", {"name": "run", "value": _clean(totals(results))})
        SubElement(properties, "property", {"name": "conclusion", "value": _clean(conclusion(results))})
        suite.extend(_case(results, case) for case in cases)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _case(results: Results, finished: Finished) -> Element:
    case = finished.case
    about = {"name": _clean(name_of(finished)), "classname": _clean(f"{case.dialect}.{case.body}")}
    element = Element("testcase", {**about, "time": f"{finished.seconds:.3f}"})
    told = f"first told: {finished.told}" if finished.told else ""
    lines = [
        script_line(finished),
        *map(complaint_line, finished.complaints),
        told,
        f"replay: {replay_of(results, finished)}",
    ]
    if show := shown_by(results, finished):
        lines.append(f"show: {show}")
    text = _clean("\n".join(line for line in lines if line))
    if finished.standing in _ELEMENTS:
        kind = ", ".join(dict.fromkeys(complaint.invariant for complaint in finished.complaints)) or "script"
        failure = SubElement(
            element, _ELEMENTS[finished.standing], {"message": _clean(summary(finished)), "type": _clean(kind)}
        )
        failure.text = text
    SubElement(element, "system-out").text = text
    return element


def _figures(cases: Sequence[Finished]) -> dict[str, str]:
    kinds = [_ELEMENTS.get(case.standing, "") for case in cases]
    seconds = sum(case.seconds for case in cases)
    failures, errors = (str(kinds.count(kind)) for kind in ("failure", "error"))
    return {"tests": str(len(cases)), "failures": failures, "errors": errors, "time": f"{seconds:.3f}"}


def _clean(text: str) -> str:
    """The text with a mark in place of characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
