"""What a run arms by name: guarded messages, and types that no table knows."""

import fnmatch
from collections.abc import Iterable

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, unknown
from lensmount_protocol.wire import Role


def armed_types(dialect: Dialect, role: Role, armed: Iterable[str], also: Iterable[str] = ()) -> set[int]:
    """The types that names arm.

    Args:
        dialect: what is spoken.
        role: the end that sends.
        armed: names of guarded messages (`UpdateOffer`, `Update*`), numbers of unknown types (`0x7f`).
        also: words that mean something to the caller, and no type.

    Raises:
        DialectError: a name that no guarded message has; lists those that there are.
    """
    guarded = {
        cls.__name__: type_
        for (sender, type_), cls in dialect.messages.items()
        if sender is role and type_ in dialect.guarded
    }
    types = set[int]()
    for name in armed:
        meant = fnmatch.filter(guarded, name)
        if name in also:
            continue
        if (number := _number(name)) is not None:
            types.add(number)
        elif meant:
            types |= {guarded[one] for one in meant}
        else:
            known = (*guarded, *also, "the number of an unknown type, such as 0x7f")
            raise DialectError(unknown(f"guarded message of a {role.value}", name, known))
    return types


def _number(name: str) -> int | None:
    if not name.lower().startswith("0x"):
        return None
    try:
        return int(name, 16)
    except ValueError:
        return None
