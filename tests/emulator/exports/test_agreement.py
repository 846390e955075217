"""The agreement of decoders: every form, both built-in dialects; and that a wrong decoder is found."""

import json
from pathlib import Path

import pytest

from lensmount.dialect import Dialect
from lensmount_emulator.cli.main import main
from lensmount_emulator.exports.agreement import Entry, compare_decoders, make_corpus
from lensmount_emulator.exports.decoders import DECODERS
from lensmount_emulator.exports.schema import make_schema
from lensmount_emulator.exports.units_schema import AnySchema, make_any_schema
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError

SHARE = {"python": 150, "c": 150, "tables": 150, "tshark": 150, "sigrok": 25, "kaitai": 150}
"""Decoder -> entries of the small share that every run of the tests takes."""


@pytest.mark.parametrize("decoder", DECODERS)
def test_decoder_agrees_with_construct_on_every_form(decoder: str, every_form: Dialect, tmp_path: Path) -> None:
    schema = make_schema(every_form)
    corpus = make_corpus(schema, SHARE[decoder], seed=3)
    found = compare_decoders(schema, corpus, {decoder: DECODERS[decoder]}, tmp_path)
    (result,) = found.decoders
    assert result.refused == ""
    if result.unavailable:
        pytest.skip(result.unavailable)
    assert result.shown == []
    assert result.compared == result.agreed == len(corpus)


@pytest.mark.parametrize("decoder", ["tshark", "sigrok", "kaitai"])
@pytest.mark.parametrize("name", ["emount", "lmount"])
def test_decoder_agrees_with_construct_on_a_built_in_dialect(decoder: str, name: str, tmp_path: Path) -> None:
    schema = make_schema(load_dialect(name))
    corpus = make_corpus(schema, SHARE[decoder] // 5, seed=4)
    found = compare_decoders(schema, corpus, {decoder: DECODERS[decoder]}, tmp_path)
    (result,) = found.decoders
    assert result.refused == ""
    if result.unavailable:
        pytest.skip(result.unavailable)
    assert result.passed, result.shown


# The C codec passes its vectors in test_units.py; `make agreement` takes all of them, with a large corpus.
@pytest.mark.parametrize(
    "decoder",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in ("tshark", "kaitai"))) for name in DECODERS if name != "c"],
)
@pytest.mark.parametrize("name", ["fuji-g", "mft"])
def test_decoder_agrees_on_the_units_of_a_clocked_dialect(decoder: str, name: str, tmp_path: Path) -> None:
    schema = make_any_schema(load_dialect(name))
    corpus = make_corpus(schema, SHARE[decoder], seed=5)
    found = compare_decoders(schema, corpus, {decoder: DECODERS[decoder]}, tmp_path)
    (result,) = found.decoders
    assert result.refused == ""
    if (name, decoder) == ("mft", "sigrok"):
        assert "BODY_ACK and LENS_ACK do, which a decoder on SPI does not see" in result.unavailable
    elif result.unavailable:
        pytest.skip(result.unavailable)
    else:
        assert result.passed, result.shown
        assert min(found.valid, found.damaged) > len(corpus) // 5


def test_corpus_holds_valid_and_damaged_frames_and_every_message(every_form: Dialect, tmp_path: Path) -> None:
    schema = make_schema(every_form)
    corpus = make_corpus(schema, 600, seed=1)
    assert corpus == make_corpus(schema, 600, seed=1)
    assert corpus != make_corpus(schema, 600, seed=2)
    found = compare_decoders(schema, corpus, {"python": DECODERS["python"]}, tmp_path)
    assert found.valid > 200
    assert found.partly > 20
    assert found.damaged > 100
    assert found.entries == found.valid + found.partly + found.damaged
    for message in schema.messages:
        assert any(f" {message.name}{{" in entry.expected for entry in corpus)


def test_wrong_and_silent_decoders_do_not_pass(every_form: Dialect, tmp_path: Path) -> None:
    schema = make_schema(every_form)
    corpus = make_corpus(schema, 50, seed=1)

    def wrong(_schema: AnySchema, entries: list[Entry], _folder: Path) -> list[str | None]:
        return ["-" for _ in entries]

    def silent(_schema: AnySchema, entries: list[Entry], _folder: Path) -> list[str | None]:
        return [None for _ in entries]

    def short(_schema: AnySchema, _entries: list[Entry], _folder: Path) -> list[str | None]:
        return []

    def refused(_schema: AnySchema, _entries: list[Entry], _folder: Path) -> list[str | None]:
        raise DialectError("dialect every: it cannot be exported")

    decoders = {"wrong": wrong, "silent": silent, "short": short, "refused": refused}
    found = compare_decoders(schema, corpus, decoders, tmp_path)
    assert [one.passed for one in found.decoders] == [False, False, False, False]
    assert list(found.lines())[-1].endswith("refused: dialect every: it cannot be exported")
    good = compare_decoders(schema, corpus, {"python": DECODERS["python"], "refused": refused}, tmp_path)
    assert (good.decoders[0].passed, good.passed) == (True, False)
    assert not found.passed
    assert "construct" in found.decoders[0].shown[0]
    assert not compare_decoders(schema, [], {"python": DECODERS["python"]}, tmp_path).passed
    assert not compare_decoders(schema, corpus, {}, tmp_path).passed


def test_verb_prints_the_table_and_skips_a_missing_tool(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    words = ["verify-codec", "emount", "--exports", "--cases", "40", "--decoder", "tables", "--decoder", "tshark"]
    assert main([*words, "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("emount: 40 entries: ")
    assert lines[1].split() == ["tables", "40", "compared", "40", "agree", "100.000", "%"]
    assert lines[2].split(":")[0].split() == ["tshark", "skipped"]
    assert main([*words[:-2], "--json", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["passed"] is True
    assert main(["verify-codec", "emount", "--exports", "--decoder", "tshark", "--quiet"]) == 1
    assert "nothing was compared" in capsys.readouterr().err
    assert main(["verify-codec", "emount", "--decoder", "tshark"]) == 2
