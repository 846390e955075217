"""The open model's timing contract: our own bounds, chosen so that a small microcontroller in a lens can keep them."""

from lensmount_protocol.dialects.lmount.lines import FSYNC, LENS_ATT, V_DRIVE, V_LOGIC
from lensmount_protocol.dialects.lmount.types import OUR_DESIGN
from lensmount_protocol.timing import TimingRule, edge, window_closes, window_opens
from lensmount_protocol.wire import Role

_BODY, _LENS = Role.BODY, Role.LENS

BOOT_US = 150_000.0
"""A lens raises its attention line at the latest this long after its supply, in microseconds."""
ANSWER_US = 10_000.0
"""An order has its answer within this: at 115 200 baud a report that is on its way takes 6 ms."""
SETUP_US = 10.0
"""An attention line is high for at least this before the first bit."""
FASTEST_FRAME_US = 2_083.0
SLOWEST_FRAME_US = 41_667.0
"""480 and 24 frames a second."""

TIMING: tuple[TimingRule, ...] = (
    TimingRule(
        "frame period",
        edge(FSYNC, False),
        edge(FSYNC, False),
        FASTEST_FRAME_US,
        SLOWEST_FRAME_US,
        OUR_DESIGN,
        # The frame signal rests while the lens sleeps, and without power.
        cancelled_by=(window_closes(_BODY, 0x04), edge(V_DRIVE, False), edge(V_LOGIC, False)),
    ),
    TimingRule("lens boot", edge(V_LOGIC, True), edge(LENS_ATT, True), 0.0, BOOT_US, OUR_DESIGN),
    TimingRule("lens hello", window_closes(_BODY, 0x01), window_opens(_LENS, 0x81), 20.0, 20_000.0, OUR_DESIGN),
    TimingRule("identity answered", window_closes(_BODY, 0x08), window_opens(_LENS, 0x88), 20.0, ANSWER_US, OUR_DESIGN),
    TimingRule(
        "abilities answered", window_closes(_BODY, 0x09), window_opens(_LENS, 0x89), 20.0, ANSWER_US, OUR_DESIGN
    ),
    TimingRule("metadata answered", window_closes(_BODY, 0x0B), window_opens(_LENS, 0x8B), 20.0, ANSWER_US, OUR_DESIGN),
    TimingRule("lens cycle", edge(FSYNC, False), window_opens(_LENS, f"class {2}"), 20.0, 1_500.0, OUR_DESIGN),
    TimingRule(
        "correction answered", window_closes(_BODY, 0x40), window_opens(_LENS, 0xC0), 20.0, 20_000.0, OUR_DESIGN
    ),
)
