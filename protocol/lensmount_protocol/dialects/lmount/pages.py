"""The open model's own pages: what `PageOrder` and `PageReport` carry once both ends have agreed on a page.

A content is a kind byte and its fields. Two makers who add a page of their own (0x8000 and above) declare it alike.
"""

from lensmount_protocol.deferred import Int8ub, Int16sl, Int16ul, Int32ul, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import OWN
from lensmount_protocol.errors import FrameError
from lensmount_protocol.message import Message, field, message
from lensmount_protocol.records import Record, record, record_of
from lensmount_protocol.wire import Role

JOINT_CORRECTIONS = 0x0001
FAST_FOCUS = 0x0002
PAGE_REVISION = 1
"""Of both pages."""

MOST_POINTS_HZ = 480
"""Set points a second that a lens with fast focus follows."""

FRACTION = 65_536
"""Parts of a frame in which a set point's time is told."""

UNSCALED = 32_768
"""The field of view as it is at the far end, in 1/32768."""


@message(0x01, Role.BODY, OWN)
class ProfileRequest(Message):
    """Send the correction profile that the two makers made for this setting on this sensor."""

    request: int = field(Int8ub, "number of the request; its profile carries it", headline=True)
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm", headline=True)
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")
    sensor_width_um: int = field(Int16ul, "the part of the sensor that is used, its width", unit="µm", default=36_000)
    sensor_height_um: int = field(Int16ul, "its height", unit="µm", default=24_000)


@message(0x81, Role.LENS, OWN)
class JointProfile(Message):
    """Distortion, lateral colour and vignetting in one, for the sensor that was named."""

    request: int = field(Int8ub, "number of the request", headline=True)
    focal_length_um: int = field(Int32ul, "the focal length that it is for", unit="µm", headline=True)
    distance_mm: int = field(Int32ul, "the distance that it is for", unit="mm")
    aperture: int = field(Int16sl, "the aperture that it is for", unit="Av/256")
    sensor_width_um: int = field(Int16ul, "the part of the sensor, its width", unit="µm", default=36_000)
    sensor_height_um: int = field(Int16ul, "its height", unit="µm", default=24_000)
    confidence: int = field(Int8ub, "how well it fits the request", unit="%", default=100, headline=True)
    distortion: list[int] = field(PrefixedArray(Int8ub, Int16sl), "v, a, b, c", default=[], unit="1/32768")
    lateral_colour: list[int] = field(
        PrefixedArray(Int8ub, Int16sl), "p, q for red, p, q for blue", default=[], unit="1/32768"
    )
    vignetting: list[int] = field(PrefixedArray(Int8ub, Int16sl), "a, b, c", default=[], unit="1/32768")


@record
class SetPoint(Record):
    """Where the focus is to be, and when."""

    after: int = field(Int8ub, "how many frames after the run's first", unit="frames")
    at: int = field(Int16ul, "how far in that frame", unit="1/65536 frame")
    position: int = field(Int16ul, "where the focus is to be", unit="steps")


@message(0x01, Role.BODY, OWN)
class FocusRun(Message):
    """Be at these positions at these times; a run that goes on keeps its number, another one replaces it."""

    run: int = field(Int8ub, "number of the run", headline=True)
    frame: int = field(Int16ul, "number of its first frame", headline=True)
    points: list[SetPoint] = field(PrefixedArray(Int8ub, record_of(SetPoint)), "set points, in order", default=[])


@message(0x02, Role.BODY, OWN)
class CompensatedMove(Message):
    """Go evenly to a position, and tell the field of view on the way, so that the body can crop its change away."""

    run: int = field(Int8ub, "number of the run", headline=True)
    frame: int = field(Int16ul, "number of the frame at whose start it begins", headline=True)
    frames: int = field(Int8ub, "how long it takes", default=1, unit="frames")
    target: int = field(Int16ul, "where it ends", unit="steps", headline=True)
    points: int = field(Int8ub, "set points in each frame", default=1)


@message(0x03, Role.BODY, OWN)
class FocusRunStop(Message):
    """Forget the set points that are still to come."""

    run: int = field(Int8ub, "number of the run", headline=True)


@record
class MeasuredPoint(Record):
    """Where the focus was when a set point was due."""

    at: int = field(Int16ul, "how far in the frame", unit="1/65536 frame")
    position: int = field(Int16ul, "where it was", unit="steps")
    error: int = field(Int16sl, "that less the set point", unit="steps")
    scale: int = field(Int16ul, "field of view, against the far end's", unit="1/32768", default=UNSCALED)


@message(0x81, Role.LENS, OWN)
class FocusRunReport(Message):
    """The set points of one frame, as they were met."""

    run: int = field(Int8ub, "number of the run", headline=True)
    frame: int = field(Int16ul, "number of the frame", headline=True)
    left: int = field(Int8ub, "set points of the run that are still to come", headline=True)
    points: list[MeasuredPoint] = field(
        PrefixedArray(Int8ub, record_of(MeasuredPoint)), "set points, in order", default=[]
    )


CONTENTS: dict[int, tuple[type[Message], ...]] = {
    JOINT_CORRECTIONS: (ProfileRequest, JointProfile),
    FAST_FOCUS: (FocusRun, CompensatedMove, FocusRunStop, FocusRunReport),
}
"""Number of a page -> what it says."""


def content_class(page: int, sender: Role, kind: int) -> type[Message] | None:
    """The content of this kind; `None` where nobody knows it."""
    known = (cls for cls in CONTENTS.get(page, ()) if cls.SENDER is sender and kind == cls.TYPE)
    return next(known, None)


def parse_page(page: int, sender: Role, content: bytes) -> Message:
    """What a page says; `build()` of the result is the content again.

    Args:
        page: its number.
        sender: the end that said it.
        content: kind byte and fields.

    Raises:
        FrameError: nobody knows the page or the kind, or a field cannot be read.
    """
    kind = content[0] if content else -1
    cls = content_class(page, sender, kind)
    if cls is None:
        told = f"kind {kind:#04x}" if content else "content that is empty,"
        raise FrameError(f"page {page:#06x} has no {told} from the {sender.value}")
    return cls.parse(content)
