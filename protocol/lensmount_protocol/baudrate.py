"""Tracks the baud rate that two ends negotiate, from the messages of both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class BaudrateMessage:
    """A message that orders a baud rate or answers such an order.

    Attributes:
        number: number of the order.
        baudrate: the ordered rate, in bits a second; 0 in an answer.
        accepts: whether the message is an answer that accepts the order; any other answer refuses it.
    """

    number: int
    baudrate: int = 0
    accepts: bool = False


BaudrateMessageParser = Callable[[Role, int, AnyMessage], BaudrateMessage | None]
"""Sender, class of the frame and message to its meaning for the rate; `None` where it has none."""


class BaudrateNegotiation:
    """Follows the messages of both ends: an order, then its answer.

    Attributes:
        pending: the order without an answer so far; `None` where there is none.
    """

    def __init__(self, parse_message: BaudrateMessageParser) -> None:
        self.pending: BaudrateMessage | None = None
        self._parse_message = parse_message

    def observe(self, sender: Role, class_: int, messages: Iterable[AnyMessage]) -> int | None:
        """Take a frame's messages; return the rate that both ends agreed on with it, in bits a second, or `None`."""
        agreed: int | None = None
        for message in messages:
            parsed = self._parse_message(sender, class_, message)
            if parsed is None:
                continue
            if parsed.baudrate:
                self.pending = parsed
            elif self.pending is not None and parsed.number == self.pending.number:
                agreed = self.pending.baudrate if parsed.accepts else agreed
                self.pending = None
        return agreed
