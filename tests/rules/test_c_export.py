"""The C export of rules: equal to the engine, small, and refused with the reason where a table cannot do a rule."""

import shutil
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.rules.engine import RuleEngine
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.identification import DescriptorReply
from lensmount_protocol.wire import Role
from rules.c_export import build, compare, pass_through, size_on_cortex_m0
from rules.corpus import RULES


@pytest.mark.parametrize("dialect", RULES)
@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_exported_rules_do_to_frames_what_the_engine_does(dialect: str, tmp_path: Path) -> None:
    count, changed, different = compare(dialect, 800, tmp_path)
    assert count == 800
    assert changed > 100
    assert different == 0


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_table_of_more_than_255_rows_is_exported(tmp_path: Path) -> None:
    declared, rest = load_dialect("emount"), next(spec for spec in DescriptorReply.FIELDS if spec.name == "rest").size
    rules = tuple(
        Rule(on="DescriptorReply", where=f"lens_spec=a{number}" + "00" * 7, set=f"rest={bytes([number] * rest).hex()}")
        for number in range(8)
    )
    frame = declared.build_frame(DescriptorReply(lens_spec=bytes([0xA7, *bytes(7)])).build(), 1, 0)
    wanted = RuleEngine(declared, [rule.compile(declared) for rule in rules]).process(Role.LENS, frame, 0.0)
    assert wanted is not None
    assert bytes([7] * rest) in wanted.data
    assert pass_through(build("emount", rules, tmp_path), Role.LENS, [frame]) == [wanted.data]


@pytest.mark.parametrize("dialect", RULES)
@pytest.mark.skipif(shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is not installed")
def test_exported_rules_take_less_than_a_kibibyte_on_a_cortex_m0(dialect: str, tmp_path: Path) -> None:
    assert 100 < size_on_cortex_m0(dialect, tmp_path) < 1024


def test_verb_writes_both_files_and_keeps_existing_ones(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "r.toml"
    rules.write_text('[[rules]]\non = "LensStatus"\nset = { focal_length_dmm = 777 }\n')
    words = ["rules", "export", str(rules), "--to", "c", "--output", str(tmp_path / "c")]
    assert main(words) == 0
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["lensmount_rules.c", "lensmount_rules.h"]
    assert "focal_length_dmm=777" in (tmp_path / "c" / "lensmount_rules.h").read_text()
    assert main(words) == 3
    assert main([*words, "--force"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ('do = "drop"', "drop changes the length"),
        ('late = "2ms"', "late needs the whole frame"),
        ('set = { state = 1 }\nat = "1s"', "no clock"),
        ('where = "focal_length_dmm>10"\nset = { focal_length_dmm = 1 }', "a table keeps no bytes"),
    ],
)
def test_what_needs_a_buffer_is_refused(
    rule: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.toml"
    path.write_text(f'[[rules]]\non = "LensStatus"\n{rule}\n')
    assert main(["rules", "export", str(path), "--output", str(tmp_path / "c")]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert len(error.strip().splitlines()) == 1
    assert main(["rules", "check", str(path)]) == 0
    assert "stored, since " in capsys.readouterr().out


def test_check_refuses_rules_that_no_relay_can_carry_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.toml"
    path.write_text('[[rules]]\non = "StandbyReply"\nset = { raw_zoom = 1 }\n')
    assert main(["rules", "check", str(path), "--dialect", "mft"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, len(captured.err.splitlines())) == ("", 1)
    assert "have none" in captured.err
