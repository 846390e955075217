"""Generated code against construct, for every dialect that the tests know, and a comparison that can fail."""

from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.cli.main import main
from lensmount_emulator.verification.codec_equivalence import compare_codecs
from lensmount_protocol.codec.message_codec import MessageCodec
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.focus import FocusMove


@pytest.fixture(params=["emount", "lmount", "toy"])
def dialect(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dialect]:
    if request.param != "toy":
        yield load_dialect(request.param)
        return
    monkeypatch.syspath_prepend(str(request.config.rootpath / "tests/protocol/third_party"))
    from lensmount_toy import TOY

    yield TOY


@pytest.mark.parametrize("seed", range(4))
def test_generated_code_and_construct_agree(dialect: Dialect, seed: int) -> None:
    found = compare_codecs(dialect, 250, Random(seed))
    assert (found.mismatches, found.shown) == (0, [])
    assert found.cases["frames"] == found.cases["messages"] == found.cases["values"] == 250
    assert found.cases["frames accepted"] > 50
    assert found.cases["messages accepted"] > 50


@given(st.integers(0, 2**32))
def test_they_agree_whatever_the_seed(seed: int) -> None:
    assert compare_codecs(load_dialect("emount"), 3, Random(seed)).shown == []


def test_the_same_seed_compares_the_same_cases(dialect: Dialect) -> None:
    assert compare_codecs(dialect, 40, Random("again")).cases == compare_codecs(dialect, 40, Random("again")).cases


def test_a_difference_is_found_and_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    right = FocusMove.codec()

    def wrong(data: bytes, at: int, end: int) -> tuple[Any, int]:
        message, stop = right.parse(data, at, end)
        message.operand ^= 1
        return message, stop

    broken = MessageCodec(right.size, None, wrong, right.parse_interpreted, right.build, "generated")
    monkeypatch.setitem(FocusMove.CODECS, 0, broken)
    assert main(["prove", "emount", "--cases", "400"]) == 1
    assert "FocusMove" in capsys.readouterr().out


def test_the_command_says_what_it_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prove", "emount", "--cases", "20", "--json"]) == 0
    assert '"mismatches": 0' in capsys.readouterr().out
