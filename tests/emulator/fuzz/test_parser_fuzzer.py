"""The parser fuzzer: finds nothing in readers that are right, and what is planted in those that are not."""

import contextlib
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz import parser_fuzzer
from lensmount_emulator.fuzz.corpus import open_corpus
from lensmount_emulator.fuzz.parser_fuzzer import (
    check_message,
    check_parser,
    frames_in,
    fuzz_one,
    fuzz_parser,
    shrink_input,
    try_input,
)
from lensmount_emulator.fuzz.random_inputs import InputGenerator, ParserInput, input_from_dict
from lensmount_protocol.dialect import dialect_names, load_dialect
from lensmount_protocol.framer import GarbageReason
from lensmount_protocol.wire import Role

DIALECTS = ("emount", "lmount")
CASES = 12_000


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_share_of_the_inputs_breaks_nothing(dialect: str) -> None:
    came = fuzz_parser(load_dialect(dialect), CASES, 1)
    assert came.violations == 0, came.shown
    assert came.cases == CASES
    assert came.frames > CASES // 4
    assert came.refused > CASES // 4


CHANGED_IN_THE_MIDST = bytes.fromhex(
    "f0f0f0190001770a221f41b5dae3d6a1a3344089c53207a2460855f06900036e050000000000000000070000000000000000000000000780ff"
    "00000000000000002600000000002600000000000000000000000000000000000000000000000100000000000000000000000000000000000000"
    "0000000000000000000000b90255"
)
"""Behind noise, a layout, and a frame that is read by it: in one chunk it was read by the layout before."""


@pytest.mark.parametrize("cuts", [(1, 110, 129), (27,), (2,)])
def test_a_layout_behind_noise_counts_for_what_follows_in_the_same_chunk(cuts: tuple[int, ...]) -> None:
    assert (
        list(check_parser(load_dialect("emount"), ParserInput(Role.LENS, CHANGED_IN_THE_MIDST, cuts, window=True)))
        == []
    )


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, two, other = (InputGenerator(load_dialect("lmount"), Random(seed)) for seed in (1, 1, 2))
    assert [one.next() for _ in range(50)] == [two.next() for _ in range(50)] != [other.next() for _ in range(50)]


def broken_framer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is wrong in one way."""
    read = parser_fuzzer.FrameParser

    class Broken(read):  # type: ignore[misc, valid-type]
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            receive = self.receive

            def wrong(data: bytes) -> list[Any]:
                if kind == "crashes" and data[:1] == b"\x55":
                    raise IndexError("planted")
                events: list[Any] = receive(data)
                if kind == "loses":
                    return [e for e in events if not (hasattr(e, "raw") and len(e.raw) == 20)]
                if kind == "misplaces":
                    return [replace(e, offset=e.offset + 1) if e.offset > 30 else e for e in events]
                return events

            self.receive = wrong
            close = self.close
            if kind == "goes on behind a silence":
                self.close = lambda reason: [] if reason is GarbageReason.SILENCE else close(reason)
            if kind == "keeps a window open":
                self.open_window = list

    monkeypatch.setattr(parser_fuzzer, "FrameParser", Broken)


@pytest.mark.parametrize("kind", ["crashes", "loses", "misplaces", "goes on behind a silence", "keeps a window open"])
def test_what_is_planted_is_found_and_told_short(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_framer(kind, monkeypatch)
    came = fuzz_parser(load_dialect("lmount"), 3000, 1)
    assert came.violations > 0
    assert any("planted" in text for text in came.shown) == (kind == "crashes")
    assert all(len(text) < 1500 for text in came.shown)


def test_a_message_that_is_built_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = load_dialect("emount").messages[(Role.BODY, 0x04)]
    data = cls().build()
    assert list(check_message(cls, data)) == []
    monkeypatch.setattr(cls, "build", lambda _self: b"\x04")
    assert "is built as 04" in next(check_message(cls, data))


def test_a_target_for_fuzzers_that_are_guided_by_coverage() -> None:
    target, random = fuzz_one(load_dialect("emount")), Random(1)
    for _ in range(300):
        target(random.randbytes(random.randrange(60)))
    frame = load_dialect("emount").build_frame(b"\x04", 1, 0)
    target(b"\xff" + frame)


def test_a_dialect_of_another_package_is_fuzzed_like_a_built_in_one() -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "protocol" / "third_party"))
    try:
        from lensmount_toy import TOY
    finally:
        sys.path.pop(0)
    assert fuzz_parser(TOY, 2000, 1).violations == 0


def test_the_command_gives_its_figures() -> None:
    assert set(DIALECTS) <= set(dialect_names())
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert main(["fuzz", "parser", "lmount", "--cases", "500", "--json"]) == 0
    figures = json.loads(out.getvalue())
    assert figures["cases"] == 500
    assert figures["violations"] == 0
    assert main(["fuzz", "parser", "nothing", "--cases", "5"]) == 2


def test_what_is_held_back_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parser_fuzzer, "WINDOW_ROOM", -10_000)
    dialect = load_dialect("emount")
    given = ParserInput(Role.LENS, b"\xf0\xff\x03" + bytes(500))
    assert try_input(dialect, given)[0].startswith("MemoryError")


def test_a_plain_search_finds_the_same_frames_at_every_break() -> None:
    dialect = load_dialect("emount")
    frame = dialect.build_frame(load_dialect("emount").messages[(Role.BODY, 0x04)]().build(), 1, 0)
    frames, half = dialect.formats[Role.BODY], len(frame) // 2
    assert list(frames_in(frames, ParserInput(Role.BODY, frame * 2))) == [(0, len(frame)), (len(frame), 2 * len(frame))]
    assert list(frames_in(frames, ParserInput(Role.BODY, frame * 2, breaks=(half,)))) == [(len(frame), 2 * len(frame))]
    nested = dialect.build_frame(frame, 1, 0)
    assert list(frames_in(frames, ParserInput(Role.BODY, nested))) == [(0, len(nested))]
    assert list(frames_in(frames, ParserInput(Role.BODY, nested[:-1] + b"\0"))) == [(5, 5 + len(frame))]


def test_what_is_wrong_inside_a_frame_is_told_with_less_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = load_dialect("lmount")
    build = parser_fuzzer.build_payload

    def broken(messages: Any) -> bytes:
        payload: bytes = build(messages)
        return payload.replace(b"\x77", b"\x78")

    monkeypatch.setattr(parser_fuzzer, "build_payload", broken)
    frame = dialect.build_frame(b"\x01" * 40 + b"\x77" + bytes(60), 1, 9)
    given = ParserInput(Role.BODY, b"\0\1\2" + frame + b"\5", (3, 50), (1,), window=True)
    assert try_input(dialect, given)
    shorter = shrink_input(dialect, given)
    # The smallest frame of this dialect holds a type and a size.
    assert shorter.data == dialect.build_frame(b"\x77\0\0", 1, 9)
    assert (shorter.cuts, shorter.breaks, shorter.window) == ((), (), False)


def test_an_input_is_kept_as_it_is() -> None:
    inputs = InputGenerator(load_dialect("emount"), Random(3))
    for given in [*(inputs.next() for _ in range(300)), *(inputs.message() for _ in range(30))]:
        assert input_from_dict(json.loads(json.dumps(given.to_dict()))) == given


@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": "nobody"}, {"data": "0"}, {"data": 7}, {"cuts": [99]}, {"cuts": None}, {"breaks": ["1"]},
        {"window": 1}, {"right": "77"}, {"alone": "x"},
    ],
)  # fmt: skip
def test_an_entry_that_is_no_input_is_damaged(wrong: dict[str, Any], tmp_path: Path) -> None:
    given = ParserInput(Role.LENS, b"\xf0\1\2", (1,))
    corpus = open_corpus(tmp_path)
    corpus.keep("parser emount", given.to_dict(), given.to_dict() | wrong)
    assert corpus.kept("parser emount", input_from_dict) == [given]
    assert corpus.broken == 1


def test_what_is_found_is_kept_at_once_and_tried_first_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fuzz", "parser", "lmount", "--json", "--corpus", str(tmp_path / "corpus")]
    with monkeypatch.context() as planted:
        broken_framer("crashes", planted)
        assert main([*words, "--cases", "1000"]) == 1
        found = json.loads(capsys.readouterr().out.splitlines()[0])["violations"]
        assert found > 0
        assert main([*words, "--cases", "1", "--seed", "2"]) == 1
        figures = json.loads(capsys.readouterr().out.splitlines()[0])
        assert figures["violations"] >= figures["from corpus"] > 0
    assert main([*words, "--cases", "1"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["from corpus"] > 0
    assert (figures["violations"], figures["damaged"]) == (0, 0)


def test_a_corpus_that_is_full_in_mid_run_loses_no_figure_and_no_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken_framer("crashes", monkeypatch)

    def full(*_given: Any, **_named: Any) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hypothesis.database.tempfile.mkstemp", full)
    assert main(["fuzz", "parser", "lmount", "--cases", "1000", "--corpus", str(tmp_path)]) == 1
    told = capsys.readouterr()
    assert "IndexError: planted" in told.out
    assert told.err.strip().endswith("entries cannot be kept; is the place full?")
    assert len([line for line in told.err.splitlines() if line.startswith("lensmount: ")]) == 1


@pytest.mark.parametrize("what", ["parser", "session"])
def test_a_corpus_that_cannot_be_had_is_reported_in_one_line(
    what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["fuzz", what, *(["emount"] if what == "parser" else []), "--corpus"]
    assert main([*words, "mongodb://here"]) == 2
    assert capsys.readouterr().err.startswith("lensmount: mongodb://here: a corpus is a folder or begins with one of ")
    monkeypatch.setitem(sys.modules, "lensmount_emulator.fuzz.corpus", None)
    assert main([*words, "here"]) == 2
    assert capsys.readouterr().err == "lensmount: a corpus wants hypothesis: pip install hypothesis\n"


def test_a_run_that_is_stopped_tells_what_it_came_to(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make = InputGenerator.next

    def stops(inputs: InputGenerator) -> ParserInput:
        if inputs._count == 50:
            raise KeyboardInterrupt
        return make(inputs)

    monkeypatch.setattr(InputGenerator, "next", stops)
    assert main(["fuzz", "parser", "emount", "--cases", "1000", "--json"]) == 130
    told = capsys.readouterr()
    assert json.loads(told.out)["cases"] == 50
    assert told.err.endswith("lensmount: stopped\n")
