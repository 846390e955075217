"""The open model's own extensions: contents of `ExtensionCommand` and `ExtensionReport` that both ends agreed on.

A content is a kind byte and its fields. Makers that add a page of their own (0x8000 and above) declare it alike.
"""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul, Int32ul, PrefixedArray
from lensmount_protocol.dialects.lmount.types import OUR_DESIGN
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import FieldGroup, Message, field, field_group, field_group_layout, message
from lensmount_protocol.wire import Role

JOINT_CORRECTIONS = 0x0001
FAST_FOCUS = 0x0002
EXTENSION_REVISION = 1
"""Of both pages."""

MAX_POINT_RATE_HZ = 480
"""Set points a second that a lens with fast focus follows."""

FRACTION = 65_536
"""Unit of a set point's time, in parts of a frame."""

UNSCALED = 32_768
"""The field of view as it is at the far end, in 1/32768."""


@message(0x01, Role.BODY, OUR_DESIGN)
class ProfileRequest(Message):
    """Send the correction profile that the two makers made for this setting on this sensor."""

    request: int = field(Int8ub, "number of the request; its profile carries it", in_summary=True)
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm", in_summary=True)
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")
    sensor_width_um: int = field(Int16ul, "the part of the sensor that is used, its width", unit="µm", default=36_000)
    sensor_height_um: int = field(Int16ul, "its height", unit="µm", default=24_000)


@message(0x81, Role.LENS, OUR_DESIGN)
class CorrectionProfile(Message):
    """Distortion, lateral colour and vignetting in one, for the sensor that was named."""

    request: int = field(Int8ub, "number of the request", in_summary=True)
    focal_length_um: int = field(Int32ul, "the focal length that it is for", unit="µm", in_summary=True)
    distance_mm: int = field(Int32ul, "the distance that it is for", unit="mm")
    aperture: int = field(Int16sl, "the aperture that it is for", unit="Av/256")
    sensor_width_um: int = field(Int16ul, "the part of the sensor, its width", unit="µm", default=36_000)
    sensor_height_um: int = field(Int16ul, "its height", unit="µm", default=24_000)
    confidence: int = field(Int8ub, "fit to the request", unit="%", default=100, in_summary=True)
    distortion: list[int] = field(PrefixedArray(Int8ub, Int16sl), "v, a, b, c", default=[], unit="1/32768")
    lateral_colour: list[int] = field(
        PrefixedArray(Int8ub, Int16sl), "p, q for red, p, q for blue", default=[], unit="1/32768"
    )
    vignetting: list[int] = field(PrefixedArray(Int8ub, Int16sl), "a, b, c", default=[], unit="1/32768")


@field_group
class SetPoint(FieldGroup):
    """A focus position and its time."""

    after: int = field(Int8ub, "number of frames after the run's first", unit="frames")
    at: int = field(Int16ul, "time in that frame", unit="1/65536 frame")
    position: int = field(Int16ul, "focus position", unit="steps")


@message(0x01, Role.BODY, OUR_DESIGN)
class FocusSequence(Message):
    """Focus positions with times; a run with the same number continues, another one replaces it."""

    run: int = field(Int8ub, "number of the run", in_summary=True)
    frame: int = field(Int16ul, "number of its first frame", in_summary=True)
    points: list[SetPoint] = field(
        PrefixedArray(Int8ub, field_group_layout(SetPoint)), "set points, in order", default=[]
    )


@message(0x02, Role.BODY, OUR_DESIGN)
class BreathingCompensatedMove(Message):
    """Move evenly to a position, and report the field of view on the way, so that the body can crop its change away."""

    run: int = field(Int8ub, "number of the run", in_summary=True)
    frame: int = field(Int16ul, "number of the frame at the start of which it begins", in_summary=True)
    frames: int = field(Int8ub, "duration", default=1, unit="frames")
    target: int = field(Int16ul, "final position", unit="steps", in_summary=True)
    points: int = field(Int8ub, "set points in each frame", default=1)


@message(0x03, Role.BODY, OUR_DESIGN)
class FocusSequenceStop(Message):
    """Forget the set points that are still to come."""

    run: int = field(Int8ub, "number of the run", in_summary=True)


@field_group
class MeasuredPoint(FieldGroup):
    """The measured focus position at a set point."""

    at: int = field(Int16ul, "time in the frame", unit="1/65536 frame")
    position: int = field(Int16ul, "measured position", unit="steps")
    error: int = field(Int16sl, "measured position minus set point", unit="steps")
    scale: int = field(Int16ul, "field of view, against the far end's", unit="1/32768", default=UNSCALED)


@message(0x81, Role.LENS, OUR_DESIGN)
class FocusSequenceReport(Message):
    """The set points of one frame, as they were met."""

    run: int = field(Int8ub, "number of the run", in_summary=True)
    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    left: int = field(Int8ub, "set points of the run that are still to come", in_summary=True)
    points: list[MeasuredPoint] = field(
        PrefixedArray(Int8ub, field_group_layout(MeasuredPoint)), "set points, in order", default=[]
    )


EXTENSION_MESSAGES: dict[int, tuple[type[Message], ...]] = {
    JOINT_CORRECTIONS: (ProfileRequest, CorrectionProfile),
    FAST_FOCUS: (FocusSequence, BreathingCompensatedMove, FocusSequenceStop, FocusSequenceReport),
}
"""Number of a page -> its title."""


def extension_message_class(extension: int, sender: Role, kind: int) -> type[Message] | None:
    """The content of this kind; `None` where it is unknown."""
    known = (cls for cls in EXTENSION_MESSAGES.get(extension, ()) if cls.SENDER is sender and kind == cls.TYPE)
    return next(known, None)


def parse_extension(extension: int, sender: Role, content: bytes) -> Message:
    """Parse the content of a page; `build()` of the result is the content again.

    Args:
        extension: number of the page.
        sender: the end that sent it.
        content: kind byte and fields.

    Raises:
        FrameError: the page or the kind is unknown, or a field cannot be read.
    """
    kind = content[0] if content else -1
    cls = extension_message_class(extension, sender, kind)
    if cls is None:
        description = f"kind {kind:#04x}" if content else "content that is empty,"
        raise FrameError(f"page {extension:#06x} has no {description} from the {sender.value}")
    return cls.parse(content)
