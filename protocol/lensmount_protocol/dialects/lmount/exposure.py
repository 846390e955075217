"""The picture: the frame signal in numbers, exposures, correction tables, buttons and switches."""

from lensmount_protocol.codec.lazy_construct import Int8ub, Int16sl, Int16ul, Int32ul, PrefixedArray
from lensmount_protocol.dialects.lmount.types import ControlKind, CorrectionKind, ExposurePhase, evidence_items
from lensmount_protocol.message import LengthPrefixedMessage, enum_field, field, message
from lensmount_protocol.wire import Role


@message(0x48, Role.BODY, evidence_items(26))
class FrameStart(LengthPrefixedMessage):
    """Which frame begins, and how fast they follow each other."""

    frame: int = field(Int16ul, "number of the frame", in_summary=True)
    period_us: int = field(Int32ul, "of the frame signal", unit="µs", default=16_667, in_summary=True)


@message(0x49, Role.BODY, evidence_items(27))
class Exposure(LengthPrefixedMessage):
    """A picture is taken."""

    number: int = field(Int8ub, "of the exposure", in_summary=True)
    phase: ExposurePhase = field(
        enum_field(Int8ub, ExposurePhase), "phase of the exposure", default=ExposurePhase.BEGINS, in_summary=True
    )
    duration_us: int = field(Int32ul, "duration", unit="µs", in_summary=True)


@message(0x40, Role.BODY, evidence_items(28))
class CorrectionRequest(LengthPrefixedMessage):
    """Send the correction nearest to this setting."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    kind: CorrectionKind = field(
        enum_field(Int8ub, CorrectionKind), "kind of the correction", default=CorrectionKind.DISTORTION, in_summary=True
    )
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm")
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")


@message(0xC0, Role.LENS, evidence_items(28))
class Correction(LengthPrefixedMessage):
    """A correction, and the setting that it is for."""

    number: int = field(Int8ub, "of the request", in_summary=True)
    kind: CorrectionKind = field(
        enum_field(Int8ub, CorrectionKind), "kind of the correction", default=CorrectionKind.DISTORTION, in_summary=True
    )
    focal_length_um: int = field(Int32ul, "at which focal length", unit="µm")
    distance_mm: int = field(Int32ul, "at which distance", unit="mm")
    aperture: int = field(Int16sl, "at which aperture", unit="Av/256")
    coefficients: list[int] = field(PrefixedArray(Int8ub, Int16sl), "of the polynomial", default=[], unit="1/32768")


@message(0xC8, Role.LENS, evidence_items(12, 22))
class ControlEvent(LengthPrefixedMessage):
    """A button or switch of the lens."""

    control: ControlKind = field(
        enum_field(Int8ub, ControlKind), "the control", default=ControlKind.AFL_BUTTON, in_summary=True
    )
    value: int = field(Int8ub, "0 released or off, 1 pressed or on, more for further positions", in_summary=True)
