"""What users get for their own tests: strategies that fit a dialect, and profiles that fit a device."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lensmount_emulator import testing
from lensmount_emulator.faults.fault import NEVER, Fault
from lensmount_emulator.faults.plan import Plan
from lensmount_emulator.faults.registry import parse_fault, text_of
from lensmount_emulator.fuzz.stage import play_story
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.testing import (
    Role,
    arrivals,
    faults,
    frames,
    near_misses,
    noise,
    sessions,
    streams,
    typed_messages,
)
from lensmount_protocol.frame import GarbageReason
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.registry import load_dialect

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")


@settings(max_examples=400, deadline=None)
@given(frames("emount", Role.LENS), frames(LMOUNT, Role.BODY))
def test_frames_are_whole_and_of_their_dialect(one: bytes, other: bytes) -> None:
    assert FrameReader(EMOUNT, Role.LENS, EMOUNT.paving()).parse(one).raw == one
    assert FrameReader(LMOUNT, Role.BODY, LMOUNT.paving()).parse(other).raw == other


@pytest.mark.parametrize("dialect", ["emount", "lmount"])
@pytest.mark.parametrize("sender", [*Role])
def test_messages_are_what_their_constructs_declare(dialect: str, sender: Role) -> None:
    kinds = set[type[Any]]()

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(typed_messages(dialect, sender))
    def check(message: Any) -> None:
        kinds.add(type(message))
        data = message.build()
        assert type(message).parse(data) == message
        assert (sender, data[0]) in load_dialect(dialect).messages
        assert data[0] not in load_dialect(dialect).guarded

    check()
    assert len(kinds) > 5


@settings(deadline=None)
@given(arrivals("emount", Role.LENS))
def test_chunks_are_a_stream_that_is_told_the_same(chunks: list[bytes]) -> None:
    one, whole = (FrameReader(EMOUNT, Role.LENS, EMOUNT.paving()) for _ in range(2))
    events = [event for chunk in chunks for event in one.receive(chunk)] + one.close(GarbageReason.SOURCE_ENDED)
    assert events == whole.receive(b"".join(chunks)) + whole.close(GarbageReason.SOURCE_ENDED)


@given(near_misses("lmount", Role.LENS), noise("lmount", Role.BODY), streams("emount", Role.BODY))
def test_bytes_are_bytes(miss: bytes, some: bytes, stream: bytes) -> None:
    assert miss
    assert some
    events = FrameReader(EMOUNT, Role.BODY, EMOUNT.paving()).receive(stream)
    assert sum(len(getattr(event, "raw", b"") or getattr(event, "data", b"")) for event in events) <= len(stream)


@given(faults("emount"), faults("lmount", latest=0.1))
def test_faults_fit_the_mount_and_end(one: Fault, other: Fault) -> None:
    Plan([one]).check(EMOUNT)
    Plan([other]).check(LMOUNT)
    assert other.ends != NEVER
    assert other.at <= 0.1
    assert parse_fault(text_of(one)) == one


@settings(max_examples=12)
@given(sessions("lmount", longest=12))
def test_sessions_play_and_both_ends_find_back(story: Story) -> None:
    assert play_story(story).complaints == []


@settings(max_examples=12)
@given(sessions("emount", bodies=["a6000"], lenses=["loxia-21"], scripts=["sleep"], longest=8))
def test_sessions_take_the_profiles_that_they_are_given(story: Story) -> None:
    assert (story.body, story.lens, story.script) == ("a6000", "loxia-21", "sleep")
    assert play_story(story).complaints == []


def test_profiles_fit_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    testing.register_profiles()
    device = settings.get_profile("lensmount-device")
    assert device.deadline is None
    assert not device.derandomize
    assert HealthCheck.function_scoped_fixture in device.suppress_health_check
    assert settings.get_profile("lensmount-device-long").max_examples > device.max_examples
    assert settings.get_profile("lensmount-virtual").deadline is None


def test_all_that_is_offered_is_there() -> None:
    there: Any = testing
    assert all(hasattr(there, name) for name in testing.__all__)
