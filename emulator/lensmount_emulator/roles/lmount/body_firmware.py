"""How a body brings firmware into a lens: armed by name, checked before anything is sent, then started anew."""

from collections.abc import Generator
from typing import Any

from lensmount_emulator.models.firmware_image import Image, for_lens
from lensmount_emulator.roles.lmount.body_core import BodyCore
from lensmount_emulator.roles.lmount.body_update import Answer, UpdateOutcome, roll_back, update
from lensmount_emulator.roles.tasks import Await, Task
from lensmount_protocol.dialects.lmount.link import Refusal
from lensmount_protocol.dialects.lmount.types import Feature
from lensmount_protocol.dialects.lmount.update import UpdateOffer, UpdateState
from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.message import Message

FLASH_PATIENCE_S = 0.1
"""What a lens may take to write a block, or to check a whole image."""

SETTLES_S = 0.05


def bring(body: BodyCore, image: Image) -> Task:
    """Load an image and have the lens start from it."""
    if not _may(body):
        return
    identity = body.known.identity
    if identity is not None:
        try:
            for_lens(image, identity.maker, identity.model, identity.firmware, image.name or "the image")
        except FirmwareError as error:
            body.tell(f"nothing was sent: {error}", trouble=True)
            return
    yield from _carry(body, update(image, body.next_number))


def take_back(body: BodyCore) -> Task:
    """Have the lens go back to the image before."""
    if _may(body):
        yield from _carry(body, roll_back(body.next_number))


def _may(body: BodyCore) -> bool:
    if UpdateOffer.TYPE not in body.connection.armed:
        body.tell("an update can leave a lens dead; arm it by name: --arm 'Update*'", trouble=True)
        return False
    if body.known.recovery is None and not body.known.feature(Feature.UPDATE):
        body.tell("this lens is not updated through a body")
        return False
    return True


def _carry(body: BodyCore, course: Generator[Message, Answer, UpdateOutcome]) -> Generator[Await, bool, None]:
    """Carry the orders of an update to the lens and their answers back."""
    try:
        order: Any = next(course)
        while True:
            answer = yield from body.ask(order, patience=FLASH_PATIENCE_S, numbered=False, tries=1)
            order = course.send(answer if isinstance(answer, UpdateState | Refusal) else None)
    except StopIteration as stop:
        outcome: UpdateOutcome = stop.value
    body.tell(outcome.text, trouble=not outcome.done)
    body.restarts = outcome.done
    yield body.now + SETTLES_S
