"""Commands of the Fuji G mount: the body's request and the lens's reply of each, with the evidence.

A command is written as `hex.d`: the command byte of the word without its top bit, and the two bits after it. The type
byte is four times the first number plus the second. Most replies echo the argument.
"""

from lensmount_protocol.codec.lazy_construct import Int16sb, Int16ub
from lensmount_protocol.dialects.fuji_g.units import format_hex16, format_iris, format_ring, format_status, format_step
from lensmount_protocol.message import Evidence, EvidenceLevel, Message, field, message
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "FGM")
_ORDER = Evidence(EvidenceLevel.CAPTURED, "FGM", "its place in the order is captured; its meaning is inferred")
_INFERRED = Evidence(EvidenceLevel.INFERRED, "FGM")
_UNKNOWN = Evidence(EvidenceLevel.CAPTURED, "FGM", "it occurs; its meaning is not known")


def command_type(high: int, low: int) -> int:
    """Return the type byte of the command that the specification writes as `high.low`."""
    return high << 2 | low


@message(command_type(0x05, 0), Role.BODY, _ORDER)
class LensBlockAnnounceCommand(Message):
    """`05.0`: announces the lens's pair of blocks."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x05, 0), Role.LENS, _ORDER)
class LensBlockAnnounceEcho(Message):
    """The lens confirms `05.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x05, 1), Role.BODY, _ORDER)
class BodyBlockAnnounceCommand(Message):
    """`05.1`: announces the body's pair of blocks; seen only with a GF110."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x05, 1), Role.LENS, _ORDER)
class BodyBlockAnnounceEcho(Message):
    """The lens confirms `05.1` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x05, 2), Role.BODY, _ORDER)
class BlocksDoneCommand(Message):
    """`05.2`: follows the body's pair of blocks."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x05, 2), Role.LENS, _ORDER)
class BlocksDoneEcho(Message):
    """The lens confirms `05.2` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x06, 0), Role.BODY, _UNKNOWN)
class BlockPrepareCommand(Message):
    """`06.0`: comes before the blocks."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x06, 0), Role.LENS, _UNKNOWN)
class BlockPrepareEcho(Message):
    """The lens confirms `06.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x08, 0), Role.BODY, _CAPTURED)
class StatusRequest(Message):
    """`08.0`: polls the status, every 40.0 ms."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x08, 0), Role.LENS, _CAPTURED)
class StatusReply(Message):
    """The lens answers `08.0`."""

    value: int = field(Int16ub, "status bits", formatter=format_status, in_summary=True)


@message(command_type(0x08, 1), Role.BODY, _CAPTURED)
class PositionRequest(Message):
    """`08.1`: asks for the focus position now; the argument is 10 while the focus moves."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x08, 1), Role.LENS, _CAPTURED)
class PositionReply(Message):
    """The lens answers `08.1`."""

    value: int = field(Int16sb, "focus position", unit="position units", in_summary=True)


@message(command_type(0x08, 2), Role.BODY, _CAPTURED)
class IrisStepRequest(Message):
    """`08.2`: asks for the iris step that was reached."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x08, 2), Role.LENS, _CAPTURED)
class IrisStepReply(Message):
    """The lens answers `08.2`."""

    value: int = field(Int16ub, "step times 256", formatter=format_step, in_summary=True)


@message(command_type(0x09, 0), Role.BODY, _UNKNOWN)
class Query09Request(Message):
    """`09.0`: asks for a value of unknown meaning."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x09, 0), Role.LENS, _UNKNOWN)
class Query09Reply(Message):
    """The lens answers `09.0`."""

    value: int = field(Int16ub, "always zero", formatter=format_hex16, in_summary=True)


@message(command_type(0x09, 2), Role.BODY, _INFERRED)
class TemperatureRequest(Message):
    """`09.2`: every third poll; the values may be a temperature."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x09, 2), Role.LENS, _INFERRED)
class TemperatureReply(Message):
    """The lens answers `09.2`."""

    value: int = field(Int16ub, "may be a temperature", unit="degrees Celsius", in_summary=True)


@message(command_type(0x09, 3), Role.BODY, _INFERRED)
class MoveResultRequest(Message):
    """`09.3`: is read after moves."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x09, 3), Role.LENS, _INFERRED)
class MoveResultReply(Message):
    """The lens answers `09.3`."""

    value: int = field(Int16ub, "after a move of the iris: 3 closed, 1 opened; of the focus: 1 or 0", in_summary=True)


@message(command_type(0x0C, 0), Role.BODY, _CAPTURED)
class ApertureRingRequest(Message):
    """`0c.0`: reads the aperture ring."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x0C, 0), Role.LENS, _CAPTURED)
class ApertureRingReply(Message):
    """The lens answers `0c.0`."""

    value: int = field(Int16ub, "index of the ring", formatter=format_ring, in_summary=True)


@message(command_type(0x0C, 2), Role.BODY, _CAPTURED)
class FocusRingRequest(Message):
    """`0c.2`: reads the turn of the focus ring since the last read."""

    argument: int = field(Int16ub, "argument of the request", formatter=format_hex16, in_summary=True)


@message(command_type(0x0C, 2), Role.LENS, _CAPTURED)
class FocusRingReply(Message):
    """The lens answers `0c.2`."""

    value: int = field(Int16sb, "turn; clockwise is positive", unit="ring steps", in_summary=True)


@message(command_type(0x0F, 3), Role.BODY, _ORDER)
class BusyEndedCommand(Message):
    """`0f.3`: the body's first word after a busy line went high."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x0F, 3), Role.LENS, _ORDER)
class BusyEndedEcho(Message):
    """The lens confirms `0f.3` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x10, 0), Role.BODY, _INFERRED)
class ParkCommand(Message):
    """`10.0`: parks the focus, then the iris."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x10, 0), Role.LENS, _INFERRED)
class ParkEcho(Message):
    """The lens confirms `10.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x15, 0), Role.BODY, _CAPTURED)
class FocusSpeedCommand(Message):
    """`15.0`: sets the focus speed; 7fff is as fast as the lens allows."""

    argument: int = field(Int16ub, "argument", unit="position units a second", in_summary=True)


@message(command_type(0x15, 0), Role.LENS, _CAPTURED)
class FocusSpeedEcho(Message):
    """The lens confirms `15.0` with its argument."""

    value: int = field(Int16ub, "the argument", unit="position units a second", in_summary=True)


@message(command_type(0x15, 1), Role.BODY, _INFERRED)
class FocusModeCommand(Message):
    """`15.1`: sets the kind of the move: 0120 by the ring, 02xx scan, 01xx approach, 032x after the exposure."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x15, 1), Role.LENS, _INFERRED)
class FocusModeEcho(Message):
    """The lens confirms `15.1` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x15, 2), Role.BODY, _CAPTURED)
class FocusTargetCommand(Message):
    """`15.2`: sets the absolute focus target."""

    argument: int = field(Int16sb, "argument", unit="position units", in_summary=True)


@message(command_type(0x15, 2), Role.LENS, _CAPTURED)
class FocusTargetEcho(Message):
    """The lens confirms `15.2` with its argument."""

    value: int = field(Int16sb, "focus target", unit="position units", in_summary=True)


@message(command_type(0x16, 0), Role.BODY, _INFERRED)
class FocusStopCommand(Message):
    """`16.0`: stops the focus, together with an execute."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x16, 0), Role.LENS, _INFERRED)
class FocusStopEcho(Message):
    """The lens confirms `16.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x18, 2), Role.BODY, _CAPTURED)
class IrisTargetCommand(Message):
    """`18.2`: sets the iris: a mode and a step."""

    argument: int = field(Int16ub, "argument", formatter=format_iris, in_summary=True)


@message(command_type(0x18, 2), Role.LENS, _CAPTURED)
class IrisTargetEcho(Message):
    """The lens confirms `18.2` with its argument."""

    value: int = field(Int16ub, "mode and step", formatter=format_iris, in_summary=True)


@message(command_type(0x20, 0), Role.BODY, _UNKNOWN)
class Query20(Message):
    """`20.0`: first after start-up and before sleep."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x20, 0), Role.LENS, _UNKNOWN)
class Query20Echo(Message):
    """The lens confirms `20.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x28, 0), Role.BODY, _INFERRED)
class PowerStateCommand(Message):
    """`28.0`: sets the power state: 8002 start, 8001 sleep."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x28, 0), Role.LENS, _INFERRED)
class PowerStateEcho(Message):
    """The lens confirms `28.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x28, 1), Role.BODY, _UNKNOWN)
class Command28(Message):
    """`28.1`: comes before the first iris order of one session."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x28, 1), Role.LENS, _UNKNOWN)
class Command28Echo(Message):
    """The lens confirms `28.1` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x2A, 0), Role.BODY, _UNKNOWN)
class Command2A(Message):
    """`2a.0`: part of the start-up."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x2A, 0), Role.LENS, _UNKNOWN)
class Command2AEcho(Message):
    """The lens confirms `2a.0` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x2A, 1), Role.BODY, _INFERRED)
class ShutterButtonCommand(Message):
    """`2a.1`: state of the shutter button: 4 at rest, 1 autofocus begins."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x2A, 1), Role.LENS, _INFERRED)
class ShutterButtonEcho(Message):
    """The lens confirms `2a.1` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x3F, 3), Role.BODY, _CAPTURED)
class ExecuteCommand(Message):
    """`3f.3`: executes what was sent in this session."""

    argument: int = field(Int16ub, "argument", formatter=format_hex16, in_summary=True)


@message(command_type(0x3F, 3), Role.LENS, _CAPTURED)
class ExecuteEcho(Message):
    """The lens confirms `3f.3` with its argument."""

    value: int = field(Int16ub, "the argument", formatter=format_hex16, in_summary=True)


REQUESTS: tuple[type[Message], ...] = (
    LensBlockAnnounceCommand,
    BodyBlockAnnounceCommand,
    BlocksDoneCommand,
    BlockPrepareCommand,
    StatusRequest,
    PositionRequest,
    IrisStepRequest,
    Query09Request,
    TemperatureRequest,
    MoveResultRequest,
    ApertureRingRequest,
    FocusRingRequest,
    BusyEndedCommand,
    ParkCommand,
    FocusSpeedCommand,
    FocusModeCommand,
    FocusTargetCommand,
    FocusStopCommand,
    IrisTargetCommand,
    Query20,
    PowerStateCommand,
    Command28,
    Command2A,
    ShutterButtonCommand,
    ExecuteCommand,
)
"""Every request and command of the body."""

REPLIES: tuple[type[Message], ...] = (
    LensBlockAnnounceEcho,
    BodyBlockAnnounceEcho,
    BlocksDoneEcho,
    BlockPrepareEcho,
    StatusReply,
    PositionReply,
    IrisStepReply,
    Query09Reply,
    TemperatureReply,
    MoveResultReply,
    ApertureRingReply,
    FocusRingReply,
    BusyEndedEcho,
    ParkEcho,
    FocusSpeedEcho,
    FocusModeEcho,
    FocusTargetEcho,
    FocusStopEcho,
    IrisTargetEcho,
    Query20Echo,
    PowerStateEcho,
    Command28Echo,
    Command2AEcho,
    ShutterButtonEcho,
    ExecuteEcho,
)
"""The reply of the lens to each of them, in the same order."""
