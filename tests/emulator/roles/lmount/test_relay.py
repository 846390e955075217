"""An accessory that speaks, on hand-made ends: lines, windows, garbage, floods, and the loss of power."""

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lensmount_emulator.engine.dialect_roles import DeviceSpec
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step
from lensmount_emulator.mount.virtual_mount import VirtualMount
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.lmount.accessories.relay import MAX_QUEUED, BaudrateSwitch, RelayEngine, make_relay
from lensmount_emulator.scheduler import Scheduler
from lensmount_emulator.verification.codec_equivalence import message_bytes
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomState
from lensmount_protocol.dialects.lmount.framing import CYCLE, MAX_SIZE, ORDER, build_frame
from lensmount_protocol.dialects.lmount.identity import IdentityRequest, LensCapabilities
from lensmount_protocol.dialects.lmount.link import CommandDone, SetBaudrateCommand
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.payload import build_payload
from lensmount_protocol.wire import Burst, DriveLine, Edge, Role, SetBaudrate, Transmit, WireEvent, WireRecord

LMOUNT = load_dialect("lmount")
PROFILE = load_profile("panasonic-stc14")
PIECE = DeviceSpec(PROFILE.name, PROFILE.title, PROFILE.dialect, PROFILE.settings)


class Wired:
    """A converter between two mounts, and hands at the ends."""

    def __init__(self) -> None:
        self.accessory = make_relay(PIECE, lambda _end: None)
        self.scheduler = Scheduler()
        self.records: dict[str, list[WireRecord]] = {"near": [], "far": []}
        self.notices: list[Notice] = []
        self.heard: list[WireEvent] = []
        self.mounts: dict[str, VirtualMount] = {}
        for side, engine in (("near", self.accessory.near), ("far", self.accessory.far)):
            mount = VirtualMount(LMOUNT, self.records[side].append, self.scheduler)
            mount.connect(engine.role, engine.receive)
            engine.connect(self.scheduler, mount.port(engine.role), self.notices.append)
            engine.start(0.0)
            self.mounts[side] = mount
        self.mounts["far"].attach(0.0)
        self.mounts["near"].attach(0.0, grounded=self.accessory.near.asserts_detect)

    def run(self, seconds: float = 0.0) -> "Wired":
        self.scheduler.run(self.scheduler.now + seconds)
        return self

    def body(self, *actions: Any) -> "Wired":
        for action in actions:
            self.mounts["near"].apply(Role.BODY, action)
        return self.run()

    def lens(self, *actions: Any) -> "Wired":
        for action in actions:
            self.mounts["far"].apply(Role.LENS, action)
        return self.run()

    def powered(self) -> "Wired":
        self.run()
        return self.body(*(DriveLine(line, True) for line in ("V_LOGIC", "TXD", "FSYNC"))).lens(DriveLine("RXD", True))

    def window(self, role: Role, data: bytes, hold: float = 5e-6) -> "Wired":
        """A frame in its window, as either end sends it."""
        act, line = (self.body, "BODY_ATT") if role is Role.BODY else (self.lens, "LENS_ATT")
        act(DriveLine(line, True)).run(10e-6)
        act(Transmit(data)).run(len(data) * 10 / 115_200 + hold)
        return act(DriveLine(line, False))

    def edges(self, side: str, line: str) -> list[tuple[float, bool]]:
        return [(edge.at, edge.level) for edge in self.records[side] if isinstance(edge, Edge) and edge.line == line]

    def bursts(self, side: str, role: Role) -> list[bytes]:
        return [burst.data for burst in self.records[side] if isinstance(burst, Burst) and burst.sender is role]

    @property
    def violations(self) -> list[str]:
        return [*self.mounts["near"].violations, *self.mounts["far"].violations]


def test_the_detect_line_is_a_wire() -> None:
    wired = Wired().run()
    assert not wired.mounts["near"].levels["DETECT"]
    wired.mounts["far"].detach(0.0)
    assert wired.run().mounts["near"].levels["DETECT"]
    wired.mounts["near"].detach(0.0)
    wired.mounts["far"].attach(0.0)
    # What is not on the body touches nothing there.
    assert wired.run().mounts["near"].levels["DETECT"]
    wired.mounts["near"].attach(0.0, grounded=wired.accessory.near.asserts_detect)
    assert not wired.run().mounts["near"].levels["DETECT"]


@pytest.mark.parametrize("line", ["V_DRIVE", "FSYNC", "TXD", "BODY_ATT"])
def test_lines_of_the_body_pass_at_once(line: str) -> None:
    wired = Wired().powered()
    wired.body(DriveLine(line, False), DriveLine(line, True)).run(0.01).body(DriveLine(line, False))
    assert wired.edges("far", line) == wired.edges("near", line)
    assert wired.edges("far", line)


@pytest.mark.parametrize("line", ["RXD", "LENS_ATT"])
def test_lines_of_the_lens_pass_at_once(line: str) -> None:
    wired = Wired().powered().lens(DriveLine(line, True)).run(0.01).lens(DriveLine(line, False))
    assert wired.edges("near", line) == wired.edges("far", line)
    assert len(wired.edges("near", line)) == 2


def test_before_there_is_power_nothing_passes() -> None:
    wired = Wired().run().body(DriveLine("TXD", True), DriveLine("BODY_ATT", True))
    assert not wired.mounts["far"].levels["BODY_ATT"]
    assert wired.violations == []


@pytest.mark.parametrize("role", Role)
def test_a_window_opens_with_the_other_one_and_is_held_until_the_frame_is_out(role: Role) -> None:
    message = ApertureDrive(number=3, target=1000) if role is Role.BODY else ZoomState(focal_length_um=100_000)
    here, there = ("near", "far") if role is Role.BODY else ("far", "near")
    line = LMOUNT.select_line(role)
    wired = Wired().powered().window(role, build_frame(message.build(), ORDER, 0x5A)).run(0.01)
    (opened, _), (closed, _) = wired.edges(here, line)
    (opened_there, _), (closed_there, _) = wired.edges(there, line)
    (burst,) = (burst for burst in wired.records[there] if isinstance(burst, Burst))
    assert opened_there == opened
    assert burst.at is not None
    assert burst.end is not None
    assert closed - 5e-6 <= burst.at <= closed + 10e-6
    assert closed_there == pytest.approx(burst.end + 5e-6)
    (frame,) = (event for event in Decoder(LMOUNT).decode(wired.records[there]) if isinstance(event, DecodedFrame))
    assert (frame.frame.sequence, frame.frame.class_) == (0x5A, ORDER)
    if role is Role.BODY:
        assert frame.messages == [ApertureDrive(number=3, target=1000 - 249)]
    else:
        assert frame.messages == [ZoomState(focal_length_um=140_000)]


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(
    "data",
    [
        bytes.fromhex("e00500"),
        b"\xe0" * 12,
        build_frame(IdentityRequest(number=1).build(), ORDER, 1)[:-1] + b"\x00",
        build_frame(bytes.fromhex("790100aa"), ORDER, 9),
        build_frame(bytes.fromhex("080300"), ORDER, 9),
    ],
    ids=["cut", "noise", "damaged", "unknown", "too short a message"],
)
def test_an_accessory_hides_no_fault(role: Role, data: bytes) -> None:
    wired = Wired().powered().window(role, data).run(0.02)
    here, there = ("near", "far") if role is Role.BODY else ("far", "near")
    assert b"".join(wired.bursts(there, role)) == b"".join(wired.bursts(here, role)) == data


def test_what_grows_beyond_a_frame_goes_on_as_it_came() -> None:
    strange = bytes.fromhex("fb") + (MAX_SIZE[Role.LENS] - 50).to_bytes(2, "little") + bytes(MAX_SIZE[Role.LENS] - 50)
    data = build_frame(LensCapabilities(number=1).build() + strange, ORDER, 3)
    assert len(data) <= MAX_SIZE[Role.LENS] < len(data) + 10
    wired = Wired().powered().window(Role.LENS, data).run(0.2)
    assert wired.bursts("near", Role.LENS) == [data]
    assert any("more than a frame holds" in notice.text for notice in wired.notices)


@pytest.mark.parametrize(("over", "rewritten"), [(0, True), (1, False)])
def test_a_frame_that_just_fits_is_rewritten(over: int, rewritten: bool) -> None:
    def lens_frame(size: int) -> bytes:
        strange = bytes.fromhex("fb") + size.to_bytes(2, "little") + bytes(size)
        return build_frame(LensCapabilities(number=1).build() + strange, ORDER, 3)

    small = lens_frame(1)
    (grown,) = Wired().powered().window(Role.LENS, small).run(0.2).bursts("near", Role.LENS)
    assert len(grown) > len(small)
    data = lens_frame(1 + MAX_SIZE[Role.LENS] - len(grown) + over)
    (passed,) = Wired().powered().window(Role.LENS, data).run(0.2).bursts("near", Role.LENS)
    assert len(passed) == (MAX_SIZE[Role.LENS] if rewritten else len(data))
    assert (passed != data) is rewritten


def test_reports_that_would_come_too_late_are_left_out_and_answers_are_not() -> None:
    wired = Wired().powered()
    report, answer = build_frame(ZoomState().build(), CYCLE, 2), build_frame(CommandDone(number=1).build(), ORDER, 3)
    long = build_frame(bytes.fromhex("fb") + (300).to_bytes(2, "little") + bytes(300), ORDER, 1)
    wired.window(Role.LENS, long)
    wired.body(DriveLine("FSYNC", False)).run(50e-6)
    wired.window(Role.LENS, report).run(20e-6).window(Role.LENS, answer).run(0.1)
    assert wired.bursts("near", Role.LENS) == [long, answer]
    assert not wired.mounts["near"].levels["LENS_ATT"]


@pytest.mark.parametrize("known", [True, False])
def test_both_ends_switch_one_millisecond_behind_the_acceptance(known: bool) -> None:
    wired = Wired().powered()
    order = SetBaudrateCommand(number=5, baudrate=750_000 if known else 9_600)
    wired.window(Role.BODY, build_frame(order.build(), ORDER, 0)).run(0.003)
    accepted = CommandDone(number=5, order=SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED)
    wired.window(Role.LENS, build_frame(accepted.build(), ORDER, 0))
    ends = wired.accessory.near, wired.accessory.far
    wired.run(0.9e-3)
    assert [end.baudrate for end in ends] == [115_200, 115_200]
    wired.run(0.2e-3)
    assert [end.baudrate for end in ends] == [115_200, 750_000 if known else 115_200]
    wired.run(2e-3)
    assert [end.baudrate for end in ends] == [750_000 if known else 115_200] * 2
    wired.body(DriveLine("V_LOGIC", False))
    assert [end.baudrate for end in ends] == [115_200, 115_200]


def test_a_flood_of_windows_is_bounded_and_every_window_that_opened_closes() -> None:
    wired = Wired().powered()
    wired.mounts["far"].apply(Role.LENS, SetBaudrate(115_200))
    frame = build_frame(bytes.fromhex("fb") + (900).to_bytes(2, "little") + bytes(900), ORDER, 1)
    wired.window(Role.LENS, frame)
    for _ in range(4 * MAX_QUEUED):
        wired.lens(DriveLine("LENS_ATT", True)).run(11e-6).lens(DriveLine("LENS_ATT", False)).run(11e-6)
    assert any("too much at once" in notice.text for notice in wired.notices)
    wired.run(0.3)
    levels = [level for _, level in wired.edges("near", "LENS_ATT")]
    assert levels == [True, False] * (len(levels) // 2)
    assert len(levels) < 4 * MAX_QUEUED
    wired.window(Role.LENS, build_frame(CommandDone(number=1).build(), ORDER, 2)).run(0.01)
    assert wired.bursts("near", Role.LENS)[-1] == build_frame(CommandDone(number=1).build(), ORDER, 2)


def test_a_flood_of_accepted_rates_is_bounded_with_the_frames_before_them() -> None:
    near = Wired().powered().accessory.near
    assert isinstance(near, RelayEngine)
    for _ in range(4 * MAX_QUEUED):
        near.forward(bytes(900), near.now)
        near.forward(BaudrateSwitch(750_000), near.now)
    assert len(near._queue) == MAX_QUEUED


@pytest.mark.parametrize("role", Role)
def test_without_power_all_lines_rest_and_nothing_waits(role: Role) -> None:
    data = build_frame(bytes.fromhex("fb") + (300).to_bytes(2, "little") + bytes(300), ORDER, 1)
    wired = Wired().powered().window(role, data).run(0.005)
    wired.body(*(DriveLine(line, False) for line in ("BODY_ATT", "V_DRIVE", "FSYNC", "TXD", "V_LOGIC")))
    wired.lens(DriveLine("RXD", False), DriveLine("LENS_ATT", False)).run(0.2)
    for mount in wired.mounts.values():
        assert not any(level for line, level in mount.levels.items() if line != "DETECT")
    here, there = ("near", "far") if role is Role.BODY else ("far", "near")
    assert wired.bursts(here, role) == [data]
    assert 0 < len(b"".join(wired.bursts(there, role))) < len(data)
    assert not wired.accessory.near.sending
    assert not wired.accessory.far.sending
    assert wired.violations == []


def test_a_hand_at_the_lens_turns_to_what_the_body_will_see() -> None:
    hand = Wired().accessory.translate_control
    assert hand(Step("zoom", "zoom 280", 280_000)).value == 200_000
    assert hand(Step("ring", "ring f/5.6", 1272)).value == 1272 - 249
    assert hand(Step("ring", "ring A", None)).value is None
    step = Step("press", "press afl", None)
    assert hand(step) is step


def actions_of(role: Role) -> st.SearchStrategy[Any]:
    line = LMOUNT.select_line(role)
    own = [cls for cls in LMOUNT.messages.values() if cls.SENDER is role]
    frames = st.builds(
        lambda which, seed, class_: build_frame(message_bytes(which, Random(seed)), class_, seed & 0xFF),
        st.sampled_from(own),
        st.integers(0, 10_000),
        st.integers(1, 4),
    )
    return st.one_of(
        st.builds(DriveLine, st.just(line), st.booleans()),
        st.builds(Transmit, st.one_of(frames, st.binary(min_size=1, max_size=30))),
        st.builds(SetBaudrate, st.sampled_from(LMOUNT.wiring.baudrates)),
        st.builds(DriveLine, st.sampled_from(["FSYNC", "V_DRIVE", "V_LOGIC"]), st.booleans())
        if role is Role.BODY
        else st.builds(DriveLine, st.just("RXD"), st.booleans()),
    )


DEEDS = st.one_of(*(st.tuples(st.just(role), actions_of(role), st.floats(0, 5e-3)) for role in Role))


@settings(max_examples=60, deadline=None)
@given(st.lists(DEEDS, max_size=25))
def test_whatever_is_done_at_either_end_it_passes_a_frame_again(deeds: list[tuple[Role, Any, float]]) -> None:
    wired = Wired().powered()
    for role, action, pause in deeds:
        (wired.body if role is Role.BODY else wired.lens)(action).run(pause)
    wired.body(DriveLine("BODY_ATT", False), DriveLine("V_LOGIC", False)).run(0.5)
    for side, role in (("near", Role.BODY), ("far", Role.LENS)):
        wired.mounts[side].apply(role, SetBaudrate(115_200))
    wired.lens(DriveLine("LENS_ATT", False)).powered().run(0.01)
    frame = build_frame(build_payload([CommandDone(number=1)]), ORDER, 2)
    wired.window(Role.LENS, frame).run(0.1)
    assert wired.bursts("near", Role.LENS)[-1] == frame
