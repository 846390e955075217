"""The E-mount's contacts by their published names, and how bytes travel on them.

Sources: sigrok-dumps README of the Sony E-mount captures (names, directions); idle levels and rates read off the
captures themselves (protocol/spec/emount.md, physical layer).
"""

from lensmount_protocol.wire import Role, SerialLine, Wiring

VD = "VD"
VCC = "VCC"
LENS_CS = "LENS_CS"
BODY_CS = "BODY_CS"
RXD = "RXD"
TXD = "TXD"
XDETECT = "XDETECT"
LENS_POWER = "LENS_POWER"

SLOW_BAUDRATE = 750_000
FAST_BAUDRATE = 1_500_000

WIRING = Wiring(
    serial=(SerialLine(RXD, Role.LENS, LENS_CS), SerialLine(TXD, Role.BODY, BODY_CS)),
    baudrates=(SLOW_BAUDRATE, FAST_BAUDRATE),
    # F0 is a start bit and four zero bits, least significant first.
    start_low_bits=5,
    lines=(VD, VCC, LENS_CS, RXD, TXD, BODY_CS, XDETECT, LENS_POWER),
)

DRIVERS = {
    VD: Role.BODY,
    VCC: Role.BODY,
    LENS_POWER: Role.BODY,
    BODY_CS: Role.BODY,
    TXD: Role.BODY,
    LENS_CS: Role.LENS,
    RXD: Role.LENS,
    XDETECT: Role.LENS,
}

LINE_FALLBACKS = {
    "BODY_CS": "no handshake and no speed switch; a frame ends by its length field",
    "LENS_CS": "the lens's frames end by their length field",
    "VD": "no frame sync; the lens answers each `04` with its next pair",
    "VCC": "the supply is assumed to be on",
    "XDETECT": "a lens is assumed to be present; a body repeats its request until one answers",
}
"""Behaviour of an end on a port that does not carry the line."""
