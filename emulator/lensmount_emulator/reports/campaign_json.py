"""A campaign as one JSON document: a case on each line, so that two documents can be compared with `diff`."""

import json

from lensmount_emulator.campaign.finished import Finished
from lensmount_emulator.campaign.results import Results
from lensmount_emulator.reports.campaign_words import replay_of, shown_by

VERSION = 2


def campaign_to_json(results: Results) -> str:
    """The document; what the machine's speed makes is not in it, so the same campaign gives the same bytes."""
    head = {
        "lensmount": "campaign",
        "version": VERSION,
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
        "by": {what: {share.what: list(share[1:]) for share in shares} for what, shares in results.shares.items()},
        "replies_us": results.replies,
        "states": [[*key, count] for key, count in results.states.items()],
        "transitions": [[*key, count] for key, count in results.transitions.items()],
    }
    text = _compact(head)[:-1] + ',\n"cases": ['
    return text + "".join(("," if at else "") + "\n" + _compact(_case(results, case))
                          for at, case in enumerate(results.cases)) + "\n]}\n"  # fmt: skip


def _case(results: Results, finished: Finished) -> dict[str, object]:
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
        "standing": finished.standing.value,
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
        "complaints": [complaint._asdict() for complaint in finished.complaints],
        "told": finished.told,
        "seconds": round(finished.seconds, 6),
        "frames": finished.frames,
        "bytes": finished.bytes,
        "digest": finished.digest,
        "file": finished.file,
        "replay": replay_of(results, finished),
        "show": shown_by(results, finished),
    }


def _compact(what: object) -> str:
    return json.dumps(what, ensure_ascii=False, separators=(",", ":"))
