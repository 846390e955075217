"""Knowledge of Fuji G sessions for explanations: polls are the loop, and parking comes before power-off."""

from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.fuji_g.commands import ParkCommand, StatusReply, StatusRequest
from lensmount_protocol.dialects.fuji_g.timing import REPLY_TO_ACKNOWLEDGE_US, WORD_TO_ACKNOWLEDGE_US


def _is_poll(frame: DecodedFrame) -> bool:
    return isinstance(frame.messages[0], StatusRequest | StatusReply)


def _parks(frame: DecodedFrame) -> bool:
    return isinstance(frame.messages[0], ParkCommand)


FUJI_G_KNOWLEDGE = SessionKnowledge(
    is_loop=_is_poll, stops_loop=_parks, reply_us=WORD_TO_ACKNOWLEDGE_US + REPLY_TO_ACKNOWLEDGE_US
)
