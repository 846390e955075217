"""Wishes of a profile's body: what the photographer and the camera's own control set, frame by frame of the loop."""

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from lensmount_emulator.engine.profile_values import MessageFields, build_message, check_between, field_values
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.dialect import EMOUNT
from lensmount_protocol.errors import FrameError, ProfileError, unknown_name_message
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role

MAX_WISHES = 1000
CAMERA_FLAGS: dict[type[Message], tuple[str, ...]] = {
    BodyState: ("mode", "unknown_15", "start_flag"),
    BodyMode: ("state", "focus_activity"),
}
"""Fields that a camera changes by itself, at places that no frame of either end announces (SIG, LEX: six sessions)."""

CAMERA_MESSAGES: dict[str, type[Message]] = {cls.__name__: cls for cls in (BodyState, BodyMode)}
MAX_FRAME = 1_000_000


class Wish(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a body sets from one frame of its loop on.

    Attributes:
        frame: number of the frame, from 0.
        aperture: the aperture code; `None` keeps it.
        fields: message -> fields of `03` or `04` that the camera's own control sets, such as the exposure.
        orders: focus messages that the frame's `04` carries, each in hexadecimal from its type byte on.
    """

    frame: int
    aperture: int | None = None
    fields: dict[str, MessageFields] = {}
    orders: list[str] = []


def check_wishes(wishes: Sequence[Wish]) -> None:
    """Check the wishes of a profile.

    Raises:
        ProfileError: a number out of its range, or an order that is no message of a body.
    """
    check_between("the number of wishes", len(wishes), 0, MAX_WISHES)
    for number, wish in enumerate(wishes):
        check_between(f"wishes[{number}].frame", wish.frame, 0, MAX_FRAME)
        if wish.aperture is not None:
            check_between(f"wishes[{number}].aperture", wish.aperture, 0, 0xFFFF)
        for name in wish.fields:
            if name not in CAMERA_MESSAGES:
                raise ProfileError(f"wishes[{number}].{unknown_name_message('message', name, CAMERA_MESSAGES)}")
        camera_fields(wish)
        for text in wish.orders:
            try:
                parse_order(text)
            except (ValueError, FrameError) as error:
                raise ProfileError(f"wishes[{number}].orders: {text!r} is no message of a body: {error}") from None


def parse_order(text: str) -> Message:
    """Parse one order.

    Raises:
        ValueError: it is not hexadecimal, or its type is unknown.
        FrameError: its bytes do not fit the message.
    """
    data = bytes.fromhex(text)
    cls = EMOUNT.messages.get((Role.BODY, data[0])) if data else None
    if cls is None or cls is BodyState:
        raise ValueError("unknown type")
    return cls.parse(data)


def camera_fields(wish: Wish) -> dict[type[Message], dict[str, Any]]:
    """The fields of a wish, with the values that the messages take.

    Raises:
        ProfileError: a field that the message lacks, or a value that does not fit it.
    """
    for name, fields in wish.fields.items():
        build_message(CAMERA_MESSAGES[name], fields)
    return {CAMERA_MESSAGES[name]: field_values(CAMERA_MESSAGES[name], fields) for name, fields in wish.fields.items()}


def parse_orders(wish: Wish) -> Iterator[Message]:
    """Yield the messages of a wish."""
    return (parse_order(text) for text in wish.orders)
