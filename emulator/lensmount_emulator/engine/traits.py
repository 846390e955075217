"""Traits of a dialect for panels and learning, as data.

Gauges are the fields that show a lens and a body as things, and those that set its viewfinder. Learning knows where the
alphabets are, and how frames of an end read as outputs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class Gauge:
    """One value that a panel shows.

    Attributes:
        part: what it is: `aperture`, `focus`, `distance`, `zoom`, `stabiliser`, `power`, or any other name for a plain
            value.
        role: the end that it is about.
        label: name for users.
        value: the field with the present value, as `Message.field`.
        target: the field with the ordered value; `""` for none.
        minimum: the field with the lower limit.
        maximum: the field with the upper limit.
        number: turns the value of a field into the number that a drawing uses, such as an f-number; `None` for the
            value itself.
        text: turns the value into text, where the field's own text does not suit a panel.
    """

    part: str
    role: Role
    label: str
    value: str
    target: str = ""
    minimum: str = ""
    maximum: str = ""
    number: Callable[[Any], float] | None = None
    text: Callable[[Any], str] | None = None

    @property
    def fields(self) -> dict[str, str]:
        """Place of each field that it uses -> the field."""
        named = {"value": self.value, "target": self.target, "minimum": self.minimum, "maximum": self.maximum}
        return {place: name for place, name in named.items() if name}


@dataclass(frozen=True, slots=True)
class ViewfinderFields:
    """The fields from which the viewfinder model computes a picture, as `Message.field`.

    Attributes:
        focused_mm: object distance, in millimetres.
        infinity_mm: the distance from which on it stands for infinity.
        focal_um: focal length, in micrometres.
        aperture: aperture.
        f_number: turns the aperture into an f-number.
        exposure_us: exposure time of the last picture, in microseconds.
        shortest_um: shortest focal length of the lens.
        longest_um: longest focal length of the lens.
        nearest_mm: nearest focus of the lens.
        crops: whether the used part of the image circle is smaller than full frame.
        circle: the used part of the image circle.
        breathes_percent: how much a lens breathes, from the settings of its profile.
    """

    focused_mm: str
    infinity_mm: int
    focal_um: str
    aperture: str
    f_number: Callable[[Any], float]
    exposure_us: str
    shortest_um: str
    longest_um: str
    nearest_mm: str
    circle: str
    crops: Callable[[Any], bool]
    breathes_percent: Callable[[Any], float]


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
