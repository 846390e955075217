"""The page in Chromium: it shows what the decoder gives, its panes share one selection, and it asks no other server."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.explain_capture import explain
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.codec.field_spans import frame_spans
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.describe import format_value
from lensmount_protocol.wire import Edge
from lensmount_web import session_store
from lensmount_web.page_file import write_page

from .conftest import AXE, check_axe, wait_until_drawn  # noqa: TID252  helpers of this folder

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"

ROWS = """() => {
  const data = lensmount.state.columns.value;
  const rows = [];
  for (let row = 0; row < data.rows; row++) {
    const found = data.composed(row);
    rows.push([data.kind.data[row], data.at.data[row], data.size.data[row], data.end.data[row],
      found ? found.names.join() : ""]);
  }
  return { rows, lines: Object.fromEntries([...data.lines].map(([name, line]) => [name, line.length])) };
}"""

DETAILS = """async (rows) => Promise.all(rows.map(async (row) => {
  const found = await lensmount.state.detail(row);
  return [found.hex, found.messages.map((one) => [one.name, one.fields.map((each) =>
    [each.name, each.start, each.end, each.text])])];
}))"""


REPLIES = """() => {
  const data = lensmount.state.columns.value;
  return Array.from({length: data.rows}, (_, row) => row).filter(row => data.answers.data[row] >= 0)
    .map(row => [row, data.at.data[row] - data.end.data[data.answers.data[row]]]);
}"""


def wait(page, expression, seconds=60):
    """Wait until an expression is true; the page's own policy forbids the driver to poll inside it."""
    for _ in range(seconds * 20):
        if page.evaluate(f"!!({expression})"):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"stayed false: {expression}")


def open_session(page, running, rest=""):
    page.goto(running.url + rest)
    page.wait_for_selector(".row")


def requests_stay_home(page, root):
    assert page.requests
    assert [url for url in page.requests if not url.startswith((f"{root}/", "data:", "blob:"))] == []


def check_rows(page, path, dialect=None):
    """Every row, edge, field and byte that the page has is the decoder's; some rows in full."""
    events = list(open_capture(path, dialect))
    rows = [event for event in events if not isinstance(event, Edge)]
    shown = page.evaluate(ROWS)
    assert len(shown["rows"]) == len(rows)
    for event, (kind, at, size, end, names) in zip(rows, shown["rows"], strict=True):
        assert (kind == 0) == isinstance(event, DecodedFrame)
        if isinstance(event, DecodedFrame):
            assert at == event.at or (at != at and event.at is None)
            assert size == len(event.frame.raw)
            assert end == event.end or (end != end and event.end is None)
            assert names == ",".join(type(message).__name__ for message in event.messages)
    edges = [event.line for event in events if isinstance(event, Edge)]
    assert shown["lines"] == {name: edges.count(name) for name in set(edges)}
    frames = [row for row, event in enumerate(rows) if isinstance(event, DecodedFrame)]
    chosen = frames[:: max(1, len(frames) // 40)]
    for row, (text, messages) in zip(chosen, page.evaluate(DETAILS, chosen), strict=True):
        assert text == rows[row].frame.raw.hex()
        spans = frame_spans(rows[row].frame)
        assert [name for name, _ in messages] == [type(span.message).__name__ for span in spans]
        for (_, fields), span in zip(messages, spans, strict=True):
            assert [one[:3] for one in fields] == [[one.name, one.start, one.end] for one in span.fields]
            values = [(one.spec, getattr(span.message, one.name)) for one in span.fields]
            texts = ["not sent" if value is None else format_value(spec, value) for spec, value in values]
            assert [one[3] for one in fields] == [text if len(text) <= 400 else text[:399] + "…" for text in texts]


def test_page_shows_the_recording_and_its_panes_share_a_selection(page, running, recording):
    open_session(page, running)
    assert "key=" not in page.url
    check_rows(page, recording)
    frames = [event for event in open_capture(recording) if not isinstance(event, Edge)]
    row = next(
        row
        for row, event in enumerate(frames)
        if isinstance(event, DecodedFrame) and type(event.messages[0]).__name__ == "LensStatus"
    )
    page.evaluate(f"lensmount.state.select({row})")
    page.wait_for_selector(f'.row.selected[data-row="{row}"]')
    page.hover('tr[data-field="distance"]')
    lit = page.eval_on_selector_all(".byte.lit", "all => all.map(one => Number(one.dataset.at))")
    (span,) = [one for one in frame_spans(frames[row].frame)[0].fields if one.name == "distance"]
    assert lit == list(range(span.start, span.end))
    assert page.text_content(".byte.lit") == frames[row].frame.raw[span.start : span.start + 1].hex()
    page.hover(f'.byte[data-at="{span.start - 4}"]')
    (other,) = [one for one in frame_spans(frames[row].frame)[0].fields if one.start <= span.start - 4 < one.end]
    assert page.get_attribute("tr.lit", "data-field") == other.name
    # The cursor, and so the panels, are at the frame.
    assert page.evaluate("lensmount.state.cursor.value") == frames[row].at
    wait(page, f"lensmount.state.mount.value?.t === {frames[row].at!r}")
    assert "f/" in page.text_content(".iris-figure figcaption")
    requests_stay_home(page, running.root)


def test_keyboard_zooms_marks_steps_and_filters(page, running):
    open_session(page, running)
    whole = page.evaluate("lensmount.state.view.value")
    page.keyboard.press("w")
    closer = page.evaluate("lensmount.state.view.value")
    assert closer["t1"] - closer["t0"] < 0.7 * (whole["t1"] - whole["t0"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("lensmount.state.selected.value") == 1
    for _ in range(60):
        page.keyboard.press("w")
    deepest = page.evaluate("lensmount.state.view.value")
    assert deepest["t1"] - deepest["t0"] == pytest.approx(2e-6, rel=0.01)
    page.keyboard.press("m")
    page.keyboard.press("End")
    page.keyboard.press("0")
    page.keyboard.press("f")
    page.keyboard.press("m")
    assert len(page.evaluate("lensmount.state.markers.value")) == 1
    page.keyboard.press("/")
    page.keyboard.type("lens LensStatus")
    page.keyboard.press("Enter")
    wait(page, "lensmount.state.found.value !== null")
    names = page.evaluate(
        "[...lensmount.state.listed.value].map(row => lensmount.state.columns.value.composed(row).names.join())"
    )
    assert names
    assert all("LensStatus" in name for name in names)
    page.fill("#filter", "lens (LensStatus")
    page.wait_for_selector(".filter.wrong")
    assert "at character 6" in page.text_content("#filter-note")
    assert page.evaluate("lensmount.state.found.value.count") == len(names)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("[role=dialog]")
    assert "filter" in page.text_content("[role=dialog]")
    page.keyboard.press("Escape")
    page.wait_for_selector("[role=dialog]", state="detached")


def test_a_link_shows_the_same_view_and_hover_measures_a_pulse(page, running):
    open_session(page, running)
    page.evaluate("lensmount.state.setView(1.1, 1.2)")
    page.evaluate("lensmount.state.addMarker(1.15)")
    wait(page, "location.hash.includes('m=1.15')")
    page.reload()
    page.wait_for_selector(".row")
    view = page.evaluate("lensmount.state.view.value")
    assert (view["t0"], view["t1"]) == (pytest.approx(1.1), pytest.approx(1.2))
    assert page.evaluate("lensmount.state.markers.value") == [1.15]
    box = page.locator("canvas.tracks").bounding_box()
    tracks = page.evaluate("lensmount.drawn.tracks()")
    page.mouse.move(box["x"] + 600, box["y"] + 24 + 21 * tracks.index("VD") + 10)
    page.wait_for_selector(".tip")
    text = page.text_content(".tip")
    assert "width" in text
    assert "period 16.6" in text


def test_findings_statistics_and_explanations(page, running):
    open_session(page, running)
    page.click("#tab-findings")
    page.wait_for_selector(".finding.garbage")
    page.wait_for_selector(".explanation.wrong h3")
    # The lists have the titles that `lensmount explain` prints.
    assert page.text_content(".explanation h3 >> nth=0") == "later findings"
    assert "consequence" not in page.text_content("body")
    page.click(".finding.garbage >> nth=0")
    page.wait_for_selector(".bytes .byte")
    assert "checksum" in page.text_content(".fields")
    page.click("#tab-statistics")
    page.wait_for_selector(".numbers")
    assert "05 LensStatus" in page.text_content(".numbers >> nth=0")


def test_the_page_opens_all_later_findings_and_points_to_no_option(page, serve, tmp_path: Path):
    faults = ["checksum rate=0.1 count=100", "truncate rate=0.1 count=100"]
    path = run_loopback(seconds=2.0, seed=7, faults=faults).save(tmp_path / "broken.lmx")
    explanation = explain(path)
    hidden = len(explanation.later_findings) - explanation.closing - 8
    assert hidden > 0
    running = serve(path)
    open_session(page, running)
    page.click("#tab-findings")
    page.wait_for_selector(".explanation h3")
    items = page.locator(".explanation h3:text-is('later findings') + ul > li")
    assert items.count() == 8 + 1 + explanation.closing
    assert items.last.inner_text() == explanation.outcome
    assert "--json" not in page.text_content("body")
    page.click(f'.explanation button:text-is("{hidden} more")')
    wait_until_drawn(page)
    assert items.all_inner_texts() == [" ".join(one.split()) for one in explanation.later_findings]


def test_many_findings_are_counted_and_opened_in_steps(page, serve, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(session_store, "MAX_FINDINGS", 600)
    faults = ["duplicate-frame rate=1 at=1.2s count=100000"]
    path = run_loopback(seconds=5.0, seed=7, faults=faults).save(tmp_path / "noise.lmx")
    kinds = [type(event).__name__ for event in open_capture(path)]
    running = serve(path)
    open_session(page, running)
    wait(page, "lensmount.state.findings.value && !lensmount.state.info.value.reading")
    page.click("#tab-findings")
    items = page.locator(".finding-list .finding")
    items.nth(399).wait_for()
    assert items.count() == 400
    page.click('.finding-list button:text-is("200 more")')
    items.nth(599).wait_for()
    assert items.count() == 600
    assert page.locator(".finding-list button.link").count() == 0
    total = page.evaluate("lensmount.state.findings.value.total")
    assert total >= kinds.count("DecodedGarbage") + kinds.count("Annotation") > 1200
    assert f"600 of {total:,}" in page.text_content(".findings > p.empty")


def test_a_reply_time_states_from_where_to_where_and_how_precisely(page, serve, tmp_path: Path):
    """A logic capture of a session gives the reply times of the session within what the page states."""
    exact, sampled = tmp_path / "session.lmx", tmp_path / "session.sr"
    run_loopback(seconds=0.5, seed=7).save(exact)
    assert main(["export", str(exact), "--output", str(sampled), "--samplerate", "12000000", "--quiet"]) == 0
    running = serve(exact, sampled)
    replies = []
    for session, stated in zip(running.server.bench.store, ("exact to 1 ns", "± 83.3 ns"), strict=True):
        page.goto(f"{running.url if not replies else running.root}")
        page.wait_for_selector(".open-list a")
        page.goto(f"{running.root}/session/{session.id}")
        page.wait_for_selector(".row")
        wait(page, "!lensmount.state.info.value.reading")
        found = page.evaluate(REPLIES)
        assert len(found) > 5
        replies.append(found)
        page.evaluate(f"lensmount.state.select({found[0][0]})")
        page.wait_for_selector(".reply")
        assert "end of the last bit of the request" in page.get_attribute(".reply", "title")
        assert "reply time" in page.text_content(".list-head")
        assert stated in page.get_attribute('.list-head span:has-text("reply time")', "title")
        assert ("±" in page.text_content(".reply")) is ("±" in stated)
        page.click("#tab-statistics")
        page.wait_for_selector(".numbers")
        legend = page.text_content(".statistics .facts >> nth=1")
        assert "to the start of the first bit of the answer" in legend
        assert stated in legend
        assert stated in page.get_attribute('.numbers th:has-text("reply time")', "title")
    for (_, one), (_, other) in zip(*replies, strict=True):
        assert abs(one - other) <= 1 / 12e6 + 1e-9


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: run `make web/page/node_modules`")
def test_no_serious_fault_of_accessibility(page, running):
    open_session(page, running)
    page.keyboard.press("ArrowDown")
    for tab in ("messages", "findings", "statistics"):
        page.click(f"#tab-{tab}")
        check_axe(page)
    page.goto(f"{running.root}/")
    page.wait_for_selector(".open-list a")
    check_axe(page)


def test_every_shared_capture_is_the_decoders(page, serve):
    if not CAPTURES.is_dir():
        pytest.skip(f"no captures at {CAPTURES}: they are real traffic and not part of the project")
    paths = sorted([*CAPTURES.glob("*.sr"), *CAPTURES.glob("*.txt")])
    assert paths
    running = serve(*paths)
    page.goto(running.url)
    page.wait_for_selector(".open-list a")
    for path, session in zip(paths, running.server.bench.store, strict=True):
        page.goto(f"{running.root}/session/{session.id}")
        wait(page, "window.lensmount?.state.info.value && !lensmount.state.info.value.reading")
        wait(
            page,
            f"lensmount.state.columns.value.rows === {len([e for e in open_capture(path) if not isinstance(e, Edge)])}",
        )
        check_rows(page, path)


def test_page_file_opens_without_a_server(page, read_session, tmp_path: Path):
    """Both dialects, as one file each: rows, fields and bytes are the decoder's, and no request is made."""
    result = run_loopback("panasonic-s5ii", "panasonic-s-20-60mm-f3.5-5.6", script="focus 2m; aperture f/8", seed=3)
    recording = result.save(tmp_path / "lmount.lmx")
    target = tmp_path / "page.html"
    write_page(target, read_session(recording))
    page.goto(target.as_uri())
    page.wait_for_selector(".row")
    check_rows(page, recording)
    frames = [one for one in page.requests if not one.startswith(("data:", "blob:"))]
    assert [urlsplit(url).scheme for url in frames] == ["file"]
    page.fill("#filter", "lens FocusState.position >= 0")
    wait(page, "lensmount.state.found.value?.count > 0")
    page.keyboard.press("Escape")
    page.evaluate("lensmount.state.cursor.value = lensmount.state.columns.value.last")
    wait(page, "document.querySelector('.iris-figure figcaption')?.textContent.includes('f/8')")
    assert json.loads(page.evaluate("JSON.stringify(lensmount.state.plots.value)"))


def test_start_page_plays_a_pair_takes_orders_and_writes_them_down(page, serve, tmp_path: Path):
    running = serve()
    page.goto(running.url)
    page.wait_for_selector(".card >> nth=1")
    wait(page, "document.querySelectorAll('.pair select option').length > 4")
    page.fill('input[placeholder^="wait"]', "wait 0.1")
    page.click('button.main:has-text("Start")')
    page.wait_for_selector(".virtual")
    wait(page, "lensmount.state.columns.value.rows > 40")
    page.click("text=pause")
    page.wait_for_selector("text=go on")
    page.fill('input[aria-label="script"]', "nonsense 3")
    page.keyboard.press("Enter")
    page.wait_for_selector(".refused")
    assert "unknown script verb" in page.text_content(".refused")
    page.fill('input[aria-label="script"]', "focus +50")
    page.keyboard.press("Enter")
    page.wait_for_selector(".refused", state="detached")
    page.select_option('select[aria-label="kind of fault"]', "drop")
    page.fill('.fault-keys label[title^="the share"] input', "0.01")
    page.click("text=inject now")
    page.click("text=go on")
    page.wait_for_selector("text=pause")
    wait(page, "document.querySelector('pre[aria-label=\"as pytest\"]').textContent.includes('drop')")
    test = page.text_content('pre[aria-label="as pytest"]')
    assert "session.do('focus +50')" in test
    assert "session.inject('drop rate=0.01')" in test
    compile(test, "test", "exec")
    command = page.text_content('pre[aria-label="as command"]')
    assert re.search(r"--order '[\d.]+ script focus \+50' --order '[\d.]+ fault drop rate=0\.01'", command), command
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rules]]\non = "LensStatus"\ndo = "hold"\n')
    page.set_input_files('input[aria-label="file of rules"]', str(rules))
    page.wait_for_selector('[role="status"]:has-text("held")')
    assert "rule on LensStatus" in page.text_content('[role="status"]:has-text("held")')
    requests_stay_home(page, running.root)


SHARPNESS = """() => {
  const canvas = document.querySelector(".viewfinder-panel canvas");
  const { data } = canvas.getContext("2d").getImageData(112, 72, 160, 112);
  let sum = 0;
  for (let at = 4; at < data.length; at += 4) sum += (data[at] - data[at - 4]) ** 2;
  let light = 0;
  for (let at = 0; at < data.length; at += 4) light += data[at];
  return [sum, light / (data.length / 4)];
}"""


def test_autofocus_makes_the_viewfinder_sharp_and_stopping_down_darkens_it(page, serve, tmp_path: Path):
    """The picture is read from the canvas: what a user sees, and not what the model says."""
    pair = ("panasonic-s5ii", "leica-vario-elmarit-sl-24-90mm-f2.8-4")
    script = "zoom 60; focus far; wait 0.1; autofocus; wait 0.1; aperture f/11; wait 0.2"
    recording = run_loopback(*pair, script=script, seed=3).save(tmp_path / "finder.lmx")
    columns = open_capture(recording).to_columns()
    aperture = columns.field("ApertureState.now")
    begun = columns.field("FocusState.position")
    far = float(begun.at[begun.values == 0][-1])
    stopped = float(aperture.at[aperture.values == aperture.values.max()][0])
    running = serve(recording)
    open_session(page, running)
    page.wait_for_selector(".viewfinder-panel canvas")
    assert "our model" in page.text_content(".viewfinder-panel")
    found = {}
    for name, at in (("blurred", far), ("sharp", stopped - 0.15), ("dark", columns.span()[1])):
        page.evaluate(f"lensmount.state.cursor.value = {at!r}")
        wait(page, f"lensmount.state.mount.value?.t === {at!r}")
        wait_until_drawn(page)
        found[name] = (*page.evaluate(SHARPNESS), page.evaluate("lensmount.state.mount.value.viewfinder.contrast"))
    assert found["sharp"][0] > 3 * found["blurred"][0]
    assert found["sharp"][2] > 1.5 * found["blurred"][2]
    assert found["dark"][1] < 0.6 * found["sharp"][1]
    # The same recording gives the same picture.
    again = page.evaluate(SHARPNESS)
    page.reload()
    page.wait_for_selector(".viewfinder-panel canvas")
    page.evaluate(f"lensmount.state.cursor.value = {columns.span()[1]!r}")
    wait(page, f"lensmount.state.mount.value?.t === {columns.span()[1]!r}")
    wait_until_drawn(page)
    assert page.evaluate(SHARPNESS) == again
    uncorrected = page.locator(".viewfinder-panel .chip")
    uncorrected.click()
    assert uncorrected.get_attribute("aria-pressed") == "false"
    wait_until_drawn(page)
    assert page.evaluate(SHARPNESS) != again


def test_a_dialect_whose_models_know_no_optics_has_no_viewfinder(page, running):
    open_session(page, running)
    wait(page, "lensmount.state.mount.value !== null")
    assert page.locator(".viewfinder-panel").count() == 0


def test_what_is_wrong_is_said_on_the_page(page, serve, tmp_path: Path):
    running = serve()
    page.goto(running.root + "/")
    page.wait_for_selector(".refused")
    assert "open the address that the command printed" in page.text_content(".refused")
    page.goto(running.url.replace("#key=", "#key=x"))
    page.wait_for_selector(".problem")
    assert "not valid" in page.text_content(".problem")
    page.goto(running.url)
    page.wait_for_selector(".card")
    page.goto(running.root + "/session/none")
    page.wait_for_selector(".problem")
    assert "no such session" in page.text_content(".problem")
    bad = tmp_path / "notes.txt"
    bad.write_text("hello")
    page.goto(running.root + "/")
    page.set_input_files("input[type=file]", str(bad))
    page.wait_for_selector(".refused")
    assert "notes.txt: not a known capture format" in page.text_content(".refused")
