"""The gate in front of a port: what it holds back, across writes and at every place, and what it lets pass."""

import pytest

from lensmount_emulator.sessions.gate import Gate, GatedTransport
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Burst, DriveLine, Received, Role, SetBaudrate, Transmit, WireAction

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")
GUARDED = [
    (dialect, role, type_)
    for dialect in (EMOUNT, LMOUNT)
    for (role, type_) in dialect.messages
    if type_ in dialect.guarded
]


def frame_of(dialect: Dialect, type_: int, behind: int = 10) -> bytes:
    sized = behind.to_bytes(2, "little") if dialect is LMOUNT else b""
    return dialect.build_frame(bytes([type_]) + sized + bytes(behind), 3, 7)


def usual(dialect: Dialect, role: Role) -> bytes:
    cls = next(
        cls for (sender, type_), cls in dialect.messages.items() if sender is role and type_ not in dialect.guarded
    )
    return dialect.build_frame(cls().build(), 1, 7)


@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_every_guarded_message_is_held_back_however_it_is_cut(dialect: Dialect, role: Role, type_: int) -> None:
    frame = frame_of(dialect, type_)
    assert Gate(dialect, role).admit(frame) is not None
    assert Gate(dialect, role).admit(b"\x01\x02" + frame + b"\x03") is not None
    assert Gate(dialect, role).admit(usual(dialect, role) + frame) is not None
    for at in range(1, len(frame)):
        gate = Gate(dialect, role)
        assert gate.admit(frame[:at]) is not None or gate.admit(frame[at:]) is not None
    byte_by_byte = Gate(dialect, role)
    assert any(byte_by_byte.admit(frame[at : at + 1]) for at in range(len(frame)))


@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_one_that_is_wrong_only_by_its_checksum_is_held_back_as_well(dialect: Dialect, role: Role, type_: int) -> None:
    frame = bytearray(frame_of(dialect, type_))
    for at in (len(frame) - 1, len(frame) - 2, 6 if dialect is EMOUNT else 8):
        hurt = bytes((*frame[:at], frame[at] ^ 0x10, *frame[at + 1 :]))
        gate = Gate(dialect, role)
        assert gate.admit(hurt) is not None
        assert all("damaged" in reason for reason in gate.refused)
    assert Gate(dialect, role).admit(bytes(frame[:-3])) is not None


@pytest.mark.parametrize("dialect", [EMOUNT, LMOUNT], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("role", Role)
def test_unknown_types_are_held_back_unless_they_are_armed(dialect: Dialect, role: Role) -> None:
    unknown = [number for number in range(256) if (role, number) not in dialect.messages]
    for number in unknown:
        assert Gate(dialect, role).admit(frame_of(dialect, number)) is not None
    number = next(one for one in unknown if one not in dialect.guarded)
    assert Gate(dialect, role, [f"{number:#x}"]).admit(frame_of(dialect, number)) is None


def test_what_is_armed_passes_and_nothing_else() -> None:
    gate = Gate(LMOUNT, Role.BODY, ["UpdateOffer"])
    assert gate.admit(frame_of(LMOUNT, 0x60)) is None
    assert Gate(LMOUNT, Role.BODY, ["UpdateOffer"]).admit(frame_of(LMOUNT, 0x61)) is not None
    with pytest.raises(DialectError, match="UpdateOffer"):
        Gate(LMOUNT, Role.BODY, ["UpdateEverything"])


def test_a_refusal_leaves_nothing_behind() -> None:
    """What was held back was not emitted: it does not join what follows."""
    gate = Gate(LMOUNT, Role.BODY)
    frame = frame_of(LMOUNT, 0x60)
    assert gate.admit(frame) is not None
    assert gate.passed == 0
    assert gate.admit(usual(LMOUNT, Role.BODY)) is None
    assert gate.passed == len(usual(LMOUNT, Role.BODY))


@pytest.mark.parametrize(
    "pair", [("a6000", "sel55210"), ("nex7", "viltrox-ef50"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")]
)
def test_the_usual_sessions_pass_as_they_are(pair: tuple[str, str]) -> None:
    session = run_loopback(*pair, script="wait 0.3; aperture f/8; sleep", seed=1)
    for role in Role:
        gate = Gate(session.dialect, role)
        for record in session.records:
            if isinstance(record, Burst) and record.sender is role:
                assert gate.admit(record.data) is None
        assert not gate.refused
        assert gate.passed > 500


def test_bytes_by_chance_may_not_choose_what_later_frames_are_built_from() -> None:
    cls = EMOUNT.messages[Role.LENS, 0x0A]
    choice = cls(status_blocks=0x1FF, focus_blocks=3)  # type: ignore[call-arg]
    frame = EMOUNT.build_frame(choice.build(), 2, 1)
    gate = Gate(EMOUNT, Role.LENS)
    assert "another layout" in str(gate.admit(frame, foreign=True))
    assert gate.admit(frame) is None
    assert gate.admit(frame, foreign=True) is None


def test_behind_a_gate_a_port_is_told_first_and_gets_only_what_passes() -> None:
    near, far = memory_pair(LMOUNT.wiring.lines)
    told: list[WireAction] = []
    port = GatedTransport(near, Gate(LMOUNT, Role.BODY), told.append)
    assert port.lines == near.lines
    good = usual(LMOUNT, Role.BODY)
    port.send(DriveLine("V_LOGIC", True))
    port.send(Transmit(good))
    port.send(SetBaudrate(750_000))
    for action in (Transmit(frame_of(LMOUNT, 0x61)), SetBaudrate(31_250)):
        with pytest.raises(LocalProtocolError, match=r"held back: .*; arm by name what is meant"):
            port.send(action)
    with pytest.raises(LocalProtocolError):
        port.put_in(frame_of(LMOUNT, 0x61))
    assert told == [DriveLine("V_LOGIC", True), Transmit(good), SetBaudrate(750_000)]
    assert [event for event in far.receive(0) if isinstance(event, Received)] == [Received(good)]


def test_what_cannot_be_recorded_is_not_sent() -> None:
    near, far = memory_pair()

    def full(action: WireAction) -> None:
        raise OSError("no space left on device")

    port = GatedTransport(near, Gate(LMOUNT, Role.BODY), full)
    with pytest.raises(OSError, match="no space"):
        port.send(Transmit(usual(LMOUNT, Role.BODY)))
    assert far.receive(0) == []
