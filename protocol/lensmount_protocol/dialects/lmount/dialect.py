"""The dialect `lmount`: an open model built from public evidence, and not the L-Mount protocol."""

from lensmount_protocol.dialect import Dialect
from lensmount_protocol.dialects.lmount.evidence import SOURCES
from lensmount_protocol.dialects.lmount.framing import FORMATS, ORDER, build_frame, message_end
from lensmount_protocol.dialects.lmount.lines import DETECT, DRIVERS, FSYNC, LINE_FALLBACKS, V_DRIVE, V_LOGIC, WIRING
from lensmount_protocol.dialects.lmount.link import Done, RateOrder, Refusal
from lensmount_protocol.dialects.lmount.messages import MESSAGES
from lensmount_protocol.dialects.lmount.timing import TIMING
from lensmount_protocol.dialects.lmount.transitions import TRANSITIONS, trigger
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.paving import AnyMessage, message_table
from lensmount_protocol.rates import RateWord
from lensmount_protocol.wire import Role

NOTICE = (
    "An open model of our own, designed from public facts. The protocol of the L-Mount is licensed and unpublished: "
    "this is not it, and no byte of it is Leica's, Panasonic's or Sigma's."
)


def _rate_words(_sender: Role, class_: int, message: AnyMessage) -> RateWord | None:
    """An order, and its answer by the order's own number; nothing is ordered in a frame of another class."""
    if class_ != ORDER:
        return None
    if isinstance(message, RateOrder):
        return RateWord(message.number, message.baudrate)
    if isinstance(message, Done | Refusal) and message.order == RateOrder.TYPE:
        return RateWord(message.number, accepts=isinstance(message, Done) and message.outcome == Outcome.ACCEPTED)
    return None


LMOUNT = Dialect(
    name="lmount",
    title="Open model of an L-Mount link, designed from public evidence",
    notice=NOTICE,
    sources=SOURCES,
    wiring=WIRING,
    drivers=DRIVERS,
    messages=message_table(MESSAGES),
    formats=FORMATS,
    build_frame=build_frame,
    transitions=TRANSITIONS,
    trigger=trigger,
    timing=TIMING,
    # Five bytes at the slowest rate take 434 µs; a sender that rests longer than this inside a frame has lost it.
    silence=2e-3,
    supply=V_LOGIC,
    detect=DETECT,
    settles=1e-3,
    # Firmware update can leave a lens dead.
    guarded=frozenset({0x60, 0x61, 0x62, 0x63}),
    ends=message_end,
    routine=frozenset({"48", "48+39", "A0+A8+B0+B8"}),
    rails=(V_DRIVE,),
    sync=FSYNC,
    rate_words=_rate_words,
    rate_changes=1e-3,
    line_fallbacks=LINE_FALLBACKS,
)
