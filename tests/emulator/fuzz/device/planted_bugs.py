"""Small bugs planted into our engines, as a device may have them: it crashes or hangs, and wants its power taken.

Each is a question that is asked of what the engine hears; the engine itself is the real one.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lensmount_emulator.engine.engine import Engine
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame, Garbage, GarbageReason
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Received, WireEvent


@dataclass(slots=True)
class Heard:
    """What a buggy device goes by.

    Attributes:
        state: of its link.
        frame: the frame that has come; `None` where it is garbage.
        garbage: the bytes that are no frame, likewise.
        before: frames that came before, the latest last.
    """

    state: str
    frame: Frame | None = None
    garbage: Garbage | None = None
    before: deque[Frame] = field(default_factory=lambda: deque[Frame](maxlen=4))

    def said(self, name: str) -> Any:
        """The message of this name in the frame; `None` where there is none."""
        if self.frame is None:
            return None
        return next((one for one in self.frame.messages if type(one).__name__ == name), None)

    def field(self, name: str, of: str, default: int = 0) -> int:
        """What a field of a message says; the default where there is no such message."""
        message = self.said(name)
        return default if message is None else int(getattr(message, of))


Bug = Callable[[Heard], bool]


def _same_again(heard: Heard) -> bool:
    names = {"FocusDrive", "ApertureDrive", "ImageCircleSelect", "FocusLimits", "RingBehaviour"}
    frame = heard.frame
    if frame is None or not heard.before or heard.before[-1].raw != frame.raw:
        return False
    return any(type(message).__name__ in names for message in frame.messages)


def _long_tail(heard: Heard) -> bool:
    if heard.frame is None:
        return False
    return any(isinstance(one, Message) and len(getattr(one, "tail", b"")) >= 8 for one in heard.frame.messages)


def _moves_behind_a_stream_order(heard: Heard) -> bool:
    """In the state that an order of the stream leaves a lens in for a while."""
    moves = ("FocusDrive", "ApertureDrive", "ZoomDrive", "StabiliserCommand")
    ordered = any(type(one).__name__ == "StreamConfig" for frame in heard.before for one in frame.messages)
    return ordered and any(heard.said(name) is not None for name in moves)


def _is(reason: GarbageReason, size: int = 0) -> Bug:
    return lambda heard: (
        heard.garbage is not None and heard.garbage.reason is reason and len(heard.garbage.data) >= size
    )


LMOUNT_LENS: Mapping[str, Bug] = {
    "crash: a payload of more than 100 bytes": lambda heard: heard.frame is not None and len(heard.frame.payload) > 100,
    "crash: the number 0xff on the link": lambda heard: (
        heard.frame is not None and heard.frame.class_ == 1 and heard.frame.sequence == 0xFF
    ),
    "crash: a focus beyond 32767": lambda heard: abs(heard.field("FocusDrive", "value")) > 0x7FFF,
    "crash: a mode of the aperture that nobody knows": lambda heard: heard.field("ApertureDrive", "mode") > 4,
    "crash: a ring that nobody knows": lambda heard: heard.field("RingBehaviour", "ring", 1) not in (0, 1, 2, 3, 4),
    "crash: more than the whole stabilisation": lambda heard: heard.field("StabiliserCommand", "share_permille") > 1000,
    "crash: something moves behind an order of the stream": _moves_behind_a_stream_order,
    "crash: the same order twice in a row": _same_again,
    "crash: a wrong checksum": _is(GarbageReason.CHECKSUM),
    "crash: noise of 40 bytes": _is(GarbageReason.NO_START, 40),
    "hang: a length out of range": _is(GarbageReason.LENGTH),
    "hang: eight bytes behind a message": _long_tail,
}
"""Ten crashes and two hangs of a lens of the open model."""

EMOUNT_LENS: Mapping[str, Bug] = {
    "crash: a payload of more than 100 bytes": LMOUNT_LENS["crash: a payload of more than 100 bytes"],
    "crash: an operand of the focus beyond 0xefff": lambda heard: heard.field("FocusMove", "operand") > 0xEFFF,
    "hang: a wrong checksum": _is(GarbageReason.CHECKSUM),
}

LMOUNT_BODY: Mapping[str, Bug] = {
    "crash: news of more than 60 bytes": lambda heard: (
        heard.frame is not None and heard.frame.class_ in (1, 4) and len(heard.frame.payload) > 60
    ),
    "hang: a wrong checksum": _is(GarbageReason.CHECKSUM),
}

PLANTS: Mapping[tuple[str, str], Mapping[str, Bug]] = {
    ("lmount", "lens"): LMOUNT_LENS,
    ("emount", "lens"): EMOUNT_LENS,
    ("lmount", "body"): LMOUNT_BODY,
}


def plant(engine: Engine, bugs: Mapping[str, Bug], trip: Callable[[str], None]) -> Engine:
    """Have an engine ask its bugs before it listens; `trip` is told which has struck; what follows is not heard."""
    reader = FrameParser(engine.dialect, engine.role.peer, engine.dialect.payload_parser())
    heard = Heard(engine.connection.state)
    listen = engine.receive
    dead = False

    def receive(event: WireEvent, now: float) -> None:
        nonlocal dead
        if dead:
            return
        if isinstance(event, Received):
            heard.state = engine.connection.state
            for found in reader.receive(event.data):
                heard.frame = found if isinstance(found, Frame) else None
                heard.garbage = found if isinstance(found, Garbage) else None
                name = next((name for name, bug in bugs.items() if bug(heard)), "")
                if name:
                    dead = True
                    engine.stop_tasks()
                    trip(name)
                    return
                if heard.frame is not None:
                    heard.before.append(heard.frame)
        listen(event, now)

    engine.receive = receive  # type: ignore[method-assign]
    return engine
