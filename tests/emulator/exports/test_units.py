"""Exports of clocked dialects: the declared units, each format, and a session read by other programs."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from itertools import product
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from lensmount.dialect import (
    CRC16_IBM_3740,
    ChecksumIs,
    DeclaredUnitFormat,
    Dialect,
    GarbageReason,
    OneOf,
    Role,
    SizeIs,
    UnitBits,
    UnitBytes,
    UnitForm,
    UnitLookup,
    ZeroAfter,
    unit_builder,
)
from lensmount_emulator.cli.main import main
from lensmount_emulator.exports.formats import export_dialect
from lensmount_emulator.exports.table_driven import saleae_files
from lensmount_emulator.exports.units_schema import make_any_schema
from lensmount_emulator.exports.vectors import CorpusGenerator
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.verification.codec_equivalence import random_burst
from lensmount_protocol.checksums import Checksum, make_crc
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError, MountError
from lensmount_protocol.framer import UnitFrame, burst_format
from lensmount_protocol.unit_forms import UnitRule, declared_forms, find_form


@pytest.mark.parametrize("name", ["fuji-g", "mft"])
def test_code_of_a_dialect_does_what_its_forms_declare(name: str) -> None:
    dialect = load_dialect(name)
    made = CorpusGenerator(make_any_schema(dialect), Random(7))
    seen = {(role, form.name): 0 for role in Role for form in declared_forms(dialect.formats[role])}
    for _ in range(3000):
        sender, unit = made.entry()
        frame_format = burst_format(dialect.formats[sender])
        assert frame_format is not None
        form = find_form(declared_forms(frame_format), unit)
        taken = len(unit) in frame_format.sizes and frame_format.check(unit) is None
        assert taken == (form is not None), unit.hex()
        if form is not None:
            seen[sender, form.name] += 1
            frame = frame_format.parse_header(unit, 0)
            sequence = 0 if form.sequence is None else form.sequence.read(unit)
            assert (frame.class_, frame.payload, frame.sequence) == (form.class_, form.read_payload(unit), sequence)
            # A type byte that is no number of the unit has no place of its own.
            assert isinstance(frame, UnitFrame)
            assert [place[:2] for place in frame.unit_places[1:]] == [place[:2] for place in form.places(unit)[1:]]
            assert form.build(frame.payload, frame.sequence) == unit
            assert dialect.build_frame(frame.payload, frame.class_, frame.sequence) == unit
    assert all(seen.values()), seen


SIZE = UnitBits(0)
CARRIED = UnitBytes(2, SIZE)
NUMBERED = UnitForm(
    "numbered",
    1,
    (10, 10),
    (OneOf(UnitBits(1, 1, 7, 1), (1,)), ChecksumIs(UnitBits(-2, 2), UnitBytes(0, None, 2), CRC16_IBM_3740),
     ZeroAfter(CARRIED, 2)),
    (UnitLookup(UnitBits(1, 1, 3, 4), {2: 0x40, 5: 0x41}), CARRIED),
    UnitBits(1, 1, 0, 3),
)  # fmt: skip
PLAIN = UnitForm("plain", 0, (3, 9), (SizeIs(UnitBits(0, 2, little=True), 2),), (0x42, UnitBytes(2)))


def test_form_builds_what_it_reads_and_refuses_what_it_cannot_carry() -> None:
    formats = dict.fromkeys(Role, DeclaredUnitFormat((NUMBERED, PLAIN), {0x42: 0}))
    build, one = unit_builder(formats), formats[Role.BODY]
    unit = build(b"\x41\x07\x08", 1, 6)
    assert unit[:8] == bytes((2, 0x80 | 5 << 3 | 6, 7, 8, 0, 0, 0, 0))
    frame = one.parse_header(unit, 20)
    assert (frame.class_, frame.sequence, frame.payload, frame.offset) == (1, 6, b"\x41\x07\x08", 20)
    assert build(b"\x42\x01\x02", 0, 0) == b"\x02\x00\x01\x02"
    assert (one.class_of(0x42), one.class_of(0x41), one.header_size, one.max_size) == (0, 1, 3, 10)
    for payload, class_ in ((b"\x43", 1), (b"\x40" + bytes(7), 1), (b"\x42" + bytes(8), 0), (b"", 0), (b"\x41", 2)):
        with pytest.raises(MountError, match=f"no unit of class {class_} carries"):
            build(payload, class_, 0)


@pytest.mark.parametrize(("at", "value"), [(4, 1), (0, 9), (1, 0x98)], ids=["padding", "size", "number"])
def test_unit_that_breaks_a_rule_has_a_reason(at: int, value: int) -> None:
    one = DeclaredUnitFormat((NUMBERED,))
    unit = bytearray(unit_builder(dict.fromkeys(Role, one))(b"\x40\x07", 1, 0)[:-2])
    assert one.check(bytes(unit)) is GarbageReason.LENGTH
    unit[at] = value
    assert one.check(bytes(unit) + CRC16_IBM_3740.compute(bytes(unit)).to_bytes(2, "big")) is not None


def make_form(*payload: int | UnitBits | UnitLookup | UnitBytes, rules: tuple[UnitRule, ...] = ()) -> UnitForm:
    return UnitForm("short", 0, (2, 4), rules, payload)


@pytest.mark.parametrize(
    ("declare", "reason"),
    [
        (lambda: make_form(UnitBits(2)), "form short: a part ends after the 2 bytes"),
        (lambda: make_form(1, rules=(ZeroAfter(UnitBytes(0, 1), 3),)), "form short: a part ends after the 2 bytes"),
        (lambda: make_form(1, rules=(ZeroAfter(UnitBytes(0, 3)),)), "form short: a part ends after the 2 bytes"),
        (
            lambda: make_form(1, rules=(ChecksumIs(UnitBits(-1), UnitBytes(0, 3), CRC16_IBM_3740),)),
            "form short: a part ends after the 2 bytes",
        ),
        (lambda: make_form(UnitBytes(0, SIZE), UnitBytes(1)), "two parts of variable size"),
        (lambda: make_form(UnitBytes(1, SIZE)), "a number gives the size of its payload, but not of the unit"),
        (lambda: make_form(UnitBits(0, 2)), "values of more than a byte"),
        (lambda: make_form(256), "values of more than a byte"),
        (lambda: make_form(UnitLookup(SIZE, {1: 256})), "values of more than a byte"),
        (lambda: make_form(UnitLookup(SIZE, {256: 1})), "declare values from 0 to 255"),
        (lambda: make_form(UnitLookup(SIZE, {})), "declare values from 0 to 255"),
        (lambda: make_form(), "declare a payload"),
        (lambda: UnitBits(-1, 2), "inside the unit"),
        (lambda: UnitBits(0, 5), "one to four bytes"),
        (lambda: UnitBits(0, 1, 4, 8), "the bits are not in its bytes"),
        (lambda: UnitBits(0, 1, 8), "the bits are not in its bytes"),
        (lambda: UnitBytes(0, None, -1), "a count is negative"),
    ],
)
def test_declaration_that_some_unit_has_no_room_for_is_refused(declare: Callable[[], object], reason: str) -> None:
    with pytest.raises(DialectError, match=reason):
        declare()


ORDER = UnitForm("order", 0, (2, 2), (), (1, UnitBytes(0, 2)))
REPLY = UnitForm("reply", 1, (2, 2), (), (2, UnitBytes(0, 2)))


def test_unit_of_one_sender_may_look_like_one_of_the_other() -> None:
    formats = {Role.BODY: DeclaredUnitFormat((ORDER,)), Role.LENS: DeclaredUnitFormat((REPLY,))}
    build = unit_builder(formats)
    assert (build(b"\x01ab", 0, 0), build(b"\x02ab", 1, 0)) == (b"ab", b"ab")
    with pytest.raises(MountError, match="no unit of class 1 carries"):
        build(b"\x01ab", 1, 0)


def test_random_unit_of_a_sender_that_can_send_nothing_is_refused() -> None:
    body = load_dialect("fuji-g").messages[Role.BODY, 0x02]
    with pytest.raises(DialectError, match="no unit carries any of"):
        random_burst(DeclaredUnitFormat((ORDER,)), unit_builder(dict.fromkeys(Role, DeclaredUnitFormat((ORDER,)))),
                     [body], Random(1))  # fmt: skip


def test_clocked_dialect_without_forms_is_refused_in_one_line() -> None:
    class Own:
        sizes = frozenset({4})

        def class_of(self, _type: int, /) -> int:
            return 0

        def check(self, _candidate: bytes, /) -> None:
            return None

        def parse_header(self, _candidate: bytes, _offset: int, /) -> None:
            return None

    own: Dialect = replace(load_dialect("fuji-g"), formats={Role.BODY: Own(), Role.LENS: Own()})  # type: ignore[dict-item]
    with pytest.raises(DialectError, match=r"those of the body are read by Own, which declares no forms; give it Unit"):
        export_dialect(own, "c")
    assert "units" not in json.loads(export_dialect(own, "json")["fuji_g.json"])
    assert "fuji_g.md" in export_dialect(own, "markdown")


def test_catalogue_has_the_forms_of_declared_units() -> None:
    units = json.loads(export_dialect(load_dialect("mft"), "json")["mft.json"])["units"]
    assert [form["name"] for form in units["lens"]] == ["byte", "data 5", "data 21", "data 31", "other data"]
    (kind, number, table), (_, rest) = units["body"][0]["payload"]
    assert (kind, number, table["45296"], rest) == ("lookup", [0, 2, 0, 0xFFFF, False], 0xB8, [2, 2, 0])


def test_checksum_without_parameters_is_refused_in_one_line() -> None:
    secret = Checksum("secret", lambda data: data[0], 0x31, "ours")
    form = replace(PLAIN, rules=(ChecksumIs(UnitBits(-1), UnitBytes(0, 1), secret),))
    own = replace(load_dialect("fuji-g"), formats=dict.fromkeys(Role, DeclaredUnitFormat((form,))))
    with pytest.raises(DialectError, match="the checksum secret is a function of its own"):
        export_dialect(own, "kaitai")


CRCS = [
    make_crc("CRC-8/A", 8, polynomial, initial=0, reflected=False, final_xor=0, source="this test")
    for polynomial in (0x07, 0x1D)
]


def make_framed_dialect(*checksums: Checksum) -> Dialect:
    """The messages of Fuji G, in units of any size; the first byte is the number of the checksum."""
    forms = tuple(
        UnitForm(
            f"sum {number}",
            number,
            (6, 140),
            (
                OneOf(UnitBits(0), (number,)),
                SizeIs(UnitBits(1, 4), 6),
                ChecksumIs(UnitBits(-1), UnitBytes(0, None, 1), checksum),
            ),
            (UnitBytes(5, None, 1),),
        )
        for number, checksum in enumerate(checksums)
    )
    formats = dict.fromkeys(Role, DeclaredUnitFormat(forms))
    return replace(load_dialect("fuji-g"), name="own", formats=formats, build_frame=unit_builder(formats))


def test_checksums_with_one_name_are_refused_where_they_differ() -> None:
    with pytest.raises(DialectError, match="two of their checksums are named CRC-8/A; give each a name of its own"):
        export_dialect(make_framed_dialect(*CRCS), "c")
    again = make_crc("CRC-8/a", 8, 0x07, initial=0, reflected=False, final_xor=0, source="this test")
    (text,) = export_dialect(make_framed_dialect(CRCS[0], again), "wireshark").values()
    assert text.count("local function checksum_crc_8_a(") == 1


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("small", ["", "-DOWN_SMALL_CRC"])
def test_c_codec_of_declared_units_passes_its_vectors_with_and_without_tables(small: str, tmp_path: Path) -> None:
    checksums = [
        make_crc(f"CRC {number}", width, 0x31, initial=0, reflected=reflected, final_xor=0x55, source="this test")
        for number, (width, reflected) in enumerate(product((8, 16, 32), (False, True)))
    ]
    done = build_and_test(make_framed_dialect(*checksums), tmp_path, f"-O0 {small}")
    assert int(done.split()[0]) > 100
    symbols = subprocess.run(["nm", tmp_path / "own_test"], capture_output=True, text=True, check=True).stdout
    assert symbols.count("_crc_steps") == (0 if small else len(checksums))


def build_and_test(dialect: Dialect, place: Path, flags: str) -> str:
    """Return what the exported test program of the C codec prints."""
    for file, text in export_dialect(dialect, "c").items():
        (place / file).write_text(text)
    words = ["make", "-s", "test", "CC=gcc", f"CFLAGS={flags}"]
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=True, timeout=100).stdout
    assert " vectors, 0 decoded otherwise, 0 messages encoded to other bytes" in done
    return done


LONG = UnitForm("long", 0, (8, 8), (ZeroAfter(UnitBytes(4, UnitBits(0, 4)), 0),), (UnitBytes(4, UnitBits(0, 4)),))


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_sizes_that_overflow_in_c_are_refused_there_too(tmp_path: Path) -> None:
    counted = UnitForm("counted", 0, (9, 9), (SizeIs(UnitBits(0, 4), 9),), (UnitBytes(4, None, 0),))
    formats = dict.fromkeys(Role, DeclaredUnitFormat((LONG, counted)))
    own = replace(load_dialect("fuji-g"), name="own", formats=formats, build_frame=unit_builder(formats))
    for file, text in export_dialect(own, "c").items():
        (tmp_path / file).write_text(text)
    (tmp_path / "main.c").write_text(
        """#include "own_codec.h"
        int main(void)
        {
            static own_unit unit;
            const uint8_t zero[9] = {0}, high[8] = {0xff, 0xff, 0xff, 0xfd}, wrapped[9] = {0xff, 0xff, 0xff, 0xff};
            return (int)own_unit_check(OWN_BODY, zero, 9u, &unit) + 8 * (int)own_unit_check(OWN_BODY, high, 8u, &unit)
                + 64 * (int)own_unit_check(OWN_BODY, wrapped, 9u, &unit);
        }"""
    )
    sources = [str(tmp_path / "main.c"), str(tmp_path / "own_codec.c")]
    subprocess.run(["gcc", "-fsanitize=address", "-o", tmp_path / "it", *sources], check=True, timeout=100)
    assert subprocess.run([tmp_path / "it"], check=False, timeout=100).returncode == 8 + 64
    one = formats[Role.BODY]
    assert one.check(bytes(9)) is None
    assert one.check(bytes.fromhex("fffffffd00000000")) is GarbageReason.LENGTH


@pytest.mark.parametrize("name", ["sigrok", "saleae"])
def test_units_that_acknowledge_lines_separate_are_refused_in_one_line(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--from-dialect", "mft", "--format", name, "--output", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        f"lensmount: dialect mft: --format {name} needs units that pauses of the clock separate; here BODY_ACK and"
        " LENS_ACK do, which a decoder on SPI does not see"
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
@pytest.mark.parametrize("name", ["fuji-g", "mft"])
def test_c_codec_passes_its_vectors(name: str, tmp_path: Path) -> None:
    assert int(build_and_test(load_dialect(name), tmp_path, "-O0").split()[0]) > 100


def test_analyzer_for_logic_decodes_both_lines_and_ends_a_unit_with_a_pause(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Logic itself is no command; its three classes are replaced."""
    analyzers = ModuleType("saleae.analyzers")

    class AnalyzerFrame:
        def __init__(self, kind: str, start: object, end: object, data: dict[str, object]) -> None:
            self.type, self.start_time, self.end_time, self.data = kind, start, end, data

    class HighLevelAnalyzer:
        pass

    analyzers.AnalyzerFrame = AnalyzerFrame  # type: ignore[attr-defined]
    analyzers.HighLevelAnalyzer = HighLevelAnalyzer  # type: ignore[attr-defined]
    analyzers.ChoicesSetting = analyzers.NumberSetting = lambda **_named: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "saleae", ModuleType("saleae"))
    monkeypatch.setitem(sys.modules, "saleae.analyzers", analyzers)
    for name, text in saleae_files(make_any_schema(load_dialect("fuji-g"))).items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))  # pyright: ignore[reportUnknownMemberType]  (pytest has no types here)
    hla = import_module("HighLevelAnalyzer").Hla()
    found: list[AnalyzerFrame] = []
    now = Fraction(0)
    for body, lens in (("000009a6", "00000000"), ("08108022", "08008012"), ("00000000", "ffff0000"), ("00", "00")):
        for mosi, miso in zip(bytes.fromhex(body), bytes.fromhex(lens), strict=True):
            data: dict[str, object] = {"mosi": bytes((mosi,)), "miso": bytes((miso,))}
            found += hla.decode(AnalyzerFrame("result", now, now + Fraction(5, 1_000_000), data)) or []
            now += Fraction(5, 1_000_000)
        now += Fraction(1, 4000)
    for name in ("HighLevelAnalyzer", "core", "tables"):
        sys.modules.pop(name, None)
    assert [(one.type, one.data["sender"]) for one in found][:3] == [
        ("unit", "body"),
        ("unit", "lens"),
        ("unit", "body"),
    ]
    assert str(found[0].data["messages"]).endswith("Request")
    assert found[1].data["text"] == "0.0 LensNull{value=0}"
    assert [(one.type, one.data["sender"]) for one in found][-2:] == [("unit", "body"), ("garbage", "lens")]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoopbackResult, Path]:
    """A start of a lens, and its recording."""
    path = tmp_path_factory.mktemp("session") / "it.lmx"
    played = run_loopback("gfx50r", "gf110", script="wait 0.05", seed=1)
    played.save(path)
    return played, path


@pytest.mark.skipif(shutil.which("sigrok-cli") is None, reason="sigrok-cli is not installed")
def test_sigrok_decoder_of_the_lines_reads_a_session_with_its_stray_edges(
    session: tuple[LoopbackResult, Path], tmp_path: Path
) -> None:
    played, path = session
    assert main(["export", str(path), "--output", str(tmp_path / "it.sr"), "--samplerate", "6M", "--quiet"]) == 0
    words = ["export", "--from-dialect", "fuji-g", "--format", "sigrok", "--output", str(tmp_path / "out"), "--quiet"]
    assert main(words) == 0
    stack = "lensmount_fuji_g_lines:clk=CLK:mosi=BODY_DATA:miso=LENS_DATA"
    command = ["sigrok-cli", "-i", str(tmp_path / "it.sr"), "-P", stack]
    command += ["-A", "lensmount_fuji_g_lines=body-text:lens-text"]
    place = {**os.environ, "SIGROKDECODE_DIR": str(tmp_path / "out")}
    done = subprocess.run(command, env=place, capture_output=True, text=True, check=True, timeout=120)
    assert len(done.stdout.splitlines()) == len(played.frames)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_reads_every_unit_of_a_session(session: tuple[LoopbackResult, Path], tmp_path: Path) -> None:
    played, path = session
    assert main(["export", str(path), "--output", str(tmp_path / "it.pcapng"), "--quiet"]) == 0
    script = tmp_path / "it.lua"
    (text,) = export_dialect(load_dialect("fuji-g"), "wireshark").values()
    script.write_text(text)
    command = ["tshark", "-X", f"lua_script:{script}", "-r", str(tmp_path / "it.pcapng"), "-T", "fields"]
    command += ["-e", "lensmount_fuji_g.text"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    texts = [line for line in done.stdout.splitlines() if line]
    assert len(texts) == len(played.frames)
    assert all(text.startswith("@0 ") for text in texts)
