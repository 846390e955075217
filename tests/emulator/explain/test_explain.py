"""Explanations of sessions that went well, and of breakages of each kind."""

import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.explain.explainer import explain_records, explain_timeline, session_knowledge
from lensmount_emulator.explain.finding import MAX_LATER_FINDINGS, NOTHING_TO_EXPLAIN, FindingKind
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.timeline import OFF_SLACK_S, Timeline, first_type, read_timeline, split_name
from lensmount_emulator.faults.registry import format_fault, parse_fault
from lensmount_emulator.reports.reference_tables import symptom_table
from lensmount_emulator.sessions.explain_capture import (
    READING_SHARE,
    explain,
    explain_live,
    explain_session,
    run_reference,
)
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.verdict import ErrorKind
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.errors import CaptureError, ProfileError
from lensmount_protocol.timing import TimingRule
from lensmount_protocol.wire import BITS_PER_BYTE, Annotation, Burst, Edge, Role, WireRecord

EMOUNT = load_dialect("emount")
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "symptoms.md"


def records(*faults: str, seconds: float = 1.3, body: str = "a6000", lens: str = "voigtlander-15") -> list[WireRecord]:
    return run_loopback(body, lens, seconds=seconds, seed=5, faults=faults).records


@pytest.mark.parametrize("lens", ["sel55210", "viltrox-ef50", "voigtlander-15"])
def test_a_session_that_goes_well_has_no_finding(lens: str) -> None:
    found = explain_records(records(lens=lens), EMOUNT)
    assert found.ok
    assert found.findings == ()
    assert found.text.startswith("Nothing went wrong.")


def test_sleep_and_wake_are_no_faults() -> None:
    session = run_loopback("nex7", "voigtlander-15", script="wait 0.1; sleep; wake; wait 0.1; sleep")
    assert explain_records(session.records, EMOUNT).ok


@pytest.mark.parametrize(
    ("fault", "kind", "end", "words"),
    [
        ("stuck-line line=VD level=high for=60s", FindingKind.STEP_MISSING, Role.BODY, "Frame sync (VD) never pulsed"),
        ("truncate from=lens at=0.125s by=10", FindingKind.SHORT_FRAME, Role.LENS, "before the select line fell"),
        ("checksum from=lens at=0.125s", FindingKind.BAD_FRAME, Role.LENS, "wrong checksum"),
        ("baud from=lens by=-25%", FindingKind.BAUDRATE, Role.LENS, "562 500 Bd"),
        ("delay-frame from=lens at=0.125s by=3ms", FindingKind.LATE, Role.LENS, "was late"),
        ("duplicate-frame from=body at=0.125s", FindingKind.REPEATED, Role.BODY, "twice"),
        ("detach at=0.3s for=50ms", FindingKind.DETACHED, Role.LENS, "It came back after 50.00 ms"),
        ("bounce line=detect", FindingKind.BOUNCE, Role.LENS, "XDETECT bounces"),
        ("stuck-line line=LENS_CS level=high at=0.31s for=5s", FindingKind.STUCK_LINE, Role.LENS, "LENS_CS"),
        (
            "stuck-line line=LENS_CS level=low at=0.127s for=5s",
            FindingKind.OUTSIDE_WINDOW,
            Role.LENS,
            "outside a select",
        ),
        ("rail-order", FindingKind.BEFORE_SUPPLY, Role.BODY, "wrong order"),
        ("brownout at=0.4s", FindingKind.SUPPLY_LOST, Role.BODY, "VCC failed at 400.000 ms"),
        ("sequence from=lens at=0.5s", FindingKind.SEQUENCE, Role.LENS, "was due"),
    ],
)
def test_first_cause_of_a_fault(fault: str, kind: FindingKind, end: Role, words: str) -> None:
    found = explain_records(records(fault), EMOUNT)
    assert found.cause is not None
    assert (found.cause.kind, found.cause.end) == (kind, end), found.text
    assert words in found.paragraph


@pytest.mark.parametrize("level", ["high", "low"])
@pytest.mark.parametrize(
    ("body", "lens", "line"),
    [
        ("a6000", "voigtlander-15", "VD"),
        ("leica-sl2", "leica-apo-summicron-sl-28mm-f2", "FSYNC"),
    ],
)
def test_frame_sync_that_stops_is_the_cause_when_the_body_then_removes_the_supply(
    body: str, lens: str, line: str, level: str
) -> None:
    session = run_loopback(
        body, lens, seconds=2.2, seed=5, faults=[f"stuck-line line={line} level={level} at=0.8s for=9s"]
    )
    supply = [one for one in session.records if isinstance(one, Edge) and one.line == session.dialect.supply]
    assert any(not one.level and one.at > 0.8 for one in supply)
    found = explain_records(session.records, session.dialect)
    assert found.cause is not None
    assert found.cause.kind is FindingKind.SYNC_STOPPED, found.text
    assert found.cause.at is not None
    # No later than the first pulse that is missing.
    assert found.cause.at < 0.85
    assert f"the body switched {session.dialect.supply} off" in found.text


def test_a_clock_that_is_off_shows_against_the_same_devices() -> None:
    reference = run_reference("a6000", "voigtlander-15", (), session_knowledge(EMOUNT), EMOUNT)
    found = explain_records(records("drift from=body by=5%"), EMOUNT, reference=reference)
    assert found.cause is not None
    assert found.cause.kind is FindingKind.CLOCK
    assert re.search(r"\+5\.[01]%", found.paragraph)


def test_a_reply_that_never_came_is_due_at_its_bound() -> None:
    def is_reply(record: WireRecord) -> bool:
        return isinstance(record, Burst) and record.sender is Role.LENS and record.data[5:6] == b"\x08"

    silent = [record for record in records() if not is_reply(record)]
    found = explain_records(silent, EMOUNT)
    assert found.cause is not None
    assert found.cause.kind in (FindingKind.NO_REPLY, FindingKind.FRAME_MISSING)
    assert found.cause.at is not None
    assert found.cause.at < 0.2


def test_notes_of_a_fault_plan_are_not_read() -> None:
    broken = records("truncate from=lens at=0.125s by=10")
    bare = [record for record in broken if not isinstance(record, Annotation)]
    assert len(bare) < len(broken)
    assert explain_records(bare, EMOUNT).text == explain_records(broken, EMOUNT).text


def test_a_session_without_traffic_explains_nothing() -> None:
    assert explain_records([], EMOUNT).verdict == NOTHING_TO_EXPLAIN
    assert not explain_records([], EMOUNT).ok


def test_the_other_dialect_is_explained_too() -> None:
    session = run_loopback("sigma-fp", "sigma-45mm-f2.8-dg-dn", seconds=0.5, faults=["detach at=0.3s"])
    found = explain_records(session.records, "lmount")
    assert found.cause is not None
    assert found.cause.kind is FindingKind.DETACHED
    assert [one.key for one in found.symptoms] == ["contact"]


def test_the_faults_of_a_session_that_went_wrong_are_its_first_remark(tmp_path: Path) -> None:
    fault, order = format_fault(parse_fault("stuck-line level=high line=VD for=60s")), "drop rate=1.0"
    session = run_loopback(seconds=1.2, faults=[fault], orders=[f"0.5 fault {order}", "0.6 detach"])
    named = f'"{fault}", "{order} (ordered at 500.000 ms)"'
    for found in (explain_session(session), explain(session.save(tmp_path / "a.lmx"))):
        assert found.remarks[0] == f"the session was run with faults, which may be the cause: {named}"
    many = run_loopback(seconds=1.2, faults=[fault, *(["drop at=9s"] * 4)])
    assert explain_session(many).remarks[0].endswith(", 2 more")
    # One that struck nothing is no reason to mention it.
    assert not explain_session(run_loopback(seconds=0.5, faults=["drop at=9s"])).remarks


def test_a_recording_brings_its_own_reference(tmp_path: Path) -> None:
    path = run_loopback(lens="voigtlander-15", seconds=0.5, faults=["detach at=0.3s"]).save(tmp_path / "a.lmx")
    found = explain(path)
    assert found.reference == "a6000 with voigtlander-15, virtual"
    assert "in the order of the good start-up" in found.paragraph
    assert explain(path, reference=path).reference == str(path)


def test_progress_goes_from_reading_to_the_end(tmp_path: Path) -> None:
    path = run_loopback(lens="voigtlander-15", seconds=1.0).save(tmp_path / "a.lmx")
    seen: list[float] = []
    explain(path, progress=seen.append)
    assert seen == sorted(seen)
    assert 0 < seen[0] <= READING_SHARE < seen[-2] < seen[-1] == 1


def test_bad_references_and_files_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(CaptureError):
        explain(tmp_path / "missing.lmx")
    path = run_loopback(lens="voigtlander-15", seconds=0.2).save(tmp_path / "a.lmx")
    with pytest.raises(ProfileError, match="neither a file nor a profile") as raised:
        explain(path, reference="no-such-thing")
    assert "\n" not in str(raised.value)
    with pytest.raises(ProfileError, match="the profile is of lmount"):
        explain(path, reference="sigma-fp")


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_knowledge_names_what_exists(dialect: str) -> None:
    known = load_dialect(dialect)
    knowledge = session_knowledge(known)
    rules: dict[str, TimingRule] = {rule.name: rule for rule in known.timing}
    kinds = {kind.value for kind in FindingKind}
    assert len({step.name for step in knowledge.steps}) == len(knowledge.steps) > 0
    for step in knowledge.steps:
        assert set(step.rules) <= rules.keys()
        assert step.within_us > 0 or step.rules
    for symptom in knowledge.symptoms:
        assert symptom.kinds <= kinds, symptom.key
        assert symptom.evidence.source.split(",")[0] in known.sources, symptom.key
    assert get_roles(dialect).session_knowledge


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_the_page_of_symptoms_has_the_table(dialect: str) -> None:
    assert symptom_table(dialect) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"), [("DescriptorRequest", "descriptor request"), ("FocusOrder34", "focus order 34")]
)
def test_split_name_reads_as_words(name: str, words: str) -> None:
    assert split_name(name) == words


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"faults": ["stuck-line line=VD level=high for=60s"]}, "Frame sync (VD) never pulsed"),
        ({"faults": ["stuck-line line=VD level=high at=0.4s for=60s"], "seconds": 0.9}, "VD stopped"),
    ],
)
def test_a_step_that_never_came_is_an_error_of_the_session(options: dict[str, Any], words: str) -> None:
    session = run_loopback(lens="voigtlander-15", **options)
    assert not session.ok
    assert words in [error.text for error in session.errors if error.kind is ErrorKind.MISSING]


@pytest.mark.parametrize("script", ["wait 0.1; sleep", "wait 0.1; sleep; wake; wait 0.1"])
def test_a_session_that_sleeps_or_is_short_owes_no_step(script: str) -> None:
    assert run_loopback(lens="voigtlander-15", script=script).missing == []
    assert run_loopback(lens="sel55210", seconds=0.5).missing == []


def test_failed_sessions_print_their_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["loopback", "--lens", "voigtlander-15", "--quiet", "--fault", "stuck-line line=VD level=high for=60s"])
        == 1
    )
    printed = capsys.readouterr().out
    assert "what went wrong:\nFrame sync (VD) never pulsed" in printed
    assert main(["loopback", "--lens", "voigtlander-15", "--quiet", "--duration", "0.6"]) == 0
    assert "what went wrong" not in capsys.readouterr().out


def test_a_live_session_is_explained_from_its_records() -> None:
    session = run_loopback(lens="voigtlander-15", seconds=0.5, faults=["detach at=0.3s"])
    found = explain_live(session.records, session.body)
    assert found.cause is not None
    assert found.cause.kind is FindingKind.DETACHED
    assert found.reference.startswith("a6000 with")
    assert explain_session(session).cause == found.cause


def log_of(*, until_reply: int | None = None, without: int = -1) -> list[WireRecord]:
    """The bytes of a good session as a text log has them: no edges, and a line for each frame."""
    bursts = [one for one in records(seconds=0.4) if isinstance(one, Burst)]
    for number, one in enumerate(bursts):
        if one.sender is Role.LENS and one.data[5] == until_reply:
            bursts = bursts[:number]
            break
    return [one for one in bursts if not (one.sender is Role.LENS and one.data[5] == without)]


@pytest.mark.parametrize(
    ("log", "kind"),
    [(log_of(), None), (log_of(without=0x08), FindingKind.NO_REPLY), (log_of(until_reply=0x09), FindingKind.SILENCE)],
    ids=["good", "reply missing", "ends after a request"],
)
def test_a_log_without_edges_is_checked_by_requests_and_silence(
    log: list[WireRecord], kind: FindingKind | None
) -> None:
    found = explain_records(log, EMOUNT)
    assert not found.has_edges
    assert (None if found.cause is None else found.cause.kind) is kind, found.text


def test_a_log_whose_body_goes_on_at_once_may_have_lost_the_reply() -> None:
    assert "the source may have lost one" in explain_records(log_of(without=0x08), EMOUNT).paragraph
    session = run_loopback(lens="sel55210", seconds=1.0, faults=["drop rate=1 from=lens at=0.182s for=5ms"])
    log = [one for one in session.records if isinstance(one, Burst)]
    found = explain_records(log, EMOUNT)
    assert found.cause is not None
    assert found.cause.kind is FindingKind.NO_REPLY
    assert "may have lost" not in found.paragraph


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
def test_a_source_that_begins_in_the_loop_has_no_start_to_judge(dialect: str) -> None:
    pair = {"emount": ("a6000", "sel2870"), "lmount": ("sigma-fp", "sigma-45mm-f2.8-dg-dn")}[dialect]
    whole = run_loopback(*pair, seconds=1.6).records
    begin = 1.2
    levels = {one.line: one.level for one in whole if isinstance(one, Edge) and one.at < begin}
    middle = [one for one in whole if one.at is not None and one.at >= begin]
    first = next(one for one in middle if isinstance(one, Burst))
    rest = Burst(begin + 1e-5, first.sender, first.data[-9:], first.baudrate, begin + 1e-4)
    found = explain_records([*(Edge(begin, line, level) for line, level in levels.items()), rest, *middle], dialect)
    assert found.ok, found.paragraph
    assert "the source begins in the loop; the start before it was not judged" in found.remarks


def test_a_reply_without_its_request_names_the_body() -> None:
    without = [
        one
        for one in records(seconds=0.4)
        if not (isinstance(one, Burst) and one.sender is Role.BODY and one.data[5:6] == b"\x0b")
    ]
    found = explain_records(without, EMOUNT)
    assert found.cause is not None
    assert (found.cause.kind, found.cause.end) == (FindingKind.FRAME_MISSING, Role.BODY), found.text


def test_a_refusal_that_ends_a_start_up_is_its_cause() -> None:
    session = run_loopback("sigma-fp", "sigma-45mm-f2.8-dg-dn", seconds=0.4)
    dialect = session.dialect
    order = next(one for one in session.frames if one.frame.payload[:1] == b"\x05")
    number = order.frame.payload[3]
    reply = next(one for one in session.frames if one.sender is Role.LENS and (one.at or 0.0) > (order.at or 0.0))
    refusal = CommandRejected(number=number, order=0x05)
    data = dialect.build_frame(refusal.build(), reply.frame.class_, reply.frame.sequence)
    cut = [one for one in session.records if (one.at or 0.0) < (reply.opened or 0.0)]
    opened, at = reply.opened or 0.0, reply.at or 0.0
    end = at + len(data) * 10 / reply.baudrate
    closing = [Edge(opened, "LENS_ATT", True), Burst(at, Role.LENS, data, reply.baudrate, end)]
    found = explain_records(
        [*cut, *closing, Edge(end + 2e-5, "LENS_ATT", False), Edge(end + 1.0, "V_LOGIC", False)], dialect
    )
    assert found.cause is not None
    assert found.cause.kind is FindingKind.REFUSED, found.text
    assert "unknown message" in found.paragraph
    assert "older-lens" in [one.key for one in found.symptoms]


@pytest.mark.parametrize(("ended_at", "kind"), [(None, None), (0.6, None), (3.0, FindingKind.SILENCE)])
def test_an_end_that_stops_before_the_session_does_fell_silent(
    ended_at: float | None, kind: FindingKind | None
) -> None:
    log = [one for one in records(seconds=0.5) if isinstance(one, Burst)]
    found = explain_records(log, EMOUNT, ended_at=ended_at)
    assert (None if found.cause is None else found.cause.kind) is kind, found.text


class CountedList(list[Any]):
    """A list that counts the items that are taken from it by iteration."""

    taken = 0

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            self.taken += 1
            yield one


def with_strays(clean: list[WireRecord]) -> list[WireRecord]:
    """A session with two bytes that are no frame after each burst of the lens."""
    found = list(clean)
    for one in clean:
        if isinstance(one, Burst) and one.sender is Role.LENS:
            after = one.at + len(one.data) * BITS_PER_BYTE / one.baudrate + 20e-6
            found.append(Burst(after, Role.LENS, b"\x11\x22", one.baudrate))
    return sorted(found, key=lambda one: one.at or 0.0)


def timeline_of(those: list[WireRecord]) -> Timeline:
    return read_timeline(OrderedDecoder(Decoder(EMOUNT)).decode(those), EMOUNT, session_knowledge(EMOUNT))


def test_the_work_of_an_explanation_grows_with_the_session_and_not_with_its_square() -> None:
    those = with_strays(records(seconds=3.0, lens="sel55210"))
    shares: list[float] = []
    for part in (those[: len(those) // 4], those):
        timeline = timeline_of(part)
        frames, garbage = CountedList(timeline.frames), CountedList(timeline.garbage)
        timeline.frames, timeline.garbage = frames, garbage
        found = explain_timeline(timeline, "the session", None)
        assert len(found.findings) > len(garbage) / 2 > 20
        shares.append((frames.taken + garbage.taken) / (len(frames) + len(garbage)))
    assert shares[1] < 1.5 * shares[0]


def test_the_lookups_of_a_timeline_are_those_of_a_search_through_all() -> None:
    random = Random(4)
    those = with_strays(records(lens="sel55210"))
    cycles = [Edge(random.uniform(0.1, 1.2), EMOUNT.supply, random.random() < 0.5) for _ in range(40)]
    timeline = timeline_of(sorted([*those, *cycles], key=lambda one: one.at or 0.0))
    events = sorted([*timeline.frames, *timeline.garbage], key=lambda one: timeline.order[id(one)])
    rises = timeline.rises(EMOUNT.supply)
    off = [edge.at for edge in timeline.edges[EMOUNT.supply] if not edge.level]
    assert len(off) > 5
    assert len(timeline.garbage) > 30
    times = [one.at for one in [*timeline.frames, *timeline.garbage] if one.at is not None]
    for at in [*random.sample(times, 60), *off[:5], *rises[:5], -1.0, 9.0]:
        assert timeline.is_settling(at) == any(0 <= at - rise < EMOUNT.power_settling_s for rise in rises)
        end = at + random.uniform(0.0, 0.1)
        assert timeline.lost_between(at, end) == any(at - OFF_SLACK_S <= one <= end for one in off)
        for role in Role:
            bad = [one.at for one in timeline.garbage if one.sender is role and one.at is not None and one.at >= at]
            assert timeline.next_garbage(role, at) == min(bad, default=float("inf"))
            later = [one.at for one in timeline.frames if one.sender is role and one.at is not None and one.at > at]
            assert timeline.next_frame_time(role, at) == min(later, default=None)
    for event in random.sample(events, 60):
        order = timeline.order[id(event)]
        before = [one for one in timeline.frames if one.sender is event.sender and timeline.order[id(one)] < order]
        assert timeline.frame_before(event.sender, order) is (before[-1] if before else None)


def test_a_failure_long_after_the_start_up_is_compared_with_the_start_up_alone() -> None:
    reference = run_reference("a6000", "voigtlander-15", (), session_knowledge(EMOUNT), EMOUNT)
    session = records("checksum from=lens at=5.2s", seconds=5.5)
    found = explain_records(session, EMOUNT, reference=reference)
    assert found.cause is not None
    assert found.cause.kind is FindingKind.BAD_FRAME
    assert "in the order of the good start-up" in found.paragraph


def test_only_what_was_compared_is_called_equal() -> None:
    session = records("checksum from=lens at=0.5s")
    good = timeline_of(records())
    assert good.loop_since is not None
    last = next(one for one in good.frames if first_type(one) == 0x0A and one.sender is Role.BODY)
    short, cut = timeline_of(records()), timeline_of(records())
    short.frames = [one for one in good.frames if first_type(one) != 0x0A]
    cut.frames = [one for one in good.frames if good.order[id(one)] < good.order[id(last)]]
    texts = [
        explain_timeline(timeline_of(session), "it", Reference("good", one)).paragraph for one in (good, short, cut)
    ]
    assert "Everything before it is in the order of the good start-up" in texts[0]
    assert "already not those of the good start-up" in texts[1]
    assert "good start-up" not in texts[2]


@pytest.mark.parametrize(("dropped", "often"), [(1, ""), (2, " (twice)"), (5, " (5 times)")])
def test_a_later_finding_says_once_how_often(dropped: int, often: str) -> None:
    session = records("checksum from=lens at=0.3s")
    status = [one for one in session if isinstance(one, Burst) and one.sender is Role.LENS and one.data[5:6] == b"\x05"]
    gone = [one for one in status if (one.at or 0.0) > 0.5][: 7 * dropped : 7]
    found = explain_records([one for one in session if one not in gone], EMOUNT)
    (line,) = [one for one in found.later_findings if "is missing" in one]
    assert line.endswith(f"the lens status (05) of the lens is missing{often}")


def test_a_frame_that_is_cut_before_its_type_is_called_a_message() -> None:
    found = explain_records(records("truncate from=lens at=0.16s by=206", body="nex7", lens="sel2870"), EMOUNT)
    assert found.paragraph.startswith("The message of the lens at 16")


@pytest.mark.parametrize("script", ["check all", "wait 0.2; detach", "wait 0.2;  check  all ; "])
def test_a_lens_that_the_last_step_of_the_script_takes_off_is_no_fault(tmp_path: Path, script: str) -> None:
    session = run_loopback("leica-sl2", "leica-apo-summicron-sl-28mm-f2", script=script)
    path = session.save(tmp_path / "cell.lmx")
    for found in (explain_session(session), explain(path)):
        assert found.ok, found.text
        assert found.findings == ()
        assert any("the script takes the lens off at its end" in one for one in found.remarks)
    # Bytes and edges alone do not show who took it off.
    alone = explain_records(session.records, session.dialect).cause
    assert alone is not None
    assert alone.kind is FindingKind.DETACHED


def test_a_lens_that_comes_off_earlier_than_the_script_takes_it_off_is_a_fault() -> None:
    pair = "leica-sl2", "leica-apo-summicron-sl-28mm-f2"
    fallen = explain_session(run_loopback(*pair, script="wait 0.5; detach", faults=["detach at=0.3s"]))
    assert fallen.cause is not None
    assert fallen.cause.kind is FindingKind.DETACHED
    waits = run_loopback(*pair, script="wait 0.2; detach 0.1; wait 0.3")
    returned = explain_session(waits)
    assert returned.cause is not None
    assert returned.cause.kind is FindingKind.DETACHED


def test_a_refusal_concerns_the_broken_bytes_before_it_and_no_request_that_was_answered() -> None:
    broken = records("checksum from=body at=0.165s", lens="sel55210", seconds=0.4)
    refused = [one for one in explain_records(broken, EMOUNT).findings if one.kind is FindingKind.REFUSED]
    sent = [one.data for one in broken if isinstance(one, Burst) and one.sender is Role.BODY and one.at > 0.165]
    assert [one.type_ for one in refused] == [sent[0][5]]
    assert "(0B)" in refused[0].text


def test_the_list_of_what_came_later_claims_no_causality() -> None:
    found = explain_records(records("detach at=0.3s for=50ms"), EMOUNT)
    assert found.later_findings
    assert "later findings:" in found.lines
    assert "consequences" not in found.text


def test_the_text_shortens_long_lists_and_the_data_has_them_whole() -> None:
    faults = ["checksum rate=0.1 count=100", "truncate rate=0.1 count=100"]
    found = explain_records(run_loopback(seconds=2.0, seed=7, faults=faults).records, EMOUNT)
    later, place = found.as_dict()["consequences"], len(found.later_findings) - found.closing
    assert place > MAX_LATER_FINDINGS
    assert later == found.later_findings
    assert later[-1] == found.outcome
    assert not [one for one in later if "--json" in one]
    shown = [line.removeprefix("  - ") for line in found.lines[2:]][: MAX_LATER_FINDINGS + 1 + found.closing]
    left_out = f"{place - MAX_LATER_FINDINGS} more, in --json"
    assert shown == [*later[:MAX_LATER_FINDINGS], left_out, *later[place:]]
