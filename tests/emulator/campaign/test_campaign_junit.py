"""The JUnit document: what Jenkins's schema lets it have, whatever is in titles, names, faults and complaints."""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lensmount_emulator.campaign.case import PLAIN, Case, CaseStatus, InvariantOutcome, ScriptResult, StoredCase
from lensmount_emulator.campaign.results import EVERYTHING, CampaignResults
from lensmount_emulator.faults.options import ExpectedOutcome
from lensmount_emulator.fuzz.monitor import Violation
from lensmount_emulator.reports.html import campaign_to_html
from lensmount_emulator.reports.result_documents import campaign_to_junit

ATTRIBUTES = {
    "testsuites": ({"name", "time", "tests", "failures", "disabled", "errors"}, set[str]()),
    "testsuite": (
        {
            "name",
            "tests",
            "failures",
            "errors",
            "time",
            "disabled",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
        },
        {"name"},
    ),
    "properties": (set[str](), set[str]()),
    "property": ({"name", "value"}, {"name", "value"}),
    "testcase": ({"name", "assertions", "time", "classname", "status"}, {"name"}),
    "failure": ({"type", "message"}, set[str]()),
    "error": ({"type", "message"}, set[str]()),
    "system-out": (set[str](), set[str]()),
}
"""Element -> attributes that it may have, and those that it must; after https://github.com/jenkinsci/xunit-plugin."""

CHILDREN = {
    "testsuites": "(testsuite )*",
    "testsuite": "(properties )?(testcase )*(system-out )?(system-err )?",
    "properties": "(property )+",
    "testcase": "((skipped|error|failure|system-out|system-err) )*",
}
"""Element -> what may be in it, in which order; nothing is in others."""

# Everything that Python takes for text: control characters, marks of markup, halves of pairs.
TEXT = st.text(st.one_of(st.characters(), st.sampled_from("\0\x1b\x7f\ufffe\uffff\ud800<>&\"'\r\n\t]")), max_size=12)


def check(element: Element) -> None:
    legal, needed = ATTRIBUTES[element.tag]
    assert needed <= set(element.attrib) <= legal, element.tag
    inside = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(CHILDREN.get(element.tag, ""), inside), (element.tag, inside)
    for name in ("tests", "failures", "errors", "skipped"):
        assert element.attrib.get(name, "0").isdecimal()
    assert re.fullmatch(r"\d+\.\d{3}", element.attrib.get("time", "0.000"))
    for child in element:
        check(child)


@st.composite
def results(draw: st.DrawFn) -> CampaignResults:
    cases = list[StoredCase]()
    for number in range(1, draw(st.integers(0, 4)) + 1):
        body, lens, fault, told, words = (draw(TEXT) for _ in range(5))
        case = Case(number, PLAIN, "emount", body, lens, (), (fault,), 1, "", 1.0, 1, ())
        verdict = draw(st.sampled_from(InvariantOutcome))
        complaints = () if verdict is InvariantOutcome.HELD else (Violation(words, 0.5, told),)
        file = "" if verdict is InvariantOutcome.HELD else f"{draw(TEXT)}/1.lmx"
        script = ScriptResult(draw(st.booleans()), 1, 2, draw(TEXT), draw(TEXT))
        expected = draw(st.sampled_from(ExpectedOutcome))
        cases.append(StoredCase(case, verdict, script, expected, complaints, told, 1.5, 0.1, 3, 30, "d", file))
    where = draw(st.sampled_from((EVERYTHING, "seed < 3")))
    return CampaignResults(Path("r.sqlite"), draw(TEXT), "emount", 4, len(cases), where, cases)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(results())
def test_every_reader_of_junit_can_read_it(came: CampaignResults) -> None:
    root = ElementTree.fromstring(campaign_to_junit(came).encode())
    check(root)
    assert root.tag == "testsuites"
    counts = {standing: sum(case.status is standing for case in came.cases) for standing in CaseStatus}
    assert len(list(root.iter("testcase"))) == int(root.attrib["tests"]) == len(came.cases)
    assert (
        len(list(root.iter("failure")))
        == int(root.attrib["failures"])
        == counts[CaseStatus.BROKEN] + counts[CaseStatus.UNEXPECTED]
    )
    assert len(list(root.iter("error"))) == int(root.attrib["errors"]) == counts[CaseStatus.LOST]
    for name in ("tests", "failures", "errors"):
        assert sum(int(suite.attrib[name]) for suite in root) == int(root.attrib[name])
    names = [(case.attrib["classname"], case.attrib["name"]) for case in root.iter("testcase")]
    assert len(set(names)) == len(names)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(results())
def test_nothing_that_is_in_a_name_becomes_markup_of_the_page(came: CampaignResults) -> None:
    page = campaign_to_html(came)
    plain = campaign_to_html(CampaignResults(came.path, "", came.dialect, 4, 4, came.where, []))
    tags = set(re.findall(r"<(/?[a-z!][\w-]*)", page, re.IGNORECASE))
    assert tags <= {*re.findall(r"<(/?[a-z!][\w-]*)", plain, re.IGNORECASE), *STORIES}


STORIES = {f"{slash}{tag}" for slash in ("", "/") for tag in ("article", "h4", "span", "ul", "li", "code", "br")}
