"""What a user does on the page with pointer and keyboard, from each view to its result."""

import json
import os
import pty
import threading
from pathlib import Path

import pytest

from lensmount_emulator.campaign.results import read_campaign
from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.wire import Edge
from lensmount_web.server import Served

from .conftest import wait_until, wait_until_drawn, wait_until_still  # noqa: TID252  helpers of this folder

CAMPAIGN = """
title = "Drops"
dialect = "emount"
bodies = ["a6000"]
lenses = ["sel55210", "loxia-21"]
script = "wait 0.2; aperture f/8"
faults = [[], ["drop rate=0.2"]]
seeds = "1-1"
"""


NEW_SESSION = """async (wanted) => (await fetch("/api/v1/sessions", {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(wanted) })).json()"""

FACET = """(title) => {
  const list = [...document.querySelectorAll(".facets h3")].find((one) => one.textContent === title).nextElementSibling;
  return Object.fromEntries([...list.querySelectorAll("button")].map((one) =>
    [one.querySelector("span").textContent, Number(one.querySelector("b").textContent)]));
}"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """A matrix and a campaign, both with something that does not work as it should."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "campaign.toml").write_text(CAMPAIGN)
    main(["campaign", "run", str(folder / "campaign.toml"), "--processes", "1", "--quiet"])
    matrix = folder / "matrix.json"
    words = ["matrix", "--body", "leica-cl", "panasonic-s5ii", "--lens", "sigma-45*", "leica-summicron-tl*"]
    words.append("leica-super-vario-elmar-sl-16-35*")
    main([*words, "--accessory", "none", "--json", str(matrix), "--quiet"])
    return [folder / "campaign.sqlite", matrix]


@pytest.fixture(scope="module")
def explorers(results, serve_module):
    return serve_module(Served(files=results, opens_browser=False))


def enter(page, running):
    page.goto(running.url)
    page.wait_for_selector(".open-list a")


def track_middle(page, name):
    """Where a track is on the screen: the box of the canvas, and the middle of the track."""
    box = page.locator("canvas.tracks").bounding_box()
    return box, box["y"] + page.evaluate(f"lensmount.drawn.middle({name!r})")


def test_each_pane_selects_with_the_pointer(page, running, recording):
    page.goto(running.url)
    page.wait_for_selector(".row")
    page.click('.row[data-row="4"]')
    assert page.evaluate("lensmount.state.selected.value") == 4
    page.wait_for_selector(".bytes .byte")
    # A frame of the timeline.
    frames = [event for event in open_capture(recording) if not isinstance(event, Edge)]
    row, frame = next(
        (row, one)
        for row, one in enumerate(frames)
        if isinstance(one, DecodedFrame) and one.at > 1.2 and one.sender.value == "lens"
    )
    page.evaluate(f"lensmount.state.setView({frame.at - 0.002!r}, {frame.at + 0.002!r})")
    wait_until_drawn(page)
    box, middle = track_middle(page, "lens → body")
    page.mouse.click(box["x"] + page.evaluate(f"lensmount.drawn.x({(frame.at + frame.end) / 2!r})"), middle)
    assert page.evaluate("lensmount.state.selected.value") == row
    page.wait_for_selector(f'.row.selected[data-row="{row}"]')
    # The buttons of the plot select the frames that change the value, and a click the frame that carries it.
    page.evaluate("lensmount.state.showAll()")
    page.wait_for_selector(".plots .u-over")
    column = open_capture(recording).to_columns().field("FocusStatus.position")
    places = [at for at in range(1, len(column.row)) if column.values[at] != column.values[at - 1]]
    changed = [int(column.row[at]) for at in places]
    page.evaluate("lensmount.state.cursor.value = 0")
    page.evaluate("lensmount.state.choosePlots(['FocusStatus.position'])")
    page.click('button[aria-label="next change"]')
    page.wait_for_selector(f'.row.selected[data-row="{changed[0]}"]')
    before, after = (column.values[one] for one in (places[0] - 1, places[0]))
    page.wait_for_selector(f'.plots [role=status]:text-is("position {before:g} → {after:g}, #{changed[0]}")')
    page.click('button[aria-label="next change"]')
    page.wait_for_selector(f'.row.selected[data-row="{changed[1]}"]')
    page.click('button[aria-label="previous change"]')
    page.wait_for_selector(f'.row.selected[data-row="{changed[0]}"]')
    page.evaluate("lensmount.state.choosePlots(['FocusStatus.unknown_6'])")
    page.click('button[aria-label="next change"]')
    page.wait_for_selector('.plots [role=status]:text-is("no plotted field changes in this session")')
    page.fill(".add-field input", "FocusStatus.nothing")
    page.keyboard.press("Enter")
    page.wait_for_selector('.plots [role=status]:text-is("no field FocusStatus.nothing occurs in this session")')
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")
    page.evaluate("lensmount.state.choosePlots(['FocusStatus.position'])")
    at = float(column.at[places[2]])
    page.evaluate(f"lensmount.state.setView({at - 0.03!r}, {at + 0.01!r})")
    wait_until_still(page)
    over = page.locator(".plots .u-over").bounding_box()
    page.mouse.click(over["x"] + 0.75 * over["width"], over["y"] + over["height"] / 2)
    page.wait_for_selector(f'.row.selected[data-row="{changed[2]}"]')


def test_wheel_and_drag_zoom_pan_and_measure(page, running):
    page.goto(running.url)
    page.wait_for_selector(".row")
    box, middle = track_middle(page, "VD")
    whole = page.evaluate("lensmount.state.view.value")
    x = box["x"] + 700
    at = page.evaluate("lensmount.drawn.time(700)")
    page.mouse.move(x, middle)
    page.mouse.wheel(0, -600)
    wait_until_drawn(page)
    closer = page.evaluate("lensmount.state.view.value")
    assert closer["t1"] - closer["t0"] < 0.6 * (whole["t1"] - whole["t0"])
    assert page.evaluate("lensmount.drawn.time(700)") == pytest.approx(at, abs=1e-3)
    page.mouse.down()
    page.mouse.move(x - 200, middle, steps=4)
    page.mouse.up()
    moved = page.evaluate("lensmount.state.view.value")
    assert moved["t0"] > closer["t0"]
    assert moved["t1"] - moved["t0"] == pytest.approx(closer["t1"] - closer["t0"])
    page.mouse.move(x, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(x + 150, box["y"] + 8, steps=4)
    page.mouse.up()
    page.click("#tab-statistics")
    assert "chosen stretch" in page.text_content(".statistics")
    stretch = page.evaluate("lensmount.state.stretch.value")
    assert stretch["t1"] - stretch["t0"] == pytest.approx(
        (moved["t1"] - moved["t0"]) * 150 / (box["width"] - 116), rel=0.02
    )


def test_a_failed_start_up_is_announced_and_explained(page, serve, tmp_path: Path):
    fault = "stuck-line line=VD level=high for=60s"
    running = serve(run_loopback(script="wait 0.1", seed=1, faults=[fault]).save(tmp_path / "failed.lmx"))
    page.goto(running.url)
    page.click(".chip.failed")
    page.wait_for_selector(".explanation.wrong")
    assert "Frame sync (VD) never pulsed" in page.text_content(".explanation.wrong")
    page.wait_for_selector(".chip.failed", state="detached")


def test_panels_fold_and_stay_folded(page, running):
    page.goto(running.url)
    page.wait_for_selector(".body-panel")
    page.keyboard.press("p")
    page.wait_for_selector(".body-panel", state="detached")
    page.reload()
    page.wait_for_selector(".row")
    assert page.locator(".body-panel").count() == 0
    page.click('button:has-text("panels")')
    page.wait_for_selector(".body-panel")


def test_leaving_a_session_with_a_chart_raises_no_page_error(page, running):
    page.goto(running.url)
    page.wait_for_selector(".plots .u-over")
    page.evaluate("lensmount.state.message.value = 'of this session'")
    page.wait_for_selector(".message")
    page.click("a.home")
    page.wait_for_selector(".open-list a")
    assert "lensmount matrix --json matrix.json" in page.text_content("footer")
    page.go_back()
    page.wait_for_selector(".plots .u-over")
    assert page.locator(".message").count() == 0
    page.go_forward()
    page.wait_for_selector(".open-list a")
    wait_until_drawn(page)
    assert page.errors == []


BADGE_SPOTS = """([x, y]) => {
  const canvas = document.querySelector("canvas.tracks");
  const ratio = canvas.width / canvas.clientWidth;
  const wrong = getComputedStyle(canvas).getPropertyValue("--wrong").trim();
  const wanted = [1, 3, 5].map((place) => parseInt(wrong.slice(place, place + 2), 16));
  const { data } = canvas.getContext("2d").getImageData((x - 5) * ratio, (y - 5) * ratio, 10 * ratio, 10 * ratio);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) if (wanted.every((one, place) => data[at + place] === one)) count++;
  return count / ratio ** 2;
}"""


def test_findings_have_badges_on_their_tracks_that_lead_to_the_list_and_back(page, serve, tmp_path):
    faults = ["checksum from=body at=1.2s", "glitch at=1.3s line=VD level=high for=20us", "stuck-line at=1.4s line=VD"]
    running = serve(run_loopback(seconds=1.6, seed=7, faults=faults).save(tmp_path / "broken.lmx"))
    page.goto(running.url)
    page.wait_for_selector(".chip.failed")
    expected = running.server.bench.store.get(running.session).findings()["findings"]
    explained = running.server.bench.store.get(running.session).explanation()["findings"]
    for label, name in (("body → lens", "body"), ("lens → body", "lens"), ("VD", "VD"), ("XDETECT", "XDETECT")):
        times = [one["t"] for one in (*expected, *explained) if one.get("track") == name and one["t"] is not None]
        shown = page.evaluate(f"lensmount.drawn.badges({label!r})")
        assert sorted(times) == shown["times"], label
        assert bool(times) is (label != "XDETECT"), label
        if not times:
            continue
        page.click("#tab-messages")
        # Where several share their room, the badge is that of the explanation.
        at = next((one["t"] for one in explained if one["track"] == name), times[0])
        page.evaluate(f"lensmount.state.setView({at - 0.02!r}, {at + 0.02!r})")
        wait_until_drawn(page)
        box = page.locator("canvas.tracks").bounding_box()
        x = page.evaluate(f"lensmount.drawn.x({at!r})")
        assert page.evaluate(BADGE_SPOTS, [x, shown["top"]]) > 20, label
        assert page.evaluate(BADGE_SPOTS, [x + 60, shown["top"]]) == 0, label
        page.mouse.move(box["x"] + x, box["y"] + shown["top"])
        page.wait_for_selector('.tip:has-text("its place in the list")')
        page.mouse.click(box["x"] + x, box["y"] + shown["top"])
        page.wait_for_selector(".findings li.lit")
        assert f"{at * 1e3:.3f} ms" in page.text_content(".findings li.lit")
        assert page.locator(".findings li.lit").bounding_box()["y"] < 960
        assert page.evaluate("lensmount.state.cursor.value") == at
    # From the list back to the timeline: the badge is in view, and chosen.
    garbage = next(one for one in expected if one["kind"] == "garbage")
    page.evaluate("lensmount.state.setView(0, 0.05)")
    page.click('.chips button:has-text("bytes in no frame")')
    page.click(".finding.garbage >> nth=0")
    view = page.evaluate("lensmount.state.view.value")
    assert view["t0"] < garbage["t"] < view["t1"]
    assert page.evaluate("lensmount.state.selected.value") == garbage["row"]
    page.wait_for_selector(".findings li.lit .finding.garbage")
    page.wait_for_selector(".bytes .byte")
    # Stepping along the track of findings chooses them as well, whatever kinds the list shows.
    page.click("canvas.tracks", position={"x": 20, "y": page.evaluate("lensmount.drawn.middle('findings')")})
    page.keyboard.press(".")
    wait_until(lambda: page.locator(".findings li.lit .finding.garbage").count() == 0)
    page.wait_for_selector(".findings li.lit")


def test_campaign_facets_conditions_and_the_reason_of_a_case(page, explorers, results):
    enter(page, explorers)
    page.click('.open-list a:has-text("campaign.sqlite")')
    page.wait_for_selector(".cases tbody tr")
    stored = list(read_campaign(results[0]).cases)
    assert page.locator(".cases tbody tr").count() == len(stored) == 4
    bad = [one for one in stored if one.status.is_failure]
    assert bad
    page.click('.facet button:has-text("unexpected")')
    page.wait_for_selector(f'[role=status]:has-text("{len(bad)} cases where standing")')
    assert page.locator(".cases tbody tr").count() == len(bad)
    assert f"script: {bad[0].script.text}" in page.text_content(".cases tbody tr >> nth=0")
    page.click(".cases tbody tr >> nth=0")
    shown = page.text_content('aside[aria-label="case"]')
    for text in (bad[0].script.text, "drop rate=0.2", f"seed {bad[0].case.seed}", bad[0].case.script):
        assert text in shown
    page.fill('input[aria-label="condition"]', "body =")
    page.keyboard.press("Enter")
    page.wait_for_selector("p.refused")
    assert "\n" not in page.text_content("p.refused")
    page.click('button:text-is("all")')
    page.wait_for_selector("p.refused", state="detached")
    page.click('.facet button:has-text("loxia-21")')
    page.wait_for_selector('[role=status]:has-text("2 cases where")')
    page.click('aside[aria-label="case"] button.main')
    page.wait_for_selector(".row, .list-body .empty")
    assert page.text_content(".session-title").startswith(f"case {bad[0].case.number}: ")


def test_matrix_shows_the_lenses_that_a_body_format_reduces(page, explorers, results):
    enter(page, explorers)
    page.click('.open-list a:has-text("matrix.json")')
    page.wait_for_selector("table.matrix td")
    cells = json.loads(results[1].read_text())["cells"]
    page.click('h3:has-text("format of the body") + ul button:has-text("aps-c")')
    page.click('.facet button:has-text("reduced")')
    reduced = sorted(one["lens"] for one in cells if one["body"] == "leica-cl" and one["outcome"] == "reduced")
    assert reduced
    names = page.eval_on_selector_all("table.matrix tbody th", "all => all.map(one => one.textContent)")
    assert sorted(names) == reduced
    assert page.eval_on_selector_all("table.matrix thead span", "all => all.map(one => one.textContent)") == [
        "leica-cl"
    ]
    page.click("table.matrix .cell >> nth=0")
    assert "rule" in page.text_content('aside[aria-label="combination"]')
    page.click('aside[aria-label="combination"] button.main')
    page.wait_for_selector(".row")


def test_matrix_counts_follow_the_filters_and_a_cell_names_its_rules(page, explorers, results):
    enter(page, explorers)
    page.click('.open-list a:has-text("matrix.json")')
    page.wait_for_selector("table.matrix td")
    data = explorers.server.bench.results.matrix("2")
    cells = [one for one in data["cells"] if data["facts"][one["body"]]["format"] == "aps-c"]
    assert 0 < len(cells) < len(data["cells"])
    page.click('h3:has-text("format of the body") + ul button:has-text("aps-c")')
    shown = page.evaluate(FACET, "rule")
    names = {rule for one in data["cells"] for rule in one["rules"]}
    assert shown == {name: sum(name in one["rules"] for one in cells) for name in names}
    # The filter's own counts are those without it.
    assert page.evaluate(FACET, "format of the body")["full-frame"] == len(data["cells"]) - len(cells)
    # A rule of a step that works selects cells as well; its text is in the cell.
    cell = next(one for one in cells if "power notice" in one["rules"])
    assert all(one["verdict"] == "works" for one in cell["findings"] if one["rule"] == "power notice")
    page.click('h3:text-is("rule") + ul button:has-text("power notice")')
    page.click(f'[aria-label="{cell["body"]} with {cell["lens"]}: {cell["outcome"]}"]')
    lit = page.text_content(".reasons li.lit")
    assert f"rule power notice: {data['rules']['power notice']['title']}" in lit
    # Back from its session the view is as it was.
    before = page.locator("table.matrix .cell").count()
    page.click('aside[aria-label="combination"] button.main')
    page.wait_for_selector(".row")
    page.go_back()
    page.wait_for_selector(".reasons li.lit")
    assert page.locator("table.matrix .cell").count() == before < len(data["cells"])
    assert page.locator(".facet button.on").all_inner_texts()[0].startswith("aps-c")
    page.click('aside[aria-label="combination"] .close')
    page.wait_for_selector(".reasons", state="detached")
    assert "cell=" not in page.url


def test_a_matrix_and_a_campaign_that_the_user_chooses_are_opened_as_such(page, serve, results, tmp_path):
    running = serve()
    for path, view in ((results[1], "table.matrix td"), (results[0], ".cases tbody tr")):
        page.goto(running.url if path == results[1] else running.root)
        page.wait_for_selector(".card")
        page.set_input_files("input[type=file]", str(path))
        page.wait_for_selector(view)
    page.goto(running.root)
    page.wait_for_selector('.open-list a:has-text("matrix.json")')
    page.wait_for_selector('.open-list a:has-text("campaign.sqlite")')
    damaged = tmp_path / "damaged.json"
    damaged.write_text(results[1].read_text()[:-40])
    page.set_input_files("input[type=file]", str(damaged))
    page.wait_for_selector(".refused")
    assert "damaged.json" in page.text_content(".refused")
    assert str(tmp_path) not in page.text_content(".refused")


def test_forms_keep_their_values_and_offer_the_lines_of_the_dialect(page, serve):
    running = serve()
    page.goto(running.url)
    for body, lens, line in (("gfx50r", "gf110", "AF_PULSE"), ("a6000", "sel55210", "LENS_POWER")):
        session = page.evaluate(NEW_SESSION, {"body": body, "lens": lens, "seed": 1})
        page.goto(f"{running.root}/session/{session['id']}")
        page.select_option('select[aria-label="kind of fault"]', "stuck-line")
        choice = page.locator('.fault-keys label[title^="which line"] select')
        offered = choice.locator("option").all_inner_texts()
        assert {line, "supply", "detect"} <= set(offered)
        assert ("select (default)" in offered) is (body == "a6000")
        choice.select_option(line)
        page.fill('.fault-keys label[title^="how long"] input', "30ms")
        page.fill('input[aria-label="script"]', "wait 0.2")
        # A second session in between has values of its own; the order that was not given yet stays.
        page.click("#tab-findings")
        page.wait_for_selector(".fault-form", state="detached")
        page.click("#tab-control")
        assert page.input_value('select[aria-label="kind of fault"]') == "stuck-line"
        assert page.input_value('input[aria-label="script"]') == "wait 0.2"
        page.select_option('select[aria-label="kind of fault"]', "drop")
        page.select_option('select[aria-label="kind of fault"]', "stuck-line")
        assert page.text_content(".fault-form code") == f"stuck-line line={line} for=30ms"
        page.click("text=inject now")
        page.wait_for_selector('.answer.done:has-text("stuck-line")')
        assert running.server.bench.players[session["id"]].orders[-1][2] == f"stuck-line line={line} for=30ms"


def test_the_explanation_follows_a_session_that_goes_on(page, serve):
    running = serve()
    page.goto(running.url)
    page.wait_for_selector('button.main:has-text("Start"):not([disabled])')
    page.click('button.main:has-text("Start")')
    page.click("#tab-control")
    page.click('button:has-text("pause")')
    page.wait_for_selector('.badge:has-text("virtual · paused")')
    assert "(paused)" in page.title()
    page.click("a.home")
    page.wait_for_selector('.open-list a:has-text(", paused")')
    page.go_back()
    page.click('button:has-text("go on")')
    page.wait_for_selector('.badge:has-text("virtual · runs")')
    page.click("#tab-findings")
    page.wait_for_selector(".explanation:not(.wrong)")
    (player,) = running.server.bench.players.values()
    player.order({"do": "fault", "text": "drop rate=1.0"})
    page.wait_for_selector(".explanation.wrong")
    page.wait_for_selector('.explanation li:has-text("run with faults, which may be the cause: \\"drop rate=1.0")')


def test_playing_on_a_port_is_refused_and_then_armed_by_its_name(page, serve_with, tmp_path):
    far, near = pty.openpty()
    spec = f"serial:{os.ttyname(near)}"
    running = serve_with(Served(ports=[spec], recordings=tmp_path, opens_browser=False))
    page.goto(running.url)
    page.click(".port summary")
    play = page.locator('.port button:has-text("play on")')
    wait_until(lambda: page.locator(".port details select >> nth=1").locator("option").count() > 3)
    assert play.is_disabled()
    page.select_option(".port details select >> nth=1", "sel55210")
    page.fill(".port details input", "yes")
    play.click()
    page.wait_for_selector(".refused")
    assert "type its name" in page.text_content(".refused")
    assert running.server.bench.players == {}
    assert list(tmp_path.iterdir()) == []
    page.fill(".port details input", spec)
    play.click()
    page.wait_for_selector(".badge.armed")
    assert page.locator(".page.armed").count() == 1
    (player,) = running.server.bench.players.values()
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    wait_until(lambda: not player.session.reading)
    page.wait_for_selector(".badge.armed", state="detached")
    os.close(far)
    os.close(near)


def test_removing_a_session_keeps_no_other_request_waiting(serve):
    """The thread of a session may take a while to end."""
    running = serve()
    with running.client() as client, running.client() as other:
        wanted = {"body": "a6000", "lens": "sel55210", "seed": 1}
        path = f"/api/v1/sessions/{client.post('/api/v1/sessions', json=wanted).json()['id']}"
        player = running.server.bench.players[path.rpartition("/")[2]]
        close, asked, may_end = player.close, threading.Event(), threading.Event()

        def slow_close():
            asked.set()
            assert may_end.wait(30)
            close()

        player.close = slow_close
        found = []
        removing = threading.Thread(target=lambda: found.append(client.delete(path)))
        removing.start()
        assert asked.wait(30)
        assert other.get("/api/v1/about").status_code == 200
        assert other.get(path).status_code == 404
        may_end.set()
        removing.join(30)
        assert [one.status_code for one in found] == [200]
        assert not player._thread.is_alive()
