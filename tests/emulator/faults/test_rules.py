"""Rules between body and lens: what becomes of the session, of the frames and of the recording."""

from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.faults.registry import format_fault, known_faults, parse_fault
from lensmount_emulator.faults.rule import Rule, load_rules
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.identification import SpeedReply
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.errors import FaultError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Annotation

M = TypeVar("M", bound=Message)

SCRIPT = "focus 0x3F50; aperture f/8; wait 0.1; sleep"
PAIRS = {"emount": ("a6000", "sel55210"), "lmount": ("panasonic-s5", "sigma-45mm-f2.8-dg-dn")}
SCRIPTS = {"emount": SCRIPT, "lmount": "focus 2m; aperture f/8; wait 0.1; sleep"}


def played(*rules: str, dialect: str = "emount") -> LoopbackResult:
    return run_loopback(*PAIRS[dialect], script=SCRIPTS[dialect], faults=rules, seconds=20)


def notes(result: LoopbackResult) -> list[str]:
    return [record.text for record in result.records if isinstance(record, Annotation) and "rule on" in record.text]


def errors(result: LoopbackResult) -> list[str]:
    return [notice.text for notice in result.notices if notice.is_error]


def sent(result: LoopbackResult, cls: type[M]) -> list[M]:
    frames = (event for event in result.events if isinstance(event, DecodedFrame))
    return [message for event in frames for message in event.messages if isinstance(message, cls)]


CASES = [
    ("emount", "rule on=SpeedReply set=accepted=0", True, ""),
    ("emount", "rule on=IdentityReply do=drop count=1", True, "no answer to 07"),
    ("emount", "rule on=IdentityReply do=drop", False, "the lens never answered 07"),
    ("emount", "rule on=IdentityReply set=capabilities=0", True, ""),
    ("emount", "rule on=IdentityReply late=300ms count=1", True, ""),
    ("emount", "rule on=StartUpReply late=5s count=1", True, ""),
    ("emount", "rule on=FocusMoved do=drop", True, "no FocusMoved within 3 s"),
    ("emount", "rule on=FocusMove set=operand=0x3E00", True, ""),
    ("emount", "rule on=BodyMode add=FocusMove,operand=0x3EEF count=1 at=0.8s", True, ""),
    ("emount", "rule on=LensStatus do=drop every=2", True, ""),
    ("emount", "rule on=FocusStatus do=drop every=2", True, ""),
    ("emount", "rule on=LensStatus set=focal_length_dmm=777", True, ""),
    ("emount", "rule on=LensStatus late=1ms count=5", True, ""),
    ("emount", "rule on=DescriptorReply do=drop count=2", True, "no answer to 08"),
    ("lmount", "rule on=Identity set=model=77", True, ""),
    ("lmount", "rule on=PowerGrant set=limit_ma=200", True, ""),
    ("lmount", "rule on=IdentityRequest do=drop count=1", True, ""),
    ("lmount", "rule on=FocusState late=1ms count=5", True, ""),
    ("lmount", "rule on=LensHello do=drop count=1", True, ""),
    ("lmount", "rule on=LensHello do=drop", False, ""),
]


@pytest.mark.parametrize(("dialect", "rule", "finished", "error"), CASES, ids=[case[1] for case in CASES])
def test_session_has_the_outcome_of_its_rule(dialect: str, rule: str, finished: bool, error: str) -> None:
    result = played(rule, dialect=dialect)
    assert result.finished is finished
    assert notes(result)
    assert result.violations == []
    if error:
        assert any(error in text for text in errors(result))


def test_rule_that_matches_nothing_changes_no_record() -> None:
    plain = played()
    ruled = played("rule on=LensStatus where=focal_length_dmm>60000 set=focal_length_dmm=1")
    assert ruled.records == plain.records


def test_message_is_set_with_a_repaired_checksum_and_the_note_has_both_frames() -> None:
    result = played("rule on=SpeedReply where=accepted=1 set=accepted=0")
    assert [reply.accepted for reply in sent(result, SpeedReply)] == [0]
    assert notes(result) == ["fault: rule on SpeedReply: f00a0002000c01190055 becomes f00a0002000c00180055"]
    assert result.body.name == "a6000"
    assert not errors(result)


@pytest.mark.parametrize("value", ["8000", "0201", "7fa0"])
def test_bytes_are_hexadecimal_also_in_decimal_digits(value: str) -> None:
    wanted = bytes.fromhex(value)
    modes = sent(played(f"rule on=BodyMode set=unknown_0={value} count=1 at=0.8s"), BodyMode)
    assert [mode.unknown_0 for mode in modes].count(wanted) == 1
    parse_fault(f"rule on=BodyMode where=unknown_0<{value} do=drop").check(load_dialect("emount"))


def test_conditions_all_hold_and_every_counts_matches() -> None:
    result = played("rule on=LensStatus where=state>=0,focal_length_dmm!=0 set=focal_length_dmm=777 every=3 count=4")
    lengths = [status.focal_length_dmm for status in sent(result, LensStatus)]
    changed = [index for index, length in enumerate(lengths) if length == 777]
    assert len(changed) == len(notes(result)) == 4
    assert {after - before for before, after in pairwise(changed)} == {3}


def test_added_and_dropped_messages() -> None:
    plain = len(sent(played(), FocusMove))
    assert len(sent(played("rule on=BodyMode add=FocusMove,operand=0x3EEF count=1 at=0.8s"), FocusMove)) == plain + 1
    assert not sent(played("rule on=FocusStatus do=drop"), FocusStatus)


def test_guarded_message_needs_its_name() -> None:
    dialect = load_dialect("emount")
    for rule in ("on=UpdateBlock15 do=drop", "on=BodyMode add=ServiceCommand40"):
        with pytest.raises(FaultError, match="is guarded"):
            parse_fault(f"rule {rule}").check(dialect)
    parse_fault("rule on=UpdateBlock15 do=drop allow=UpdateBlock15").check(dialect)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("", "does nothing"),
        ("on=LensStatus", "does nothing"),
        ("on=Nothing do=drop", "unknown message of emount"),
        ("on=LensStatus set=nothing=1", "unknown field"),
        ("on=LensStatus set=focal_length_dmm", "is no field=value"),
        ("on=LensStatus set=focal_length_dmm=99999999", "focal_length_dmm"),
        ("on=LensStatus where=focal_length_dmm do=drop", "is no field, comparison and value"),
        ("on=LensStatus add=BodyMode", "unknown message"),
        ("on=LensStatus where=state>open do=drop", "state"),
        ("on=LensStatus do=keep", "wants drop"),
        ("on=LensStatus late=soon", "wants a duration up to 10 s"),
        ("on=LensStatus every=0", "wants a whole number"),
    ],
)
def test_wrong_rule_is_one_line(rule: str, message: str) -> None:
    with pytest.raises(FaultError, match=message) as caught:
        parse_fault(f"rule {rule}").check(load_dialect("emount"))
    assert "\n" not in str(caught.value)


def test_text_of_a_message_is_neither_compared_nor_set() -> None:
    with pytest.raises(FaultError, match="serial is text"):
        parse_fault("rule on=Identity set=serial=77").check(load_dialect("lmount"))


def test_list_and_bytes_have_no_order_with_a_number() -> None:
    for dialect, rule in (("lmount", "on=StreamConfig where=reports>3"), ("emount", "on=Refusal where=unknown_3>5")):
        with pytest.raises(FaultError, match=r"have no order|hexadecimal"):
            parse_fault(f"rule {rule} do=drop").check(load_dialect(dialect))


def test_file_of_rules_is_read_and_a_session_notes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rules]]\non = "LensStatus"\nwhere = ["focal_length_dmm > 100", "state >= 0"]\n'
        'set = { focal_length_dmm = 777 }\ncount = 2\n\n[[rules]]\non = "SpeedReply"\nset = "accepted=0"\n'
    )
    texts = load_rules(path)
    assert texts == [
        "rule on=LensStatus where=focal_length_dmm>100,state>=0 set=focal_length_dmm=777 count=2",
        "rule on=SpeedReply set=accepted=0",
    ]
    for text in texts:
        rule = parse_fault(text)
        assert isinstance(rule, Rule)
        assert parse_fault(format_fault(rule)) == rule
    record = tmp_path / "r.lmx"
    assert main(["loopback", "--rules", str(path), "--script", SCRIPT, "--record", str(record), "--quiet"]) == 0
    assert "on=SpeedReply" in record.read_text().partition("\n")[0]
    assert "rule on SpeedReply: " in record.read_text()
    capsys.readouterr()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "rules.toml"),
        ("", "holds no rules"),
        ("rules = []", "holds no rules"),
        ("rules = 1", "Expected `array`"),
        ("rules = [1]", "Expected `object`"),
        ("[[rules]]\non = 'A'\n[other]", "unknown field `other`"),
    ],
)
def test_wrong_file_of_rules_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(FaultError, match=message) as caught:
        load_rules(path)
    assert "\n" not in str(caught.value)


def test_rules_are_no_part_of_random_plans() -> None:
    assert Rule.NAME not in known_faults()
