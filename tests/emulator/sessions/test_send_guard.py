"""The gate in front of a port: what it holds back, across writes and at every place, and what it lets pass."""

from importlib import import_module
from pathlib import Path

import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.diagnostics.probes import MESSAGE, MESSAGES
from lensmount_hardware.transport import TimedTransport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError, TransportLostError
from lensmount_protocol.wire import Burst, DriveLine, Received, Role, SetBaudrate, Transmit, WireAction

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")
GUARDED = [
    (dialect, role, type_)
    for dialect in (EMOUNT, LMOUNT)
    for (role, type_) in dialect.messages
    if type_ in dialect.types_protected_from(role)
]


def frame_of(dialect: Dialect, type_: int, behind: int = 10) -> bytes:
    sized = behind.to_bytes(2, "little") if dialect is LMOUNT else b""
    return dialect.build_frame(bytes([type_]) + sized + bytes(behind), 3, 7)


def usual(dialect: Dialect, role: Role) -> bytes:
    cls = next(
        cls
        for (sender, type_), cls in dialect.messages.items()
        if sender is role and type_ not in dialect.protected_types
    )
    return dialect.build_frame(cls().build(), 1, 7)


@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_every_guarded_message_is_held_back_however_it_is_cut(dialect: Dialect, role: Role, type_: int) -> None:
    frame = frame_of(dialect, type_)
    assert SendGuard(dialect, role).check(frame) is not None
    assert SendGuard(dialect, role).check(b"\x01\x02" + frame + b"\x03") is not None
    assert SendGuard(dialect, role).check(usual(dialect, role) + frame) is not None
    for at in range(1, len(frame)):
        gate = SendGuard(dialect, role)
        assert gate.check(frame[:at]) is not None or gate.check(frame[at:]) is not None
    byte_by_byte = SendGuard(dialect, role)
    assert any(byte_by_byte.check(frame[at : at + 1]) for at in range(len(frame)))


@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_one_that_is_wrong_only_by_its_checksum_is_held_back_as_well(dialect: Dialect, role: Role, type_: int) -> None:
    frame = bytearray(frame_of(dialect, type_))
    for at in (len(frame) - 1, len(frame) - 2, 6 if dialect is EMOUNT else 8):
        hurt = bytes((*frame[:at], frame[at] ^ 0x10, *frame[at + 1 :]))
        gate = SendGuard(dialect, role)
        assert gate.check(hurt) is not None
        assert all("damaged" in reason for reason in gate.refused)
    assert SendGuard(dialect, role).check(bytes(frame[:-3])) is not None


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("role", Role)
def test_unknown_types_are_held_back_unless_they_are_allowed(dialect: Dialect, role: Role) -> None:
    unknown = [number for number in range(256) if (role, number) not in dialect.messages]
    for number in unknown:
        assert SendGuard(dialect, role).check(frame_of(dialect, number)) is not None
    number = next(one for one in unknown if one not in dialect.protected_types)
    assert SendGuard(dialect, role, [f"{number:#x}"]).check(frame_of(dialect, number)) is None


def test_what_is_allowed_passes_and_nothing_else() -> None:
    gate = SendGuard(LMOUNT, Role.BODY, ["UpdateOffer"])
    assert gate.check(frame_of(LMOUNT, 0x60)) is None
    assert SendGuard(LMOUNT, Role.BODY, ["UpdateOffer"]).check(frame_of(LMOUNT, 0x61)) is not None
    with pytest.raises(DialectError, match="UpdateOffer"):
        SendGuard(LMOUNT, Role.BODY, ["UpdateEverything"])


def test_a_refusal_leaves_nothing_behind() -> None:
    """What was held back was not emitted: it does not join what follows."""
    gate = SendGuard(LMOUNT, Role.BODY)
    frame = frame_of(LMOUNT, 0x60)
    assert gate.check(frame) is not None
    assert gate.allowed == 0
    assert gate.check(usual(LMOUNT, Role.BODY)) is None
    assert gate.allowed == len(usual(LMOUNT, Role.BODY))


@pytest.mark.parametrize(
    "pair", [("a6000", "sel55210"), ("nex7", "viltrox-ef50"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")]
)
def test_the_usual_sessions_pass_as_they_are(pair: tuple[str, str]) -> None:
    session = run_loopback(*pair, script="wait 0.3; aperture f/8; sleep", seed=1)
    for role in Role:
        gate = SendGuard(session.dialect, role)
        for record in session.records:
            if isinstance(record, Burst) and record.sender is role:
                assert gate.check(record.data) is None
        assert not gate.refused
        assert gate.allowed > 500


def test_bytes_by_chance_may_not_choose_what_later_frames_are_built_from() -> None:
    cls = EMOUNT.messages[Role.LENS, 0x0A]
    choice = cls(status_blocks=0x1FF, focus_blocks=3)  # type: ignore[call-arg]
    frame = EMOUNT.build_frame(choice.build(), 2, 1)
    gate = SendGuard(EMOUNT, Role.LENS)
    assert "another layout" in str(gate.check(frame, untrusted=True))
    assert gate.check(frame) is None
    assert gate.check(frame, untrusted=True) is None


def harmless_between(dialect: Dialect, size: int) -> bytes:
    return usual(dialect, Role.BODY) * (size // len(usual(dialect, Role.BODY)) + 1)


@pytest.mark.parametrize("size", [100, 255, 256, 600, 1024, 4096, 65_000])
@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_a_guarded_message_is_held_back_at_every_length(dialect: Dialect, role: Role, type_: int, size: int) -> None:
    frame = frame_of(dialect, type_, size)
    assert SendGuard(dialect, role).check(frame) is not None
    gate = SendGuard(dialect, role)
    assert any(gate.check(frame[at : at + 999]) for at in range(0, len(frame), 999))


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("size", [300, 1500, 20_000])
def test_an_unknown_type_is_held_back_at_the_byte_that_completes_it(dialect: Dialect, size: int) -> None:
    frame, gate = frame_of(dialect, 0x7F, size), SendGuard(dialect, Role.BODY)
    assert gate.check(frame[:-1]) is None
    assert "unknown message of type 0x7f" in str(gate.check(frame[-1:]))
    assert gate.check(b"\x00") is None
    assert gate.allowed == len(frame)


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
def test_many_harmless_writes_do_not_make_the_gate_forget_a_frame(dialect: Dialect) -> None:
    """A frame of 0xFFF0 bytes, whose payload is harmless frames, one write each."""
    inside = harmless_between(dialect, 0xFF00)
    sized = len(inside).to_bytes(2, "little") if dialect is LMOUNT else b""
    frame = dialect.build_frame(b"\x7f" + sized + inside, 1, 7)
    gate, piece = SendGuard(dialect, Role.BODY), len(usual(dialect, Role.BODY))
    assert [gate.check(frame[at : at + piece]) for at in range(0, len(frame) - piece, piece)].count(None) > 1000
    assert gate.check(frame[-(len(frame) % piece or piece) :]) is not None


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
def test_a_frame_in_two_parts_is_held_back_whatever_was_sent_at_other_rates(dialect: Dialect) -> None:
    frame, slow, fast = frame_of(dialect, 0x7F, 300), dialect.wiring.baudrates[0], dialect.wiring.baudrates[-1]
    for rates in ((slow, fast, slow), (fast, slow, fast), (slow, slow, fast), (slow, fast, fast)):
        gate = SendGuard(dialect, Role.BODY)
        for rate, data in zip(rates, (frame[:99], b"", b""), strict=True):
            assert gate.check_baudrate(rate) is None
            assert gate.check(data) is None
        assert gate.check(frame[99:]) is not None
    gate = SendGuard(dialect, Role.BODY)
    for rate, data in ((slow, frame[:99]), (fast, usual(dialect, Role.BODY)), (slow, b""), (fast, b"\1"), (slow, b"")):
        assert gate.check_baudrate(rate) is None
        assert gate.check(data) is None
    assert gate.check(frame[99:]) is not None


def test_a_rate_that_is_missed_between_two_others_hides_nothing() -> None:
    frame, gate = frame_of(LMOUNT, 0x7F, 300), SendGuard(LMOUNT, Role.BODY)
    for rate, data in ((115_200, frame[:99]), (750_000, usual(LMOUNT, Role.BODY)), (1_500_000, b"")):
        assert gate.check_baudrate(rate) is None
        assert gate.check(data) is None
    assert gate.check(frame[99:]) is not None


def test_what_is_only_at_the_end_of_a_rate_is_found_after_a_return() -> None:
    frame, gate = frame_of(EMOUNT, 0x7F, 300), SendGuard(EMOUNT, Role.BODY)
    for rate, data in ((1_500_000, frame[:99]), (750_000, b"\1\2"), (1_500_000, frame[99:200]), (750_000, b"\3")):
        assert gate.check_baudrate(rate) is None
        assert gate.check(data) is None
    assert gate.check_baudrate(1_500_000) is None
    assert gate.check(frame[200:]) is not None


class Failing(TimedTransport):
    """A port that goes away at the second write, and comes back."""

    def __init__(self) -> None:
        self.name, self.lines, self.has_timestamps, self.writes = "failing", frozenset[str](), False, 0

    def send(self, action: WireAction) -> None:
        self.writes += 1
        if self.writes == 2:
            raise TransportLostError("failing: the port has gone")

    def close(self) -> None:
        """Nothing is open."""


def test_a_write_that_failed_may_not_have_left() -> None:
    frame, port = frame_of(LMOUNT, 0x7F, 300), GuardedTransport(Failing(), SendGuard(LMOUNT, Role.BODY))
    port.send(Transmit(frame[:99]))
    with pytest.raises(TransportLostError):
        port.send(Transmit(b"\1\2\3"))
    with pytest.raises(LocalProtocolError, match="0x7f"):
        port.send(Transmit(frame[99:]))


def test_a_write_before_the_port_went_away_may_not_have_left_however_often_it_is_asked() -> None:
    near, _ = memory_pair()
    frame, port = frame_of(LMOUNT, 0x7F, 300), GuardedTransport(near, SendGuard(LMOUNT, Role.BODY))
    port.send(Transmit(frame[:99]))
    port.send(Transmit(b"\1\2\3"))
    near.close()
    for _ in range(20):
        with pytest.raises(TransportLostError):
            port.receive(0)
    again = GuardedTransport(memory_pair()[0], port.guard)
    with pytest.raises(LocalProtocolError, match="0x7f"):
        again.send(Transmit(frame[99:]))


def test_behind_an_allowed_type_of_unknown_length_a_guarded_message_is_held_back() -> None:
    order = EMOUNT.messages[Role.BODY, 0x14]().build()
    for before in (0, 1, 5, 200):
        payload = b"\x7f" + b"\x22" * before
        gate = SendGuard(EMOUNT, Role.BODY, ["0x7f"])
        assert gate.check(EMOUNT.build_frame(payload, 1, 0)) is None
        assert "UpdateOrder14 (0x14) after" in str(gate.check(EMOUNT.build_frame(payload + order, 1, 0)))


def test_messages_that_cannot_be_read_are_stepped_over_one_by_one_to_the_last() -> None:
    """Thousands of them in one frame, as deep as a frame can be."""
    payload = b"\x0a" * (17 * 3000) + EMOUNT.messages[Role.BODY, 0x14]().build()
    assert "0x14" in str(SendGuard(EMOUNT, Role.BODY).check(EMOUNT.build_frame(payload, 2, 0)))
    unread = b"\x7f" + b"\x14" * 60_000 + b"\xff"
    assert SendGuard(EMOUNT, Role.BODY, ["0x7f"]).check(EMOUNT.build_frame(unread, 2, 0)) is not None


def test_a_class_that_no_table_knows_hides_nothing() -> None:
    for dialect, type_ in ((EMOUNT, 0x14), (LMOUNT, 0x61), (EMOUNT, 0x7F), (LMOUNT, 0x7F)):
        payload = frame_of(dialect, type_, 700)[5 : -3 if dialect is EMOUNT else -2]
        assert SendGuard(dialect, Role.BODY).check(dialect.build_frame(payload, 0x77, 0)) is not None


def test_frames_that_lie_over_each_other_to_take_time_are_held_back_at_once() -> None:
    """Each of 20 000 starts announces a frame that ends at the same byte."""
    writes, end = [], 5 * 0x3000
    for at in range(0, end, 5):
        writes.append(b"\xe0" + (end - at).to_bytes(2, "little") + b"\x01\x01")
    gate = SendGuard(LMOUNT, Role.BODY)
    for at in range(0, len(writes), 100):
        assert gate.check(b"".join(writes[at : at + 100])) is None
    reasons = [gate.check(bytes(1)) for _ in range(10)]
    assert any(reason and "lie over each other" in reason for reason in reasons)


def test_a_dialect_without_guarded_messages_is_noted_and_its_unknown_types_are_held_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "protocol" / "third_party"))
    toy: Dialect = import_module("lensmount_toy").TOY
    gate = SendGuard(toy, Role.BODY)
    (note,) = gate.notes
    assert "the dialect toy names no dangerous messages" in note
    assert note in GuardedTransport(memory_pair()[0], gate).notes
    assert gate.check(toy.build_frame(b"\x01\x05", 0, 0)) is None
    for size in (1, 20, 60, 200):
        assert SendGuard(toy, Role.BODY).check(toy.build_frame(b"\x07" + bytes(size), 0, 0)) is not None
    assert not SendGuard(LMOUNT, Role.BODY).notes


def test_behind_a_gate_a_port_is_told_first_and_gets_only_what_passes() -> None:
    near, far = memory_pair(LMOUNT.wiring.lines)
    told: list[WireAction] = []
    port = GuardedTransport(near, SendGuard(LMOUNT, Role.BODY), told.append)
    assert port.lines == near.lines
    good = usual(LMOUNT, Role.BODY)
    port.send(DriveLine("V_LOGIC", True))
    port.send(Transmit(good))
    port.send(SetBaudrate(750_000))
    for action in (Transmit(frame_of(LMOUNT, 0x61)), SetBaudrate(31_250)):
        with pytest.raises(LocalProtocolError, match=r"held back: .*; allow by name what is meant"):
            port.send(action)
    with pytest.raises(LocalProtocolError):
        port.send_injected(frame_of(LMOUNT, 0x61))
    assert told == [DriveLine("V_LOGIC", True), Transmit(good), SetBaudrate(750_000)]
    assert [event for event in far.receive(0) if isinstance(event, Received)] == [Received(good)]


def test_what_cannot_be_recorded_is_not_sent() -> None:
    near, far = memory_pair()

    def full(action: WireAction) -> None:
        raise OSError("no space left on device")

    port = GuardedTransport(near, SendGuard(LMOUNT, Role.BODY), full)
    with pytest.raises(OSError, match="no space"):
        port.send(Transmit(usual(LMOUNT, Role.BODY)))
    assert far.receive(0) == []


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("role", Role)
def test_what_doctor_sends_to_try_a_port_is_no_frame_that_a_device_could_take(dialect: Dialect, role: Role) -> None:
    gate = SendGuard(dialect, role)
    for _ in range(MESSAGES + len(dialect.wiring.baudrates)):
        assert gate.check(MESSAGE) is None


def test_a_session_completes_no_guarded_frame_that_an_earlier_one_began_on_the_same_port() -> None:
    dialect, guarded = EMOUNT, EMOUNT.build_frame(b"\x4b" + bytes(40), 1, 0)
    outer = dialect.build_frame(b"\x01" + bytes(26) + guarded[:6], 1, 1)
    tail = outer[outer.index(guarded[:6]) + 6 :]
    inner = guarded[:6] + tail + bytes(len(guarded) - 9 - len(tail))
    end = (sum(inner[1:]) & 0xFFFF).to_bytes(2, "little") + b"\x55"
    rest = inner[6 + len(tail) :] + end

    def opened(name: str) -> GuardedTransport:
        port = memory_pair()[0]
        port.name = name
        return GuardedTransport(port, SendGuard(dialect, Role.BODY))

    opened("first port").send(Transmit(outer))
    opened("second port").send(Transmit(rest))
    with pytest.raises(LocalProtocolError, match="Order4B"):
        opened("first port").send(Transmit(rest))
