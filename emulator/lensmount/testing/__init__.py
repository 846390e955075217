"""Tools for tests: strategies for hypothesis, types of the pytest fixtures, simulated boards and ports in memory.

The strategies need hypothesis (`lensmount[fuzz]`), the types of the fixtures need pytest (`lensmount[pytest]`).
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.fuzz.corpus import open_corpus as open_corpus
    from lensmount_emulator.pytest_plugin.factory import MountFactory as MountFactory
    from lensmount_emulator.pytest_plugin.mount_session import MountSession as MountSession
    from lensmount_emulator.pytest_plugin.shared_port import SharedPort as SharedPort
    from lensmount_emulator.pytest_plugin.traffic_log import LoggedMessage as LoggedMessage
    from lensmount_emulator.pytest_plugin.traffic_log import Recording as Recording
    from lensmount_emulator.sessions.simulated_board import SimulatedPort as SimulatedPort
    from lensmount_emulator.sessions.simulated_board import open_simulated_board as open_simulated_board
    from lensmount_emulator.testing import DEVICE as DEVICE
    from lensmount_emulator.testing import DEVICE_LONG as DEVICE_LONG
    from lensmount_emulator.testing import VIRTUAL as VIRTUAL
    from lensmount_emulator.testing import arrivals as arrivals
    from lensmount_emulator.testing import faults as faults
    from lensmount_emulator.testing import frames as frames
    from lensmount_emulator.testing import messages as messages
    from lensmount_emulator.testing import near_misses as near_misses
    from lensmount_emulator.testing import noise as noise
    from lensmount_emulator.testing import play as play
    from lensmount_emulator.testing import register_profiles as register_profiles
    from lensmount_emulator.testing import sessions as sessions
    from lensmount_emulator.testing import streams as streams
    from lensmount_emulator.testing import typed_messages as typed_messages
    from lensmount_hardware.boards.simulator.board import BoardSimulator as BoardSimulator
    from lensmount_hardware.transports.memory import memory_pair as memory_pair
    from lensmount_protocol.wire import Role as Role
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "DEVICE",
    "DEVICE_LONG",
    "VIRTUAL",
    "BoardSimulator",
    "LoggedMessage",
    "MountFactory",
    "MountSession",
    "Recording",
    "Role",
    "SharedPort",
    "SimulatedPort",
    "arrivals",
    "faults",
    "frames",
    "memory_pair",
    "messages",
    "near_misses",
    "noise",
    "open_corpus",
    "open_simulated_board",
    "play",
    "register_profiles",
    "sessions",
    "streams",
    "typed_messages",
]

_NAMES = {
    "BoardSimulator": ("lensmount_hardware.boards.simulator.board", "BoardSimulator"),
    "DEVICE": ("lensmount_emulator.testing", "DEVICE"),
    "DEVICE_LONG": ("lensmount_emulator.testing", "DEVICE_LONG"),
    "LoggedMessage": ("lensmount_emulator.pytest_plugin.traffic_log", "LoggedMessage"),
    "MountFactory": ("lensmount_emulator.pytest_plugin.factory", "MountFactory"),
    "MountSession": ("lensmount_emulator.pytest_plugin.mount_session", "MountSession"),
    "Recording": ("lensmount_emulator.pytest_plugin.traffic_log", "Recording"),
    "Role": ("lensmount_protocol.wire", "Role"),
    "SharedPort": ("lensmount_emulator.pytest_plugin.shared_port", "SharedPort"),
    "SimulatedPort": ("lensmount_emulator.sessions.simulated_board", "SimulatedPort"),
    "VIRTUAL": ("lensmount_emulator.testing", "VIRTUAL"),
    "arrivals": ("lensmount_emulator.testing", "arrivals"),
    "faults": ("lensmount_emulator.testing", "faults"),
    "frames": ("lensmount_emulator.testing", "frames"),
    "memory_pair": ("lensmount_hardware.transports.memory", "memory_pair"),
    "messages": ("lensmount_emulator.testing", "messages"),
    "near_misses": ("lensmount_emulator.testing", "near_misses"),
    "noise": ("lensmount_emulator.testing", "noise"),
    "open_corpus": ("lensmount_emulator.fuzz.corpus", "open_corpus"),
    "open_simulated_board": ("lensmount_emulator.sessions.simulated_board", "open_simulated_board"),
    "play": ("lensmount_emulator.testing", "play"),
    "register_profiles": ("lensmount_emulator.testing", "register_profiles"),
    "sessions": ("lensmount_emulator.testing", "sessions"),
    "streams": ("lensmount_emulator.testing", "streams"),
    "typed_messages": ("lensmount_emulator.testing", "typed_messages"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
