"""What a body does with a lens that reports: focuses, closes it down, sets rings, exposes, asks for tables."""

from collections.abc import Generator
from typing import Any

from lensmount_emulator.models.optics import f_number_of, position_of
from lensmount_emulator.roles.lmount.body_core import REPORT, BodyCore
from lensmount_emulator.roles.lmount.body_words import FocusTarget
from lensmount_emulator.roles.lmount.numbers import EXIF_F_NUMBER, EXIF_FOCAL_LENGTH, EXIF_MODEL
from lensmount_emulator.roles.tasks import Await, Task, Wait
from lensmount_protocol.dialects.lmount.aperture import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.focus import (
    BreathingTable,
    DefocusTable,
    DistanceScale,
    FocusDrive,
    FocusLimits,
    FocusTableRequest,
    RingBehaviour,
)
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.identity import Metadata, MetadataRequest
from lensmount_protocol.dialects.lmount.link import Done, Refusal
from lensmount_protocol.dialects.lmount.picture import Correction, CorrectionRequest, Exposure
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    CorrectionKind,
    ExposurePhase,
    Feature,
    FocusOrder,
    Outcome,
    Part,
    RefusalCode,
    RingKind,
)
from lensmount_protocol.message import Message

MOVE_PATIENCE_S = 5.0
IRIS_PATIENCE_S = 2.0
TABLE_PATIENCE_S = 0.03
CORRECTIONS = (CorrectionKind.DISTORTION, CorrectionKind.LATERAL_COLOUR, CorrectionKind.VIGNETTING)
TABLES = {
    1: (None, DistanceScale, "distance scale"),
    2: (Feature.BREATHING, BreathingTable, "breathing"),
    3: (Feature.DEFOCUS, DefocusTable, "defocus"),
}
"""Table of the focus -> the feature that both must have, what carries it, and its name."""

TRACK_STEPS = 40
"""How far a set point of the focus is from the one before while a body tracks."""

Deed = Generator[Await, bool, Any]
"""A deed; gives what came of it."""


def reason(answer: Message | None) -> str:
    """Why an order was not carried out, in words."""
    if isinstance(answer, Refusal):
        name = answer.code.name.lower().replace("_", " ") if answer.code.known else f"code {int(answer.code)}"
        return f"refused: {name}{f', field {answer.field_number}' if answer.field_number else ''}"
    return "no answer" if answer is None else f"answered with {type(answer).__name__}"


def drive(body: BodyCore, order: Any, patience: float) -> Deed:
    """Have a drive carried out to its end; gives the answer, or the outcome behind it."""
    answer = yield from body.ask(order)
    if not isinstance(answer, Done):
        return answer
    if answer.outcome != Outcome.ACCEPTED:
        return answer.outcome
    return (yield from body.end_of(order, patience))


def focus_to(body: BodyCore, target: FocusTarget) -> Deed:
    """Drive the focus, and wait until it is there; with its switch at MF a lens would refuse."""
    if body.known.manual:
        body.tell("the lens's switch says MF, so no focus order is sent")
        return Outcome.STOPPED
    order = FocusDrive(order=target.order, value=target.value)
    abilities = body.known.abilities
    if target.distance_mm and abilities is not None and abilities.focus_steps:
        order.value = position_of(target.distance_mm, abilities.focus_steps, abilities.nearest_mm)
    began = body.now
    outcome = yield from drive(body, order, MOVE_PATIENCE_S)
    if isinstance(outcome, Outcome):
        yield from next_report(body)
        state = body.known.focus
        if state is not None:
            took = (body.now - began) * 1e3
            body.tell(f"focus at {state.position}, {metres(state.distance_mm)}, after {took:.1f} ms")
    return outcome


def metres(distance_mm: int) -> str:
    """A distance for people."""
    return "infinity" if distance_mm >= 65_535_000 else f"{distance_mm / 1000:.2f} m"


def next_report(body: BodyCore) -> Task:
    """Wait for the reports of the next frame, two frames at most."""
    reports = body.known.reports
    yield Wait(body.now + 2.5 / body.rate_hz, lambda: body.known.reports > reports, (REPORT,))


def close(body: BodyCore, mode: ApertureMode, target: int, seconds: float = 0.0) -> Deed:
    """Drive the diaphragm, and wait until it is there."""
    began = body.now
    order = ApertureDrive(mode=mode, target=target, duration_us=round(seconds * 1e6))
    outcome = yield from drive(body, order, IRIS_PATIENCE_S + seconds * 4)
    if isinstance(outcome, Outcome):
        yield from next_report(body)
        state = body.known.aperture
        if state is not None:
            body.tell(f"aperture at f/{f_number_of(state.now):.1f} after {(body.now - began) * 1e3:.1f} ms")
    return outcome


def limit_focus(body: BodyCore, between: tuple[int, int] | None) -> Deed:
    """Set the limits of the autofocus; `None` takes them away."""
    abilities = body.known.abilities
    far, near = between or (0, max(0, (abilities.focus_steps if abilities else 0) - 1))
    return (yield from body.ask(FocusLimits(near=near, far=far)))


def set_ring(body: BodyCore, throw_degrees: int) -> Deed:
    """Set the focus ring: linear over so many degrees, or heeding speed (0); greyed out where the lens cannot."""
    if throw_degrees and not body.known.part(Part.LINEAR_RING):
        body.tell("the lens's ring cannot be linear; the menu is greyed out")
        return Refusal(code=RefusalCode.NOT_ABLE)
    order = RingBehaviour(ring=RingKind.FOCUS, linear=int(bool(throw_degrees)), throw_degrees=throw_degrees, clicks=1)
    return (yield from body.ask(order))


def power_zoom(body: BodyCore, focal_um: int) -> Deed:
    """Drive a powered zoom."""
    return (yield from drive(body, ZoomDrive(target_um=focal_um), MOVE_PATIENCE_S))


def fetch_tables(body: BodyCore) -> Deed:
    """Ask for the tables of the focus; gives the names of those that came."""
    zoom, came = body.known.zoom, list[str]()
    for number, (feature, carrier, name) in TABLES.items():
        if feature is None or body.known.feature(feature):
            request = FocusTableRequest(table=number, focal_length_um=zoom.focal_length_um if zoom else 0)
            answer = yield from body.ask(request, patience=TABLE_PATIENCE_S)
            if isinstance(answer, carrier):
                came.append(name)
    return came


def fetch_corrections(body: BodyCore) -> Deed:
    """Ask for the corrections at the present setting; gives those that came, by kind."""
    known, came = body.known, dict[CorrectionKind, list[int]]()
    for kind in CORRECTIONS:
        request = CorrectionRequest(
            kind=kind,
            focal_length_um=known.zoom.focal_length_um if known.zoom else 0,
            distance_mm=known.focus.distance_mm if known.focus else 0,
            aperture=known.aperture.now if known.aperture else 0,
        )
        answer = yield from body.ask(request, patience=TABLE_PATIENCE_S)
        if isinstance(answer, Correction) and answer.coefficients:
            came[kind] = answer.coefficients
    return came


def expose(body: BodyCore, seconds: float, target: int | None = None) -> Deed:
    """Take a picture: announce it, close down, expose, open again; gives what is to be written into its file."""
    closes = target is not None and body.known.part(Part.DIAPHRAGM)
    number = body.frame & 0xFF
    duration_us = round(seconds * 1e6)
    body.say([Exposure(number=number, phase=ExposurePhase.ANNOUNCED, duration_us=duration_us)], CYCLE)
    if closes:
        yield from drive(body, ApertureDrive(mode=ApertureMode.STOP_DOWN, target=target or 0), IRIS_PATIENCE_S)
    body.say([Exposure(number=number, phase=ExposurePhase.BEGINS, duration_us=duration_us)], CYCLE)
    yield body.now + seconds
    body.say([Exposure(number=number, phase=ExposurePhase.ENDS, duration_us=duration_us)], CYCLE)
    metadata = yield from body.ask(MetadataRequest())
    if closes:
        yield from drive(body, ApertureDrive(mode=ApertureMode.OPEN), IRIS_PATIENCE_S)
    if not isinstance(metadata, Metadata):
        return None
    texts = {entry.tag: entry.text for entry in metadata.entries}
    body.tell(
        f"picture taken: {texts.get(EXIF_MODEL, 'no name')}, {texts.get(EXIF_FOCAL_LENGTH, '?')} mm, "
        f"f/{texts.get(EXIF_F_NUMBER, '?')}"
    )
    return texts


def track(body: BodyCore, seconds: float) -> Deed:
    """A new set point of the focus with each frame, as video autofocus gives it; gives how many were accepted."""
    abilities, until, accepted = body.known.abilities, body.now + seconds, 0
    middle = (abilities.focus_steps if abilities else 2) // 2
    synchronised = body.known.feature(Feature.SYNCHRONISED_FOCUS) and body.known.revision > 1
    while body.now < until:
        # To and fro, one step of the sweep a frame.
        place = body.frame % 16
        value = middle + TRACK_STEPS * (place if place < 8 else 16 - place)
        order = FocusDrive(order=FocusOrder.ABSOLUTE, value=value)
        if synchronised:
            order.frame = (body.frame + 1) & 0xFFFF
        frame = body.frame
        answer = yield from body.ask(order)
        accepted += isinstance(answer, Done)
        yield Wait(body.now + 0.1, lambda now=frame: body.frame != now, (REPORT,))  # type: ignore[misc]
    return accepted
