"""Writes the vectors that the filters in Python and in the page share: `python filter_vectors.py` beside the file."""

import json
from pathlib import Path

from lensmount_emulator.reports.dialect_document import dialect_to_dict
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.traffic.event_filter import parse_filter
from lensmount_emulator.traffic.filter_events import EventFilter
from lensmount_emulator.traffic.read_columns import columns_of_records
from lensmount_protocol.errors import FilterError
from lensmount_web.row_details import row_details

FILE = Path(__file__).parent / "filter_vectors.json"

FILTERS = (
    *("05", "1d", "0x10 lens", "!06 body", "status", "Stat or 03", "st", "123"),
    *("", "body", "lens", "frame", "garbage", "window", "note", "routine", "!routine", "answer", "unknown", "edge"),
    *("LensStatus", "lensstatus.distance > 700", "LensStatus.distance>0x700", "type=1d", "type=05 lens", "type=0x10"),
    *("distance >= 0", "focus_switch=AF", "focus_switch=MF", "LensStatus.row_a ~ 26", "name~focus", "dir=body class=2"),
    *("t<1.05", "t in 1.02..1.06", "t in 1020ms..1060ms !routine", "gap>200us", "reply>2ms", "reply > 1us", "size>100"),
    *("seq=1 or seq=2", "(body or garbage) !(type=03)", "not lens and not body", "pad>0", "baud=750000"),
    *(
        "lens LensStatus.distanc > 7",
        "(body",
        "body)",
        "type=zz",
        "gap",
        "dir=north",
        "t in 5",
        "size >",
        "body & lens",
    ),
)


def made() -> str:
    """The vectors as text."""
    result = run_loopback(seconds=1.08, seed=7, faults=["bitflip rate=3e-4 at=1.04s"])
    columns = columns_of_records(result.dialect, result.records)
    rows = []
    for row, event in enumerate(columns.events()):
        found = columns.composition(row)
        details = row_details(columns, row)
        answers = int(columns.cell("answers", row))
        if answers >= 0:
            details["answers"] = answers
            details["reply_us"] = (columns.cell("at", row) - columns.cell("end", answers)) * 1e6
        kept = (
            "row",
            "kind",
            "t_us",
            "dir",
            "baud",
            "hex",
            "pad",
            "class",
            "seq",
            "gap_us",
            "text",
            "answers",
            "reply_us",
        )
        one = {key: details[key] for key in kept if details.get(key) is not None}
        one["routine"] = found is not None and found.routine_name in result.dialect.routine
        one["messages"] = [
            {
                "name": message["name"],
                "type": message["type"],
                "fields": [{"name": each["name"], "value": each["value"]} for each in message["fields"]],
            }
            for message in details["messages"]
        ]
        rows.append(one)
        assert event is not None
    document = dialect_to_dict(result.dialect)
    messages = [
        {
            "name": message["name"],
            "type": message["type"],
            "sender": message["sender"],
            "meaning": "",
            "fields": [{"name": one["name"], "meaning": "", "values": one["values"]} for one in message["fields"]],
        }
        for message in document["messages"]
    ]
    filters: list[dict[str, object]] = []
    for text in FILTERS:
        try:
            chosen = EventFilter(parse_filter(text, result.dialect), result.dialect)
        except FilterError as error:
            filters.append({"text": text, "at": error.at})
            continue
        filters.append(
            {"text": text, "rows": [row for row, event in enumerate(columns.events()) if chosen.accepts(event)]}
        )
    return (
        json.dumps({"dialect": {"messages": messages}, "rows": rows, "filters": filters}, separators=(",", ":")) + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(made(), encoding="utf-8")
