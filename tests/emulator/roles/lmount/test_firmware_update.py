"""A lens is updated through its body: every refusal, every way on, and a body that gives up in time."""

from collections.abc import Callable, Generator
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmount_emulator.models.firmware_image import Image, make_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.lmount.body.firmware_update import (
    MAX_RESENDS,
    UpdateOutcome,
    UpdateReply,
    roll_back,
    update,
)
from lensmount_emulator.roles.lmount.lens.firmware_update import UpdateReceiver
from lensmount_emulator.verification.update_power_cuts import image_identity
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.dialects.lmount.firmware_update import (
    BLOCK_SIZE,
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollback,
    UpdateState,
)
from lensmount_protocol.dialects.lmount.link import CommandRejected
from lensmount_protocol.dialects.lmount.types import RejectionCode, UpdateStage
from lensmount_protocol.message import Message

MAKER, MODEL, SLOT = 3, 77, 16_384
SIZE = 10_000
OLD = make_image(MAKER, MODEL, bytes((1, 0, 0, 0)), SIZE, seed=1)
NEW = make_image(MAKER, MODEL, bytes((1, 1, 0, 0)), SIZE, seed=2)


def lens_with(image: Image = OLD) -> UpdateReceiver:
    return UpdateReceiver(FirmwareStore.with_image(image_identity(image), image.content, SLOT), MAKER, MODEL)


def restarted(lens: UpdateReceiver) -> UpdateReceiver:
    lens.store.start()
    lens.store.confirm()
    return UpdateReceiver(lens.store, MAKER, MODEL)


def offer(image: Image, **other: int) -> UpdateOffer:
    return UpdateOffer(
        number=9,
        maker=other.get("maker", image.maker),
        model=other.get("model", image.model),
        firmware=image.version,
        size=other.get("size", len(image.content)),
        crc32=image.crc32,
    )


def block(image: Image, at: int, size: int = BLOCK_SIZE, number: int = 10) -> UpdateBlock:
    piece = image.content[at : at + size]
    return UpdateBlock(number=number, offset=at, crc32=CRC32_ISO_HDLC.compute(piece), content=piece)


Answering = Callable[[Message], UpdateReply]


def run(talk: Generator[Message, UpdateReply, UpdateOutcome], answer: Answering) -> UpdateOutcome:
    order = next(talk)
    while True:
        try:
            order = talk.send(answer(order))
        except StopIteration as end:
            outcome: UpdateOutcome = end.value
            return outcome


def numbers() -> Callable[[], int]:
    return cycle(range(1, 256)).__next__


def by(lens: UpdateReceiver) -> Answering:
    def answer(order: Message) -> UpdateReply:
        assert isinstance(order, UpdateOffer | UpdateBlock | UpdateActivate | UpdateRollback)
        # What crosses the contacts is bytes.
        state = lens.handle_command(type(order).parse(order.build()))
        assert state.number == order.number
        return UpdateState.parse(state.build())

    return answer


def test_a_lens_is_updated_and_goes_back() -> None:
    lens = lens_with()
    outcome = run(update(NEW, numbers()), by(lens))
    assert outcome.done
    assert outcome.stage == UpdateStage.ACTIVE
    assert (outcome.blocks_sent, outcome.blocks_repeated) == (-(-SIZE // BLOCK_SIZE), 0)
    assert outcome.text == "firmware 1.1 is verified and starts at the next power-up: 40 blocks sent"
    assert lens.store.running.image == image_identity(OLD)
    lens = restarted(lens)
    assert lens.store.running.image == image_identity(NEW)
    again = run(update(NEW, numbers()), by(lens))
    assert (again.done, again.blocks_sent) == (True, 0)
    back = run(roll_back(numbers()), by(lens))
    assert back.done
    assert back.stage == UpdateStage.ROLLED_BACK
    assert restarted(lens).store.running.image == image_identity(OLD)


def test_it_goes_on_where_it_was() -> None:
    lens = lens_with()
    lens.handle_command(offer(NEW))
    for at in range(0, 5120, BLOCK_SIZE):
        lens.handle_command(block(NEW, at))
    assert lens.handle_command(offer(NEW)).wanted == 5120
    lens = restarted(lens)
    assert run(update(NEW, numbers()), by(lens)).blocks_sent == -(-(SIZE - 4096) // BLOCK_SIZE)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (offer(NEW, maker=4), RejectionCode.NOT_ABLE),
        (offer(NEW, model=78), RejectionCode.NOT_ABLE),
        (offer(NEW, size=SLOT + 1), RejectionCode.OUT_OF_RANGE),
        (offer(NEW, size=0), RejectionCode.OUT_OF_RANGE),
        (offer(make_image(MAKER, MODEL, bytes((0, 9, 0, 0)), SIZE, seed=3)), RejectionCode.NOT_NOW),
        (block(NEW, 0), RejectionCode.NOT_NOW),
        (UpdateActivate(number=10), RejectionCode.NOT_NOW),
        (UpdateRollback(number=10), RejectionCode.NOT_ABLE),
    ],
)  # fmt: skip
def test_it_refuses_with_a_reason_and_changes_nothing(
    wrong: UpdateOffer | UpdateBlock | UpdateActivate | UpdateRollback, code: RejectionCode
) -> None:
    lens = lens_with()
    before = lens.store.copy()
    assert lens.handle_command(wrong) == UpdateState(number=wrong.number, stage=UpdateStage.REFUSED, code=code)
    assert lens.store.equals(before)
    assert lens.stage == UpdateStage.IDLE


def test_a_block_that_is_damaged_or_out_of_place_changes_nothing() -> None:
    lens = lens_with()
    lens.handle_command(offer(NEW))
    lens.handle_command(block(NEW, 0))
    before = lens.store.copy()
    damaged = block(NEW, BLOCK_SIZE)
    damaged.crc32 ^= 1
    too_long = UpdateBlock(number=1, offset=BLOCK_SIZE, crc32=CRC32_ISO_HDLC.compute(bytes(SIZE)), content=bytes(SIZE))
    for wrong, code in (
        (damaged, RejectionCode.DAMAGED),
        (block(NEW, 0), RejectionCode.OUT_OF_RANGE),
        (block(NEW, 2 * BLOCK_SIZE), RejectionCode.OUT_OF_RANGE),
        (block(NEW, BLOCK_SIZE, 0), RejectionCode.OUT_OF_RANGE),
        (too_long, RejectionCode.OUT_OF_RANGE),
    ):
        state = lens.handle_command(wrong)
        assert (state.stage, state.wanted, state.code) == (UpdateStage.RECEIVING, BLOCK_SIZE, code)
        assert lens.store.equals(before)
    assert lens.handle_command(UpdateActivate(number=3)).code == RejectionCode.NOT_NOW
    assert run(update(NEW, numbers()), by(lens)).done


def test_an_image_whose_crc_is_wrong_is_wanted_again() -> None:
    lens = lens_with()
    lens.handle_command(offer(NEW))
    states = [lens.handle_command(block(OLD, at)) for at in range(0, SIZE, BLOCK_SIZE)]
    assert (states[-1].stage, states[-1].wanted, states[-1].code) == (UpdateStage.RECEIVING, 0, RejectionCode.DAMAGED)
    assert lens.handle_command(UpdateActivate(number=1)).code == RejectionCode.NOT_NOW
    assert run(update(NEW, numbers()), by(lens)).done


def test_an_older_image_is_taken_if_it_is_the_one_before() -> None:
    lens = lens_with()
    run(update(NEW, numbers()), by(lens))
    lens = restarted(lens)
    outcome = run(update(OLD, numbers()), by(lens))
    assert (outcome.done, outcome.blocks_sent) == (True, 0)
    assert restarted(lens).store.running.image == image_identity(OLD)


def test_what_runs_must_be_settled_first() -> None:
    lens = lens_with()
    run(update(NEW, numbers()), by(lens))
    lens.store.start()
    newer = make_image(MAKER, MODEL, bytes((1, 2, 0, 0)), SIZE, seed=3)
    on_trial = UpdateReceiver(lens.store, MAKER, MODEL)
    assert on_trial.handle_command(offer(newer)).code == RejectionCode.NOT_NOW
    lens.store.confirm()
    assert on_trial.handle_command(UpdateRollback(number=1)).stage == UpdateStage.ROLLED_BACK
    assert on_trial.handle_command(offer(newer)).code == RejectionCode.NOT_NOW
    assert restarted(lens).handle_command(offer(newer)).stage == UpdateStage.RECEIVING


def test_a_lens_in_recovery_says_so_and_takes_any_version() -> None:
    lens = lens_with(NEW)
    assert lens.recovery_reply() is None
    lens.store.flash.cells[8192:] = bytes(len(lens.store.flash.cells) - 8192)
    lens.store.start()
    lens = UpdateReceiver(lens.store, MAKER, MODEL)
    assert lens.recovery_reply() == UpdateState(stage=UpdateStage.RECOVERY)
    assert lens.handle_command(UpdateRollback(number=2)).code == RejectionCode.NOT_ABLE
    assert run(update(OLD, numbers()), by(lens)).done
    lens = restarted(lens)
    assert lens.recovery_reply() is None
    assert lens.store.running.image == image_identity(OLD)


@given(st.lists(st.sampled_from(["well", "well", "well", "order lost", "answer lost", "damaged"]), max_size=80))
def test_a_poor_link_takes_longer_and_ends_well(fates: list[str]) -> None:
    lens = lens_with()
    left = iter(fates)
    bad = 0

    def answer(order: Message) -> UpdateReply:
        nonlocal bad
        # Never so often in a row that the body may give up.
        fate = next(left, "well") if bad < MAX_RESENDS else "well"
        bad = 0 if fate == "well" else bad + 1
        if fate == "order lost":
            return None
        if fate == "damaged" and isinstance(order, UpdateBlock):
            order = UpdateBlock(order.number, order.offset, order.crc32, bytes(len(order.content)))
        said = by(lens)(order)
        return None if fate == "answer lost" else said

    outcome = run(update(NEW, numbers()), answer)
    assert outcome.done, outcome.text
    assert outcome.blocks_repeated <= len(fates)
    assert restarted(lens).store.running.image == image_identity(NEW)


def test_a_lens_that_says_nothing_is_given_up() -> None:
    seen: list[bytes] = []
    outcome = run(update(NEW, numbers()), lambda order: seen.append(order.build()))
    assert not outcome.done
    assert outcome.text == "no answer to the offer of firmware 1.1, sent 4 times"
    assert len(seen) == 1 + MAX_RESENDS
    assert len(set(seen)) == 1
    assert run(roll_back(numbers()), lambda order: None).text == "no answer to the way back, sent 4 times"


def test_a_lens_that_stays_silent_in_mid_update_is_given_up() -> None:
    lens = lens_with()
    outcome = run(update(NEW, numbers()), lambda order: None if getattr(order, "offset", 0) == 512 else by(lens)(order))
    assert outcome.text == "no answer to the block at 0x200, sent 4 times"
    assert (outcome.blocks_sent, outcome.blocks_repeated) == (6, 3)


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (UpdateState(stage=UpdateStage.RECEIVING, code=RejectionCode.DAMAGED), "beyond byte 0 of 10000: DAMAGED"),
        (UpdateState(stage=UpdateStage.RECEIVING, wanted=SIZE), "says RECEIVING and wants byte 10000 of 10000"),
        (UpdateState(stage=UpdateStage.IDLE), "says IDLE"),
        (UpdateState(stage=UpdateStage.VERIFIED), "does not activate firmware 1.1: it says VERIFIED"),
        (UpdateState(stage=UpdateStage.REFUSED, code=RejectionCode.NOT_ABLE), "the image is for another lens"),
        (UpdateState(stage=UpdateStage.REFUSED, code=RejectionCode(99)), "UNKNOWN_63"),
        (CommandRejected(order=0x60, code=RejectionCode.UNKNOWN_MESSAGE), (
            "refuses the offer of firmware 1.1: "
            "UNKNOWN_MESSAGE"
        )),
    ],
)  # fmt: skip
def test_a_lens_that_says_nonsense_is_given_up(state: UpdateState | CommandRejected, told: str) -> None:
    outcome = run(update(NEW, numbers()), lambda order: state)
    assert not outcome.done
    assert told in outcome.text
    assert outcome.blocks_sent <= 1 + MAX_RESENDS


def test_a_lens_that_always_begins_again_is_given_up() -> None:
    def answer(order: Message) -> UpdateReply:
        at = getattr(order, "offset", -BLOCK_SIZE) + BLOCK_SIZE
        return UpdateState(stage=UpdateStage.RECEIVING, wanted=at if at < 1024 else 0)

    outcome = run(update(NEW, numbers()), answer)
    assert "does not get beyond" in outcome.text
    assert outcome.blocks_sent == 4 * (1 + MAX_RESENDS)


def test_a_lens_without_an_image_before_is_reported() -> None:
    outcome = run(roll_back(numbers()), by(lens_with()))
    assert (outcome.done, outcome.text) == (False, "the lens has no image to go back to")
