"""What the open model's messages share: their evidence, and enumerations in which values without a name survive.

No value here is Leica's, Panasonic's or Sigma's: public sources show *that* something crosses the contacts, never how.
"""

from lensmount_protocol.message import Evidence, EvidenceLevel, OpenIntEnum

SOURCES = {
    "ITEMS": "lensmount protocol/spec/lmount.md, section 2: what must cross the contacts, with its public sources",
    "OWN": "lensmount's own design, protocol/spec/lmount.md",
}


def evidence_items(*numbers: int) -> Evidence:
    """A message that carries these items: that they cross the contacts is public or follows; its form is our own."""
    return Evidence(EvidenceLevel.MODELLED, f"ITEMS {', '.join(map(str, numbers))}")


OUR_DESIGN = Evidence(EvidenceLevel.MODELLED, "OWN")


class PowerClass(OpenIntEnum):
    """Limit of a lens's current; a body grants the requested class or a lower one."""

    NONE = 0
    LOW = 1
    NORMAL = 2
    HIGH = 3
    EXTREME = 4


class ImageCircle(OpenIntEnum):
    """Image circle of a lens."""

    APS_C = 1
    FULL_FRAME = 2


class RejectionCode(OpenIntEnum):
    """Reason of a refusal."""

    UNKNOWN_MESSAGE = 1
    NOT_ABLE = 2
    OUT_OF_RANGE = 3
    NOT_NOW = 4
    NO_POWER = 5
    BLOCKED = 6
    DAMAGED = 7
    NOT_AGREED = 8


class Outcome(OpenIntEnum):
    """Outcome of an order."""

    ACCEPTED = 0
    DONE = 1
    STOPPED = 2
    REPLACED = 3


class FocusCommand(OpenIntEnum):
    """Kind of a focus drive."""

    STOP = 0
    ABSOLUTE = 1
    RELATIVE = 2
    VELOCITY = 3
    NEAR_END = 4
    FAR_END = 5
    HOME = 6


class ApertureMode(OpenIntEnum):
    """Movement of the diaphragm to its target."""

    QUICK = 0
    SMOOTH = 1
    STOP_DOWN = 2
    PREVIEW = 3
    OPEN = 4


class RingKind(OpenIntEnum):
    """Which ring."""

    FOCUS = 1
    APERTURE = 2
    ZOOM = 3
    CONTROL = 4


class StabiliserMode(OpenIntEnum):
    """Mode of the stabiliser."""

    OFF = 0
    NORMAL = 1
    PANNING = 2
    VIDEO = 3


class CorrectionKind(OpenIntEnum):
    """Kind of a correction table."""

    DISTORTION = 1
    LATERAL_COLOUR = 2
    VIGNETTING = 3
    BREATHING = 4


class ControlKind(OpenIntEnum):
    """A button or switch of a lens."""

    AFL_BUTTON = 1
    FOCUS_SWITCH = 2
    STABILISER_SWITCH = 3
    LIMITER_SWITCH = 4
    CLICK_SWITCH = 5
    RING_LOCK = 6


class AccessoryKind(OpenIntEnum):
    """Kind of an accessory between lens and body."""

    TELECONVERTER = 1
    EXTENSION_TUBE = 2
    MOUNT_ADAPTER = 3


class UpdateStage(OpenIntEnum):
    """State of a firmware update."""

    IDLE = 0
    RECEIVING = 1
    VERIFIED = 2
    ACTIVE = 3
    ROLLED_BACK = 4
    RECOVERY = 5
    REFUSED = 6


class ExposurePhase(OpenIntEnum):
    """Phase of an exposure."""

    ANNOUNCED = 0
    BEGINS = 1
    ENDS = 2


class FocusFlag(OpenIntEnum):
    """Bits of a focus state."""

    MOVING = 1
    REACHED = 2
    NEAR_END = 4
    FAR_END = 8
    CANNOT = 16
    HOMING = 32
    RELIABLE = 64
    RING = 128


class Feature(OpenIntEnum):
    """Bits of the features in a hello."""

    SYNCHRONISED_FOCUS = 0
    SHARED_STABILISATION = 1
    CORRECTIONS = 2
    BREATHING = 3
    DEFOCUS = 4
    UPDATE = 5
    PAGES = 6


class Part(OpenIntEnum):
    """Bits of the parts of a lens."""

    DIAPHRAGM = 0
    FOCUS_DRIVE = 1
    FOCUS_RING = 2
    APERTURE_RING = 3
    POWERED_ZOOM = 4
    FOCUS_LIMITER = 5
    CLICK_SWITCH = 6
    AFL_BUTTON = 7
    STABILISER = 8
    LINEAR_RING = 9


POWER_LIMITS_MA = {
    PowerClass.NONE: 0,
    PowerClass.LOW: 200,
    PowerClass.NORMAL: 500,
    PowerClass.HIGH: 900,
    PowerClass.EXTREME: 1500,
}
"""The most that a class may draw; modelled, for no figure is public."""
