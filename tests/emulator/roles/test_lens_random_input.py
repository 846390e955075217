"""A lens engine under any bytes, edges and times: no error but a `MountError`, lines never driven without power."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_protocol.dialects.emount.dialect import MESSAGES
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.dialects.emount.lines import DRIVERS
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent

LENS = load_profile("sel55210").settings
BODY = load_profile("a6000").settings
assert isinstance(LENS, LensSettings)
assert isinstance(BODY, BodySettings)


def frames_of(role: Role) -> st.SearchStrategy[bytes]:
    payloads = [cls().build() for cls in MESSAGES if cls.SENDER is role and cls.SIZE < 250]
    return st.builds(
        build_frame,
        st.lists(st.sampled_from(payloads), min_size=1, max_size=3).map(b"".join),
        st.sampled_from([1, 2]),
        st.integers(0, 255),
    )


def events_from(role: Role) -> st.SearchStrategy[WireEvent]:
    lines = [line for line, driver in DRIVERS.items() if driver is role]
    return st.one_of(
        st.builds(LineChanged, st.sampled_from(lines), st.booleans()),
        st.builds(Received, st.binary(min_size=1, max_size=40)),
        st.builds(Received, frames_of(role)),
    )


PAUSES = st.sampled_from([0.0, 1e-5, 2e-4, 3e-3, 2e-2, 0.3])


@given(timed=st.lists(st.tuples(events_from(Role.BODY), PAUSES), max_size=25))
def test_a_lens_survives_anything_that_a_body_may_do(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(LensEngine(LENS), [(LineChanged("VCC", True), 0.0), *timed], "VCC")


@given(timed=st.lists(st.tuples(events_from(Role.BODY), PAUSES), max_size=25))
def test_a_lens_without_power_stays_at_rest(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(LensEngine(LENS), [(event, pause) for event, pause in timed if event != LineChanged("VCC", True)], "VCC")


@given(timed=st.lists(st.tuples(events_from(Role.LENS), PAUSES), max_size=25))
def test_a_body_survives_anything_that_a_lens_may_do(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(BodyEngine(BODY), [(LineChanged("XDETECT", False), 0.0), *timed], "VCC")
