"""The rules of a transaction: which unit is due, the check of the lens, and which answer belongs to which command."""

from collections.abc import Iterator

from lensmount_protocol.dialects.mft.framing import ANSWER, COMMAND, LENS_BYTE, Form, sent_sum
from lensmount_protocol.dialects.mft.messages import ANSWERS, ORDERS
from lensmount_protocol.dialects.mft.transitions import command_form
from lensmount_protocol.framer import Frame
from lensmount_protocol.message import Message
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role

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
