"""Dialects by name: the built-in ones, and those that other packages offer under `lensmount.dialects`."""

from importlib import import_module
from importlib.metadata import EntryPoint

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.logs import get_logger

ENTRY_POINTS = "lensmount.dialects"
"""The entry-point group; each entry's value is `package.module:NAME` of a `Dialect`."""

BUILT_IN = {
    "emount": "lensmount_protocol.dialects.emount.dialect:EMOUNT",
    "lmount": "lensmount_protocol.dialects.lmount.dialect:LMOUNT",
}


_log = get_logger("plugins")


def dialect_names() -> list[str]:
    """Every dialect that can be loaded here, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def dialect_package(name: str) -> str:
    """The package that the dialect of this name comes from.

    Raises:
        DialectError: unknown (lists the known ones), or offered twice.
    """
    return _offer(name).value.partition(":")[0].rpartition(".")[0]


def _offer(name: str) -> EntryPoint:
    offers = [EntryPoint(name, value, ENTRY_POINTS) for known, value in BUILT_IN.items() if known == name]
    offers += entry_points(group=ENTRY_POINTS, name=name)
    if not offers:
        raise DialectError(unknown("dialect", name, dialect_names()))
    if len(offers) > 1:
        raise DialectError(f"dialect {name!r} is offered twice: {' and '.join(offer.value for offer in offers)}")
    return offers[0]


def load_dialect(name: str) -> Dialect:
    """The dialect of this name.

    Raises:
        DialectError: unknown (lists the known ones), offered twice, or not importable as a `Dialect`.
    """
    offer = _offer(name)
    module, _, attribute = offer.value.partition(":")
    try:
        dialect = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        _log.warning("dialect %s: cannot be loaded from %s: %s", name, offer.value, error)
        raise DialectError(f"dialect {name!r} cannot be loaded from {offer.value}: {error}") from error
    if not isinstance(dialect, Dialect):
        raise DialectError(f"dialect {name!r}: {offer.value} is a {type(dialect).__name__}, not a Dialect")
    if name not in BUILT_IN:
        _log.info("dialect %s: loaded from %s", name, offer.value)
    return dialect
