"""What a profile's `[behaviour]` and `[service]` change, each against the default of the same lens."""

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from lensmount_emulator.engine.script import Step
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.behaviour import Behaviour
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.aperture import ApertureAnswer, ApertureOrder
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState, RowSelect
from lensmount_protocol.dialects.emount.focus import (
    FocusAnswer1E,
    FocusAnswer34,
    FocusLimitDrive,
    FocusMove,
    FocusMoved,
    FocusOrder1E,
    FocusOrder34,
    FocusScan,
    FocusScanned,
    FocusStop,
    FocusStopped,
    PositionToDistance,
)
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.dialects.emount.identification import DescriptorRequest, Query0B, Query09
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.lines import BODY_CS, VCC, VD
from lensmount_protocol.dialects.emount.service import (
    OpticsReply28,
    OpticsRequest28,
    Query26,
    Refusal,
    ServiceCommand40,
    ServiceReply40,
)
from lensmount_protocol.dialects.emount.startup_shutdown import StartUpReply, StartUpRequest, StreamLayoutRequest
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.timing import TimingResult
from lensmount_protocol.wire import LineChanged, Received, Role, Transmit

EMOUNT = load_dialect("emount")
PERIOD = 16.684e-3


def settings_of(name: str, **behaviour: Any) -> LensSettings:
    settings = load_profile(name).settings
    assert isinstance(settings, LensSettings)
    changed = msgspec.structs.replace(settings.behaviour, **behaviour)
    return msgspec.structs.replace(settings, behaviour=changed)


@dataclass
class Mounted:
    """A lens with every line, and a body that a test moves: power, handshake, frames of the loop, requests."""

    settings: LensSettings
    now: float = 0.0
    sent: list[tuple[float, AnyMessage]] = field(default_factory=lambda: list[tuple[float, AnyMessage]]())
    number: int = 0

    def __post_init__(self) -> None:
        self.lens = LensEngine(self.settings)
        self.lens.start(0.0)
        self.power(True)

    def power(self, level: bool) -> None:
        self.line(VCC, level)
        if level:
            self.line(VD, True)
            self.wait(0.15)
            self.line(BODY_CS, True)
            self.wait(0.03)
            self.line(BODY_CS, False)
            self.wait(0.02)

    def line(self, name: str, level: bool) -> None:
        self.lens.receive(LineChanged(name, level), self.now)
        self.collect()

    def collect(self) -> None:
        for action in self.lens.actions():
            if isinstance(action, Transmit):
                parsed = EMOUNT.payload_parser().parse(Role.LENS, action.data[5:-3])
                self.sent += [(self.now, message) for message in parsed]
        list(self.lens.notices())

    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.lens.next_deadline()) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            self.lens.handle_deadline(self.now)
            self.collect()
        self.now = until

    def window(self, data: bytes, *, selects: bool = True) -> None:
        if selects:
            self.line(BODY_CS, True)
        self.lens.receive(Received(data), self.now)
        self.collect()
        if selects:
            self.line(BODY_CS, False)

    def ask(self, *requests: Message, seconds: float = 1.0) -> list[AnyMessage]:
        """Send requests back to back, and return what the lens sends within a time."""
        before = len(self.sent)
        for request in requests:
            self.window(build_frame(request.build(), 2, 0))
        self.wait(seconds)
        return [message for _, message in self.sent[before:]]

    def frame(
        self, *orders: Message, state: bool = True, mode: bool = True, focus_mode: int = 0x83
    ) -> list[AnyMessage]:
        """One period: a pulse, and the body's two frames; returns what the lens sends in it."""
        before = len(self.sent)
        self.line(VD, False)
        self.line(VD, True)
        self.wait(8.5e-3)
        self.number = (self.number + 1) % 0xF0
        if state:
            self.window(build_frame(BodyState(aperture_target=0x1468, control=0x1C).build(), 1, self.number))
        self.wait(1e-3)
        if mode:
            payload = b"".join(one.build() for one in (BodyMode(focus_mode=focus_mode), *orders))
            self.window(build_frame(payload, 1, self.number))
        self.wait(PERIOD - 9.5e-3)
        return [message for _, message in self.sent[before:]]

    def stream(self) -> "Mounted":
        assert self.ask(StreamLayoutRequest(), seconds=0.05)
        return self

    def frames(self, count: int, **words: Any) -> list[AnyMessage]:
        return [message for _ in range(count) for message in self.frame(**words)]


def kinds(messages: list[AnyMessage], *kept: type[Message]) -> list[str]:
    return [type(message).__name__ for message in messages if not kept or isinstance(message, kept)]


def last_focus(messages: list[AnyMessage]) -> FocusStatus:
    return [message for message in messages if isinstance(message, FocusStatus)][-1]


def sony(**behaviour: Any) -> Mounted:
    return Mounted(settings_of("sel55210", **behaviour))


def samyang(**behaviour: Any) -> Mounted:
    return Mounted(settings_of("samyang-135", **behaviour))


def test_refusal_lasts_until_the_supply_is_cut() -> None:
    lens = sony(refusals_last=True)
    assert kinds(lens.ask(Query26())) == ["Refusal"]
    assert kinds(lens.ask(Query0B())) == ["Refusal"]
    lens.power(False)
    lens.power(True)
    assert kinds(lens.ask(Query0B())) == ["Answer0B"]
    once = sony()
    assert kinds([*once.ask(Query26()), *once.ask(Query0B())]) == ["Refusal", "Answer0B"]


def test_lasting_refusal_answers_windows_of_the_loop_and_the_stream_goes_on() -> None:
    lens = sony(refusals_last=True).stream()
    lens.frame()
    lens.window(build_frame(Query26().build(), 2, 0))
    lens.wait(2e-3)
    said = lens.frames(3)
    assert kinds(said).count("Refusal") >= 3
    assert kinds(said, LensStatus, FocusStatus) == ["LensStatus", "FocusStatus"] * 3


def test_refusal_has_the_class_of_the_profile() -> None:
    for class_ in (2, 3):
        lens = LensEngine(settings_of("sel55210", refusal_class=class_), frozenset())
        lens.start(0.0)
        lens.receive(Received(build_frame(Query26().build(), 2, 0)), 0.0)
        while (deadline := lens.next_deadline()) is not None:
            lens.handle_deadline(deadline)
        assert [one.data[3] for one in lens.actions() if isinstance(one, Transmit)] == [class_]


@pytest.mark.parametrize("type_", [0x05, 0x4A, 0x30])
def test_type_without_a_size_locks_a_samyang_up(type_: int) -> None:
    lens = samyang().stream()
    assert lens.frames(3)
    lens.window(build_frame(bytes((type_,)).ljust(12, b"\0"), 2, 0))
    assert lens.frames(3) == []
    assert lens.ask(Query0B()) == []
    lens.power(False)
    lens.power(True)
    assert kinds(lens.ask(Query0B())) == ["Answer0B"]


@pytest.mark.parametrize("type_", [0x4B, 0x4C])
def test_type_with_a_size_and_no_effect_is_read_over(type_: int) -> None:
    lens = samyang()
    cls = EMOUNT.messages[(Role.BODY, type_)]
    assert lens.ask(cls()) == []
    assert kinds(lens.ask(Query0B())) == ["Answer0B"]


def test_second_pending_reply_is_lost_with_one_transmit_buffer() -> None:
    requests = (ServiceCommand40(main=ord("V")), Query0B())
    assert kinds(samyang().ask(*requests)) == ["ServiceReply40"]
    assert kinds(samyang(one_reply=False).ask(*requests)) == ["Answer0B"]


def test_bytes_outside_the_select_window_are_dropped() -> None:
    for selects, answers in ((True, []), (False, ["Answer0B"])):
        lens = sony(selects_bytes=selects)
        lens.window(build_frame(Query0B().build(), 2, 0), selects=False)
        lens.wait(0.3)
        assert kinds([message for _, message in lens.sent]) == answers
        assert kinds(lens.ask(Query0B())) == ["Answer0B"]


def test_receiver_waits_for_the_announced_length() -> None:
    for waits, answers in ((True, []), (False, ["Answer0B"])):
        lens = sony(awaits_length=waits)
        lens.window(b"\xf0\x20\x00\x02")
        lens.wait(0.3)
        before = len(lens.sent)
        lens.window(build_frame(Query0B().build(), 2, 0))
        lens.wait(0.3)
        assert [name for name in kinds([one for _, one in lens.sent[before:]]) if name != "Refusal"] == answers
        # The rest of the 32 bytes passes with this one.
        lens.window(bytes(24))
        lens.wait(0.3)
        assert "Answer0B" in kinds(lens.ask(Query0B()))


def test_stream_lets_a_pulse_pass_that_comes_too_soon_after_the_layout() -> None:
    settings = load_profile("viltrox-ef50").settings
    assert isinstance(settings, LensSettings)

    def measured(layout_us: float) -> TimingResult:
        timing = msgspec.structs.replace(settings.timing, reply={**settings.timing.reply, "0A": layout_us})
        changed = msgspec.structs.replace(settings, timing=timing)
        session = run_loopback("a6000", replace(load_profile("viltrox-ef50"), settings=changed), seconds=0.45)
        (found,) = [one for one in session.timing if one.rule.name == "stream starts"]
        assert len(found.intervals) == 1
        return found

    usual = settings.timing.reply["0A"]
    late = measured(usual + measured(usual).median_us - 300.0)
    assert not late.violations
    assert late.median_us > 16_000


def test_stream_answers_pairs() -> None:
    lens = samyang().stream()
    assert lens.frames(2, state=False, mode=False) == []
    assert kinds([*lens.frame(), *lens.frame(mode=False), *lens.frame(state=False, mode=False)]) == [
        "LensStatus", "FocusStatus", "LensStatus",
    ]  # fmt: skip
    # Without a pulse there is nothing.
    lens.window(build_frame(BodyState().build(), 1, 7))
    before = len(lens.sent)
    lens.wait(0.2)
    assert len(lens.sent) == before
    always = samyang(streams_pairs=False).stream()
    assert kinds(always.frames(2, state=False, mode=False)) == ["LensStatus", "FocusStatus"] * 2


def test_homing_needs_a_drive() -> None:
    assert samyang().ask(StartUpRequest(drives=0x13)) == []
    assert kinds(samyang(homes_by_drive=False).ask(StartUpRequest(drives=0x13))) == ["StartUpReply"]


def test_second_request_restarts_homing() -> None:
    lens = samyang()
    lens.window(build_frame(StartUpRequest().build(), 2, 0))
    lens.wait(0.5)
    began = lens.now
    assert kinds(lens.ask(StartUpRequest())) == ["StartUpReply"]
    at = next(at for at, message in lens.sent if isinstance(message, StartUpReply))
    assert at - began == pytest.approx(0.675, abs=0.01)


def test_homing_of_a_streaming_lens_stalls_without_pairs_and_sweeps_both_ends() -> None:
    lens = samyang().stream()
    lens.frames(2)
    lens.window(build_frame(StartUpRequest().build(), 2, 0))
    assert kinds(lens.frames(60, state=False, mode=False), StartUpReply) == []
    said = lens.frames(45)
    assert kinds(said, StartUpReply) == ["StartUpReply"]
    seen = [message.planned_position for message in said if isinstance(message, FocusStatus)]
    assert (min(seen), max(seen), seen[-1]) == (13723, 30988, 14623)


def test_layout_order_cancels_a_move_or_not() -> None:
    for stops, acknowledged in ((True, []), (False, ["FocusMoved"])):
        lens = sony(layout_stops_motors=stops).stream()
        lens.frames(2)
        lens.frame(FocusMove(operand=0x4400))
        lens.stream()
        assert kinds(lens.frames(8), FocusMoved) == acknowledged
        assert (lens.lens.motor.planned(float(lens.lens.stream.frame)) == 0x4400) is not stops


def test_replaced_move_is_acknowledged_or_not() -> None:
    for acknowledges, count in ((True, 2), (False, 1)):
        lens = sony(acknowledges_replaced=acknowledges).stream()
        lens.frames(2)
        said = [*lens.frame(FocusMove(operand=0x4400)), *lens.frame(FocusMove(operand=0x3F00)), *lens.frames(10)]
        assert len(kinds(said, FocusMoved)) == count


def test_three_acknowledgements_a_frame_and_one_of_a_kind() -> None:
    orders = (
        PositionToDistance(position=14623),
        PositionToDistance(position=20000),
        FocusStop(),
        FocusLimitDrive(speed=-1),
    )
    lens = samyang(acknowledgements_per_frame=1).stream()
    lens.frames(2)
    told = [kinds(lens.frame(*(orders if number == 0 else ()))) for number in range(4)]
    per_frame = [[name for name in names if name not in ("LensStatus", "FocusStatus")] for names in told]
    assert all(len(names) <= 1 for names in per_frame)
    assert "FocusStopped" in [name for names in per_frame for name in names]


def test_move_ends_beside_its_target() -> None:
    lens = samyang().stream()
    lens.frames(2)
    lens.frame(FocusMove(operand=15000))
    assert last_focus(lens.frames(4)).planned_position == 15005
    lens.frame(FocusMove(operand=14700))
    assert last_focus(lens.frames(4)).planned_position == 14695


def test_focus_passes_its_published_limits_by_the_reserve() -> None:
    lens = samyang().stream()
    lens.frames(2)
    lens.frame(FocusMove(operand=0))
    focus = last_focus(lens.frames(6))
    assert (focus.planned_position, focus.lower_limit, focus.upper_limit) == (13723, 13873, 30738)
    assert focus.state & 0x10


def test_refused_unit_and_stop_have_the_result_of_the_profile() -> None:
    for result in (0, 1):
        lens = sony(refused_unit_result=result, stop_result=result).stream()
        lens.frames(2)
        said = [*lens.frame(FocusMove(operand=1, flags=1)), *lens.frames(3), *lens.frame(FocusStop()), *lens.frames(3)]
        assert [one.result for one in said if isinstance(one, FocusMoved | FocusStopped)] == [result, result]


def test_long_move_is_cut_off_while_the_body_drives() -> None:
    for focus_mode, arrives in ((0x83, False), (0x81, True)):
        lens = samyang(move_pulses=20).stream()
        lens.frames(2, focus_mode=focus_mode)
        lens.frame(FocusMove(operand=30000), focus_mode=focus_mode)
        said = lens.frames(70, focus_mode=focus_mode)
        assert (last_focus(said).planned_position == 30005) is arrives
        assert kinds(said, FocusMoved) == ["FocusMoved"]


def test_scan_approaches_sweeps_and_returns() -> None:
    scan = FocusScan(window=2, divisor=1, flags=0x02, speed=0x88, limit_a=15200, limit_b=15000, run_out=50, run_up=60)
    lens = samyang().stream()
    lens.frames(2)
    said = [*lens.frame(scan), *lens.frames(40)]
    focus = [one for one in said if isinstance(one, FocusStatus)]
    phases = [one.scan_phase for one in focus]
    assert [phase for number, phase in enumerate(phases) if phase != ([None, *phases])[number]] == [
        0,
        0x10,
        0x20,
        0x30,
        0,
    ]
    positions = {
        phase: [one.planned_position for one in focus if one.scan_phase == phase] for phase in (0x10, 0x20, 0x30)
    }
    # The frame in which a leg ends shows the next one.
    assert (max(positions[0x20]), max(positions[0x30])) == (15260, 14950)
    assert focus[-1].planned_position == 14623
    assert kinds(said, FocusScanned) == ["FocusScanned"]


@pytest.mark.parametrize("scan", [FocusScan(divisor=0, speed=0x88), FocusScan(divisor=1, speed=0x48)])
def test_scan_whose_fields_a_samyang_refuses_ends_at_once(scan: FocusScan) -> None:
    lens = samyang().stream()
    lens.frames(2)
    said = [*lens.frame(scan), *lens.frames(2)]
    assert kinds(said, FocusScanned) == ["FocusScanned"]
    assert last_focus(said).planned_position == 14623


def test_aperture_order_moves_the_iris_of_a_samyang() -> None:
    lens = samyang()
    (answer,) = lens.ask(ApertureOrder(aperture=0x1400, aperture_other=0x1600, select=0x80))
    assert isinstance(answer, ApertureAnswer)
    assert (answer.aperture, answer.pair_15, answer.pair_13, lens.lens.iris.goal) == (0x11B2, 0xFF, 0xFF, 0x1600)
    other = sony()
    other.ask(ApertureOrder(aperture=0x1600))
    assert other.lens.iris.goal == 0x147D


@pytest.mark.parametrize(("flags", "aperture"), [(0x61, 0x11B2), (0xE1, 0)])
def test_optics_reply_has_an_aperture_only_where_the_body_wants_it(flags: int, aperture: int) -> None:
    lens = samyang()
    lens.ask(DescriptorRequest(flags_1=flags))
    (reply,) = lens.ask(OpticsRequest28())
    assert isinstance(reply, OpticsReply28)
    assert (reply.focal_length_dmm, reply.aperture) == (1350, aperture)


def test_long_move_order_answers_at_once_and_keeps_its_bound() -> None:
    lens = samyang().stream()
    lens.frames(2)
    lens.window(build_frame(FocusOrder34(operand=30000, bound=17).build(), 2, 0))
    said = lens.frames(6)
    (answer,) = [one for one in said if isinstance(one, FocusAnswer34)]
    assert answer.value == 30000
    assert last_focus(said).planned_position == 14623 + 384 + 5


def test_order_1e_is_answered_in_a_frame_of_its_own() -> None:
    lens = samyang().stream()
    lens.frames(2)
    assert kinds(lens.frame(FocusOrder1E()), FocusAnswer1E) == ["FocusAnswer1E"]
    silent = sony().stream()
    assert kinds(silent.frame(FocusOrder1E()), FocusAnswer1E) == []


def test_unequal_row_pair_is_echoed() -> None:
    lens = sony().stream()
    lens.frames(7)
    lens.window(build_frame(BodyState().build() + RowSelect(row_a=0x15, row_b=0x16).build(), 1, 9))
    status = [one for one in lens.frames(3) if isinstance(one, LensStatus)][-1]
    assert (status.row_index_a, status.row_index_b) == (0x15, 0x16)


def data_of(messages: list[AnyMessage]) -> list[tuple[str, int, str]]:
    replies = [message for message in messages if isinstance(message, ServiceReply40)]
    return [(chr(one.main), one.sub, one.data.rstrip(b"\0").hex()) for one in replies]


def test_service_channel_answers_after_61_ms() -> None:
    lens = samyang()
    began = lens.now
    assert data_of(lens.ask(ServiceCommand40(main=ord("V")))) == [("V", 0, "0105")]
    assert lens.sent[-1][0] - began == pytest.approx(61e-3, abs=1e-3)
    assert data_of(lens.ask(ServiceCommand40(main=ord("J"), sub=0x12))) == [("J", 0x12, "")]


def test_service_move_is_answered_when_the_motor_stands() -> None:
    lens = samyang()
    assert data_of(lens.ask(ServiceCommand40(main=ord("F"), sub=0xFB, data=(16384).to_bytes(16, "little")))) == [
        ("F", 0xFB, "")
    ]
    (reply,) = data_of(lens.ask(ServiceCommand40(main=ord("F"), sub=0xFA)))
    assert reply[2] == (16384 + 5).to_bytes(2, "little").hex()


def test_service_homing_ends_with_a_bare_start_up_reply() -> None:
    assert kinds(samyang().ask(ServiceCommand40(main=ord("F"), sub=0x32))) == ["StartUpReply"]


def test_controls_are_reported_after_the_service_command() -> None:
    lens = samyang()
    lens.lens.operate_control(Step("press", "press", None), lens.now)
    lens.wait(0.1)
    assert lens.sent == []
    lens.ask(ServiceCommand40(main=ord("M")))
    for step, data in ((Step("press", "press", None), "01"), (Step("switch", "switch 2", 2), "03")):
        lens.lens.operate_control(step, lens.now)
        before = len(lens.sent)
        lens.wait(0.1)
        assert data_of([one for _, one in lens.sent[before:]]) == [("W", 0, data)]


def test_lens_without_a_service_channel_refuses_its_commands() -> None:
    (refusal,) = sony().ask(ServiceCommand40(main=ord("V")))
    assert isinstance(refusal, Refusal)


def test_defaults_change_nothing() -> None:
    for name in ("sel55210", "sel2870", "viltrox-ef50", "voigtlander-15", "loxia-21"):
        settings = load_profile(name).settings
        assert isinstance(settings, LensSettings)
        assert settings.behaviour == Behaviour()
    assert kinds(sony().ask(Query09())) == ["Answer09"]
