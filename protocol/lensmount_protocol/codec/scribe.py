"""Collects what generated functions refer to: constants as lines of source, and objects that have no source."""

import re
import struct
from collections.abc import Sequence


class NotCovered(Exception):  # noqa: N818  (it ends an attempt, and never leaves this package)
    """A construct that no source is written for; the message is read and built by construct itself."""


class Scribe:
    """What one piece of generated source needs around it.

    Attributes:
        lines: source that defines its constants and helper functions.
        objects: name -> an object that the source refers to by this name.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.objects: dict[str, object] = {}
        self._names: dict[object, str] = {}
        self._count = 0

    def unpack(self, code: str) -> str:
        """The name of a function `(bytes) -> tuple` for this struct."""
        return self.constant("unpack", f"Struct({code!r}).unpack")

    def unpack_from(self, code: str) -> str:
        """The name of a function `(bytes, at) -> tuple` for this struct."""
        return self.constant("take", f"Struct({code!r}).unpack_from")

    def pack(self, code: str) -> str:
        """The name of a function `(values…) -> bytes` for this struct."""
        return self.constant("pack", f"Struct({code!r}).pack")

    def constant(self, stem: str, source: str) -> str:
        """The name of a constant with this source; the same source has one name."""
        if source not in self._names:
            self._names[source] = self.name(stem)
            self.lines.append(f"{self._names[source]} = {source}")
        return self._names[source]

    def function(self, stem: str, parameters: str, body: Sequence[str]) -> str:
        """The name of a helper function with this body."""
        name = self.name(stem)
        self.lines += [f"def {name}({parameters}):", *(f"    {line}" for line in body)]
        return name

    def refer(self, stem: str, thing: object) -> str:
        """The name under which the source finds this object."""
        for name, known in self.objects.items():
            if known is thing:
                return name
        name = self.name(re.sub(r"\W", "", stem))
        self.objects[name] = thing
        return name

    def literal(self, value: object) -> str:
        """Source that gives this value."""
        if value is None or (
            isinstance(value, bool | int | float | str | bytes) and type(value).__module__ == "builtins"
        ):
            return repr(value)
        return self.refer("value", value)

    def name(self, stem: str) -> str:
        """A name that nothing else in this source has."""
        self._count += 1
        return f"{stem}_{self._count}"


def size_of(code: str) -> int:
    """Bytes that a struct takes."""
    return struct.calcsize(code)
