"""Counts over a session of a campaign: messages and reply latencies from its recording, and the states of both ends.

The monitor is that of the session fuzzer, with accessories and with counts of states.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random

from lensmount_emulator.engine.dialect_roles import Accessory, FuzzTraits, make_engine
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Observer
from lensmount_emulator.fuzz.monitor import SessionConfig, SessionMonitor
from lensmount_emulator.fuzz.scenario import get_cached_roles
from lensmount_emulator.fuzz.traffic_checker import OpenRequest
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.sessions.virtual.participants import make_participants
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role, WireRecord


class _TransitionCounter(Observer):
    """Counts the transitions of an end."""

    def __init__(self, counted: Counter[tuple[str, str, str, str]]) -> None:
        self._counted = counted

    def on_transition(self, role: Role, before: str, trigger: str, after: str) -> None:
        self._counted[role.value, before, trigger, after] += 1


class _StreamCounter(Observer):
    """Counts the frames of a running stream that a lens receives."""

    def __init__(self, frames: dict[Role, int], routine: frozenset[int]) -> None:
        self._frames = frames
        self._routine = routine

    def on_frame(self, role: Role, arrival: ReceivedFrame) -> None:
        if arrival.violation is None:
            self._frames[role] += all(message_type(message) in self._routine for message in arrival.messages)


class CampaignMonitor(SessionMonitor):
    """Monitors a session and counts the states of both ends.

    It observes the body's mount and the device on it. With an accessory it checks neither reply times nor speeds of the
    lens: both are the accessory's.

    Args:
        config: the configuration of the session.
        tap: receives every byte and edge at the body's mount.
        between: profiles of the accessories, from the body on.
        lenses: profiles of lenses that faults may attach, by name.

    Attributes:
        transitions: (end, state, trigger, next state) -> count.
    """

    def __init__(
        self,
        config: SessionConfig,
        tap: Callable[[WireRecord], None] = lambda _record: None,
        between: Sequence[Profile] = (),
        lenses: Mapping[str, Profile] | None = None,
    ) -> None:
        self.transitions = Counter[tuple[str, str, str, str]]()
        self._lenses = lenses or {}
        self._last: Engine | None = None
        accessories: Sequence[Accessory] = ()
        if between:
            parts = make_participants(config.body, config.lens, between, config.script, config.seed)
            accessories, self._last = parts.accessories, parts.lens
        super().__init__(config, tap, accessories)
        if self._last is not None and accessories:
            self._observe_last(self._last)

    @property
    def states(self) -> Counter[tuple[str, str]]:
        """(end, state) -> number of entries."""
        counted = Counter[tuple[str, str]]()
        for (role, _, _, state), count in self.transitions.items():
            counted[role, state] += count
        return counted

    # The monitor's hooks: its engines, and the ends that it observes.

    def _engine(self, profile: Profile, name: str) -> Engine:
        if name == "lens" and self._last is not None:
            return self._last
        return super()._engine(profile, name)

    def _other_lens(self, name: str) -> Engine:
        profile = self._lenses.get(name, self.config.lens)
        chance = Random(f"{self.config.seed} other lens")
        return self._observe_lens(make_engine(get_cached_roles(profile.dialect), profile.settings, None, chance, ()))

    def sample_positions(self) -> None:
        """Skip the check with an accessory: it converts the lens's values, so they do not show which part moves."""
        if not self.session.accessories:
            super().sample_positions()

    def unanswered_requests(self) -> list[tuple[Role, OpenRequest]]:
        """Skip the check with an accessory: it sends messages of its own, so replies of the lens are not certain."""
        return [] if self.session.accessories else super().unanswered_requests()

    def _observe(self, engine: Engine) -> None:
        if engine.role is Role.BODY or not self.session.accessories:
            super()._observe(engine)
            self._count_states(engine)
        else:
            self._follow_firmware(engine)

    def _observe_last(self, lens: Engine) -> None:
        """Observe the stream where it ends: at the lens itself, in its own dialect."""
        self._count_states(lens)
        lens.observe(_StreamCounter(self.stream_frames, lens.dialect.routine_types))

    def _count_states(self, engine: Engine) -> None:
        engine.observe(_TransitionCounter(self.transitions))


BUCKETS_US: tuple[int, ...] = (
    *(round(digit * 10**power) for power in range(1, 7) for digit in (1, 1.5, 2, 3, 5, 7)),
    10**7,
)
"""Lower ends of the buckets of reply times, in µs; the first one also holds shorter times."""

MAX_OPEN = 256


def latency_bucket(seconds: float) -> int:
    """The lower end, in µs, of the bucket that a reply time belongs to."""
    return BUCKETS_US[max(0, bisect_right(BUCKETS_US, seconds * 1e6 + 1e-6) - 1)]


def message_label(event: DecodedFrame) -> str:
    """The names of a frame's messages."""
    names = (
        f"unknown {message.data[:1].hex().upper()}" if isinstance(message, UnknownMessage) else type(message).__name__
        for message in event.messages
    )
    return " + ".join(dict.fromkeys(names))


def count_messages(events: Iterable[Decoded]) -> dict[tuple[str, str], tuple[int, int]]:
    """(sender, messages of a frame) -> frames and bytes."""
    frames, sizes = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for event in events:
        if isinstance(event, DecodedFrame):
            key = event.sender.value, message_label(event)
            frames[key] += 1
            sizes[key] += len(event.frame.raw)
    return {key: (count, sizes[key]) for key, count in frames.items()}


def reply_latencies(events: Iterable[Decoded], traits: FuzzTraits) -> dict[tuple[str, int], int]:
    """(request, bucket) -> replies: from the last bit of the request to the first bit of its reply.

    A repeated request counts from its last time.
    """
    counted = Counter[tuple[str, int]]()
    asked: dict[int, tuple[str, float]] = {}
    for event in events:
        if not isinstance(event, DecodedFrame) or event.at is None or event.end is None:
            continue
        if event.sender is Role.BODY:
            key = traits.request_key(event.frame)
            if key is not None and (key in asked or len(asked) < MAX_OPEN):
                asked[key] = message_label(event), event.end
        else:
            answered = traits.reply_key(event.frame)
            if answered in asked:
                what, until = asked.pop(answered)
                if event.at >= until:
                    counted[what, latency_bucket(event.at - until)] += 1
    return dict(counted)


def count_states(monitor: CampaignMonitor) -> dict[tuple[str, str], int]:
    """(end, state) -> number of entries, including the initial state of an end."""
    counted: Counter[tuple[str, str]] = monitor.states
    for role in Role:
        counted[role.value, monitor.dialect.transitions.initial] += 1
    return dict(counted)
