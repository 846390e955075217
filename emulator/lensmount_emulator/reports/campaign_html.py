"""A campaign as one HTML page that needs nothing else: how cases went, how quick answers were, and what was reached."""

from typing import Any

from lensmount_emulator.campaign.case import Standing
from lensmount_emulator.campaign.figures import BUCKETS_US
from lensmount_emulator.campaign.finished import Finished
from lensmount_emulator.campaign.results import Results, Share
from lensmount_emulator.reports.campaign_words import (
    complaint_line,
    conclusion,
    failed,
    name_of,
    replay_of,
    script_line,
    shown_by,
    three_results,
    time_of,
    totals,
)
from lensmount_emulator.reports.charts import histogram, stacked_bars
from lensmount_emulator.reports.pages import render
from lensmount_protocol.registry import load_dialect

HEADINGS = {
    "body": "By body",
    "lens": "By lens",
    "accessory": "By accessory",
    "faults": "By plan of faults",
    "message": "By message that was under way",
    "invariant": "By invariant that was violated",
}

MOST_BARS = 60
MOST_STORIES = 1000
"""Cases that are told one by one; behind that the page says how many more there are."""


def campaign_to_html(results: Results) -> str:
    """Return the page; text of profiles, faults and complaints is escaped."""
    dialect = load_dialect(results.dialect)
    wrong = failed(results)
    return render(
        "campaign.html.jinja",
        heading=results.title or f"lensmount campaign: {dialect.title}",
        notice=dialect.notice,
        totals=totals(results),
        counts=results.counts,
        conclusion=_sentence(conclusion(results)),
        results=three_results(results),
        shares=[_share(name, results.shares[name]) for name in HEADINGS if results.shares.get(name)],
        replies=[_reply(asked, counts) for asked, counts in results.replies.items()],
        coverage=[_coverage(results, end) for end in ("body", "lens")],
        failed=[_case(results, case) for case in wrong[:MOST_STORIES]],
        failed_more=max(0, len(wrong) - MOST_STORIES),
    )


def _share(name: str, shares: list[Share]) -> dict[str, Any]:
    # What went wrong most stands first, and stays where not all can be shown.
    worst = sorted(shares, key=lambda share: (-share.failing, share.what))
    kinds = [standing.value for standing in Standing]
    rows = [(share.what, list(zip(kinds, share[1:], strict=True))) for share in worst[:MOST_BARS]]
    chart = stacked_bars(rows, f"cases {HEADINGS[name].lower()}")
    return {"heading": HEADINGS[name], "chart": chart, "more": max(0, len(worst) - MOST_BARS)}


def _reply(asked: str, counts: dict[int, int]) -> dict[str, Any]:
    least, most = min(counts), max(counts)
    buckets = {time_of(bucket): counts.get(bucket, 0) for bucket in BUCKETS_US if least <= bucket <= most}
    return {"asked": asked, "chart": histogram(buckets, f"reply times of {asked}"), "count": sum(counts.values())}


def _coverage(results: Results, end: str) -> dict[str, Any]:
    """What an end has come to, among all that its dialect's table lets it; `None` for what was never seen."""
    moves = load_dialect(results.dialect).transitions.moves
    legal = [(state, cause, following) for state, causes in moves.items() for cause, following in causes.items()]
    counts = {key[1:]: count for key, count in results.transitions.items() if key[0] == end}
    reached = {state: count for (role, state), count in results.states.items() if role == end}
    return {
        "name": end,
        "states_seen": sum(state in reached for state in moves),
        "states_known": len(moves),
        "moves_seen": sum(one in counts for one in legal),
        "moves_known": len(legal),
        "states": {state: reached.get(state) for state in [*moves, *reached]},
        "moves": {one: counts.get(one) for one in [*legal, *counts]},
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _case(results: Results, case: Finished) -> dict[str, Any]:
    told = [f"first told: {case.told}"] if case.told else []
    return {
        "number": case.case.number,
        "standing": case.standing,
        "name": name_of(case),
        "lines": [script_line(case), *map(complaint_line, case.complaints), *told],
        "commands": [command for command in (replay_of(results, case), shown_by(results, case)) if command],
    }
