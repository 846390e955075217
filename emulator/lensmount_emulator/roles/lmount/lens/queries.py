"""The query handlers of a lens: identity, abilities, tables, corrections, and metadata for a picture's file."""

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.models.optics import (
    blur_table,
    breathing_scales,
    correction,
    distance_mm,
    distance_scale,
    from_av256,
)
from lensmount_emulator.roles.lmount.ids import (
    CIRCLES,
    EXIF_DISTANCE,
    EXIF_F_NUMBER,
    EXIF_FOCAL_LENGTH,
    EXIF_MAKE,
    EXIF_MODEL,
    EXIF_SERIAL,
    EXIF_SPECIFICATION,
    agreed_extensions,
    has_bit,
    part_bits,
)
from lensmount_emulator.roles.lmount.lens.commands import make_rejection
from lensmount_emulator.roles.lmount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.lmount.profile import version_bytes
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept, ExtensionOffer
from lensmount_protocol.dialects.lmount.focus import (
    INFINITY_MM,
    BreathingTable,
    DefocusTable,
    DistanceScale,
    FocusTableRequest,
    ScalePoint,
)
from lensmount_protocol.dialects.lmount.identity import (
    Identity,
    IdentityRequest,
    LensCapabilities,
    LensCapabilitiesRequest,
    Metadata,
    MetadataEntry,
    MetadataRequest,
)
from lensmount_protocol.dialects.lmount.link import Challenge, ChallengeAnswer
from lensmount_protocol.dialects.lmount.types import CorrectionKind, Feature, RejectionCode
from lensmount_protocol.message import Message

SCALE, BREATHING, DEFOCUS = 1, 2, 3
"""Tables of the focus, by the number in their request."""

query_handlers = HandlerTable[LensEngineBase, Message]()
"""Answers one request."""


@query_handlers.on(Challenge)
def _challenge(_lens: LensEngineBase, _request: Challenge) -> Message:
    # The extension point: scheme 0 proves nothing, and no other scheme is implemented, whichever is requested.
    return ChallengeAnswer(scheme=0)


@query_handlers.on(IdentityRequest)
def _identity(lens: LensEngineBase, request: IdentityRequest) -> Message:
    settings = lens.settings
    return Identity(
        number=request.number,
        maker=lens.maker,
        model=lens.model,
        firmware=version_bytes(lens.version),
        name=lens.settings.name,
        serial=settings.serial,
    )


@query_handlers.on(LensCapabilitiesRequest)
def _capabilities(lens: LensEngineBase, request: LensCapabilitiesRequest) -> Message:
    settings = lens.settings
    return LensCapabilities(
        number=request.number,
        image_circle=CIRCLES[settings.optics.format],
        parts=part_bits(settings.parts, stabiliser=bool(settings.stabiliser.generation)),
        shortest_um=lens.min_focal_um,
        longest_um=lens.max_focal_um,
        widest_wide=lens.widest[0],
        widest_tele=lens.widest[1],
        smallest=lens.smallest,
        focus_steps=settings.focus.steps if settings.parts.focus_motor else 0,
        nearest_mm=lens.nearest_mm,
        stabiliser=settings.stabiliser.generation,
        drive_rates_hz=list(settings.focus.drive_hz) if settings.parts.focus_motor else [],
        # A field of revision 2: a lens of revision 1 does not have it.
        breathing=int(has_bit(lens.body_requests.features, Feature.BREATHING))
        if settings.firmware.revision > 1
        else None,
    )


@query_handlers.on(MetadataRequest)
def _metadata(lens: LensEngineBase, request: MetadataRequest) -> Message:
    optics, now = lens.settings.optics, lens.now
    f_number = from_av256(lens.iris.position(now))
    distance = distance_mm(lens.focus_plane(), lens.settings.focus.steps, lens.nearest_mm)
    specification = (optics.focal_mm[0], optics.focal_mm[-1], optics.f_number[0], optics.f_number[-1])
    texts = {
        EXIF_FOCAL_LENGTH: f"{lens.zoom.focal_um(now) / 1000:g}",
        EXIF_F_NUMBER: f"{f_number:.1f}",
        EXIF_DISTANCE: "infinity" if distance >= INFINITY_MM else f"{distance / 1000:.3f}",
        EXIF_SPECIFICATION: " ".join(f"{value:g}" for value in specification),
        EXIF_MAKE: optics.maker,
        EXIF_MODEL: lens.settings.name,
        EXIF_SERIAL: lens.settings.serial,
    }
    if not lens.settings.parts.focus_motor:
        # Without an encoder on its ring it does not know its distance.
        del texts[EXIF_DISTANCE]
    return Metadata(number=request.number, entries=[MetadataEntry(tag=tag, text=text) for tag, text in texts.items()])


@query_handlers.on(FocusTableRequest)
def _table(lens: LensEngineBase, request: FocusTableRequest) -> Message:
    focus, features = lens.settings.focus, lens.body_requests.features
    number, focal = request.number, _within(lens, request.focal_length_um)
    if request.table == SCALE:
        points = distance_scale(focus.steps, lens.nearest_mm)
        scale = [ScalePoint(position=position, distance_mm=distance) for position, distance in points]
        return DistanceScale(number=number, focal_length_um=focal, points=scale)
    if request.table == BREATHING and has_bit(features, Feature.BREATHING):
        scales = breathing_scales(focus.breathes_percent)
        return BreathingTable(number=number, focal_length_um=focal, scales=scales)
    if request.table == DEFOCUS and has_bit(features, Feature.DEFOCUS):
        blur = blur_table(from_av256(lens.max_aperture_now()), focal)
        return DefocusTable(number=number, focal_length_um=focal, blur=blur)
    known = request.table in (BREATHING, DEFOCUS)
    return make_rejection(request, RejectionCode.NOT_AGREED if known else RejectionCode.OUT_OF_RANGE, 2)


@query_handlers.on(CorrectionRequest)
def _correction(lens: LensEngineBase, request: CorrectionRequest) -> Message:
    if not has_bit(lens.body_requests.features, Feature.CORRECTIONS):
        return make_rejection(request, RejectionCode.NOT_AGREED)
    if not request.kind.is_known:
        return make_rejection(request, RejectionCode.OUT_OF_RANGE, 2)
    if request.kind == CorrectionKind.BREATHING and not has_bit(lens.body_requests.features, Feature.BREATHING):
        return make_rejection(request, RejectionCode.NOT_AGREED, 2)
    # The nearest setting with data; the answer contains it.
    focal = _within(lens, request.focal_length_um)
    distance = max(lens.nearest_mm, min(INFINITY_MM, request.distance_mm))
    aperture = max(lens.widest[0], min(lens.smallest, request.aperture))
    fraction = (focal - lens.min_focal_um) / (lens.max_focal_um - lens.min_focal_um) if lens.is_zoom else 0.5
    coefficients = correction(request.kind, fraction, focal, distance, from_av256(aperture))
    return Correction(
        number=request.number,
        kind=request.kind,
        focal_length_um=focal,
        distance_mm=distance,
        aperture=aperture,
        coefficients=coefficients,
    )


@query_handlers.on(ExtensionOffer)
def _extensions(lens: LensEngineBase, offer: ExtensionOffer) -> Message:
    if not has_bit(lens.body_requests.features, Feature.PAGES):
        return make_rejection(offer, RejectionCode.NOT_AGREED)
    lens.body_requests.extensions = agreed_extensions(offer.pages, lens.settings.firmware.pages)
    return ExtensionAccept(number=offer.number, pages=lens.body_requests.extensions)


def _within(lens: LensEngineBase, focal_um: int) -> int:
    return max(lens.min_focal_um, min(lens.max_focal_um, focal_um))
