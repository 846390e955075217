"""A lens's firmware in a session: which image runs, a trial that is confirmed by greeting, orders of an update."""

from lensmount_emulator.models.firmware_image import make_image, version_text
from lensmount_emulator.models.firmware_journal import ImageId
from lensmount_emulator.models.firmware_store import FirmwareStore
from lensmount_emulator.models.flash import PowerCutError
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.checks import version_bytes
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_orders import refuse
from lensmount_emulator.roles.lmount.lens_power import power_off
from lensmount_emulator.roles.lmount.lens_update import UpdateOrder, UpdateReceiver
from lensmount_emulator.roles.lmount.numbers import has
from lensmount_protocol.dialects.lmount.types import Feature, RefusalCode
from lensmount_protocol.dialects.lmount.update import (
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollBack,
    UpdateState,
)
from lensmount_protocol.message import Message

FACTORY_BYTES = 4096
"""Size of the image that a lens of ours leaves the factory with; what a maker's holds is not public."""

obey_update = Handlers[LensCore, Message]()
"""Carry out one order of an update; gives the answer, or `None` where power was lost over it."""


def start_firmware(lens: LensCore) -> None:
    """Power is there: find out what runs."""
    if lens.store is not None:
        started = lens.store.start()
        lens.receiver = UpdateReceiver(lens.store, lens.maker, lens.model)
        if not started.recovery:
            lens.version = version_text(started.image.version)


def in_recovery(lens: LensCore) -> UpdateState | None:
    """What a lens without an image says to a greeting; `None` for one that runs."""
    return None if lens.receiver is None else lens.receiver.greeting()


def confirm_firmware(lens: LensCore) -> None:
    """The image has greeted: it can speak, and stays."""
    if lens.store is not None:
        lens.store.confirm()


def _receiver(lens: LensCore) -> UpdateReceiver:
    """The memory is looked at when somebody asks for it: most sessions never do."""
    if lens.receiver is None:
        version = version_bytes(lens.version)
        image = make_image(lens.maker, lens.model, version, FACTORY_BYTES, seed=lens.model)
        identity = ImageId(lens.maker, lens.model, version, FACTORY_BYTES, image.crc32)
        lens.store = FirmwareStore.holding(identity, image.content)
        lens.receiver = UpdateReceiver(lens.store, lens.maker, lens.model)
    return lens.receiver


def _obey(lens: LensCore, order: UpdateOrder) -> Message:
    recovering = in_recovery(lens) is not None
    if not recovering and not has(lens.told.features, Feature.UPDATE):
        return refuse(order, RefusalCode.NOT_AGREED)
    try:
        return _receiver(lens).answer(order)
    except PowerCutError:
        # It is dead until somebody gives it its supply anew; nobody hears this answer.
        power_off(lens)
        lens.tell("power was lost over a write")
        return refuse(order, RefusalCode.NO_POWER)


@obey_update.on(UpdateOffer)
def _offer(lens: LensCore, order: UpdateOffer) -> Message:
    return _obey(lens, order)


@obey_update.on(UpdateBlock)
def _block(lens: LensCore, order: UpdateBlock) -> Message:
    return _obey(lens, order)


@obey_update.on(UpdateActivate)
def _activate(lens: LensCore, order: UpdateActivate) -> Message:
    return _obey(lens, order)


@obey_update.on(UpdateRollBack)
def _roll_back(lens: LensCore, order: UpdateRollBack) -> Message:
    return _obey(lens, order)
