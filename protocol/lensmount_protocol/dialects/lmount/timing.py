"""The open model's timing contract: our own bounds, chosen so that a small microcontroller in a lens can keep them."""

from lensmount_protocol.dialects.lmount.evidence import OWN
from lensmount_protocol.dialects.lmount.lines import FSYNC, LENS_ATT, V_DRIVE, V_LOGIC
from lensmount_protocol.timing import TimingRule, closes, edge, opens
from lensmount_protocol.wire import Role

_BODY, _LENS = Role.BODY, Role.LENS

BOOT_US = 150_000.0
"""A lens has raised its attention line, or lets the body wait, no longer than this behind its supply."""
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
        OWN,
        # The frame signal rests while the lens sleeps, and without power.
        unless=(closes(_BODY, 0x04), edge(V_DRIVE, False), edge(V_LOGIC, False)),
    ),
    TimingRule("lens boot", edge(V_LOGIC, True), edge(LENS_ATT, True), 0.0, BOOT_US, OWN),
    TimingRule("lens hello", closes(_BODY, 0x01), opens(_LENS, 0x81), 20.0, 20_000.0, OWN),
    TimingRule("identity answered", closes(_BODY, 0x08), opens(_LENS, 0x88), 20.0, ANSWER_US, OWN),
    TimingRule("abilities answered", closes(_BODY, 0x09), opens(_LENS, 0x89), 20.0, ANSWER_US, OWN),
    TimingRule("metadata answered", closes(_BODY, 0x0B), opens(_LENS, 0x8B), 20.0, ANSWER_US, OWN),
    TimingRule("lens cycle", edge(FSYNC, False), opens(_LENS, f"class {2}"), 20.0, 1_500.0, OWN),
    TimingRule("correction answered", closes(_BODY, 0x40), opens(_LENS, 0xC0), 20.0, 20_000.0, OWN),
)
