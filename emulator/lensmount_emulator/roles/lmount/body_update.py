"""How a body updates a lens: offer, blocks from where the lens wants them, activation; or the way back.

The orders are yielded and their answers sent in, so that whoever carries them keeps the link and its time.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from lensmount_emulator.models.firmware_image import Image, version_text
from lensmount_protocol.checksums import CRC32_ISO_HDLC
from lensmount_protocol.dialects.lmount.link import Refusal
from lensmount_protocol.dialects.lmount.types import RefusalCode, UpdateStage
from lensmount_protocol.dialects.lmount.update import (
    BLOCK,
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollBack,
    UpdateState,
)
from lensmount_protocol.message import Message

REPEATS = 3
"""How often an order that nobody answers is sent again, or a block that does not get through, or a wrong image."""

Answer = UpdateState | Refusal | None

WHY_NOT = {
    RefusalCode.NOT_ABLE: "the image is for another lens",
    RefusalCode.OUT_OF_RANGE: "the image is empty or larger than the lens has room for",
    RefusalCode.NOT_NOW: "what runs in the lens is newer, or was not started since the last order",
}
"""What the codes of a refused offer mean."""


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """What became of an update.

    Attributes:
        stage: the last that the lens said; `REFUSED` where an order was refused.
        done: whether it came to its end: the lens starts from the new image, or goes back, at the next power-up.
        blocks_sent: how many, repeated ones included.
        blocks_repeated: those that were sent more than once.
        text: one line for people.
    """

    stage: UpdateStage
    done: bool
    blocks_sent: int
    blocks_repeated: int
    text: str


class _GivenUpError(Exception):
    """The update cannot go on; the text says why."""


@dataclass(slots=True)
class _Course:
    """An update under way."""

    next_number: Callable[[], int]
    stage: UpdateStage = UpdateStage.IDLE
    sent: int = 0
    repeated: int = 0

    def outcome(self, text: str, *, done: bool = False) -> UpdateOutcome:
        return UpdateOutcome(self.stage, done, self.sent, self.repeated, text)

    def order(self, order: Message, what: str) -> Generator[Message, Answer, UpdateState]:
        """Send an order until it is answered; the same bytes each time, so that it is carried out once."""
        block = isinstance(order, UpdateBlock)
        for turn in range(1 + REPEATS):
            self.sent += block
            self.repeated += block and turn > 0
            answer = yield order
            if isinstance(answer, Refusal):
                self.stage = UpdateStage.REFUSED
                raise _GivenUpError(f"the lens refuses {what}: {answer.code.name}")
            if answer is not None:
                self.stage = answer.stage
                return answer
        raise _GivenUpError(f"no answer to {what}, sent {1 + REPEATS} times")


def update(image: Image, next_number: Callable[[], int]) -> Generator[Message, Answer, UpdateOutcome]:
    """Bring an image into the lens, from wherever it was left; the next start of the lens is the image's trial.

    Args:
        image: what is to run.
        next_number: numbers for orders.

    Yields:
        Each order; its answer is to be sent in, `None` where none came in time.
    """
    course = _Course(next_number)
    name = f"firmware {version_text(image.version)}"
    try:
        offer = UpdateOffer(
            number=next_number(), maker=image.maker, model=image.model, firmware=image.version,
            size=len(image.content), crc32=image.crc32,
        )  # fmt: skip
        state = yield from course.order(offer, f"the offer of {name}")
        if state.stage == UpdateStage.REFUSED:
            why = WHY_NOT.get(state.code, state.code.name)
            return course.outcome(f"the lens refuses {name}: {why}")
        if state.stage == UpdateStage.ACTIVE:
            return course.outcome(f"{name} runs in the lens already", done=True)
        yield from _blocks(course, image, state)
        activation = UpdateActivate(number=next_number())
        yield from course.order(activation, f"the activation of {name}")
    except _GivenUpError as reason:
        return course.outcome(str(reason))
    if course.stage != UpdateStage.ACTIVE:
        return course.outcome(f"the lens does not activate {name}: it says {course.stage.name}")
    told = f"{course.sent} blocks sent" + (f", {course.repeated} of them again" if course.repeated else "")
    return course.outcome(f"{name} is verified and starts at the next power-up: {told}", done=True)


def _blocks(course: _Course, image: Image, state: UpdateState) -> Generator[Message, Answer, None]:
    """Send what is wanted until the lens has verified the whole."""
    size, content = len(image.content), image.content
    stalls = steps_back = 0
    while state.stage != UpdateStage.VERIFIED:
        at = state.wanted
        if state.stage != UpdateStage.RECEIVING or at >= size:
            raise _GivenUpError(f"the lens says {state.stage.name} and wants byte {at} of {size}")
        piece = content[at : at + BLOCK]
        block = UpdateBlock(number=course.next_number(), offset=at, crc32=CRC32_ISO_HDLC.of(piece), content=piece)
        state = yield from course.order(block, f"the block at {at:#x}")
        # Whoever sends for ever to a lens that never gets further wears its memory out.
        stalls = stalls + 1 if state.wanted == at else 0
        steps_back += state.wanted < at
        course.repeated += state.wanted == at
        if max(stalls, steps_back) > REPEATS:
            raise _GivenUpError(f"the lens does not get beyond byte {at} of {size}: {state.code.name}")


def roll_back(next_number: Callable[[], int]) -> Generator[Message, Answer, UpdateOutcome]:
    """Let the lens go back to the image before, or give up what was not confirmed; see `update`."""
    course = _Course(next_number)
    try:
        state = yield from course.order(UpdateRollBack(number=next_number()), "the way back")
    except _GivenUpError as reason:
        return course.outcome(str(reason))
    if state.stage != UpdateStage.ROLLED_BACK:
        return course.outcome("the lens has no image to go back to")
    return course.outcome("the lens starts with the image before at the next power-up", done=True)
