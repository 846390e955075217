"""Both ends under any bytes, edges and times, in any state: no error but a `MountError`, and they find back."""

from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.body.engine import BodyEngine
from lensmount_emulator.roles.lmount.lens.engine import LensEngine
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.lines import DRIVERS
from lensmount_protocol.wire import LineChanged, Received, Role, Transmit, WireEvent

LMOUNT = load_dialect("lmount")
CAST = get_roles("lmount")
BODY, LENS = "panasonic-s1r", "panasonic-s-pro-70-200mm-f2.8"
CLASSES = [cls for cls in LMOUNT.messages.values() if cls.TYPE not in LMOUNT.protected_types]


def body_engine(script: str = "") -> BodyEngine:
    engine = CAST.make_engine(load_profile(BODY).settings, None, None, parse_script(script, CAST.verbs))
    assert isinstance(engine, BodyEngine)
    return engine


def lens_engine() -> LensEngine:
    engine = CAST.make_engine(load_profile(LENS).settings, None, None, ())
    assert isinstance(engine, LensEngine)
    return engine


def frames_of(role: Role) -> st.SearchStrategy[bytes]:
    """Valid frames with any message of a role and any values in it."""
    own = [cls for cls in CLASSES if cls.SENDER is role]

    def build(which: Any, seed: int, class_: int, sequence: int) -> bytes:
        return LMOUNT.build_frame(message_bytes(which, Random(seed)), class_, sequence)

    return st.builds(build, st.sampled_from(own), st.integers(0, 10_000), st.integers(1, 4), st.integers(0, 255))


def bytes_of(role: Role) -> st.SearchStrategy[bytes]:
    whole = frames_of(role)
    cut = st.builds(lambda frame, size: frame[: max(1, len(frame) - size)], whole, st.integers(1, 30))
    flipped = st.builds(
        lambda frame, at, bit: bytes(
            byte ^ (1 << bit) * (place == at % len(frame)) for place, byte in enumerate(frame)
        ),
        whole,
        st.integers(0, 500),
        st.integers(0, 7),
    )
    return st.one_of(whole, cut, flipped, st.binary(min_size=1, max_size=60))


def events_from(role: Role) -> st.SearchStrategy[WireEvent]:
    lines = [line for line, driver in DRIVERS.items() if driver is role]
    changes = st.builds(LineChanged, st.sampled_from(lines), st.booleans())
    return st.one_of(changes, st.builds(Received, bytes_of(role)))


PAUSES = st.sampled_from([0.0, 1e-5, 2e-4, 3e-3, 2e-2, 0.3])


@given(timed=st.lists(st.tuples(events_from(Role.BODY), PAUSES), max_size=25))
def test_a_lens_survives_anything_that_a_body_may_do(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(lens_engine(), [(LineChanged("V_LOGIC", True), 0.0), *timed], "V_LOGIC")


@given(timed=st.lists(st.tuples(events_from(Role.BODY), PAUSES), max_size=25))
def test_a_lens_without_power_stays_at_rest(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(
        lens_engine(), [(event, pause) for event, pause in timed if event != LineChanged("V_LOGIC", True)], "V_LOGIC"
    )


@given(timed=st.lists(st.tuples(events_from(Role.LENS), PAUSES), max_size=25))
def test_a_body_survives_anything_that_a_lens_may_do(survive: Any, timed: list[tuple[WireEvent, float]]) -> None:
    survive(body_engine(), [(LineChanged("DETECT", False), 0.0), *timed], "V_LOGIC")


MOMENTS = st.floats(0.0, 1.2, allow_nan=False)
NOISES = st.lists(
    st.tuples(MOMENTS, st.sampled_from(list(Role)).flatmap(lambda r: st.tuples(st.just(r), bytes_of(r)))), max_size=5
)
SCRIPT = "wait 0.1; focus near; aperture f/8; sleep; wait 0.1; wake; focus far"


@given(NOISES)
@example([(1.0, (Role.BODY, bytes.fromhex("e0080002070305003c344c411eb185")))])
@example([(0.5, (Role.BODY, LMOUNT.build_frame(bytes.fromhex("0402006300"), 3, 7)))])
@example([(0.5, (Role.BODY, LMOUNT.build_frame(bytes.fromhex("0305000500c20100"), 3, 7)))])
def test_whatever_stands_on_the_wire_they_stream_again(noises: list[tuple[float, tuple[Role, bytes]]]) -> None:
    """Noise, frames of a third party, orders that nobody gave: at the end the lens reports, and both know it."""
    body, lens = body_engine(SCRIPT), lens_engine()
    notices: list[Notice] = []
    bench = VirtualSession(LMOUNT, body, lens, on_notice=notices.append)
    bench.start()
    for at, (role, data) in sorted(noises, key=lambda noise: noise[0]):
        bench.run(at)
        if bench.mount.levels["V_LOGIC"]:
            bench.mount.apply(role, Transmit(data))
    bench.run(12.0, stop_when=lambda: body.done)
    assert body.done, [notice.text for notice in notices][-5:]
    # The last noise may have come just now, and be found out only when the reports stop.
    bench.run(bench.now + 1.5)
    reports = body.lens_info.reports
    bench.run(bench.now + 0.5)
    assert body.lens_info.reports > reports + 20, [notice.text for notice in notices][-5:]
    assert {body.connection.state, lens.connection.state} <= {"READY", "ASKED"}


@pytest.mark.parametrize("line", ["V_DRIVE", "V_LOGIC"])
def test_a_supply_that_breaks_down_at_any_moment_is_survived(line: str) -> None:
    """Rails lost in the midst of anything: the lens is at rest or homes, and the session goes on or starts again."""
    for moment in range(30, 1500, 70):
        body, lens = body_engine("wait 0.1; focus near; focus far"), lens_engine()
        bench = VirtualSession(LMOUNT, body, lens)
        bench.start()
        bench.run(moment / 1000)
        if bench.mount.levels[line]:
            body.drive(line, False)
            bench.run(bench.now + 0.004)
            body.drive(line, True)
        bench.run(15.0, stop_when=lambda body=body: body.done)  # type: ignore[misc]
        assert body.done, moment
        assert bench.mount.violations == [], moment
