"""Traits of Fuji G for fuzzing, explanations, gauges and learning: scripts, the loop, shown fields, frames as words."""

from lensmount_emulator.engine.dialect_roles import FuzzTraits
from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_emulator.engine.traits import Gauge, LearnTraits, OutputToken
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.fuji_g.commands import ParkCommand, StatusReply, StatusRequest
from lensmount_protocol.dialects.fuji_g.link import LensAcknowledge
from lensmount_protocol.dialects.fuji_g.timing import REPLY_TO_ACKNOWLEDGE_US, WORD_TO_ACKNOWLEDGE_US
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role

FUJI_G_TRAITS = FuzzTraits(
    recovery_s=10.0,
    bodies=("gfx50r",),
    lenses=("gf45", "gf110"),
    scripts=("", "focus 900; iris 5", "speed 3000; focus 100; iris 0; sleep; wake"),
    verbs=("wait 0.05", "focus 0", "focus 1200", "speed 5000", "iris 3", "iris 9", "stop", "sleep; wake"),
    control_steps=("turn 4", "turn -9", "ring 4", "ring 1"),
)
"""The Fuji G traits for fuzzing."""


def _is_poll(frame: DecodedFrame) -> bool:
    return isinstance(frame.messages[0], StatusRequest | StatusReply)


def _parks(frame: DecodedFrame) -> bool:
    return isinstance(frame.messages[0], ParkCommand)


FUJI_G_KNOWLEDGE = SessionKnowledge(
    is_loop=_is_poll, stops_loop=_parks, reply_us=WORD_TO_ACKNOWLEDGE_US + REPLY_TO_ACKNOWLEDGE_US
)
"""Sessions of Fuji G for explanations: polls are the loop, and parking comes before power-off."""

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


def _words(arrival: ReceivedFrame) -> tuple[OutputToken, ...]:
    """An acknowledge with its command and its number; of another word only its command: values are not states."""
    message = arrival.messages[0]
    if isinstance(message, LensAcknowledge):
        return (OutputToken(f"01({message.command:02X},{message.number & 7})"),)
    return (OutputToken(f"{message_type(message):02X}"),)


FUJI_G_LEARN = LearnTraits(alphabets="lensmount_emulator.roles.fuji_g.alphabets", describe=_words)
"""The Fuji G traits for learning."""
