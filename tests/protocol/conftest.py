"""What the protocol's tests share: the dialect, its golden frames, and strategies made from its declarations."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


@dataclass(frozen=True)
class GoldenFrame:
    """One real frame, and where it was read."""

    name: str
    sender: Role
    raw: bytes
    source: str


def _golden_frames() -> dict[str, GoldenFrame]:
    told = tomllib.loads((Path(__file__).parent / "dialects" / "golden_frames.toml").read_text())
    return {
        name: GoldenFrame(name, Role(entry["sender"]), bytes.fromhex(entry["hex"]), entry["source"])
        for name, entry in told.items()
    }


def field_bytes(cls: type[Message]) -> st.SearchStrategy[bytes]:
    """The bytes of any message of a class, its type byte included."""
    return st.binary(min_size=cls.SIZE - 1, max_size=cls.SIZE - 1).map(lambda rest: bytes((cls.TYPE,)) + rest)


@pytest.fixture(scope="session")
def emount() -> Dialect:
    return load_dialect("emount")


@pytest.fixture(scope="session")
def golden() -> dict[str, GoldenFrame]:
    return _golden_frames()


@pytest.fixture(scope="session")
def message_bytes() -> Any:
    return field_bytes
