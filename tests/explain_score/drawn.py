"""A second generator of breakages, independent of the first: other faults and edits at random positions, by a seed.

Each entry states the truth from what the edit does to a session alone. One that changes nothing, or has no frame to
change, is drawn again.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random

from explain_score.edits import (
    Records,
    bursts,
    change_bytes,
    cut,
    freeze,
    insert_frame,
    payload_at,
    remove_frame,
    swap_bytes,
    time_of,
    without_notes,
)
from explain_score.further import PAIRS
from explain_score.truth import Breakage
from lensmount_emulator.explain.finding import FindingKind as K
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

_BYTES = frozenset({K.BAD_FRAME, K.SHORT_FRAME, K.NO_FRAME})
_ABSENT = frozenset({K.NO_REPLY, K.FRAME_MISSING, K.STREAM_STOPPED, K.STEP_MISSING, K.SILENCE, K.SYNC_STOPPED})

FAULTS: tuple[tuple[str, frozenset[K], float], ...] = (
    ("duplicate count=1 rate=1 from={end} at={at}s", _BYTES, 0.1),
    ("bitflip count={few} rate=0.02 from={end} at={at}s", _BYTES, 0.6),
    ("swap from={end} at={at}s", frozenset({K.SEQUENCE, K.LATE}) | _ABSENT, 0.1),
    ("selects from={end} at={at}s", frozenset({K.STUCK_LINE, K.OUTSIDE_WINDOW, K.BOUNCE, K.LATE}), 0.3),
    ("pause by={few}0ms from={end} at={at}s", frozenset({K.SHORT_FRAME, K.LATE, K.NO_FRAME, K.BAD_FRAME}), 0.2),
    ("jitter line=select by=1ms from={end}", frozenset({K.LATE, K.OUTSIDE_WINDOW, K.STUCK_LINE}), 0.5),
    ("drop rate=0.03 count=2 from={end} at={at}s", _BYTES, 0.5),
    ("truncate count=3 by=2 from={end} at={at}s", _BYTES, 0.1),
    ("delay-frame count=4 by={few}ms from={end} at={at}s", frozenset({K.LATE}), 0.1),
    ("stuck-line line=select level=high from={end} at={at}s for=2s", frozenset({K.STUCK_LINE, K.OUTSIDE_WINDOW}), 0.5),
    ("brownout at={at}s for={few}ms", frozenset({K.SUPPLY_LOST}), 0.1),
    ("detach at={at}s for=400ms", frozenset({K.DETACHED}), 0.1),
    ("checksum count=2 from={end} at={at}s", _BYTES, 0.1),
    ("baud by=-{few}% from={end} at={at}s for=300ms", frozenset({K.BAUDRATE}) | _BYTES, 0.5),
)
"""A fault, the kinds that name it, and seconds until its first effect."""


@dataclass(frozen=True)
class Place:
    """A session and the burst at which it is broken."""

    records: Records
    dialect: Dialect
    burst: Burst

    @property
    def at(self) -> float:
        return time_of(self.burst)

    @property
    def sender(self) -> Role:
        return self.burst.sender

    @property
    def payload(self) -> bytes:
        return payload_at(self.dialect, self.burst.data, self.sender)

    def built(self, payload: bytes, *, number: int = 0) -> bytes:
        """The frame with another payload or number, and a right checksum, padded as it was."""
        known = self.dialect.formats[self.sender]
        frame = known.parse_header(self.burst.data, 0)
        size = len(frame.raw) if frame.raw else len(self.burst.data)
        raw = self.dialect.build_frame(payload, frame.class_, (frame.sequence + number) % 256)
        return raw + self.burst.data[size:]


Broken = tuple[Records, frozenset[K], "Role | None"] | None
Edit = Callable[[Place, Random], Broken]


def _unknown_type(place: Place, _random: Random) -> Broken:
    payload = bytes([0x7E]) + place.payload[1:]
    return (
        swap_bytes(place.records, place.burst, place.built(payload)),
        _ABSENT | _BYTES | {K.REFUSED, K.REPEATED},
        None,
    )


def _other_number(place: Place, random: Random) -> Broken:
    if (
        place.dialect.formats[place.sender].parse_header(place.burst.data, 0).class_ != 1
        or place.dialect.name != "emount"
    ):
        return None
    data = place.built(place.payload, number=random.randrange(2, 100))
    return swap_bytes(place.records, place.burst, data), frozenset({K.SEQUENCE}), None


def _last_bytes_gone(place: Place, _random: Random) -> Broken:
    # Padding is no part of a frame, and its loss harms nothing.
    size = place.dialect.formats[place.sender].frame_length(place.burst.data)
    assert isinstance(size, int)
    return swap_bytes(place.records, place.burst, place.burst.data[: size - max(1, size // 3)]), _BYTES, place.sender


def _byte_in_front(place: Place, random: Random) -> Broken:
    extra = bytes(random.choice((0x00, 0x55, 0xF0, 0xFF, 0xAA)) for _ in range(random.randrange(1, 4)))
    return swap_bytes(place.records, place.burst, extra + place.burst.data), _BYTES, place.sender


def _stuck_bit(place: Place, random: Random) -> Broken:
    bit = 1 << random.randrange(8)
    records = [
        replace(one, data=bytes(byte | bit for byte in one.data))
        if isinstance(one, Burst) and one.sender is place.sender and time_of(one) >= place.at else one
        for one in place.records
    ]  # fmt: skip
    return records, _BYTES | {K.BAUDRATE}, place.sender


def _channel_lost(place: Place, _random: Random) -> Broken:
    line = place.dialect.select_line(place.sender)
    records = [one for one in place.records if not (isinstance(one, Edge) and one.line == line)]
    return records, frozenset({K.STEP_MISSING, K.OUTSIDE_WINDOW, K.STUCK_LINE, K.LINE_DEFECT}), None


def _one_reply_lost_and_asked_again(place: Place, _random: Random) -> Broken:
    if place.sender is not Role.LENS or place.dialect.name != "emount" or place.burst.data[1:2] != b"\x02":
        return None
    asked = [one for one in bursts(place.records, Role.BODY) if time_of(one) < place.at]
    if not asked:
        return None
    request = asked[-1]
    records = cut(remove_frame(place.records, place.dialect, place.burst), place.at + 1e-3)
    records = insert_frame(records, place.dialect, Role.BODY, time_of(request) + 0.5, request.data, request.baudrate)
    return records, frozenset({K.NO_REPLY, K.REPEATED}), None


def _sync_stops(place: Place, _random: Random) -> Broken:
    if place.dialect.name != "emount":
        return None
    records = freeze(place.records, "VD", True, place.at)
    return records, frozenset({K.SYNC_STOPPED, K.STEP_MISSING, K.STREAM_STOPPED, K.STUCK_LINE}), None


def _supply_falls(place: Place, _random: Random) -> Broken:
    supply = next((line for line in ("VCC", "VDD", "V_LOGIC", "VLOGIC") if line in place.dialect.drivers), None)
    if supply is None:
        return None
    return (
        [*cut(place.records, place.at - 0.5e-3), Edge(place.at - 0.4e-3, supply, False)],
        frozenset({K.SUPPLY_LOST}),
        None,
    )


def _every_reply_late(place: Place, random: Random) -> Broken:
    if place.sender is not Role.LENS or place.dialect.name != "emount" or place.burst.data[1:2] != b"\x02":
        return None
    by = random.uniform(4e-3, 30e-3)
    select = place.dialect.select_line(place.sender)
    moved: Records = []
    for one in place.records:
        own = one.sender is Role.LENS if isinstance(one, Burst) else isinstance(one, Edge) and one.line == select
        if time_of(one) > place.at + 1.2e-3 or (own and time_of(one) > place.at - 1.2e-3):
            changed = replace(one, at=time_of(one) + by)
            if isinstance(changed, Burst) and changed.end is not None:
                changed = replace(changed, end=changed.end + by)
            moved.append(changed)
        else:
            moved.append(one)
    return sorted(moved, key=time_of), frozenset({K.LATE}), None


def _refused(place: Place, _random: Random) -> Broken:
    if place.sender is not Role.LENS or place.dialect.name != "emount" or place.burst.data[1:2] != b"\x02":
        return None
    payload = bytes([0x02, place.payload[0], place.payload[0], 0x04, 0, 0, 0, 0])
    return swap_bytes(place.records, place.burst, place.built(payload)), frozenset({K.REFUSED}), Role.LENS


def _noise_between(place: Place, random: Random) -> Broken:
    at = place.at - random.uniform(0.4e-3, 0.9e-3)
    data = random.randbytes(random.randrange(2, 9))
    end = at + len(data) * 10 / place.burst.baudrate
    if any(time_of(one) < end and (one.end or time_of(one)) > at for one in bursts(place.records, place.sender)):
        return None
    records = sorted([*place.records, Burst(at, place.sender, data, place.burst.baudrate, end)], key=time_of)
    return records, _BYTES | {K.OUTSIDE_WINDOW}, place.sender


def _one_bit(place: Place, random: Random) -> Broken:
    index = random.randrange(len(place.payload))

    def change(data: bytearray) -> None:
        data[min(len(data) - 1, 6 + index)] ^= 1 << random.randrange(8)

    return change_bytes(place.records, place.burst, change), _BYTES, place.sender


EDITS: tuple[tuple[str, Edit], ...] = (
    ("unknown type", _unknown_type),
    ("another number", _other_number),
    ("last third of a frame is gone", _last_bytes_gone),
    ("bytes in front of a frame", _byte_in_front),
    ("a data bit is stuck from then on", _stuck_bit),
    ("the select line was not recorded", _channel_lost),
    ("a reply is lost, and asked again", _one_reply_lost_and_asked_again),
    ("frame sync stops", _sync_stops),
    ("the supply falls", _supply_falls),
    ("a reply is late, and all after it", _every_reply_late),
    ("a refusal in place of a reply", _refused),
    ("noise between two frames", _noise_between),
    ("one bit of a payload", _one_bit),
)


def drawn_breakages(seed: int | str, number: int) -> Iterator[Breakage]:
    """Breakages by random choice; the same seed gives the same ones."""
    random = Random(f"drawn {seed}")
    made = 0
    while made < number:
        body, lens, loop = random.choice(PAIRS)
        case = _fault(random, body, lens, loop) if random.random() < 0.45 else _edit(random, body, lens, loop)
        if case is not None:
            made += 1
            yield case


def _fault(random: Random, body: str, lens: str, loop: float) -> Breakage | None:
    pattern, kinds, within = random.choice(FAULTS)
    end = random.choice((Role.BODY, Role.LENS))
    at = random.uniform(0.1, loop + 0.5)
    text = pattern.format(end=end.value, at=f"{at:.4f}", few=random.randrange(6, 15))
    seed, seconds = random.randrange(1000), loop + 1.4
    broken = run_loopback(body, lens, seconds=seconds, seed=seed, faults=[text])
    plain = run_loopback(body, lens, seconds=seconds, seed=seed)
    records = without_notes(broken.records)
    if records == without_notes(plain.records):
        return None
    when = [one.at for one in broken.records if isinstance(one, Annotation) and one.at is not None]
    since = min(when, default=at if "{at}" in pattern else 0.0)
    name = f"{body} + {lens}: {text}, seed {seed}"
    return Breakage(name, records, broken.dialect.name, kinds, since, within, None, (body, lens))


def _edit(random: Random, body: str, lens: str, loop: float) -> Breakage | None:
    name, edit = random.choice(EDITS)
    session = run_loopback(body, lens, seconds=loop + 0.9, seed=random.randrange(1000))
    records, dialect = without_notes(session.records), session.dialect
    those = [
        one for one in bursts(records) if 0.1 < time_of(one) < loop + 0.4 and payload_at(dialect, one.data, one.sender)
    ]
    if not those:
        return None
    # Requests are few and stream frames many; each kind of frame has its chance.
    early = [one for one in those if time_of(one) < loop]
    burst = random.choice(early if early and random.random() < 0.5 else those)
    broken = edit(Place(records, dialect, burst), random)
    if broken is None or broken[0] == records:
        return None
    text = f"{body} + {lens}: {name}, {burst.sender.value} at {time_of(burst) * 1e3:.3f} ms"
    at = 0.0 if edit is _channel_lost else time_of(burst) - 1.5e-3
    within = 0.3 if edit is not _channel_lost else 1.5
    return Breakage(text, broken[0], dialect.name, broken[1], at, within, broken[2], (body, lens))
