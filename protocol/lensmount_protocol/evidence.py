"""Evidence levels and sources: every message and, where known, every field carries them."""

import enum
from dataclasses import dataclass


class EvidenceLevel(enum.Enum):
    """The strength of a claim about a wire, strongest first."""

    CAPTURED = "captured"
    BENCH = "captured by others"
    DOCUMENTED = "documented by others, no capture"
    PUBLIC_CODE = "public code that runs on real devices"
    FIRMWARE = "static analysis of firmware"
    CLAIM = "third-party claim"
    INFERRED = "inferred from captures"
    DISPUTED = "disputed"
    MODELLED = "our own model"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A claim's strength and source.

    Attributes:
        level: how strongly it is known.
        source: where from, as keys of the dialect's list of sources.
        note: what to know beside it.
    """

    level: EvidenceLevel
    source: str
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.level.value} ({self.source})"
        return f"{text}: {self.note}" if self.note else text
