"""How a lens takes new firmware through its body: a table from order to answer, and what a lens in recovery says."""

from lensmount_emulator.models.firmware_journal import ImageId, SlotStage
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.handlers import Handlers
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.dialects.lmount.types import RefusalCode, UpdateStage
from lensmount_protocol.dialects.lmount.update import (
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollBack,
    UpdateState,
)

UpdateOrder = UpdateOffer | UpdateBlock | UpdateActivate | UpdateRollBack

NOTHING_WRONG = RefusalCode(0)


class UpdateReceiver:
    """The lens's end of a firmware update; every answer may end in the store's `PowerCutError`.

    Attributes:
        store: where the images are; started.
        maker: number of the lens's maker.
        model: the maker's number of the lens.
        stage: how far the update is.
    """

    def __init__(self, store: FirmwareStore, maker: int, model: int) -> None:
        self.store = store
        self.maker = maker
        self.model = model
        self.stage = UpdateStage.RECOVERY if store.running.recovery else UpdateStage.IDLE

    def greeting(self) -> UpdateState | None:
        """What the lens answers to a greeting instead of its own, in recovery; `None` for a lens that runs."""
        if not self.store.running.recovery:
            return None
        return UpdateState(stage=UpdateStage.RECOVERY, wanted=self.store.wanted)

    def answer(self, order: UpdateOrder) -> UpdateState:
        """Carry an order out and say how far the update is."""
        state = _answer(self, order)
        if state is None:
            raise TypeError(f"{type(order).__name__} is no order of an update")
        return state

    def say(self, number: int, code: RefusalCode = NOTHING_WRONG) -> UpdateState:
        """The stage, with what is wanted; a code says that the order changed nothing."""
        return UpdateState(number=number, stage=self.stage, wanted=self.store.wanted, code=code)

    def refuse(self, number: int, code: RefusalCode) -> UpdateState:
        """An order that is not carried out; the update stays where it is."""
        return UpdateState(number=number, stage=UpdateStage.REFUSED, wanted=self.store.wanted, code=code)


_answer = Handlers[UpdateReceiver, UpdateState]()


@_answer.on(UpdateOffer)
def _offer(lens: UpdateReceiver, offer: UpdateOffer) -> UpdateState:
    store = lens.store
    image = ImageId(offer.maker, offer.model, offer.firmware, offer.size, offer.crc32)
    code = _why_not(lens, image)
    if code is not None:
        return lens.refuse(offer.number, code)
    if image == store.running.image and store.other.stage != SlotStage.FRESH:
        return UpdateState(number=offer.number, stage=UpdateStage.ACTIVE, wanted=image.size)
    store.begin(image)
    return _verified_or_wanted(lens, offer.number)


def _why_not(lens: UpdateReceiver, image: ImageId) -> RefusalCode | None:
    store = lens.store
    if (image.maker, image.model) != (lens.maker, lens.model):
        return RefusalCode.NOT_ABLE
    if not 0 < image.size <= store.slot_size:
        return RefusalCode.OUT_OF_RANGE
    if store.running.trial or store.returning:
        return RefusalCode.NOT_NOW
    is_the_one_before = store.other.stage == SlotStage.GOOD and store.other.image == image
    if image.version < store.running.image.version and not store.running.recovery and not is_the_one_before:
        return RefusalCode.NOT_NOW
    return None


@_answer.on(UpdateBlock)
def _block(lens: UpdateReceiver, block: UpdateBlock) -> UpdateState:
    store = lens.store
    if lens.stage != UpdateStage.RECEIVING:
        # Its answer may have been lost: the block is known to be there, and the body only wants to know the stage.
        repeated = lens.stage == UpdateStage.VERIFIED and block.offset < store.wanted
        return lens.say(block.number) if repeated else lens.refuse(block.number, RefusalCode.NOT_NOW)
    if CRC32_ISO_HDLC.of(block.content) != block.crc32:
        return lens.say(block.number, RefusalCode.DAMAGED)
    left = store.other.image.size - store.wanted
    if block.offset != store.wanted or not 0 < len(block.content) <= left:
        return lens.say(block.number, RefusalCode.OUT_OF_RANGE)
    store.write(block.offset, block.content)
    return _verified_or_wanted(lens, block.number)


def _verified_or_wanted(lens: UpdateReceiver, number: int) -> UpdateState:
    """Once all is there it is checked as a whole; an image that is wrong is wanted anew."""
    store = lens.store
    lens.stage = UpdateStage.RECEIVING
    complete = store.wanted == store.other.image.size
    if not complete:
        return lens.say(number)
    if not store.verify():
        return lens.say(number, RefusalCode.DAMAGED)
    lens.stage = UpdateStage.VERIFIED
    return lens.say(number)


@_answer.on(UpdateActivate)
def _activate(lens: UpdateReceiver, order: UpdateActivate) -> UpdateState:
    if lens.stage not in (UpdateStage.VERIFIED, UpdateStage.ACTIVE) or not lens.store.activate():
        return lens.refuse(order.number, RefusalCode.NOT_NOW)
    lens.stage = UpdateStage.ACTIVE
    return lens.say(order.number)


@_answer.on(UpdateRollBack)
def _roll_back(lens: UpdateReceiver, order: UpdateRollBack) -> UpdateState:
    if not lens.store.roll_back():
        return lens.refuse(order.number, RefusalCode.NOT_ABLE)
    lens.stage = UpdateStage.ROLLED_BACK
    return lens.say(order.number)
