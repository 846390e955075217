"""The Fuji G timing contract: the bounds that a GFX 50R and two lenses kept in ten captures.

The body sets the pace. A lens has to load its next word within 249 us. Every bound comes from one body.
"""

from lensmount_protocol.dialects.fuji_g.commands import REQUESTS, StatusRequest
from lensmount_protocol.dialects.fuji_g.lines import FOCUS_BUSY, IRIS_BUSY, SUPPLY
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.timing import TimingRule, edge, first_bit, last_bit
from lensmount_protocol.wire import Role

_CAPTURED = Evidence(EvidenceLevel.CAPTURED, "FGM", "one body, two lenses")

POLL_US = 40_000.0
WORD_TO_ACKNOWLEDGE_US = 454.0
REPLY_TO_ACKNOWLEDGE_US = 439.0
NULL_TO_ACKNOWLEDGE_US = 255.0
ACKNOWLEDGE_TO_WORD_US = 264.0
"""Medians of the captures."""

LOAD_US = 249.0
"""The shortest pause in which a lens has to load its next word."""

TIMING: tuple[TimingRule, ...] = (
    TimingRule(
        "word to acknowledge",
        last_bit(Role.BODY, "class 0"),
        first_bit(Role.BODY, "class 1"),
        249,
        1_851,
        _CAPTURED,
    ),
    *(
        TimingRule(
            f"request to reply {cls.TYPE:02X}",
            first_bit(Role.BODY, cls.TYPE),
            first_bit(Role.LENS, cls.TYPE),
            724,
            3_883,
            _CAPTURED,
        )
        for cls in REQUESTS
    ),
    TimingRule(
        "poll period",
        first_bit(Role.BODY, StatusRequest.TYPE),
        first_bit(Role.BODY, StatusRequest.TYPE),
        30_000,
        62_000,
        Evidence(EvidenceLevel.CAPTURED, "FGM", "median 40.0 ms"),
        (
            edge(SUPPLY, True),
            edge(FOCUS_BUSY, True),
            edge(IRIS_BUSY, True),
            edge(FOCUS_BUSY, False),
            edge(IRIS_BUSY, False),
        ),
    ),
)
