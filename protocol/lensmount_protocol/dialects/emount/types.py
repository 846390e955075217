"""The E-mount's enumerations; values without a name survive."""

from lensmount_protocol.enums import OpenIntEnum


class FocusMode(OpenIntEnum):
    """`04` f3: the end that moves the focus."""

    MANUAL = 0x81
    BODY_DRIVES = 0x83


class FocusSwitch(OpenIntEnum):
    """`05` f62: the lens's AF/MF switch."""

    AF = 1
    MF = 3


class MountKind(OpenIntEnum):
    """`07` f0: what sits on the mount."""

    NATIVE = 1
    ADAPTER = 2


class RefusalCode(OpenIntEnum):
    """`02` f2: why a lens refuses."""

    BAD_END = 1
    BAD_START = 2
    BAD_CHECKSUM = 3
    UNKNOWN_MESSAGE = 4
