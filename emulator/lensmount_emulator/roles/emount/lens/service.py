"""The service channel of a lens, `40`: commands of the maker's tool, their replies, and reports of the lens's controls.

The replies are data of the profile; a position, a move and a homing are executed by the models (Samyang AF 135: BAS-TR,
BAS-SY; the client LB).
"""

from lensmount_emulator.engine.engine import ARRIVAL
from lensmount_emulator.engine.script import Step
from lensmount_emulator.engine.tasks import Task, Wait
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_emulator.roles.emount.lens.focus_orders import drive_focus
from lensmount_emulator.roles.emount.lens.homing import FOCUS, home
from lensmount_emulator.roles.emount.windows import for_baudrate, send_window
from lensmount_protocol.dialects.emount.framing import REQUEST_CLASS
from lensmount_protocol.dialects.emount.lines import VD
from lensmount_protocol.dialects.emount.service import ServiceCommand40, ServiceReply40
from lensmount_protocol.dialects.emount.startup_shutdown import StartUpReply
from lensmount_protocol.dialects.emount.timing import VD_PERIOD_US
from lensmount_protocol.message import Message

DATA_SIZE = 16
SERVICE_TYPE = f"{ServiceCommand40.TYPE:02X}"
REPORT = ord("W")
CONTROLS = frozenset({"press", "switch"})
"""Control steps that the lens reports: its button, and its switch with the new position, 1 or 2."""


def _keys(request: ServiceCommand40) -> tuple[str, str]:
    """Return the names of a command in a profile: with its two digits, and its letter alone."""
    return f"{chr(request.main)} {request.sub:02X}", chr(request.main)


def execute(lens: LensEngineBase, request: ServiceCommand40) -> Task:
    """Do what a command orders, until its reply is due."""
    service, timing = lens.settings.service, lens.settings.timing
    delay = timing.reply.get(SERVICE_TYPE, timing.reply_otherwise)
    keys = _keys(request)
    if any(key in service.homing for key in keys):
        yield from home(lens, FOCUS)
    elif service.move in keys:
        yield from _move(lens, int.from_bytes(request.data[:2], "little"))
        yield lens.after(service.move_reply)
    else:
        yield lens.after(delay)
    if service.reports_after in keys:
        lens.reports_controls = True


def _move(lens: LensEngineBase, target: int) -> Task:
    """Run the focus and wait until it stands; without a stream its frames are counted by time."""
    motor = lens.motor
    frames = abs(motor.clamp(target) - motor.planned(float(lens.stream.frame))) / motor.steps_per_frame
    drive_focus(lens, target, None)
    if lens.stream.running:
        yield Wait(ready=lambda: not motor.moving(float(lens.stream.frame)), on=(ARRIVAL, VD))
    else:
        yield lens.after(frames * VD_PERIOD_US)
        if lens.stream.moving_to is not None:
            motor.settle_at(lens.stream.moving_to)
    lens.stream.moving_to = None


def reply_to(lens: LensEngineBase, request: ServiceCommand40) -> Message | None:
    """Return the reply to a command; `None` where the lens has no such channel, or the command gets no reply."""
    service = lens.settings.service
    keys = _keys(request)
    if any(key in service.homing for key in keys):
        return lens.message_from_profile(StartUpReply)
    data: bytes | None = None
    if service.position in keys:
        data = lens.motor.planned(float(lens.stream.frame)).to_bytes(2, "little")
    elif service.move in keys:
        data = b""
    else:
        text = next((service.replies[key] for key in keys if key in service.replies), "" if service.echoes else None)
        data = None if text is None else bytes.fromhex(text)
    if data is None:
        return None
    return ServiceReply40(main=request.main, sub=request.sub, data=data.ljust(DATA_SIZE, b"\0"))


def report_control(lens: LensEngineBase, step: Step) -> None:
    """Report a control without a command, once the tool has asked for reports."""
    if not lens.reports_controls:
        lens.report(f"{step.text}: the service channel reports no control before its command")
        return
    code = 1 if step.verb == "press" else 1 + int(step.value or 1)
    report = ServiceReply40(main=REPORT, data=bytes((code,)).ljust(DATA_SIZE, b"\0"))
    lens.queue_reply(_send_report(lens, report))


def _send_report(lens: LensEngineBase, report: ServiceReply40) -> Task:
    timing = lens.settings.timing
    yield lens.after(timing.reply_otherwise)
    if "report" in lens.dialect.transitions.legal(lens.connection.state, lens.role):
        frame = lens.connection.send([report], REQUEST_CLASS, 0)
        yield from send_window(lens, frame, timing.setup, for_baudrate(lens, timing.hold))
