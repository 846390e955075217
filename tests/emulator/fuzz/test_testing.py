"""What users get for their own tests: strategies that fit a dialect, and profiles that fit a device."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from lensmount_emulator import testing
from lensmount_emulator.faults.fault import NEVER, Fault
from lensmount_emulator.faults.registry import FaultPlan, format_fault, parse_fault
from lensmount_emulator.fuzz.scenario import Scenario
from lensmount_emulator.fuzz.scenario_runner import run_scenario
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
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import GarbageReason

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")


@settings(max_examples=400, deadline=None)
@given(frames("emount", Role.LENS), frames(LMOUNT, Role.BODY))
def test_frames_are_whole_and_of_their_dialect(one: bytes, other: bytes) -> None:
    assert FrameParser(EMOUNT, Role.LENS, EMOUNT.payload_parser()).parse(one).raw == one
    assert FrameParser(LMOUNT, Role.BODY, LMOUNT.payload_parser()).parse(other).raw == other


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
        assert data[0] not in load_dialect(dialect).protected_types

    check()
    assert len(kinds) > 5


@settings(deadline=None)
@given(arrivals("emount", Role.LENS))
def test_chunks_are_a_stream_that_is_told_the_same(chunks: list[bytes]) -> None:
    one, whole = (FrameParser(EMOUNT, Role.LENS, EMOUNT.payload_parser()) for _ in range(2))
    events = [event for chunk in chunks for event in one.receive(chunk)] + one.close(GarbageReason.SOURCE_ENDED)
    assert events == whole.receive(b"".join(chunks)) + whole.close(GarbageReason.SOURCE_ENDED)


@given(near_misses("lmount", Role.LENS), noise("lmount", Role.BODY), streams("emount", Role.BODY))
def test_bytes_are_bytes(miss: bytes, some: bytes, stream: bytes) -> None:
    assert miss
    assert some
    events = FrameParser(EMOUNT, Role.BODY, EMOUNT.payload_parser()).receive(stream)
    assert sum(len(getattr(event, "raw", b"") or getattr(event, "data", b"")) for event in events) <= len(stream)


@given(faults("emount"), faults("lmount", latest=0.1))
def test_faults_fit_the_mount_and_end(one: Fault, other: Fault) -> None:
    FaultPlan([one]).check(EMOUNT)
    FaultPlan([other]).check(LMOUNT)
    assert other.end_time != NEVER
    assert other.at <= 0.1
    assert parse_fault(format_fault(one)) == one


@settings(max_examples=12)
@given(sessions("lmount", max_steps=12))
def test_sessions_play_and_both_ends_find_back(story: Scenario) -> None:
    assert run_scenario(story).violations == []


@settings(max_examples=12)
@given(sessions("emount", bodies=["a6000"], lenses=["loxia-21"], scripts=["sleep"], max_steps=8))
def test_sessions_take_the_profiles_that_they_are_given(story: Scenario) -> None:
    assert (story.body, story.lens, story.script) == ("a6000", "loxia-21", "sleep")
    assert run_scenario(story).violations == []


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
