"""The planted defects: the number that selects each in the example, its class, and what it does."""

from typing import NamedTuple


class Bug(NamedTuple):
    number: int
    kind: str
    text: str


LMOUNT_LENS = (
    Bug(1, "overflow", "a stream order with a repeated type writes behind the list"),
    Bug(2, "overflow", "a payload above 512 bytes is copied to a buffer of 512"),
    Bug(3, "stale state", "focus limits stay behind a power cycle"),
    Bug(6, "missed timeout", "no return to the first rate after a second of silence"),
    Bug(7, "race", "one frame in sixteen begins with its attention line"),
    Bug(8, "wrap", "the frame counter jumps from 199 to 0"),
    Bug(9, "race", "with both motors at work the line falls a byte too early"),
    Bug(10, "arithmetic", "a velocity of 0 divides by zero"),
    Bug(11, "wrong order", "a drive without a distance ends before its acceptance"),
    Bug(12, "stale state", "reports go on in sleep"),
    Bug(13, "overflow", "a grant below the least current reads behind a table"),
    Bug(14, "missing check", "focus drives without drive power"),
    Bug(15, "arithmetic", "a relative drive counts its start twice"),
    Bug(16, "wrong order", "a replaced focus drive gets no end"),
    Bug(17, "missing check", "the aperture is not kept within the blades' range"),
    Bug(18, "overflow", "an unknown correction reads behind a table"),
    Bug(19, "missing check", "orders are executed in sleep"),
    Bug(20, "wrap", "each 256th order gets no answer"),
    Bug(21, "rare combination", "a crop notice while both motors move gets no answer"),
    Bug(22, "stale state", "a hello does not end the reports"),
    Bug(23, "missed timeout", "reports that are late are sent all the same"),
    Bug(24, "missing check", "messages of the loop are executed as orders"),
    Bug(25, "endless loop", "an empty message is never left behind"),
    Bug(26, "missing check", "the checksum of one frame in 256 is not checked"),
    Bug(27, "framing", "a failed candidate takes a good frame along"),
    Bug(28, "electrical", "a lens that loses power while it sends keeps a line high"),
    Bug(29, "framing", "a part of a frame survives its window while the lens sends"),
)
