"""A campaign as one JSON document: a case on each line, so that two documents can be compared with `diff`.

A matrix as one JSON document, for machines; the same matrix gives the same bytes.

The document has `lensmount` (`matrix`), `version`, the attributes of `Matrix` in their order, and `counts`. Every
cell stands on a line of its own, so that two documents can be compared line by line. Times are virtual seconds.

A campaign as JUnit XML: a suite for each body, a case for each case; what fails is a failure, lost is an error.

Element order and attributes are those that Jenkins's schema has (xunit-plugin, junit-10.xsd); GitLab takes a case's
class for its suite and wants names that differ. Times are virtual.

A matrix as JUnit XML: a suite for each body, a case for each cell; only what is broken is a failure.

Reduced and refused are right answers of a body, so they pass, and `system-out` names the rules. Element order and
attributes are those that Jenkins's schema has (xunit-plugin, junit-10.xsd); GitLab takes a case's class for its suite
and wants names that differ. Times are virtual.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import msgspec

from lensmount_emulator.campaign.case import CaseStatus, StoredCase
from lensmount_emulator.campaign.matrix import Matrix, MatrixCell, MatrixOutcome
from lensmount_emulator.campaign.results import CampaignResults
from lensmount_emulator.reports.summary import (
    campaign_counts,
    case_label,
    case_summary,
    cell_lines,
    cell_summary,
    conclusion,
    explain_failed_cases,
    failure_replay_command,
    format_violation,
    matrix_counts,
    rerun_command,
    script_line,
)
from lensmount_protocol.errors import CaptureError

CAMPAIGN_VERSION = 3


def campaign_to_json(results: CampaignResults) -> str:
    """The document; what the machine's speed makes is not in it, so the same campaign gives the same bytes."""
    head = {
        "lensmount": "campaign",
        "version": CAMPAIGN_VERSION,
        "title": results.title,
        "dialect": results.dialect,
        "where": results.where,
        "planned": results.planned,
        "finished": results.finished,
        "complete": results.complete,
        "passed": results.passed,
        "counts": {standing.value: count for standing, count in results.counts.items()},
        "invariants": {verdict.value: count for verdict, count in results.verdicts.items()},
        "scripts": {
            "complete": results.scripts_complete,
            "not complete": len(results.cases) - results.scripts_complete,
        },
        "outcomes": {outcome.value: count for outcome, count in results.outcomes.items()},
        "by": {what: {share.what: list(share[1:]) for share in shares} for what, shares in results.breakdowns.items()},
        "replies_us": results.replies,
        "states": [[*key, count] for key, count in results.states.items()],
        "transitions": [[*key, count] for key, count in results.transitions.items()],
    }
    texts = explain_failed_cases(results)
    text = _compact(head)[:-1] + ',\n"cases": ['
    return text + "".join(("," if at else "") + "\n" + _compact(_case_to_dict(results, case, texts))
                          for at, case in enumerate(results.cases)) + "\n]}\n"  # fmt: skip


def _case_to_dict(results: CampaignResults, finished: StoredCase, texts: Mapping[int, str]) -> dict[str, object]:
    case = finished.case
    return {
        "number": case.number,
        "kind": case.kind,
        "body": case.body,
        "lens": case.lens,
        "accessories": case.accessories,
        "faults": case.faults,
        "seed": case.seed,
        "script": case.script,
        "standing": finished.status.value,
        "verdict": finished.verdict.value,
        "script_result": {
            "complete": finished.script.complete,
            "done": finished.script.done,
            "steps": finished.script.steps,
            "stopped_at": finished.script.stopped_at,
            "declined": finished.script.declined,
        },
        "expected": finished.expected.value,
        "outcome": finished.outcome.value,
        "violations": [violation._asdict() for violation in finished.violations],
        "first_error": finished.first_error,
        "seconds": round(finished.seconds, 6),
        "frames": finished.frames,
        "bytes": finished.bytes,
        "digest": finished.digest,
        "file": finished.file,
        "replay": rerun_command(results, finished),
        "show": failure_replay_command(results, finished),
        **({"explanation": texts[case.number]} if case.number in texts else {}),
    }


def _compact(what: object) -> str:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":"))


MATRIX_VERSION = 1
_KIND = {"lensmount": "matrix", "version": MATRIX_VERSION}


def matrix_to_json(matrix: Matrix) -> str:
    """The document."""
    text: dict[str, Any] = msgspec.to_builtins(matrix)
    cells = text.pop("cells")
    counts = {outcome.value: count for outcome, count in matrix.counts.items()}
    head = _line(_KIND | text | {"counts": counts, "complete": matrix.complete})
    return head.removesuffix("}") + ',"cells":[\n' + ",\n".join(map(_line, cells)) + "\n]}\n"


def matrix_from_json(text: str | bytes, origin: str = "matrix") -> Matrix:
    """Return the matrix of a document.

    Args:
        text: the document.
        origin: what errors call it.

    Raises:
        CaptureError: it is no such document, damaged, or of another version.
    """
    try:
        line = msgspec.json.decode(text, type=dict[str, Any])
        kind = {key: line.pop(key, None) for key in _KIND}
        if kind != _KIND:
            raise CaptureError(f"{origin}: {kind} is no matrix of version {MATRIX_VERSION}")
        return msgspec.convert(line, Matrix)
    except msgspec.MsgspecError as error:
        raise CaptureError(f"{origin}: no matrix: {error}") from error


def _line(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FAILURE_ELEMENTS = {CaseStatus.BROKEN: "failure", CaseStatus.UNEXPECTED: "failure", CaseStatus.LOST: "error"}


def campaign_to_junit(results: CampaignResults) -> str:
    """The document."""
    name = results.title or f"lensmount campaign {results.dialect}"
    suites = Element("testsuites", {"name": _clean(name), **_campaign_counts(results.cases)})
    texts = explain_failed_cases(results)
    by_body: dict[str, list[StoredCase]] = {}
    for case in results.cases:
        by_body.setdefault(case.case.body, []).append(case)
    for body, cases in by_body.items():
        suite = SubElement(suites, "testsuite", {"name": _clean(body), **_campaign_counts(cases), "skipped": "0"})
        properties = SubElement(suite, "properties")
        SubElement(properties, "property", {"name": "run", "value": _clean(campaign_counts(results))})
        SubElement(properties, "property", {"name": "conclusion", "value": _clean(conclusion(results))})
        suite.extend(_campaign_case(results, case, texts) for case in cases)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _campaign_case(results: CampaignResults, finished: StoredCase, texts: Mapping[int, str]) -> Element:
    case = finished.case
    about = {"name": _clean(case_label(finished)), "classname": _clean(f"{case.dialect}.{case.body}")}
    element = Element("testcase", {**about, "time": f"{finished.seconds:.3f}"})
    details = f"first error: {finished.first_error}" if finished.first_error else ""
    lines = [
        script_line(finished),
        *map(format_violation, finished.violations),
        details,
        f"replay: {rerun_command(results, finished)}",
    ]
    if show := failure_replay_command(results, finished):
        lines.append(f"show: {show}")
    if explained := texts.get(case.number):
        lines.append(f"explanation: {explained}")
    text = _clean("\n".join(line for line in lines if line))
    if finished.status in _FAILURE_ELEMENTS:
        kind = ", ".join(dict.fromkeys(violation.invariant for violation in finished.violations)) or "script"
        failure = SubElement(
            element,
            _FAILURE_ELEMENTS[finished.status],
            {"message": _clean(case_summary(finished)), "type": _clean(kind)},
        )
        failure.text = text
    SubElement(element, "system-out").text = text
    return element


def _campaign_counts(cases: Sequence[StoredCase]) -> dict[str, str]:
    kinds = [_FAILURE_ELEMENTS.get(case.status, "") for case in cases]
    seconds = sum(case.seconds for case in cases)
    failures, errors = (str(kinds.count(kind)) for kind in ("failure", "error"))
    return {"tests": str(len(cases)), "failures": failures, "errors": errors, "time": f"{seconds:.3f}"}


def _clean(text: str) -> str:
    """The text with a mark in place of characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def matrix_to_junit(matrix: Matrix) -> str:
    """The document."""
    suites = Element("testsuites", {"name": f"lensmount matrix {matrix.dialect}", **_matrix_counts(matrix.cells)})
    for body, title in matrix.bodies.items():
        cells = [cell for cell in matrix.cells if cell.body == body]
        if cells:
            suites.append(_suite(matrix, body, title, cells))
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _suite(matrix: Matrix, body: str, title: str, cells: list[MatrixCell]) -> Element:
    suite = Element("testsuite", {"name": _clean(body), **_matrix_counts(cells), "skipped": "0"})
    properties = SubElement(suite, "properties")
    text = {
        "body": title,
        "notice": matrix.notice,
        "script": matrix.script,
        "seed": "none" if matrix.seed is None else str(matrix.seed),
        "run": matrix_counts(matrix),
    }
    for name, value in text.items():
        SubElement(properties, "property", {"name": name, "value": _clean(value)})
    suite.extend(_matrix_case(matrix, cell) for cell in cells)
    return suite


def _matrix_case(matrix: Matrix, cell: MatrixCell) -> Element:
    about = {"name": f"{cell.what} on {cell.body}", "classname": f"{matrix.dialect}.{cell.body}"}
    case = Element(
        "testcase",
        {name: _clean(value) for name, value in about.items()} | {"time": f"{cell.seconds:.3f}"},
    )
    lines = [*cell_lines(cell), f"replay: {cell.replay}"]
    if cell.outcome is MatrixOutcome.BROKEN:
        failure = SubElement(case, "failure", {"message": _clean(cell_summary(cell)), "type": cell.outcome.value})
        failure.text = _clean("\n".join(lines))
    SubElement(case, "system-out").text = _clean("\n".join([cell_summary(cell), *lines]))
    return case


def _matrix_counts(cells: list[MatrixCell]) -> dict[str, str]:
    broken = sum(cell.outcome is MatrixOutcome.BROKEN for cell in cells)
    seconds = sum(cell.seconds for cell in cells)
    return {"tests": str(len(cells)), "failures": str(broken), "errors": "0", "time": f"{seconds:.3f}"}
