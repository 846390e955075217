"""Reports of a matrix: every cell is in each of them, they read back, and the same matrix gives the same bytes."""

import io
import re
from collections.abc import Callable
from functools import cache
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from lensmount_emulator.campaign.matrix import Combination, Matrix, MatrixOutcome, SessionResult, run_matrix
from lensmount_emulator.engine.verdicts import CompatibilityResult, CompatibilityRule, Verdict
from lensmount_emulator.reports.html import matrix_to_html
from lensmount_emulator.reports.result_documents import matrix_from_json, matrix_to_json, matrix_to_junit
from lensmount_emulator.reports.summary import cell_lines, cell_summary, matrix_counts, split_links
from lensmount_emulator.reports.terminal import MAX_BROKEN, print_matrix

RULES = {
    "crop": CompatibilityRule(
        "crop", "The body uses the <middle>.", "public", "https://example.org/crop?a=1&b=2 (page 3)"
    ),
    "never": CompatibilityRule("never", "Nothing meets it.", "modelled", "nowhere"),
}
WORKS = CompatibilityResult("attach", Verdict.WORKS, "", "", 0.1)
TRIALS = {
    "plain": SessionResult((WORKS,), (), 1.25),
    "cropped": SessionResult(
        (WORKS, CompatibilityResult("picture", Verdict.REDUCED, "crop", "f < 2 & more", 0.3)), (), 1.5
    ),
    "mute": SessionResult((CompatibilityResult("attach", Verdict.REFUSED, "crop", "", 0.3),), (), 0.5),
    "odd": SessionResult(
        (CompatibilityResult("focus", Verdict.REDUCED, "whim", "", 0.3),), ("bell \x07 & <error>",), 2.0
    ),
}
BODIES = {"small": "Small & Co. <S>", "large": "Large body"}
TUBE = ("tube",)


def attempt(combination: Combination) -> SessionResult:
    return TRIALS[combination.lens]


def matrix(planned: int = 16) -> Matrix:
    made = Matrix(
        "lmount", "A model", "No byte is anybody's.", "check all", 7,
        BODIES, {lens: f"Lens {lens}" for lens in TRIALS}, {"tube": "Tube 16 mm"}, RULES, planned,
    )  # fmt: skip
    combinations = [Combination(body, lens, put_on) for body in BODIES for lens in TRIALS for put_on in ((), TUBE)]
    made.cells += run_matrix(combinations, attempt, RULES, lambda one: f"replay '{one.body}' {one.lens}")
    return made


def table_of(made: Matrix) -> str:
    out = io.StringIO()
    print_matrix(Console(file=out, width=120, soft_wrap=True), made)
    return out.getvalue()


class Page(HTMLParser):
    """What a page holds, with every element closed in its order."""

    EMPTY = frozenset({"meta"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, tag: str, attribute: str) -> list[str]:
        return [value for name, attrs in self.elements if name == tag and (value := attrs.get(attribute)) is not None]


def test_words_tell_counts_rules_and_errors() -> None:
    made = matrix(planned=20)
    assert matrix_counts(made) == "16 of 20 cells: 4 works, 4 reduced, 4 refused, 4 broken"
    assert matrix_counts(matrix()) == "16 cells: 4 works, 4 reduced, 4 refused, 4 broken"
    plain, _, cropped, *_ = made.cells
    assert (cell_summary(plain), cell_lines(plain)) == ("works", [])
    assert (cell_summary(cropped), cell_lines(cropped)) == ("reduced: crop", ["picture: reduced, crop: f < 2 & more"])
    assert cell_summary(made.cells[6]).startswith("broken: bell")


def test_addresses_are_found_inside_a_source() -> None:
    text = "spec, section 4; public: https://a.example/x_1.html (and https://b.example/y)."
    parts = split_links(text)
    assert "".join(part for part, _ in parts) == text
    assert [part for part, is_address in parts if is_address] == ["https://a.example/x_1.html", "https://b.example/y"]
    assert split_links("nowhere") == [("nowhere", False)]


def test_the_table_has_a_sign_for_each_cell_and_the_rules_that_were_met() -> None:
    text = table_of(matrix())
    assert "No byte is anybody's." in text
    assert re.findall(r"^ *(\S+(?: \+ \S+)?) +([-+~!]{2}) *$", text, re.MULTILINE) == [
        (lens + put_on, sign * 2)
        for lens, sign in (("cropped", "~"), ("mute", "-"), ("odd", "!"), ("plain", "+"))
        for put_on in ("", " + tube")
    ]
    assert "The body uses the <middle>." in text
    assert "never" not in text
    assert "broken: odd + tube on large" in text
    assert "replay 'small' odd" in text


def test_the_table_leaves_a_gap_where_nothing_was_run() -> None:
    made = matrix()
    made.cells = [cell for cell in made.cells if (cell.body, cell.accessories) != ("small", TUBE)]
    signs = re.findall(r"^  plain(?: \+ tube)?( +\+*) *$", table_of(made), re.MULTILINE)
    assert [sign.lstrip() for sign in signs] == ["++", "+"]
    assert len({len(sign) + offset for sign, offset in zip(signs, (0, len(" + tube")), strict=True)}) == 1


def test_the_table_shows_so_many_broken_cells_and_counts_the_rest() -> None:
    made = matrix()
    broken = [cell for cell in made.cells if cell.outcome is MatrixOutcome.BROKEN]
    made.cells += broken * MAX_BROKEN
    assert f"and {len(broken) * (MAX_BROKEN + 1) - MAX_BROKEN} more broken cells" in table_of(made)


def test_json_reads_back_as_the_matrix_line_by_line() -> None:
    made = matrix()
    text = matrix_to_json(made)
    assert matrix_from_json(text) == made
    assert matrix_to_json(matrix()) == text
    assert len(text.splitlines()) == len(made.cells) + 2
    assert text.startswith('{"lensmount":"matrix","version":1,"dialect":"lmount",')


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{}", "is no matrix of version 1"),
        ("[]", "no matrix"),
        ('{"lensmount":"matrix","version":2}', "is no matrix of version 1"),
        ('{"lensmount":"matrix","version":1}', "mine.json: no matrix: .*`dialect`"),
    ],
)
def test_json_that_is_no_matrix_is_refused(text: str, error: str) -> None:
    from lensmount_protocol.errors import CaptureError

    with pytest.raises(CaptureError, match=error):
        matrix_from_json(text, "mine.json")


# What xunit-plugin's junit-10.xsd lets stand in each element: attributes that must be there, others, children.
SCHEMA: dict[str, tuple[set[str], set[str], set[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"group", "time", "skipped", "timestamp", "hostname", "id", "package", "file", "log", "url"},
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "properties": (set(), set(), {"property"}),
    "property": ({"name", "value"}, set(), set()),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"failure", "error", "skipped", "system-out", "system-err"}),
    "failure": (set(), {"type", "message"}, set()),
    "system-out": (set(), set(), set()),
}


def test_junit_keeps_to_what_ci_servers_read() -> None:
    root = ElementTree.fromstring(matrix_to_junit(matrix()).encode())
    assert root.tag == "testsuites"
    for element in root.iter():
        required, optional, children = SCHEMA[element.tag]
        assert required <= set(element.attrib) <= required | optional
        assert {child.tag for child in element} <= children
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])


def test_junit_has_a_suite_for_each_body_and_fails_what_is_broken() -> None:
    root = ElementTree.fromstring(matrix_to_junit(matrix()).encode())
    assert {suite.attrib["name"]: suite.attrib["failures"] for suite in root} == {"small": "2", "large": "2"}
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["time"]) == ("16", "4", "21.000")
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    assert len(cases) == 16
    failing = {name for name, case in cases.items() if case.find("failure") is not None}
    assert failing == {f"odd{put_on} on {body}" for body in BODIES for put_on in ("", " + tube")}
    failure = cases["odd on small"].find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "broken: bell \ufffd & <error>"
    said = cases["cropped + tube on large"].findtext("system-out") or ""
    assert said.splitlines() == [
        "reduced: crop", "picture: reduced, crop: f < 2 & more", "replay: replay 'large' cropped",
    ]  # fmt: skip
    notices = [one.attrib["value"] for one in root.iter("property") if one.attrib["name"] == "notice"]
    assert notices == ["No byte is anybody's."] * 2


def test_html_is_well_formed_and_has_every_cell() -> None:
    made = matrix()
    text = matrix_to_html(made)
    page = Page(text)
    stories = [attrs["id"] for tag, attrs in page.elements if tag == "article"]
    assert stories == [f"cell-{number}" for number in range(1, 17)]
    links = page.values("a", "href")
    assert sorted(link for link in links if link.startswith("#cell-")) == sorted(f"#{story}" for story in stories)
    anchors = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert {link[1:] for link in links if link.startswith("#")} <= anchors
    assert "https://example.org/crop?a=1&b=2" in links
    assert [page.texts.count(sign) for sign in "+~-!"] == [9, 9, 9, 9]
    for cell in made.cells:
        assert cell.replay in page.texts
    assert {"No byte is anybody's.", "Small & Co. <S>", "Lens odd + Tube 16 mm"} <= set(page.texts)


def test_html_needs_nothing_from_elsewhere() -> None:
    page = Page(matrix_to_html(matrix()))
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object"}
    assert not [attrs for _, attrs in page.elements if "src" in attrs or "style" in attrs]
    assert "url(" not in "".join(page.texts)


FORMS: list[Callable[[Matrix], str]] = [matrix_to_json, matrix_to_junit, matrix_to_html, table_of]


@pytest.mark.parametrize("form", FORMS)
def test_the_same_matrix_gives_the_same_bytes(form: Callable[[Matrix], str]) -> None:
    assert form(matrix()) == form(matrix())


@pytest.mark.parametrize("form", FORMS)
def test_the_notice_stands_in_every_report(form: Callable[[Matrix], str]) -> None:
    assert "No byte is anybody's." in unescape(form(matrix()))


@pytest.mark.parametrize("form", FORMS)
def test_a_matrix_that_was_stopped_at_once_is_a_report_too(form: Callable[[Matrix], str]) -> None:
    made = matrix()
    made.cells.clear()
    assert "A model" in form(made) or form is matrix_to_junit
    assert "replay '" not in unescape(form(made))


HOSTILE = st.one_of(
    st.text(st.sampled_from("\0\x1b\x7f\ufffe\uffff\ud800\u202e<>&\"'\r\n\t]$é"), max_size=8),
    st.sampled_from(
        ("</script><script>x", '"><img src=x onerror=y>', "' onload='x", "javascript:x", "]]>", "&#60;b&#62;", "<!--")
    ),
    st.sampled_from(("$title", 'https://x.example/"onclick="y', "https://x.example/<b>")),
)
"""Everything that Python takes for text, and texts that are markup where they are not escaped."""


def hostile(texts: list[str]) -> Matrix:
    """A matrix whose every text is hostile."""
    rule, why, known, source, body, lens, tube, step, detail, trouble, replay, *titles = texts
    rules = {rule: CompatibilityRule(rule, why, known, source)}
    trial = SessionResult(
        (CompatibilityResult(step, Verdict.REDUCED, rule, detail, 0.1),), (trouble,) if len(trouble) > 3 else (), 1.0
    )
    about, notice, script, body_title, lens_title, tube_title = titles
    made = Matrix(
        "lmount", about, notice, script, 7, {body: body_title}, {lens: lens_title}, {tube: tube_title}, rules, 2
    )
    pairs = [Combination(body, lens, put_on) for put_on in ((), (tube,))]
    made.cells += run_matrix(pairs, lambda _: trial, rules, lambda _: replay)
    return made


MATRICES = st.lists(HOSTILE, min_size=17, max_size=17).map(hostile)


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(MATRICES)
def test_no_text_of_a_matrix_becomes_markup(made: Matrix) -> None:
    page, known = Page(matrix_to_html(made)), known_page()
    attributes = {(tag, name) for tag, attrs in known.elements for name in attrs}
    assert {(tag, name) for tag, attrs in page.elements for name in attrs} <= attributes
    assert {tag for tag, _ in page.elements} <= {tag for tag, _ in known.elements}
    assert all(link.startswith(("#", "http://", "https://")) for link in page.values("a", "href"))
    assert [tag for tag, _ in page.elements].count("article") == len(made.cells) == 2
    root = ElementTree.fromstring(matrix_to_junit(made).encode())
    tags = {"testsuites", "testsuite", "properties", "property", "testcase", "failure", "system-out"}
    assert {element.tag for element in root.iter()} <= tags
    assert len(list(root.iter("testcase"))) == 2


@cache
def known_page() -> Page:
    """A page without hostile texts, for its elements and attributes."""
    return Page(matrix_to_html(matrix()))
