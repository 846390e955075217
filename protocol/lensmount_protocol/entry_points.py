"""Entry points that installed packages offer, scanned once per process.

`importlib.metadata.entry_points` opens a file of every installed distribution at each call. Registries need entry
points several times per session, so they use this module: one scan serves every group. A change of
`sys.path` leads to a new scan.
"""

import sys
from collections import defaultdict
from collections.abc import Mapping
from functools import lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as scan
from pathlib import PurePath
from types import TracebackType
from typing import NamedTuple

OWN_PACKAGES = frozenset(
    {"lensmount", "lensmount_protocol", "lensmount_hardware", "lensmount_emulator", "lensmount_web"}
)

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


class PluginFault(NamedTuple):
    """Where an exception left the code of another package.

    Attributes:
        package: the package.
        place: its innermost file and line: `lensmount_acme/lens.py:93`.
        raised_in: file and line of lensmount where that line's call raised the exception; `""` where the package did.
    """

    package: str
    place: str
    raised_in: str


def find_plugin_fault(error: BaseException, package: str = "") -> PluginFault | None:
    """Return where an exception left the code of another package; `None` where none of its frames is in such code.

    Args:
        error: the exception, with its traceback.
        package: the package to look for; every package that offers an entry point where it is empty.
    """
    packages = {package} if package else plugin_packages()
    found: PluginFault | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        top = module.partition(".")[0]
        place = f"{_shorten_path(trace.tb_frame.f_code.co_filename, top)}:{trace.tb_lineno}"
        if top in packages and ".generated." not in module:
            found = PluginFault(top, place, "")
        elif top in OWN_PACKAGES and found is not None:
            found = found._replace(raised_in=place)
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename:
        # It has no frame: the file was never executed.
        path = PurePath(error.filename)
        top = next((part for part in (path.stem, *reversed(path.parts)) if part in packages), "")
        if top:
            return PluginFault(top, f"{_shorten_path(error.filename, top)}:{error.lineno}", "")
    return found


def plugin_packages() -> frozenset[str]:
    """Return the packages that offer entry points, without those of lensmount."""
    entries = (entry for group in _scanned(tuple(sys.path)).values() for entry in group)
    return frozenset(entry.value.partition(":")[0].partition(".")[0] for entry in entries) - OWN_PACKAGES


def _shorten_path(path: str, top: str) -> str:
    parts = PurePath(path).parts
    if top in parts:
        parts = parts[len(parts) - 1 - parts[::-1].index(top) :]
        return "/".join(parts)
    return parts[-1] if parts else path


def import_attribute(place: str) -> object:
    """Import an attribute that an entry point or a table names.

    Args:
        place: `package.module:NAME`.

    Raises:
        ImportError: it cannot be imported, or a module of another package raised an exception or ended the process
            meanwhile; the text has the file and line of that package.
    """
    module, _, attribute = place.partition(":")
    package = module.partition(".")[0]
    try:
        found: object = getattr(import_module(module), attribute)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        # A module that calls sys.exit when it is imported would end the command silently, with exit code 0.
        plain = isinstance(error, ImportError | AttributeError)
        if package in OWN_PACKAGES and not plain:
            raise
        fault = None if package in OWN_PACKAGES else find_plugin_fault(error, package)
        text = error.msg if isinstance(error, SyntaxError) else str(error)
        # The text of these needs no type before it; that of a KeyError is the key alone.
        if not plain and not isinstance(error, ValueError):
            text = f"{type(error).__name__}: {text}"
        raise ImportError(f"{text} ({fault.place})" if fault else text) from error
    return found
