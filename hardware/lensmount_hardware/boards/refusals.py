"""What a board refuses, and why, in one line."""

from collections.abc import Sequence

from lensmount_hardware.boards.meanings import meaning
from lensmount_hardware.boards.protocol import NAMES
from lensmount_hardware.boards.reports import Refused
from lensmount_hardware.boards.words import VERSION, ErrorCode
from lensmount_protocol.errors import BoardError


def other_version(version: int) -> BoardError:
    """The error of a board whose protocol has another version."""
    return BoardError(
        f"the board's firmware speaks version {version} of the protocol, we speak {VERSION}; "
        "put the firmware of this package on it: lensmount board flash"
    )


def explain(refused: Refused) -> None:
    """Raise what ends the session.

    Raises:
        BoardError: other firmware, another host, or a board that does not know us any more.
    """
    if refused.code == ErrorCode.VERSION:
        raise other_version(refused.detail)
    if refused.code == ErrorCode.BUSY:
        raise BoardError("another host has the board; close the program that holds it, or take it over")
    if refused.code == ErrorCode.NOT_GREETED:
        raise BoardError("the board does not know us any more: it was restarted or unplugged")


def refusal(refused: Refused, names: Sequence[str] = ()) -> str:
    """A refusal in one line; `names` are those of the map's lines."""
    what = NAMES.get(refused.of_type, f"message {refused.of_type:#04x}")
    code = next((code for code in ErrorCode if code == refused.code), None)
    if code is None:
        return f"the board refuses {what}: error {refused.code}, detail {refused.detail}"
    why, _, detail = meaning(code).partition("; detail: ")
    if detail == "0":
        return f"the board refuses {what}: {why}"
    if "line" in detail and refused.detail < len(names):
        return f"the board refuses {what}: {why}; it is {names[refused.detail]}"
    return f"the board refuses {what}: {why}; {detail}: {refused.detail}"
