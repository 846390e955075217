"""The contacts of the open model: ten, as public sources count them; the use of each is our own choice."""

from lensmount_protocol.wire import Role, SerialLine, Wiring

DETECT = "DETECT"
V_LOGIC = "V_LOGIC"
V_DRIVE = "V_DRIVE"
FSYNC = "FSYNC"
BODY_ATT = "BODY_ATT"
LENS_ATT = "LENS_ATT"
TXD = "TXD"
RXD = "RXD"

FIRST_BAUDRATE = 115_200
BAUDRATES = (FIRST_BAUDRATE, 750_000, 1_500_000)

WIRING = Wiring(
    serial=(SerialLine(RXD, Role.LENS, LENS_ATT), SerialLine(TXD, Role.BODY, BODY_ATT)),
    baudrates=BAUDRATES,
    # E0 is a start bit and five zero bits, least significant first.
    start_low_bits=6,
    lines=(DETECT, V_LOGIC, V_DRIVE, FSYNC, BODY_ATT, LENS_ATT, TXD, RXD),
)

DRIVERS = {
    DETECT: Role.LENS,
    V_LOGIC: Role.BODY,
    V_DRIVE: Role.BODY,
    FSYNC: Role.BODY,
    BODY_ATT: Role.BODY,
    LENS_ATT: Role.LENS,
    TXD: Role.BODY,
    RXD: Role.LENS,
}

LINE_FALLBACKS = {
    "BODY_ATT": "a frame ends by its length field; a hello wakes a sleeping lens",
    "LENS_ATT": "the lens's frames end by their length field; a body sends its hello until one answers",
    "FSYNC": "no frame signal; the lens reports after each `FrameStart`",
    "V_LOGIC": "the supply is assumed to be on",
    "V_DRIVE": "drive power is assumed to be on after its grant",
    "DETECT": "a lens is assumed to be present; a body repeats its request until one answers",
}
"""Behaviour of an end on a port that does not carry the line."""
