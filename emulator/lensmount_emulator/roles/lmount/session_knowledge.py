"""What explanations know of sessions of the open model: known symptoms, due steps, the loop and refusals."""

from lensmount_emulator.engine.session_knowledge import DueStep, PeerError, SessionKnowledge, Symptom
from lensmount_protocol.decoder import Decoded, DecodedFrame
from lensmount_protocol.dialects.lmount.firmware_update import UpdateState
from lensmount_protocol.dialects.lmount.framing import CYCLE
from lensmount_protocol.dialects.lmount.lines import DETECT, FSYNC, LENS_ATT, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.link import (
    CommandDone,
    CommandRejected,
    SetBaudrateCommand,
    Sleep,
    StreamConfig,
)
from lensmount_protocol.dialects.lmount.power import BrownOut, PowerGrant
from lensmount_protocol.dialects.lmount.timing import ANSWER_US, SLOWEST_FRAME_US
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.timing import edge, first_bit, window_closes
from lensmount_protocol.wire import Role

_MODELLED, _CLAIM = EvidenceLevel.MODELLED, EvidenceLevel.CLAIM

SYMPTOMS = (
    Symptom(
        "older-lens", frozenset({"refused", "no reply"}), "An older lens refuses what a newer body asks",
        "A lens of an older revision answers an order that it does not know with a refusal; an old Sigma lens "
        "refuses the "
        "pages of newer bodies.",
        "Update the lens, or let the body use the lower revision of both greetings.",
        Evidence(_MODELLED, "OWN"), end=Role.LENS,
    ),
    Symptom(
        "failed-update", frozenset({"no reply", "step missing", "refused"}),
        "A lens does not work after a firmware update",
        "Makers warn of a lens that stays dead when an update is cut; in the model it waits for a firmware in "
        "recovery.",
        "Repeat the update from its beginning; `lensmount firmware` makes an image to try with.",
        Evidence(_CLAIM, "OWN"), frozenset({0x01, 0x60, 0x61, 0x62}),
    ),
    Symptom(
        "power-class", frozenset({"supply lost", "refused"}), "A lens of high draw on a small body",
        "Bodies warn of lenses that draw much; the rail of a small body can sag while the lens moves.",
        "Grant a lower power class, or use a body with a stronger supply.",
        Evidence(_CLAIM, "OWN"),
    ),
    Symptom(
        "contact", frozenset({"lens detached", "line bounces"}), "The contact fails for a moment",
        "A body cuts both rails when the lens comes off, and starts with a hello when it is back.",
        "Clean the contacts; check the seat of a converter, which has two mounts.",
        Evidence(_MODELLED, "OWN"),
    ),
    Symptom(
        "no-frame-signal", frozenset({"step missing", "frame sync stopped"}), "A lens answers and never reports",
        "A lens reports in each frame, timed by FSYNC, once the stream order is answered.",
        "Check that FSYNC reaches the lens and falls once in each frame.",
        Evidence(_MODELLED, "OWN"), end=Role.BODY,
    ),
    Symptom(
        "rate-not-followed", frozenset({"wrong baud rate", "bytes without a frame"}), "Garbage after the rate order",
        "Both ends switch 1 ms after the acceptance; what is sent before is at the old rate.",
        "Switch both ends, or offer only 115 200 Bd in the greeting.",
        Evidence(_MODELLED, "OWN"),
    ),
)  # fmt: skip
"""The base of known symptoms; the documents list it."""


_BODY, _LENS = Role.BODY, Role.LENS
_HELLO, _LENS_HELLO = 0x01, 0x81

NEXT_WITHIN_US = 60_000.0
"""The longest pause of a body between an answer and its next order: the rate switch and its spare time, twice."""


def _is_done(event: Decoded, order: int) -> bool:
    return isinstance(event, DecodedFrame) and any(
        isinstance(one, CommandDone) and one.order == order and one.outcome in (Outcome.DONE, Outcome.ACCEPTED)
        for one in event.messages
    )


def _is_loop(frame: DecodedFrame) -> bool:
    return frame.frame.class_ == CYCLE


def _stops_loop(frame: DecodedFrame) -> bool:
    return any(isinstance(one, Sleep) or (isinstance(one, StreamConfig) and not one.reports) for one in frame.messages)


def _peer_error(_frame: DecodedFrame, message: AnyMessage) -> PeerError | None:
    if isinstance(message, CommandRejected):
        code = getattr(message.code, "name", str(int(message.code))).lower().replace("_", " ")
        # A refusal is an answer of the model: a lens of an older revision refuses what it does not know.
        return PeerError(f"refuses (84, {code})", message.order, normal=True)
    if isinstance(message, BrownOut):
        return PeerError("reports that its supply sags (91) after")
    if isinstance(message, UpdateState) and int(message.stage) == _REFUSED_STAGE:
        return PeerError("refuses its update (E0) after", normal=True)
    return None


_REFUSED_STAGE = 6


def _next_sequence(_frame: DecodedFrame, own: DecodedFrame | None, _peer: DecodedFrame | None) -> frozenset[int] | None:
    """Each end counts its frames."""
    return None if own is None else frozenset({(own.frame.sequence + 1) & 0xFF})


STEPS = (
    DueStep(
        "supply", edge(DETECT, False), (edge(V_LOGIC, True),), _BODY,
        f"{{owner}} never switched the logic supply ({V_LOGIC}) on", "A lens without supply can do nothing.",
        2_000_000.0,
    ),
    DueStep(
        "boot", edge(V_LOGIC, True), (edge(LENS_ATT, True),), _LENS, f"{{owner}} never raised {LENS_ATT} after its "
        "supply",
        "The lens reports with it that it runs, and the body sends its hello only then.", rules=("lens boot",),
    ),
    DueStep(
        "hello", edge(LENS_ATT, True), (first_bit(_BODY),), _BODY, "{owner} never sent its hello (01)",
        "The hello opens the link.", NEXT_WITHIN_US, cancelled_by=(first_bit(_LENS),),
    ),
    DueStep(
        "lens hello", window_closes(_BODY, _HELLO), (first_bit(_LENS),), _LENS, "{owner} did not answer the hello (01)",
        "The body repeats its hello, and gives up after some.", rules=("lens hello",),
        cancelled_by=(window_closes(_BODY, _HELLO),),
    ),
    DueStep(
        "after hello", window_closes(_LENS, _LENS_HELLO), (first_bit(_BODY),), _BODY,
        "{owner} sent no order after the lens's hello (81)", "The body must have dropped it.", NEXT_WITHIN_US,
    ),
    DueStep(
        "after an answer", window_closes(_LENS, 0x85), (first_bit(_BODY), edge(FSYNC, False)), _BODY,
        "{owner} sent no order after an answer (85)", "A start-up is a chain of orders; the body stopped.",
        NEXT_WITHIN_US * 2, applies=lambda event: not _is_done(event, Sleep.TYPE),
    ),
    DueStep(
        "drive power", window_closes(_LENS, 0x85), (edge(V_DRIVE, True),), _BODY,
        f"{{owner}} never switched the drive power ({V_DRIVE}) on after its grant",
        "A lens cannot move its groups without it.", NEXT_WITHIN_US,
        applies=lambda event: _is_done(event, PowerGrant.TYPE),
    ),
    DueStep(
        "frame sync", window_closes(_LENS, 0x85), (edge(FSYNC, False),), _BODY, f"frame sync ({FSYNC}) never pulsed",
        "A lens reports in each frame, timed by it.", SLOWEST_FRAME_US,
        applies=lambda event: _is_done(event, StreamConfig.TYPE),
    ),
)  # fmt: skip
"""The steps of a start-up, in their order."""

LMOUNT_KNOWLEDGE = SessionKnowledge(
    steps=STEPS,
    is_loop=_is_loop,
    stops_loop=_stops_loop,
    silent_after=frozenset({Sleep.TYPE, SetBaudrateCommand.TYPE, 0x85, _HELLO}),
    reply_us=2 * ANSWER_US,
    detaching_steps=frozenset({"detach", "check all"}),
    peer_error=_peer_error,
    sequence_group=lambda _frame: 0,
    next_sequence=_next_sequence,
    symptoms=SYMPTOMS,
    parameter_rules={
        "lens boot": "lens boot",
        "lens hello": "lens hello",
        "lens answer": "identity answered",
        "lens cycle": "lens cycle",
    },
)
"""What explanations know of the open model."""
