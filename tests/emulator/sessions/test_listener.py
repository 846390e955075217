"""Listening between a body and a lens: the rate is found, everything is kept, and ports belong to one thread each."""

import threading
from queue import SimpleQueue
from random import Random

import pytest

from lensmount_emulator.sessions.listener import MIN_GARBAGE_RUNS, BaudrateTracker, Listener
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.port_reader import PortEvent, PortReaderThread, run_listeners
from lensmount_hardware.clock import MonotonicClock
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import TransportLostError
from lensmount_protocol.wire import (
    Annotation,
    Burst,
    DriveLine,
    Edge,
    LineChanged,
    Received,
    Role,
    SetBaudrate,
    Transmit,
    WireAction,
    WireEvent,
    WireRecord,
    polled_line_defect,
)

PAIRS = {"emount": ("a6000", "sel55210"), "lmount": ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")}


def bursts_of(dialect: str, script: str = "wait 0.3; sleep; wake; wait 0.2") -> list[Burst]:
    session = run_loopback(*PAIRS[dialect], script=script, seed=5)
    return [record for record in session.records if isinstance(record, Burst)]


def misread(data: bytes, spoken: int, heard: int) -> bytes:
    """What a receiver makes of bytes at another rate: it samples the line in the middle of its own bits."""
    bits = [bit for byte in data for bit in (0, *((byte >> place) & 1 for place in range(8)), 1)] + [1] * 40
    came, at, length = bytearray(), 0.0, spoken / heard
    while at < len(bits) - 1:
        if bits[int(at)] == 0:
            place = [int(at + (bit + 1.5) * length) for bit in range(8)]
            if place[-1] >= len(bits):
                break
            came.append(sum(bits[where] << bit for bit, where in enumerate(place)))
            at += 9.5 * length
        else:
            at = int(at) + 1
    return bytes(came)


def hear(listener: Listener, bursts: list[Burst]) -> list[int]:
    """Let a listener hear what was spoken as a receiver at its rate hears it; gives the rates that it went to."""
    rates: list[int] = []
    heard_at, coming = listener.baudrate, None
    for burst in bursts:
        assert burst.at is not None
        assert burst.end is not None
        if coming is not None and (coming.at is None or coming.at <= burst.at):
            heard_at, coming = coming.baudrate, None
        data = burst.data
        if burst.baudrate != heard_at:
            data = misread(data, burst.baudrate, heard_at)
        if (change := listener.on_event(burst.sender, Received(data), burst.end)) is not None:
            rates.append(change.baudrate)
            coming = change
    listener.finish()
    return rates


def test_bytes_at_their_own_rate_are_read_as_they_are() -> None:
    data = bytes(range(256))
    assert misread(data, 750_000, 750_000) == data
    assert misread(data, 1_500_000, 750_000) != data


@pytest.mark.parametrize("name", PAIRS)
def test_nothing_is_lost_of_a_session_that_is_received_from_its_beginning(name: str) -> None:
    dialect, bursts = load_dialect(name), bursts_of(name)
    events: list[Decoded] = []
    listener = Listener(dialect, on_decoded=events.append)
    assert hear(listener, bursts) == [1_500_000]
    assert listener.baudrate == 1_500_000
    assert not any(isinstance(event, DecodedGarbage) for event in events)
    assert sum(isinstance(event, DecodedFrame) for event in events) >= len(bursts) - 1
    assert [event.text for event in events if isinstance(event, Annotation)] == [
        "both ends have agreed on 1500000 baud"
    ]


def test_the_fall_of_the_supply_takes_the_rate_back() -> None:
    dialect = load_dialect("lmount")
    listener = Listener(dialect)
    hear(listener, bursts_of("lmount"))
    assert listener.on_record(Edge(9.0, dialect.supply, True)) is None
    change = listener.on_record(Edge(9.1, dialect.supply, False))
    assert change is not None
    assert (change.baudrate, change.at, listener.baudrate) == (115_200, None, 115_200)
    assert listener.on_record(Edge(9.2, dialect.supply, False)) is None


@pytest.mark.parametrize("name", PAIRS)
def test_the_rate_of_a_session_that_is_joined_in_its_midst_is_found(name: str) -> None:
    dialect = load_dialect(name)
    bursts = bursts_of(name)
    # Behind the agreement nobody says what it was.
    bursts = bursts[next(at for at, burst in enumerate(bursts) if burst.baudrate == 1_500_000) :]
    events: list[Decoded] = []
    listener = Listener(dialect, on_decoded=events.append)
    rates = hear(listener, bursts)
    assert rates
    assert listener.baudrate == bursts[-1].baudrate == 1_500_000
    # From one rate to the other and no further: that costs a frame or two for each rate that is tried.
    assert len(rates) <= len(dialect.wiring.baudrates)
    frames = [event for event in events if isinstance(event, DecodedFrame)]
    assert len(frames) >= len(bursts) - 5 * len(rates) - 5
    garbage = sum(len(event.data) for event in events if isinstance(event, DecodedGarbage))
    assert garbage < 200 * len(rates)


def test_one_end_alone_is_followed_too() -> None:
    dialect = load_dialect("emount")
    listener = Listener(dialect)
    rates = hear(listener, [burst for burst in bursts_of("emount") if burst.sender is Role.LENS])
    assert listener.baudrate == 1_500_000
    assert len(rates) <= 5


def test_noise_on_one_wire_does_not_move_a_rate_at_which_the_other_makes_frames() -> None:
    dialect, random = load_dialect("emount"), Random(3)
    listener = Listener(dialect)
    for burst in bursts_of("emount"):
        if burst.sender is Role.BODY and burst.baudrate == 750_000:
            assert listener.on_event(Role.BODY, Received(burst.data), burst.end or 0) is None
            noise = bytes(random.choices(range(1, 0xF0), k=200))
            assert listener.on_event(Role.LENS, Received(noise), burst.end or 0) is None
    assert listener.baudrate == 750_000


def test_noise_alone_makes_every_rate_be_tried() -> None:
    dialect = load_dialect("lmount")
    follower = BaudrateTracker(dialect)
    noise = bytes([0x55]) * MIN_GARBAGE_RUNS
    changes = [follower.on_bytes(Burst(None, Role.BODY, noise, follower.baudrate)) for _ in range(3)]
    assert [None if change is None else change.baudrate for change in changes] == [750_000, 1_500_000, 115_200]


def test_zero_bytes_are_padding_and_no_noise() -> None:
    follower = BaudrateTracker(load_dialect("emount"))
    assert follower.on_bytes(Burst(None, Role.LENS, bytes(4000), 750_000)) is not None
    follower = BaudrateTracker(load_dialect("emount"))
    assert follower.on_bytes(Burst(None, Role.LENS, bytes(1000), 750_000)) is None


def test_a_fixed_rate_stays() -> None:
    listener = Listener(load_dialect("emount"), fixed=1_500_000)
    assert hear(listener, [burst for burst in bursts_of("emount") if burst.baudrate == 750_000]) == []
    assert listener.baudrate == 1_500_000


def test_everything_is_kept_in_order_and_bursts_do_not_overlap() -> None:
    kept: list[WireRecord] = []
    listener = Listener(load_dialect("emount"), kept.append)
    listener.on_event(Role.BODY, LineChanged("BODY_CS", True), 0.5)
    listener.on_event(Role.BODY, Received(b"\xf0" * 20), 1.0)
    listener.on_event(Role.BODY, Received(b"\x01" * 20), 1.0001)
    listener.on_event(Role.BODY, Received(b""), 1.1)
    assert kept[:2] == [polled_line_defect("BODY_CS", 0.5), Edge(0.5, "BODY_CS", True)]
    bursts = [record for record in kept if isinstance(record, Burst)]
    assert b"".join(burst.data for burst in bursts) == b"\xf0" * 20 + b"\x01" * 20
    first, second = bursts
    assert (first.end, second.at, second.end) == (1.0, 1.0, 1.0001)


def test_a_gap_is_kept_and_ends_what_was_half_received() -> None:
    dialect = load_dialect("emount")
    kept: list[WireRecord] = []
    told: list[Decoded] = []
    listener = Listener(dialect, kept.append, told.append)
    whole = bursts_of("emount")[0].data
    listener.on_event(Role.BODY, Received(whole[:10]), 1.0)
    listener.annotate(2.0, "the port is back")
    listener.on_event(Role.BODY, Received(whole), 3.0)
    listener.finish()
    assert Annotation(2.0, "the port is back") in kept
    assert Annotation(2.0, "the port is back") in told
    assert [type(event) for event in told].count(DecodedFrame) >= 1
    assert any(isinstance(event, DecodedGarbage) and event.data == whole[:10] for event in told)


def test_a_burst_behind_a_gap_does_not_begin_before_the_port_was_back() -> None:
    kept: list[WireRecord] = []
    listener = Listener(load_dialect("emount"), kept.append, None, 750_000)
    listener.annotate(2.0, "the port is back")
    listener.on_event(Role.BODY, Received(bytes(75)), 2.0001)
    _, burst = kept
    assert isinstance(burst, Burst)
    assert (burst.at, burst.end) == (2.0, 2.0001)


class Ended(Transport):
    """A port that gives what it has and is then unplugged; it watches whose thread it is in."""

    name = "ended"
    lines: frozenset[str] = frozenset()

    def __init__(self, gives: list[WireEvent]) -> None:
        self._gives = gives
        self.threads: set[int] = set()
        self.orders: list[WireAction] = []

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self.threads.add(threading.get_ident())
        if not self._gives:
            raise TransportLostError("ended: it was unplugged")
        return [self._gives.pop(0)]

    def send(self, action: WireAction) -> None:
        self.threads.add(threading.get_ident())
        self.orders.append(action)

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def dialect() -> Dialect:
    return load_dialect("emount")


def test_a_port_is_touched_by_one_thread_which_is_gone_at_the_end(dialect: Dialect) -> None:
    kept: list[WireRecord] = []
    port = Ended([Received(b"\x01" * 40), Received(b"\x02")])
    before = threading.active_count()
    inbox: SimpleQueue[PortEvent] = SimpleQueue()
    with pytest.raises(TransportLostError, match="unplugged"):
        run_listeners(Listener(dialect, kept.append), {Role.BODY: port}, MonotonicClock(), inbox)
    assert len(port.threads) == 1
    assert threading.get_ident() not in port.threads
    assert threading.active_count() == before
    assert b"".join(record.data for record in kept if isinstance(record, Burst)) == b"\x01" * 40 + b"\x02"
    assert port.orders[0] == SetBaudrate(750_000)


def test_both_ends_are_received_and_an_interruption_keeps_all(dialect: Dialect) -> None:
    kept: list[WireRecord] = []

    def keep(record: WireRecord) -> None:
        kept.append(record)
        if sum(len(one.data) for one in kept if isinstance(one, Burst)) == 6 and len(kept) >= 3:
            raise KeyboardInterrupt

    (body, at_body), (lens, at_lens) = memory_pair(("BODY_CS",)), memory_pair()
    body.send(DriveLine("BODY_CS", True))
    body.send(Transmit(b"abc"))
    lens.send(Transmit(b"def"))
    inbox: SimpleQueue[PortEvent] = SimpleQueue()
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        run_listeners(Listener(dialect, keep), {Role.BODY: at_body, Role.LENS: at_lens}, MonotonicClock(), inbox)
    assert threading.active_count() == before
    assert {(record.sender, record.data) for record in kept if isinstance(record, Burst)} == {
        (Role.BODY, b"abc"),
        (Role.LENS, b"def"),
    }
    assert [record.line for record in kept if isinstance(record, Edge)] == ["BODY_CS"]


def test_news_of_a_port_is_kept_as_a_remark_and_the_time_ends_it(dialect: Dialect) -> None:
    kept: list[WireRecord] = []
    _, near = memory_pair()
    inbox: SimpleQueue[PortEvent] = SimpleQueue()
    inbox.put((0.25, Role.LENS, "the port is back"))
    run_listeners(Listener(dialect, kept.append), {Role.LENS: near}, MonotonicClock(), inbox, seconds=0.05)
    assert kept == [Annotation(0.25, "the port is back")]


class Silent(Ended):
    """A port at which nothing is heard, and which keeps when its rate was changed."""

    def __init__(self, clock: MonotonicClock) -> None:
        super().__init__([])
        self.clock = clock
        self.changed = SimpleQueue[float]()

    def receive(self, timeout: float | None) -> list[WireEvent]:
        threading.Event().wait(timeout)
        return []

    def send(self, action: WireAction) -> None:
        super().send(action)
        self.changed.put(self.clock.now())


def test_a_rate_with_a_time_waits_for_it_where_the_port_keeps_none() -> None:
    clock = MonotonicClock()
    port = Silent(clock)
    pump = PortReaderThread(Role.BODY, port, clock, SimpleQueue())
    pump.start()
    try:
        due = clock.now() + 0.03
        pump.enqueue_action(SetBaudrate(1_500_000, due))
        assert port.changed.get(timeout=5) >= due
    finally:
        pump.stop()
    assert [order.baudrate for order in port.orders if isinstance(order, SetBaudrate)] == [1_500_000]


def test_orders_wait_for_the_thread_that_owns_the_port() -> None:
    port = Ended([Received(b"x")])
    pump = PortReaderThread(Role.BODY, port, MonotonicClock(), SimpleQueue())
    pump.enqueue_action(SetBaudrate(9600))
    assert port.orders == []
    pump.start()
    pump.stop()
    assert port.orders in ([], [SetBaudrate(9600)])
