"""Casts by dialect, and one that another package brings: its dialect is played like a built-in one."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.profiles import library
from lensmount_emulator.roles import registry
from lensmount_emulator.roles.registry import cast_of, played_dialects
from lensmount_protocol import registry as dialects
from lensmount_protocol.errors import DialectError

TESTS = Path(__file__).parents[2]
OFFERS = [
    EntryPoint("toy", "lensmount_toy:TOY", dialects.ENTRY_POINTS),
    EntryPoint("toy", "lensmount_toy_cast:TOY_CAST", registry.ENTRY_POINTS),
    EntryPoint("toy", "lensmount_toy_cast.profiles", library.ENTRY_POINTS),
]


def offer(monkeypatch: pytest.MonkeyPatch, offers: list[EntryPoint]) -> None:
    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [entry for entry in offers if entry.group == group and name in (None, entry.name)]

    for module in (registry, dialects, library):
        monkeypatch.setattr(module, "entry_points", entry_points)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(TESTS / "protocol" / "other_package"))
    monkeypatch.syspath_prepend(str(TESTS / "emulator" / "other_package"))
    offer(monkeypatch, OFFERS)
    yield
    for name in [name for name in sys.modules if name.startswith("lensmount_toy")]:
        del sys.modules[name]


def test_the_built_in_casts_are_there() -> None:
    assert played_dialects() == ["emount", "lmount"]


def test_a_dialect_that_nobody_plays_lists_those_that_are() -> None:
    with pytest.raises(DialectError, match=r"unknown dialect to play 'zmount'; known: emount, lmount"):
        cast_of("zmount")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("no_such_package:CAST", "cannot be played from no_such_package:CAST"),
        ("lensmount_emulator.roles.script:Step", "is a type, not a Cast"),
    ],
)
def test_a_cast_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, value: str, text: str) -> None:
    offer(monkeypatch, [EntryPoint("ours", value, registry.ENTRY_POINTS)])
    with pytest.raises(DialectError, match=text):
        cast_of("ours")


def test_a_dialect_that_is_played_twice_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    offer(monkeypatch, [EntryPoint("emount", "their:CAST", registry.ENTRY_POINTS)])
    with pytest.raises(DialectError, match=r"'emount' is played twice: by lensmount_emulator.* and their:CAST"):
        cast_of("emount")


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
