"""The link of the Micro Four Thirds mount: the contacts as its documents name them, the clock, and the timing contract.

The order of the pins is open, and no document names a line that shows an attached lens: see protocol/spec/mft.md. The
times are those that the documented programs wait; no capture confirms them.
"""

from lensmount_protocol.dialects.mft.framing import COMMAND_SIZE, DATA_LENGTHS, LENGTH_SIZE, TransactionSplitter
from lensmount_protocol.dialects.mft.messages import StandbyRequest
from lensmount_protocol.message import Evidence, EvidenceLevel
from lensmount_protocol.timing import TimingRule, edge, first_bit
from lensmount_protocol.wire import AcknowledgeLines, ClockedLink, Role, SerialLine, Wiring

VDD = "VDD"
"""Supply of the lens's processor; it goes down when the lens release is pressed."""
SLEEP = "SLEEP"
"""Low: the lens is asleep."""
BODY_ACK = "BODY_ACK"
LENS_ACK = "LENS_ACK"
"""High: the lens is ready. Low: it works."""
CLK = "CLK"
DATA = "DATA"
"""One line for both directions; the end that sends drives it."""
SHUTTER = "SHUTTER"
"""A pulse of the body in each round."""
FOCUS = "FOCUS"
"""The body toggles it in each round."""
MOUNTED = "MOUNTED"
"""No contact: low while a lens is attached to the virtual mount. How a body notices a lens is not documented."""

BIT_RATE = 500_000
"""Bits a second: "about 500 kHz"."""

BYTE_PAUSE_S = 20e-6
"""Seconds between two bytes of a unit, in which the acknowledge lines pulse: our own model, no document has it."""

UNIT_SIZES = tuple(
    sorted(
        {
            1,
            COMMAND_SIZE,
            *(LENGTH_SIZE + length - 1 for length in DATA_LENGTHS[Role.BODY]),
            *(LENGTH_SIZE + length for length in DATA_LENGTHS[Role.LENS]),
        }
    )
)
"""The documented sizes of a unit, in bytes; a unit of another length is read as well."""

WIRING = Wiring(
    serial=(SerialLine(DATA, Role.BODY), SerialLine(DATA, Role.LENS)),
    baudrates=(BIT_RATE,),
    start_low_bits=0,
    lines=(VDD, SLEEP, BODY_ACK, LENS_ACK, CLK, DATA, SHUTTER, FOCUS, MOUNTED),
    clocked=ClockedLink(
        clock=CLK,
        clocked_by=Role.BODY,
        bit_rate=BIT_RATE,
        # A bit takes 2 us; the pulse of an acknowledge line separates the bytes.
        gap_s=5e-6,
        burst_sizes=UNIT_SIZES,
        msb_first=False,
        acknowledge=AcknowledgeLines(BODY_ACK, LENS_ACK, BYTE_PAUSE_S, TransactionSplitter),
    ),
    aliases={CLK: ("Clock", "SCK", "SCLK"), DATA: ("Data", "SDA"), VDD: ("Vdd",)},
)

DRIVERS = {
    VDD: Role.BODY,
    SLEEP: Role.BODY,
    BODY_ACK: Role.BODY,
    CLK: Role.BODY,
    # Either end drives the data line while it sends; none of them holds a level on it.
    DATA: Role.BODY,
    SHUTTER: Role.BODY,
    FOCUS: Role.BODY,
    LENS_ACK: Role.LENS,
    MOUNTED: Role.LENS,
}

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
