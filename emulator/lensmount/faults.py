"""Faults of a session: the base classes of new ones, and the types of their options."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.faults.byte_faults import ByteFault as ByteFault
    from lensmount_emulator.faults.fault import ClockedBurst as ClockedBurst
    from lensmount_emulator.faults.fault import Fault as Fault
    from lensmount_emulator.faults.fault import FaultTarget as FaultTarget
    from lensmount_emulator.faults.fault import OutgoingBytes as OutgoingBytes
    from lensmount_emulator.faults.fault import TimedFault as TimedFault
    from lensmount_emulator.faults.options import DELAY as DELAY
    from lensmount_emulator.faults.options import DURATION as DURATION
    from lensmount_emulator.faults.options import EXPECT as EXPECT
    from lensmount_emulator.faults.options import LEVEL as LEVEL
    from lensmount_emulator.faults.options import LINE as LINE
    from lensmount_emulator.faults.options import NAME_OPTION as NAME_OPTION
    from lensmount_emulator.faults.options import PER_SECOND as PER_SECOND
    from lensmount_emulator.faults.options import RATE as RATE
    from lensmount_emulator.faults.options import ROLE as ROLE
    from lensmount_emulator.faults.options import ExpectedOutcome as ExpectedOutcome
    from lensmount_emulator.faults.options import OptionType as OptionType
    from lensmount_emulator.faults.options import integer as integer
    from lensmount_emulator.faults.options import option as option
    from lensmount_emulator.faults.options import percent as percent
    from lensmount_emulator.faults.registry import format_fault as format_fault
    from lensmount_emulator.faults.registry import known_faults as known_faults
    from lensmount_emulator.faults.registry import parse_fault as parse_fault
    from lensmount_emulator.faults.rule import Rule as Rule
    from lensmount_emulator.faults.rule import load_rules as load_rules
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "DELAY",
    "DURATION",
    "EXPECT",
    "LEVEL",
    "LINE",
    "NAME_OPTION",
    "PER_SECOND",
    "RATE",
    "ROLE",
    "ByteFault",
    "ClockedBurst",
    "ExpectedOutcome",
    "Fault",
    "FaultTarget",
    "OptionType",
    "OutgoingBytes",
    "Rule",
    "TimedFault",
    "format_fault",
    "integer",
    "known_faults",
    "load_rules",
    "option",
    "parse_fault",
    "percent",
]

_NAMES = {
    "ByteFault": ("lensmount_emulator.faults.byte_faults", "ByteFault"),
    "ClockedBurst": ("lensmount_emulator.faults.fault", "ClockedBurst"),
    "DELAY": ("lensmount_emulator.faults.options", "DELAY"),
    "DURATION": ("lensmount_emulator.faults.options", "DURATION"),
    "EXPECT": ("lensmount_emulator.faults.options", "EXPECT"),
    "ExpectedOutcome": ("lensmount_emulator.faults.options", "ExpectedOutcome"),
    "Fault": ("lensmount_emulator.faults.fault", "Fault"),
    "FaultTarget": ("lensmount_emulator.faults.fault", "FaultTarget"),
    "LEVEL": ("lensmount_emulator.faults.options", "LEVEL"),
    "LINE": ("lensmount_emulator.faults.options", "LINE"),
    "NAME_OPTION": ("lensmount_emulator.faults.options", "NAME_OPTION"),
    "OptionType": ("lensmount_emulator.faults.options", "OptionType"),
    "OutgoingBytes": ("lensmount_emulator.faults.fault", "OutgoingBytes"),
    "PER_SECOND": ("lensmount_emulator.faults.options", "PER_SECOND"),
    "RATE": ("lensmount_emulator.faults.options", "RATE"),
    "ROLE": ("lensmount_emulator.faults.options", "ROLE"),
    "Rule": ("lensmount_emulator.faults.rule", "Rule"),
    "TimedFault": ("lensmount_emulator.faults.fault", "TimedFault"),
    "format_fault": ("lensmount_emulator.faults.registry", "format_fault"),
    "integer": ("lensmount_emulator.faults.options", "integer"),
    "known_faults": ("lensmount_emulator.faults.registry", "known_faults"),
    "load_rules": ("lensmount_emulator.faults.rule", "load_rules"),
    "option": ("lensmount_emulator.faults.options", "option"),
    "parse_fault": ("lensmount_emulator.faults.registry", "parse_fault"),
    "percent": ("lensmount_emulator.faults.options", "percent"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
