"""The firmware update of a lens by a body: offer, blocks from the offset that the lens wants, activation; or rollback.

The update generators yield orders and receive their answers, so that the caller controls the link and its timing. An
update must be allowed by name; the image is checked before anything is sent, and the lens is restarted afterwards.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_emulator.models.firmware_image import Image, check_image_for, format_version
from lensmount_emulator.roles.lmount.body.engine_base import BodyEngineBase
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
from lensmount_protocol.dialects.lmount.types import Feature, RejectionCode, UpdateStage
from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.message import Message

MAX_RESENDS = 3
"""Maximum number of repeats of an unanswered order, a failing block, or a wrong image."""

UpdateReply = UpdateState | CommandRejected | None

OFFER_REJECTIONS = {
    RejectionCode.NOT_ABLE: "the image is for another lens",
    RejectionCode.OUT_OF_RANGE: "the image is empty or larger than the lens has room for",
    RejectionCode.NOT_NOW: "what runs in the lens is newer, or was not started since the last order",
}
"""Code of a refused offer -> its meaning."""


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """Result of an update.

    Attributes:
        stage: the last stage that the lens reported; `REFUSED` if it refused an order.
        done: whether it is complete: the lens starts from the new image, or the previous one, at the next power-up.
        blocks_sent: number of blocks sent, including repeats.
        blocks_repeated: number of repeated blocks.
        text: one line of text.
    """

    stage: UpdateStage
    done: bool
    blocks_sent: int
    blocks_repeated: int
    text: str


class _UpdateAbortedError(Exception):
    """The update cannot continue; the text gives the reason."""


@dataclass(slots=True)
class _UpdateProgress:
    """State of an update."""

    next_number: Callable[[], int]
    stage: UpdateStage = UpdateStage.IDLE
    sent: int = 0
    repeated: int = 0

    def outcome(self, text: str, *, done: bool = False) -> UpdateOutcome:
        return UpdateOutcome(self.stage, done, self.sent, self.repeated, text)

    def order(self, order: Message, what: str) -> Generator[Message, UpdateReply, UpdateState]:
        """Send an order until it is answered; the same bytes each time, so that the lens executes it once."""
        block = isinstance(order, UpdateBlock)
        for turn in range(1 + MAX_RESENDS):
            self.sent += block
            self.repeated += block and turn > 0
            answer = yield order
            if isinstance(answer, CommandRejected):
                self.stage = UpdateStage.REFUSED
                raise _UpdateAbortedError(f"the lens refuses {what}: {answer.code.name}")
            if answer is not None:
                self.stage = answer.stage
                return answer
        raise _UpdateAbortedError(f"no answer to {what}, sent {1 + MAX_RESENDS} times")


def update(image: Image, next_number: Callable[[], int]) -> Generator[Message, UpdateReply, UpdateOutcome]:
    """Load an image into the lens, or continue to load it; the next start of the lens is the image's trial.

    Args:
        image: the image to load.
        next_number: returns the next number for an order.

    Yields:
        Each order; the caller sends its answer in, `None` after a timeout.
    """
    course = _UpdateProgress(next_number)
    name = f"firmware {format_version(image.version)}"
    try:
        offer = UpdateOffer(
            number=next_number(), maker=image.maker, model=image.model, firmware=image.version,
            size=len(image.content), crc32=image.crc32,
        )  # fmt: skip
        state = yield from course.order(offer, f"the offer of {name}")
        if state.stage == UpdateStage.REFUSED:
            why = OFFER_REJECTIONS.get(state.code, state.code.name)
            return course.outcome(f"the lens refuses {name}: {why}")
        if state.stage == UpdateStage.ACTIVE:
            return course.outcome(f"{name} runs in the lens already", done=True)
        yield from _send_blocks(course, image, state)
        activation = UpdateActivate(number=next_number())
        yield from course.order(activation, f"the activation of {name}")
    except _UpdateAbortedError as reason:
        return course.outcome(str(reason))
    if course.stage != UpdateStage.ACTIVE:
        return course.outcome(f"the lens does not activate {name}: it says {course.stage.name}")
    reply = f"{course.sent} blocks sent" + (f", {course.repeated} of them again" if course.repeated else "")
    return course.outcome(f"{name} is verified and starts at the next power-up: {reply}", done=True)


def _send_blocks(course: _UpdateProgress, image: Image, state: UpdateState) -> Generator[Message, UpdateReply, None]:
    """Send the wanted blocks until the lens has verified the whole image."""
    size, content = len(image.content), image.content
    stalls = steps_back = 0
    while state.stage != UpdateStage.VERIFIED:
        at = state.wanted
        if state.stage != UpdateStage.RECEIVING or at >= size:
            raise _UpdateAbortedError(f"the lens says {state.stage.name} and wants byte {at} of {size}")
        piece = content[at : at + BLOCK_SIZE]
        block = UpdateBlock(number=course.next_number(), offset=at, crc32=CRC32_ISO_HDLC.compute(piece), content=piece)
        state = yield from course.order(block, f"the block at {at:#x}")
        # Endless repeats to a lens that makes no progress would wear its memory out.
        stalls = stalls + 1 if state.wanted == at else 0
        steps_back += state.wanted < at
        course.repeated += state.wanted == at
        if max(stalls, steps_back) > MAX_RESENDS:
            raise _UpdateAbortedError(f"the lens does not get beyond byte {at} of {size}: {state.code.name}")


def roll_back(next_number: Callable[[], int]) -> Generator[Message, UpdateReply, UpdateOutcome]:
    """Roll the lens back to the previous image, or give up an unconfirmed one; see `update`."""
    course = _UpdateProgress(next_number)
    try:
        state = yield from course.order(UpdateRollback(number=next_number()), "the way back")
    except _UpdateAbortedError as reason:
        return course.outcome(str(reason))
    if state.stage != UpdateStage.ROLLED_BACK:
        return course.outcome("the lens has no image to go back to")
    return course.outcome("the lens starts with the image before at the next power-up", done=True)


FLASH_TIMEOUT_S = 0.1
"""Time that a lens may take to write a block, or to check a whole image."""

SETTLES_S = 0.05


def install_firmware(body: BodyEngineBase, image: Image) -> Task:
    """Load an image and start the lens from it."""
    if not _is_update_allowed(body):
        return
    identity = body.lens_info.identity
    if identity is not None:
        try:
            check_image_for(image, identity.maker, identity.model, identity.firmware, image.name or "the image")
        except FirmwareError as error:
            body.report(f"nothing was sent: {error}", is_error=True)
            return
    yield from _exchange_messages(body, update(image, body.next_number))


def roll_back_firmware(body: BodyEngineBase) -> Task:
    """Roll the lens back to the previous image."""
    if _is_update_allowed(body):
        yield from _exchange_messages(body, roll_back(body.next_number))


def _is_update_allowed(body: BodyEngineBase) -> bool:
    if UpdateOffer.TYPE not in body.connection.allowed:
        body.report("an update can leave a lens dead; allow it by name: --allow 'Update*'", is_error=True)
        return False
    if body.lens_info.recovery is None and not body.lens_info.has_feature(Feature.UPDATE):
        body.report("this lens is not updated through a body")
        return False
    return True


def _exchange_messages(
    body: BodyEngineBase, course: Generator[Message, UpdateReply, UpdateOutcome]
) -> Generator[WaitFor, bool, None]:
    """Send the orders of an update to the lens and return their answers."""
    try:
        order: Any = next(course)
        while True:
            answer = yield from body.request(order, timeout=FLASH_TIMEOUT_S, numbered=False, max_sends=1)
            order = course.send(answer if isinstance(answer, UpdateState | CommandRejected) else None)
    except StopIteration as stop:
        outcome: UpdateOutcome = stop.value
    body.report(outcome.text, is_error=not outcome.done)
    body.restarts = outcome.done
    yield body.now + SETTLES_S
