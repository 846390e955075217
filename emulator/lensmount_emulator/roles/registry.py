"""Casts by the dialect they play: the built-in ones, and those that other packages offer under `lensmount.casts`."""

from importlib import import_module
from importlib.metadata import EntryPoint

from lensmount_emulator.roles.cast import Cast
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.logs import get_logger

ENTRY_POINTS = "lensmount.casts"
"""The entry-point group; each entry is named as its dialect, and its value is `package.module:NAME` of a `Cast`."""

BUILT_IN = {
    "emount": "lensmount_emulator.roles.emount.cast:EMOUNT_CAST",
    "lmount": "lensmount_emulator.roles.lmount.cast:LMOUNT_CAST",
}


_log = get_logger("plugins")


def played_dialects() -> list[str]:
    """Every dialect that can be played here, sorted."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINTS))})


def cast_of(dialect: str) -> Cast:
    """The two ends of a dialect.

    Raises:
        DialectError: nobody plays it here, though it may be decoded (lists the ones that are played); offered twice;
            or not importable as a `Cast`.
    """
    offers = [EntryPoint(name, value, ENTRY_POINTS) for name, value in BUILT_IN.items() if name == dialect]
    offers += entry_points(group=ENTRY_POINTS, name=dialect)
    if not offers:
        raise DialectError(unknown("dialect to play", dialect, played_dialects()))
    if len(offers) > 1:
        raise DialectError(f"dialect {dialect!r} is played twice: by {' and '.join(offer.value for offer in offers)}")
    module, _, attribute = offers[0].value.partition(":")
    try:
        cast = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        _log.warning("roles of %s: cannot be loaded from %s: %s", dialect, offers[0].value, error)
        raise DialectError(f"dialect {dialect!r} cannot be played from {offers[0].value}: {error}") from error
    if not isinstance(cast, Cast):
        raise DialectError(f"dialect {dialect!r}: {offers[0].value} is a {type(cast).__name__}, not a Cast")
    if dialect not in BUILT_IN:
        _log.info("roles of %s: loaded from %s", dialect, offers[0].value)
    return cast
