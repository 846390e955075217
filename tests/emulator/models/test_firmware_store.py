"""The firmware store: whatever is done to it, and wherever power is lost, a whole image runs or an update helps."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.firmware_flash import (
    EMPTY_SLOT,
    ERASED,
    PAGE,
    RECORD,
    SECTOR,
    SECTORS,
    Flash,
    ImageId,
    Journal,
    PowerCutError,
    Record,
    SlotStage,
    SlotState,
    crc32,
)
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_protocol.errors import FirmwareError

SLOT = 3 * SECTOR
SIZES = (2 * SECTOR + 300, 2 * SECTOR, SECTOR + 1, SLOT)


def image_of(number: int) -> tuple[ImageId, bytes]:
    content = Random(number).randbytes(SIZES[number % len(SIZES)])
    return ImageId(3, 77, bytes((1, number, 0, 0)), len(content), crc32(content)), content


IMAGES = [image_of(number) for number in range(4)]


def factory() -> FirmwareStore:
    return FirmwareStore.with_image(*IMAGES[0], slot_size=SLOT)


def load(store: FirmwareStore, number: int) -> None:
    image, content = IMAGES[number]
    at = store.begin(image)
    while at < image.size:
        store.write(at, content[at : at + PAGE])
        at = store.wanted


def content_runs(store: FirmwareStore) -> int:
    """The number of the image that runs, which must be there to the last byte."""
    assert not store.running.recovery
    (number,) = (number for number, (image, _) in enumerate(IMAGES) if image == store.running.image)
    assert store.running_content() == IMAGES[number][1]
    return number


def test_flash_clears_bits_and_erases_sectors() -> None:
    flash = Flash(2 * SECTOR)
    flash.program(10, b"\xf0\x0f")
    flash.program(10, b"\x3c\xff")
    assert flash.read(9, 4) == bytes((ERASED, 0x30, 0x0F, ERASED))
    flash.erase(0)
    assert flash.read(0, SECTOR) == bytes((ERASED,)) * SECTOR
    with pytest.raises(ValueError, match="leaves the page"):
        flash.program(PAGE - 1, b"12")
    with pytest.raises(ValueError, match="no sector begins"):
        flash.erase(PAGE)


def test_a_cut_leaves_what_was_done_and_half_a_byte() -> None:
    flash = Flash(SECTOR)
    flash.cut_after, flash.torn_bits = 2, 0x0F
    with pytest.raises(PowerCutError, match="2 bytes"):
        flash.program(0, bytes(4))
    assert flash.read(0, 4) == b"\0\0\xf0\xff"
    with pytest.raises(PowerCutError, match="no power"):
        flash.erase(0)
    flash.power_up()
    flash.cut_after, flash.torn_bits = 1, 0x80
    with pytest.raises(PowerCutError):
        flash.erase(0)
    assert flash.read(0, 4) == b"\xff\x80\xf0\xff"


def test_a_new_image_has_one_trial_start_and_must_be_confirmed() -> None:
    store = factory()
    load(store, 1)
    assert store.verify()
    assert store.activate()
    assert content_runs(store) == 0
    assert store.start().trial
    assert content_runs(store) == 1
    store.start()
    assert not store.running.trial
    assert content_runs(store) == 0
    assert store.begin(IMAGES[1][0]) == IMAGES[1][0].size
    assert store.activate()
    store.start()
    store.confirm()
    store.start()
    assert content_runs(store) == 1
    assert store.inactive_slot.stage == SlotStage.GOOD


def test_a_part_of_just_this_image_is_kept() -> None:
    store = factory()
    image, content = IMAGES[1]
    store.begin(image)
    store.write(0, content[: SECTOR + 700])
    assert store.begin(image) == SECTOR + 700
    store.start()
    assert store.begin(image) == SECTOR
    assert store.begin(IMAGES[2][0]) == 0
    assert store.begin(image) == 0


def test_a_whole_image_that_is_wrong_is_wanted_again() -> None:
    store = factory()
    image, content = IMAGES[1]
    store.begin(image)
    store.write(0, bytes(image.size))
    assert not store.verify()
    assert store.wanted == 0
    assert not store.activate()
    store.write(0, content)
    assert store.verify()


def test_it_refuses_what_does_not_fit() -> None:
    store = factory()
    with pytest.raises(FirmwareError, match="a slot takes 1 to"):
        store.begin(ImageId(size=SLOT + 1))
    with pytest.raises(FirmwareError, match="is wanted"):
        store.write(0, b"nothing was begun")
    image, content = IMAGES[1]
    store.begin(image)
    with pytest.raises(FirmwareError, match="0 is wanted"):
        store.write(1, content)
    with pytest.raises(FirmwareError):
        store.write(0, content + b"1")
    assert not store.verify()
    load(store, 1)
    store.verify()
    store.activate()
    store.start()
    with pytest.raises(FirmwareError, match="not settled"):
        store.begin(IMAGES[2][0])
    with pytest.raises(ValueError, match="multiple of 4096"):
        FirmwareStore(5000)


@pytest.mark.parametrize("number", range(1, 4))
def test_the_way_back_is_open_until_the_next_update(number: int) -> None:
    store = factory()
    assert not store.roll_back()
    load(store, number)
    store.verify()
    store.activate()
    store.start()
    store.confirm()
    assert store.roll_back()
    assert content_runs(store) == number
    store.start()
    assert content_runs(store) == 0
    assert store.roll_back()
    store.start()
    assert content_runs(store) == number


def test_an_image_on_trial_runs_on_until_the_lens_goes_back() -> None:
    store = factory()
    load(store, 1)
    store.verify()
    store.activate()
    store.start()
    assert store.roll_back()
    assert content_runs(store) == 1
    with pytest.raises(FirmwareError, match="not settled"):
        store.begin(IMAGES[2][0])
    store.confirm()
    store.start()
    assert content_runs(store) == 0
    assert store.inactive_slot.stage == SlotStage.EMPTY


def test_a_lens_without_a_whole_image_is_in_recovery_and_takes_one() -> None:
    store = factory()
    store.flash.cells[SECTORS * SECTOR] ^= 1
    store.flash.cells[SECTORS * SECTOR + SLOT] ^= 1
    assert store.start().recovery
    assert not store.roll_back()
    load(store, 2)
    assert store.verify()
    assert store.activate()
    store.start()
    store.confirm()
    assert content_runs(store) == 2


def test_a_lens_without_a_journal_is_in_recovery_and_takes_an_image() -> None:
    store = factory()
    store.flash.cells[: SECTORS * SECTOR] = Random(5).randbytes(SECTORS * SECTOR)
    assert store.start().recovery
    load(store, 1)
    assert store.verify()
    assert store.activate()
    store.start()
    store.confirm()
    store.start()
    assert content_runs(store) == 1


@pytest.mark.parametrize("cut", [1, 10, RECORD - 1])
def test_nothing_is_written_over_a_record_that_was_cut(cut: int) -> None:
    flash = Flash(SECTORS * SECTOR)
    journal = Journal(flash)
    journal.write(Record(chosen=1))
    flash.cut_after = cut
    with pytest.raises(PowerCutError):
        journal.write(Record(slots=(SlotState(SlotStage.GOOD, IMAGES[1][0]), EMPTY_SLOT)))
    flash.power_up()
    assert journal.read().chosen == 1
    other = Record(slots=(EMPTY_SLOT, SlotState(SlotStage.LOADING, IMAGES[2][0], 4096)))
    journal.write(other)
    assert journal.read().slots == other.slots


def test_the_journal_turns_over_for_ever() -> None:
    store = factory()
    for turn in range(3 * SECTOR // RECORD):
        store.begin(IMAGES[1 + turn % 2][0])
        if turn % 7 == 0:
            store.start()
            assert content_runs(store) == 0


DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["begin", "write", "verify", "activate", "start", "confirm", "roll back", "load", "all"]),
        st.integers(1, 3),
        st.none() | st.integers(0, 3 * RECORD) | st.integers(0, 3 * SECTOR),
        st.integers(0, 255),
    ),
    max_size=30,
)


def do(store: FirmwareStore, deed: str, number: int) -> None:
    image, _content = IMAGES[number]
    at = store.wanted
    if store.running.trial and deed in ("begin", "load", "all"):
        store.confirm()
    if store.returning and deed in ("begin", "load", "all"):
        store.start()
    match deed:
        case "begin":
            store.begin(image)
        case "write":
            opened = next((held for held, held_content in IMAGES if held == store.inactive_slot.image), None)
            if opened is not None and store.inactive_slot.stage == SlotStage.LOADING:
                held_content = dict(IMAGES)[opened]
                store.begin(opened)
                at = store.wanted
                store.write(at, held_content[at : at + 1000])
        case "verify":
            store.verify()
        case "activate":
            store.activate()
        case "start":
            store.start()
        case "confirm":
            store.confirm()
        case "roll back":
            store.roll_back()
        case "load":
            load(store, number)
        case _:
            load(store, number)
            assert store.verify()
            assert store.activate()
            store.start()
            store.confirm()


@given(DEEDS, st.integers(0, 4))
def test_an_image_runs_whatever_is_done_and_wherever_it_is_cut(
    deeds: list[tuple[str, int, int | None, int]], age: int
) -> None:
    store = factory()
    for _ in range(age * 15):
        store.begin(IMAGES[1][0])
        store.roll_back()
    store.start()
    activated = {0}
    for deed, number, cut, torn in deeds:
        store.flash.cut_after, store.flash.torn_bits = cut, torn
        if deed == "all":
            activated.add(number)
        try:
            do(store, deed, number)
        except PowerCutError:
            store.start()
        store.flash.cut_after = None
        if store.inactive_slot.stage == SlotStage.FRESH:
            activated |= {number for number, (image, _) in enumerate(IMAGES) if image == store.inactive_slot.image}
        # An "activate" that was cut may have been remembered and lead to the trial at once.
        if deed == "activate" and store.running.trial:
            activated |= {number for number, (image, _) in enumerate(IMAGES) if image == store.running.image}
        assert content_runs(store) in activated
    store.start()
    do(store, "all", 3)
    store.start()
    assert content_runs(store) == 3


@given(st.integers(1, 3), st.lists(st.tuples(st.integers(0, 4 * SECTOR), st.integers(0, 255)), min_size=1, max_size=6))
def test_the_old_image_survives_until_the_new_one_is_confirmed(number: int, cuts: list[tuple[int, int]]) -> None:
    """Cut again and again: each start before the activation runs the old image, and the update ends at last."""
    store = factory()
    for cut, torn in cuts:
        store.flash.cut_after, store.flash.torn_bits = cut, torn
        try:
            load(store, number)
            store.verify()
            store.flash.cut_after = None
        except PowerCutError:
            store.start()
        assert content_runs(store) == 0
    load(store, number)
    assert store.verify()
    assert store.activate()
    for cut, torn in cuts:
        store.flash.cut_after, store.flash.torn_bits = cut % (2 * RECORD), torn
        try:
            store.start()
        except PowerCutError:
            store.start()
        store.flash.cut_after = None
        assert content_runs(store) in (0, number)
        if not store.running.trial:
            assert content_runs(store) == 0
            assert store.begin(IMAGES[number][0]) == IMAGES[number][0].size
            assert store.activate()
    if not store.running.trial:
        store.start()
    store.confirm()
    store.start()
    assert content_runs(store) == number
