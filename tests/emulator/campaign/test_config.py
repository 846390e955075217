"""A campaign's file: what it asks for, and one line for whatever it says that is not legal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.campaign.config import (
    expand_seeds,
    load_campaign,
    make_fault_plans,
    parse_campaign,
    select_checks,
)
from lensmount_emulator.campaign.planner import plan_campaign
from lensmount_emulator.cli.main import main
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_protocol.errors import CampaignError, MountError


def form(text: str) -> object:
    return parse_campaign(('dialect = "emount"\n' + text).encode(), "mine.toml")


def test_a_file_with_nothing_but_a_dialect_asks_for_every_pair_once() -> None:
    planned = plan_campaign(parse_campaign(b'dialect = "emount"', "mine.toml"))
    assert [(case.number, case.body, case.faults, case.seed) for case in planned.cases[:2]] == [
        (1, "a6000", (), 1),
        (2, "a6000", (), 1),
    ]
    assert len({(case.body, case.lens) for case in planned.cases}) == len(planned.cases)


def test_cases_are_every_pair_with_every_plan_and_every_seed(write: Callable[..., Path]) -> None:
    planned = plan_campaign(load_campaign(write()))
    assert [case.number for case in planned.cases] == list(range(1, 13))
    assert len({(case.body, case.lens, case.faults, case.seed) for case in planned.cases}) == 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('lense = ["*"]', "unknown key 'lense'; known: accessories, bodies, checks, corpus, dialect,"),
        ('lense = ["*"]', "did you mean 'lenses'?"),
        ('faults = [["bitflop rate=1"]]', "faults: unknown fault 'bitflop'; known: baud,"),
        ('faults = [["bitflop rate=1"]]', "did you mean 'bitflip'?"),
        ('faults = ["bitflip rat=1"]', "faults: fault 'bitflip rat=1': unknown key 'rat'; known: at,"),
        ('faults = ["bitflip rate=2"]', "faults: fault 'bitflip rate=2': rate wants a share from 0 to 1, not '2'"),
        ("faults = []", "none of these lists may be empty; faults = [[]] is no fault"),
        ('checks = ["recover"]', "checks: unknown check 'recover'; known: answered,"),
        ('checks = ["recover"]', "did you mean 'recovers'?"),
        ('seeds = "5-2"', "seeds '5-2': write a range such as '1-20' of at most 1000000, or a list of whole numbers"),
        ('seeds = "all"', "seeds 'all': write a range"),
        ("seeds = [9223372036854775808]", "seeds: 9223372036854775808 is not from -9223372036854775808 to 922337"),
        ("seeds = 7", "Expected `str | array`, got `int` - at `$.seeds`"),
        ('mode = "sessions"', "did you mean 'session'?"),
        ("seconds = 0", "seconds: 0 is not from 0.001 to 1000000"),
        ("steps = -3", "steps: -3 is not from 1 to 1000000"),
        ("processes = -1", "processes: -1 is not from 0 to 1000000"),
        ('corpus = "here"', 'corpus: only scenarios are kept, so it requires mode = "session"'),
        ('mode = "session"\naccessories = ["all"]', 'accessories = ["none"] is legal'),
        ("seeds = [", "no TOML: "),
        ('fuzz = "plain"\nmode = "plain"', "fuzz is an old name of mode; write only mode"),
    ],
)
def test_what_is_not_legal_is_reported_in_one_line_with_what_is(text: str, told: str) -> None:
    with pytest.raises(CampaignError) as raised:
        form(text)
    assert str(raised.value).startswith("mine.toml: ")
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"bodies": '["a6001"]'}, "unknown body 'a6001'"),
        ({"script": '"focsu 3"'}, "focsu"),
        ({"dialect": '"emont"'}, "emont"),
        ({"faults": '["nowhere jitter=3us"]'}, "nowhere"),
        ({"faults": '["swap-lens lens=sigma-45mm-f2.8-dg-dn"]'}, "uses lmount; emount is needed here"),
        ({"seeds": '"1-900000"'}, "are more than 1000000: fewer seeds, faults or profiles, or two files"),
    ],
)
def test_what_cannot_be_played_is_reported_in_one_line(
    write: Callable[..., Path], capsys: pytest.CaptureFixture[str], keys: dict[str, str], told: str
) -> None:
    file = write(**keys)
    assert main(["campaign", str(file)]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    (line,) = lines
    assert told in line
    assert not file.with_suffix(".sqlite").exists()


def test_options_are_checked_as_the_file_is(write: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    file = write(mode='"session"')
    assert main(["campaign", str(file), "--adapter-firmware", "adapter.so"]) == 2
    assert 'accessories = ["none"] is legal' in capsys.readouterr().err
    assert not file.with_suffix(".sqlite").exists()


def test_a_file_that_is_not_there_is_reported_in_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["campaign", f"{tmp_path}/none.toml"]) == 2
    assert capsys.readouterr().err == f"lensmount: {tmp_path}/none.toml: No such file or directory\n"


def test_seeds_plans_and_checks() -> None:
    said = parse_campaign(
        b'dialect = "emount"\nseeds = "3-5"\nfaults = ["drop rate=0.1", [], []]\nchecks = ["*"]', "mine.toml"
    )
    assert list(expand_seeds(said)) == [3, 4, 5]
    assert make_fault_plans(said) == [("drop rate=0.1",), ()]
    assert select_checks(said) == tuple(name for name in INVARIANTS if name != "deterministic")
    assert select_checks(parse_campaign(b'dialect = "emount"\nchecks = ["deterministic", "no b*"]', "")) == (
        "no back-powering",
        "deterministic",
    )


def test_old_names_of_checks_are_read_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lensmount.campaign")
    config = parse_campaign(b'dialect = "emount"\nchecks = ["repeats", "clean", "answered"]', "")
    assert select_checks(config) == ("answered", "fault-free session", "deterministic")
    assert "check 'repeats' is an old name, which the next release drops: use 'deterministic'" in caplog.messages
    assert not any("answered" in line for line in caplog.messages)


def test_the_old_key_of_the_mode_is_read_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "lensmount.campaign")
    old = parse_campaign(b'dialect = "emount"\nfuzz = "session"', "")
    assert old == parse_campaign(b'dialect = "emount"\nmode = "session"', "")
    assert caplog.messages == ["key fuzz is an old name, which the next release drops: use mode"]


def test_the_hash_is_of_what_is_played(write: Callable[..., Path]) -> None:
    def hash_of(**keys: str) -> str:
        return plan_campaign(load_campaign(write(**keys))).hash

    assert hash_of() == hash_of(title='"other words"', processes="2", limit="9.0")
    assert len({hash_of(), hash_of(seeds="[1]"), hash_of(script='"wait 1"'), hash_of(bodies='["a6000"]')}) == 4


def test_a_profile_that_has_changed_makes_another_campaign(write: Callable[..., Path], tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("lensmount_emulator.profiles").joinpath("emount/sel55210.toml").read_text()
    mine = tmp_path / "mine.toml"
    mine.write_text(text)
    file = write(lenses=f'["{mine}"]')
    before = plan_campaign(load_campaign(file)).hash
    changed = text.replace("steps_per_frame = ", "steps_per_frame = 1", 1)
    assert changed != text
    mine.write_text(changed)
    assert plan_campaign(load_campaign(file)).hash != before


def test_every_error_of_a_file_is_a_mount_error() -> None:
    assert issubclass(CampaignError, MountError)
