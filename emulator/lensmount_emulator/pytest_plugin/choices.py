"""What a test wants to have mounted: its markers, and behind them the ini file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pytest

from lensmount_emulator.pytest_plugin.options import MARKER

PARAMETRISED = ("body", "lens")
"""Words of the marker that may be a list; the test is run with each."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What is taken where a call of `mount` does not say it.

    Attributes:
        body: a profile of a body, by name or path; `None` for the usual one.
        lens: a profile of a lens.
        accessories: profiles of what stands between them, from the body on.
        script: what the body does once it runs.
        seed: of the jitter; `None` for nominal times.
        dialect: what is spoken where neither end is named.
        allow: what does not fail a test on a port: patterns of errors, `"body: no answer*"`; patterns of ends of
            the session, `"session: *held back*"`; a device that is silent, `"lens: sent nothing"`.
        virtual: whether the virtual mount is taken though a port is given.
    """

    body: Any = None
    lens: Any = None
    accessories: Sequence[Any] = ()
    script: str = ""
    seed: int | None = None
    dialect: str | None = None
    allow: Sequence[str] = ()
    virtual: bool = False


WORDS = tuple(field.name for field in fields(Choices))
"""Words that the marker knows."""


def choices_of(node: pytest.Item, parameters: Mapping[str, Any]) -> Choices:
    """What a test's markers say, the closest first, and behind them the ini file.

    Args:
        node: the test.
        parameters: values of those words that the marker gave a list for.

    Raises:
        pytest.UsageError: a marker with a word that it does not know.
    """
    said: dict[str, Any] = dict(parameters)
    for word, value in marked(node.iter_markers(MARKER), node.nodeid).items():
        said.setdefault(word, value)
    ini = {word: str(node.config.getini(f"{MARKER}_{word}")) for word in ("body", "lens", "dialect")}
    if "dialect" not in said:
        # Who says no more than a dialect does not mean a lens that speaks another one.
        said = {**{word: ini[word] for word in PARAMETRISED if ini[word]}, **said}
    if ini["dialect"] and not {"body", "lens", "dialect"} & set(said):
        said["dialect"] = ini["dialect"]
    return Choices(**said)


def marked(markers: Any, where: str) -> dict[str, Any]:
    """What markers say, the first of them before the others.

    Raises:
        pytest.UsageError: a word that the marker does not know.
    """
    said: dict[str, Any] = {}
    for marker in markers:
        wrong = [repr(argument) for argument in marker.args] + sorted(set(marker.kwargs) - set(WORDS))
        if wrong:
            raise pytest.UsageError(f"{where}: marker {MARKER} takes {', '.join(WORDS)} by name, not {wrong[0]}")
        said = {**marker.kwargs, **said}
    return said


def listed(said: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Those words that have a list, with all their values."""
    return {word: list(said[word]) for word in PARAMETRISED if isinstance(said.get(word), list | tuple)}
