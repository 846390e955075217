"""Messages as a test expects them: by class and fields, and in words where they did not come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lensmount_emulator.pytest_plugin.heard import Said
from lensmount_protocol.describe import show_message, show_value
from lensmount_protocol.errors import unknown
from lensmount_protocol.message import Message


@dataclass(frozen=True, slots=True)
class Found:
    """A message that was expected, and how many had been said with it."""

    message: Message
    behind: int


def found(said: Sequence[Said], since: int, kind: type[Message], fields: Mapping[str, Any]) -> Found | None:
    """The first message, from number `since` on, that is of a class and has these values; `None` for none."""
    for at in range(since, len(said)):
        message = said[at].message
        if isinstance(message, kind) and all(getattr(message, name) == value for name, value in fields.items()):
            return Found(message, at + 1)
    return None


def worded(kind: type[Message], fields: Mapping[str, Any]) -> str:
    """What is expected, as it is written: `Done(number=3)`.

    Raises:
        TypeError: a field that the message does not have; lists those that it has.
    """
    __tracebackhide__ = True
    known = [spec.name for spec in kind.FIELDS]
    for name in fields:
        if name not in known:
            raise TypeError(unknown(f"field of {kind.__name__}", name, known))
    return f"{kind.__name__}({', '.join(f'{name}={value!r}' for name, value in fields.items())})"


def differences(kind: type[Message], came: Sequence[Message], fields: Mapping[str, Any]) -> str:
    """What came instead, and in what its last differs from what was expected."""
    if not came:
        return f"no {kind.__name__} came"
    last = came[-1]
    shown = {spec.name: spec for spec in kind.FIELDS}
    wrong = [
        f"{name} is {show_value(shown[name], getattr(last, name))}, not {value!r}"
        for name, value in fields.items()
        if getattr(last, name) != value
    ]
    return f"{len(came)} came, the last: {show_message(last)}; {', '.join(wrong)}"
