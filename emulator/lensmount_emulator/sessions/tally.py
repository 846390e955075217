"""Counts over decoded traffic: frames by composition, bytes explained or not, frames that rebuild to the byte."""

from collections import Counter
from dataclasses import dataclass, field

from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.message import Unknown
from lensmount_protocol.paving import build_payload, type_of


@dataclass(slots=True)
class Tally:
    """Counts over decoded traffic.

    Attributes:
        dialect: what frames are rebuilt with.
        frames: (sender, composition) -> (count, bytes); a composition is types joined by `+`.
        valid: frames that are right.
        typed: of those, frames without an unknown message.
        rebuilt: of those, frames that come out of their messages byte for byte.
        unexplained: bytes inside valid frames that no declaration explains.
        padding: bytes that a sender clocked behind its frames.
        garbage: reason -> bytes that belong to no frame.
        runs: runs of such bytes.
    """

    dialect: Dialect
    frames: dict[tuple[str, str], tuple[int, int]] = field(
        default_factory=lambda: dict[tuple[str, str], tuple[int, int]]()
    )
    valid: int = 0
    typed: int = 0
    rebuilt: int = 0
    unexplained: int = 0
    padding: int = 0
    garbage: Counter[str] = field(default_factory=lambda: Counter[str]())
    runs: int = 0

    def add(self, event: Decoded) -> None:
        """Count one event."""
        if isinstance(event, DecodedGarbage):
            self.garbage[event.reason.value] += len(event.data)
            self.runs += 1
        elif isinstance(event, DecodedFrame):
            self._add_frame(event)

    @property
    def proven(self) -> bool:
        """Whether every valid frame was typed and rebuilt byte for byte."""
        return self.valid == self.typed == self.rebuilt

    def summary(self) -> str:
        """What was found, in one line."""
        nowhere = sum(self.garbage.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.garbage.most_common())
        tail = f" in {self.runs} runs ({reasons})" if nowhere else ""
        return (
            f"{self.valid} valid frames, {self.typed} typed, {self.rebuilt} rebuilt byte-identical; "
            f"{self.unexplained} bytes unexplained in valid frames; {self.padding} pad bytes; "
            f"{nowhere} bytes in no frame{tail}"
        )

    def _add_frame(self, event: DecodedFrame) -> None:
        self.valid += 1
        self.padding += len(event.padding)
        composition = "+".join(f"{type_of(message):02X}" for message in event.messages)
        count, size = self.frames.get((event.sender.value, composition), (0, 0))
        self.frames[event.sender.value, composition] = (count + 1, size + len(event.frame.raw))
        unknown = [message for message in event.messages if isinstance(message, Unknown)]
        self.unexplained += sum(len(message.data) for message in unknown)
        self.typed += not unknown
        frame = event.frame
        rebuilt = self.dialect.build_frame(build_payload(event.messages), frame.class_, frame.sequence)
        self.rebuilt += rebuilt == frame.raw
