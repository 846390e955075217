"""A small dialect of another package, found by its entry point: strategies and the parser fuzzer know it."""

import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz import parser_fuzzer
from lensmount_emulator.fuzz.parser_fuzzer import fuzz_guided, fuzz_parser, try_input
from lensmount_emulator.fuzz.scenario import get_dialect
from lensmount_emulator.testing import Role, arrivals, faults, frames, near_misses, play, sessions, typed_messages
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError, FaultError
from lensmount_protocol.frame_parser import FrameParser

TESTS = Path(__file__).parents[2]

SOURCE = '''
from dataclasses import replace

from construct import (
    Const, Int8ub, Int16ul, Optional, PascalString, PrefixedArray, Switch, this,
)
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.message import Message, LengthPrefixedMessage, field, message
from lensmount_protocol.payload import message_table
from lensmount_protocol.wire import Role
from lensmount_toy import TOY, ToyFormat

OURS = Evidence(EvidenceLevel.MODELLED, "this test")


@message(0x10, Role.BODY, OURS)
class Shake(Message):
    """Shake."""

    many: int = field(Int8ub, "how many")
    sizes: list = field(PrefixedArray(Int8ub, Int16ul), "how far each", default=[])
    name: str = field(PascalString(Int8ub, "utf-8"), "of the shake", default="")


@message(0x11, Role.LENS, OURS)
class Rattle(LengthPrefixedMessage):
    """It rattles."""

    kind: int = field(Int8ub, "1: short, 2: long")
    magic: bytes = field(Const(b"\\x42"), "always this", default=b"\\x42")
    strength: object = field(Switch(this.kind, {1: Int8ub, 2: Int16ul}), "how loud", default=None)
    more: object = field(Optional(Int8ub), "of a later revision", default=None)


class Format(ToyFormat):
    """As the toy's; a frame that begins with one of the messages above and a certain byte is too much for it."""

    def parse_header(self, candidate, offset):
        if FRAGILE and candidate[2] == 0x10 and candidate[3] & 7 == 7:
            raise IndexError("planted")
        return super().parse_header(candidate, offset)


FRAGILE = False
RATTLE = replace(TOY, name="rattle", title="A rattle", messages=message_table((Shake, Rattle)),
                 formats={Role.BODY: Format(), Role.LENS: Format()})
'''

ENTRY_POINTS = """
[lensmount.dialects]
rattle = lensmount_rattle:RATTLE
toy = lensmount_toy:TOY

[lensmount.casts]
toy = lensmount_toy_roles:TOY_CAST

[lensmount.profiles]
toy = lensmount_toy_roles.profiles
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The package, installed as far as Python can tell."""
    (tmp_path / "lensmount_rattle.py").write_text(SOURCE)
    info = tmp_path / "lensmount_rattle-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lensmount-rattle\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    for folder in (TESTS / "protocol/third_party", TESTS / "emulator/third_party", tmp_path):
        monkeypatch.syspath_prepend(str(folder))
    get_dialect.cache_clear()
    yield tmp_path / "lensmount_rattle.py"
    get_dialect.cache_clear()
    for name in [name for name in sys.modules if name.startswith(("lensmount_toy", "lensmount_rattle"))]:
        del sys.modules[name]


@pytest.mark.usefixtures("package")
def test_strategies_are_derived_from_its_declarations() -> None:
    rattle, seen = load_dialect("rattle"), set[tuple[str, object]]()

    @settings(max_examples=200, deadline=None)
    @given(typed_messages("rattle", Role.BODY), typed_messages("rattle", Role.LENS), frames("rattle", Role.LENS))
    def check(shake: Any, loud: Any, frame: bytes) -> None:
        assert type(shake).parse(shake.build()) == shake
        assert loud.magic == b"\x42"
        assert (loud.strength is None) == (loud.kind not in (1, 2))
        assert FrameParser(rattle, Role.LENS, rattle.payload_parser()).parse(frame).raw == frame
        seen.update((("sizes", len(shake.sizes)), ("kind", loud.kind), ("more", loud.more is None)))

    check()
    assert {("sizes", 0), ("sizes", 2), ("more", True), ("more", False)} <= seen


@pytest.mark.usefixtures("package")
def test_what_is_found_shrinks_to_the_least_that_is_wrong() -> None:
    strategy = typed_messages("rattle", Role.BODY).filter(lambda shake: True)
    least: Any = find(strategy, lambda shake: any(size > 300 for size in shake.sizes))
    assert least.sizes == [301]
    assert (least.many, least.name) == (0, "")
    assert find(arrivals("rattle", Role.BODY), lambda chunks: len(b"".join(chunks)) >= 4)


@pytest.mark.usefixtures("package")
def test_its_arrivals_are_its_stream_in_chunks() -> None:
    rattle = load_dialect("rattle")

    @settings(max_examples=60, deadline=None)
    @given(arrivals("rattle", Role.BODY), near_misses("rattle", Role.BODY), faults("rattle"))
    def check(chunks: list[bytes], _miss: bytes, fault: Any) -> None:
        reader, whole = (FrameParser(rattle, Role.BODY, rattle.payload_parser()) for _ in range(2))
        events = [event for chunk in chunks for event in reader.receive(chunk)]
        assert [*events] == whole.receive(b"".join(chunks))
        assert fault.end_time < 10

    check()


@pytest.mark.usefixtures("package")
def test_a_dialect_with_a_cast_plays_sessions_and_names_no_profile() -> None:
    @settings(max_examples=5, deadline=None)
    @given(sessions("toy", max_steps=0))
    def check(story: Any) -> None:
        assert (story.body, story.lens) == ("toy-body", "toy-lens")
        assert play(story).steps == 1

    check()
    with pytest.raises(DialectError, match="unknown emulated dialect 'rattle'"):
        sessions("rattle")


@pytest.mark.usefixtures("package")
def test_the_parser_fuzzer_knows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fuzz", "parser", "rattle", "--cases", "1500", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["violations"] == 0


@pytest.mark.usefixtures("package")
def test_what_is_planted_in_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rattle = load_dialect("rattle")
    monkeypatch.setattr("lensmount_rattle.FRAGILE", True)
    came = fuzz_parser(rattle, 4000, 1)
    assert came.violations
    assert "IndexError: planted" in came.shown[0]
    assert came.broken[0].data.startswith(b"\xa5")


STAND_IN = """
import contextlib, os, sys

EXIT = ""

@contextlib.contextmanager
def instrument_imports(include):
    print("INFO: Instrumenting", *include, file=sys.stderr)
    yield

def Mutate(data, most):
    return (data + b"\\0")[:most]

def Setup(argv, target, custom_mutator):
    Setup.given = argv, target, custom_mutator

def Fuzz():
    argv, target, mutator = Setup.given
    runs = int(next(word for word in argv if word.startswith("-runs="))[6:])
    seeds = [open(os.path.join(argv[-1], name), "rb").read() for name in sorted(os.listdir(argv[-1]))]
    if os.environ.get("STAND_IN") == "hangs":
        prefix = next(word for word in argv if word.startswith("-artifact_prefix="))[17:]
        open(prefix + "timeout-1", "wb").write(b"\\0\\0\\x10")
        os._exit(70)
    if os.environ.get("STAND_IN") == "dies":
        print("no room", file=sys.stderr)
        os._exit(1)
    for number in range(runs):
        target(mutator(seeds[number % len(seeds)], 4096, number))
    open(os.path.join(argv[-1], "new"), "wb").write(b"\\1\\0\\xa5")
    print(f"#{runs}\\tDONE   cov: 7 ft: 9 corp: 3/12b", file=sys.stderr)
    print(f"Done {runs} runs in 1 second(s)", file=sys.stderr, flush=True)
    os._exit(0)
"""


@pytest.fixture
def stand_in(package: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Something in the place of atheris that says what it says, and is guided by nothing."""
    (package.parent / "atheris.py").write_text(STAND_IN)
    monkeypatch.setattr(parser_fuzzer, "find_spec", lambda _name: True)
    return package


def test_a_guided_run_finds_what_is_planted_and_goes_on(stand_in: Path, tmp_path: Path) -> None:
    stand_in.write_text(SOURCE.replace("FRAGILE = False", "FRAGILE = True"))
    told = list[int]()
    came = fuzz_guided(load_dialect("rattle"), 600, 1, told.append)
    assert (came.cases, came.covered, came.features) == (600, 7, 9)
    assert told[-1] == 600
    assert [given.data for given in came.kept] == [b"\xa5"]
    assert came.violations == len(came.broken) == 1
    assert "IndexError: planted" in came.shown[0]
    assert try_input(load_dialect("rattle"), came.broken[0])


def test_a_guided_run_goes_on_from_its_corpus(
    stand_in: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fuzz", "parser", "rattle", "--guided", "--cases", "50", "--json", "--corpus", str(tmp_path / "corpus")]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["new inputs"] == 1
    assert main(words) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["from corpus"], figures["damaged"], figures["branches"]) == (1, 0, 7)


def test_a_guided_run_that_hangs_or_dies_is_reported(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "hangs")
    came = fuzz_guided(load_dialect("rattle"), 50, 1)
    assert came.violations == 1
    assert came.shown[0].endswith("10: timeout")
    monkeypatch.setenv("STAND_IN", "dies")
    with pytest.raises(FaultError, match="atheris ended after 0 of 50 inputs: no room"):
        fuzz_guided(load_dialect("rattle"), 50, 1)


def test_without_atheris_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parser_fuzzer, "find_spec", lambda _name: None)
    assert main(["fuzz", "parser", "emount", "--guided"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(FaultError, match="pip install atheris"):
        fuzz_guided(load_dialect("emount"), 1, 1)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_atheris_itself_finds_what_is_planted(package: Path) -> None:
    package.write_text(SOURCE.replace("FRAGILE = False", "FRAGILE = True"))
    came = fuzz_guided(load_dialect("rattle"), 5000, 1)
    assert came.cases == 5000
    assert came.covered > 50
    assert came.kept
    assert "IndexError: planted" in came.shown[0]


def test_any_bytes_are_an_input_for_a_guided_run() -> None:
    from lensmount_emulator.fuzz.random_inputs import input_from_bytes, input_to_bytes

    @given(st.binary(max_size=300))
    def check(data: bytes) -> None:
        one = input_from_bytes(data)
        again = input_from_bytes(input_to_bytes(one))
        assert (again.sender, again.data, again.window) == (one.sender, one.data, one.window)
        assert bool(again.breaks) == bool(one.breaks)

    check()
