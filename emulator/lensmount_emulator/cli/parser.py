"""The argument parser of the command line: errors of one line that suggest the nearest name."""

import argparse
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NoReturn, TypedDict, cast

from lensmount_protocol.errors import nearest, unknown


class Parser(argparse.ArgumentParser):
    """A parser that reports in one line what is wrong, with the nearest name that is known."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; `{self.prog} --help` tells what is right\n")

    def parse_known_names(self, words: Sequence[str], subverbs: Collection[str] = ()) -> argparse.Namespace:
        """Parse arguments; an unknown subverb or option is an error that suggests the nearest one.

        Args:
            words: the arguments behind the verb.
            subverbs: what may come first.
        """
        if subverbs and words and not words[0].startswith("-") and words[0] not in subverbs:
            self.error(unknown("subverb", words[0], subverbs))
        parsed, extra = self.parse_known_args(words)
        if extra:
            option = extra[0].partition("=")[0]
            close = nearest(option, self.options(words[0] if subverbs else "")) if option.startswith("-") else []
            hint = f"; did you mean {close[0]}?" if close else ""
            self.error(f"unrecognized arguments: {' '.join(extra)}{hint}")
        return parsed

    def options(self, subverb: str = "") -> list[str]:
        """Return the option strings of this parser, or of that of a subverb."""
        names = list(self._option_string_actions)
        for child in self.children(subverb):
            names += child.options()
        return names

    def children(self, subverb: str) -> "Iterator[Parser]":
        """The parsers of a subverb, of which there is one or none."""
        for action in self._actions:
            found = _parsers(action).get(subverb)
            if isinstance(found, Parser):
                yield found

    def actions(self) -> list[argparse.Action]:
        """Return the arguments of this parser and of its subverbs."""
        found = list(self._actions)
        for action in self._actions:
            for child in _parsers(action).values():
                found += child.actions() if isinstance(child, Parser) else []
        return found


def _parsers(action: argparse.Action) -> Mapping[str, object]:
    """The parsers of subverbs by name; empty for any other argument."""
    choices: object = action.choices
    return cast("Mapping[str, object]", choices) if isinstance(choices, dict) else {}


class OneOf(TypedDict):
    """Keywords of `add_argument`."""

    choices: list[str]
    type: Callable[[str], str]


def one_of(kind: str, names: Collection[str]) -> OneOf:
    """Return the keywords of `add_argument` for an argument that takes one name of a list.

    Args:
        kind: what is named, for the error.
        names: the names.
    """

    def name(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(unknown(kind, text, names))
        return text

    return {"choices": list(names), "type": name}
