"""A matrix as one HTML page that needs nothing else: the table, the rules with sources, and every cell's story."""

from html import escape
from importlib.resources import files
from string import Template

from lensmount_emulator.reports.matrix_words import MEANINGS, SIGNS, links_in, rows_of, summary, told, totals
from lensmount_emulator.sessions.matrix import Cell, Matrix

PAGE = "matrix_page.html"


def matrix_to_html(matrix: Matrix) -> str:
    """The page; text of profiles, findings and errors is escaped."""
    numbers = {id(cell): number for number, cell in enumerate(matrix.cells, 1)}
    met = {cell.body for cell in matrix.cells}
    bodies = [body for body in matrix.bodies if body in met]
    rules = {name: f"rule-{number}" for number, name in enumerate(matrix.cells_by_rule, 1)}
    template = Template(files("lensmount_emulator.reports").joinpath(PAGE).read_text(encoding="utf-8"))
    return template.substitute(
        heading=escape(f"lensmount matrix: {matrix.title}"),
        notice=escape(matrix.notice),
        totals=escape(totals(matrix)),
        script=escape(matrix.script),
        seed="with nominal times" if matrix.seed is None else f"with seed {matrix.seed}",
        legend="\n".join(_legend(matrix)),
        columns="".join(_column(body, matrix.bodies[body]) for body in bodies),
        rows="\n".join(_rows(matrix, bodies, numbers)),
        rules="\n".join(_rule(matrix, name, anchor) for name, anchor in rules.items()),
        cells="\n".join(_stories(matrix, bodies, numbers, rules)),
    )


def _legend(matrix: Matrix) -> list[str]:
    return [
        f'<tr><td><span class="sign {outcome.value}">{sign}</span></td><td>{escape(MEANINGS[outcome])}</td>'
        f"<td>{matrix.counts[outcome]}</td></tr>"
        for outcome, sign in SIGNS.items()
    ]


def _column(body: str, title: str) -> str:
    return f'<th scope="col" title="{escape(body)}"><span>{escape(title)}</span></th>'


def _rows(matrix: Matrix, bodies: list[str], numbers: dict[int, int]) -> list[str]:
    rows: list[str] = []
    for (lens, accessories), cells in rows_of(matrix.cells).items():
        title = " + ".join([matrix.lenses[lens], *(matrix.accessories[name] for name in accessories)])
        name = " + ".join((lens, *accessories))
        signs = "".join(_sign(cells.get(body), numbers) for body in bodies)
        rows.append(f'<tr><th scope="row" title="{escape(name)}">{escape(title)}</th>{signs}</tr>')
    return rows


def _sign(cell: Cell | None, numbers: dict[int, int]) -> str:
    if cell is None:
        return "<td></td>"
    return (
        f'<td class="{cell.outcome.value}"><a href="#cell-{numbers[id(cell)]}" title="{escape(summary(cell))}">'
        f"{SIGNS[cell.outcome]}</a></td>"
    )


def _rule(matrix: Matrix, name: str, anchor: str) -> str:
    rule = matrix.rules.get(name)
    why, known, source = (rule.why, rule.known, rule.source) if rule else ("nobody declared it", "", "")
    words = (name, str(matrix.cells_by_rule[name].total()), why, known)
    cells = "".join(f"<td>{escape(word)}</td>" for word in words)
    return f'<tr id="{anchor}">{cells}<td>{_linked(source)}</td></tr>'


def _stories(matrix: Matrix, bodies: list[str], numbers: dict[int, int], rules: dict[str, str]) -> list[str]:
    parts: list[str] = []
    for body in bodies:
        parts.append(f"<h3>{escape(matrix.bodies[body])}</h3>")
        parts += [_story(cell, numbers[id(cell)], rules) for cell in matrix.cells if cell.body == body]
    return parts


def _story(cell: Cell, number: int, rules: dict[str, str]) -> str:
    behind = ", ".join(f'<a href="#{rules[rule]}">{escape(rule)}</a>' for rule in cell.rules)
    lines = "".join(f"<li>{escape(line)}</li>" for line in told(cell))
    return (
        f'<article id="cell-{number}"><h4><span class="sign {cell.outcome.value}">{SIGNS[cell.outcome]}</span> '
        f"{escape(cell.what)} on {escape(cell.body)}: {cell.outcome.value}{f' ({behind})' if behind else ''}</h4>"
        f"{f'<ul>{lines}</ul>' if lines else ''}<code>{escape(cell.replay)}</code></article>"
    )


def _linked(text: str) -> str:
    return "".join(
        f'<a href="{escape(part)}">{escape(part)}</a>' if is_address else escape(part)
        for part, is_address in links_in(text)
    )
