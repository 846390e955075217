"""Further breakages: drawn at random over faults, edits and positions by a seed, and by hand from public reports.

They are made without a look at the rules of the explanations: the truth about each is what its fault or edit does, its
time, and the end that it is about. A draw that changes nothing in the session is drawn again.
"""

from collections.abc import Callable, Iterator
from random import Random

from explain_score.edits import (
    Records,
    bursts,
    change_bytes,
    cut,
    find,
    freeze,
    insert_frame,
    payload_at,
    pulse,
    remove_frame,
    remove_window,
    shift,
    silence,
    swap_bytes,
    time_of,
    without_notes,
)
from explain_score.known import EMOUNT
from explain_score.truth import Breakage
from lensmount_emulator.explain.finding import FindingKind as K
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Annotation, Burst, Edge, Role

_LENS, _BODY = Role.LENS, Role.BODY
PAIRS = (
    ("a6000", "sel55210", 1.08),
    ("a6000", "viltrox-ef50", 0.35),
    ("nex7", "voigtlander-15", 0.16),
    ("nex7", "loxia-21", 0.16),
    ("nex7", "sel2870", 0.75),
    ("sigma-fp", "sigma-45mm-f2.8-dg-dn", 0.13),
    ("panasonic-s1r", "leica-vario-elmarit-sl-24-90mm-f2.8-4", 0.13),
)
"""Body, lens, and the time at which their loop runs, roughly."""

_BYTES = frozenset({K.BAD_FRAME, K.SHORT_FRAME, K.NO_FRAME})
_ABSENT = frozenset({K.NO_REPLY, K.FRAME_MISSING, K.STREAM_STOPPED, K.STEP_MISSING, K.SILENCE})
_LINE = frozenset({K.STUCK_LINE, K.OUTSIDE_WINDOW, K.STEP_MISSING, K.BOUNCE})

FAULTS: tuple[tuple[str, frozenset[K], float], ...] = (
    ("bitflip rate=1 count=1 from={end} at={at}s", _BYTES | _ABSENT, 0.1),
    ("drop rate=1 count=1 from={end} at={at}s", _BYTES, 0.1),
    ("insert rate=1 count=1 from={end} at={at}s", _BYTES, 0.1),
    ("checksum from={end} at={at}s", _BYTES, 0.1),
    ("length by={few} from={end} at={at}s", _BYTES, 0.1),
    ("truncate by={few} from={end} at={at}s", _BYTES, 0.1),
    ("sequence by={few} from={end} at={at}s", frozenset({K.SEQUENCE}), 0.1),
    ("delay-frame by={few}ms from={end} at={at}s", frozenset({K.LATE}), 0.1),
    ("duplicate-frame from={end} at={at}s", frozenset({K.REPEATED}), 0.1),
    ("stuck-bytes from={end} level=low at={at}s", _BYTES, 0.5),
    ("stuck-bytes from={end} level=high at={at}s", _ABSENT, 0.5),
    ("baud by={off}% from={end} at={at}s", frozenset({K.BAUDRATE}), 0.5),
    ("drift by={off}% from={end}", frozenset({K.CLOCK, K.LATE}), 0.2),
    ("jitter by=2ms from={end}", frozenset({K.LATE}), 0.5),
    ("stuck-line line=select level=low from={end} at={at}s for=300ms", _LINE | _ABSENT, 0.5),
    ("stuck-line line=select level=high from={end} at={at}s for=300ms", _LINE, 0.5),
    ("bounce line=select from={end} at={at}s count=1", frozenset({K.BOUNCE}), 0.1),
    ("bounce line=detect", frozenset({K.BOUNCE}), 0.1),
    ("glitch line=select from={end} at={at}s", frozenset({K.BOUNCE, K.STUCK_LINE}), 0.1),
    ("late-edge line=select from={end} by={few}ms at={at}s", frozenset({K.LATE, K.OUTSIDE_WINDOW, K.STUCK_LINE}), 0.1),
    ("brownout at={at}s", frozenset({K.SUPPLY_LOST}), 0.1),
    ("rail-lost at={at}s", frozenset({K.SUPPLY_LOST}), 0.1),
    ("rail-order", frozenset({K.BEFORE_SUPPLY}), 0.1),
    ("detach at={at}s", frozenset({K.DETACHED}), 0.1),
    ("detach at={at}s for={few}0ms", frozenset({K.DETACHED}), 0.1),
    ("detach-inside at={at}s", frozenset({K.DETACHED}), 0.1),
)
"""A fault, the kinds that name it, and seconds until its first effect."""


Edit = Callable[[Records, Dialect, Burst, Random], Records]


def _change_one_byte(records: Records, _dialect: Dialect, burst: Burst, random: Random) -> Records:
    def change(data: bytearray) -> None:
        index = random.randrange(min(len(data), 9))
        data[index] ^= random.randrange(1, 256)

    return change_bytes(records, burst, change)


def _cut_bytes(records: Records, _dialect: Dialect, burst: Burst, random: Random) -> Records:
    return swap_bytes(records, burst, burst.data[: random.randrange(1, 8)])


def _later(records: Records, dialect: Dialect, burst: Burst, random: Random) -> Records:
    return shift(records, dialect, time_of(burst) - 1e-4, random.uniform(3e-3, 7e-3), burst.sender)


def _quiet(records: Records, dialect: Dialect, burst: Burst, _random: Random) -> Records:
    return silence(records, dialect, burst.sender, time_of(burst) - 1e-4)


def _dead_select(records: Records, dialect: Dialect, burst: Burst, _random: Random) -> Records:
    return freeze(records, dialect.select_line(burst.sender), False, time_of(burst) - 1e-3)


def _pulses(records: Records, dialect: Dialect, burst: Burst, random: Random) -> Records:
    select = dialect.select_line(burst.sender)
    at = time_of(burst) + len(burst.data) * 10 / burst.baudrate + 0.4e-3
    return pulse(records, select, True, at, 15e-6, random.randrange(2, 5))


EDITS: tuple[tuple[str, Edit, frozenset[K]], ...] = (
    ("frame never sent", lambda r, d, b, _: remove_frame(r, d, b), _ABSENT),
    ("select line stays low for a frame", lambda r, d, b, _: remove_window(r, d, b), frozenset({K.OUTSIDE_WINDOW})),
    ("one byte is wrong", _change_one_byte, _BYTES),
    ("only the first bytes came", _cut_bytes, _BYTES),
    ("everything of one end is late from then on", _later, frozenset({K.LATE, K.NO_REPLY, K.STEP_MISSING})),
    ("one end falls silent", _quiet, _ABSENT),
    ("the select line of one end is dead", _dead_select, frozenset({K.OUTSIDE_WINDOW, K.STEP_MISSING})),
    ("pulses on a select line", _pulses, frozenset({K.BOUNCE, K.STUCK_LINE})),
)


def random_breakages(seed: int, number: int) -> Iterator[Breakage]:
    """Breakages by random choice; the same seed gives the same ones."""
    random = Random(f"breakages {seed}")
    made = 0
    while made < number:
        body, lens, loop = random.choice(PAIRS)
        case = _fault(random, body, lens, loop) if random.random() < 0.65 else _edit(random, body, lens, loop)
        if case is not None:
            made += 1
            yield case


def _fault(random: Random, body: str, lens: str, loop: float) -> Breakage | None:
    pattern, kinds, within = random.choice(FAULTS)
    end = random.choice((_BODY, _LENS))
    at = random.uniform(0.12, loop + 0.4)
    values = {
        "end": end.value, "at": f"{at:.4f}", "few": random.randrange(3, 9),
        "off": random.choice((-20, -12, 9, 15)),
    }  # fmt: skip
    text = pattern.format(**values)
    seed = random.randrange(1000)
    seconds = loop + 1.5
    broken = run_loopback(body, lens, seconds=seconds, seed=seed, faults=[text])
    plain = run_loopback(body, lens, seconds=seconds, seed=seed)
    if without_notes(broken.records) == without_notes(plain.records):
        return None
    when = [one.at for one in broken.records if isinstance(one, Annotation) and one.at is not None]
    since = min(when, default=at if "{at}" in pattern else 0.0)
    named = end if "{end}" in pattern else None
    return Breakage(
        f"{body} + {lens}: {text}", without_notes(broken.records), broken.dialect.name, kinds, since, within, named,
        (body, lens),
    )  # fmt: skip


def _edit(random: Random, body: str, lens: str, loop: float) -> Breakage | None:
    name, edit, kinds = random.choice(EDITS)
    session = run_loopback(body, lens, seconds=loop + 0.8, seed=random.randrange(1000))
    records = without_notes(session.records)
    dialect = session.dialect
    those = [
        one for one in bursts(records) if 0.12 < time_of(one) < loop + 0.3 and payload_at(dialect, one.data, one.sender)
    ]
    if not those:
        return None
    burst = random.choice(those)
    broken = edit(records, dialect, burst, random)
    if broken == records:
        return None
    end = None if kinds & _ABSENT else burst.sender
    text = f"{body} + {lens}: {name}, {burst.sender.value} at {time_of(burst) * 1e3:.3f} ms"
    return Breakage(text, broken, dialect.name, kinds, time_of(burst) - 1.5e-3, 0.1, end, (body, lens))


def reported_breakages() -> Iterator[Breakage]:
    """Breakages by hand, after what public reports and documents say of real devices."""
    dialect = EMOUNT
    pair = ("a6000", "sel55210")
    good = without_notes(run_loopback(*pair, seconds=1.6, seed=11).records)
    d = find(good, dialect, _LENS, 0x08)
    body08 = find(good, dialect, _BODY, 0x08)
    at = time_of(d)

    def frame(payload: str, class_: int = 2, sequence: int = 0) -> bytes:
        return dialect.build_frame(bytes.fromhex(payload), class_, sequence)

    def case(
        name: str, records: Records, kinds: set[K], when: float, end: Role | None = None, within: float = 0.1
    ) -> Breakage:
        return Breakage(name, records, "emount", frozenset(kinds), when, within, end, pair)

    # A newer body asks the name (3F); the lens refuses it (Tamron: 02 with code 4).
    gap = time_of(find(good, dialect, _BODY, 0x10)) + 0.2
    asked = insert_frame(good, dialect, _BODY, gap, frame("3F00"), 1_500_000)
    refused = insert_frame(asked, dialect, _LENS, gap + 1e-3, frame("02023F0400000000"), 1_500_000)
    yield case("3F is asked and refused", refused, {K.REFUSED}, gap, _LENS)
    # A lens that does not know 3F hangs until its supply is cut (Samyang).
    hung = cut(asked, gap + 1e-3)
    pulses = [one.at for one in good if isinstance(one, Edge) and one.line == "VD" and not one.level]
    since = next(at for at in pulses if at > gap + 1e-3)
    hung = [
        *hung,
        *[
            Edge(since + n * 16.684e-3 + w, "VD", level)
            for n in range(60)
            for w, level in ((0.0, False), (63e-6, True))
        ],
    ]
    yield case("3F is asked, and the lens is dead from then on", hung, {K.NO_REPLY}, gap, _LENS)
    # 40 goes to a Sony lens, which repeats 02 for ever.
    flood = insert_frame(good, dialect, _BODY, gap, frame("40" + "4D" + "00" * 17), 1_500_000)
    for number in range(8):
        flood = insert_frame(flood, dialect, _LENS, gap + 2e-3 + number * 4e-3, frame("02FFFF0100000000"), 1_500_000)
    yield case("40 at a Sony lens: refusals without an end", flood, {K.REFUSED, K.NO_REPLY}, gap, _LENS)
    # A body with a time-out of 20 ms between bytes drops the reply of a Viltrox adapter and asks again.
    viltrox = without_notes(run_loopback("a6000", "viltrox-ef50", seconds=1.0, seed=11).records)
    query = find(viltrox, dialect, _BODY, 0x0B)
    again = insert_frame(viltrox, dialect, _BODY, time_of(query) + 30e-3, query.data, query.baudrate)
    kinds = frozenset({K.REPEATED, K.NO_REPLY})
    name = "0B is asked again inside a slow reply"
    yield Breakage(name, again, "emount", kinds, time_of(query), 0.05, None, ("a6000", "viltrox-ef50"))
    # A lens that stays at 750 000 Bd after it accepted the fast rate.
    slow = [
        Burst(one.at, one.sender, one.data[::2], 750_000, one.end)
        if isinstance(one, Burst) and one.sender is _LENS and time_of(one) > 0.17 else one
        for one in good
    ]  # fmt: skip
    yield case("the lens keeps the slow rate", cut(slow, 0.1825), {K.BAUDRATE}, 0.18, _LENS)
    # A lens that kept its supply does not raise LENS_CS in the handshake.
    lazy = [one for one in good if not (isinstance(one, Edge) and one.line == "LENS_CS" and one.at < 0.149)]
    yield case("LENS_CS never rises in the handshake", lazy, {K.STEP_MISSING}, 0.115, _LENS)
    # RXD stays low: the serial driver of the lens is never on; the body holds BODY_CS and gives up.
    off = cut([one for one in good if not (isinstance(one, Edge) and one.line == "RXD")], 0.1447)
    since = next(at for at in pulses if at > 0.1447)
    off = [
        *off,
        *[
            Edge(since + n * 16.684e-3 + w, "VD", level)
            for n in range(80)
            for w, level in ((0.0, False), (63e-6, True))
        ],
    ]
    yield case("RXD never goes high", off, {K.STEP_MISSING}, 0.119, _LENS)
    # The select line falls before the last byte.
    edges = [one for one in good if isinstance(one, Edge) and one.line == "LENS_CS" and not one.level and one.at > at]
    early = [Edge(one.at - 0.3e-3, "LENS_CS", False) if one is edges[0] else one for one in good]
    yield case(
        "LENS_CS falls inside the descriptor", sorted(early, key=time_of), {K.OUTSIDE_WINDOW, K.SHORT_FRAME}, at, _LENS
    )
    # Padding that holds the end of an older frame: a9 II; nothing is wrong with it.
    stale = change_bytes(
        good, body08, lambda data: data.__setitem__(slice(17, None), bytes(range(0x30, 0x30 + len(data) - 17)))
    )
    yield case("old bytes as padding", stale, set(), 0.0)
    # A repeated 10 restarts the homing.
    home = find(good, dialect, _BODY, 0x10)
    twice = insert_frame(good, dialect, _BODY, time_of(home) + 0.3, home.data, home.baudrate)
    yield case("10 is asked again while the lens homes", twice, {K.REPEATED}, time_of(home) + 0.29, _BODY)


def further_breakages(seed: int = 1) -> Iterator[Breakage]:
    """The forty further breakages."""
    hand = list(reported_breakages())
    yield from hand
    yield from random_breakages(seed, 40 - len(hand))
