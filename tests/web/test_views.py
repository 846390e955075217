"""Every view, light and dark: it looks as it did, within a tolerance, and axe-core finds no serious fault in it.

The pictures in `views` are thumbnails, so that fonts of another machine make little difference.
`LENSMOUNT_WRITE_VIEWS=1` writes them; look at what changed before they are committed.
"""

import io
import os
from pathlib import Path

import numpy as np
import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import default_pair
from lensmount_web.server import Served

from .conftest import AXE, check_axe, wait_until_still  # noqa: TID252  helpers of this folder

VIEWS = Path(__file__).parent / "views"
SIZE = (160, 96)
MOST_SPOTS = {40: 0.05, 12: 0.2}
"""Parts of 255 by which a spot of a thumbnail may differ -> the share of spots that may differ more."""


def open_(page, running, number):
    session = list(running.server.bench.store)[number]
    page.goto(f"{running.root}/session/{session.id}")
    page.wait_for_selector(".row")


def select(page, name):
    row = page.evaluate(
        "Array.from({length: lensmount.state.columns.value.rows}, (_, row) => row)"
        f".find(row => lensmount.state.columns.value.composed(row)?.names[0] === '{name}')"
    )
    page.evaluate(f"lensmount.state.select({row})")
    page.wait_for_selector(".bytes .byte")


def session(page, running):
    open_(page, running, 0)
    select(page, "LensStatus")


def findings(page, running):
    open_(page, running, 0)
    page.click("#tab-findings")
    page.wait_for_selector(".finding.garbage")


def statistics(page, running):
    open_(page, running, 0)
    page.click("#tab-statistics")
    page.wait_for_selector(".numbers")


def viewfinder(page, running):
    open_(page, running, 1)
    page.evaluate("lensmount.state.cursor.value = lensmount.state.columns.value.last")
    page.wait_for_selector(".viewfinder-panel canvas")


def clocked(page, running):
    open_(page, running, 2)


def start(page, running):
    page.goto(f"{running.root}/")
    page.wait_for_selector(".open-list a")
    page.wait_for_selector(".pair select >> nth=0")


def keys(page, running):
    open_(page, running, 0)
    page.keyboard.press("?")
    page.wait_for_selector("[role=dialog]")


def matrix(page, running):
    page.goto(f"{running.root}/matrix/1")
    page.wait_for_selector("table.matrix td")


ALL = (session, findings, statistics, viewfinder, clocked, start, keys, matrix)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("views")
    fault = "bitflip rate=1e-4 at=1.2s"
    made = [
        run_loopback(script="focus 0x4200", seconds=1.5, seed=7, faults=[fault]).save(folder / "emount.lmx"),
        run_loopback(
            "panasonic-s5ii", "leica-vario-elmarit-sl-24-90mm-f2.8-4", script="zoom 60; autofocus", seed=7
        ).save(folder / "lmount.lmx"),
    ]
    body, lens = default_pair(None, None, "fuji-g")
    result = folder / "matrix.json"
    words = ["matrix", "--dialect", "emount", "--do", "wait 0.15", "--seed", "4", "--json", str(result), "--quiet"]
    assert main(words) in (0, 1)
    return [*made, run_loopback(body, lens, seconds=1.0, seed=1).save(folder / "fuji.lmx"), result]


@pytest.fixture(scope="module")
def served(files, serve_module):
    return serve_module(Served(files=files, opens_browser=False))


@pytest.fixture(scope="module", params=["light", "dark"])
def shown(request, served, chromium):
    """A page that is logged in, in one colour scheme."""
    context = chromium.new_context(
        viewport={"width": 1600, "height": 960}, color_scheme=request.param, reduced_motion="reduce"
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(served.url)
    page.wait_for_selector(".card")
    yield request.param, page
    context.close()


def thumbnail(page):
    image = pytest.importorskip("PIL.Image", reason="pillow is not installed; matplotlib of the group dev brings it")
    return image.open(io.BytesIO(page.screenshot())).convert("RGB").resize(SIZE, image.Resampling.BOX)


def differences(found, kept):
    """In what two thumbnails differ more than fonts of another machine make them."""
    away = np.abs(found - kept).max(axis=2)
    shares = {limit: float((away > limit).mean()) for limit in MOST_SPOTS}
    return [f"{share:.1%} differ by {limit}" for limit, share in shares.items() if share > MOST_SPOTS[limit]]


@pytest.mark.parametrize("view", ALL, ids=lambda view: view.__name__)
def test_a_view_looks_as_it_did_and_has_no_serious_fault(shown, served, view):
    scheme, page = shown
    view(page, served)
    wait_until_still(page)
    found = np.asarray(thumbnail(page), np.int16)
    path = VIEWS / f"{view.__name__}-{scheme}.png"
    if os.environ.get("LENSMOUNT_WRITE_VIEWS"):
        VIEWS.mkdir(exist_ok=True)
        thumbnail(page).save(path, optimize=True)
    from PIL import Image

    kept = np.asarray(Image.open(path).convert("RGB"), np.int16)
    assert differences(found, kept) == [], path.name
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: run `make web/page/node_modules`")
    check_axe(page)


def test_the_comparison_notices_what_is_gone(shown, served):
    scheme, page = shown
    session(page, served)
    wait_until_still(page)
    from PIL import Image

    kept = np.asarray(Image.open(VIEWS / f"session-{scheme}.png").convert("RGB"), np.int16)
    assert differences(np.asarray(thumbnail(page), np.int16), kept) == []
    page.evaluate("document.querySelector('canvas.tracks').style.filter = 'invert(1)'")
    assert differences(np.asarray(thumbnail(page), np.int16), kept)
