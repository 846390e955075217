"""A matrix as JUnit XML: a suite for each body, a case for each cell; only what is broken is a failure.

Reduced and refused are right answers of a body, so they pass, and `system-out` names the rules. Element order and
attributes are those that Jenkins's schema has (xunit-plugin, junit-10.xsd); GitLab takes a case's class for its suite
and wants names that differ. Times are virtual.
"""

import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from lensmount_emulator.reports.matrix_words import summary, told, totals
from lensmount_emulator.sessions.matrix import Cell, Matrix, Outcome

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def matrix_to_junit(matrix: Matrix) -> str:
    """The document."""
    suites = Element("testsuites", {"name": f"lensmount matrix {matrix.dialect}", **_figures(matrix.cells)})
    for body, title in matrix.bodies.items():
        cells = [cell for cell in matrix.cells if cell.body == body]
        if cells:
            suites.append(_suite(matrix, body, title, cells))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _suite(matrix: Matrix, body: str, title: str, cells: list[Cell]) -> Element:
    suite = Element("testsuite", {"name": _clean(body), **_figures(cells), "skipped": "0"})
    properties = SubElement(suite, "properties")
    said = {
        "body": title,
        "notice": matrix.notice,
        "script": matrix.script,
        "seed": "none" if matrix.seed is None else str(matrix.seed),
        "run": totals(matrix),
    }
    for name, value in said.items():
        SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(_case(matrix, cell) for cell in cells)
    return suite


def _case(matrix: Matrix, cell: Cell) -> Element:
    about = {"name": f"{cell.what} on {cell.body}", "classname": f"{matrix.dialect}.{cell.body}"}
    case = Element("testcase", {name: _clean(value) for name, value in about.items()} | {"time": f"{cell.seconds:.3f}"})
    lines = [*told(cell), f"replay: {cell.replay}"]
    if cell.outcome is Outcome.BROKEN:
        failure = SubElement(case, "failure", {"message": _clean(summary(cell)), "type": cell.outcome.value})
        failure.text = _clean("\n".join(lines))
    SubElement(case, "system-out").text = _clean("\n".join([summary(cell), *lines]))
    return case


def _figures(cells: list[Cell]) -> dict[str, str]:
    broken = sum(cell.outcome is Outcome.BROKEN for cell in cells)
    seconds = sum(cell.seconds for cell in cells)
    return {"tests": str(len(cells)), "failures": str(broken), "errors": "0", "time": f"{seconds:.3f}"}


def _clean(text: str) -> str:
    """The text with a mark in place of characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)
