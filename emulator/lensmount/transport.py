"""Ports: the contract of a transport, its description in text, and clocks."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.sessions.live import open_transport as open_transport
    from lensmount_hardware.clock import Clock as Clock
    from lensmount_hardware.clock import MonotonicClock as MonotonicClock
    from lensmount_hardware.clock import VirtualClock as VirtualClock
    from lensmount_hardware.port_spec import Contacts as Contacts
    from lensmount_hardware.port_spec import Opener as TransportOpener
    from lensmount_hardware.port_spec import PortSpec as PortSpec
    from lensmount_hardware.port_spec import WindowTiming as WindowTiming
    from lensmount_hardware.port_spec import parse_spec as parse_spec
    from lensmount_hardware.transport import TimedRecord as TimedRecord
    from lensmount_hardware.transport import TimedTransport as TimedTransport
    from lensmount_hardware.transport import Transport as Transport
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "Clock",
    "Contacts",
    "MonotonicClock",
    "PortSpec",
    "TimedRecord",
    "TimedTransport",
    "Transport",
    "TransportOpener",
    "VirtualClock",
    "WindowTiming",
    "open_transport",
    "parse_spec",
]

_NAMES = {
    "Clock": ("lensmount_hardware.clock", "Clock"),
    "Contacts": ("lensmount_hardware.port_spec", "Contacts"),
    "MonotonicClock": ("lensmount_hardware.clock", "MonotonicClock"),
    "PortSpec": ("lensmount_hardware.port_spec", "PortSpec"),
    "TimedRecord": ("lensmount_hardware.transport", "TimedRecord"),
    "TimedTransport": ("lensmount_hardware.transport", "TimedTransport"),
    "Transport": ("lensmount_hardware.transport", "Transport"),
    "TransportOpener": ("lensmount_hardware.port_spec", "Opener"),
    "VirtualClock": ("lensmount_hardware.clock", "VirtualClock"),
    "WindowTiming": ("lensmount_hardware.port_spec", "WindowTiming"),
    "open_transport": ("lensmount_emulator.sessions.live", "open_transport"),
    "parse_spec": ("lensmount_hardware.port_spec", "parse_spec"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
