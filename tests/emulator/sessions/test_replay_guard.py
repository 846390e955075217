"""The send guard on recordings: what it refuses, wherever it hides, and what it lets pass when it is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.send_guard import SendGuard
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import DialectError, LocalProtocolError
from lensmount_protocol.wire import Burst, Role, WireRecord

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")


def frame_of(dialect: Dialect, role: Role, type_: int) -> bytes:
    """A frame with one message of a type, as far as it can be made without knowing what it means."""
    size = 40
    payload = bytes([type_]) + ((size).to_bytes(2, "little") if dialect is LMOUNT else b"") + bytes(size)
    for class_ in range(256):
        frame = dialect.build_frame(payload, class_, 0)
        if dialect.formats[role].check(frame) is None and isinstance(
            dialect.formats[role].frame_length(frame[:6]), int
        ):
            return frame
    raise AssertionError("no class makes a frame")


def sent(*parts: bytes, role: Role = Role.BODY) -> list[WireRecord]:
    return [Burst(float(number), role, data, 750_000) for number, data in enumerate(parts)]


GUARDED = [
    (dialect, role, type_)
    for dialect in (EMOUNT, LMOUNT)
    for (role, type_) in dialect.messages
    if type_ in dialect.types_protected_from(role)
]


@pytest.mark.parametrize(("dialect", "role", "type_"), GUARDED, ids=lambda value: getattr(value, "name", str(value)))
def test_every_guarded_message_is_refused_from_the_end_that_is_played(dialect: Dialect, role: Role, type_: int) -> None:
    records = sent(frame_of(dialect, role, type_), role=role)
    with pytest.raises(LocalProtocolError, match=r"^nothing was sent: .*allow by name what is meant$"):
        SendGuard(dialect, role).check_recording(records)
    # What the peer said is not sent, so it is nobody's danger.
    SendGuard(dialect, role.peer).check_recording(records)


def test_the_usual_sessions_pass() -> None:
    for pair in (("a6000", "sel55210"), ("panasonic-s1r", "sigma-45mm-f2.8-dg-dn")):
        session = run_loopback(*pair, script="wait 0.1; sleep", seed=1)
        for role in Role:
            SendGuard(session.dialect, role).check_recording(session.records)


def test_an_unknown_type_is_refused_unless_its_number_is_allowed() -> None:
    known = {type_ for _, type_ in EMOUNT.messages}
    type_ = next(number for number in range(0x41, 256) if number not in known)
    records = sent(frame_of(EMOUNT, Role.BODY, type_))
    with pytest.raises(LocalProtocolError, match=f"an unknown message of type {type_:#04x}"):
        SendGuard(EMOUNT, Role.BODY).check_recording(records)
    SendGuard(EMOUNT, Role.BODY, [f"{type_:#x}"]).check_recording(records)
    with pytest.raises(LocalProtocolError):
        SendGuard(EMOUNT, Role.BODY, [f"{type_ ^ 1:#x}"]).check_recording(records)


def test_bytes_in_no_frame_are_refused_unless_they_are_allowed() -> None:
    records = sent(b"\x01\x02\x03")
    with pytest.raises(LocalProtocolError, match="bytes that are no frame"):
        SendGuard(EMOUNT, Role.BODY).check_recording(records)
    SendGuard(EMOUNT, Role.BODY, ["garbage"]).check_recording(records)


UPDATES = {
    cls.__name__: type_
    for (role, type_), cls in LMOUNT.messages.items()
    if role is Role.BODY and type_ in LMOUNT.protected_types
}


def test_arming_is_by_name_and_for_what_was_named_only() -> None:
    assert len(UPDATES) > 1
    records = sent(*(frame_of(LMOUNT, Role.BODY, type_) for type_ in UPDATES.values()))
    SendGuard(LMOUNT, Role.BODY, ["Update*"]).check_recording(records)
    SendGuard(LMOUNT, Role.BODY, UPDATES).check_recording(records)
    for name, type_ in UPDATES.items():
        with pytest.raises(LocalProtocolError, match=f"{type_:#04x}"):
            SendGuard(LMOUNT, Role.BODY, [other for other in UPDATES if other != name]).check_recording(records)


@pytest.mark.parametrize("name", ["Format", "FocusDrive"])
def test_a_name_that_arms_nothing_is_refused(name: str) -> None:
    with pytest.raises(DialectError, match=f"^unknown guarded message of a body '{name}'; known: .*garbage") as caught:
        SendGuard(LMOUNT, Role.BODY, [name])
    assert all(known in str(caught.value) for known in UPDATES)


@given(
    cut=st.integers(0, 60),
    prefix=st.binary(max_size=40).filter(lambda data: 0xF0 not in data),
    suffix=st.binary(max_size=10),
)
def test_no_allowed_garbage_smuggles_a_guarded_frame(cut: int, prefix: bytes, suffix: bytes) -> None:
    frame = frame_of(EMOUNT, Role.BODY, 0x14)
    data = prefix + frame + suffix
    records = sent(data[:cut], data[cut:]) if 0 < cut < len(data) else sent(data)
    with pytest.raises(LocalProtocolError):
        SendGuard(EMOUNT, Role.BODY, ["garbage"]).check_recording(records)


def test_a_guarded_frame_inside_another_is_found() -> None:
    inner = frame_of(EMOUNT, Role.BODY, 0x14)
    known = next(type_ for role, type_ in sorted(EMOUNT.messages, key=lambda key: key[1]) if role is Role.BODY)
    outer = EMOUNT.build_frame(bytes([known]) + inner, 1, 0)
    allowed = ["garbage", *(f"{number:#x}" for number in range(256) if number != 0x14)]
    with pytest.raises(LocalProtocolError, match="somewhere in its bytes"):
        SendGuard(EMOUNT, Role.BODY, allowed).check_recording(sent(outer))


def test_a_known_message_that_cannot_be_read_is_refused() -> None:
    records = sent(LMOUNT.build_frame(bytes((0x11, 0x02, 0x00)), 1, 0))
    with pytest.raises(LocalProtocolError, match="an unknown message of type 0x11"):
        SendGuard(LMOUNT, Role.BODY).check_recording(records)
    SendGuard(LMOUNT, Role.BODY, ["0x11"]).check_recording(records)
