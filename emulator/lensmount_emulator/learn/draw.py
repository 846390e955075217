"""Pictures of a machine and of a difference, for small machines: Graphviz DOT, Mermaid, and SVG without a program."""

import math
from collections.abc import Sequence
from html import escape

from lensmount_emulator.learn.compare import Difference
from lensmount_emulator.learn.machine import Machine
from lensmount_protocol.errors import ProfileError

MAX_DRAWN = 15
"""States above which a picture is not readable; the table is there for those."""

LABEL = 60

Edges = dict[tuple[int, int], list[tuple[str, bool]]]
"""State and next state -> labels, and whether each is a difference."""


def check_size(machine: Machine) -> None:
    """Refuse a machine that no picture can show.

    Raises:
        ProfileError: it has too many states.
    """
    if machine.states > MAX_DRAWN:
        raise ProfileError(f"{machine.states} states; a picture shows up to {MAX_DRAWN}: use the table")


def _edges(machine: Machine, differences: Sequence[Difference]) -> Edges:
    """The transitions that do something, and the differences; silent loops are left out."""
    changed = {
        (machine.state_after(one.word[:-1]), one.letter): one for one in differences if one.letter in machine.letters
    }
    edges: Edges = {}
    for state, letter, output, after in machine.edges():
        difference = changed.get((state, letter))
        if difference is not None:
            text = f"{letter}: - {difference.expected} + {difference.found}"
            edges.setdefault((state, after), []).append((_short(text), True))
        elif output != "-" or state != after:
            edges.setdefault((state, after), []).append((_short(f"{letter}/{output}"), False))
    return edges


def _short(text: str) -> str:
    return text if len(text) <= LABEL else text[: LABEL - 1] + "…"


def _names(machine: Machine) -> list[str]:
    return [f"{state}: {' '.join(word) or 'start'}" for state, word in enumerate(machine.access_words())]


def to_dot(machine: Machine, differences: Sequence[Difference] = ()) -> str:
    """The machine as Graphviz reads it; differences are red."""
    check_size(machine)
    lines = ["digraph machine {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    lines += [f'  {state} [label="{_quoted(name)}"];' for state, name in enumerate(_names(machine))]
    for (state, after), labels in _edges(machine, differences).items():
        for changed in (False, True):
            texts = [text for text, differs in labels if differs is changed]
            if texts:
                look = ", color=red, fontcolor=red" if changed else ""
                label = "\\n".join(_quoted(text) for text in texts)
                lines.append(f'  {state} -> {after} [label="{label}"{look}];')
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def to_mermaid(machine: Machine, differences: Sequence[Difference] = ()) -> str:
    """The machine as a Mermaid state diagram; differences begin with an exclamation mark."""
    check_size(machine)
    lines = ["stateDiagram-v2", "    [*] --> s0"]
    lines += [f"    s{state} : {_plain(name)}" for state, name in enumerate(_names(machine))]
    for (state, after), labels in _edges(machine, differences).items():
        texts = [("! " if changed else "") + _plain(text) for text, changed in labels]
        lines.append(f"    s{state} --> s{after} : {'<br/>'.join(texts)}")
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    """Text without what Mermaid reads as its own."""
    return "".join("·" if character in ':;#<>"{}' else character for character in text)


RADIUS = 330
CENTRE = 480
BOX = (150, 26)


def to_svg(machine: Machine, differences: Sequence[Difference] = ()) -> str:
    """The machine on a circle, with the labels of each arrow as its tooltip; differences are red and written out."""
    check_size(machine)
    names = _names(machine)
    places = [
        (
            CENTRE + RADIUS * 1.25 * math.sin(2 * math.pi * state / machine.states),
            CENTRE - RADIUS * math.cos(2 * math.pi * state / machine.states),
        )
        for state in range(machine.states)
    ]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * CENTRE} {2 * CENTRE}" font-family="sans-serif" '
        'font-size="11">',
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="context-stroke"/></marker></defs>',
        f"<title>{escape(machine.name)}, alphabet {escape(machine.alphabet)}</title>",
    ]
    for (state, after), labels in _edges(machine, differences).items():
        changed = [text for text, differs in labels if differs]
        colour = "#c00" if changed else "#888"
        title = escape("\n".join(text for text, _ in labels))
        path, middle = _arrow(places[state], places[after])
        parts.append(
            f'<path d="{path}" fill="none" stroke="{colour}" marker-end="url(#a)"><title>{title}</title></path>'
        )
        text = changed or [labels[0][0] + (f" +{len(labels) - 1}" if len(labels) > 1 else "")]
        for line, one in enumerate(text[:4]):
            parts.append(
                f'<text x="{middle[0]:.0f}" y="{middle[1] + 12 * line:.0f}" fill="{colour}" '
                f'text-anchor="middle">{escape(one)}</text>'
            )
    width, height = BOX
    for (x, y), name in zip(places, names, strict=True):
        parts.append(
            f'<rect x="{x - width / 2:.0f}" y="{y - height / 2:.0f}" width="{width}" height="{height}" rx="8" '
            f'fill="#fff" stroke="#333"/><text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle">{escape(_fit(name))}'
            f"<title>{escape(name)}</title></text>"
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _fit(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> tuple[str, tuple[float, float]]:
    """A bent line between two places, or a loop, and where its label stands."""
    (x, y), (u, v) = start, end
    if start == end:
        dx, dy = x - CENTRE, y - CENTRE
        size = math.hypot(dx, dy) or 1.0
        far = (x + 75 * dx / size, y + 75 * dy / size)
        left = (far[0] - 35 * dy / size, far[1] + 35 * dx / size)
        right = (far[0] + 35 * dy / size, far[1] - 35 * dx / size)
        path = f"M{x:.0f} {y:.0f}C{left[0]:.0f} {left[1]:.0f} {right[0]:.0f} {right[1]:.0f} {x + 8:.0f} {y:.0f}"
        return path, far
    bend = 0.12
    middle = ((x + u) / 2 - bend * (v - y), (y + v) / 2 + bend * (u - x))
    stop = (u + (middle[0] - u) * 0.12, v + (middle[1] - v) * 0.12)
    label = ((x + u) / 4 + middle[0] / 2, (y + v) / 4 + middle[1] / 2)
    return f"M{x:.0f} {y:.0f}Q{middle[0]:.0f} {middle[1]:.0f} {stop[0]:.0f} {stop[1]:.0f}", label
