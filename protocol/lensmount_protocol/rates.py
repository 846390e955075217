"""The rate that two ends agree on in their messages, for those who hear both."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lensmount_protocol.paving import AnyMessage
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class RateWord:
    """What a message says of the rate at which both ends speak.

    Attributes:
        number: of the order that it is, or answers.
        baudrate: that is ordered, in bits a second; 0 in an answer.
        accepts: whether it is the answer with which the change begins; an answer that does not is a refusal.
    """

    number: int
    baudrate: int = 0
    accepts: bool = False


RateWords = Callable[[Role, int, AnyMessage], RateWord | None]
"""Sender, class of the frame and message to what is said of the rate; `None` where nothing is."""


class RateAgreement:
    """Hears both ends: an order, then its answer.

    Attributes:
        ordered: the order that has no answer yet; `None` where there is none.
    """

    def __init__(self, words: RateWords) -> None:
        self.ordered: RateWord | None = None
        self._words = words

    def hear(self, sender: Role, class_: int, messages: Iterable[AnyMessage]) -> int | None:
        """Take a frame's messages; gives the rate that both ends have agreed on with it, in bits a second."""
        agreed: int | None = None
        for message in messages:
            word = self._words(sender, class_, message)
            if word is None:
                continue
            if word.baudrate:
                self.ordered = word
            elif self.ordered is not None and word.number == self.ordered.number:
                agreed = self.ordered.baudrate if word.accepts else agreed
                self.ordered = None
        return agreed
