"""What a body's profile adds to the loop and at the shutter press: row pairs, focus states, windows, requests."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.roles.emount.profile import BodySettings
from lensmount_emulator.roles.emount.roles import EMOUNT_ROLES
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyMode, RowSelect
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.message import Message
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role


def body(**settings: Any) -> Profile:
    profile = load_profile("a6000")
    return replace(profile, settings=msgspec.structs.replace(profile.settings, **settings))


def frames(session: LoopbackResult) -> list[DecodedFrame]:
    return [event for event in session.frames if event.sender is Role.BODY]


def messages(session: LoopbackResult, cls: type[Message]) -> list[Any]:
    return [message for frame in frames(session) for message in frame.messages if isinstance(message, cls)]


def test_unequal_row_pairs_are_requested_and_their_echo_is_awaited() -> None:
    session = run_loopback(body(rows=((0x15, 0x16), 0x15, (0x15, 0x17)), first_row=0), "sel55210", script="wait 0.5")
    pairs = [(one.row_a, one.row_b) for one in messages(session, RowSelect)]
    assert pairs[0] == (0x15, 0x16)
    assert set(pairs) == {(0x15, 0x16), (0x15, 0x15), (0x15, 0x17)}
    changes = [pair for number, pair in enumerate(pairs) if not number or pair != pairs[number - 1]]
    assert changes[1:4] == [(0x15, 0x15), (0x15, 0x17), (0x15, 0x16)]


def test_frames_with_focus_orders_carry_the_focusing_fields() -> None:
    profile = body(focusing={"BodyMode": {"state": 0x41, "focus_activity": 0x80}})
    session = run_loopback(profile, "sel55210", script="wait 0.2; focus +50; wait 0.1")
    loop = [frame.messages for frame in frames(session) if isinstance(frame.messages[0], BodyMode)]
    with_orders = [one[0] for one in loop if any(isinstance(message, FocusMove) for message in one)]
    others = [one[0] for one in loop if len(one) == 1]
    assert with_orders
    assert all((one.state, one.focus_activity) == (0x41, 0x80) for one in with_orders if isinstance(one, BodyMode))
    assert all(one.focus_activity == 0 for one in others if isinstance(one, BodyMode))


def test_loop_windows_have_a_least_size() -> None:
    session = run_loopback(body(loop_window=64, ring_blocks=0), "sel55210", script="wait 0.1")
    sizes = {frame.frame.class_: set[int]() for frame in frames(session)}
    for frame in frames(session):
        sizes[frame.frame.class_].add(len(frame.frame.raw) + len(frame.padding))
    assert sizes[1] == {64}
    assert max(sizes[2]) < 64


def test_picture_asks_what_the_profile_lists_and_the_loop_goes_on() -> None:
    session = run_loopback("a6000", "samyang-135", script="wait 0.2; picture; wait 0.2")
    assert session.finished
    asked = [f"{message_type(frame.messages[0]):02X}" for frame in frames(session) if frame.frame.class_ == 2]
    start = asked.index("0A") + 1
    assert " ".join(asked[start:]) == "0A 0B 1B 28 19 19 28 0B 0A"
    told = [notice.text for notice in session.notices]
    assert any("never captured" in text for text in told)
    assert "loops again" in told
    loop = [frame for frame in frames(session) if frame.frame.class_ == 1]
    assert len(loop) > 40


def test_picture_leaves_out_what_the_lens_does_not_list() -> None:
    profile = load_profile("samyang-135")
    fields = {**profile.settings.messages, "LensCapabilities": {"types": 0x5E1860A25D389FFF & ~(1 << 0x27)}}  # type: ignore[attr-defined]
    lens = replace(profile, settings=msgspec.structs.replace(profile.settings, messages=fields))
    session = run_loopback("a6000", lens, script="wait 0.1; picture; wait 0.1")
    asked = {message_type(frame.messages[0]) for frame in frames(session)}
    assert 0x28 not in asked
    assert 0x19 in asked
    assert any("28 is left out" in notice.text for notice in session.notices)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"picture": ("0A", "0B")}, "'0A' once"),
        ({"picture": ("0b",)}, "'0b' is no type"),
        ({"rows": ((0x15, 0x116),)}, "rows is 278"),
        ({"loop_window": 2000}, "loop_window is 2000"),
        ({"focusing": {"BodyMode": {"nothing": 1}}}, "nothing"),
    ],
)
def test_illegal_value_names_its_key(values: dict[str, Any], message: str) -> None:
    settings = load_profile("a6000").settings
    assert isinstance(settings, BodySettings)
    with pytest.raises(ProfileError, match=message):
        EMOUNT_ROLES.check(Place.BODY, msgspec.structs.replace(settings, **values))
