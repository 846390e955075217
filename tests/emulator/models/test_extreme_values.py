"""The ends of ranges of the other models: one step before, at, and one step behind each."""

import pytest

from lensmount_emulator.models.diaphragm import DiaphragmModel
from lensmount_emulator.models.firmware_flash import ImageId, crc32
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.focus_drive import FocusDriveModel
from lensmount_emulator.models.power_budget import PowerBudget, Supply, estimate_focus_ma
from lensmount_emulator.models.stabiliser import ImageStabiliser, PanningDetector
from lensmount_emulator.models.zoom import ZoomModel, focus_shift
from lensmount_emulator.roles.emount.models import EmountIris, RowEcho
from lensmount_protocol.dialects.lmount.types import PowerClass
from lensmount_protocol.errors import FirmwareError

SLOT = 8192
FIRST, SECOND = bytes(range(256)) * 20, bytes(range(255, -1, -1)) * 24


def image(content: bytes, version: int = 1, size: int | None = None) -> ImageId:
    return ImageId(7, 9, bytes((version, 0, 0, 0)), len(content) if size is None else size, crc32(content))


def loaded(content: bytes = SECOND) -> tuple[FirmwareStore, ImageId]:
    """A store that runs one image and holds all of another, not verified yet."""
    store = FirmwareStore.with_image(image(FIRST), FIRST, SLOT)
    other = image(content, 2)
    assert store.begin(other) == 0
    store.write(0, content)
    return store, other


@pytest.mark.parametrize("content", [SECOND, SECOND[:4096], SECOND[:4097], SECOND[:4095], SECOND[:1], bytes(SLOT)])
def test_an_image_is_complete_with_its_last_byte_and_not_before(content: bytes) -> None:
    store = FirmwareStore.with_image(image(FIRST), FIRST, SLOT)
    store.begin(image(content, 2))
    store.write(0, content[:-1])
    assert store.wanted == len(content) - 1
    assert not store.verify()
    assert not store.activate()
    store.write(len(content) - 1, content[-1:])
    assert store.wanted == len(content)
    assert store.verify()
    assert store.verify()
    with pytest.raises(FirmwareError, match="is wanted"):
        store.write(len(content), b"\x00")


@pytest.mark.parametrize("stage", ["verified", "activated", "good"])
def test_a_complete_image_that_is_offered_again_wants_nothing_more(stage: str) -> None:
    store, other = loaded()
    assert store.verify()
    if stage == "activated":
        assert store.activate()
    if stage == "good":
        store.activate()
        store.start()
        store.confirm()
        other = image(FIRST)
    store.start() if stage == "verified" else None
    cells = bytes(store.flash.cells)
    assert store.begin(other) == store.wanted == other.size
    assert store.verify()
    assert bytes(store.flash.cells) == cells
    assert store.activate()
    assert store.start().image == other


def test_a_complete_image_of_which_a_byte_has_decayed_is_loaded_again() -> None:
    store, other = loaded()
    store.verify()
    store.start()
    base = store._base(1 - (store.running.slot or 0))
    store.flash.cells[base + 5] ^= 1
    assert store.begin(other) == 0
    assert not store.verify()


def test_an_image_with_one_wrong_byte_is_given_up_and_wanted_from_its_beginning() -> None:
    store = FirmwareStore.with_image(image(FIRST), FIRST, SLOT)
    other = image(SECOND, 2)
    store.begin(other)
    store.write(0, SECOND[:-1] + b"\x55")
    assert not store.verify()
    assert store.wanted == 0
    store.write(0, SECOND)
    assert store.verify()


@pytest.mark.parametrize(("size", "fits"), [(0, False), (1, True), (SLOT, True), (SLOT + 1, False)])
def test_an_image_fills_a_slot_and_no_more(size: int, fits: bool) -> None:
    store = FirmwareStore.with_image(image(FIRST), FIRST, SLOT)
    if fits:
        assert store.begin(image(b"", 2, size)) == 0
    else:
        with pytest.raises(FirmwareError, match="a slot takes"):
            store.begin(image(b"", 2, size))


@pytest.mark.parametrize(("at", "goes_on"), [(4095, 0), (4096, 4096), (4097, 4096), (6143, 4096)])
def test_an_update_that_was_cut_goes_on_at_the_sector_that_was_under_way(at: int, goes_on: int) -> None:
    store = FirmwareStore.with_image(image(FIRST), FIRST, SLOT)
    other = image(SECOND, 2)
    store.begin(other)
    store.write(0, SECOND[:at])
    store.start()
    assert store.begin(other) == goes_on
    store.write(goes_on, SECOND[goes_on:])
    assert store.verify()


def test_a_journal_that_fills_its_sectors_keeps_the_newest_record() -> None:
    store, other = loaded()
    store.verify()
    for turn in range(80):
        assert store.activate()
        assert store.start().trial
        store.confirm()
        running = store.running.image
        assert store.begin(image(FIRST) if running == other else other) == store.wanted
        assert store.verify(), turn
    assert store.running.image in (other, image(FIRST))


@pytest.mark.parametrize(
    ("target", "goal"),
    [(0x13FF, 0x1410), (0x1400, 0x1410), (0x1401, 0x1411), (0x18FF, 0x190F), (0x1900, 0x1910), (0x1901, 0x1910)],
)
def test_an_iris_goes_to_its_ends_and_no_further(target: int, goal: int) -> None:
    iris = EmountIris(0x1400, 0x1900, offset=0x10, codes_per_frame=336, current=0x1510, goal=0x1510)
    iris.set_target(target)
    assert iris.goal == goal
    assert iris.fresh


@pytest.mark.parametrize(
    ("way", "left"), [(0, 0), (1, 1), (336, 1), (337, 2), (672, 2), (255 * 336, 255), (256 * 336, 255)]
)
def test_the_frames_that_an_iris_needs_are_counted_up_and_held_in_a_byte(way: int, left: int) -> None:
    iris = EmountIris(0, 200_000, offset=0, codes_per_frame=336, current=0, goal=way)
    assert iris.frames_left == left
    assert iris.next == min(way, 336)
    down = EmountIris(0, 200_000, offset=0, codes_per_frame=336, current=way, goal=0)
    assert down.frames_left == left
    assert down.next == max(0, way - 336)
    assert iris.is_idle == down.is_idle == (way == 0)


def test_an_iris_that_is_ordered_where_it_goes_is_not_started_again() -> None:
    iris = EmountIris(0x1400, 0x1900, offset=0, codes_per_frame=336, current=0x1400, goal=0x1400)
    iris.set_target(0x1400)
    assert not iris.fresh
    assert iris.is_idle


@pytest.mark.parametrize("delay", [0, 1, 2, 3])
def test_an_echo_keeps_no_more_than_its_delay(delay: int) -> None:
    echo = RowEcho(delay, (0x15, 0x15))
    for number in range(500):
        echo.select((number, number))
        echo.step()
    assert len(echo._line) == max(0, delay - 1)
    assert echo.shown == ((0x15, 0x15) if not delay else (500 - delay, 500 - delay))


def test_a_focus_group_stops_at_its_limits_from_either_side() -> None:
    focus = FocusDriveModel(steps=1000, speed=1000, acceleration=1e6, backlash=0, settle=0.0, start=500)
    assert (focus.lower, focus.upper) == (0, 999)
    focus.set_target(5000, 0.0)
    assert (focus.target, focus.position(10)) == (999, 999)
    focus.set_target(-5, 10.0)
    assert (focus.target, focus.position(20)) == (0, 0)
    focus.limit(700, 300, 20.0)
    assert (focus.far_limit, focus.near_limit, focus.position(30)) == (300, 700, 300)
    focus.limit(300, 700, 30.0)
    assert focus.settles_at <= 30.0
    focus.run_at_velocity(-1.0, 30.0)
    assert focus.position(90) == 300
    focus.limit(-10, 2000, 90.0)
    assert (focus.far_limit, focus.near_limit) == (0, 999)


def test_a_focus_group_with_a_single_step_does_not_move() -> None:
    focus = FocusDriveModel(steps=1, speed=1000, acceleration=1e6, backlash=0, settle=0.0)
    focus.set_target(10, 0.0)
    assert (focus.upper, focus.target, focus.position(1)) == (0, 0, 0)


def test_a_group_that_starts_outside_its_steps_starts_at_the_end() -> None:
    assert FocusDriveModel(steps=10, speed=1, acceleration=1, backlash=0, settle=0, start=99).target == 9
    assert FocusDriveModel(steps=10, speed=1, acceleration=1, backlash=0, settle=0, start=-1).target == 0


@pytest.mark.parametrize(
    ("focal_um", "is_at"), [(69_999, 70_000), (70_000, 70_000), (200_000, 200_000), (200_001, 200_000)]
)
def test_a_zoom_turns_to_its_ends_and_no_further(focal_um: int, is_at: int) -> None:
    zoom = ZoomModel(min_focal_um=70_000, max_focal_um=200_000, seconds=2.0)
    zoom.turn_to(120_000, 0.0)
    zoom.turn_to(focal_um, 1.0, 0.5)
    assert zoom.settles_at == 1.5
    assert zoom.focal_um(1.5) == is_at
    assert zoom.position(1.5) == (255 if is_at == 200_000 else 0)
    assert zoom.moving(1.4999)
    assert not zoom.moving(1.5)


@pytest.mark.parametrize(("rate", "seconds"), [(1000, 2.0), (500, 2.0), (499, 1000 / 499), (100, 10.0), (-500, 2.0)])
def test_a_powered_zoom_is_as_fast_as_it_is_told_and_can(rate: int, seconds: float) -> None:
    zoom = ZoomModel(min_focal_um=70_000, max_focal_um=200_000, seconds=2.0)
    if rate < 0:
        zoom.turn_to(200_000, 0.0, 0.0)
    assert zoom.drive(rate, 10.0) == pytest.approx(10.0 + seconds)
    zoom.drive(0, 10.0 + seconds / 4)
    assert zoom.settles_at == 10.0 + seconds / 4
    assert zoom.fraction(99) == pytest.approx(0.25 if rate > 0 else 0.75)


def test_a_zoom_shifts_the_focus_with_the_square_of_its_way() -> None:
    assert [focus_shift(part, 400) for part in (-1, 0, 0.5, 1, 2)] == [0, 0, 100, 400, 400]


def test_a_diaphragm_keeps_to_a_range_that_becomes_smaller() -> None:
    iris = DiaphragmModel(widest=512, smallest=2048, step=8, av_per_s=60)
    assert iris.set_target(10_000, 0.0) == pytest.approx(6 / 60)
    assert iris.target == 2048
    iris.set_target(0, 1.0)
    assert (iris.target, iris.position(2.0)) == (512, 512)
    iris.limits(768, 1024, 2.0)
    assert iris.position(2.0) == 768
    iris.set_target(2048, 3.0)
    assert (iris.target, iris.position(4.0)) == (1024, 1024)
    assert iris.set_target(1027, 5.0) == 5.0
    assert iris.target == 1024
    assert DiaphragmModel(widest=512, smallest=100, step=8, av_per_s=60).smallest == 512


@pytest.mark.parametrize(
    ("yaw", "shift", "at_limit"),
    [
        (1.0, 873, False),
        (-1.0, -873, False),
        (1.145, 999, False),
        (1.147, 1000, True),
        (-9.0, -1000, True),
        (179.0, 1000, True),
    ],
)
def test_a_stabiliser_shifts_to_its_limit_and_says_so(yaw: float, shift: int, at_limit: bool) -> None:
    assert ImageStabiliser(1000).shift_um((0.0, yaw), 50_000, 1.0, 3) == (shift, 0, at_limit)
    assert ImageStabiliser(1000).shift_um((yaw, 0.0), 50_000, 1.0, 3) == (0, shift, at_limit)
    assert ImageStabiliser(1000).shift_um((yaw, yaw), 50_000, 1.0, 0) == (0, 0, False)


@pytest.mark.parametrize("rate", [5.01, -5.01])
def test_panning_begins_after_a_fifth_of_a_second_and_ends_with_a_stale_measurement(rate: float) -> None:
    panning = PanningDetector()
    for step in range(5):
        panning.add(rate, step / 16)
        assert panning.panning(step / 16) == (step == 4)
    assert panning.panning(0.25 + 0.2)
    assert not panning.panning(0.25 + 0.2001)
    panning.add(rate, 0.25 + 0.2001)
    assert not panning.panning(0.25 + 0.2001)


@pytest.mark.parametrize("rate", [5.0, -5.0, 0.0])
def test_a_rate_at_the_threshold_is_no_panning(rate: float) -> None:
    panning = PanningDetector()
    for step in range(20):
        panning.add(rate, step / 16)
    assert not panning.panning(19 / 16)


@pytest.mark.parametrize(
    ("peak", "needed"),
    [
        (0, PowerClass.NONE),
        (1, PowerClass.LOW),
        (200, PowerClass.LOW),
        (201, PowerClass.NORMAL),
        (500, PowerClass.NORMAL),
        (501, PowerClass.HIGH),
        (900, PowerClass.HIGH),
        (901, PowerClass.EXTREME),
        (1500, PowerClass.EXTREME),
        (9999, PowerClass.EXTREME),
    ],
)
def test_a_lens_asks_for_the_lowest_class_that_is_enough(peak: int, needed: PowerClass) -> None:
    assert PowerBudget(idle_ma=peak, focus_ma=0, diaphragm_ma=0, stabiliser_ma=0).needed == needed


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        (500, (1.0, True, 1.0)),
        (499, (1.0, False, 1.0)),
        (350, (1.0, False, 1.0)),
        (349, (0.5, False, 1.0)),
        (250, (0.5, False, 1.0)),
        (249, (0.25, False, 1.0)),
        (200, (0.25, False, 1.0)),
        (199, (0.25, False, 0.5)),
        (150, (0.25, False, 0.5)),
        (149, (0.25, False, 0.25)),
        (125, (0.25, False, 0.25)),
        (124, (0.25, False, 0.25)),
    ],
)
def test_each_rung_of_the_ladder_is_left_at_its_own_limit(limit: int, left: tuple[float, bool, float]) -> None:
    budget = PowerBudget(idle_ma=50, focus_ma=200, diaphragm_ma=100, stabiliser_ma=150)
    reduction = budget.reduce(limit)
    assert (reduction.focus_speed, reduction.stabiliser, reduction.diaphragm_speed) == left
    assert reduction.limit_ma == (limit if limit < 125 else None)
    most = budget.draw_ma(focus=True, diaphragm=True, stabiliser=True, reduction=reduction)
    assert most <= max(50, limit)


@pytest.mark.parametrize(("weight", "draw"), [(0, 150), (1, 50), (5, 52), (2124, 899), (2125, 900), (9000, 900)])
def test_a_heavy_lens_has_a_hungry_motor(weight: int, draw: int) -> None:
    assert estimate_focus_ma(weight) == draw


def test_a_supply_folds_back_beyond_what_it_can_give() -> None:
    supply = Supply(1000)
    assert [supply.voltage_mv(draw) for draw in (0, 500, 1000)] == [6000, 5600, 5200]
    assert supply.voltage_mv(1001) < 5200
    assert supply.voltage_mv(100_000) == 0
    assert not supply.browns_out(1000)
    assert supply.browns_out(100_000)
