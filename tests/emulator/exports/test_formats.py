"""Every format of `export --from-dialect`: what it holds, where it goes, and that its code runs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from math import inf
from pathlib import Path
from types import ModuleType

import pytest

from lensmount.dialect import Dialect
from lensmount_emulator.cli.export import FORMAT_NAMES
from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verify_codec import DECODER_NAMES
from lensmount_emulator.exports.catalogue import json_files, markdown_files
from lensmount_emulator.exports.decoders import DECODERS
from lensmount_emulator.exports.formats import FORMATS, export_dialect
from lensmount_emulator.exports.schema import make_schema
from lensmount_emulator.exports.table_driven import saleae_files
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.wire import Burst


def test_command_line_names_the_formats_and_decoders_that_exist() -> None:
    assert tuple(FORMATS) == FORMAT_NAMES
    assert tuple(DECODERS) == DECODER_NAMES


def test_unknown_format_lists_those_that_exist() -> None:
    with pytest.raises(DialectError, match="unknown format 'cobol'; known: c, json"):
        export_dialect(load_dialect("emount"), "cobol")


@pytest.mark.parametrize("name", FORMATS)
def test_format_is_written_where_it_is_wanted(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = tmp_path / "out"
    words = ["export", "--from-dialect", "lmount", "--format", name, "--output", str(place)]
    assert main(words) == 0
    listed = [Path(line) for line in capsys.readouterr().out.splitlines()]
    files = [path for path in place.rglob("*") if path.is_file()] if place.is_dir() else [place]
    assert sorted(listed) == sorted(files)
    assert place.is_dir() == FORMATS[name].folder
    assert all(path.stat().st_size > 20 for path in files)
    assert main(words) == 3
    assert "exists already" in capsys.readouterr().err


def test_one_file_can_go_to_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--from-dialect", "lmount", "--format", "json", "--output", "-"]) == 0
    assert json.loads(capfd.readouterr().out)["dialect"] == "lmount"


def test_clocked_dialect_is_a_catalogue_with_its_clock() -> None:
    dialect = load_dialect("fuji-g")
    document = json.loads(export_dialect(dialect, "json")["fuji_g.json"])
    assert document["frame"] is None
    assert document["clocked"]["burst_sizes"] == [4, 131]
    assert document["clocked"]["data"] == {"body": "BODY_DATA", "lens": "LENS_DATA"}
    assert len(document["messages"]) == len(dialect.messages)
    page = export_dialect(dialect, "markdown")["fuji_g.md"]
    assert "| burst sizes | 4 or 131 |" in page
    assert page.count("\n### `") == len(dialect.messages)


def test_catalogue_of_a_half_duplex_dialect_names_its_acknowledge_lines() -> None:
    clocked = json.loads(export_dialect(load_dialect("mft"), "json")["mft.json"])["clocked"]
    assert clocked["acknowledge"] == {"clocking": "BODY_ACK", "clocked": "LENS_ACK", "pause_us": 20.0}
    assert clocked["burst_sizes"] == [1, 4, 6, 7, 11, 23, 33]


def test_catalogue_has_units_offsets_and_evidence() -> None:
    schema = make_schema(load_dialect("emount"))
    document = json.loads(json_files(schema)["emount.json"])
    moved = next(one for one in document["messages"] if one["name"] == "FocusMove")
    first = moved["fields"][0]
    assert (moved["type"], moved["sender"], moved["size"], first["offset"]) == (0x1D, "body", 5, 1)
    assert first["layout"] == ["int", 2, False, True, None]
    assert moved["evidence"]["level"] == "captured"
    assert len(document["messages"]) == len(schema.messages)
    text = markdown_files(schema)["emount.md"]
    for message in schema.messages:
        assert f"### `{message.type_:02X}` {message.name}, from the {message.sender.value}" in text
    assert "guarded: never sent" in text


def test_catalogue_has_checksum_lines_states_and_timing() -> None:
    dialect = load_dialect("lmount")
    schema = make_schema(dialect)
    text = markdown_files(schema)["lmount.md"]
    # The catalogue of CRCs gives these parameters and this check value.
    crc32 = "32 bits, polynomial 0x04c11db7, initial 0xffffffff, reflected, final xor 0xffffffff; 0xcbf43926"
    crc16 = "16 bits, polynomial 0x1021, initial 0xffff, not reflected, final xor 0x0000; 0x29b1"
    assert (crc32 in text) + (crc16 in text) == 1
    for line in dialect.wiring.lines:
        assert f"| {line} | {dialect.drivers[line].value} |" in text
    moves = [(state, name, to) for state, steps in dialect.transitions.moves.items() for name, to in steps.items()]
    assert moves
    for state, trigger, target in moves:
        assert any(f"| {state} | {trigger} | {end} | {target} |" in text for end in ("body", "lens", "either end"))
    document = json.loads(json_files(schema)["lmount.json"])
    assert document["lines"] == {line: end.value for line, end in dialect.drivers.items()}
    assert document["states"]["moves"] == dialect.transitions.moves
    assert [rule["name"] for rule in document["timing"]] == [rule.name for rule in dialect.timing]
    assert [f"| {rule.name} |" in text for rule in dialect.timing] == [True] * len(dialect.timing)


def test_catalogue_has_whole_microseconds_and_both_senders_of_a_line() -> None:
    dialect = load_dialect("mft")
    first = replace(dialect.timing[0], minimum_us=1.5, maximum_us=1234567.0)
    second = replace(dialect.timing[1], maximum_us=inf)
    text = export_dialect(replace(dialect, timing=(first, second)), "markdown")["mft.md"]
    assert f"| {first.name} | 1.5 | 1234567 |" in text
    assert f"| {second.name} | {second.minimum_us:g} | any |" in text
    assert "| DATA | either end | bytes of the body and of the lens |" in text


def test_text_of_a_declaration_stays_in_its_cell_and_comment(every_form: Dialect) -> None:
    schema = make_schema(every_form)
    lines = markdown_files(schema)["every_form.md"].splitlines()
    row = next(line for line in lines if line.startswith("|") and "8 bits" in line)
    assert row.count(" | ") == 5
    header = export_dialect(every_form, "c")["every_form_codec.h"]
    assert "/* 8 bits * / / */" in header


def test_analyzer_for_logic_decodes_bytes_and_gives_up_after_silence(
    every_form: Dialect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Logic itself is no command; its three classes are replaced."""
    analyzers = ModuleType("saleae.analyzers")

    class AnalyzerFrame:
        def __init__(self, kind: str, start: object, end: object, data: dict[str, object]) -> None:
            self.type, self.start_time, self.end_time, self.data = kind, start, end, data

    class HighLevelAnalyzer:
        pass

    def setting(**_named: object) -> None:
        return None

    analyzers.AnalyzerFrame = AnalyzerFrame  # type: ignore[attr-defined]
    analyzers.HighLevelAnalyzer = HighLevelAnalyzer  # type: ignore[attr-defined]
    analyzers.ChoicesSetting = analyzers.NumberSetting = setting  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "saleae", ModuleType("saleae"))
    monkeypatch.setitem(sys.modules, "saleae.analyzers", analyzers)
    for name, text in saleae_files(make_schema(every_form)).items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    module = import_module("HighLevelAnalyzer")
    frame = every_form.build_frame(bytes.fromhex("04070102"), 0, 0)
    hla = module.Hla()
    found: list[AnalyzerFrame] = []
    now = Fraction(0)
    for burst in (frame, frame[:5], frame):
        for byte in burst:
            given = AnalyzerFrame("data", now, now + Fraction(1, 100_000), {"data": bytes((byte,))})
            found += hla.decode(given) or []
            now += Fraction(1, 10_000)
        now += 1
    for name in ("HighLevelAnalyzer", "core", "tables"):
        sys.modules.pop(name, None)
    assert [one.type for one in found] == ["frame", "garbage", "frame"]
    assert found[0].data["messages"] == "Late"
    assert found[0].data["text"] == "0.0 Late{first=7,second=513,third=-}"
    assert found[0].data["Late.second"] == "513"
    assert found[1].data["count"] == 5


def test_installer_of_the_sigrok_decoder_needs_one_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["export", "--from-dialect", "lmount", "--format", "sigrok", "--output", str(out), "--quiet"]) == 0
    place = tmp_path / "decoders"
    subprocess.run(["/bin/sh", str(out / "install.sh")], env={"SIGROKDECODE_DIR": str(place)}, check=True, timeout=20)
    assert (place / "lensmount_lmount" / "pd.py").is_file()
    assert (place / "lensmount_lmount_lines" / "pd.py").is_file()


@pytest.mark.skipif(shutil.which("sigrok-cli") is None, reason="sigrok-cli is not installed")
@pytest.mark.parametrize(
    ("dialect", "body", "lens"), [("lmount", "panasonic-s1r", "sigma-45mm-f2.8-dg-dn"), ("emount", "a6000", "sel55210")]
)
def test_sigrok_decoder_of_the_lines_follows_the_rate(dialect: str, body: str, lens: str, tmp_path: Path) -> None:
    session = run_loopback(body, lens, script="sleep", seed=1)
    assert len({record.baudrate for record in session.records if isinstance(record, Burst)}) > 1
    session.save(tmp_path / "it.lmx")
    assert main(["export", str(tmp_path / "it.lmx"), "--output", str(tmp_path / "it.sr"), "--samplerate", "12M"]) == 0
    words = ["export", "--from-dialect", dialect, "--format", "sigrok", "--output", str(tmp_path / "out"), "--quiet"]
    assert main(words) == 0
    name = f"lensmount_{dialect}_lines"
    command = ["sigrok-cli", "-i", str(tmp_path / "it.sr"), "-P", f"{name}:rx=RXD:tx=TXD"]
    command += ["-A", f"{name}=body-text:lens-text"]
    place = {**os.environ, "SIGROKDECODE_DIR": str(tmp_path / "out")}
    done = subprocess.run(command, env=place, capture_output=True, text=True, check=True, timeout=120)
    assert len(done.stdout.splitlines()) == len(session.frames)
