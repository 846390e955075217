"""The C codec: compiled without a warning, it decodes and encodes the vectors as this program does."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lensmount.dialect import Dialect
from lensmount_emulator.cli.main import main
from lensmount_emulator.exports.c_code.codec import c_files
from lensmount_emulator.exports.c_code.frames import crc_table
from lensmount_emulator.exports.canonical import CanonicalWriter
from lensmount_emulator.exports.schema import make_schema
from lensmount_emulator.exports.vectors import canonical_text, valid_message
from lensmount_protocol.checksums import CRC16_IBM_3740, CRC16_IBM_SDLC, CrcAlgorithm
from lensmount_protocol.dialect import load_dialect


def tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def run(folder: Path, *words: str, given: str | None = None) -> str:
    done = subprocess.run(words, cwd=folder, input=given, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def folder(every_form: Dialect, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("codec")
    for name, text in c_files(make_schema(every_form)).items():
        (place / name).write_text(text)
    return place


def test_every_form_passes_its_vectors_under_sanitizers(folder: Path) -> None:
    tool("gcc")
    found = run(folder, tool("make"), "-s", "sanitized")
    counted = re.fullmatch(r"(\d+) vectors, 0 decoded otherwise, 0 messages encoded to other bytes\n", found)
    assert counted is not None
    assert int(counted[1]) > 60
    typed = (folder / "every_form_vectors.txt").read_text()
    assert set(re.findall(r" (\w+)\{", typed)) == {
        "Numbers", "Groups", "Lists", "Late", "Rest", "NamedRest", "Blocks", "Empty", "Padded", "OnlyText"
    }  # fmt: skip


def test_a_wrong_vector_is_reported(folder: Path) -> None:
    tool("gcc")
    run(folder, tool("make"), "-s", "every_form_test_sanitized")
    lines = (folder / "every_form_vectors.txt").read_text().splitlines()
    wrong = next(line for line in lines if " Numbers{a=" in line)
    (folder / "wrong.txt").write_text(wrong.replace("Numbers{a=", "Numbers{a=1") + "\n")
    done = subprocess.run(
        ["./every_form_test_sanitized", "wrong.txt"], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert "1 vectors, 1 decoded otherwise" in done.stdout
    (folder / "empty.txt").write_text("")
    assert subprocess.run(["./every_form_test_sanitized", "empty.txt"], cwd=folder, timeout=60).returncode == 1


def test_a_cut_message_is_refused_at_every_length(folder: Path, every_form: Dialect) -> None:
    """A frame whose last message is cut is whole, and its message has no type."""
    from random import Random

    tool("gcc")
    run(folder, tool("make"), "-s", "every_form_test_sanitized")
    schema = make_schema(every_form)
    writer, random = CanonicalWriter(schema), Random(1)
    given, expected = list[str](), list[str]()
    for message in schema.messages:
        data = valid_message(message, random)
        for size in range(1, len(data)):
            frame = every_form.build_frame(data[:size], 0, 0)
            given.append(f"{message.sender.value} {frame.hex()}\n")
            expected.append(canonical_text(schema, writer, message.sender, frame))
    assert len(expected) > 150
    found = run(folder, "./every_form_test_sanitized", "--dump", given="".join(given)).splitlines()
    assert found == expected


def test_codec_compiles_for_a_small_processor_as_c_and_for_hosts_as_cpp(folder: Path) -> None:
    listed = run(folder, tool("make"), "-s", "size", f"ARM_CC={tool('arm-none-eabi-gcc')}")
    assert re.search(r"\d+\s+0\s+0\s+\d+ .*every_form_codec_m0\.o", " ".join(listed.split()))
    run(folder, tool("g++"), "-std=c++17", "-Wall", "-Werror", "-fsyntax-only", "-x", "c++", "every_form_codec.h")


def test_table_of_a_crc_gives_its_check_value() -> None:
    for checksum in (CRC16_IBM_3740, CRC16_IBM_SDLC):
        algorithm = checksum.algorithm
        assert isinstance(algorithm, CrcAlgorithm)
        value, table = algorithm.initial, crc_table(algorithm)
        for byte in b"123456789":
            value = (
                value >> 8 ^ table[(value ^ byte) & 0xFF]
                if algorithm.reflected
                else (value << 8 & 0xFFFF) ^ table[value >> 8 ^ byte]
            )
        assert value ^ algorithm.final_xor == checksum.check


def test_same_declarations_give_the_same_files() -> None:
    schema = make_schema(load_dialect("lmount"))
    assert c_files(schema) == c_files(make_schema(load_dialect("lmount")))


def test_verb_writes_a_folder_and_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", "--from-dialect", "emount", "--format", "c", "--output", str(tmp_path / "codec")]
    assert main(words) == 0
    listed = capsys.readouterr().out.splitlines()
    assert sorted(listed) == sorted(str(path) for path in (tmp_path / "codec").iterdir())
    assert main(words) == 3
    assert "emount_codec.h: exists already" in capsys.readouterr().err
    assert main([*words, "--force", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--from-dialect", "emount"], 2, "--from-dialect needs --format and --output; formats: c"),
        (["--from-dialect", "nomount", "--format", "c", "--output", "x"], 2, "unknown dialect 'nomount'"),
        (["--from-dialect", "emount", "--format", "c", "--output", "-"], 3, "a folder of files; name a folder"),
        (["--format", "c"], 2, "--format c needs --from-dialect"),
        (["a.lmx", "--from-dialect", "emount", "--format", "c", "--output", "x"], 2, "a.lmx is a recording; name one"),
    ],
)
def test_verb_refuses_what_does_not_fit(
    words: list[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", *words]) == code
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
