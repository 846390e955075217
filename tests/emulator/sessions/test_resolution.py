"""Frames or bytes: whatever happens on a mount, both resolutions record the same, hear the same, and end the same."""

import io
import itertools
from collections import deque
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Struct

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.mount.virtual_mount import Resolution
from lensmount_emulator.profiles.library import all_profiles
from lensmount_emulator.roles.emount.body.engine import BodyEngine
from lensmount_emulator.roles.emount.body.script import VERBS
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.connection import Connection, ReceivedFrame
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.dialects.emount.body_status import BodyMode
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Burst, DriveLine, Role, SetBaudrate, Transmit, WireAction

PROFILES = {profile.name: profile for profile in all_profiles() if profile.dialect == "emount"}
BODIES = [name for name, profile in PROFILES.items() if profile.role is Role.BODY]
LENSES = [name for name, profile in PROFILES.items() if profile.role is Role.LENS]
RESOLUTIONS: tuple[Resolution, Resolution] = ("frame", "byte")

Deed = tuple[float, str | tuple[Role, WireAction]]
"""When, and what: the lens is put on or taken off, or somebody lays hands on the contacts."""


def state_of(thing: Any) -> Any:
    """What an engine remembers in its public attributes, as plain values; its link and its clock are left out."""
    if isinstance(thing, Random):
        return thing.getstate()
    if isinstance(thing, dict):
        return {str(key): state_of(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | deque):
        return [state_of(value) for value in thing]
    if isinstance(thing, Message):
        return type(thing).__name__, thing.values()
    if isinstance(thing, Struct | Dialect | Connection):
        return type(thing).__name__
    names = [*getattr(thing, "__slots__", ()), *getattr(thing, "__dict__", {})]
    if isinstance(thing, Enum) or not names:
        return thing
    return {name: state_of(getattr(thing, name)) for name in names if name[0] != "_" and name not in NOT_COMPARED}


NOT_COMPARED = ("now", "on_arrival", "operate_mount")
"""The time of the last event, which may have been a byte; what this test puts in the engine's way; and the bench."""


def play(
    resolution: Resolution, body: str, lens: str, script: str, seed: int | None, deeds: list[Deed], until: float
) -> dict[str, Any]:
    """Everything that a session came to."""
    settings = PROFILES[body].settings, PROFILES[lens].settings
    assert isinstance(settings[0], BodySettings)
    assert isinstance(settings[1], LensSettings)
    randoms = (None, None) if seed is None else (Random(f"{seed} body"), Random(f"{seed} lens"))
    engines: tuple[Engine, Engine] = (
        BodyEngine(settings[0], None, randoms[0], parse_script(script, VERBS)),
        LensEngine(settings[1], None, randoms[1]),
    )
    arrivals: list[tuple[Role, float, float, bytes]] = []
    for engine in engines:
        note_arrivals(engine, arrivals)
    file = io.BytesIO()
    notices: list[Notice] = []
    with RecordingWriter(file, {}) as recording:
        bench = VirtualSession(
            load_dialect("emount"), *engines, tap=recording.write, on_notice=notices.append, resolution=resolution
        )
        bench.start()
        for at, deed in sorted(deeds, key=lambda timed: timed[0]):
            bench.run(at)
            if deed == "detach":
                bench.mount.detach(bench.now)
            elif deed == "attach":
                bench.mount.attach(bench.now)
            elif not isinstance(deed, str):
                bench.mount.apply(*deed)
        bench.run(until)
        # In the middle of a burst an engine has its first bytes at one resolution, and none of them at the other.
        while (over := bench.mount.busy_until) > bench.now:
            bench.run(over)
    return {
        "recording": file.getvalue(),
        "notices": notices,
        "arrivals": arrivals,
        "levels": bench.mount.levels,
        "violations": bench.mount.violations,
        "states": [engine.connection.state for engine in engines],
        "engines": [state_of(engine) for engine in engines],
    }


def note_arrivals(engine: Engine, arrivals: list[tuple[Role, float, float, bytes]]) -> None:
    hear = engine.on_arrival

    def on_arrival(arrival: ReceivedFrame) -> None:
        arrivals.append((engine.role, engine.now, arrival.at, arrival.frame.raw))
        hear(arrival)

    engine.on_arrival = on_arrival  # type: ignore[method-assign]


def assert_the_same(
    body: str, lens: str, script: str, seed: int | None, deeds: list[Deed], until: float
) -> dict[str, Any]:
    by_frame, by_byte = (play(resolution, body, lens, script, seed, deeds, until) for resolution in RESOLUTIONS)
    for what, value in by_frame.items():
        assert value == by_byte[what], what
    return by_frame


@pytest.mark.parametrize(("body", "lens"), list(itertools.product(BODIES, LENSES)))
@pytest.mark.parametrize("seed", [None, 7])
def test_a_whole_session_is_the_same(body: str, lens: str, seed: int | None) -> None:
    script = "wait 0.15; focus +20; stop; aperture f/8; sleep; wait 0.05; wake; wait 0.1"
    outcome = assert_the_same(body, lens, script, seed, [], 2.5)
    assert len(outcome["arrivals"]) > 150


TIMES = st.floats(0.12, 1.6, allow_nan=False)
STEPS = st.sampled_from(["wait 0.02", "focus +20", "focus 0x4100", "stop", "aperture f/8", "frame 3", "sleep; wake"])
SESSIONS = {
    "body": st.sampled_from(BODIES),
    "lens": st.sampled_from(LENSES),
    "script": st.lists(STEPS, max_size=4).map("; ".join),
    "seed": st.none() | st.integers(0, 1000),
}


@given(**SESSIONS, times=st.lists(TIMES, max_size=4))
@example(body="a6000", lens="sel55210", script="", seed=None, times=[0.1713, 0.19, 1.0415])
@example(body="a6000", lens="viltrox-ef50", script="", seed=3, times=[0.2, 0.35, 1.5])
@example(body="a6000", lens="loxia-21", script="", seed=None, times=[1.0, 1.35546875])
def test_a_lens_taken_off_at_any_moment_is_the_same(
    body: str, lens: str, script: str, seed: int | None, times: list[float]
) -> None:
    deeds: list[Deed] = [(at, ("detach", "attach")[number % 2]) for number, at in enumerate(sorted(times))]
    assert_the_same(body, lens, script, seed, deeds, 1.7)


GOOD = build_frame(BodyMode().build(), 1, 7)
HURT = GOOD[:4] + b"\xf0" + GOOD[5:]
NOISE = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.lists(st.sampled_from([GOOD, HURT, GOOD[:9], b"\xf0", b"\xf0\x0a\x00", bytes(15), bytes(3)]), min_size=1).map(
        b"".join
    ),
)
ACTIONS = st.one_of(
    NOISE.map(Transmit),
    st.sampled_from([DriveLine("BODY_CS", level) for level in (True, False)]),
    st.sampled_from([DriveLine("LENS_CS", level) for level in (True, False)]),
    st.sampled_from([SetBaudrate(rate) for rate in (750_000, 1_500_000)]),
)


INSIDE = build_frame(bytes((0x0B,)), 2, 0)
SHAM = bytes((0xF0, 20, 0)) + bytes(12) + INSIDE[:5] + INSIDE[5:] + bytes(3)
"""No frame where its length field says so; a good one begins inside it and ends in what looks like padding."""


@example(
    body="a6000",
    lens="sel55210",
    script="",
    seed=None,
    hands=[(0.5, Role.BODY, [DriveLine("BODY_CS", True), Transmit(SHAM)])],
)
@given(**SESSIONS, hands=st.lists(st.tuples(TIMES, st.sampled_from(Role), st.lists(ACTIONS, max_size=4)), max_size=6))
def test_whatever_else_is_on_the_contacts_is_the_same(
    body: str, lens: str, script: str, seed: int | None, hands: list[tuple[float, Role, list[WireAction]]]
) -> None:
    # Hands move on by 50 µs, so that windows turn while bytes are on their way.
    deeds: list[Deed] = [
        (at + number * 50e-6, (role, action)) for at, role, actions in hands for number, action in enumerate(actions)
    ]
    assert_the_same(body, lens, script, seed, deeds, 1.8)


def test_bytes_before_the_cut_are_received_and_recorded() -> None:
    session = run_loopback(seconds=0.3)
    burst = next(record for record in session.records if isinstance(record, Burst) and record.sender is Role.LENS)
    assert burst.at is not None
    assert burst.end is not None
    middle = burst.byte_at(7)
    assert middle is not None
    cut = assert_the_same("a6000", "sel55210", "", None, [(middle + 1e-7, "detach")], 0.3)
    assert "7 bytes are no frame: window closed inside the frame" in [notice.text for notice in cut["notices"]]


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_a_recording_holds_bursts(resolution: Resolution) -> None:
    session = run_loopback(seconds=0.5, seed=1, resolution=resolution)
    bursts = [record for record in session.records if isinstance(record, Burst)]
    assert bursts
    assert all(len(burst.data) > 8 for burst in bursts)


def test_the_command_records_the_same_at_both_resolutions(tmp_path: Path) -> None:
    recordings: list[bytes] = []
    for resolution in RESOLUTIONS:
        path = tmp_path / f"{resolution}.lmx"
        words = ["loopback", "--do", "focus +20; sleep", "--seed", "7", "--quiet", "--resolution", resolution]
        assert main([*words, "--record", str(path)]) == 0
        recordings.append(path.read_bytes())
    assert recordings[0] == recordings[1]


def test_whoever_works_on_a_bench_may_plan_what_happens() -> None:
    settings = PROFILES["a6000"].settings, PROFILES["sel55210"].settings
    assert isinstance(settings[0], BodySettings)
    assert isinstance(settings[1], LensSettings)
    bench = VirtualSession(load_dialect("emount"), BodyEngine(settings[0]), LensEngine(settings[1]))
    bench.start()
    bench.scheduler.call_at(0.5, lambda mount, now: mount.detach(now), bench.mount)
    bench.run(0.6)
    assert not bench.mount.attached
    assert bench.lens.connection.state == "OFF"
