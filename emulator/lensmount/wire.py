"""The bytes, edges and records that ports, engines and recordings share."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_protocol.wire import BITS_PER_BYTE as BITS_PER_BYTE
    from lensmount_protocol.wire import Annotation as Annotation
    from lensmount_protocol.wire import Burst as Burst
    from lensmount_protocol.wire import ClockSync as ClockSync
    from lensmount_protocol.wire import DataLoss as DataLoss
    from lensmount_protocol.wire import Defect as DefectKind
    from lensmount_protocol.wire import DriveLine as DriveLine
    from lensmount_protocol.wire import Edge as Edge
    from lensmount_protocol.wire import LineChanged as LineChanged
    from lensmount_protocol.wire import LineDefect as LineDefect
    from lensmount_protocol.wire import PartialBurst as PartialBurst
    from lensmount_protocol.wire import Received as Received
    from lensmount_protocol.wire import Role as Role
    from lensmount_protocol.wire import SetBaudrate as SetBaudrate
    from lensmount_protocol.wire import Transmit as Transmit
    from lensmount_protocol.wire import WireAction as WireAction
    from lensmount_protocol.wire import WireEvent as WireEvent
    from lensmount_protocol.wire import WireRecord as WireRecord
    from lensmount_protocol.wire import transmission_time as transmission_time
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "BITS_PER_BYTE",
    "Annotation",
    "Burst",
    "ClockSync",
    "DataLoss",
    "DefectKind",
    "DriveLine",
    "Edge",
    "LineChanged",
    "LineDefect",
    "PartialBurst",
    "Received",
    "Role",
    "SetBaudrate",
    "Transmit",
    "WireAction",
    "WireEvent",
    "WireRecord",
    "transmission_time",
]

_NAMES = {
    "Annotation": ("lensmount_protocol.wire", "Annotation"),
    "BITS_PER_BYTE": ("lensmount_protocol.wire", "BITS_PER_BYTE"),
    "Burst": ("lensmount_protocol.wire", "Burst"),
    "ClockSync": ("lensmount_protocol.wire", "ClockSync"),
    "DataLoss": ("lensmount_protocol.wire", "DataLoss"),
    "DefectKind": ("lensmount_protocol.wire", "Defect"),
    "DriveLine": ("lensmount_protocol.wire", "DriveLine"),
    "Edge": ("lensmount_protocol.wire", "Edge"),
    "LineChanged": ("lensmount_protocol.wire", "LineChanged"),
    "LineDefect": ("lensmount_protocol.wire", "LineDefect"),
    "PartialBurst": ("lensmount_protocol.wire", "PartialBurst"),
    "Received": ("lensmount_protocol.wire", "Received"),
    "Role": ("lensmount_protocol.wire", "Role"),
    "SetBaudrate": ("lensmount_protocol.wire", "SetBaudrate"),
    "Transmit": ("lensmount_protocol.wire", "Transmit"),
    "WireAction": ("lensmount_protocol.wire", "WireAction"),
    "WireEvent": ("lensmount_protocol.wire", "WireEvent"),
    "WireRecord": ("lensmount_protocol.wire", "WireRecord"),
    "transmission_time": ("lensmount_protocol.wire", "transmission_time"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
