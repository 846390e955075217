"""The faults as the documentation shows them: a table of names, and of each one's keys with what is legal."""

from collections.abc import Iterator

from lensmount_emulator.faults.fault import Fault, TimedFault
from lensmount_emulator.faults.registry import BUILT_IN, keys_of
from lensmount_emulator.faults.words import DURATION, LINE, WORD, kind_of

SHORT = {DURATION: "duration", LINE: "line", WORD: "name"}
"""Kinds of values that the page explains once."""

COMMON = ("at", "for", "until", "from", "rate", "count", "expect")


def fault_table() -> Iterator[str]:
    """The lines of the reference, in Markdown: faults by what they touch, and their keys but those that all have."""
    yield "| touches | fault | what goes wrong | its keys |"
    yield "|---|---|---|---|"
    for cls in BUILT_IN:
        yield f"| {cls.TOUCHES} | `{cls.NAME}` | {_opening(cls)} | {'; '.join(_own_keys(cls)) or 'none'} |"


def key_table() -> Iterator[str]:
    """The keys that every fault has, in Markdown."""
    yield "| key | means | wants | where it differs |"
    yield "|---|---|---|---|"
    usual = keys_of(Fault)
    for name in COMMON:
        about, kind = usual[name].metadata["about"], kind_of(usual[name].metadata)
        timed = keys_of(TimedFault)[name]
        other = timed.metadata["about"] if timed.metadata != usual[name].metadata else ""
        more = f"by time: {other}, {kind_of(timed.metadata).legal}" if other else ""
        yield f"| `{name}` | {about} | {kind.legal} | {more} |"


def _opening(cls: type[Fault]) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split()).rstrip(".")


def _own_keys(cls: type[Fault]) -> Iterator[str]:
    usual = keys_of(TimedFault if issubclass(cls, TimedFault) else Fault)
    for name, one in keys_of(cls).items():
        if name in COMMON and one.default == usual[name].default:
            continue
        kind, default = kind_of(one.metadata), one.default
        says = "" if default in (None, "") else f", else {kind.write(default)}"
        legal = SHORT.get(kind, kind.legal)
        yield f"`{name}`{says}" if name in COMMON else f"`{name}` {one.metadata['about']} ({legal}{says})"
