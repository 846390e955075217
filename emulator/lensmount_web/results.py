"""Results of matrices and campaigns for the page: their cells and cases, and the session of any one of them."""

import itertools
import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lensmount_emulator.campaign.matrix import Matrix
from lensmount_emulator.campaign.results import read_campaign, read_case
from lensmount_emulator.campaign.store import CASE_COLUMNS
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.reports.result_documents import matrix_from_json
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.traffic.read_columns import columns_of_records
from lensmount_hardware.input_file import read_input
from lensmount_protocol.errors import CaptureError, MountError
from lensmount_web.session_store import StoredSession

MAX_MATRIX = 256 * 1024 * 1024
PAGE = 500
"""Cases in one answer."""

_SQLITE = b"SQLite format 3\x00"


def result_kind(path: Path) -> str:
    """Whether a file is a `matrix`, a `campaign`, or neither: `""`."""
    try:
        with path.open("rb") as file:
            head = file.read(400)
    except OSError:
        return ""
    if head.startswith(_SQLITE):
        return "campaign"
    return "matrix" if head.lstrip().startswith(b"{") and b'"matrix"' in head else ""


class Results:
    """The result files that the command named.

    Args:
        paths: the files.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        # Uploads come in threads of their own, and no two may get the same number.
        self._numbers = itertools.count(1)
        self._files = {str(next(self._numbers)): path for path in paths}
        self._titles = {id_: path.name for id_, path in self._files.items()}
        self._matrices: dict[str, Matrix] = {}

    def add(self, path: Path, title: str) -> dict[str, str]:
        """Keep one more file; return it as `listed` does.

        Raises:
            MountError: it is damaged.
        """
        check_results([path])
        id_ = str(next(self._numbers))
        self._titles[id_], self._files[id_] = title, path
        return self._about(id_)

    def listed(self) -> list[dict[str, str]]:
        """The files for the start page."""
        return [self._about(id_) for id_ in list(self._files)]

    def _about(self, id_: str) -> dict[str, str]:
        return {"id": id_, "title": self._titles[id_], "kind": result_kind(self._files[id_])}

    def matrix(self, id_: str) -> dict[str, Any]:
        """A matrix: its axes, rules, counts and cells.

        Raises:
            CaptureError: there is none of this name, or it cannot be read.
        """
        matrix = self._matrix(id_)
        return {
            "title": matrix.title,
            "notice": matrix.notice,
            "dialect": matrix.dialect,
            "script": matrix.script,
            "seed": matrix.seed,
            "planned": matrix.planned,
            "bodies": matrix.bodies,
            "lenses": matrix.lenses,
            "accessories": matrix.accessories,
            "facts": {name: _facts(name) for name in (*matrix.bodies, *matrix.lenses)},
            "rules": {
                name: {"title": rule.why, "known": rule.known, "source": rule.source}
                for name, rule in matrix.rules.items()
            },
            "counts": {outcome.value: count for outcome, count in matrix.counts.items()},
            "cells": [
                {
                    "number": number,
                    "body": cell.body,
                    "lens": cell.lens,
                    "accessories": list(cell.accessories),
                    "outcome": cell.outcome.value,
                    "rules": cell.rules,
                    "findings": [
                        {"step": one.step, "verdict": one.verdict.value, "text": one.detail, "rule": one.rule}
                        for one in cell.findings
                        # One that works may still have a rule, such as a notice, by which a user selects cells.
                        if one.rule or one.verdict is not Verdict.WORKS
                    ],
                    "errors": list(cell.errors),
                    "seconds": cell.seconds,
                    "replay": cell.replay,
                }
                for number, cell in enumerate(matrix.cells)
            ],
        }

    def cases(self, id_: str, where: str, page: int) -> dict[str, Any]:
        """The cases that a condition selects, one page of them, with counts by property.

        Raises:
            CaptureError: the file cannot be read.
            CampaignError: the condition is not legal; the text lists the columns.
        """
        path = self._path(id_, "campaign")
        results = read_campaign(path, where) if where.strip() else read_campaign(path)
        first = max(0, page) * PAGE
        chosen = list(itertools.islice(results.cases, first, first + PAGE))
        return {
            "title": results.title,
            "dialect": results.dialect,
            "planned": results.planned,
            "finished": results.finished,
            "selected": len(results.cases),
            "page": max(0, page),
            "pages": -(-len(results.cases) // PAGE),
            "columns": list(CASE_COLUMNS),
            "counts": {status.value: count for status, count in results.counts.items()},
            "facets": {
                name: [
                    {"value": share[0], "passed": share.passed, "tolerated": share.tolerated, "failing": share.failing}
                    for share in shares
                ]
                for name, shares in results.breakdowns.items()
            },
            "cases": [
                {
                    "number": one.case.number,
                    "status": one.status.value,
                    "body": one.case.body,
                    "lens": one.case.lens,
                    "accessories": list(one.case.accessories),
                    "faults": list(one.case.faults),
                    "seed": one.case.seed,
                    "script": one.case.script,
                    "verdict": one.verdict.value,
                    "progress": one.script.text,
                    "expected": one.expected.value,
                    "first_error": one.first_error,
                    "violations": [
                        {"invariant": what.invariant, "at": what.at, "text": what.text} for what in one.violations
                    ],
                    "seconds": one.seconds,
                    "frames": one.frames,
                }
                for one in chosen
            ],
        }

    def replayed(self, id_: str, number: int) -> StoredSession:
        """Play a cell or a case once more; the same seed gives the same session.

        Raises:
            CaptureError: there is no such cell or case.
            MountError: it cannot be played here.
        """
        path = self._files.get(id_)
        if path is not None and result_kind(path) == "campaign":
            case = read_case(path, number).case
            result = run_loopback(
                case.body,
                case.lens,
                accessories=case.accessories,
                script=case.script,
                seconds=case.seconds,
                seed=case.seed,
                faults=case.faults,
            )
            return stored_session(result, f"case {number}: {case.body} + {case.lens}")
        matrix = self._matrix(id_)
        if not 0 <= number < len(matrix.cells):
            raise CaptureError(f"the matrix has no cell {number}; known: 0 to {len(matrix.cells) - 1}")
        cell = matrix.cells[number]
        result = run_loopback(
            cell.body, cell.lens, accessories=cell.accessories, script=matrix.script, seed=matrix.seed
        )
        session = stored_session(result, " + ".join((cell.body, *cell.accessories, cell.lens)))
        session.about["replay"] = cell.replay or shlex.join(["lensmount", "loopback", "--body", cell.body])
        return session

    def _path(self, id_: str, kind: str) -> Path:
        path = self._files.get(id_)
        if path is None:
            raise CaptureError(f"there is no {kind} of this name; open it by `lensmount ui FILE`")
        return path

    def _matrix(self, id_: str) -> Matrix:
        if id_ not in self._matrices:
            path = self._path(id_, "matrix")
            self._matrices[id_] = matrix_from_json(read_input(path, MAX_MATRIX, "a matrix"), self._titles[id_])
        return self._matrices[id_]


FACTS = ("maker", "format")
"""Values of a profile by which the page groups devices, wherever its settings hold them."""


def _facts(name: str) -> dict[str, str]:
    """Maker and format of a profile; empty where it is not installed here or states none."""
    try:
        settings = load_profile(name).settings
    except MountError:
        return {}
    parts = [settings, *(getattr(settings, key) for key in settings.__struct_fields__)]
    found: dict[str, str] = {}
    for part in parts:
        for fact in FACTS:
            value = getattr(part, fact, None)
            if isinstance(value, str) and value:
                found.setdefault(fact, value)
    return found


def stored_session(result: LoopbackResult, title: str) -> StoredSession:
    """A virtual session for the page, with its errors among the findings."""
    columns = columns_of_records(result.dialect, result.records)
    session = StoredSession(title, "replay", columns, header=dict(result.header))
    session.about["findings"] = [
        {
            "kind": "error",
            "t": error.at,
            "row": None,
            "text": error.text,
            "track": error.role.value if error.role else "",
        }
        for error in result.errors
    ]
    return session


def check_results(paths: Iterable[Path]) -> None:
    """Read each result once, so that a bad one is reported before a browser opens.

    Raises:
        MountError: a file is damaged.
    """
    for path in paths:
        try:
            if result_kind(path) == "campaign":
                read_campaign(path)
            else:
                matrix_from_json(read_input(path, MAX_MATRIX, "a matrix"), str(path))
        except MountError:
            raise
