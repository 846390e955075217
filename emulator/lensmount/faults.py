"""Faults of a session: the base classes of new ones, and the types of their options."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.faults.bytes import ByteFault as ByteFault
    from lensmount_emulator.faults.expected import Expected as ExpectedOutcome
    from lensmount_emulator.faults.fault import Fault as Fault
    from lensmount_emulator.faults.fault import Grip as FaultTarget
    from lensmount_emulator.faults.fault import Piece as OutgoingBytes
    from lensmount_emulator.faults.fault import TimedFault as TimedFault
    from lensmount_emulator.faults.registry import faults as known_faults
    from lensmount_emulator.faults.registry import parse_fault as parse_fault
    from lensmount_emulator.faults.registry import text_of as format_fault
    from lensmount_emulator.faults.words import DELAY as DELAY
    from lensmount_emulator.faults.words import DURATION as DURATION
    from lensmount_emulator.faults.words import EXPECT as EXPECT
    from lensmount_emulator.faults.words import LEVEL as LEVEL
    from lensmount_emulator.faults.words import LINE as LINE
    from lensmount_emulator.faults.words import PER_SECOND as PER_SECOND
    from lensmount_emulator.faults.words import RATE as RATE
    from lensmount_emulator.faults.words import ROLE as ROLE
    from lensmount_emulator.faults.words import WORD as WORD
    from lensmount_emulator.faults.words import Kind as OptionType
    from lensmount_emulator.faults.words import key as option
    from lensmount_emulator.faults.words import percent as percent
    from lensmount_emulator.faults.words import whole as integer
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "DELAY",
    "DURATION",
    "EXPECT",
    "LEVEL",
    "LINE",
    "PER_SECOND",
    "RATE",
    "ROLE",
    "WORD",
    "ByteFault",
    "ExpectedOutcome",
    "Fault",
    "FaultTarget",
    "OptionType",
    "OutgoingBytes",
    "TimedFault",
    "format_fault",
    "integer",
    "known_faults",
    "option",
    "parse_fault",
    "percent",
]

_NAMES = {
    "ByteFault": ("lensmount_emulator.faults.bytes", "ByteFault"),
    "DELAY": ("lensmount_emulator.faults.words", "DELAY"),
    "DURATION": ("lensmount_emulator.faults.words", "DURATION"),
    "EXPECT": ("lensmount_emulator.faults.words", "EXPECT"),
    "ExpectedOutcome": ("lensmount_emulator.faults.expected", "Expected"),
    "Fault": ("lensmount_emulator.faults.fault", "Fault"),
    "FaultTarget": ("lensmount_emulator.faults.fault", "Grip"),
    "LEVEL": ("lensmount_emulator.faults.words", "LEVEL"),
    "LINE": ("lensmount_emulator.faults.words", "LINE"),
    "OptionType": ("lensmount_emulator.faults.words", "Kind"),
    "OutgoingBytes": ("lensmount_emulator.faults.fault", "Piece"),
    "PER_SECOND": ("lensmount_emulator.faults.words", "PER_SECOND"),
    "RATE": ("lensmount_emulator.faults.words", "RATE"),
    "ROLE": ("lensmount_emulator.faults.words", "ROLE"),
    "TimedFault": ("lensmount_emulator.faults.fault", "TimedFault"),
    "WORD": ("lensmount_emulator.faults.words", "WORD"),
    "format_fault": ("lensmount_emulator.faults.registry", "text_of"),
    "integer": ("lensmount_emulator.faults.words", "whole"),
    "known_faults": ("lensmount_emulator.faults.registry", "faults"),
    "option": ("lensmount_emulator.faults.words", "key"),
    "parse_fault": ("lensmount_emulator.faults.registry", "parse_fault"),
    "percent": ("lensmount_emulator.faults.words", "percent"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
