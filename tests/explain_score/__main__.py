"""`python -m explain_score`: how many breakages are explained right, and how many good sessions raise an alarm.

Four parts: the twelve known kinds, the good sessions, forty further breakages by SEED, and forty of a second generator.
Exits 1 if a known kind is not right, a good session has a finding, fewer than 85 % of a generator's breakages are
right, or one ends with an exception.
"""

import argparse
import sys
import traceback
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from explain_score.drawn import drawn_breakages
from explain_score.further import further_breakages
from explain_score.known import good_sessions, known_breakages
from explain_score.truth import Breakage, verdict
from lensmount_emulator.explain.explainer import explain_records, session_knowledge
from lensmount_emulator.explain.finding import Explanation
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.sessions.explain_capture import explain, run_reference
from lensmount_protocol.dialect import load_dialect

WANTED = 0.85
_references: dict[tuple[str, tuple[str, str]], Reference] = {}


def reference(dialect: str, pair: tuple[str, str] | None) -> Reference | None:
    """The good start-up of a pair, made once."""
    if pair is None:
        return None
    if (dialect, pair) not in _references:
        known = load_dialect(dialect)
        _references[dialect, pair] = run_reference(*pair, (), session_knowledge(known), known)
    return _references[dialect, pair]


def explained(case: Breakage) -> Explanation:
    return explain_records(case.records, case.dialect, source=case.name, reference=reference(case.dialect, case.pair))


def score(cases: Iterable[Breakage], *, show: bool = True, texts: bool = False) -> dict[str, int]:
    """Explain breakages and count the results; the table has one line for each."""
    counts = dict.fromkeys(("right", "half", "missed", "crash"), 0)
    for case in cases:
        try:
            found = explained(case)
            result, kind = verdict(case, found), "-" if found.cause is None else found.cause.kind.value
            where = "" if found.cause is None or found.cause.at is None else f"{found.cause.at * 1e3:.1f} ms"
        except Exception:
            found, result, kind, where = None, "crash", traceback.format_exc().splitlines()[-1], ""
        counts[result] += 1
        if show:
            print(f"  {result:<7} {case.name:<78.78} {kind}, {where}")
        if texts and found is not None and result != "right":
            print(f"          {found.paragraph}")
            wanted = ", ".join(sorted(kind.value for kind in case.kinds)) or "nothing wrong"
            print(f"          wanted: {wanted}; from {case.at * 1e3:.1f} ms on")
    return counts


def false_alarms(*, show: bool = True, captures: bool = True, every: int = 1) -> tuple[int, int]:
    """The good sessions with a finding, and how many there were."""
    alarms = total = 0
    for name, source, pair in islice(good_sessions(), 0, None, every):
        if isinstance(source, Path):
            if not captures or not source.exists():
                continue
            found = explain(source)
        else:
            found = explain_records(source.records, source.dialect, reference=reference(source.dialect, pair))
        total += 1
        alarms += not found.ok
        if show:
            print(f"  {'good' if found.ok else 'ALARM':<7} {name}" + ("" if found.ok else f": {found.paragraph}"))
    return alarms, total


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", action="store_true", help="print the text of each explanation that is not right")
    arguments = parser.parse_args()
    print("known kinds")
    known = score(known_breakages(), texts=arguments.texts)
    print("good sessions")
    alarms, good = false_alarms()
    print(f"further breakages, seed {arguments.seed}")
    further = score(further_breakages(arguments.seed), texts=arguments.texts)
    print(f"breakages of the second generator, seed {arguments.seed}")
    drawn = score(drawn_breakages(arguments.seed, 40), texts=arguments.texts)
    print(f"known kinds: {known['right']} of {sum(known.values())} right")
    print(f"good sessions: {alarms} false alarms in {good}")
    wrong = known["right"] < sum(known.values()) or bool(alarms)
    for name, counts in (("further breakages", further), ("second generator", drawn)):
        total = sum(counts.values())
        print(
            f"{name}: {counts['right']} of {total} right ({counts['right'] / total:.0%}), {counts['half']} half right, "
            f"{counts['missed']} missed, {counts['crash']} crashes"
        )
        wrong = wrong or counts["crash"] > 0 or counts["right"] < WANTED * total
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
