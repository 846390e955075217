"""Loop frames of an E-mount session that a capture lacks: numbers, frames in their place, and how well they fit."""

from collections.abc import Sequence
from dataclasses import replace

from lensmount_emulator.comparison.follower import FollowedReply
from lensmount_emulator.comparison.reply_score import message_pieces
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.emount.body_status import BodyState
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.framing import LOOP_CLASS, build_frame, next_body_sequence, next_lens_sequence
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.message import SelectableMessage
from lensmount_protocol.payload import AnyMessage, build_payload
from lensmount_protocol.wire import Role

NUMBERS = 256
"""Numbers of the body's pulse counter; 0xF0..0xFF of them travel as 0x80..0x8F."""


def _counters(number: int) -> list[int]:
    """The values of the body's pulse counter that travel as this number."""
    return [count for count in range(NUMBERS) if next_body_sequence(count) == number]


_COUNTERS = {number: _counters(number) for number in range(NUMBERS)}


def numbers_between(before: int, after: int) -> list[int]:
    """The numbers of the pairs between two body frames: none for neighbours, and none for two frames of one pair.

    Where both numbers have two meanings, the nearest is taken.
    """
    if before == after:
        return []
    steps = [
        ((end - begin) % NUMBERS, begin)
        for begin in _COUNTERS[before]
        for end in _COUNTERS[after]
        if (end - begin) % NUMBERS
    ]
    if not steps:
        return []
    count, begin = min(steps)
    return [next_body_sequence(begin + step) for step in range(1, count)]


def numbers_before(number: int, count: int) -> list[int]:
    """The numbers of the pairs before a body frame, oldest first."""
    last = _COUNTERS[number][0] if _COUNTERS[number] else number
    return [next_body_sequence(last - step) for step in range(count, 0, -1)]


def number_before(lens_sequence: int) -> int | None:
    """The body's number that a lens answers with this one; `None` where no body sends such a number."""
    return next((number for number in _ANSWERED if next_lens_sequence(number) == lens_sequence), None)


_ANSWERED = sorted({next_body_sequence(count) for count in range(NUMBERS)})


def renumbered_frame(messages: Sequence[AnyMessage], number: int, *, phase_steps: int = 0) -> bytes:
    """A body's loop frame with another number: the parity bit and the phase of the cycle follow it.

    Args:
        messages: the messages of the frame that it copies.
        number: its number.
        phase_steps: frames from the copied one; negative ones come before it.
    """
    copies: list[AnyMessage] = []
    for message in messages:
        if isinstance(message, BodyState):
            length = max(message.cycle_length, 1)
            phase = (message.cycle_phase + phase_steps) % length
            parity = message.parity_flags & ~1 | number & 1
            copies.append(replace(message, cycle_phase=phase, parity_flags=parity))
        else:
            copies.append(message)
    return build_frame(build_payload(copies), LOOP_CLASS, number)


def infer_blocks(frames: Sequence[DecodedFrame]) -> tuple[int, int]:
    """The blocks of `05` and `06` that their lengths show: the lowest ones; the usual ones where no length fits."""
    return _blocks(frames, LensStatus), _blocks(frames, FocusStatus)


def _blocks(frames: Sequence[DecodedFrame], cls: type[SelectableMessage]) -> int:
    sizes = {
        len(frame.frame.payload)
        for frame in frames
        if frame.frame.class_ == LOOP_CLASS and frame.frame.payload[0] == cls.TYPE
    }
    highest = max(spec.block for spec in cls.FIELDS)
    if not sizes or cls.size_with(cls.DEFAULT_BLOCKS) in sizes:
        return cls.DEFAULT_BLOCKS
    masks = ((1 << count) - 1 for count in range(1, highest + 1))
    return next((mask for mask in masks if cls.size_with(mask) in sizes), cls.DEFAULT_BLOCKS)


def retyped(frame: DecodedFrame, blocks: tuple[int, int]) -> DecodedFrame:
    """A frame with its messages read under these blocks of `05` and `06`."""
    usual = LensStatus.DEFAULT_BLOCKS, FocusStatus.DEFAULT_BLOCKS
    if blocks == usual or frame.sender is not Role.LENS or frame.frame.class_ != LOOP_CLASS:
        return frame
    parser = EMOUNT.payload_parser()
    parser.select({LensStatus: blocks[0], FocusStatus: blocks[1]})
    messages = parser.parse(frame.sender, frame.frame.payload)
    return replace(frame, frame=replace(frame.frame, lazy_messages=messages))


def equal_bytes(reply: FollowedReply) -> int:
    """Bytes of the captured payload that our frame has at the same place of the same message."""
    if reply.ours is None:
        return 0
    pieces = zip(message_pieces(reply.captured), message_pieces(reply.ours), strict=False)
    return sum(a == b for theirs, mine in pieces for a, b in zip(theirs, mine, strict=False))
