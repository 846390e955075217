"""The base of known symptoms of a dialect as Markdown, for the reference page, which is held equal to it."""

from lensmount_emulator.engine.session_knowledge import Symptom
from lensmount_emulator.explain.explainer import session_knowledge
from lensmount_protocol.dialect import load_dialect


def symptom_table(dialect: str) -> str:
    """Every known symptom of a dialect, as a table.

    Raises:
        DialectError: the dialect is unknown.
    """
    rows = ["| symptom | belongs to | what is known | what to do | evidence |", "|---|---|---|---|---|"]
    rows += [_row(one) for one in session_knowledge(load_dialect(dialect)).symptoms]
    return "\n".join(rows) + "\n"


def _row(one: Symptom) -> str:
    kinds = ", ".join(sorted(one.kinds))
    types = f" of {', '.join(f'`{type_:02X}`' for type_ in sorted(one.types))}" if one.types else ""
    by = f", {one.end.value}" if one.end is not None else ""
    cells = (f'<a id="{one.key}"></a>{one.title}', f"{kinds}{types}{by}", one.text, one.remedy, str(one.evidence))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
