"""The Micro Four Thirds timing contract: the times that the documented programs wait. No capture is behind them."""

from lensmount_protocol.dialects.mft.lines import BODY_ACK, CLK, SHUTTER, SLEEP, VDD
from lensmount_protocol.dialects.mft.messages import StandbyRequest
from lensmount_protocol.evidence import Evidence, EvidenceLevel
from lensmount_protocol.timing import TimingRule, edge, first_bit
from lensmount_protocol.wire import Role

_DOCUMENTED = Evidence(EvidenceLevel.DOCUMENTED, "BELL", "pauses of a program that plays a body")
_INFERRED = Evidence(EvidenceLevel.INFERRED, "BELL", "about one round in a video frame of 60 Hz; the bounds are ours")

WAKE_MS = 10.0
AFTER_READY_MS = 20.0
BEFORE_SHUTTER_MS = 9.0
SHUTTER_US = 500.0
AFTER_SHUTTER_MS = 1.5
BEFORE_TOGGLE_MS = 4.0
CLOCK_HOLD_MS = 1.0
READY_PULSE_MS = 10.0
ACTION_MS = 500.0
"""Times of the documented programs; the last two are those of the lens."""

TIMING: tuple[TimingRule, ...] = (
    TimingRule("wake to handshake", edge(SLEEP, True), edge(BODY_ACK, True), 9_500, 12_000, _DOCUMENTED),
    TimingRule("shutter pulse", edge(SHUTTER, True), edge(SHUTTER, False), 450, 600, _DOCUMENTED),
    TimingRule("clock hold", edge(CLK, False), edge(CLK, True), 800, 1_500, _DOCUMENTED, (edge(VDD, False),)),
    TimingRule(
        "round",
        first_bit(Role.BODY, StandbyRequest.TYPE),
        first_bit(Role.BODY, StandbyRequest.TYPE),
        15_000,
        25_000,
        _INFERRED,
        (edge(SLEEP, False), edge(VDD, False)),
    ),
)
