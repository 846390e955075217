"""The drawings and the table of pins say what a board is told: each contact on its pin, in its direction."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from lensmount_emulator.sessions.contacts import get_contacts
from lensmount_hardware.boards.pin_map import make_pin_map
from lensmount_hardware.boards.protocol.constants import BoardRole, LineFlag
from lensmount_hardware.port_spec import parse_spec
from lensmount_protocol.dialect import load_dialect

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGE = (HOW_TO / "wire-an-adapter.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"
HEADER_PINS = {0: 1, 1: 2, 5: 7, 6: 9, 7: 10, 8: 11, 9: 12, 10: 14, 11: 15}
"""Where the board's maker put these: https://datasheets.raspberrypi.com/pico/Pico-R3-A4-Pinout.pdf"""

Place = tuple[float, float]


def pins(role: BoardRole, options: str = "") -> dict[str, tuple[int, bool]]:
    """Each contact of an E-mount that is wired -> its pin, and whether the board drives it."""
    plan = make_pin_map(parse_spec(f"board:SERIAL{options}"), get_contacts(load_dialect("emount")), role, 750_000)
    mapped = zip(plan.names, plan.configure.lines, strict=True)
    return {name: (line.gpio, bool(line.flags & LineFlag.OUTPUT)) for name, line in mapped}


def texts(drawing: ElementTree.Element) -> dict[str, Place]:
    found = drawing.iter(f"{SVG}text")
    return {str(text.text): (float(text.attrib["x"]), float(text.attrib["y"])) for text in found if text.text}


def drawing_of(name: str) -> ElementTree.Element:
    return ElementTree.parse(HOW_TO / "img" / name).getroot()


@pytest.mark.parametrize(
    ("name", "role", "options"),
    [
        ("pico-as-lens.svg", BoardRole.LENS, "?LENS_POWER=none"),
        ("pico-as-body.svg", BoardRole.BODY, ""),
    ],
)
def test_a_pin_is_drawn_beside_its_contact_and_points_where_it_drives(name: str, role: BoardRole, options: str) -> None:
    drawing = drawing_of(name)
    places = texts(drawing)
    drawn = {
        contact: int(gp.removeprefix("GP"))
        for gp, (_, at) in places.items()
        for contact, (_, y) in places.items()
        if gp.startswith("GP") and contact in load_dialect("emount").drivers and y == at
    }
    told = pins(role, options)
    assert drawn == {contact: pin for contact, (pin, _) in told.items()}
    # An arrow at the left is one into the Pico; its tip is 5 above the foot of the text.
    tips = re.findall(r"M(\d+) (\d+)l(-?)10", " ".join(path.attrib["d"] for path in drawing.iter(f"{SVG}path")))
    inward = {int(y) + 5 for x, y, _ in tips if int(x) < 300}
    inputs = {places[contact][1] for contact, (_, ours) in told.items() if not ours}
    assert inward == inputs


def test_the_sniffers_drawing_joins_each_pin_to_its_contact() -> None:
    drawing = drawing_of("pico-between.svg")
    places = texts(drawing)
    dots = {float(dot.attrib["cx"]): float(dot.attrib["cy"]) for dot in drawing.iter(f"{SVG}circle")}
    rows = {y: contact for contact, (_, y) in places.items() if contact in load_dialect("emount").drivers}
    drawn = {rows[dots[x] + 5]: int(gp.removeprefix("GP")) for gp, (x, _) in places.items() if gp.startswith("GP")}
    told = pins(BoardRole.SNIFFER, "?LENS_POWER=none&XDETECT=none")
    assert drawn == {contact: pin for contact, (pin, _) in told.items()}
    assert not any(ours for _, ours in told.values())


def test_the_table_of_pins_is_the_plans() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", PAGE, re.MULTILINE)
    table = {contact: cells for contact, *cells in rows}
    every = [pins(role) for role in (BoardRole.LENS, BoardRole.BODY, BoardRole.SNIFFER)]
    assert set(table) == {contact for told in every for contact in told}
    for contact, cells in table.items():
        for cell, told in zip(cells, every, strict=True):
            pin, ours = told[contact]
            direction = "out" if ours else "in"
            assert cell.removesuffix(", left open") == f"GP{pin} (pin {HEADER_PINS[pin]}), {direction}", contact


@pytest.mark.parametrize("name", ["pico-as-lens", "pico-as-body", "pico-between"])
def test_the_words_for_who_cannot_see_a_drawing_name_each_pin_of_it(name: str) -> None:
    (words,) = re.findall(rf"!\[(.*)\]\(img/{name}\.svg\)", PAGE)
    drawn = {text for text in texts(drawing_of(f"{name}.svg")) if text.startswith("GP")}
    assert set(re.findall(r"GP\d+", words)) == drawn
