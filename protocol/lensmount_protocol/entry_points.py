"""Entry points that installed packages offer, scanned once per process.

`importlib.metadata.entry_points` opens a file of every installed distribution at each call. Registries need entry
points several times per session, so they use this module: one scan serves every group. A change of
`sys.path` leads to a new scan.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as scan

_PREFIX = "lensmount."
"""Only groups of this project are kept."""


def entry_points(*, group: str, name: str | None = None) -> tuple[EntryPoint, ...]:
    """Return the entry points of a group.

    A package that is installed while the process runs is found by the next process.

    Args:
        group: entry-point group, which begins with `lensmount.`.
        name: only the entries of this name; every entry without it.
    """
    offers = _scanned(tuple(sys.path)).get(group, ())
    return offers if name is None else tuple(entry for entry in offers if entry.name == name)


@lru_cache(maxsize=1)
def _scanned(_path: tuple[str, ...]) -> Mapping[str, tuple[EntryPoint, ...]]:
    groups: defaultdict[str, list[EntryPoint]] = defaultdict(list)
    found = scan()
    for group in found.groups:
        if group.startswith(_PREFIX):
            groups[group] += found.select(group=group)
    return {group: tuple(entries) for group, entries in groups.items()}
