"""What a Fuji G lens answers, as a table for a board: a body leaves it 249 us, and a host needs longer.

States 0 to 7 wait for a word of the body; the number is that of the body's last acknowledge, which the lens repeats.
The other states wait for the body's acknowledge, one for each kind of reply. Blocks and what follows them are left to
the engine: there is time.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from lensmount_hardware.transport import PreparedReply
from lensmount_protocol.dialects.fuji_g import commands as c
from lensmount_protocol.dialects.fuji_g.exchange import ACK_BASE, NUMBERS
from lensmount_protocol.dialects.fuji_g.lines import WORD_SIZE
from lensmount_protocol.dialects.fuji_g.words import build_word

if TYPE_CHECKING:
    from lensmount_emulator.roles.fuji_g.lens import LensEngine

_COMMAND = bytes.fromhex("0000ffc0")
"""Bits of a word: the acknowledge flag and the command."""

_FLAG = bytes.fromhex("00008000")
_NUMBER = 0x07

_AFTER_NULL, _AFTER_ECHO, _AFTER_ANNOUNCE, _FIRST_READ = 8, 9, 10, 16
_ANNOUNCED = 64
"""States 64 to 71 are 0 to 7 after a block was announced: then null leads to the engine."""

_LEFT_TO_ENGINE = 254
_NULL = 0

READS = tuple(
    cls.TYPE
    for cls in (
        c.StatusRequest,
        c.PositionRequest,
        c.IrisStepRequest,
        c.Query09Request,
        c.TemperatureRequest,
        c.MoveResultRequest,
        c.ApertureRingRequest,
        c.FocusRingRequest,
    )
)
"""Types of the requests that a lens answers with a value of its own; it echoes the others."""

_ANNOUNCES = frozenset({c.LensBlockAnnounceCommand.TYPE, c.BodyBlockAnnounceCommand.TYPE})


def prepare_replies(lens: "LensEngine") -> Sequence[PreparedReply]:
    """Return the table with the values of now; each reply keeps its place in it."""
    reads = (
        PreparedReply(
            state=_FIRST_READ + number,
            after=0,
            after_mask=_NUMBER,
            size=WORD_SIZE,
            match=_FLAG,
            mask=_FLAG,
            unit=build_word(type_, value & 0xFFFF),
        )
        for number, (type_, value) in enumerate(zip(READS, _values(lens), strict=True))
    )
    return (*reads, *_constant_replies())


def _values(lens: "LensEngine") -> tuple[int, ...]:
    """The values that it would reply now, in the order of `READS`."""
    return (
        lens.status,
        round(lens.focus.position(lens.now)),
        lens.iris.step << 8,
        0,
        lens.settings.temperature,
        lens.result,
        lens.ring_index,
        lens.next_turn,
    )


@cache
def _constant_replies() -> tuple[PreparedReply, ...]:
    types = [_NULL, *(cls.TYPE for cls in c.REQUESTS)]
    replies = [
        _acknowledge(number, type_, announced=announced)
        for announced in (False, True)
        for number in range(NUMBERS)
        for type_ in types
        if type_ == _NULL or not announced
    ]
    for state, after, mask, unit in (
        (_AFTER_NULL, 0, 0, build_word(_NULL, 0)),
        (_AFTER_ECHO, 0, _NUMBER, None),
        (_AFTER_ANNOUNCE, _ANNOUNCED, _NUMBER, None),
    ):
        replies.append(PreparedReply(state, after, mask, WORD_SIZE, _FLAG, _FLAG, unit))
    return tuple(replies)


def _acknowledge(number: int, type_: int, *, announced: bool) -> PreparedReply:
    """The acknowledge of a word of this type."""
    if type_ == _NULL:
        after = _LEFT_TO_ENGINE if announced else _AFTER_NULL
    elif type_ in _ANNOUNCES:
        after = _AFTER_ANNOUNCE
    else:
        after = _FIRST_READ + READS.index(type_) if type_ in READS else _AFTER_ECHO
    return PreparedReply(
        state=_ANNOUNCED + number if announced else number,
        after=after,
        after_mask=0,
        size=WORD_SIZE,
        match=(type_ << 6).to_bytes(WORD_SIZE, "big"),
        mask=_COMMAND,
        unit=build_word(type_, (ACK_BASE | number) << 8, acknowledge=True),
    )
