"""What a session showed, counted from its recording: messages, and how long questions waited for their answers."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable

from lensmount_emulator.campaign.watching import CampaignWatch
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.message import Unknown
from lensmount_protocol.wire import Role

BUCKETS_US: tuple[int, ...] = (
    *(round(digit * 10**power) for power in range(1, 7) for digit in (1, 1.5, 2, 3, 5, 7)),
    10**7,
)
"""Lower ends of the buckets of reply times, in µs; the first one holds what is quicker as well."""

MOST_OPEN = 256


def bucket_of(seconds: float) -> int:
    """The lower end, in µs, of the bucket that a reply time belongs to."""
    return BUCKETS_US[max(0, bisect_right(BUCKETS_US, seconds * 1e6 + 1e-6) - 1)]


def said_by(event: DecodedFrame) -> str:
    """What a frame says: the names of its messages."""
    names = (
        f"unknown {message.data[:1].hex().upper()}" if isinstance(message, Unknown) else type(message).__name__
        for message in event.messages
    )
    return " + ".join(dict.fromkeys(names))


def messages_in(events: Iterable[Decoded]) -> dict[tuple[str, str], tuple[int, int]]:
    """(sender, what its frame said) -> frames and bytes."""
    frames, sizes = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for event in events:
        if isinstance(event, DecodedFrame):
            key = event.sender.value, said_by(event)
            frames[key] += 1
            sizes[key] += len(event.frame.raw)
    return {key: (count, sizes[key]) for key, count in frames.items()}


def replies_in(events: Iterable[Decoded], traits: FuzzTraits) -> dict[tuple[str, int], int]:
    """(what was asked, bucket) -> replies: from the last bit of the question to the first bit of its answer.

    A question that is asked again counts from its last time.
    """
    counted = Counter[tuple[str, int]]()
    asked: dict[int, tuple[str, float]] = {}
    for event in events:
        if not isinstance(event, DecodedFrame) or event.at is None or event.until is None:
            continue
        if event.sender is Role.BODY:
            key = traits.asks(event.frame)
            if key is not None and (key in asked or len(asked) < MOST_OPEN):
                asked[key] = said_by(event), event.until
        else:
            answered = traits.answers(event.frame)
            if answered in asked:
                what, until = asked.pop(answered)
                if event.at >= until:
                    counted[what, bucket_of(event.at - until)] += 1
    return dict(counted)


def states_in(watch: CampaignWatch) -> dict[tuple[str, str], int]:
    """(end, state) -> how often it was come to, the state that an end begins in included."""
    counted: Counter[tuple[str, str]] = watch.states
    for role in Role:
        counted[role.value, watch.dialect.transitions.initial] += 1
    return dict(counted)
