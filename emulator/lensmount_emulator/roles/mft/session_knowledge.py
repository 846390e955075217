"""Knowledge of Micro Four Thirds sessions for explanations: due steps and the loop."""

from lensmount_emulator.engine.session_knowledge import DueStep, SessionKnowledge
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.dialects.mft.link import BODY_ACK, LENS_ACK, MOUNTED, SLEEP, VDD
from lensmount_protocol.dialects.mft.messages import HelloCommand, OtherHelloCommand, StandbyReply, StandbyRequest
from lensmount_protocol.timing import edge, first_bit
from lensmount_protocol.wire import Role

_BODY, _LENS = Role.BODY, Role.LENS

REPLY_US = 20_000.0
"""Time in which an answer is due; no document has one."""


def _is_loop(frame: DecodedFrame) -> bool:
    return any(isinstance(message, StandbyRequest | StandbyReply) for message in frame.messages)


STEPS = (
    DueStep(
        "supply", edge(MOUNTED, False), (edge(VDD, True),), _BODY,
        f"{{owner}} never switched the supply ({VDD}) on", "A lens without supply can do nothing.", 2e6,
    ),
    DueStep(
        "wake", edge(VDD, True), (edge(SLEEP, True),), _BODY, f"{{owner}} never raised {SLEEP}",
        f"A lens wakes up with {SLEEP}.", 2e6,
    ),
    DueStep(
        "handshake", edge(SLEEP, True), (edge(BODY_ACK, True),), _BODY, f"{{owner}} never raised {BODY_ACK}",
        f"A lens that woke up waits for {BODY_ACK}.", rules=("wake to handshake",), cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "lens is awake", edge(SLEEP, True), (edge(LENS_ACK, True),), _LENS,
        f"{{owner}} never pulsed {LENS_ACK} after {SLEEP}",
        f"The pulse answers {BODY_ACK}; the body sends nothing before.", 100_000.0, cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "first command", edge(SLEEP, True),
        (first_bit(_BODY, HelloCommand.TYPE), first_bit(_BODY, OtherHelloCommand.TYPE)), _BODY,
        f"{{owner}} sent no command after {SLEEP}", "The first command is an action.", 200_000.0,
        cancelled_by=(edge(SLEEP, False),),
    ),
    DueStep(
        "ready", edge(BODY_ACK, True), (edge(LENS_ACK, True), edge(BODY_ACK, False)), _LENS,
        f"{{owner}} never raised {LENS_ACK}", "Every unit needs both lines high.", REPLY_US, while_low=(LENS_ACK,),
    ),
)  # fmt: skip

MFT_KNOWLEDGE = SessionKnowledge(steps=STEPS, is_loop=_is_loop, reply_us=REPLY_US)
"""The knowledge of Micro Four Thirds sessions."""
