"""The transition table of a Micro Four Thirds link, for both ends: supply, sleep, and the steps of a transaction.

A command is legal while the lens is awake, wherever an earlier transaction stopped: what a real lens does with a
transaction that its body gives up is not documented.
"""

from lensmount_protocol.dialects.mft.framing import COMMAND, COMMAND_TYPES, LENS_BYTE, OTHER_COMMAND_TYPE, Form, form_of
from lensmount_protocol.message import UnknownMessage
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.transitions import TransitionTable
from lensmount_protocol.wire import Role

OFF = "OFF"
ASLEEP = "ASLEEP"
WAKING = "WAKING"
READY = "READY"
PLAIN_SENT = "PLAIN_SENT"
ACTION_SENT = "ACTION_SENT"
ACTION_RUNS = "ACTION_RUNS"
READ_SENT = "READ_SENT"
ANSWER_DUE = "ANSWER_DUE"
WRITE_SENT = "WRITE_SENT"
DATA_DUE = "DATA_DUE"
DATA_SENT = "DATA_SENT"

_TRIGGERS = {Form.PLAIN: "plain", Form.ACTION: "action", Form.READ: "read", Form.WRITE: "write"}
_COMMANDS = {"plain": PLAIN_SENT, "action": ACTION_SENT, "read": READ_SENT, "write": WRITE_SENT}


def _awake(**moves: str) -> dict[str, str]:
    """The moves of a state in which the lens is awake."""
    named = {name.replace("_", " "): target for name, target in moves.items()}
    return {**named, **_COMMANDS, "sleep": ASLEEP, "power lost": OFF}


TRANSITIONS = TransitionTable(
    initial=OFF,
    moves={
        OFF: {"power": ASLEEP, "power lost": OFF},
        ASLEEP: {"wake": WAKING, "power lost": OFF},
        WAKING: {"ready": READY, "sleep": ASLEEP, "power lost": OFF},
        READY: _awake(),
        PLAIN_SENT: _awake(lens_byte=READY),
        ACTION_SENT: _awake(lens_byte=ACTION_RUNS),
        ACTION_RUNS: _awake(lens_byte=READY),
        READ_SENT: _awake(lens_byte=ANSWER_DUE),
        ANSWER_DUE: _awake(answer=READY),
        WRITE_SENT: _awake(lens_byte=DATA_DUE),
        DATA_DUE: _awake(data=DATA_SENT),
        DATA_SENT: _awake(lens_byte=READY),
    },
    triggered_by={
        "power": Role.BODY,
        "power lost": None,
        "wake": Role.BODY,
        "ready": Role.LENS,
        "sleep": Role.BODY,
        **dict.fromkeys(_COMMANDS, Role.BODY),
        "data": Role.BODY,
        "lens byte": Role.LENS,
        "answer": Role.LENS,
    },
)

_FIRST_BYTES = {type_: start[0] for start, type_ in COMMAND_TYPES.items()}


def command_form(message: AnyMessage) -> Form:
    """The form of a command; an unknown one has that of its first byte, and a type without one is plain."""
    type_ = message_type(message)
    if type_ == OTHER_COMMAND_TYPE and isinstance(message, UnknownMessage) and len(message.data) > 1:
        return form_of(message.data[1]) or Form.PLAIN
    return form_of(_FIRST_BYTES.get(type_, 0)) or Form.PLAIN


def trigger_for(sender: Role, class_: int, message: AnyMessage) -> str:
    """The transition that a frame causes."""
    if sender is Role.LENS:
        return "lens byte" if class_ == LENS_BYTE else "answer"
    return _TRIGGERS[command_form(message)] if class_ == COMMAND else "data"
