"""`python -m state_audit`: every state and message of both dialects, both roles; 1 where something has no exception."""

import sys

from state_audit.audit import LENSES, MORE_LENSES, Report, audit_body, audit_lens

SHOWN = 20


def show(report: Report) -> bool:
    """Print one report; whether it is without defects."""
    excepted = sum(report.excepted.values())
    print(
        f"{report.name}: {report.states} states, {report.inputs} inputs, {excepted} by exception, "
        f"{len(report.defects)} defects",
        flush=True,
    )
    for row, count in report.excepted.items():
        print(f"    {count:4} {row.kind}: {row.reason} ({row.evidence})")
    for defect in report.defects[:SHOWN]:
        print(f"    defect: {defect}")
    return not report.defects and report.inputs > 0


def main() -> int:
    """All of it, every letter on a new lens."""
    good = [show(audit_lens(dialect, arguments, each_new=True)) for dialect, arguments in LENSES]
    good += [show(audit_lens(dialect, arguments)) for dialect, arguments in MORE_LENSES]
    good += [show(audit_body(dialect)) for dialect in ("emount", "lmount")]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
