"""What a firmware declares: versions, dialects, roles, memory and lines, checked before anything runs."""

import ctypes
import struct
from collections.abc import Mapping
from pathlib import Path

import msgspec

from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.wire import Role

ABI, SHIM = 3, 3
"""Versions of the interface and of the shim; version 3 added the lines that a port has."""
FAR_ABI = FAR_SHIM = 2
"""The first versions with adapters."""
FIRST_ABI = FIRST_SHIM = 1
"""The oldest versions that still run."""
MAX_MEMORY = 64 << 20
_ADAPTER_NAMES = ((4, "lm_fw_on_far_bytes"), (8, "lm_fw_on_far_line"))
"""Bits of `lm_shim_optional`, and the functions that an adapter has besides."""
ADAPTER = "adapter"
"""The role of a firmware with two ports: a lens at the one, and a body at the other, its far port."""
ROLE_NUMBERS: Mapping[str, int] = {Role.BODY.value: 0, Role.LENS.value: 1, ADAPTER: 2}
"""Role -> `LM_BODY`, `LM_LENS`, `LM_ADAPTER`."""
TRANSMIT, LINE, BAUDRATE, LOG, FINISH = range(1, 6)
"""Kinds of actions, as the shim has them."""
FAR = 8
"""Added to the kind of an action at the far port of an adapter."""
ACTION_HEAD = struct.Struct("<III")
"""What begins an action: kind, value, and the size of the data that follow, which are padded to four bytes."""


class FirmwareInfo(msgspec.Struct, frozen=True):
    """What a firmware declares about itself.

    Attributes:
        dialect: its dialect.
        name: its name.
        version: its version.
        roles: what it can be: lens, body, adapter.
        memory: bytes of one instance.
        alignment: of that memory.
        rises: bit set of the lines of which it wants rising edges.
        falls: the same for falling edges.
        controls: whether it handles controls of the operator.
        has_state: whether it has a state word for guided fuzzing.
        sanitized: whether it is built with a sanitizer that has to be loaded first.
        far_dialect: the dialect of an adapter's far port; empty without one.
        far_rises: as `rises`, of the far port.
        far_falls: the same for falling edges.
    """

    dialect: str
    name: str
    version: str
    roles: tuple[str, ...]
    memory: int
    alignment: int
    rises: int
    falls: int
    controls: bool
    has_state: bool
    sanitized: bool
    far_dialect: str = ""
    far_rises: int = 0
    far_falls: int = 0

    @property
    def role_text(self) -> str:
        """Its roles in words: `a lens and an adapter`."""
        return " and ".join(f"{'an' if role == ADAPTER else 'a'} {role}" for role in self.roles)


class RawInfo(ctypes.Structure):
    """`lm_info`."""

    _fields_ = (
        ("abi", ctypes.c_uint32), ("size", ctypes.c_uint32), ("dialect", ctypes.c_char_p), ("name", ctypes.c_char_p),
        ("version", ctypes.c_char_p), ("roles", ctypes.c_uint32), ("memory", ctypes.c_uint32),
        ("alignment", ctypes.c_uint32), ("rises", ctypes.c_uint64), ("falls", ctypes.c_uint64),
        # Since version 2.
        ("far_dialect", ctypes.c_char_p), ("far_rises", ctypes.c_uint64), ("far_falls", ctypes.c_uint64),
    )  # fmt: skip


def read_declaration(path: Path, shim: int, raw: RawInfo, optional: int, *, sanitized: bool) -> FirmwareInfo:
    """Return what a firmware declares, checked.

    Args:
        path: the firmware.
        shim: the version of its shim.
        raw: its `lm_info`.
        optional: bits of the optional functions that it has.
        sanitized: whether it is built with a sanitizer.

    Raises:
        FirmwareError: one line with what is wrong and what is legal.
    """
    _check_versions(path, shim, raw.abi)
    # A firmware of the first version ends before the members of the far port.
    has_far = raw.abi >= FAR_ABI
    size = ctypes.sizeof(RawInfo) if has_far else RawInfo.far_dialect.offset
    if raw.size < size:
        raise FirmwareError(f"{path}: lm_info has {raw.size} bytes; version {raw.abi} has {size}")
    if raw.memory > MAX_MEMORY:
        raise FirmwareError(f"{path}: wants {raw.memory} bytes for an instance; {MAX_MEMORY >> 20} MB are the limit")
    if raw.alignment & (raw.alignment - 1) or raw.alignment > 4096:
        raise FirmwareError(f"{path}: wants memory aligned to {raw.alignment}; a power of two up to 4096 is legal")
    texts = (raw.dialect, raw.name, raw.version, raw.far_dialect if has_far else None)
    dialect, name, version, far_dialect = ((value or b"").decode(errors="replace")[:200] for value in texts)
    info = FirmwareInfo(
        dialect=dialect,
        name=name,
        version=version,
        roles=_role_names(raw.roles),
        memory=raw.memory,
        alignment=raw.alignment,
        rises=raw.rises,
        falls=raw.falls,
        controls=bool(optional & 1),
        has_state=bool(optional & 2),
        sanitized=sanitized,
        far_dialect=far_dialect,
        far_rises=raw.far_rises if has_far else 0,
        far_falls=raw.far_falls if has_far else 0,
    )
    _check_roles(path, info, optional)
    return info


def _role_names(bits: int) -> tuple[str, ...]:
    """Return the roles of `lm_info.roles`."""
    return tuple(name for name, number in ROLE_NUMBERS.items() if bits >> number & 1)


def _check_versions(path: Path, shim: int, abi: int) -> None:
    """Check the versions of the shim and of the interface.

    Raises:
        FirmwareError: one of them does not run here.
    """
    if not FIRST_SHIM <= shim <= SHIM:
        raise FirmwareError(f"{path}: has version {shim} of the shim; this lensmount has {SHIM}: build it again")
    if not FIRST_ABI <= abi <= ABI:
        raise FirmwareError(
            f"{path}: has version {abi} of the interface; this lensmount has {FIRST_ABI} to {ABI}: set abi to LM_ABI, "
            "and build it again"
        )


def _check_roles(path: Path, info: FirmwareInfo, optional: int) -> None:
    """Check that a firmware declares what its roles need.

    Args:
        path: the firmware.
        info: its declaration.
        optional: bits of the optional functions that it has.

    Raises:
        FirmwareError: it names no role, or lacks something of an adapter.
    """
    if not info.roles:
        raise FirmwareError(f"{path}: lm_info.roles names no end; set 1u << LM_LENS, 1u << LM_BODY or 1u << LM_ADAPTER")
    if ADAPTER not in info.roles:
        return
    missing = [name for bit, name in _ADAPTER_NAMES if not optional & bit]
    if missing:
        raise FirmwareError(f"{path}: lacks the function {missing[0]}, which an adapter has")
    if not info.far_dialect:
        raise FirmwareError(
            f"{path}: is an adapter without lm_info.far_dialect; set it to the dialect of the lens that it carries, "
            f"with abi = {ABI}"
        )
