"""The firmware update of a lens: handlers of the update orders, the boot of an image, and the recovery reply.

An image in its trial start is confirmed by its greeting.
"""

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.models.firmware_flash import ImageId, PowerCutError, SlotStage
from lensmount_emulator.models.firmware_image import format_version, make_image
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.roles.lmount.ids import has_bit
from lensmount_emulator.roles.lmount.lens.commands import make_rejection
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.lmount.lens.power import power_off
from lensmount_emulator.roles.lmount.profile import version_bytes
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.dialects.lmount.firmware_update import (
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollback,
    UpdateState,
)
from lensmount_protocol.dialects.lmount.types import Feature, RejectionCode, UpdateStage
from lensmount_protocol.message import Message

UpdateCommand = UpdateOffer | UpdateBlock | UpdateActivate | UpdateRollback

NOTHING_WRONG = RejectionCode(0)


class UpdateReceiver:
    """The lens's end of a firmware update; every handler may raise the store's `PowerCutError`.

    Attributes:
        store: store of the images; started.
        maker: number of the lens's maker.
        model: the maker's number of the lens.
        stage: stage of the update.
    """

    def __init__(self, store: FirmwareStore, maker: int, model: int) -> None:
        self.store = store
        self.maker = maker
        self.model = model
        self.stage = UpdateStage.RECOVERY if store.running.recovery else UpdateStage.IDLE

    def recovery_reply(self) -> UpdateState | None:
        """Return the answer of a lens in recovery to a greeting; `None` for a lens with a running image."""
        if not self.store.running.recovery:
            return None
        return UpdateState(stage=UpdateStage.RECOVERY, wanted=self.store.wanted)

    def handle_command(self, order: UpdateCommand) -> UpdateState:
        """Execute an order; returns the state of the update."""
        state = _command_handlers(self, order)
        if state is None:
            raise TypeError(f"{type(order).__name__} is no order of an update")
        return state

    def make_state(self, number: int, code: RejectionCode = NOTHING_WRONG) -> UpdateState:
        """Return the stage and the wanted offset; with a code the order changed nothing."""
        return UpdateState(number=number, stage=self.stage, wanted=self.store.wanted, code=code)

    def make_rejection(self, number: int, code: RejectionCode) -> UpdateState:
        """Return the refusal of an order; the state of the update is unchanged."""
        return UpdateState(number=number, stage=UpdateStage.REFUSED, wanted=self.store.wanted, code=code)


_command_handlers = HandlerTable[UpdateReceiver, UpdateState]()


@_command_handlers.on(UpdateOffer)
def _store_offer(lens: UpdateReceiver, offer: UpdateOffer) -> UpdateState:
    store = lens.store
    image = ImageId(offer.maker, offer.model, offer.firmware, offer.size, offer.crc32)
    code = _rejection_code(lens, image)
    if code is not None:
        return lens.make_rejection(offer.number, code)
    if image == store.running.image and store.inactive_slot.stage != SlotStage.FRESH:
        return UpdateState(number=offer.number, stage=UpdateStage.ACTIVE, wanted=image.size)
    store.begin(image)
    return _verified_or_wanted(lens, offer.number)


def _rejection_code(lens: UpdateReceiver, image: ImageId) -> RejectionCode | None:
    store = lens.store
    if (image.maker, image.model) != (lens.maker, lens.model):
        return RejectionCode.NOT_ABLE
    if not 0 < image.size <= store.slot_size:
        return RejectionCode.OUT_OF_RANGE
    if store.running.trial or store.returning:
        return RejectionCode.NOT_NOW
    is_the_one_before = store.inactive_slot.stage == SlotStage.GOOD and store.inactive_slot.image == image
    if image.version < store.running.image.version and not store.running.recovery and not is_the_one_before:
        return RejectionCode.NOT_NOW
    return None


@_command_handlers.on(UpdateBlock)
def _store_block(lens: UpdateReceiver, block: UpdateBlock) -> UpdateState:
    store = lens.store
    if lens.stage != UpdateStage.RECEIVING:
        # Its answer may have been lost: the block is stored, and the body only needs the stage.
        repeated = lens.stage == UpdateStage.VERIFIED and block.offset < store.wanted
        return lens.make_state(block.number) if repeated else lens.make_rejection(block.number, RejectionCode.NOT_NOW)
    if CRC32_ISO_HDLC.compute(block.content) != block.crc32:
        return lens.make_state(block.number, RejectionCode.DAMAGED)
    left = store.inactive_slot.image.size - store.wanted
    if block.offset != store.wanted or not 0 < len(block.content) <= left:
        return lens.make_state(block.number, RejectionCode.OUT_OF_RANGE)
    store.write(block.offset, block.content)
    return _verified_or_wanted(lens, block.number)


def _verified_or_wanted(lens: UpdateReceiver, number: int) -> UpdateState:
    """Verify a complete image; a wrong image is requested again from its beginning."""
    store = lens.store
    lens.stage = UpdateStage.RECEIVING
    complete = store.wanted == store.inactive_slot.image.size
    if not complete:
        return lens.make_state(number)
    if not store.verify():
        return lens.make_state(number, RejectionCode.DAMAGED)
    lens.stage = UpdateStage.VERIFIED
    return lens.make_state(number)


@_command_handlers.on(UpdateActivate)
def _activate_image(lens: UpdateReceiver, order: UpdateActivate) -> UpdateState:
    if lens.stage not in (UpdateStage.VERIFIED, UpdateStage.ACTIVE) or not lens.store.activate():
        return lens.make_rejection(order.number, RejectionCode.NOT_NOW)
    lens.stage = UpdateStage.ACTIVE
    return lens.make_state(order.number)


@_command_handlers.on(UpdateRollback)
def _roll_back_image(lens: UpdateReceiver, order: UpdateRollback) -> UpdateState:
    if not lens.store.roll_back():
        return lens.make_rejection(order.number, RejectionCode.NOT_ABLE)
    lens.stage = UpdateStage.ROLLED_BACK
    return lens.make_state(order.number)


FACTORY_BYTES = 4096
"""Size of the factory image of a modelled lens; the content of a maker's image is not public."""

handle_update_command = HandlerTable[LensEngineBase, Message]()
"""Executes one order of an update; returns the answer."""


def boot_firmware(lens: LensEngineBase) -> None:
    """Select the image that runs, at power-up."""
    if lens.store is not None:
        started = lens.store.start()
        lens.receiver = UpdateReceiver(lens.store, lens.maker, lens.model)
        if not started.recovery:
            lens.version = format_version(started.image.version)


def recovery_reply(lens: LensEngineBase) -> UpdateState | None:
    """Return the answer of a lens in recovery to a greeting; `None` for a lens with a running image."""
    return None if lens.receiver is None else lens.receiver.recovery_reply()


def confirm_boot(lens: LensEngineBase) -> None:
    """Confirm the running image, because it has greeted."""
    if lens.store is not None:
        lens.store.confirm()


def _receiver(lens: LensEngineBase) -> UpdateReceiver:
    """Return the update receiver; made on first use, because most sessions have no update."""
    if lens.receiver is None:
        version = version_bytes(lens.version)
        image = make_image(lens.maker, lens.model, version, FACTORY_BYTES, seed=lens.model)
        identity = ImageId(lens.maker, lens.model, version, FACTORY_BYTES, image.crc32)
        lens.store = FirmwareStore.with_image(identity, image.content)
        lens.receiver = UpdateReceiver(lens.store, lens.maker, lens.model)
    return lens.receiver


def _handle_command(lens: LensEngineBase, order: UpdateCommand) -> Message:
    recovering = recovery_reply(lens) is not None
    if not recovering and not has_bit(lens.body_requests.features, Feature.UPDATE):
        return make_rejection(order, RejectionCode.NOT_AGREED)
    try:
        return _receiver(lens).handle_command(order)
    except PowerCutError:
        # The lens is off until the next power-up; this answer is not sent.
        power_off(lens)
        lens.report("power was lost over a write")
        return make_rejection(order, RejectionCode.NO_POWER)


@handle_update_command.on(UpdateOffer)
def _offer(lens: LensEngineBase, order: UpdateOffer) -> Message:
    return _handle_command(lens, order)


@handle_update_command.on(UpdateBlock)
def _block(lens: LensEngineBase, order: UpdateBlock) -> Message:
    return _handle_command(lens, order)


@handle_update_command.on(UpdateActivate)
def _activate(lens: LensEngineBase, order: UpdateActivate) -> Message:
    return _handle_command(lens, order)


@handle_update_command.on(UpdateRollback)
def _roll_back(lens: LensEngineBase, order: UpdateRollback) -> Message:
    return _handle_command(lens, order)
