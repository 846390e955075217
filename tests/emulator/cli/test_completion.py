"""Suggestions for unknown names, and the completion of words in a shell."""

import os
import shlex
import subprocess
import sys

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.options import completion_parser
from lensmount_emulator.cli.verbs import VERBS


def error_of(words: list[str], capsys) -> str:
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        (["decod", "x"], "'decode'"),
        (["campaing"], "'campaign'"),
        (["fuzz", "sesion"], "'session'"),
        (["fuzz", "parser", "emount", "--guide-d"], "--guided"),
        (["decode", "x", "--verfy"], "--verify"),
        (["profiles", "--role", "lense"], "'lens'"),
        (["flsh"], "'flash'"),
        (["loopback", "--lens", "sel5521"], "sel55210"),
        (["describe", "emout"], "'emount'"),
        (["loopback", "--fault", "bitflop rate=1"], "'bitflip'"),
        (["loopback", "--do", "focsu 3"], "'focus'"),
        (["run", "lens", "--profile", "sel55210", "--port", "serail:x"], "'serial'"),
        (["--print-completion", "bsh"], "'bash'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_an_unknown_name_suggests_the_nearest(words, suggested, capsys):
    line = error_of(words, capsys)
    assert suggested in line.rpartition("known: ")[2] or f"did you mean {suggested}?" in line
    assert suggested in line


def test_a_name_that_is_like_no_other_gets_no_suggestion(capsys):
    assert "did you mean" not in error_of(["xyzzyq"], capsys)
    assert "did you mean" not in error_of(["decode", "x", "--qqqqqq"], capsys)


def completions(line: str) -> list[str]:
    """What argcomplete answers to a Tab at the end of a line, without the streams that it would open for a shell."""
    argcomplete = pytest.importorskip("argcomplete", reason="the extra `completion` is not installed")
    *words, prefix = line.split()
    parser = completion_parser(VERBS, words[1] if len(words) > 1 else "")
    finder = argcomplete.CompletionFinder(parser, always_complete_options="long")
    return [word.strip() for word in finder._get_completions(words, prefix, "", None)]


@pytest.mark.parametrize(
    ("line", "some"),
    [
        ("lensmount d", {"demo", "decode", "doctor", "dialects", "describe"}),
        ("lensmount loopback --f", {"--fault", "--force"}),
        ("lensmount loopback --lens sel5", {"sel55210"}),
        ("lensmount loopback --fault bitf", {"bitflip"}),
        ("lensmount decode --dialect e", {"emount"}),
        ("lensmount describe l", {"lmount"}),
        ("lensmount profiles --role b", {"body"}),
        ("lensmount fuzz s", {"session"}),
        ("lensmount campaign run --", {"--processes", "--verbose"}),
        ("lensmount --print-completion f", {"fish"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_completion_offers_names(line, some):
    assert some <= set(completions(line))


def test_completion_offers_only_what_fits():
    assert completions("lensmount decode --dialect em") == ["emount"]


def test_a_shell_gets_its_answer():
    pytest.importorskip("argcomplete", reason="the extra `completion` is not installed")
    line = "lensmount decode --dialect l"
    environment = {**os.environ, "_ARGCOMPLETE": "1", "COMP_LINE": line, "COMP_POINT": str(len(line))}
    command = f"{shlex.quote(sys.executable)} -m lensmount_emulator.cli.main 8>&1 9>/dev/null"
    done = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.split("\013") == ["lmount "]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_each_shell(shell, capsys):
    pytest.importorskip("argcomplete", reason="the extra `completion` is not installed")
    assert main(["--print-completion", shell]) == 0
    assert "_ARGCOMPLETE" in capsys.readouterr().out
    assert "_ARGCOMPLETE" not in os.environ
