"""The models' figures to the unit: corrections, blur, tremor, shifts, currents and stored firmware."""

from pathlib import Path
from random import Random

import pytest

from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.firmware_flash import (
    Flash,
    ImageId,
    Record,
    SlotStage,
    SlotState,
    crc32,
    pack_record,
    unpack_record,
)
from lensmount_emulator.models.firmware_image import Image, format_version, write_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.models.optics import blur_table, correction
from lensmount_emulator.models.power_budget import PowerBudget, PowerReduction, Supply, estimate_focus_ma
from lensmount_emulator.models.stabiliser import CameraShake, ImageStabiliser, PanningDetector
from lensmount_emulator.models.zoom import ZoomModel
from lensmount_emulator.roles.emount.models import EmountFocusMotor, EmountIris, RowEcho
from lensmount_protocol.dialects.lmount.types import CorrectionKind

WIDE, NEAR, TELE = (0.0, 16_000, 10_000, 2.8), (0.25, 50_000, 400, 4.0), (1.0, 200_000, 1_500, 8.0)


@pytest.mark.parametrize(
    ("kind", "wide", "near", "tele"),
    [
        (CorrectionKind.DISTORTION, [1467, 1725, -345, 86], [652, 767, -153, 38], [-868, -1021, 204, -51]),
        (CorrectionKind.LATERAL_COLOUR, [-28, -14, 22, 11], [-12, -6, 10, 5], [14, 7, -11, -6]),
        (CorrectionKind.VIGNETTING, [-8646, -2192, -1462], [-2738, -994, -663], [-220, -264, -176]),
        (CorrectionKind.BREATHING, [16], [1092], [1157]),
    ],
)
def test_corrections_of_three_settings(kind: CorrectionKind, wide: list[int], near: list[int], tele: list[int]) -> None:
    # By hand for breathing: 0.3 · 16 / 10016, 50 / 450 and 200 / 1700 of 32768.
    assert [correction(kind, *setting) for setting in (WIDE, NEAR, TELE)] == [wide, near, tele]


def test_blur_of_two_lenses() -> None:
    assert blur_table(1.4, 85_000) == [2427, 3039, 4389, 5999, 7706, 9460, 11237, 13028, 14829]
    assert blur_table(8.0, 24_000, 4) == [2744, 2763, 2818, 2907]


def test_the_tremor_without_a_generator() -> None:
    hand = CameraShake(None)
    assert [hand.angle(at) for at in (0.0, 0.1, 1.0)] == [
        pytest.approx(pair, abs=1e-6) for pair in ((0.058796, 0.075906), (0.090149, 0.096315), (0.109017, 0.146709))
    ]
    assert [hand.rate(at) for at in (0.0, 0.1, 1.0)] == [
        pytest.approx(rates, abs=1e-6)
        for rates in (
            (0.970787, 0.497293, -0.445339),
            (0.178883, -0.428894, -1.738024),
            (-1.316103, -1.214471, -0.088275),
        )
    ]


def test_the_tremor_of_a_seed() -> None:
    hand = CameraShake(Random(5), 0.5)
    assert hand.angle(0.1) == pytest.approx((-0.164978, -0.144384), abs=1e-6)
    assert hand.rate(1.0) == pytest.approx((5.579181, 2.767023, 1.058031), abs=1e-6)


def test_a_pan_turns_the_yaw_between_its_times_and_stays() -> None:
    still, hand = CameraShake(None), CameraShake(None)
    hand.pan(10.0, 1.0, 1.5)
    for at, turned, rate in ((0.999, 0.0, 0.0), (1.0, 0.0, 10.0), (1.25, 2.5, 10.0), (1.5, 5.0, 0.0), (9.0, 5.0, 0.0)):
        assert hand.angle(at)[1] - still.angle(at)[1] == pytest.approx(turned)
        assert hand.rate(at)[1] - still.rate(at)[1] == pytest.approx(rate)
        assert hand.angle(at)[0] == still.angle(at)[0]
    hand.pan(10.0, 3.0, 2.0)
    assert hand.angle(9.0)[1] - still.angle(9.0)[1] == pytest.approx(5.0)


def test_shifts_of_a_stabiliser() -> None:
    stabiliser = ImageStabiliser(300)
    # 50 mm · tan 0.2° is 174.5 µm.
    assert stabiliser.shift_um((0.1, -0.2), 50_000, 0.5, 3) == (-87, 44, False)
    assert stabiliser.shift_um((1.0, 0.1), 50_000, 1.0, 3) == (87, 300, True)
    assert stabiliser.shift_um((0.1, 1.0), 50_000, 1.0, 2) == (300, 0, True)
    assert stabiliser.shift_um((0.1, 1.0), 50_000, 1.0, 1) == (0, 87, False)
    assert ImageStabiliser(87).shift_um((0.0, 0.1), 50_000, 1.0, 3) == (87, 0, False)
    assert ImageStabiliser(86).shift_um((0.0, 0.1), 50_000, 1.0, 3) == (86, 0, True)
    # Beyond 80 degrees the shift is that of 80 degrees.
    assert ImageStabiliser(10**9).shift_um((85.0, -89.0), 1000, 1.0, 3) == (-5671, 5671, False)


def test_panning_is_more_than_5_degrees_a_second_for_a_fifth_of_a_second() -> None:
    for rate, pans in ((5.0, False), (5.001, True), (-5.0, False), (-5.001, True)):
        detector = PanningDetector()
        for at in (0.0, 0.1, 0.2):
            detector.add(rate, at)
        assert not detector.panning(0.199)
        assert detector.panning(0.2) is pans
    detector = PanningDetector()
    for at in (0.0, 0.25, 0.5):
        detector.add(9.0, at)
    assert detector.panning(0.5) is False
    detector.add(9.0, 0.75)
    assert detector.panning(0.75) is False
    detector.add(9.0, 0.875)
    detector.add(9.0, 1.0)
    assert detector.panning(1.0)
    assert detector.panning(1.19)
    assert not detector.panning(1.21)


def test_a_record_of_the_journal_byte_by_byte() -> None:
    good = SlotState(SlotStage.GOOD, ImageId(3, 258, b"\1\2\3\4", 4097, 0xDEADBEEF), 4097)
    loading = SlotState(SlotStage.LOADING, ImageId(1, 2, b"\0\0\0\1", 9, 7), 4)
    record = Record(5, 1, (good, loading))
    assert pack_record(record).hex() == (
        "0500000001000000" "0500030002010102030401100000efbeadde01100000" "01000100020000000001090000000700000004000000"
        "0000000000000000" "20bb8381"
    )  # fmt: skip
    assert unpack_record(pack_record(record)) == record
    assert record.with_slot(0, loading).slots == (loading, loading)
    assert record.with_slot(1, good).slots == (good, good)


def test_an_image_file_byte_by_byte(tmp_path: Path) -> None:
    write_image(tmp_path / "image.lmf", Image(3, 258, b"\1\2\3\4", b"abc", "name"))
    assert (tmp_path / "image.lmf").read_bytes().hex() == (
        "4c4d461a" "01" "0300" "0201" "01020304" "03000000" "c2412435"
        + b"name".ljust(32, b"\0").hex() + "d96cbf95" "616263"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("version", "text"), [(b"\1\0\0\0", "1.0"), (b"\1\2\0\0", "1.2"), (b"\1\0\3\0", "1.0.3"), (b"\0\0\0\4", "0.0.0.4")]
)
def test_a_version_leaves_out_zeros_behind_its_second_part(version: bytes, text: str) -> None:
    assert format_version(version) == text


def test_an_iris_counts_its_frames_up_to_a_byte() -> None:
    iris = EmountIris(0, 100_000, offset=0, codes_per_frame=100, current=0, goal=0)
    counts: list[int] = []
    for goal in (0, 1, 100, 101, 25_500, 25_501, 90_000):
        iris.set_target(goal)
        counts.append(iris.frames_left)
    assert counts == [0, 1, 1, 2, 255, 255, 255]
    iris.set_target(100)
    assert iris.next == 100
    iris.set_target(101)
    assert iris.next == 100
    iris.current = 300
    assert iris.next == 200
    iris.current = 201
    assert (iris.next, iris.is_idle) == (101, False)


def test_an_iris_order_is_new_only_where_it_changes_the_goal() -> None:
    iris = EmountIris(100, 200, offset=5, codes_per_frame=10, current=105, goal=105)
    iris.set_target(50)
    assert (iris.goal, iris.fresh) == (105, False)
    iris.set_target(999)
    assert (iris.goal, iris.fresh) == (205, True)
    assert (iris.reachable(99), iris.reachable(150), iris.reachable(201)) == (100, 150, 200)


def test_a_row_echo_forgets_what_was_on_its_way() -> None:
    echo = RowEcho(2, (1, 1))
    echo.select((2, 2))
    assert [echo.step(), echo.step()] == [(1, 1), (2, 2)]
    echo.select((3, 3))
    echo.step()
    echo.clear()
    assert [echo.step(), echo.step(), echo.step()] == [(2, 2)] * 3


def test_a_focus_motor_of_steps_and_frames() -> None:
    motor = EmountFocusMotor(lower=0, upper=1000, start=500, steps_per_frame=100, lag_frames=1.5, encoder_offset=3)
    assert (motor.planned(0.0), motor.encoder(0.0), motor.moving(0.0)) == (500, 503, False)
    assert motor.set_target(200, 10.0) == 200
    assert [motor.planned(frame) for frame in (9.0, 10.0, 11.0, 12.5, 13.0, 20.0)] == [500, 500, 400, 250, 200, 200]
    assert [motor.encoder(frame) for frame in (11.5, 12.5, 14.5)] == [503, 403, 203]
    assert motor.stop(11.0) == 400
    assert motor.planned(20.0) == 400
    assert motor.set_target(-1, 30.0) == 0
    assert motor.set_target(1001, 31.0) == 1000
    assert motor.planned(31.0) == 300
    motor.hold_position(32.0)
    assert (motor.start, motor.planned(99.0), motor.moving(32.0)) == (400, 400, False)


def test_velocity_bytes_are_clipped_to_a_signed_byte() -> None:
    motor = EmountFocusMotor(lower=0, upper=100_000, start=50_000, steps_per_frame=8_000, lag_frames=0.0)
    motor.set_target(0, 0.0)
    assert motor.velocity(1.0, 3) == bytes((127, 127, 127))
    motor = EmountFocusMotor(lower=0, upper=100_000, start=0, steps_per_frame=8_000, lag_frames=0.0)
    motor.set_target(100_000, 0.0)
    assert motor.velocity(1.0, 3) == bytes((0x80, 0x80, 0x80))
    assert motor.velocity(0.125, 2) == bytes((0, 0x80))


def test_a_focus_drive_of_one_step_and_its_play() -> None:
    drive = FocusDriveModel(steps=100, speed=100.0, acceleration=400.0, backlash=4, settle=0.25, start=10)
    # 5 steps, of which 4 take up the play: a triangle of 2 · sqrt(5 / 400) s.
    done = 2 * (5 / 400) ** 0.5
    assert drive.set_target(11, 1.0) == pytest.approx(1.0 + done + 0.25)
    assert (drive.position(1.0 + done), drive.motor(1.0 + done)) == (11, 15)
    assert drive.velocity(1.0 + done / 2) == pytest.approx(400 * done / 2)
    assert (drive.upper, drive.near_limit, drive.lower, drive.far_limit) == (99, 99, 0, 0)


def test_a_zoom_by_its_motor_and_by_hand() -> None:
    zoom = ZoomModel(min_focal_um=24_000, max_focal_um=96_000, seconds=4.0)
    assert zoom.drive(500, 0.0) == 4.0
    assert zoom.drive(100, 1.0) == pytest.approx(8.5)
    assert zoom.fraction(1.0) == pytest.approx(0.25)
    assert zoom.stop(3.5) == 3.5
    assert zoom.fraction(9.0) == pytest.approx(0.5)
    assert zoom.position(9.0) == 128
    assert zoom.turn_to(24_000, 10.0) == pytest.approx(10.3)
    assert zoom.fraction(10.15) == pytest.approx(0.25)


def test_a_diaphragm_counts_its_grid_from_the_widest() -> None:
    blades = DiaphragmModel(widest=100, smallest=200, step=30, av_per_s=1.0)
    found: list[int] = []
    for target in (114, 115, 144, 145, 174, 175, 190, 205):
        blades.set_target(target, 0.0)
        found.append(blades.target)
    assert found == [100, 130, 130, 160, 160, 190, 190, 200]


def test_currents_are_rounded_up_and_held() -> None:
    budget = PowerBudget(idle_ma=10, focus_ma=333, diaphragm_ma=77, stabiliser_ma=50)
    quarter = PowerReduction(0.25, True, 0.5)
    assert budget.draw_ma(focus=True, diaphragm=True, stabiliser=True, reduction=quarter) == 10 + 84 + 39 + 50
    held = PowerReduction(1.0, True, 1.0, 0, 100)
    assert budget.draw_ma(focus=True, diaphragm=False, stabiliser=False, reduction=held) == 100
    assert budget.draw_ma(focus=False, diaphragm=False, stabiliser=True, reduction=held) == 60


def test_a_focus_motor_s_current_by_the_weight() -> None:
    assert [estimate_focus_ma(weight) for weight in (-1, 0, 1, 2, 3, 2125, 2127, 2128)] == [
        150,
        150,
        50,
        50,
        51,
        900,
        900,
        900,
    ]
    assert estimate_focus_ma(2124) == 899


def test_a_supply_by_its_voltage() -> None:
    supply = Supply(1000, nominal_mv=7000, sag_mv_per_a=500)
    assert [supply.voltage_mv(draw) for draw in (0, 1000, 1001, 1125, 1249, 1250)] == [7000, 6500, 6474, 3250, 26, 0]
    assert Supply(0).voltage_mv(1) == 0
    assert Supply(0).voltage_mv(0) == 6000


def test_a_trial_that_was_not_confirmed_is_given_up_in_either_slot() -> None:
    def image(number: int) -> tuple[ImageId, bytes]:
        content = bytes((number,)) * 5000
        return ImageId(3, 9, bytes((number, 0, 0, 0)), len(content), crc32(content)), content

    def load(store: FirmwareStore, number: int) -> None:
        wanted, content = image(number)
        assert store.begin(wanted) == 0
        store.write(0, content)
        assert store.verify()
        assert store.activate()
        assert store.start().trial

    store = FirmwareStore.with_image(*image(1))
    first = store.running.slot
    load(store, 2)
    store.confirm()
    assert store.running.slot == 1 - (first or 0)
    for number in (3, 4):
        load(store, number)
        started = store.start()
        assert (started.image, started.trial) == (image(2)[0], False)
        assert (store.inactive_slot.stage, store.inactive_slot.image) == (SlotStage.VERIFIED, image(number)[0])
    other = FirmwareStore.with_image(*image(1))
    load(other, 2)
    assert other.start().image == image(1)[0]
    assert (other.inactive_slot.stage, other.inactive_slot.image) == (SlotStage.VERIFIED, image(2)[0])


def test_a_focus_motor_has_no_encoder_offset_unless_it_is_given_one() -> None:
    motor = EmountFocusMotor(lower=0, upper=1000, start=500, steps_per_frame=100, lag_frames=1.5)
    assert motor.encoder(0.0) == 500


def test_a_focus_drive_runs_as_slowly_as_half_a_step_a_second_towards_the_near_end() -> None:
    drive = FocusDriveModel(steps=100, speed=100.0, acceleration=400.0, backlash=0, settle=0.0, start=50)
    drive.run_at_velocity(0.5, 0.0)
    assert drive.target == 99
    drive.run_at_velocity(-0.5, 100.0)
    assert drive.target == 0


def test_flash_loses_no_bits_of_the_byte_in_work_unless_that_is_asked_for() -> None:
    assert Flash(4096).torn_bits == 0
