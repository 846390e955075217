"""Completion of words in a shell, by argcomplete: verbs, options, and the names of profiles, dialects and faults.

The shell runs `lensmount` for each Tab with `_ARGCOMPLETE` set, so names of plug-ins are completed too.
"""

import os
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from lensmount_emulator.cli.parser import Parser
from lensmount_emulator.cli.verbosity import verb_first, verbosity_options
from lensmount_emulator.cli.words import UsageError
from lensmount_protocol.errors import unknown

SHELLS = ("bash", "zsh", "fish")


def print_script(words: Sequence[str]) -> int:
    """Print the script that makes a shell complete the words of `lensmount`.

    Raises:
        UsageError: a shell that is not known, or argcomplete is not installed.
    """
    if len(words) != 1 or words[0] not in SHELLS:
        raise UsageError(f"--print-completion: {unknown('shell', ' '.join(words), SHELLS)}")
    print(_argcomplete().shellcode(["lensmount"], shell=words[0]))
    return 0


def complete(verbs: Mapping[str, str]) -> int:
    """Answer the shell, which says in its environment what is to be completed; ends the process."""
    # What precedes the cursor names the verb, whose arguments alone are needed.
    line = os.environ.get("COMP_LINE", "")
    try:
        words = shlex.split(line)
    except ValueError:
        # An open quotation mark.
        words = line.split()
    parser = completion_parser(verbs, next(iter(verb_first(words[1:])), ""))
    _argcomplete().autocomplete(parser, always_complete_options="long")
    return 0


def completion_parser(verbs: Mapping[str, str], verb: str) -> Parser:
    """Return a parser of all verbs, with the arguments of one."""
    parser = Parser(prog="lensmount", parents=(verbosity_options(),))
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--print-completion", choices=SHELLS)
    known = parser.add_subparsers(dest="verb")
    for name, text in verbs.items():
        if name != verb:
            known.add_parser(name, help=text)
            continue
        module = import_module(f"lensmount_emulator.cli.{name}")
        shared = () if hasattr(module, "WORDS") else (verbosity_options(),)
        module.add_arguments(known.add_parser(name, help=text, parents=shared))
    for action in parser.actions():
        names = COMPLETERS.get(action.dest)
        if names is not None and action.choices is None:
            # argcomplete looks for this attribute of an action.
            vars(action)["completer"] = _completer(names)
    return parser


def _completer(names: Callable[[], Iterable[str]]) -> Callable[..., list[str]]:
    def completer(prefix: str, **_: object) -> list[str]:
        return [name for name in names() if name.startswith(prefix)]

    return completer


def _profiles() -> Iterable[str]:
    from lensmount_emulator.profiles.library import profile_names

    return profile_names()


def _dialects() -> Iterable[str]:
    from lensmount_protocol.registry import dialect_names

    return dialect_names()


def _faults() -> Iterable[str]:
    from lensmount_emulator.faults.registry import faults

    return sorted(faults())


COMPLETERS: Mapping[str, Callable[[], Iterable[str]]] = {
    "accessories": _profiles,
    "body": _profiles,
    "dialect": _dialects,
    "faults": _faults,
    "lens": _profiles,
    "make_for": _profiles,
    "profile": _profiles,
    "twin": _profiles,
}
"""Destination of an argument -> the names that it takes; arguments with `choices` complete by themselves."""


def _argcomplete() -> Any:
    try:
        return import_module("argcomplete")
    except ImportError as error:
        raise UsageError("completion needs argcomplete: pip install 'lensmount[completion]'") from error
