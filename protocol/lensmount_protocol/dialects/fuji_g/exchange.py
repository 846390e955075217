"""The rules of an exchange: which word is due, how acknowledges are numbered, and where a session ends.

An exchange is a burst with a word of each end, then a burst with their acknowledges. A session is exchanges until the
body sends the null word. Source: captures; 3 603 of 3 603 exchanges keep every rule.
"""

from collections.abc import Iterator

from lensmount_protocol.dialects.fuji_g.lines import FIRST_EXCHANGE
from lensmount_protocol.dialects.fuji_g.link import (
    BodyAcknowledge,
    BodyNull,
    LensAcknowledge,
    LensNull,
)
from lensmount_protocol.dialects.fuji_g.words import ACKNOWLEDGE, BLOCK
from lensmount_protocol.framer import Frame
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

ACK_BASE = 0x08
NUMBERS = 8

MAX_PAUSE_S = 0.2
"""A body polls every 40 ms; after a longer pause it may have switched the lens off and on."""


class ExchangeChecker:
    """Checks the words of both ends against the rules of an exchange; a `LinkChecker`.

    A capture may begin inside a session: rules that need an earlier word hold from the first whole session on.
    """

    def __init__(self) -> None:
        self._last_at = 0.0
        self.reset()

    def reset(self) -> None:
        """Start over: a burst was no frame."""
        self._words: dict[Role, AnyMessage] = {}
        self._previous: dict[Role, AnyMessage] | None = None
        self._body_number: int | None = None
        self._lens_due: int | None = None
        self._number_due: int | None = None
        self._acknowledged: set[Role] = set()
        self._is_joined = False

    def on_frame(self, sender: Role, frame: Frame, at: float | None) -> list[str]:
        """Take a valid frame; return the rules that it breaks, one line each.

        Args:
            sender: the end that sent it; in each burst both ends send, in any order.
            frame: the frame.
            at: its start in seconds; `None` where the source has no times.
        """
        if at is not None:
            if at - self._last_at > MAX_PAUSE_S:
                self.reset()
            self._last_at = at
        if frame.class_ == BLOCK:
            return []
        if frame.class_ == ACKNOWLEDGE:
            return list(self._on_acknowledge(sender, frame.messages[0]))
        return list(self._on_word(sender, frame.messages[0]))

    def _on_word(self, sender: Role, message: AnyMessage) -> Iterator[str]:
        if sender in self._words:
            yield f"a word of the {sender.value} where its acknowledge is due"
            self._words.clear()
        self._words[sender] = message
        if len(self._words) < len(Role):
            return
        self._is_joined = True
        if self._previous is None:
            return
        asked, reply = self._previous.get(Role.BODY), self._words[Role.LENS]
        if asked is None:
            if not isinstance(reply, LensNull):
                yield f"the lens sends {_name(reply)} in the first exchange of a session; null is due"
        elif message_type(reply) != message_type(asked):
            yield f"the lens sends {_name(reply)}; the reply to {_name(asked)} is due"

    def _on_acknowledge(self, sender: Role, message: AnyMessage) -> Iterator[str]:
        if len(self._words) < len(Role):
            # After a burst that was no frame, the words that it acknowledges may be lost.
            if self._is_joined:
                yield f"an acknowledge of the {sender.value} without a word of both ends before"
            return
        if isinstance(message, BodyAcknowledge):
            yield from self._on_body_acknowledge(message)
        elif isinstance(message, LensAcknowledge):
            yield from self._on_lens_acknowledge(message)
        self._acknowledged.add(sender)
        if len(self._acknowledged) == len(Role):
            self._end_exchange()

    def _on_body_acknowledge(self, acknowledge: BodyAcknowledge) -> Iterator[str]:
        word, reply = self._words[Role.BODY], self._words[Role.LENS]
        if acknowledge.command != message_type(reply):
            yield f"the body acknowledges {acknowledge.command:#04x}; the lens sent {message_type(reply):#04x}"
        number = acknowledge.number - ACK_BASE
        null = isinstance(word, BodyNull)
        if null and number:
            yield f"the body acknowledges with number {number} after null; 0 is due"
        elif not null and self._number_due is not None and number != self._number_due:
            yield f"the body acknowledges with number {number}; {self._number_due} is due"
        first = FIRST_EXCHANGE if isinstance(reply, LensNull) else 0
        if acknowledge.first != first:
            yield f"the low byte of the body's acknowledge is {acknowledge.first:#04x}; {first:#04x} is due"
        self._body_number = number
        if not null:
            self._number_due = (number + 1) % NUMBERS

    def _on_lens_acknowledge(self, acknowledge: LensAcknowledge) -> Iterator[str]:
        word = self._words[Role.BODY]
        if acknowledge.command != message_type(word):
            yield f"the lens acknowledges {acknowledge.command:#04x}; the body sent {message_type(word):#04x}"
        number = acknowledge.number - ACK_BASE
        if self._lens_due is not None and number != self._lens_due:
            yield f"the lens acknowledges with number {number}; {self._lens_due} is due"
        if acknowledge.first:
            yield f"the low byte of the lens's acknowledge is {acknowledge.first:#04x}; zero is due"

    def _end_exchange(self) -> None:
        ended = isinstance(self._words[Role.BODY], BodyNull)
        self._previous = {} if ended else self._words
        self._lens_due = 0 if ended else self._body_number
        self._words, self._acknowledged = {}, set()


def _name(message: AnyMessage) -> str:
    return f"{message_type(message):02X} {type(message).__name__}"
