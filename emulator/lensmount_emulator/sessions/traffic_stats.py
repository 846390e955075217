"""Counts over decoded traffic: frames by composition, bytes explained or not, frames that rebuild to the byte."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, time_text
from lensmount_protocol.dialect import Dialect, LinkChecker
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import AnyMessage, build_payload, message_type
from lensmount_protocol.wire import Annotation, AnnotationKind, Defect, LineDefect, Role

MAX_VIOLATIONS = 100
"""Broken rules that are kept; all of them are counted."""

MAX_KNOWN = 256
"""Payloads of shared messages that are kept."""


@dataclass(slots=True)
class TrafficStats:
    """Counts over decoded traffic.

    Attributes:
        dialect: what frames are rebuilt with.
        shares: whether frames of equal payloads share their messages, as those of a virtual session do.
        counts: sender and types of the messages -> count and bytes.
        valid: frames that are right.
        typed: of those, frames without an unknown message.
        rebuilt: of those, frames that their messages rebuild byte for byte.
        unexplained: bytes inside valid frames that no declaration explains.
        padding: padding bytes of a sender after its frames.
        garbage: reason -> bytes that belong to no frame.
        runs: runs of such bytes.
        gaps: missing parts of the source, as it reports them.
        violations: broken rules between frames, each with its place; the first `MAX_VIOLATIONS` of them.
        violation_count: how many there are.
    """

    dialect: Dialect
    shares: bool = False
    counts: dict[tuple[Role, tuple[int, ...]], list[int]] = field(
        default_factory=lambda: dict[tuple[Role, tuple[int, ...]], list[int]]()
    )
    valid: int = 0
    typed: int = 0
    rebuilt: int = 0
    unexplained: int = 0
    padding: int = 0
    garbage: Counter[str] = field(default_factory=lambda: Counter[str]())
    runs: int = 0
    gaps: list[str] = field(default_factory=lambda: list[str]())
    violations: list[str] = field(default_factory=lambda: list[str]())
    violation_count: int = 0
    _checker: LinkChecker | None = field(init=False, repr=False)
    _known: dict[int, "_Payload"] = field(default_factory=lambda: dict[int, "_Payload"](), init=False, repr=False)

    def __post_init__(self) -> None:
        make = self.dialect.link_checker
        self._checker = None if make is None else make()

    def add(self, event: Decoded) -> None:
        """Count one event."""
        if isinstance(event, DecodedFrame):
            self._add_frame(event)
        elif isinstance(event, DecodedGarbage):
            self.garbage[event.reason.value] += len(event.data)
            self.runs += 1
            if self._checker is not None:
                self._checker.reset()
        elif isinstance(event, Annotation) and (event.incomplete or event.kind is AnnotationKind.LOST_BURST):
            self.gaps.append(event.text)
            if self._checker is not None:
                self._checker.reset()
        elif isinstance(event, LineDefect) and self._lacks_an_end(event):
            # Rules between both ends have nothing to hold on to.
            self._checker = None
            self.gaps.append(event.text)

    def counted(self, events: Iterable[Decoded]) -> Iterator[Decoded]:
        """Yield events, and count each of them."""
        for event in events:
            self.add(event)
            yield event

    @property
    def frames(self) -> dict[tuple[str, str], tuple[int, int]]:
        """(sender, composition) -> (count, bytes); a composition is types joined by `+`."""
        return {
            (role.value, "+".join(f"{type_:02X}" for type_ in types)): (count, size)
            for (role, types), (count, size) in self.counts.items()
        }

    @property
    def all_frames_verified(self) -> bool:
        """Whether every valid frame was typed and rebuilt byte for byte."""
        return self.valid == self.typed == self.rebuilt

    @property
    def total(self) -> int:
        """All bytes: in frames, as padding, and in no frame."""
        return sum(size for _, size in self.counts.values()) + self.padding + sum(self.garbage.values())

    def share(self) -> str:
        """The explained part of the bytes: typed messages and padding."""
        total = self.total
        if not total:
            return "no bytes"
        explained = total - sum(self.garbage.values()) - self.unexplained
        # Rounded down, so that 100 % means every byte.
        return f"{explained * 1000 // total / 10:g} % of {total} bytes explained"

    def summary(self) -> str:
        """The result in one line."""
        nowhere = sum(self.garbage.values())
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.garbage.most_common())
        tail = f" in {self.runs} runs ({reasons})" if nowhere else ""
        return (
            f"{self.valid} valid frames, {self.typed} typed, {self.rebuilt} rebuilt byte-identical; "
            f"{self.unexplained} bytes unexplained in valid frames; {self.padding} pad bytes; "
            f"{nowhere} bytes in no frame{tail}"
        )

    def _lacks_an_end(self, defect: LineDefect) -> bool:
        wiring = self.dialect.wiring
        carriers = {"" if wiring.clocked is None else wiring.clocked.clock, *(line.name for line in wiring.serial)}
        dead = defect.defect in (Defect.MISSING, Defect.STUCK_HIGH, Defect.STUCK_LOW)
        return wiring.clocked is not None and dead and defect.line in carriers

    def _add_frame(self, event: DecodedFrame) -> None:
        frame = event.frame
        raw, messages = frame.raw, frame.messages
        self.valid += 1
        if event.padding:
            self.padding += len(event.padding)
        payload = self._known.get(id(messages))
        if payload is None or payload.messages is not messages:
            payload = self._summarise(messages)
        key = (event.sender, payload.types)
        count = self.counts.get(key)
        if count is None:
            self.counts[key] = [1, len(raw)]
        else:
            count[0] += 1
            count[1] += len(raw)
        if payload.unknown:
            self.unexplained += payload.unknown
        else:
            self.typed += 1
        self.rebuilt += self.dialect.build_frame(payload.data, frame.class_, frame.sequence) == raw
        if self._checker is not None:
            for violation in self._checker.on_frame(event.sender, frame, event.at):
                self.violation_count += 1
                if len(self.violations) < MAX_VIOLATIONS:
                    self.violations.append(f"at {time_text(event.at)}: {violation}")

    def _summarise(self, messages: list[AnyMessage]) -> "_Payload":
        unknown = sum([len(message.data) for message in messages if isinstance(message, UnknownMessage)])
        types = tuple([message_type(message) for message in messages])
        payload = _Payload(messages, types, unknown, build_payload(messages))
        if self.shares:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[id(messages)] = payload
        return payload


@dataclass(slots=True)
class _Payload:
    """What counts of a payload: its messages, their types, the bytes that no declaration explains, and all bytes."""

    messages: list[AnyMessage]
    types: tuple[int, ...]
    unknown: int
    data: bytes


def frame_composition(event: DecodedFrame) -> str:
    """The types of a frame's messages, as `Dialect.routine` names them: `05` or `05+06`."""
    return _composition(tuple([message_type(message) for message in event.messages]))


@lru_cache(MAX_KNOWN)
def _composition(types: tuple[int, ...]) -> str:
    return "+".join([f"{type_:02X}" for type_ in types])
