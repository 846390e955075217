"""Finds requests without a reply, repeated requests, refusals, and replies that came too late to be used.

A source without the edges of lines may have lost lines of its own, so it must show a repeat, or be complete elsewhere,
before a request without a reply counts.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.session_knowledge import PeerError
from lensmount_emulator.explain.bad_bytes import payload_offset
from lensmount_emulator.explain.finding import Finding, FindingKind, at_text, interval_text, times_text
from lensmount_emulator.explain.steps import devices_text
from lensmount_emulator.explain.timeline import Timeline, first_type
from lensmount_protocol.decoder import DecodedFrame, DecodedGarbage
from lensmount_protocol.framer import Frame, GarbageReason
from lensmount_protocol.timing import TimingRule, frame_end, last_bit, window_closes
from lensmount_protocol.wire import Role

REPEAT_WITHIN_S = 5.0
"""Seconds within which the same request is a repeat; later it belongs to another start."""

GO_ON_S = 30e-3
"""Seconds after a reply is due in which a body that received it goes on; the longest pause, before the loop, is 25 ms.

A body without the reply waits for its time-out, which is far longer.
"""

SILENT_S = 2.0
"""Seconds of a source without edges after a request that show that its reply never came."""


@dataclass(slots=True)
class Request:
    """A request of the body, and what became of it.

    Attributes:
        frame: the request.
        key: which reply belongs to it.
        reply: its reply.
        attempts: bytes without a frame that came from the lens while it was open.
        repeats: the same request, sent again while it was open.
        followed_by: the next frame of the body, another request or a frame of the loop.
        ended: whether the supply or the lens was gone before its reply was due.
    """

    frame: DecodedFrame
    key: int
    reply: DecodedFrame | None = None
    attempts: list[DecodedGarbage] = field(default_factory=lambda: list[DecodedGarbage]())
    repeats: list[DecodedFrame] = field(default_factory=lambda: list[DecodedFrame]())
    followed_by: DecodedFrame | None = None
    ended: bool = False

    @property
    def type_(self) -> int | None:
        """Type of its first message."""
        return first_type(self.frame)

    @property
    def sent(self) -> float | None:
        """When it was over, in seconds."""
        frame = self.frame
        return frame.closed if frame.closed is not None else frame.end if frame.end is not None else frame.at


@dataclass(slots=True)
class Exchanges:
    """The requests and replies of a session.

    Attributes:
        requests: the requests, in order.
        orphans: replies without a request, each after the first request.
        peer_errors: refusals and errors, with their frames and the request before each.
        keys: the keys of the requests.
    """

    requests: list[Request] = field(default_factory=lambda: list[Request]())
    orphans: list[DecodedFrame] = field(default_factory=lambda: list[DecodedFrame]())
    peer_errors: list[tuple[DecodedFrame, PeerError, Request | None]] = field(
        default_factory=lambda: list[tuple[DecodedFrame, PeerError, Request | None]]()
    )

    keys: set[int] = field(default_factory=lambda: set[int]())

    @property
    def unanswered(self) -> list[Request]:
        """The requests without a reply."""
        return [one for one in self.requests if one.reply is None]

    @property
    def repeated(self) -> list[Request]:
        """The requests that were sent again."""
        return [one for one in self.requests if one.repeats]

    @property
    def is_complete(self) -> bool:
        """Whether at most one exchange lacks a half, as in a source that loses nothing."""
        return not self.orphans and len(self.unanswered) <= 1


def pair_requests(timeline: Timeline, traits: FuzzTraits) -> Exchanges:
    """Pair the requests of a session with their replies."""
    found = Exchanges()
    open_: dict[int, Request] = {}
    resets = _resets(timeline)
    before: Request | None = None
    broken: DecodedGarbage | None = None
    for event in _in_order(timeline):
        while resets and event.at is not None and event.at >= resets[0]:
            for one in open_.values():
                due = reply_due(one, timeline, traits)
                one.ended = due is None or due > resets[0]
            open_.clear()
            resets.popleft()
        if isinstance(event, DecodedGarbage):
            if event.sender is Role.LENS:
                for one in open_.values():
                    one.attempts.append(event)
            else:
                broken = event
            continue
        if event.sender is Role.BODY:
            broken = None
            before = _add_request(event, found, open_, before, traits)
        else:
            _add_reply(event, found, open_, before, broken, timeline, traits)
            broken = None
    return found


def _in_order(timeline: Timeline) -> Sequence[DecodedFrame | DecodedGarbage]:
    events: list[DecodedFrame | DecodedGarbage] = [*timeline.frames, *timeline.garbage]
    return sorted(events, key=lambda event: timeline.order[id(event)])


def _resets(timeline: Timeline) -> deque[float]:
    """When the supply went off or the lens came off: what was open then is over."""
    return deque(sorted(set(timeline.losses)))


def _add_request(
    frame: DecodedFrame,
    found: Exchanges,
    open_: dict[int, Request],
    before: Request | None,
    traits: FuzzTraits,
) -> Request | None:
    for one in found.requests[-1:]:
        one.followed_by = one.followed_by or frame
    key = traits.request_key(frame.frame)
    if key is None:
        return before
    earlier = open_.get(key)
    if earlier is not None and earlier.type_ == first_type(frame) and _is_repeat(earlier, frame):
        earlier.repeats.append(frame)
        return earlier
    request = Request(frame, key)
    open_[key] = request
    found.requests.append(request)
    found.keys.add(key)
    return request


def _is_repeat(earlier: Request, frame: DecodedFrame) -> bool:
    last = (earlier.repeats or [earlier.frame])[-1]
    return last.at is None or frame.at is None or frame.at - last.at < REPEAT_WITHIN_S


def _add_reply(
    frame: DecodedFrame,
    found: Exchanges,
    open_: dict[int, Request],
    before: Request | None,
    broken: DecodedGarbage | None,
    timeline: Timeline,
    traits: FuzzTraits,
) -> None:
    peer_errors = [timeline.knowledge.peer_error(frame, message) for message in frame.messages]
    known = [one for one in peer_errors if one is not None]
    keys = _reply_keys(frame.frame, traits)
    hits = [open_.pop(key) for key in dict.fromkeys(keys) if key in open_]
    if broken is not None and not hits and any(one.order is None for one in known):
        # The bytes that came last from the body were no frame: they are refused, and no request before them.
        type_ = _broken_type(broken, timeline)
        known = [replace(one, order=type_) if one.order is None else one for one in known]
        before = None
    elif not hits and known and open_ and not timeline.knowledge.is_loop(frame):
        # A refusal that names no request answers the last one.
        hits = [open_.pop(next(reversed(open_)))]
    for one in hits:
        one.reply = frame
    # An order may be answered twice: accepted, and done.
    asked = [key for key in keys if key not in traits.unrequested]
    if not hits and asked and not known and found.keys.isdisjoint(asked) and not timeline.knowledge.is_loop(frame):
        found.orphans.append(frame)
    for peer_error in known:
        found.peer_errors.append((frame, peer_error, hits[0] if hits else before))


def _reply_keys(frame: Frame, traits: FuzzTraits) -> list[int]:
    """The keys of the requests that a frame of the lens answers; a frame of several messages may answer several."""
    alone = [frame]
    if len(frame.messages) > 1:
        payloads = [(message, message.build()) for message in frame.messages]
        alone = [
            replace(frame, raw=data, payload_slice=slice(0, len(data)), lazy_messages=[message])
            for message, data in payloads
        ]
    return [key for key in map(traits.reply_key, alone) if key is not None]


def _broken_type(broken: DecodedGarbage, timeline: Timeline) -> int | None:
    """The type of the message in bytes with a wrong checksum; `None` where they do not show it."""
    at = payload_offset(timeline.dialect, broken.sender)
    if broken.reason is not GarbageReason.CHECKSUM or len(broken.data) <= at:
        return None
    type_ = broken.data[at]
    return type_ if (broken.sender, type_) in timeline.dialect.messages else None


def reply_rules(type_: int | None, timeline: Timeline) -> list[TimingRule]:
    """The rules of the contract that bound the reply to a request: between windows, else between frames."""
    if type_ is None:
        return []
    lens = Role.LENS.value
    starts = window_closes(Role.BODY, type_), frame_end(Role.BODY, type_), last_bit(Role.BODY, type_)
    rules = [rule for rule in timeline.dialect.timing if rule.start in starts and rule.end[1:2] == (lens,)]
    windows = [rule for rule in rules if rule.start == starts[0] and rule.end[0] == "open"]
    return windows or [rule for rule in rules if rule.start != starts[0] and rule.end[0] in ("open", "first", "end")]


def reply_due(request: Request, timeline: Timeline, traits: FuzzTraits) -> float | None:
    """When the reply to a request is due at the latest; `None` in a source without times."""
    if request.sent is None:
        return None
    bound_us = reply_bound_us(request.type_, timeline) or traits.reply_timeout(request.key) * 1e6
    return request.sent + bound_us * 1e-6


def reply_bound_us(type_: int | None, timeline: Timeline) -> float:
    """How long a reply may take by the contract or by what is known of the dialect, in microseconds; 0 without either.

    The body may ask again after it. `FuzzTraits.reply_timeout` is no such bound: a body may ask again long before it.
    """
    bounds = [rule.maximum_us for rule in reply_rules(type_, timeline)]
    return max(bounds, default=timeline.knowledge.reply_us)


def find_unanswered(exchanges: Exchanges, timeline: Timeline, traits: FuzzTraits) -> Iterator[Finding]:
    """The requests that were not answered, or were sent again before an answer was due."""
    if not timeline.records_bytes(Role.LENS):
        return
    complete = exchanges.is_complete
    for request in exchanges.requests:
        due = reply_due(request, timeline, traits)
        early = _early_repeat(request, due) if reply_bound_us(request.type_, timeline) else None
        if early is not None:
            yield _repeated(request, early, due, timeline)
        elif request.reply is None and not request.attempts and _is_missed(request, due, timeline, complete=complete):
            yield _no_reply(request, due, timeline)
        elif request.repeats and request.reply is not None and not request.attempts:
            yield _late_reply(request, due, timeline)


def find_silence(exchanges: Exchanges, timeline: Timeline) -> Iterator[Finding]:
    """A request at the end of a source that holds a part of the lines: what shows there that an end fell silent."""
    if timeline.is_whole or timeline.loop_since is not None or not timeline.frames or not exchanges.requests:
        return
    last = exchanges.requests[-1]
    if last.reply is not None or timeline.frames[-1] not in (last.frame, *last.repeats) or last.repeats:
        return
    name = timeline.name(last.type_, Role.BODY)
    text = (
        f"The source ends with the {name}{at_text(last.frame.at)}, and nothing answers it: the lens fell silent there."
    )
    yield Finding(
        FindingKind.SILENCE,
        last.frame.at,
        text,
        f"the lens fell silent after the {name}",
        Role.LENS,
        name,
        last.type_,
        timeline.order[id(last.frame)],
    )


def find_orphans(exchanges: Exchanges, timeline: Timeline) -> Iterator[Finding]:
    """Replies without a request, in a source that holds every line: the request was never sent, or is lost."""
    if not timeline.is_whole or not exchanges.requests:
        return
    first = exchanges.requests[0].frame.at or 0.0
    for frame in exchanges.orphans:
        if frame.at is None or frame.at < first:
            continue
        name = timeline.name(first_type(frame), frame.sender)
        text = (
            f"The lens sent the {name}{at_text(frame.at)} without a request: the frame of the body that it answers is "
            "missing before it."
        )
        yield Finding(
            FindingKind.FRAME_MISSING,
            frame.opened if frame.opened is not None else frame.at,
            text,
            f"the request for the {name} is missing",
            Role.BODY,
            name,
            first_type(frame),
            timeline.order[id(frame)],
        )
        return


def _early_repeat(request: Request, due: float | None) -> DecodedFrame | None:
    """The repeat that came before the answer was due."""
    for frame in request.repeats:
        if due is not None and frame.at is not None and frame.at < due:
            return frame
    return None


def _is_missed(request: Request, due: float | None, timeline: Timeline, *, complete: bool) -> bool:
    if request.ended:
        return False
    if request.repeats:
        return True
    if timeline.is_whole:
        return due is not None and timeline.end > due + 1e-3
    if not complete or timeline.incomplete:
        return False
    if request.followed_by is not None:
        return True
    return due is not None and timeline.end > due + SILENT_S


def _again(request: Request, timeline: Timeline) -> str:
    if not request.repeats:
        if request.followed_by is None:
            return "nothing more came from the body"
        return f"the body went on with the {timeline.name(first_type(request.followed_by), Role.BODY)}"
    first = request.repeats[0]
    after = (
        "" if first.at is None or request.frame.at is None else f" after {interval_text(first.at - request.frame.at)}"
    )
    number = "" if len(request.repeats) == 1 else f", {1 + len(request.repeats)} requests in all"
    return f"the body asked again{after}{number}"


def _no_reply(request: Request, due: float | None, timeline: Timeline) -> Finding:
    name = timeline.name(request.type_, Role.BODY)
    bound = ""
    if due is not None and request.sent is not None:
        rules = [rule.name for rule in reply_rules(request.type_, timeline)]
        bound = f" An answer is due within {interval_text(due - request.sent)}{devices_text(rules, timeline)};"
    text = f"The lens did not answer the {name}{at_text(request.frame.at)}.{bound or ' No answer is in the source;'}"
    lost = " It went on as after an answer, so the source may have lost one." if _was_taken(request, timeline) else ""
    return Finding(
        FindingKind.NO_REPLY,
        due if timeline.is_whole or due is None else request.frame.at,
        f"{text} {_again(request, timeline)}.{lost}",
        f"the lens did not answer the {name}",
        Role.LENS,
        name,
        request.type_,
        timeline.order[id(request.frame)],
        1 + len(request.repeats),
    )


def _was_taken(request: Request, timeline: Timeline) -> bool:
    """Whether the body of a source that may lose frames went on as it does after a reply."""
    following, bound_us = request.followed_by, reply_bound_us(request.type_, timeline)
    if timeline.is_whole or request.repeats or following is None or not bound_us:
        return False
    if request.sent is None or following.at is None:
        return timeline.loop_since is not None
    return following.at < request.sent + bound_us * 1e-6 + GO_ON_S


def _repeated(request: Request, frame: DecodedFrame, due: float | None, timeline: Timeline) -> Finding:
    name = timeline.name(request.type_, Role.BODY)
    assert frame.at is not None
    assert request.frame.at is not None
    assert due is not None
    text = (
        f"The body sent the {name} twice: again{at_text(frame.at)}, {interval_text(frame.at - request.frame.at)} after "
        f"the first. The answer was not due before {due * 1e3:.3f} ms, so there was no reason to ask again."
    )
    return Finding(
        FindingKind.REPEATED, frame.at, text, f"the body sent the {name} again", Role.BODY, name, request.type_,
        timeline.order[id(frame)],
    )  # fmt: skip


def _late_reply(request: Request, due: float | None, timeline: Timeline) -> Finding:
    name = timeline.name(request.type_, Role.BODY)
    reply = request.reply
    assert reply is not None
    first = request.repeats[0]
    before = reply.at is not None and first.at is not None and reply.at < first.at
    text = (
        f"The first {name}{at_text(request.frame.at)} was not answered in time: {_again(request, timeline)}, and the "
        f"answer came{at_text(reply.at)}."
        if not before else
        f"The body sent the {name} again{at_text(first.at)}, although its answer had come{at_text(reply.at)}."
    )  # fmt: skip
    return Finding(
        FindingKind.REPEATED if before else FindingKind.NO_REPLY,
        first.at if before else due,
        text,
        f"the body sent the {name} again",
        Role.BODY if before else Role.LENS,
        name,
        request.type_,
        timeline.order[id(request.frame)],
        len(request.repeats),
    )


def find_peer_errors(exchanges: Exchanges, timeline: Timeline) -> list[Finding]:
    """The refusals and error messages, one finding for each kind.

    Those that healthy ends send too count only where the session ends with one before its loop.
    """
    found: dict[tuple[int | None, str], Finding] = {}
    for frame, peer_error, request in exchanges.peer_errors:
        if peer_error.normal and not _is_final(request, exchanges, timeline):
            continue
        asked = peer_error.order if peer_error.order is not None else None if request is None else request.type_
        key = asked, peer_error.text
        if key in found:
            first = found[key]
            found[key] = _peer_error(frame, peer_error, asked, timeline, first)
        else:
            found[key] = _peer_error(frame, peer_error, asked, timeline, None)
    return list(found.values())


def _is_final(request: Request | None, exchanges: Exchanges, timeline: Timeline) -> bool:
    """Whether a session that never reaches its loop goes no further than this request."""
    if timeline.loop_since is not None or request is None:
        return False
    after = request.followed_by
    return after is None or first_type(after) in (request.type_, exchanges.requests[0].type_)


def _peer_error(
    frame: DecodedFrame, peer_error: PeerError, asked: int | None, timeline: Timeline, first: Finding | None
) -> Finding:
    name = timeline.name(asked, frame.sender.peer)
    at = frame.at if first is None else first.at
    count = 1 if first is None else first.count + 1
    often = "" if count == 1 else f" It did so {times_text(count)}."
    text = f"The {frame.sender.value} {peer_error.text} the {name}{at_text(at)}.{often}"
    return Finding(
        FindingKind.REFUSED, at, text, f"the {frame.sender.value} {peer_error.text} the {name}", frame.sender, name,
        asked, timeline.order[id(frame)] if first is None else first.order, count,
    )  # fmt: skip
