"""The transition table of a Fuji G link, for both ends.

Both ends shift in each burst, so the frames of a burst cause their transitions one after the other: the end that
reads the table sends first. The words of the body move the link; those of the lens are legal where a burst is.
"""

from lensmount_protocol.dialect import TransitionTable
from lensmount_protocol.dialects.fuji_g.link import BodyNull
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE, BLOCK
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role

OFF = "OFF"
STARTING = "STARTING"
READY = "READY"
WORD_SENT = "WORD_SENT"
IN_SESSION = "IN_SESSION"
NULL_SENT = "NULL_SENT"

_LENS = {"lens word": "", "lens acknowledge": "", "lens block": ""}


def _moves(state: str, **moves: str) -> dict[str, str]:
    """The moves of a powered state: those given, the lens's side of a burst, and the loss of power."""
    named = {name.replace("_", " "): target for name, target in moves.items()}
    return {**named, **dict.fromkeys(_LENS, state), "power lost": OFF}


TRANSITIONS = TransitionTable(
    initial=OFF,
    moves={
        OFF: {"power": STARTING},
        STARTING: {"ready": READY, "power lost": OFF},
        READY: _moves(READY, request=WORD_SENT, block=READY),
        # A session ends only with the null word.
        WORD_SENT: _moves(WORD_SENT, acknowledge=IN_SESSION),
        IN_SESSION: _moves(IN_SESSION, request=WORD_SENT, null=NULL_SENT),
        NULL_SENT: _moves(NULL_SENT, acknowledge=READY),
    },
    triggered_by={
        "power": Role.BODY,
        "power lost": None,
        "ready": Role.LENS,
        "request": Role.BODY,
        "null": Role.BODY,
        "acknowledge": Role.BODY,
        "block": Role.BODY,
        "lens word": Role.LENS,
        "lens acknowledge": Role.LENS,
        "lens block": Role.LENS,
    },
)


def trigger_for(sender: Role, class_: int, message: AnyMessage) -> str:
    """The transition that a frame causes."""
    if sender is Role.LENS:
        return {ACKNOWLEDGE: "lens acknowledge", BLOCK: "lens block"}.get(class_, "lens word")
    if class_ == BLOCK:
        return "block"
    if class_ == ACKNOWLEDGE:
        return "acknowledge"
    return "null" if isinstance(message, BodyNull) else "request"
