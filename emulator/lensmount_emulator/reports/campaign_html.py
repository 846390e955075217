"""A campaign as one HTML page that needs nothing else: how cases went, how quick answers were, and what was reached."""

from html import escape
from importlib.resources import files
from string import Template

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
from lensmount_protocol.registry import load_dialect

PAGE = "campaign_page.html"

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
    """The page; text of profiles, faults and complaints is escaped."""
    dialect = load_dialect(results.dialect)
    template = Template(files("lensmount_emulator.reports").joinpath(PAGE).read_text(encoding="utf-8"))
    return template.substitute(
        heading=escape(results.title or f"lensmount campaign: {dialect.title}"),
        notice=escape(dialect.notice),
        totals=escape(totals(results)),
        legend="\n".join(
            f'<tr><td><span class="sign {standing.value}"></span> {standing.value}</td><td>{count}</td></tr>'
            for standing, count in results.counts.items()
        ),
        conclusion=escape(_sentence(conclusion(results))),
        results="\n".join(f"<li>{escape(line)}</li>" for line in three_results(results)),
        shares="\n".join(_share(name, results.shares[name]) for name in HEADINGS if results.shares.get(name)),
        replies="\n".join(_replies(asked, counts) for asked, counts in results.replies.items())
        or "<p>No question was answered.</p>",
        coverage="\n".join(_coverage(results, end) for end in ("body", "lens")),
        failed="\n".join(_stories(results)),
    )


def _share(name: str, shares: list[Share]) -> str:
    # What went wrong most stands first, and stays where not all can be shown.
    worst = sorted(shares, key=lambda share: (-share.failing, share.what))
    kinds = [standing.value for standing in Standing]
    rows = [(share.what, list(zip(kinds, share[1:], strict=True))) for share in worst[:MOST_BARS]]
    more = f"<p>and {len(worst) - MOST_BARS} more, in the JSON report</p>" if len(worst) > MOST_BARS else ""
    return f"<h3>{HEADINGS[name]}</h3>\n{stacked_bars(rows, f'cases {HEADINGS[name].lower()}')}{more}"


def _replies(asked: str, counts: dict[int, int]) -> str:
    least, most = min(counts), max(counts)
    buckets = {time_of(bucket): counts.get(bucket, 0) for bucket in BUCKETS_US if least <= bucket <= most}
    drawn = histogram(buckets, f"reply times of {asked}")
    return f"<figure>{drawn}<figcaption>{escape(asked)}, {sum(counts.values())} answers</figcaption></figure>"


def _coverage(results: Results, end: str) -> str:
    """What an end has come to, among all that its dialect's table lets it."""
    moves = load_dialect(results.dialect).transitions.moves
    legal = [(state, cause, following) for state, causes in moves.items() for cause, following in causes.items()]
    counts = {key[1:]: count for key, count in results.transitions.items() if key[0] == end}
    reached = {state: count for (role, state), count in results.states.items() if role == end}
    seen = sum(one in counts for one in legal)
    states = "".join(
        f'<li class="{"passed" if state in reached else "unseen"}">{escape(state)} <b>{reached.get(state, 0)}</b></li>'
        for state in [*moves, *(state for state in reached if state not in moves)]
    )
    rows = "\n".join(
        f'<tr class="{"seen" if one in counts else "unseen"}"><td>{escape(one[0])}</td><td>{escape(one[1])}</td>'
        f"<td>{escape(one[2])}</td><td>{counts.get(one, 0)}</td></tr>"
        for one in [*legal, *(one for one in counts if one not in legal)]
    )
    return (
        f"<h3>The {end}: {sum(state in reached for state in moves)} of {len(moves)} states, "
        f'{seen} of {len(legal)} transitions</h3>\n<ul class="states">{states}</ul>\n'
        f"<details><summary>Every transition</summary><table><thead><tr><th>state</th><th>cause</th><th>next</th>"
        f"<th>times</th></tr></thead><tbody>\n{rows}\n</tbody></table></details>"
    )


def _stories(results: Results) -> list[str]:
    wrong = failed(results)
    parts = [_story(results, case) for case in wrong[:MOST_STORIES]]
    if len(wrong) > MOST_STORIES:
        parts.append(f"<p>and {len(wrong) - MOST_STORIES} more, in the JSON report</p>")
    return parts or [f"<p>{escape(_sentence(conclusion(results)))}</p>"]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _story(results: Results, case: Finished) -> str:
    lines = [
        script_line(case),
        *map(complaint_line, case.complaints),
        *([f"first told: {case.told}"] if case.told else []),
    ]
    told = "".join(f"<li>{escape(line)}</li>" for line in lines)
    commands = [replay_of(results, case), shown_by(results, case)]
    shown = "<br>".join(f"<code>{escape(command)}</code>" for command in commands if command)
    sign = f'<span class="sign {case.standing.value}"></span>'
    head = f"<h4>{sign} {escape(name_of(case))}</h4>"
    return f'<article id="case-{case.case.number}">{head}<ul>{told}</ul>{shown}</article>'
