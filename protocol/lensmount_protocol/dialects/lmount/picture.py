"""The picture: the frame signal in numbers, exposures, correction tables, buttons and switches."""

from lensmount_protocol.deferred import Int8ub, Int16sl, Int16ul, Int32ul, PrefixedArray
from lensmount_protocol.dialects.lmount.evidence import items
from lensmount_protocol.dialects.lmount.types import ControlKind, CorrectionKind, ExposurePhase
from lensmount_protocol.enums import enum_field
from lensmount_protocol.message import SizedMessage, field, message
from lensmount_protocol.wire import Role


@message(0x48, Role.BODY, items(26))
class FrameStart(SizedMessage):
    """Which frame begins, and how fast they follow each other."""

    frame: int = field(Int16ul, "number of the frame", headline=True)
    period_us: int = field(Int32ul, "of the frame signal", unit="µs", default=16_667, headline=True)


@message(0x49, Role.BODY, items(27))
class Exposure(SizedMessage):
    """A picture is taken."""

    number: int = field(Int8ub, "of the exposure", headline=True)
    phase: ExposurePhase = field(
        enum_field(Int8ub, ExposurePhase), "where it is", default=ExposurePhase.BEGINS, headline=True
    )
    duration_us: int = field(Int32ul, "how long it lasts", unit="µs", headline=True)


@message(0x40, Role.BODY, items(28))
class CorrectionRequest(SizedMessage):
    """Send the correction nearest to this setting."""

    number: int = field(Int8ub, "of the request", headline=True)
    kind: CorrectionKind = field(
        enum_field(Int8ub, CorrectionKind), "of what", default=CorrectionKind.DISTORTION, headline=True
    )
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm")
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")


@message(0xC0, Role.LENS, items(28))
class Correction(SizedMessage):
    """A correction, and the setting that it is for."""

    number: int = field(Int8ub, "of the request", headline=True)
    kind: CorrectionKind = field(
        enum_field(Int8ub, CorrectionKind), "of what", default=CorrectionKind.DISTORTION, headline=True
    )
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm")
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")
    coefficients: list[int] = field(PrefixedArray(Int8ub, Int16sl), "of the polynomial", default=[], unit="1/32768")


@message(0xC8, Role.LENS, items(12, 22))
class ControlEvent(SizedMessage):
    """A button or switch of the lens."""

    control: ControlKind = field(
        enum_field(Int8ub, ControlKind), "which", default=ControlKind.AFL_BUTTON, headline=True
    )
    value: int = field(Int8ub, "0 released or off, 1 pressed or on, more for further positions", headline=True)
