"""The rewrite rules of an active accessory: two tables from message to rewritten message; others pass unchanged.

Each function's first line is the rule of the specification. A value beyond the range of its field is limited to it.
Focal lengths are multiplied by the accessory's factor k, apertures lose the light that it costs, and EXIF texts of
these values change. The accessory's own glass is assumed to be perfect, because no data exist: a point at a distance
from the centre of the lens's image is at k times that distance with the accessory.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from lensmount_emulator.engine.engine import HandlerTable
from lensmount_emulator.models.optics import to_av256
from lensmount_emulator.roles.lmount.ids import (
    EXIF_F_NUMBER,
    EXIF_FOCAL_LENGTH,
    EXIF_MODEL,
    EXIF_SPECIFICATION,
    EXTENSIONS,
    maker_number,
    model_number,
)
from lensmount_emulator.roles.lmount.profile import AccessorySettings
from lensmount_emulator.rules.engine import MessageRule, table_rules
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ApertureState, ZoomDrive, ZoomState
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept, ExtensionOffer
from lensmount_protocol.dialects.lmount.focus import BreathingTable, DefocusTable, DistanceScale, FocusTableRequest
from lensmount_protocol.dialects.lmount.identity import (
    AccessoryEntry,
    AccessoryReport,
    LensCapabilities,
    Metadata,
    MetadataEntry,
)
from lensmount_protocol.dialects.lmount.link import CommandRejected, LensHello
from lensmount_protocol.dialects.lmount.power import PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import (
    POWER_LIMITS_MA,
    AccessoryKind,
    ApertureMode,
    CorrectionKind,
    PowerClass,
    RejectionCode,
)
from lensmount_protocol.payload import AnyMessage

KINDS = {
    "teleconverter": AccessoryKind.TELECONVERTER,
    "extension tube": AccessoryKind.EXTENSION_TUBE,
    "mount adapter": AccessoryKind.MOUNT_ADAPTER,
}
SINGLE_AUTOFOCUS = 1
"""Bit of an entry's limits."""


@dataclass(frozen=True, slots=True)
class AccessoryOptics:
    """The optical values of an accessory.

    Attributes:
        name: its name in a picture's file.
        factor: k, the focal length with it as a multiple of the lens's own.
        av: a, its loss of light, in Av/256.
        idle_ma: its current, in milliamperes.
        entry: its entry in an `AccessoryReport`.
    """

    name: str
    factor: float
    av: int
    idle_ma: int
    entry: AccessoryEntry

    @classmethod
    def from_settings(cls, name: str, settings: AccessorySettings) -> "AccessoryOptics":
        """Return the optical values of a profile."""
        return cls(name, settings.factor, to_av256(settings.factor), settings.idle_ma, accessory_entry(settings))

    def focal_at_body(self, focal_um: int) -> int:
        """Return the focal length at the body for one of the lens."""
        return clamp_uint32(round(focal_um * self.factor))

    def focal_at_lens(self, focal_um: int) -> int:
        """Return the focal length of the lens for one at the body."""
        return clamp_uint32(round(focal_um / self.factor))

    def enlarge(self, length_um: int) -> int:
        """Return a length in the lens's image as enlarged by the accessory."""
        return round(length_um * self.factor)

    def blur_at_body(self, blur: Sequence[int]) -> list[int]:
        """Return a blur table with the accessory: the blur in focus is enlarged, the cone of light is narrower."""
        if not blur or self.factor == 1:
            return list(blur)
        sharp = abs(blur[0])
        cones = (math.sqrt(max(0, value * value - sharp * sharp)) for value in blur)
        return [clamp_int16(round(math.hypot(sharp * self.factor, cone / self.factor))) for cone in cones]

    def coefficients_at_body(self, kind: CorrectionKind, coefficients: Sequence[int]) -> list[int]:
        """Return the polynomial of a correction with the accessory, where r is multiplied by k."""
        make = _COEFFICIENTS_AT_BODY.get(kind)
        return list(coefficients) if make is None else make(self.factor, coefficients)


def accessory_entry(settings: AccessorySettings) -> AccessoryEntry:
    """Return the entry of an accessory in an `AccessoryReport`."""
    return AccessoryEntry(
        kind=KINDS[settings.kind],
        maker=maker_number(settings.maker),
        model=model_number(settings.number, settings.maker, settings.kind, settings.factor, settings.length_mm),
        factor_permille=round(settings.factor * 1000),
        limits=SINGLE_AUTOFOCUS * settings.single_autofocus,
    )


def clamp_int16(value: int) -> int:
    """Return a value limited to a signed field of 16 bits."""
    return max(-0x8000, min(0x7FFF, value))


def clamp_uint16(value: int) -> int:
    """Return a value limited to an unsigned field of 16 bits."""
    return max(0, min(0xFFFF, value))


def clamp_uint32(value: int) -> int:
    """Return a value limited to an unsigned field of 32 bits."""
    return max(0, min(0xFFFF_FFFF, value))


def _distortion(factor: float, coefficients: Sequence[int]) -> list[int]:
    """v, a, b, c of `r' = (r + a r³ + b r⁵ + c r⁷) / (1 + v)`; v keeps the corner in its place."""
    grown = [round(value / factor ** (2 * power)) for power, value in enumerate(coefficients[1:], 1)]
    return [clamp_int16(value) for value in (sum(grown), *grown)][: len(coefficients)]


def _vignetting(factor: float, coefficients: Sequence[int]) -> list[int]:
    """a, b, c of the light that is left, `1 + a r² + b r⁴ + c r⁶`."""
    return [clamp_int16(round(value / factor ** (2 * power))) for power, value in enumerate(coefficients, 1)]


_COEFFICIENTS_AT_BODY: Mapping[CorrectionKind, Callable[[float, Sequence[int]], list[int]]] = {
    CorrectionKind.DISTORTION: _distortion,
    CorrectionKind.VIGNETTING: _vignetting,
}


MAX_TEXT = 255
"""Bytes of a text."""


def rewrite_texts(optics: AccessoryOptics, entries: Sequence[MetadataEntry]) -> list[MetadataEntry]:
    """Return the metadata entries of a picture that is taken with an accessory."""
    rewritten: list[MetadataEntry] = []
    for entry in entries:
        rewrite = _TEXTS.get(entry.tag)
        text = entry.text if rewrite is None else rewrite(optics, entry.text)
        rewritten.append(MetadataEntry(tag=entry.tag, text=text))
    return rewritten


def join_names(lens: str, accessory: str) -> str:
    """Return the name of a lens with an accessory; only the lens's own if both do not fit into a message."""
    longer = f"{lens} + {accessory}"
    return longer if len(longer.encode()) <= MAX_TEXT else lens


def _focal_length(optics: AccessoryOptics, text: str) -> str:
    value = _parse_number(text)
    return text if value is None else f"{round(value * optics.factor, 1):g}"


def _f_number(optics: AccessoryOptics, text: str) -> str:
    value = _parse_number(text)
    return text if value is None else f"{value * optics.factor:.1f}"


def _specification(optics: AccessoryOptics, text: str) -> str:
    values = [_parse_number(part) for part in text.split()]
    return " ".join(
        part if value is None else f"{round(value * optics.factor, 1):g}"
        for part, value in zip(text.split(), values, strict=True)
    )


def _model(optics: AccessoryOptics, text: str) -> str:
    return join_names(text, optics.name)


def _parse_number(text: str) -> float | None:
    """Parse a number; returns `None` for any other text, including infinity."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None


_TEXTS: Mapping[int, Callable[[AccessoryOptics, str], str]] = {
    EXIF_FOCAL_LENGTH: _focal_length,
    EXIF_F_NUMBER: _f_number,
    EXIF_SPECIFICATION: _specification,
    EXIF_MODEL: _model,
}


order_handlers = HandlerTable[AccessoryOptics, AnyMessage]()
"""Rewrites messages of the body for the lens."""

report_handlers = HandlerTable[AccessoryOptics, AnyMessage]()
"""Rewrites messages of the lens for the body."""


def make_rules(optics: AccessoryOptics) -> list[MessageRule]:
    """Return the rules of an accessory: both tables, and its own report after the abilities of a lens."""
    reports = MessageRule(
        cls=LensCapabilities,
        name=AccessoryReport.__name__,
        change=lambda abilities, messages: _with_report(optics, abilities, messages),
    )
    # The report that is added is complete, so the rule that completes those of other accessories comes before.
    return [*table_rules(order_handlers, optics), *table_rules(report_handlers, optics), reports]


def _with_report(
    optics: AccessoryOptics, abilities: LensCapabilities, messages: Sequence[AnyMessage]
) -> Sequence[AnyMessage]:
    if any(isinstance(message, AccessoryReport) for message in messages):
        return [abilities]
    first = next(message for message in messages if isinstance(message, LensCapabilities))
    return [abilities, AccessoryReport(entries=[optics.entry])] if first is abilities else [abilities]


@order_handlers.on(PowerGrant)
def _grant(optics: AccessoryOptics, order: PowerGrant) -> AnyMessage:
    """`limit_ma` minus the accessory's current; not below 0."""
    return replace(order, limit_ma=clamp_uint16(order.limit_ma - optics.idle_ma))


@order_handlers.on(FocusTableRequest)
def _table_request(optics: AccessoryOptics, request: FocusTableRequest) -> AnyMessage:
    """`focal_length_um` ÷ k."""
    return replace(request, focal_length_um=optics.focal_at_lens(request.focal_length_um))


@order_handlers.on(ApertureDrive)
def _drive(optics: AccessoryOptics, order: ApertureDrive) -> AnyMessage:
    """`target` − a; with mode `OPEN` it has no meaning, and stays."""
    if order.mode == ApertureMode.OPEN:
        return order
    return replace(order, target=clamp_int16(order.target - optics.av))


@order_handlers.on(ZoomDrive)
def _zoom_drive(optics: AccessoryOptics, order: ZoomDrive) -> AnyMessage:
    """`target_um` ÷ k."""
    return replace(order, target_um=optics.focal_at_lens(order.target_um))


@order_handlers.on(CorrectionRequest)
def _correction_request(optics: AccessoryOptics, request: CorrectionRequest) -> AnyMessage:
    """`focal_length_um` ÷ k, `aperture` − a."""
    return replace(
        request,
        focal_length_um=optics.focal_at_lens(request.focal_length_um),
        aperture=clamp_int16(request.aperture - optics.av),
    )


@order_handlers.on(ExtensionOffer)
def _extension_offer(optics: AccessoryOptics, offer: ExtensionOffer) -> AnyMessage:
    """Without the page of joint corrections if k is not 1: it is a profile of the lens alone."""
    return replace(offer, pages=[page for page in offer.pages if _passes_through(optics, page.number)])


@report_handlers.on(LensHello)
def _hello(optics: AccessoryOptics, hello: LensHello) -> AnyMessage:
    """`peak_current_ma` plus the accessory's current; `power_class` raised to the class for both."""
    peak = clamp_uint16(hello.peak_current_ma + optics.idle_ma)
    enough = [class_ for class_, maximum in POWER_LIMITS_MA.items() if maximum >= peak]
    class_ = max(hello.power_class, min(enough, default=PowerClass.EXTREME))
    return replace(hello, peak_current_ma=peak, power_class=class_)


@report_handlers.on(PowerReport)
def _power(optics: AccessoryOptics, report: PowerReport) -> AnyMessage:
    """`draw_ma` and `peak_ma` plus the accessory's current."""
    draw, peak = report.draw_ma + optics.idle_ma, report.peak_ma + optics.idle_ma
    return replace(report, draw_ma=clamp_uint16(draw), peak_ma=clamp_uint16(peak))


@report_handlers.on(LensCapabilities)
def _capabilities(optics: AccessoryOptics, abilities: LensCapabilities) -> AnyMessage:
    """Both focal lengths × k, the three apertures + a; `nearest_mm` stays; adds an `AccessoryReport`, if none is."""
    return replace(
        abilities,
        shortest_um=optics.focal_at_body(abilities.shortest_um),
        longest_um=optics.focal_at_body(abilities.longest_um),
        widest_wide=clamp_int16(abilities.widest_wide + optics.av),
        widest_tele=clamp_int16(abilities.widest_tele + optics.av),
        smallest=clamp_int16(abilities.smallest + optics.av),
    )


@report_handlers.on(AccessoryReport)
def _accessories(optics: AccessoryOptics, report: AccessoryReport) -> AnyMessage:
    """The accessory's own entry before the existing ones."""
    return replace(report, entries=[optics.entry, *report.entries][:MAX_ENTRIES])


MAX_ENTRIES = 255


@report_handlers.on(Metadata)
def _metadata(optics: AccessoryOptics, metadata: Metadata) -> AnyMessage:
    """Texts: focal length and f-number × k, the specification too; ` + ` and the accessory's name after the model."""
    return replace(metadata, entries=rewrite_texts(optics, metadata.entries))


@report_handlers.on(ApertureState)
def _aperture(optics: AccessoryOptics, state: ApertureState) -> AnyMessage:
    """`now`, `target`, `widest`, `smallest` + a; `ring` too, if it is not 0."""
    return replace(
        state,
        now=clamp_int16(state.now + optics.av),
        target=clamp_int16(state.target + optics.av),
        widest=clamp_int16(state.widest + optics.av),
        smallest=clamp_int16(state.smallest + optics.av),
        ring=clamp_int16(state.ring + optics.av) if state.ring else 0,
    )


@report_handlers.on(ZoomState)
def _zoom(optics: AccessoryOptics, state: ZoomState) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(state, focal_length_um=optics.focal_at_body(state.focal_length_um))


@report_handlers.on(StabiliserState)
def _stabiliser(optics: AccessoryOptics, state: StabiliserState) -> AnyMessage:
    """`shift_x`, `shift_y` and `range_um` × k: the accessory enlarges what the lens shifts."""
    return replace(
        state,
        shift_x=clamp_int16(optics.enlarge(state.shift_x)),
        shift_y=clamp_int16(optics.enlarge(state.shift_y)),
        range_um=clamp_uint16(optics.enlarge(state.range_um)),
    )


@report_handlers.on(DistanceScale)
def _scale(optics: AccessoryOptics, scale: DistanceScale) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(scale, focal_length_um=optics.focal_at_body(scale.focal_length_um))


@report_handlers.on(BreathingTable)
def _breathing(optics: AccessoryOptics, table: BreathingTable) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(table, focal_length_um=optics.focal_at_body(table.focal_length_um))


@report_handlers.on(DefocusTable)
def _defocus(optics: AccessoryOptics, table: DefocusTable) -> AnyMessage:
    """`focal_length_um` × k; of the blur, the part without defocus × k, and the rest ÷ k."""
    return replace(
        table, focal_length_um=optics.focal_at_body(table.focal_length_um), blur=optics.blur_at_body(table.blur)
    )


@report_handlers.on(Correction)
def _correction(optics: AccessoryOptics, correction: Correction) -> AnyMessage:
    """`focal_length_um` × k, `aperture` + a, radius × k; lateral colour: `CommandRejected`, `NOT_ABLE`, if k ≠ 1."""
    if correction.kind == CorrectionKind.LATERAL_COLOUR and optics.factor != 1:
        return CommandRejected(
            number=correction.number, order=CorrectionRequest.TYPE, code=RejectionCode.NOT_ABLE, field_number=KIND_FIELD
        )
    return replace(
        correction,
        focal_length_um=clamp_uint32(optics.focal_at_body(correction.focal_length_um)),
        aperture=clamp_int16(correction.aperture + optics.av),
        coefficients=optics.coefficients_at_body(correction.kind, correction.coefficients),
    )


KIND_FIELD = 2


@report_handlers.on(ExtensionAccept)
def _extension_accept(optics: AccessoryOptics, agreement: ExtensionAccept) -> AnyMessage:
    """Without the page of joint corrections if k is not 1."""
    return replace(agreement, pages=[page for page in agreement.pages if _passes_through(optics, page.number)])


def _passes_through(optics: AccessoryOptics, page: int) -> bool:
    return optics.factor == 1 or page != EXTENSIONS["joint corrections"].number
