"""What an accessory that speaks rewrites: two tables, from message to what becomes of it; all else passes unchanged.

Each function's first line is the rule, as the specification has it. What does not fit into a field any more stays at
the field's end.
"""

from collections.abc import Sequence
from dataclasses import replace

from lensmount_emulator.roles.handlers import Handlers
from lensmount_emulator.roles.lmount.accessory_optics import Optics, int16, uint16, uint32
from lensmount_emulator.roles.lmount.pages import PAGES
from lensmount_emulator.roles.lmount.rewriting_texts import rewritten_texts
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive, ApertureState, ZoomDrive, ZoomState
from lensmount_protocol.dialects.lmount.focus import BreathingTable, DefocusTable, DistanceScale, FocusTableRequest
from lensmount_protocol.dialects.lmount.identity import Abilities, AccessoryReport, Metadata
from lensmount_protocol.dialects.lmount.link import LensHello, Refusal
from lensmount_protocol.dialects.lmount.picture import Correction, CorrectionRequest
from lensmount_protocol.dialects.lmount.power import PowerGrant, PowerReport
from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState
from lensmount_protocol.dialects.lmount.types import (
    POWER_LIMITS_MA,
    ApertureMode,
    CorrectionKind,
    PowerClass,
    RefusalCode,
)
from lensmount_protocol.dialects.lmount.update import PageAgreement, PageOffer
from lensmount_protocol.paving import AnyMessage

orders = Handlers[Optics, AnyMessage]()
"""What the body says, as the lens is to hear it."""

reports = Handlers[Optics, AnyMessage]()
"""What the lens says, as the body is to hear it."""


def to_lens(optics: Optics, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """What becomes of a body's frame; what is not rewritten is the same object as before."""
    return [orders(optics, message) or message for message in messages]


def to_body(optics: Optics, messages: Sequence[AnyMessage]) -> list[AnyMessage]:
    """What becomes of a lens's frame; one that tells what the lens can tells of the accessory too."""
    rewritten = [reports(optics, message) or message for message in messages]
    if not any(isinstance(message, AccessoryReport) for message in messages):
        for place, message in enumerate(messages):
            if isinstance(message, Abilities):
                rewritten.insert(place + 1, AccessoryReport(entries=[optics.entry]))
                break
    return rewritten


@orders.on(PowerGrant)
def _grant(optics: Optics, order: PowerGrant) -> AnyMessage:
    """`limit_ma` less what the accessory draws; not below 0."""
    return replace(order, limit_ma=uint16(order.limit_ma - optics.idle_ma))


@orders.on(FocusTableRequest)
def _table_request(optics: Optics, request: FocusTableRequest) -> AnyMessage:
    """`focal_length_um` ÷ k."""
    return replace(request, focal_length_um=optics.focal_before(request.focal_length_um))


@orders.on(ApertureDrive)
def _drive(optics: Optics, order: ApertureDrive) -> AnyMessage:
    """`target` − a; with mode `OPEN` it means nothing, and stays."""
    if order.mode == ApertureMode.OPEN:
        return order
    return replace(order, target=int16(order.target - optics.av))


@orders.on(ZoomDrive)
def _zoom_drive(optics: Optics, order: ZoomDrive) -> AnyMessage:
    """`target_um` ÷ k."""
    return replace(order, target_um=optics.focal_before(order.target_um))


@orders.on(CorrectionRequest)
def _correction_request(optics: Optics, request: CorrectionRequest) -> AnyMessage:
    """`focal_length_um` ÷ k, `aperture` − a."""
    return replace(
        request,
        focal_length_um=optics.focal_before(request.focal_length_um),
        aperture=int16(request.aperture - optics.av),
    )


@orders.on(PageOffer)
def _page_offer(optics: Optics, offer: PageOffer) -> AnyMessage:
    """Without the page of joint corrections, where k is not 1: it is a profile of the bare lens."""
    return replace(offer, pages=[page for page in offer.pages if _fits_through(optics, page.number)])


@reports.on(LensHello)
def _hello(optics: Optics, hello: LensHello) -> AnyMessage:
    """`peak_current_ma` and what the accessory draws; `power_class` raised to the class that holds both."""
    peak = uint16(hello.peak_current_ma + optics.idle_ma)
    enough = [class_ for class_, most in POWER_LIMITS_MA.items() if most >= peak]
    class_ = max(hello.power_class, min(enough, default=PowerClass.EXTREME))
    return replace(hello, peak_current_ma=peak, power_class=class_)


@reports.on(PowerReport)
def _power(optics: Optics, report: PowerReport) -> AnyMessage:
    """`draw_ma` and `peak_ma` and what the accessory draws."""
    draw, peak = report.draw_ma + optics.idle_ma, report.peak_ma + optics.idle_ma
    return replace(report, draw_ma=uint16(draw), peak_ma=uint16(peak))


@reports.on(Abilities)
def _abilities(optics: Optics, abilities: Abilities) -> AnyMessage:
    """Both focal lengths × k, the three apertures + a; `nearest_mm` stays; an `AccessoryReport` behind, if none is."""
    return replace(
        abilities,
        shortest_um=optics.focal_behind(abilities.shortest_um),
        longest_um=optics.focal_behind(abilities.longest_um),
        widest_wide=int16(abilities.widest_wide + optics.av),
        widest_tele=int16(abilities.widest_tele + optics.av),
        smallest=int16(abilities.smallest + optics.av),
    )


@reports.on(AccessoryReport)
def _accessories(optics: Optics, report: AccessoryReport) -> AnyMessage:
    """The accessory's own entry in front of those that are there."""
    return replace(report, entries=[optics.entry, *report.entries][:MOST_ENTRIES])


MOST_ENTRIES = 255


@reports.on(Metadata)
def _metadata(optics: Optics, metadata: Metadata) -> AnyMessage:
    """Texts: focal length and f-number × k, the specification too; ` + ` and the accessory's name behind the model."""
    return replace(metadata, entries=rewritten_texts(optics, metadata.entries))


@reports.on(ApertureState)
def _aperture(optics: Optics, state: ApertureState) -> AnyMessage:
    """`now`, `target`, `widest`, `smallest` + a; `ring` too, where it is not 0."""
    return replace(
        state,
        now=int16(state.now + optics.av),
        target=int16(state.target + optics.av),
        widest=int16(state.widest + optics.av),
        smallest=int16(state.smallest + optics.av),
        ring=int16(state.ring + optics.av) if state.ring else 0,
    )


@reports.on(ZoomState)
def _zoom(optics: Optics, state: ZoomState) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(state, focal_length_um=optics.focal_behind(state.focal_length_um))


@reports.on(StabiliserState)
def _stabiliser(optics: Optics, state: StabiliserState) -> AnyMessage:
    """`shift_x`, `shift_y` and `range_um` × k: the accessory enlarges what the lens shifts."""
    return replace(
        state,
        shift_x=int16(optics.enlarged(state.shift_x)),
        shift_y=int16(optics.enlarged(state.shift_y)),
        range_um=uint16(optics.enlarged(state.range_um)),
    )


@reports.on(DistanceScale)
def _scale(optics: Optics, scale: DistanceScale) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(scale, focal_length_um=optics.focal_behind(scale.focal_length_um))


@reports.on(BreathingTable)
def _breathing(optics: Optics, table: BreathingTable) -> AnyMessage:
    """`focal_length_um` × k."""
    return replace(table, focal_length_um=optics.focal_behind(table.focal_length_um))


@reports.on(DefocusTable)
def _defocus(optics: Optics, table: DefocusTable) -> AnyMessage:
    """`focal_length_um` × k; of the blur, the part that is there without defocus × k, and the rest ÷ k."""
    return replace(
        table, focal_length_um=optics.focal_behind(table.focal_length_um), blur=optics.blur_behind(table.blur)
    )


@reports.on(Correction)
def _correction(optics: Optics, correction: Correction) -> AnyMessage:
    """`focal_length_um` × k, `aperture` + a, radius × k; lateral colour: `Refusal`, `NOT_ABLE`, where k is not 1."""
    if correction.kind == CorrectionKind.LATERAL_COLOUR and optics.factor != 1:
        return Refusal(
            number=correction.number, order=CorrectionRequest.TYPE, code=RefusalCode.NOT_ABLE, field_number=KIND_FIELD
        )
    return replace(
        correction,
        focal_length_um=uint32(optics.focal_behind(correction.focal_length_um)),
        aperture=int16(correction.aperture + optics.av),
        coefficients=optics.coefficients_behind(correction.kind, correction.coefficients),
    )


KIND_FIELD = 2


@reports.on(PageAgreement)
def _page_agreement(optics: Optics, agreement: PageAgreement) -> AnyMessage:
    """Without the page of joint corrections, where k is not 1."""
    return replace(agreement, pages=[page for page in agreement.pages if _fits_through(optics, page.number)])


def _fits_through(optics: Optics, page: int) -> bool:
    return optics.factor == 1 or page != PAGES["joint corrections"].number
