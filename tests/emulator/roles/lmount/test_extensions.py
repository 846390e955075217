"""Pages at both ends: what is agreed, what a lens answers, and what a body makes of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.optics import correction
from lensmount_emulator.roles.lmount.body.extensions import (
    REQUESTS,
    ExtensionResults,
    focus_sequence,
    make_focus_sequence,
    on_extension_report,
    points_per_frame,
    profile_request,
)
from lensmount_emulator.roles.lmount.ids import EXTENSIONS, agreed_extensions, extension_name, offered_extensions
from lensmount_emulator.roles.lmount.lens.extensions import (
    POWERS,
    ExtensionOptics,
    FastFocus,
    LensExtensions,
    handle_extension_command,
    poll_extension_reports,
)
from lensmount_protocol.dialects.lmount.extensions import (
    FAST_FOCUS,
    JOINT_CORRECTIONS,
    MAX_POINT_RATE_HZ,
    UNSCALED,
    BreathingCompensatedMove,
    CorrectionProfile,
    FocusSequence,
    FocusSequenceReport,
    FocusSequenceStop,
    ProfileRequest,
    SetPoint,
    parse_extension,
)
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionCommand, ExtensionId, ExtensionReport
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.dialects.lmount.types import CorrectionKind, Outcome, RejectionCode
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

BOTH = offered_extensions(["joint corrections", "fast focus"])
FULL_FRAME_UM = 43_267


@dataclass
class Motor:
    """A focus drive without inertia."""

    upper: int = 4000
    top: float = 100_000.0
    origin: float = 1000.0
    target: int = 1000
    began: float = 0.0
    speed: float = 1.0

    def set_target(self, target: int, now: float, speed: float = 0.0) -> float:
        self.origin, self.target, self.began = self._at(now), target, now
        self.speed = min(self.top, speed or self.top)
        return now + abs(target - self.origin) / self.speed

    def position(self, now: float) -> int:
        return round(self._at(now))

    def _at(self, now: float) -> float:
        left = (now - self.began) * self.speed
        way = self.target - self.origin
        return self.target if left >= abs(way) else self.origin + (left if way > 0 else -left)


@dataclass
class Clock:
    frame: int = 500
    frame_at: float = 10.0
    period: float = 1 / 60


def correct(kind: CorrectionKind, place: float, focal_um: int, distance_mm: int, f_number: float) -> list[int]:
    return [-1600 * kind, 400, round(100 * place), round(f_number)][: len(POWERS[kind])]


def lens_with(
    motor: Motor | None = None, scales: Sequence[int] = (32_768, 33_000, 34_000), clock: Clock | None = None
) -> LensExtensions:
    optics = ExtensionOptics((24_000, 70_000), 380, (512, 2048), FULL_FRAME_UM, correct)
    return LensExtensions(optics, clock or Clock(), FastFocus(motor or Motor(), scales))


def order(content: Message, page: int, number: int = 7) -> ExtensionCommand:
    return ExtensionCommand.parse(ExtensionCommand(number=number, page=page, content=content.build()).build())


def ask(lens: LensExtensions, content: Message, page: int = FAST_FOCUS, now: float = 10.001) -> list[Message]:
    answered = handle_extension_command(lens, order(content, page), BOTH, now)
    assert answered.reply == CommandDone(number=7, order=ExtensionCommand.TYPE, outcome=Outcome.DONE)
    return [parse_extension(page, Role.LENS, report.content) for report in answered.reports]


def refused(
    lens: LensExtensions, content: Message, page: int = FAST_FOCUS, now: float = 10.001
) -> tuple[RejectionCode, int]:
    answered = handle_extension_command(lens, order(content, page), BOTH, now)
    assert isinstance(answered.reply, CommandRejected)
    assert (answered.reply.number, answered.reply.order, answered.reports) == (7, ExtensionCommand.TYPE, ())
    return answered.reply.code, answered.reply.field_number


def reports_until(lens: LensExtensions, now: float) -> list[FocusSequenceReport]:
    contents = (
        parse_extension(FAST_FOCUS, Role.LENS, report.content)
        for report in poll_extension_reports(lens, FAST_FOCUS, now)
    )
    return [content for content in contents if isinstance(content, FocusSequenceReport)]


def test_what_both_have_is_agreed_in_the_lower_revision() -> None:
    assert agreed_extensions(BOTH, ["fast focus"]) == [ExtensionId(FAST_FOCUS, 1)]
    assert agreed_extensions(
        [ExtensionId(FAST_FOCUS, 9), ExtensionId(0x8001, 1), ExtensionId(FAST_FOCUS, 1)], ["fast focus"]
    ) == [ExtensionId(FAST_FOCUS, 1)]
    assert agreed_extensions([ExtensionId(FAST_FOCUS, 0)], ["fast focus"]) == []
    assert agreed_extensions([], ["fast focus"]) == agreed_extensions(BOTH, []) == []
    assert [extension_name(page.number) for page in BOTH] == list(EXTENSIONS)
    assert extension_name(0x8000) is None


def test_a_page_that_was_not_agreed_is_refused() -> None:
    answered = handle_extension_command(
        lens_with(), order(FocusSequenceStop(1), FAST_FOCUS), [ExtensionId(JOINT_CORRECTIONS, 1)], 0.0
    )
    assert answered.reply == CommandRejected(7, ExtensionCommand.TYPE, RejectionCode.NOT_AGREED)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", RejectionCode.UNKNOWN_MESSAGE),
        (b"\x55", RejectionCode.UNKNOWN_MESSAGE),
        (CorrectionProfile().build(), RejectionCode.UNKNOWN_MESSAGE),
        (ProfileRequest().build()[:-1], RejectionCode.DAMAGED),
        (ProfileRequest().build() + b"1", RejectionCode.DAMAGED),
    ],
)
def test_a_content_that_no_one_knows_is_refused(content: bytes, code: RejectionCode) -> None:
    answered = handle_extension_command(lens_with(), ExtensionCommand(7, JOINT_CORRECTIONS, content), BOTH, 0.0)
    assert answered.reply == CommandRejected(7, ExtensionCommand.TYPE, code)


@given(st.sampled_from([JOINT_CORRECTIONS, FAST_FOCUS, 3]), st.binary(max_size=40), st.floats(9.9, 10.2))
def test_any_content_has_one_answer(page: int, content: bytes, now: float) -> None:
    lens = lens_with()
    answered = handle_extension_command(lens, ExtensionCommand(7, page, content), BOTH, now)
    assert answered.reply.number == 7
    assert all(
        len(report.build()) < 1000 for report in [*answered.reports, *poll_extension_reports(lens, page, now + 10)]
    )


def test_a_joint_profile_is_for_the_setting_and_the_sensor() -> None:
    request = ProfileRequest(3, 47_000, 2_000, 1024)
    (profile,) = ask(lens_with(), request, JOINT_CORRECTIONS)
    assert profile == CorrectionProfile(
        3, 47_000, 2_000, 1024, 36_000, 24_000, 100, [-1600, 400, 50, 4], [-3200, 400, 50, 4], [-4800, 400, 50]
    )  # fmt: skip


def test_a_crop_takes_the_middle_of_the_profile() -> None:
    request = ProfileRequest(3, 47_000, 2_000, 1024, 18_000, 12_000)
    (profile,) = ask(lens_with(), request, JOINT_CORRECTIONS)
    assert isinstance(profile, CorrectionProfile)
    # Half of the radius: a quarter of what belongs to r², a sixteenth of r⁴.
    assert profile.distortion == [103, 100, 3, 0]
    assert profile.lateral_colour == [-3200, 100, 50, 1]
    assert profile.vignetting == [-1200, 25, 1]
    assert profile.confidence == 100


@pytest.mark.parametrize("r", [0.1, 0.5, 0.9, 1.0])
def test_a_crop_is_corrected_as_the_middle_of_the_whole_is(r: float) -> None:
    lens = lens_with()
    lens.optics = replace(lens.optics, correct=correction)
    whole, crop = (
        ask(lens, ProfileRequest(1, 24_000, 2_000, 512, *sides), JOINT_CORRECTIONS)[0]
        for sides in ((36_000, 24_000), (24_000, 16_000))
    )
    assert isinstance(whole, CorrectionProfile)
    assert isinstance(crop, CorrectionProfile)
    part = math.hypot(24, 16) * 1000 / FULL_FRAME_UM

    def light(profile: CorrectionProfile, at: float) -> float:
        return 1 + sum(value / 32_768 * at**power for value, power in zip(profile.vignetting, (2, 4, 6), strict=True))

    def moved(profile: CorrectionProfile, at: float) -> float:
        scale, *others = (value / 32_768 for value in profile.distortion)
        return (at + sum(value * at**power for value, power in zip(others, (3, 5, 7), strict=True))) / (1 + scale)

    assert light(crop, r) == pytest.approx(light(whole, r * part), abs=2e-4)
    assert moved(crop, 1) == pytest.approx(1, abs=1e-4)
    # But for the scale, which keeps another corner in its place.
    assert moved(crop, r) / moved(crop, 1) == pytest.approx(moved(whole, r * part) / moved(whole, part), abs=2e-4)


@pytest.mark.parametrize(
    ("request_", "confidence"),
    [
        (ProfileRequest(1, 20_000, 2_000, 1024), 75),
        (ProfileRequest(1, 80_000, 2_000, 1024), 75),
        (ProfileRequest(1, 47_000, 200, 1024), 75),
        (ProfileRequest(1, 20_000, 200, 0), 25),
        (ProfileRequest(1, 20_000, 200, 0, 44_000, 33_000), 0),
    ],
)
def test_a_setting_beyond_the_lens_costs_confidence(request_: ProfileRequest, confidence: int) -> None:
    (profile,) = ask(lens_with(), request_, JOINT_CORRECTIONS)
    assert isinstance(profile, CorrectionProfile)
    assert profile.confidence == confidence
    assert 24_000 <= profile.focal_length_um <= 70_000
    assert (profile.sensor_width_um, profile.sensor_height_um) == (
        request_.sensor_width_um,
        request_.sensor_height_um,
    )


@pytest.mark.parametrize(("sides", "number"), [((0, 24_000), 5), ((36_000, 0), 6)])
def test_a_sensor_without_a_side_is_refused(sides: tuple[int, int], number: int) -> None:
    request = ProfileRequest(1, 50_000, 2000, 1024, *sides)
    assert refused(lens_with(), request, JOINT_CORRECTIONS) == (RejectionCode.OUT_OF_RANGE, number)


def test_set_points_are_met_at_their_times_and_reported_by_frame() -> None:
    lens = lens_with()
    positions = [1000 + 10 * step for step in range(16)]
    assert ask(lens, make_focus_sequence(4, 502, positions, 8)) == []
    assert lens.fast_focus is not None
    assert lens.fast_focus.next_deadline == pytest.approx(10 + 2 / 60)
    assert reports_until(lens, 10 + 2.9 / 60 - 1 / 480) == []
    (first,) = reports_until(lens, 10 + 2.99 / 60)
    assert (first.run, first.frame, first.left, len(first.points)) == (4, 502, 8, 8)
    (second,) = reports_until(lens, 11)
    assert (second.frame, second.left) == (503, 0)
    assert [point.position for point in [*first.points, *second.points]] == positions
    assert {point.error for point in [*first.points, *second.points]} == {0}
    assert [point.at for point in first.points] == [8192 * part for part in range(8)]
    assert lens.fast_focus.next_deadline is None


def test_a_motor_that_is_too_slow_says_what_it_missed() -> None:
    lens = lens_with(Motor(top=300.0))
    ask(lens, make_focus_sequence(1, 501, [1000, 1100], 1), now=10.0)
    errors = [point.error for report in reports_until(lens, 11) for point in report.points]
    assert errors == [0, -95]


def test_a_run_goes_on_under_its_number_and_is_replaced_under_another() -> None:
    lens = lens_with()
    ask(lens, make_focus_sequence(1, 502, [1000, 1010], 1))
    ask(lens, make_focus_sequence(1, 504, [1020], 1))
    assert lens.fast_focus is not None
    assert [point.position for point in lens.fast_focus.waiting] == [1000, 1010, 1020]
    ask(lens, make_focus_sequence(2, 504, [900], 1))
    assert [point.position for point in lens.fast_focus.waiting] == [900]
    ask(lens, FocusSequenceStop(1))
    assert lens.fast_focus.waiting
    ask(lens, FocusSequenceStop(2))
    assert not lens.fast_focus.waiting
    assert reports_until(lens, 12) == []


def test_frames_are_counted_beyond_the_largest_number() -> None:
    lens = lens_with(clock=Clock(frame=65_535))
    ask(lens, make_focus_sequence(1, 65_536 + 1, [1000, 1001], 1))
    assert [report.frame for report in reports_until(lens, 11)] == [1, 2]


@pytest.mark.parametrize(
    "run",
    [
        FocusSequence(1, 502, []),
        FocusSequence(1, 500, [SetPoint(0, 0, 1000)]),
        FocusSequence(1, 499, [SetPoint(0, 0, 1000)]),
        FocusSequence(1, 502, [SetPoint(0, 0, 4001)]),
        FocusSequence(1, 502, [SetPoint(0, 0, 1000), SetPoint(0, 0, 1001)]),
        FocusSequence(1, 502, [SetPoint(0, 0, 1000), SetPoint(0, 8000, 1001)]),
        FocusSequence(1, 502, [SetPoint(1, 0, 1000), SetPoint(0, 0, 1001)]),
        make_focus_sequence(9, 502, [1000] * 100, 1),
    ],
    ids=["none", "now past", "past", "beyond", "same time", "too dense", "backwards", "too many"],
)
def test_a_run_that_cannot_be_is_refused_as_a_whole(run: FocusSequence) -> None:
    lens = lens_with()
    ask(lens, make_focus_sequence(9, 502, [1000] * 200, 2))
    before = list(lens.fast_focus.waiting) if lens.fast_focus else []
    assert refused(lens, run) == (RejectionCode.OUT_OF_RANGE, 3)
    assert lens.fast_focus is not None
    assert list(lens.fast_focus.waiting) == before


def test_a_compensated_move_is_even_and_tells_the_field_of_view() -> None:
    lens = lens_with()
    ask(lens, BreathingCompensatedMove(run=2, frame=502, frames=2, target=2000, points=4))
    first, second, last = reports_until(lens, 11)
    assert [point.position for report in (first, second, last) for point in report.points] == [
        1125, 1250, 1375, 1500, 1625, 1750, 1875, 2000,
    ]  # fmt: skip
    assert [report.frame for report in (first, second, last)] == [502, 503, 504]
    assert last.points[-1].scale == 33_000
    assert first.points[0].scale == round(32_768 + 232 * 1125 / 2000)


@pytest.mark.parametrize(
    ("move", "code", "number"),
    [
        (BreathingCompensatedMove(1, 502, 0, 2000, 1), RejectionCode.OUT_OF_RANGE, 3),
        (BreathingCompensatedMove(1, 502, 1, 4001, 1), RejectionCode.OUT_OF_RANGE, 4),
        (BreathingCompensatedMove(1, 502, 1, 2000, 0), RejectionCode.OUT_OF_RANGE, 5),
        (BreathingCompensatedMove(1, 502, 1, 2000, 9), RejectionCode.OUT_OF_RANGE, 5),
        (BreathingCompensatedMove(1, 502, 255, 2000, 8), RejectionCode.OUT_OF_RANGE, 5),
        (BreathingCompensatedMove(1, 490, 2, 2000, 1), RejectionCode.OUT_OF_RANGE, 5),
    ],
)
def test_a_move_that_cannot_be_is_refused(move: BreathingCompensatedMove, code: RejectionCode, number: int) -> None:
    assert refused(lens_with(), move) == (code, number)


def test_a_lens_refuses_what_it_has_not() -> None:
    assert refused(lens_with(scales=()), BreathingCompensatedMove(1, 502, 1, 2000, 1)) == (RejectionCode.NOT_ABLE, 0)
    lens = lens_with()
    lens.fast_focus = None
    assert refused(lens, make_focus_sequence(1, 502, [1000], 1)) == (RejectionCode.NOT_ABLE, 0)
    assert poll_extension_reports(lens, FAST_FOCUS, 11) == []
    for clock in (Clock(frame=-1), Clock(period=0.0)):
        assert refused(lens_with(clock=clock), make_focus_sequence(1, 502, [1000], 1)) == (RejectionCode.NOT_NOW, 0)


def test_a_lens_without_breathing_data_tells_no_change() -> None:
    lens = lens_with(scales=())
    ask(lens, make_focus_sequence(1, 502, [4000], 1))
    assert reports_until(lens, 11)[0].points[0].scale == UNSCALED


@dataclass
class Body:
    focal_length_um: int = 50_000
    distance_mm: int = 2_000
    aperture: int = 1024
    sensor_um: tuple[int, int] = (36_000, 24_000)
    focus_position: int = 1000
    focus_steps: int = 4001
    frame: int = 500
    rate_hz: float = 60.0


@pytest.mark.parametrize("rate_hz", [24.0, 60.0, 120.0, 480.0])
def test_whatever_a_body_asks_a_lens_does(rate_hz: float) -> None:
    body, heard = Body(rate_hz=rate_hz), ExtensionResults()
    lens = lens_with(clock=Clock(period=1 / rate_hz))
    now, number = 10.0, 0
    for name, asks in REQUESTS.items():
        page = EXTENSIONS[name].number
        for make in asks:
            number += 1
            answered = handle_extension_command(lens, order(make(body, number), page), BOTH, now)
            assert isinstance(answered.reply, CommandDone)
            told = [
                on_extension_report(heard, report)
                for report in [*answered.reports, *poll_extension_reports(lens, page, now + 1)]
            ]
            assert all(told)
            assert heard.left == 0
            lens = lens_with(clock=Clock(period=1 / rate_hz))
    assert heard.profile is not None
    assert heard.profile.confidence == 100
    assert heard.points == 2 * 4 * points_per_frame(rate_hz)
    assert heard.worst_error == 0
    assert heard.scale > UNSCALED


def test_points_keep_to_the_rate() -> None:
    assert [points_per_frame(rate) for rate in (24, 25, 60, 120, 239.76, 480, 960)] == [20, 19, 8, 4, 2, 1, 1]
    assert points_per_frame(1) * 1 <= MAX_POINT_RATE_HZ


def test_a_run_near_an_end_goes_the_other_way() -> None:
    assert focus_sequence(Body(focus_position=3999), 1).points[-1].position == 3799
    assert profile_request(Body(sensor_um=(23_600, 15_700)), 1).sensor_height_um == 15_700


def test_what_a_body_receives_is_reported() -> None:
    heard = ExtensionResults()
    profile = CorrectionProfile(1, 50_000, confidence=75)
    told = on_extension_report(heard, ExtensionReport(JOINT_CORRECTIONS, profile.build()))
    assert told == "joint profile for 50 mm on 36 x 24 mm, confidence 75 %"
    report = FocusSequenceReport(1, 502, 3, [])
    assert (
        on_extension_report(heard, ExtensionReport(FAST_FOCUS, report.build()))
        == "frame 502: 0 set points met within 0 steps"
    )
    assert heard.left == 3
    with pytest.raises(FrameError):
        on_extension_report(heard, ExtensionReport(FAST_FOCUS, b"\x7f"))
