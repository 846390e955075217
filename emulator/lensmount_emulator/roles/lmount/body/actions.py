"""The actions of a body on a lens that reports: focus, aperture, rings, exposure, and requests for tables."""

from collections.abc import Generator
from typing import Any

from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.models.optics import focus_position_for, from_av256
from lensmount_emulator.roles.lmount.body.engine_base import REPORT, BodyEngineBase
from lensmount_emulator.roles.lmount.body.script_arguments import FocusTarget
from lensmount_emulator.roles.lmount.ids import EXIF_F_NUMBER, EXIF_FOCAL_LENGTH, EXIF_MODEL
from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive, ZoomDrive
from lensmount_protocol.dialects.lmount.exposure import Correction, CorrectionRequest, Exposure
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
from lensmount_protocol.dialects.lmount.link import CommandDone, CommandRejected
from lensmount_protocol.dialects.lmount.types import (
    ApertureMode,
    CorrectionKind,
    ExposurePhase,
    Feature,
    FocusCommand,
    Outcome,
    Part,
    RejectionCode,
    RingKind,
)
from lensmount_protocol.message import Message

MOVE_TIMEOUT_S = 5.0
IRIS_TIMEOUT_S = 2.0
TABLE_TIMEOUT_S = 0.03
CORRECTIONS = (CorrectionKind.DISTORTION, CorrectionKind.LATERAL_COLOUR, CorrectionKind.VIGNETTING)
TABLES = {
    1: (None, DistanceScale, "distance scale"),
    2: (Feature.BREATHING, BreathingTable, "breathing"),
    3: (Feature.DEFOCUS, DefocusTable, "defocus"),
}
"""Number of a focus table -> the feature that both ends need, its message, and its name."""

TRACK_STEPS = 40
"""Distance between two focus set points while a body tracks."""

Action = Generator[WaitFor, bool, Any]
"""An action; returns its result."""


def describe_rejection(answer: Message | None) -> str:
    """Return as text why an order was not executed."""
    if isinstance(answer, CommandRejected):
        name = answer.code.name.lower().replace("_", " ") if answer.code.is_known else f"code {int(answer.code)}"
        return f"refused: {name}{f', field {answer.field_number}' if answer.field_number else ''}"
    return "no answer" if answer is None else f"answered with {type(answer).__name__}"


def execute_drive(body: BodyEngineBase, order: Any, timeout: float) -> Action:
    """Execute a drive order to its end; returns the outcome, or the answer of an order that was not accepted."""
    answer = yield from body.request(order)
    if not isinstance(answer, CommandDone):
        return answer
    if answer.outcome != Outcome.ACCEPTED:
        return answer.outcome
    return (yield from body.wait_for_outcome(order, timeout))


def focus_to(body: BodyEngineBase, target: FocusTarget) -> Action:
    """Drive the focus to a target and wait; with its switch at MF a lens would refuse."""
    if body.lens_info.manual:
        body.report("the lens's switch says MF, so no focus order is sent")
        return Outcome.STOPPED
    order = FocusDrive(order=target.order, value=target.value)
    abilities = body.lens_info.capabilities
    if target.distance_mm and abilities is not None and abilities.focus_steps:
        order.value = focus_position_for(target.distance_mm, abilities.focus_steps, abilities.nearest_mm)
    began = body.now
    outcome = yield from execute_drive(body, order, MOVE_TIMEOUT_S)
    if isinstance(outcome, Outcome):
        yield from wait_next_report(body)
        state = body.lens_info.focus
        if state is not None:
            took = (body.now - began) * 1e3
            body.report(f"focus at {state.position}, {format_distance(state.distance_mm)}, after {took:.1f} ms")
    return outcome


def format_distance(distance_mm: int) -> str:
    """Return a distance as text."""
    return "infinity" if distance_mm >= 65_535_000 else f"{distance_mm / 1000:.2f} m"


def wait_next_report(body: BodyEngineBase) -> Task:
    """Wait for the reports of the next frame, two frames at most."""
    reports = body.lens_info.reports
    yield Wait(body.now + 2.5 / body.rate_hz, lambda: body.lens_info.reports > reports, (REPORT,))


def set_aperture(body: BodyEngineBase, mode: ApertureMode, target: int, seconds: float = 0.0) -> Action:
    """Drive the diaphragm to a target and wait."""
    began = body.now
    order = ApertureDrive(mode=mode, target=target, duration_us=round(seconds * 1e6))
    outcome = yield from execute_drive(body, order, IRIS_TIMEOUT_S + seconds * 4)
    if isinstance(outcome, Outcome):
        yield from wait_next_report(body)
        state = body.lens_info.aperture
        if state is not None:
            body.report(f"aperture at f/{from_av256(state.now):.1f} after {(body.now - began) * 1e3:.1f} ms")
    return outcome


def limit_focus(body: BodyEngineBase, between: tuple[int, int] | None) -> Action:
    """Set the limits of the autofocus; `None` removes them."""
    abilities = body.lens_info.capabilities
    far, near = between or (0, max(0, (abilities.focus_steps if abilities else 0) - 1))
    return (yield from body.request(FocusLimits(near=near, far=far)))


def set_ring(body: BodyEngineBase, throw_degrees: int) -> Action:
    """Set the focus ring: linear over so many degrees, or dependent on speed (0); refused without a linear ring."""
    if throw_degrees and not body.lens_info.has_part(Part.LINEAR_RING):
        body.report("the lens's ring cannot be linear; the menu is greyed out")
        return CommandRejected(code=RejectionCode.NOT_ABLE)
    order = RingBehaviour(ring=RingKind.FOCUS, linear=int(bool(throw_degrees)), throw_degrees=throw_degrees, clicks=1)
    return (yield from body.request(order))


def power_zoom(body: BodyEngineBase, focal_um: int) -> Action:
    """Drive a powered zoom."""
    return (yield from execute_drive(body, ZoomDrive(target_um=focal_um), MOVE_TIMEOUT_S))


def fetch_tables(body: BodyEngineBase) -> Action:
    """Request the focus tables; returns the names of those received."""
    zoom, received = body.lens_info.zoom, list[str]()
    for number, (feature, carrier, name) in TABLES.items():
        if feature is None or body.lens_info.has_feature(feature):
            request = FocusTableRequest(table=number, focal_length_um=zoom.focal_length_um if zoom else 0)
            answer = yield from body.request(request, timeout=TABLE_TIMEOUT_S)
            if isinstance(answer, carrier):
                received.append(name)
    return received


def fetch_corrections(body: BodyEngineBase) -> Action:
    """Request the corrections at the current setting; returns those received, by kind."""
    known, received = body.lens_info, dict[CorrectionKind, list[int]]()
    for kind in CORRECTIONS:
        request = CorrectionRequest(
            kind=kind,
            focal_length_um=known.zoom.focal_length_um if known.zoom else 0,
            distance_mm=known.focus.distance_mm if known.focus else 0,
            aperture=known.aperture.now if known.aperture else 0,
        )
        answer = yield from body.request(request, timeout=TABLE_TIMEOUT_S)
        if isinstance(answer, Correction) and answer.coefficients:
            received[kind] = answer.coefficients
    return received


def expose(body: BodyEngineBase, seconds: float, target: int | None = None) -> Action:
    """Take a picture: announce it, stop down, expose, open again; returns the metadata for its file."""
    closes = target is not None and body.lens_info.has_part(Part.DIAPHRAGM)
    number = body.frame & 0xFF
    duration_us = round(seconds * 1e6)
    body.queue_frame([Exposure(number=number, phase=ExposurePhase.ANNOUNCED, duration_us=duration_us)], CYCLE)
    if closes:
        yield from execute_drive(body, ApertureDrive(mode=ApertureMode.STOP_DOWN, target=target or 0), IRIS_TIMEOUT_S)
    body.queue_frame([Exposure(number=number, phase=ExposurePhase.BEGINS, duration_us=duration_us)], CYCLE)
    yield body.now + seconds
    body.queue_frame([Exposure(number=number, phase=ExposurePhase.ENDS, duration_us=duration_us)], CYCLE)
    metadata = yield from body.request(MetadataRequest())
    if closes:
        yield from execute_drive(body, ApertureDrive(mode=ApertureMode.OPEN), IRIS_TIMEOUT_S)
    if not isinstance(metadata, Metadata):
        return None
    texts = {entry.tag: entry.text for entry in metadata.entries}
    body.report(
        f"picture taken: {texts.get(EXIF_MODEL, 'no name')}, {texts.get(EXIF_FOCAL_LENGTH, '?')} mm, "
        f"f/{texts.get(EXIF_F_NUMBER, '?')}"
    )
    return texts


def track(body: BodyEngineBase, seconds: float) -> Action:
    """Send a new focus set point with each frame, as video autofocus does; returns how many were accepted."""
    abilities, until, accepted = body.lens_info.capabilities, body.now + seconds, 0
    middle = (abilities.focus_steps if abilities else 2) // 2
    synchronised = body.lens_info.has_feature(Feature.SYNCHRONISED_FOCUS) and body.lens_info.revision > 1
    while body.now < until:
        # To and fro, one step of the sweep a frame.
        place = body.frame % 16
        value = middle + TRACK_STEPS * (place if place < 8 else 16 - place)
        order = FocusDrive(order=FocusCommand.ABSOLUTE, value=value)
        if synchronised:
            order.frame = (body.frame + 1) & 0xFFFF
        frame = body.frame
        answer = yield from body.request(order)
        accepted += isinstance(answer, CommandDone)
        # mypy infers no type for a lambda with a default argument.
        yield Wait(body.now + 0.1, lambda now=frame: body.frame != now, (REPORT,))  # type: ignore[misc]
    return accepted
