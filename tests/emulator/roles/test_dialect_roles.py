"""Casts by dialect, and one that another package brings: its dialect is played like a built-in one."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine import dialect_roles
from lensmount_emulator.engine.dialect_roles import get_roles, playable_dialects
from lensmount_emulator.fidelity import capture_replay
from lensmount_emulator.fuzz import scenario
from lensmount_emulator.fuzz.device.config import make_config
from lensmount_emulator.profiles import library
from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol import dialect as dialects
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import DialectError
from lensmount_protocol.wire import Role

TESTS = Path(__file__).parents[2]
OFFERS = [
    EntryPoint("toy", "lensmount_toy:TOY", dialects.ENTRY_POINTS),
    EntryPoint("toy", "lensmount_toy_roles:TOY_CAST", dialect_roles.ENTRY_POINTS),
    EntryPoint("toy", "lensmount_toy_roles.profiles", library.ENTRY_POINTS),
]


def offer(monkeypatch: pytest.MonkeyPatch, offers: list[EntryPoint]) -> None:
    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [entry for entry in offers if entry.group == group and name in (None, entry.name)]

    for module in (dialect_roles, dialects, library):
        monkeypatch.setattr(module, "entry_points", entry_points)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(TESTS / "protocol" / "third_party"))
    monkeypatch.syspath_prepend(str(TESTS / "emulator" / "third_party"))
    offer(monkeypatch, OFFERS)
    # A profile that was read holds settings of the modules that the last test imported.
    monkeypatch.setattr(library, "_known", {})
    yield
    for name in [name for name in sys.modules if name.startswith("lensmount_toy")]:
        del sys.modules[name]


def test_the_built_in_casts_are_there() -> None:
    assert playable_dialects() == ["emount", "fuji-g", "lmount", "mft"]


def test_a_dialect_that_no_one_plays_lists_those_that_are() -> None:
    with pytest.raises(DialectError, match=r"unknown emulated dialect 'zmount'; known: emount, fuji-g, lmount, mft"):
        get_roles("zmount")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no_such_package:CAST", "cannot be loaded from no_such_package:CAST"),
        ("lensmount_emulator.engine.script:Step", "is a type, not a DialectRoles"),
    ],
)
def test_a_cast_that_is_none_is_reported(monkeypatch: pytest.MonkeyPatch, value: str, text: str) -> None:
    offer(monkeypatch, [EntryPoint("ours", value, dialect_roles.ENTRY_POINTS)])
    with pytest.raises(DialectError, match=text):
        get_roles("ours")


def test_a_dialect_that_is_played_twice_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, [EntryPoint("emount", "their:CAST", dialect_roles.ENTRY_POINTS)])
    with pytest.raises(
        DialectError, match=r"two packages offer roles .* 'emount': lensmount_emulator.* and their:CAST"
    ):
        get_roles("emount")


@pytest.mark.usefixtures("toy")
def test_their_dialect_is_played_like_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = tmp_path / "toy.lmx"
    assert main(["loopback", "--body", "toy-body", "--do", "ping 3", "--record", str(record)]) == 0
    told = capsys.readouterr().out
    assert told.count("27.0 degrees") == 3
    assert "6 valid frames, 6 typed, 6 rebuilt byte-identical" in told
    assert main(["decode", str(record)]) == 0
    assert "02 Pong number=2" in capsys.readouterr().out
    assert main(["profiles", "--dialect", "toy"]) == 0
    assert "A toy's lens" in capsys.readouterr().out
    assert main(["matrix", "--dialect", "toy", "--do", "ping 1"]) == 0
    assert "1 cells: 1 works" in capsys.readouterr().out


@pytest.mark.usefixtures("toy")
def test_their_profile_is_held_to_their_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('temperature = 9000\n[profile]\nname = "m"\nrole = "lens"\ndialect = "toy"\ntitle = "M"\n')
    assert main(["loopback", "--lens", str(mine)]) == 2
    assert "mine.toml: temperature is 9000; it must lie between 0 and 6000" in capsys.readouterr().err


@pytest.fixture
def fresh_lookups() -> Iterator[None]:
    """What runs look up once by name is looked up again."""
    lookups = (scenario.get_traits, scenario.get_dialect, scenario.get_cached_roles, scenario.get_profile)
    for lookup in lookups:
        lookup.cache_clear()
    yield
    for lookup in lookups:
        lookup.cache_clear()


@pytest.mark.usefixtures("toy", "fresh_lookups")
def test_third_party_dialect_is_fuzzed_and_scored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert scenario.fuzzed_dialects() == ["emount", "fuji-g", "lmount", "mft", "toy"]
    setup = make_config("toy", Role.LENS)
    assert (setup.body, setup.lens) == ("toy-body", "toy-lens")
    found = tmp_path / "found"
    words = ["fuzz", "session", "--dialect", "toy", "--steps", "100", "--stories", str(found), "--json"]
    # The toy's body has its supply on in the state that it starts in, which the fuzzer finds.
    assert main(words) == 1
    figures = json.loads(capsys.readouterr().out)
    assert (figures["dialects"], figures["steps"] >= 100, figures["kinds"] >= 1) == (["toy"], True, True)
    assert {main(["fuzz", "replay", file]) for file in figures["files"]} == {1}
    assert "state machine: the body is in state IDLE, and its supply is on" in capsys.readouterr().out
    record = tmp_path / "toy.lmx"
    assert main(["loopback", "--body", "toy-body", "--do", "ping 3", "--record", str(record)]) == 0
    capsys.readouterr()
    assert main(["fidelity", str(record), "--profile", "toy-lens", "--json"]) == 0
    score = json.loads(capsys.readouterr().out)
    assert (score["replies"], score["strict"]) == (3, 3)
    replayed = score["outside_declared_fields"]
    assert (replayed["expected"], replayed["answered"], replayed["exact"]) == (3, 3, 3)


@pytest.mark.usefixtures("toy")
def test_capture_replay_that_cannot_be_imported_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    toy = get_roles("toy")
    monkeypatch.setattr(
        capture_replay, "get_roles", lambda _name: replace(toy, capture_replay="lensmount_toy_roles:missing")
    )
    with pytest.raises(DialectError, match="cannot be loaded from lensmount_toy_roles:missing"):
        capture_replay.replay_capture([], load_dialect("toy"), load_profile("toy-lens"))
