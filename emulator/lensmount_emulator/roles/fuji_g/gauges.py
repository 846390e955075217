"""The gauges of the Fuji G mount: which replies and orders show the lens and the body."""

from lensmount_emulator.engine.traits import Gauge
from lensmount_protocol.wire import Role

FUJI_G_GAUGES = (
    Gauge("focus", Role.LENS, "focus", "PositionReply.value", target="FocusTargetCommand.argument"),
    Gauge("iris", Role.LENS, "iris step", "IrisStepReply.value", target="IrisTargetCommand.argument"),
    Gauge("ring", Role.LENS, "aperture ring", "ApertureRingReply.value"),
    Gauge("status", Role.LENS, "status", "StatusReply.value"),
    Gauge("temperature", Role.LENS, "maybe temperature", "TemperatureReply.value"),
    Gauge("power", Role.BODY, "power state", "PowerStateCommand.argument"),
    Gauge("button", Role.BODY, "shutter button", "ShutterButtonCommand.argument"),
    Gauge("speed", Role.BODY, "focus speed", "FocusSpeedCommand.argument"),
    Gauge("mode", Role.BODY, "kind of move", "FocusModeCommand.argument"),
)
