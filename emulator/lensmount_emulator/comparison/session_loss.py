"""Finds where a replay lost the session of its capture: the engine did not join, or it stopped following, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from lensmount_emulator.engine.observer import Notice
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage
from lensmount_protocol.describe import message_name
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class SessionLoss:
    """The place after which an engine answered no frame of the capture.

    Attributes:
        joined: whether it answered any frame before.
        frame: number of the first frame without an answer among all frames of the capture, from 1.
        total: frames of the capture.
        at: its time in the replay, in seconds.
        what: the frame, as text.
        unanswered: frames of the device from there to the end.
        reason: the reason, as far as the capture or the engine shows it.
    """

    joined: bool
    frame: int
    total: int
    at: float | None
    what: str
    unanswered: int
    reason: str

    def text(self) -> str:
        """The place and the reason, in one line."""
        time = "" if self.at is None else f", {self.at * 1e3:.3f} ms of the replay"
        how = "stopped following" if self.joined else "could not join the session"
        return (
            f"{how} at frame {self.frame} of {self.total}{time}: {self.what} was not sent, and none of the "
            f"{self.unanswered} frames from there on; {self.reason}"
        )

    def as_dict(self) -> dict[str, Any]:
        """The loss as JSON data."""
        return {
            "joined": self.joined,
            "frame": self.frame,
            "frames": self.total,
            "t_us": None if self.at is None else round(self.at * 1e6, 3),
            "message": self.what,
            "unanswered": self.unanswered,
            "reason": self.reason,
        }


def find_loss(
    captured: Sequence[Decoded],
    pairs: Sequence[tuple[DecodedFrame, DecodedFrame | None]],
    request_class: int,
    notices: Sequence[Notice] = (),
) -> SessionLoss | None:
    """Find where the engine stopped answering for good; `None` if the last frame of the device has an answer.

    Args:
        captured: the capture, decoded.
        pairs: each frame of the device with the engine's own, in order.
        request_class: class of frames that are a request and its reply.
        notices: what the engine reported.
    """
    answered = [index for index, (_, mine) in enumerate(pairs) if mine is not None]
    first = answered[-1] + 1 if answered else 0
    if first >= len(pairs):
        return None
    frames = [event for event in captured if isinstance(event, DecodedFrame)]
    missed = pairs[first][0]
    place = next(index for index, frame in enumerate(frames) if frame is missed)
    return SessionLoss(
        joined=bool(answered),
        frame=place + 1,
        total=len(frames),
        at=missed.at,
        what=_describe_frame(missed),
        unanswered=len(pairs) - first,
        reason=_reason(captured, frames, place, request_class, notices, joined=bool(answered)),
    )


def _reason(
    captured: Sequence[Decoded],
    frames: Sequence[DecodedFrame],
    place: int,
    request_class: int,
    notices: Sequence[Notice],
    *,
    joined: bool,
) -> str:
    opening = frames[0]
    if not joined and opening.frame.class_ != request_class:
        return (
            f"the capture begins in mid-session, with {_describe_frame(opening)} of the {opening.sender.value} instead "
            "of a request, and this engine starts only from the supply"
        )
    at = frames[place].at
    missing = _missing_frame(frames, place, request_class)
    if missing:
        return missing
    before = frames[place - 1].at if place else None
    garbage = [
        event
        for event in captured
        if isinstance(event, DecodedGarbage) and event.at is not None and (before or 0.0) <= event.at <= (at or 0.0)
    ]
    if garbage:
        return f"the capture has {sum(len(event.data) for event in garbage)} bytes in no frame right before"
    trouble = next((notice for notice in notices if notice.is_error), None)
    if trouble is not None:
        return f"the engine reports at {trouble.at * 1e3:.3f} ms: {trouble.text}"
    return "the capture shows no reason; the engine does not do what the device did here"


def _missing_frame(frames: Sequence[DecodedFrame], place: int, request_class: int) -> str:
    """The first frame that the capture lacks, up to one exchange after the place: requests and replies alternate."""
    turns = [(index, frame) for index, frame in enumerate(frames) if frame.frame.class_ == request_class]
    for (_, before), (index, frame) in pairwise(turns):
        if index > place + 2:
            break
        if before.sender is frame.sender:
            lacks = "request of the body" if frame.sender is Role.LENS else "reply of the lens"
            ends = f"frame {index + 1}, {_describe_frame(frame)} of the {frame.sender.value}"
            return f"the capture lacks the {lacks} before {ends}"
    return ""


def _describe_frame(frame: DecodedFrame) -> str:
    return "+".join(f"{message_type(message):02X} {message_name(message)}" for message in frame.messages)
