"""Sessions without a fault, held to what only they can be held to; what is planted in them is seen."""

from collections.abc import Callable, Generator
from random import Random
from typing import Any

import pytest

from lensmount_emulator.fuzz.chance import any_flood
from lensmount_emulator.fuzz.plain import any_plain, run_plain, run_plains, watch_plain
from lensmount_emulator.fuzz.said import said
from lensmount_emulator.fuzz.stage import Stage, play_story
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.fuzz.traits import dialect_of, fuzzed_dialects, traits_of
from lensmount_protocol.dialects.lmount.framing import ORDER
from lensmount_protocol.dialects.lmount.link import BodyHello, Done, RateOrder
from lensmount_protocol.wire import Role

DIALECTS = fuzzed_dialects()

BODY, LENS = "panasonic-s1r", "sigma-45mm-f2.8-dg-dn"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_wanting(dialect: str) -> None:
    assert run_plains(dialect, 25, 7) == []
    assert run_plain(any_plain(dialect, traits_of(dialect), Random(7))[0]) == []


def test_a_stop_in_a_frame_that_says_nothing_of_the_focus_is_acknowledged() -> None:
    assert watch_plain(Story("emount", "a6000", "viltrox-ef50", script="stop")) == []


def at_another_rate(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lensmount_emulator.roles.lmount.body_greeting.SWITCH_US", 9000.0)


def at_once(patch: pytest.MonkeyPatch) -> None:
    def ask_only(body: Any, order: Any, _patience: float) -> Generator[Any, bool, Any]:
        return (yield from body.ask(order))

    patch.setattr("lensmount_emulator.roles.lmount.body_deeds.drive", ask_only)


def opened_long_before(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("lensmount_emulator.roles.lmount.link_end.SETUP_US", 2000.0)


@pytest.mark.parametrize(
    ("plant", "wanted"),
    [
        (at_another_rate, "one end speaks at another rate than the other"),
        (at_once, "and the lens still drives"),
        (opened_long_before, "in a window that it opened"),
    ],
)
def test_what_is_planted_is_seen(
    plant: Callable[[pytest.MonkeyPatch], None], wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = Story("lmount", BODY, LENS, script="focus far; focus near; wait 0.05")
    assert watch_plain(story) == []
    plant(monkeypatch)
    assert any(wanted in complaint.text for complaint in watch_plain(story))


def test_it_is_told_which_lines_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    at_another_rate(monkeypatch)
    came = watch_plain(Story("lmount", BODY, LENS), frozenset({"FSYNC"}))
    assert came[0].text.endswith(", without FSYNC")


def test_an_answer_that_nobody_asked_for_is_seen() -> None:
    stage = Stage(Story("lmount", BODY, LENS))
    stage.take("wait 1.2")
    assert stage.watch.complaints == []
    lens: Any = stage.watch.bench.lens
    lens.say([Done(number=200, order=0x10)], ORDER)
    stage.take("wait 0.01")
    assert any("which it has not heard since its supply came" in said.text for said in stage.watch.complaints)


def test_a_lens_that_stays_at_a_rate_that_nobody_speaks_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    dialect = dialect_of("lmount")
    hello = dialect.build_frame(BodyHello().build(), 1, 0).hex()
    rate = dialect.build_frame(RateOrder(number=1, baudrate=1_500_000).build(), ORDER, 1).hex()
    steps = ("drive V_LOGIC high", "wait 0.2", f"send body {hello}", "wait 0.05", f"send body {rate}", "wait 0.05")
    story = Story("lmount", BODY, LENS, "lens", steps=steps)
    assert play_story(story).complaints == []
    monkeypatch.setattr("lensmount_emulator.roles.lmount.lens_orders.UNHEARD_S", 1e9)
    assert [complaint.invariant for complaint in play_story(story).complaints] == ["recovers"]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("role", Role)
def test_a_puppet_has_words_and_asks_for_much_at_once(dialect: str, role: Role) -> None:
    assert len(said(dialect, role)) > 10
    floods = [any_flood(Random(seed), dialect_of(dialect), role) for seed in range(40)]
    assert max(map(len, floods)) > 200
    assert all(len(flood) <= dialect_of(dialect).formats[role].largest for flood in floods)
