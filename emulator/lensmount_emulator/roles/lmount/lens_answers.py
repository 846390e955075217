"""What a lens tells when it is asked: who it is, what it can, its tables, and what goes into a picture's file."""

from lensmount_emulator.models.optics import (
    blur_table,
    breathing_scales,
    correction,
    distance_mm,
    distance_scale,
    f_number_of,
)
from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.checks import version_bytes
from lensmount_emulator.roles.lmount.lens_core import LensCore
from lensmount_emulator.roles.lmount.lens_orders import refuse
from lensmount_emulator.roles.lmount.numbers import (
    CIRCLES,
    EXIF_DISTANCE,
    EXIF_F_NUMBER,
    EXIF_FOCAL_LENGTH,
    EXIF_MAKE,
    EXIF_MODEL,
    EXIF_SERIAL,
    EXIF_SPECIFICATION,
    has,
    part_bits,
)
from lensmount_emulator.roles.lmount.pages import agree
from lensmount_protocol.dialects.lmount.focus import (
    INFINITY_MM,
    BreathingTable,
    DefocusTable,
    DistanceScale,
    FocusTableRequest,
    ScalePoint,
)
from lensmount_protocol.dialects.lmount.identity import (
    Abilities,
    AbilitiesRequest,
    Identity,
    IdentityRequest,
    Metadata,
    MetadataEntry,
    MetadataRequest,
)
from lensmount_protocol.dialects.lmount.link import Challenge, ChallengeAnswer
from lensmount_protocol.dialects.lmount.picture import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.types import CorrectionKind, Feature, RefusalCode
from lensmount_protocol.dialects.lmount.update import PageAgreement, PageOffer
from lensmount_protocol.message import Message

SCALE, BREATHING, DEFOCUS = 1, 2, 3
"""Tables of the focus, by the number in their request."""

answer = Handlers[LensCore, Message]()
"""Answer one request."""


@answer.on(Challenge)
def _challenge(_lens: LensCore, _request: Challenge) -> Message:
    # The extension point: scheme 0 proves nothing, and nobody here knows another, whichever was asked for.
    return ChallengeAnswer(scheme=0)


@answer.on(IdentityRequest)
def _identity(lens: LensCore, request: IdentityRequest) -> Message:
    settings = lens.settings
    return Identity(
        number=request.number,
        maker=lens.maker,
        model=lens.model,
        firmware=version_bytes(lens.version),
        name=lens.settings.name,
        serial=settings.serial,
    )


@answer.on(AbilitiesRequest)
def _abilities(lens: LensCore, request: AbilitiesRequest) -> Message:
    settings = lens.settings
    return Abilities(
        number=request.number,
        image_circle=CIRCLES[settings.optics.format],
        parts=part_bits(settings.parts, stabiliser=bool(settings.stabiliser.generation)),
        shortest_um=lens.shortest_um,
        longest_um=lens.longest_um,
        widest_wide=lens.widest[0],
        widest_tele=lens.widest[1],
        smallest=lens.smallest,
        focus_steps=settings.focus.steps if settings.parts.focus_motor else 0,
        nearest_mm=lens.nearest_mm,
        stabiliser=settings.stabiliser.generation,
        drive_rates_hz=list(settings.focus.drive_hz) if settings.parts.focus_motor else [],
        # A field of revision 2: a lens of revision 1 does not know it.
        breathing=int(has(lens.told.features, Feature.BREATHING)) if settings.firmware.revision > 1 else None,
    )


@answer.on(MetadataRequest)
def _metadata(lens: LensCore, request: MetadataRequest) -> Message:
    optics, now = lens.settings.optics, lens.now
    f_number = f_number_of(lens.iris.position(now))
    distance = distance_mm(lens.plane(), lens.settings.focus.steps, lens.nearest_mm)
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


@answer.on(FocusTableRequest)
def _table(lens: LensCore, request: FocusTableRequest) -> Message:
    focus, features = lens.settings.focus, lens.told.features
    number, focal = request.number, _within(lens, request.focal_length_um)
    if request.table == SCALE:
        points = distance_scale(focus.steps, lens.nearest_mm)
        scale = [ScalePoint(position=position, distance_mm=distance) for position, distance in points]
        return DistanceScale(number=number, focal_length_um=focal, points=scale)
    if request.table == BREATHING and has(features, Feature.BREATHING):
        scales = breathing_scales(focus.breathes_percent)
        return BreathingTable(number=number, focal_length_um=focal, scales=scales)
    if request.table == DEFOCUS and has(features, Feature.DEFOCUS):
        blur = blur_table(f_number_of(lens.widest_now()), focal)
        return DefocusTable(number=number, focal_length_um=focal, blur=blur)
    known = request.table in (BREATHING, DEFOCUS)
    return refuse(request, RefusalCode.NOT_AGREED if known else RefusalCode.OUT_OF_RANGE, 2)


@answer.on(CorrectionRequest)
def _correction(lens: LensCore, request: CorrectionRequest) -> Message:
    if not has(lens.told.features, Feature.CORRECTIONS):
        return refuse(request, RefusalCode.NOT_AGREED)
    if not request.kind.known:
        return refuse(request, RefusalCode.OUT_OF_RANGE, 2)
    if request.kind == CorrectionKind.BREATHING and not has(lens.told.features, Feature.BREATHING):
        return refuse(request, RefusalCode.NOT_AGREED, 2)
    # The nearest setting that it has data for, and it says which.
    focal = _within(lens, request.focal_length_um)
    distance = max(lens.nearest_mm, min(INFINITY_MM, request.distance_mm))
    aperture = max(lens.widest[0], min(lens.smallest, request.aperture))
    fraction = (focal - lens.shortest_um) / (lens.longest_um - lens.shortest_um) if lens.is_zoom else 0.5
    coefficients = correction(request.kind, fraction, focal, distance, f_number_of(aperture))
    return Correction(
        number=request.number,
        kind=request.kind,
        focal_length_um=focal,
        distance_mm=distance,
        aperture=aperture,
        coefficients=coefficients,
    )


@answer.on(PageOffer)
def _pages(lens: LensCore, offer: PageOffer) -> Message:
    if not has(lens.told.features, Feature.PAGES):
        return refuse(offer, RefusalCode.NOT_AGREED)
    lens.told.pages = agree(offer.pages, lens.settings.firmware.pages)
    return PageAgreement(number=offer.number, pages=lens.told.pages)


def _within(lens: LensCore, focal_um: int) -> int:
    return max(lens.shortest_um, min(lens.longest_um, focal_um))
