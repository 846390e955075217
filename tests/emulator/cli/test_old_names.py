"""Old names of verbs and flags: accepted, parsed like the current names, logged, and not offered."""

import argparse
import json
from importlib import import_module
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.options import completion_parser
from lensmount_emulator.cli.parser import Parser
from lensmount_emulator.cli.verbs import OLD_FLAGS, OLD_VERBS, VERBS, replace_old_names, verb_module

SNAPSHOTS = Path(__file__).parents[2] / "golden" / "snapshots"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "command-line.md"

FLAGS = [(verb, old, new) for verb, flags in OLD_FLAGS.items() for old, new in flags.items()]


def parser_of(verb: str) -> Parser:
    parser = Parser(prog=f"lensmount {verb}")
    import_module(verb_module(verb)).add_arguments(parser)
    return parser


def parse(parser: Parser, arguments: list[str]) -> argparse.Namespace:
    return parser.parse_args(replace_old_names([parser.prog.split()[1], *arguments])[0][1:])


def command_with(verb: str, flag: str) -> tuple[Parser, list[list[str]]]:
    """The parser that has a flag, and commands that set it."""
    parser = parser_of(verb)
    found = []
    for path, one in [([], parser), *(([name], child) for name, child in subparsers(parser).items())]:
        for action in one._actions:
            if flag in action.option_strings:
                found.append((path, one, action))
    commands = []
    for path, one, action in found:
        value = [] if action.nargs == 0 else [str(next(iter(action.choices))) if action.choices else "7"]
        needed = [
            [a.option_strings[0], "7"] for a in one._actions if a.required and a.option_strings and a is not action
        ]
        named = [
            str(next(iter(a.choices))) if a.choices else "7"
            for a in one._actions
            if not a.option_strings and a.nargs in (None, "+")
        ]
        commands.append([*path, *named, *(item for pair in needed for item in pair), flag, *value])
    return parser, commands


def subparsers(parser: Parser) -> dict[str, Parser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


@pytest.mark.parametrize(("verb", "old", "new"), FLAGS, ids=lambda value: str(value))
def test_an_old_flag_parses_like_its_new_name(verb: str, old: str, new: str) -> None:
    parser, commands = command_with(verb, new)
    assert commands
    for command in commands:
        before = [old if item == new else item for item in command]
        joined = " ".join(before).replace(f"{old} 7", f"{old}=7").split()
        assert parse(parser, before) == parse(parser, joined) == parser.parse_args(command)


@pytest.mark.parametrize(("old", "new"), OLD_VERBS.items(), ids=lambda value: " ".join(value))
def test_an_old_verb_is_replaced_by_its_new_name(old: tuple[str, ...], new: tuple[str, ...]) -> None:
    current, replaced = replace_old_names([*old, "a", "--json"])
    assert current == [*new, "a", "--json"]
    assert replaced == [(" ".join(old), " ".join(new))]
    assert new[0] in VERBS
    assert len(new) == 1 or new[1].startswith("--") or new[1] in subparsers(parser_of(new[0]))


def test_what_follows_two_dashes_is_no_flag() -> None:
    assert replace_old_names(["record", "--to", "a", "--", "--to"])[0] == [
        "record",
        "--output",
        "a",
        "--",
        "--to",
    ]
    assert replace_old_names([])[0] == []


def test_no_help_page_and_no_completion_has_an_old_name() -> None:
    for verb in VERBS:
        old = set(OLD_FLAGS.get(verb, ()))
        pages = "".join(path.read_text() for path in SNAPSHOTS.glob(f"help-{verb}*.txt"))
        assert not {item.strip("[],`'.:;()") for item in pages.split()} & old
        offered = completion_parser(VERBS, verb)
        assert not {name for action in offered.actions() for name in action.option_strings} & old
    verbs = completion_parser(VERBS, "").actions()[-1].choices or ()
    assert not {"board", "boards", "prove"} & {*VERBS, *verbs}
    assert "replay" not in {*subparsers(parser_of("campaign")), *subparsers(parser_of("fuzz"))}


def test_the_reference_lists_every_old_name() -> None:
    page = PAGE.read_text().partition("## Old names")[2]
    for old, new in OLD_VERBS.items():
        assert f"| `{' '.join(old)}` | `{' '.join(new)}` |" in page
    for verb, old, new in FLAGS:
        assert any(f"`{verb}`" in row and f"| `{old}` | `{new}` |" in row for row in page.splitlines()), f"{verb} {old}"


def test_an_old_name_adds_a_line_to_the_log_and_none_to_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify-codec", "emount", "--cases", "3", "--json"]) == 0
    current = json.loads(capsys.readouterr().out)
    assert main(["prove", "emount", "--cases", "3", "--json", "-v"]) == 0
    out, err = capsys.readouterr()
    assert {**json.loads(out), "seconds": 0} == {**current, "seconds": 0}
    assert err.splitlines()[0].endswith(
        "info    cli: prove is an old name, which the next release drops: use verify-codec"
    )
    assert main(["prove", "emount", "--cases", "3", "--json"]) == 0
    assert not capsys.readouterr().err.strip()
