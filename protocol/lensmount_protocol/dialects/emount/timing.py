"""The E-mount's timing contract: the bounds that real bodies and lenses kept in every capture.

Bounds are the extremes over five logic captures of an A6000 (6 MHz) and eleven logs of a NEX-7, widened to the
next round figure; measurements per device are in protocol/spec/emount.md.
"""

from lensmount_protocol.dialects.emount.lines import RXD, TXD, VCC, VD
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.timing import EMPTY, Mark, TimingRule, edge, first_bit, last_bit, window_closes, window_opens
from lensmount_protocol.wire import Role

_BODY, _LENS = Role.BODY, Role.LENS
_SIG = Evidence(EvidenceLevel.CAPTURED, "SIG")
_BOTH = Evidence(EvidenceLevel.CAPTURED, "SIG, LEX")
_FIRST_VD = Evidence(
    EvidenceLevel.CAPTURED, "SIG", "2.21 to 2.27 ms, widened by 20 µs: a further healthy start-up is 15 µs outside"
)
_POLL = Evidence(EvidenceLevel.INFERRED, "SIG", "every body wait falls on a grid of 5.04 ms")

VD_PERIOD_US = 16_684.0
VD_LOW_US = 63.0
POLL_US = 5_040.0
LAYOUT_ECHOED = window_closes(_LENS, 0x0A)

_REPLY_US = {
    0x01: (45, 600),
    0x07: (10, 575),
    0x0C: (10, 345),
    0x0B: (5, 350),
    0x08: (10, 1_650),
    0x09: (5, 400),
    0x0D: (5, 350),
    0x10: (5, 1_400_000),
    0x0A: (5, 800),
    0x16: (500, 560_000),
}
"""Type -> how long a lens takes from the fall of the body's select line to the rise of its own."""

_NEXT_REQUEST_US = {
    (0x01, 0x07): (210, 320),
    (0x07, 0x0C): (230, 340),
    (0x07, 0x0B): (15_000, 15_800),
    (0x0B, 0x08): (230, 330),
    (0x0B, 0x09): (190, 330),
    (0x08, 0x09): (200, 540),
    (0x09, 0x0D): (190, 310),
    (0x0D, 0x10): (175, 290),
    (0x10, 0x0A): (175, 370),
    (0x0A, 0x16): (180, 540),
}
"""Reply -> next request, from the fall of the lens's select line to the rise of the body's."""


def _rule(
    name: str, start: Mark, end: Mark, bounds_us: tuple[float, float], evidence: Evidence, *cancelled_by: Mark
) -> TimingRule:
    return TimingRule(name, start, end, *bounds_us, evidence, cancelled_by)


_VD_FALL = edge(VD, False)

TIMING: tuple[TimingRule, ...] = (
    _rule("VD period", _VD_FALL, _VD_FALL, (16_670, 16_700), _BOTH),
    _rule("VD low pulse", _VD_FALL, edge(VD, True), (55, 70), _BOTH),
    _rule("VCC to first VD", edge(VCC, True), _VD_FALL, (2_180, 2_300), _FIRST_VD),
    _rule("VCC to BODY_CS", edge(VCC, True), window_opens(_BODY, EMPTY), (119_300, 119_500), _BOTH),
    _rule("BODY_CS to TXD on", window_opens(_BODY, EMPTY), edge(TXD, True), (8, 30), _SIG),
    _rule("BODY_CS to RXD on", window_opens(_BODY, EMPTY), edge(RXD, True), (2_800, 23_200), _SIG),
    _rule("RXD on to BODY_CS low", edge(RXD, True), window_closes(_BODY, EMPTY), (0, 5_100), _POLL),
    _rule("BODY_CS low to LENS_CS low", window_closes(_BODY, EMPTY), window_closes(_LENS, EMPTY), (10, 11_200), _BOTH),
    _rule("handshake to 01", window_closes(_BODY, EMPTY), window_opens(_BODY, 0x01), (160, 15_300), _BOTH),
    _rule(
        "silent handshake to 0B",
        window_closes(_BODY, EMPTY),
        window_opens(_BODY, 0x0B),
        (20_150, 20_450),
        _BOTH,
        window_opens(_BODY, 0x01),
    ),
    _rule("speed switch begins", window_closes(_LENS, 0x0C), window_opens(_BODY, EMPTY), (110, 135), _SIG),
    _rule("speed switch, BODY_CS falls", window_closes(_LENS, 0x0C), window_closes(_BODY, EMPTY), (165, 5_260), _SIG),
    _rule("body set-up", window_opens(_BODY), first_bit(_BODY), (15, 70), _SIG),
    _rule("body hold", last_bit(_BODY), window_closes(_BODY), (40, 285), _SIG),
    _rule("lens set-up", window_opens(_LENS), first_bit(_LENS), (1.5, 42), _SIG),
    _rule("lens hold", last_bit(_LENS), window_closes(_LENS), (1, 60), _SIG),
    *(
        _rule(f"reply {type_:02X}", window_closes(_BODY, type_), window_opens(_LENS, type_), bounds, _BOTH)
        for type_, bounds in _REPLY_US.items()
    ),
    *(
        _rule(
            f"{before:02X} to request {after:02X}",
            window_closes(_LENS, before),
            window_opens(_BODY, after),
            bounds,
            _BOTH,
            *(window_opens(_BODY, other) for first, other in _NEXT_REQUEST_US if first == before and other != after),
            window_opens(_BODY, EMPTY),
        )
        for (before, after), bounds in _NEXT_REQUEST_US.items()
    ),
    # Captured lenses begin by the next pulse; a Samyang answers the body's first pair at the pulse after it (BAS-SY).
    _rule("stream starts", LAYOUT_ECHOED, window_opens(_LENS, 0x05), (800, 33_600), _SIG),
    _rule("loop starts", LAYOUT_ECHOED, window_opens(_BODY, 0x03), (8_550, 25_400), _SIG),
    # Natives send their first pair at once after the 0A reply, whatever the phase of VD.
    _rule("VD to 05", _VD_FALL, window_opens(_LENS, 0x05), (70, 3_330), _SIG, LAYOUT_ECHOED),
    # 4.74 ms at 1.5 Mbaud; at 750 kbaud the `05` in front of it takes 0.7 ms longer.
    _rule("VD to 06", _VD_FALL, window_opens(_LENS, 0x06), (1_390, 5_440), _BOTH, LAYOUT_ECHOED),
    _rule("VD to 03", _VD_FALL, window_opens(_BODY, 0x03), (8_540, 8_680), _BOTH),
    _rule("VD to 04", _VD_FALL, window_opens(_BODY, 0x04), (10_060, 10_220), _BOTH),
    _rule("05 to 06", window_closes(_LENS, 0x05), window_opens(_LENS, 0x06), (470, 620), _SIG),
)
