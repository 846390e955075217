"""Explains bytes that are no frame: a rate that is off, a frame cut short, a wrong checksum, noise."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lensmount_emulator.explain.finding import Finding, FindingKind, at_text, bytes_text
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage
from lensmount_protocol.dialect import BaudrateNegotiation, Dialect
from lensmount_protocol.framer import GarbageReason, burst_format
from lensmount_protocol.wire import BITS_PER_BYTE, Role

RATE_TOLERANCE = 0.035
"""Share by which a rate may be off; a receiver samples the last bit of a byte wrongly from 5 % on."""

JOIN_S = 1e-3
"""Runs of bytes of one end this close together are one piece."""

CUT = frozenset({GarbageReason.WINDOW_CLOSED, GarbageReason.SILENCE, GarbageReason.SOURCE_ENDED})


def find_bad_bytes(timeline: Timeline, reference: Reference | None) -> list[Finding]:
    """One finding for each piece of bytes that is no frame, and for each end at a rate that is off."""
    found = list(_wrong_rates(timeline))
    wrong = {one.end: one.at for one in found}
    for piece in _pieces(timeline):
        since = wrong.get(piece[0].sender)
        if since is not None and (piece[0].at or 0.0) >= since:
            continue
        if _is_phantom(piece, timeline):
            continue
        found.append(_second_copy(piece, timeline) or _explain_piece(piece, timeline, reference))
    return found


def _pieces(timeline: Timeline) -> Iterator[list[DecodedGarbage]]:
    for sender in Role:
        piece: list[DecodedGarbage] = []
        for run in timeline.garbage:
            if run.sender is not sender:
                continue
            if piece and not _joins(piece[-1], run):
                yield piece
                piece = []
            piece.append(run)
        if piece:
            yield piece


def _joins(before: DecodedGarbage, run: DecodedGarbage) -> bool:
    if before.offset + len(before.data) != run.offset:
        return False
    if before.at is None or run.at is None:
        return True
    return run.at - before.at - len(before.data) * BITS_PER_BYTE / before.baudrate < JOIN_S


def _second_copy(piece: Sequence[DecodedGarbage], timeline: Timeline) -> Finding | None:
    """Bytes that, with what counts as the padding of the frame before them, hold that frame once more."""
    first = piece[0]
    order = timeline.order[id(first)]
    frame = timeline.frame_before(first.sender, order)
    if frame is None or frame.frame.raw not in frame.padding + b"".join(run.data for run in piece):
        return None
    name = timeline.name(first_type(frame), first.sender)
    text = (
        f"The {first.sender.value} sent the {name} twice in one window{at_text(frame.at)}: the second copy is where "
        "only padding may follow. The other end may take it for garbage."
    )
    return Finding(
        FindingKind.REPEATED,
        frame.end or frame.at,
        text,
        f"the {first.sender.value} sent the {name} twice",
        first.sender,
        name,
        first_type(frame),
        order,
    )


def _is_phantom(piece: Sequence[DecodedGarbage], timeline: Timeline) -> bool:
    """Whether bytes are only a serial line that is low before its driver is on, or the end of the source."""
    first = piece[0]
    data = b"".join(run.data for run in piece)
    if piece[-1].reason is GarbageReason.SOURCE_ENDED and (first.at is None or timeline.end - first.at < 0.2):
        return timeline.has_edges or first.at is None
    before_frames = first.at is not None and first.at < timeline.first_frame_time
    return not any(data) and before_frames


def _explain_piece(piece: Sequence[DecodedGarbage], timeline: Timeline, reference: Reference | None) -> Finding:
    first, last = piece[0], piece[-1]
    data = b"".join(run.data for run in piece)
    came = bytes_text(len(data))
    sender = first.sender
    who = f"the {sender.value}"
    at = first.at
    ended = None if last.at is None else last.at + len(last.data) * BITS_PER_BYTE / last.baudrate
    if ended is not None and last.reason is GarbageReason.WINDOW_CLOSED:
        # Its bytes may have come with pauses; the frame is over when its window is.
        ended = timeline.next_fall(timeline.dialect.select_line(sender), last.at or 0.0) or ended
    order = timeline.order[id(first)]
    frame_format = timeline.dialect.formats[sender]
    if burst_format(frame_format) is not None:
        return _damaged_burst(first, timeline)
    if data[0] != frame_format.start or len(data) < frame_format.header_size:
        if data[0] == frame_format.start and last.reason in CUT:
            text = f"{who.capitalize()} sent only {came} of a frame{at_text(at)}: {last.reason.value}."
            return Finding(
                FindingKind.SHORT_FRAME, ended, text, f"{who} sent a cut frame", sender, "frame", None, order
            )
        repaired = _with_start(data, timeline.dialect, sender)
        if repaired is not None:
            return _wrong_start(piece, timeline, repaired)
        if any(data) and _never_in_frames(timeline, first):
            return _unreadable(piece, timeline)
        one = len(data) == 1
        kind = "zero bytes, as a line that is stuck low gives" if not any(data) else f"bytes {data[:8].hex(' ')}"
        kind, begin, are = (kind.replace("bytes", "byte", 1), "begins", "is") if one else (kind, "begin", "are")
        text = (
            f"{who.capitalize()} sent {came}{at_text(at)} that {begin} no frame ({kind}); a frame begins with "
            f"{frame_format.start:02X}. The other end drops {'it' if one else 'them'}."
        )
        return Finding(
            FindingKind.NO_FRAME,
            at,
            text,
            f"{came} of {who} {are} no frame",
            sender,
            "bytes",
            None,
            order,
        )
    payload = payload_offset(timeline.dialect, sender)
    type_ = data[payload] if len(data) > payload else None
    name = timeline.name(type_, sender)
    size = frame_format.frame_length(data[: frame_format.header_size])
    good = None if reference is None or type_ is None else reference.frame(sender, type_)
    hint = _compare(data, good, payload)
    if isinstance(size, GarbageReason):
        text = f"The {name} of {who}{at_text(at)} has an impossible header: {size.value}. The other end drops it.{hint}"
        return Finding(
            FindingKind.BAD_FRAME, at, text, f"the {name} has an impossible header", sender, name, type_, order
        )
    if len(data) < size or last.reason in CUT:
        how = "before the select line fell" if last.reason is GarbageReason.WINDOW_CLOSED else f"({last.reason.value})"
        text = (
            f"The {name} of {who}{at_text(at)} gives a length of {bytes_text(size)}; {len(data)} came {how}, so the "
            f"other end drops it.{hint}"
        )
        return Finding(
            FindingKind.SHORT_FRAME, ended, text, f"the {name} has {came} instead of {size}", sender, name,
            type_, order,
        )  # fmt: skip
    reason = first.reason.value
    text = f"The {name} of {who}{at_text(at)} has a {reason}, so the other end drops it.{hint}"
    return Finding(FindingKind.BAD_FRAME, ended, text, f"the {name} has a {reason}", sender, name, type_, order)


def _damaged_burst(burst: DecodedGarbage, timeline: Timeline) -> Finding:
    """A burst of a clocked link that is no frame: nothing in it shows what it should have been."""
    who, size = f"the {burst.sender.value}", len(burst.data)
    shown = burst.data[:8].hex(" ") + (" …" if size > 8 else "")
    text = (
        f"{who.capitalize()} sent a burst of {bytes_text(size)}{at_text(burst.at)} that is no frame: "
        f"{burst.reason.value} (bytes {shown}). The other end drops it."
    )
    kind = FindingKind.SHORT_FRAME if burst.reason is GarbageReason.LENGTH else FindingKind.BAD_FRAME
    short = f"a burst of {who} has a {burst.reason.value}"
    return Finding(kind, burst.at, text, short, burst.sender, "burst", None, timeline.order[id(burst)])


def _with_start(data: bytes, dialect: Dialect, sender: Role) -> bytes | None:
    """The valid frame that bytes give with a right first byte, in the place of theirs or before it."""
    known = dialect.formats[sender]
    for tried in (bytes([known.start]) + data[1:], bytes([known.start]) + data):
        size = known.frame_length(tried[: known.header_size]) if len(tried) >= known.header_size else 0
        if isinstance(size, int) and known.header_size <= size <= len(tried) and known.check(tried[:size]) is None:
            return tried[:size]
    return None


def _wrong_start(piece: Sequence[DecodedGarbage], timeline: Timeline, frame: bytes) -> Finding:
    """Bytes of which only the first one is wrong or missing."""
    first = piece[0]
    sender, at = first.sender, first.at
    payload = payload_offset(timeline.dialect, sender)
    type_ = frame[payload] if len(frame) > payload else None
    name = timeline.name(type_, sender)
    came = (
        "is missing" if first.data[:1] != frame[:1] and first.data[:2] == frame[1:3] else f"came as {first.data[0]:02X}"
    )
    text = (
        f"The {name} of the {sender.value}{at_text(at)} has a wrong beginning: its first byte {frame[0]:02X} {came}, "
        "and the rest is a valid frame. The other end finds no frame in it."
    )
    short = f"the {name} begins wrongly"
    return Finding(FindingKind.BAD_FRAME, at, text, short, sender, name, type_, timeline.order[id(first)])


def _never_in_frames(timeline: Timeline, first: DecodedGarbage) -> bool:
    """Whether an end sends no valid frame from these bytes on, until the supply goes off."""
    since = first.at
    if since is None or not timeline.is_whole:
        return False
    later = timeline.next_frame_time(first.sender, since)
    if later is None:
        # An end without a loop may have nothing more to send.
        return first.sender in timeline.dialect.streaming_roles
    return timeline.lost_between(since, later)


def _unreadable(piece: Sequence[DecodedGarbage], timeline: Timeline) -> Finding:
    """The bytes of an end from which on none of its bytes is in a frame: its rate is wrong, as far as bytes show."""
    first = piece[0]
    sender, at = first.sender, first.at
    before = bisect_left(timeline.frame_times, at or 0.0)
    agreed = bisect_left(timeline.agreed_rates, (before, 0)) - 1
    if agreed >= 0:
        rate = timeline.agreed_rates[agreed][1]
    elif any(rise <= (at or 0.0) for rise in timeline.rises(timeline.dialect.supply)[:1]):
        # A cold start begins at the slowest rate.
        rate = timeline.dialect.wiring.baudrates[0]
    else:
        rate = timeline.frames[0].baudrate if before else first.baudrate
    after = "After the speed switch the" if agreed >= 0 else "The"
    text = (
        f"{after} {sender.value} sends bytes that begin no frame{at_text(at)} ({first.data[:8].hex(' ')}), and no "
        f"frame of it follows. Both ends must use {grouped(rate)} Bd there: a wrong baud rate of the {sender.value} "
        "gives such bytes."
    )
    return Finding(
        FindingKind.BAUDRATE,
        at,
        text,
        f"no byte of the {sender.value} is in a frame",
        sender,
        "baud rate",
        None,
        timeline.order[id(first)],
    )


def payload_offset(dialect: Dialect, sender: Role) -> int:
    """Where the payload of an end's frames begins."""
    frame_format = dialect.formats[sender]
    return frame_format.parse_header(dialect.build_frame(PROBE, 1, 0), 0).payload_slice.start or 0


PROBE = bytes(3)
"""A payload that every frame format can hold."""


def _compare(data: bytes, good: bytes | None, header_size: int) -> str:
    """Where bytes first differ from the frame of a good start-up."""
    if good is None:
        return ""
    if len(data) >= len(good) and data[: len(good)] == good:
        return f" Its first {len(good)} bytes are those of the good one, and more follow."
    index = next((at for at, (one, other) in enumerate(zip(data, good, strict=False)) if one != other), None)
    if index is None:
        return f" All that came is equal to the good one, which has {len(good)} bytes: its end is missing."
    if index < header_size:
        return f" The good one has {len(good)} bytes; byte {index}, in the header, is the first that differs."
    if index >= len(good) - 3:
        return f" Only its checksum or end differs from the good one, from byte {index} of {len(good)} on."
    return f" Byte {index} is the first that differs from the good one: {data[index]:02X} instead of {good[index]:02X}."


@dataclass(slots=True)
class _AgreedRate:
    """The rate that both ends must use, followed over the events of a session."""

    timeline: Timeline
    rate: int | None = None
    since: float = float("-inf")
    switched: bool = False
    negotiation: BaudrateNegotiation = field(init=False)
    supplied: Sequence[float] = field(init=False)
    cycles: int = 0

    def __post_init__(self) -> None:
        dialect = self.timeline.dialect
        self.negotiation = BaudrateNegotiation(dialect.parse_baudrate_message)
        self.supplied = self.timeline.rises(dialect.supply)

    def advance(self, at: float) -> None:
        """A cold start begins at the slowest rate."""
        while self.cycles < len(self.supplied) and self.supplied[self.cycles] <= at:
            self.rate, self.since = self.timeline.dialect.wiring.baudrates[0], self.supplied[self.cycles]
            self.switched = False
            self.cycles += 1

    def observe(self, frame: DecodedFrame) -> None:
        """Follow an order to switch, and its acceptance."""
        if self.rate is None:
            self.rate = frame.baudrate
        agreed = self.negotiation.observe(frame.sender, frame.frame.class_, frame.messages)
        if agreed is not None:
            ended = frame.end if frame.end is not None else frame.at or 0.0
            self.rate, self.since, self.switched = agreed, ended + self.timeline.dialect.baudrate_switch_delay, True


def _wrong_rates(timeline: Timeline) -> Iterator[Finding]:
    """Each end at a rate that is none of the mount's, or not the one that both agreed on."""
    agreed = _AgreedRate(timeline)
    rates = timeline.dialect.wiring.baudrates
    seen: set[Role] = set()
    events: list[DecodedFrame | DecodedGarbage] = [*timeline.frames, *timeline.garbage]
    events.sort(key=lambda event: timeline.order[id(event)])
    for event in events:
        if event.at is not None and timeline.has_edges:
            agreed.advance(event.at)
            expected = agreed.rate or min(rates, key=lambda rate: abs(event.baudrate / rate - 1))
            silent = isinstance(event, DecodedGarbage) and not any(event.data)
            off = abs(event.baudrate / expected - 1) > RATE_TOLERANCE
            if off and event.sender not in seen and not silent and event.at >= agreed.since:
                seen.add(event.sender)
                yield _wrong_rate(event, expected, timeline, switched=agreed.switched)
        if isinstance(event, DecodedFrame):
            agreed.observe(event)


def _wrong_rate(event: DecodedFrame | DecodedGarbage, expected: int, timeline: Timeline, *, switched: bool) -> Finding:
    who, peer = f"the {event.sender.value}", f"the {event.sender.peer.value}"
    share = event.baudrate / expected - 1
    after = "After the speed switch " if switched else ""
    head = f"{after}{who} sent"
    right = " The order to switch and its acceptance were right." if switched else ""
    type_ = first_type(event) if isinstance(event, DecodedFrame) else None
    text = (
        f"{head[0].upper()}{head[1:]} at {grouped(event.baudrate)} Bd from {(event.at or 0.0) * 1e3:.3f} ms on; {peer} "
        f"expects {grouped(expected)} Bd ({share:+.1%}), and reads other bytes.{right}"
    )
    return Finding(
        FindingKind.BAUDRATE, event.at, text, f"{who} sent at {grouped(event.baudrate)} Bd", event.sender, "baud rate",
        type_, timeline.order[id(event)],
    )  # fmt: skip


def grouped(number: int) -> str:
    """A number with spaces between its thousands."""
    return f"{number:,}".replace(",", " ")
