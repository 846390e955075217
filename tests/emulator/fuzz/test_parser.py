"""The parser fuzzer: finds nothing in readers that are right, and what is planted in those that are not."""

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz import parser
from lensmount_emulator.fuzz.parser import Input, Inputs, fuzz_parser, one_input, wrong_message, wrong_with
from lensmount_protocol.registry import dialect_names, load_dialect
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
    assert list(wrong_with(load_dialect("emount"), Input(Role.LENS, CHANGED_IN_THE_MIDST, cuts, window=True))) == []


def test_the_same_seed_gives_the_same_inputs() -> None:
    one, two, other = (Inputs(load_dialect("lmount"), Random(seed)) for seed in (1, 1, 2))
    assert [one.next() for _ in range(50)] == [two.next() for _ in range(50)] != [other.next() for _ in range(50)]


def broken_framer(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is wrong in one way."""
    read = parser.FrameReader

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

    monkeypatch.setattr(parser, "FrameReader", Broken)


@pytest.mark.parametrize("kind", ["crashes", "loses", "misplaces"])
def test_what_is_planted_is_found_and_told_short(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_framer(kind, monkeypatch)
    came = fuzz_parser(load_dialect("lmount"), 3000, 1)
    assert came.violations > 0
    assert any("planted" in text for text in came.shown) == (kind == "crashes")
    assert all(len(text) < 1500 for text in came.shown)


def test_a_message_that_is_built_otherwise_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cls = load_dialect("emount").messages[(Role.BODY, 0x04)]
    data = cls().build()
    assert list(wrong_message(cls, data)) == []
    monkeypatch.setattr(cls, "build", lambda _self: b"\x04")
    assert "is built as 04" in next(wrong_message(cls, data))


def test_a_target_for_fuzzers_that_are_guided_by_coverage() -> None:
    target, random = one_input(load_dialect("emount")), Random(1)
    for _ in range(300):
        target(random.randbytes(random.randrange(60)))
    frame = load_dialect("emount").build_frame(b"\x04", 1, 0)
    target(b"\xff" + frame)


def test_a_dialect_of_another_package_is_fuzzed_like_a_built_in_one() -> None:
    import sys

    sys.path.insert(0, str(Path(__file__).parents[2] / "protocol" / "other_package"))
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
    monkeypatch.setattr(parser, "ROOM", -10_000)
    dialect = load_dialect("emount")
    given = Input(Role.LENS, b"\xf0\xff\x03" + bytes(500))

    def attempt() -> Iterator[str]:
        yield from wrong_with(dialect, given)

    assert parser.attempt(attempt)[0].startswith("MemoryError")
