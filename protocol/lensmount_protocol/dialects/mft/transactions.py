"""Transactions of Micro Four Thirds: the transition table of both ends, and a checker of units, checks and answers.

A command is legal while the lens is awake, wherever an earlier transaction stopped: what a real lens does with a
transaction that its body gives up is not documented.
"""

from collections.abc import Iterator

from lensmount_protocol.dialect import TransitionTable
from lensmount_protocol.dialects.mft.framing import (
    ANSWER,
    COMMAND,
    COMMAND_TYPES,
    LENS_BYTE,
    OTHER_COMMAND_TYPE,
    Form,
    find_transaction_form,
    sent_sum,
)
from lensmount_protocol.dialects.mft.messages import ANSWERS, ORDERS
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.payload import AnyMessage, message_type
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

_DOCUMENTED_FORMS = {type_: find_transaction_form(start[0]) or Form.PLAIN for start, type_ in COMMAND_TYPES.items()}
_DOCUMENTED_TRIGGERS = {type_: _TRIGGERS[form] for type_, form in _DOCUMENTED_FORMS.items()}


def command_form(message: AnyMessage) -> Form:
    """The form of a command; an unknown one has that of its first byte, and a type without one is plain."""
    type_ = message_type(message)
    form = _DOCUMENTED_FORMS.get(type_)
    if form is not None:
        return form
    if type_ == OTHER_COMMAND_TYPE and isinstance(message, UnknownMessage) and len(message.data) > 1:
        return find_transaction_form(message.data[1]) or Form.PLAIN
    return Form.PLAIN


def trigger_for(sender: Role, class_: int, message: AnyMessage) -> str:
    """The transition that a frame causes."""
    if sender is Role.LENS:
        return "lens byte" if class_ == LENS_BYTE else "answer"
    if class_ != COMMAND:
        return "data"
    return _DOCUMENTED_TRIGGERS.get(message_type(message)) or _TRIGGERS[command_form(message)]


_STEPS = {
    Form.PLAIN: ("check",),
    Form.ACTION: ("check", "status"),
    Form.READ: ("check", "answer"),
    Form.WRITE: ("check", "data", "check"),
}


class TransactionChecker:
    """Checks the units of both ends against the forms of a transaction; a `LinkChecker`.

    A recording may begin inside a transaction: the rules hold from its first command on.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start over: a unit was no frame."""
        self._command: AnyMessage | None = None
        self._steps: list[str] = []
        self._sum = 0

    def on_frame(self, sender: Role, frame: Frame, _at: float | None) -> list[str]:
        """Take a valid frame; return the rules that it breaks, one line each."""
        if frame.class_ == COMMAND:
            return list(self._on_command(frame))
        if self._command is None:
            return []
        kind = "data" if sender is Role.BODY else "answer" if frame.class_ == ANSWER else ""
        return list(self._on_step(kind, frame))

    def _on_command(self, frame: Frame) -> Iterator[str]:
        if self._steps:
            yield f"the body sends a command where the {self._steps[0]} is due"
        command: AnyMessage = frame.messages[0]
        self._command = command
        self._steps = list(_STEPS[command_form(command)])
        self._sum = sent_sum(frame.raw)

    def _on_step(self, kind: str, frame: Frame) -> Iterator[str]:
        due = self._steps.pop(0) if self._steps else "next command"
        if frame.class_ == LENS_BYTE and due in ("check", "status"):
            expected = self._sum if due == "check" else 0
            if frame.raw[0] != expected:
                yield f"the {due} of the lens is {frame.raw[0]:#04x}; {expected:#04x} is due"
            return
        if kind != due:
            yield f"{type(frame.messages[0]).__name__} comes where the {due} is due"
            self.reset()
            return
        if kind == "data":
            self._sum = sent_sum(frame.raw)
        command = self._command
        known = (ORDERS if kind == "data" else ANSWERS).get(type(command)) if isinstance(command, Message) else None
        if known is not None and not isinstance(frame.messages[0], known):
            yield (f"{type(frame.messages[0]).__name__} follows {type(command).__name__}; {known.__name__} is due")
