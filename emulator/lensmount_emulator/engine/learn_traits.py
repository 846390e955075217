"""What learning knows of a dialect: where its alphabets are, and how frames of an end read as outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.message import Message


class OutputToken(NamedTuple):
    """One word of an output.

    Attributes:
        text: the word, such as `07` or `02(26,4)`.
        streams: whether the frame belongs to a stream: such words count once a letter, and end no wait.
    """

    text: str
    streams: bool = False


class Answer(NamedTuple):
    """What a probe sends when a letter answers the learned end.

    Attributes:
        messages: the messages of one frame.
        class_: class of the frame.
    """

    messages: tuple[Message, ...]
    class_: int


def no_answer(_arrival: ReceivedFrame, _how: str) -> Answer | None:
    """The answer in a dialect without letters for bodies."""
    return None


@dataclass(frozen=True, slots=True)
class LearnTraits:
    """What learning knows of a dialect.

    Attributes:
        alphabets: the package that holds its alphabets as TOML files.
        describe: the words of a frame of the learned end; none for a frame that is left out of outputs.
        number: prepares a message to be the Nth one that the probe sends, for dialects with numbered messages.
        answer: the answer to the newest frame of the learned end, of a kind: `right`, `refuse` or `other`; `None` for a
            frame that needs none.
    """

    alphabets: str
    describe: Callable[[ReceivedFrame], tuple[OutputToken, ...]]
    number: Callable[[Message, int], None] = lambda _message, _number: None
    answer: Callable[[ReceivedFrame, str], Answer | None] = no_answer
