"""The transition table of the open model's link, for both ends."""

from lensmount_protocol.dialect import TransitionTable
from lensmount_protocol.dialects.lmount.firmware_update import (
    UpdateActivate,
    UpdateBlock,
    UpdateOffer,
    UpdateRollback,
    UpdateState,
)
from lensmount_protocol.dialects.lmount.framing import CYCLE, EVENT, LINK, ORDER
from lensmount_protocol.dialects.lmount.link import (
    BodyHello,
    CommandDone,
    CommandRejected,
    LensHello,
    SetBaudrateCommand,
    Sleep,
)
from lensmount_protocol.dialects.lmount.types import Outcome
from lensmount_protocol.payload import AnyMessage, message_type
from lensmount_protocol.wire import Role

OFF = "OFF"
POWERED = "POWERED"
GREETED = "GREETED"
READY = "READY"
ASKED = "ASKED"
SWITCHING = "SWITCHING"
UPDATING = "UPDATING"
ASLEEP = "ASLEEP"

_LOST = {"power lost": OFF}
_EVENTS = {"lens cycle": READY, "body cycle": READY, "event": READY}
_ASKED_EVENTS = dict.fromkeys(_EVENTS, ASKED)

TRANSITIONS = TransitionTable(
    initial=OFF,
    moves={
        OFF: {"power": POWERED},
        POWERED: {"body hello": GREETED, "refusal": POWERED, "update refused": POWERED, **_LOST},
        # A body may repeat its hello without an answer, or during a session: earlier replies still arrive.
        # A lens in recovery answers with the state of its update.
        GREETED: {
            "body hello": GREETED,
            "lens hello": READY,
            "refusal": GREETED,
            "update refused": GREETED,
            "answer": GREETED,
            "rate accepted": GREETED,
            "sleep accepted": GREETED,
            "lens cycle": GREETED,
            "event": GREETED,
            "update state": UPDATING,
            "update over": GREETED,
            **_LOST,
        },
        READY: {
            "order": ASKED,
            # Only the acceptance moves the link on: a refused order changes nothing.
            "rate order": ASKED,
            "sleep": ASKED,
            "update": UPDATING,
            "answer": READY,
            "rate accepted": SWITCHING,
            "sleep accepted": ASLEEP,
            "refusal": READY,
            "update refused": READY,
            # An order that was sent twice is answered twice.
            "update state": READY,
            "update over": READY,
            "lens hello": READY,
            "body hello": GREETED,
            **_EVENTS,
            **_LOST,
        },
        # Orders overlap: each is answered by its own number.
        ASKED: {
            "order": ASKED,
            "rate order": ASKED,
            "sleep": ASKED,
            "update": UPDATING,
            "answer": READY,
            "rate accepted": SWITCHING,
            "sleep accepted": ASLEEP,
            "refusal": READY,
            "update refused": READY,
            "update state": ASKED,
            "update over": ASKED,
            "lens hello": ASKED,
            "body hello": GREETED,
            **_ASKED_EVENTS,
            **_LOST,
        },
        # What was under way when the rate was accepted still arrives at the old one.
        SWITCHING: {
            "rate order": SWITCHING,
            "answer": SWITCHING,
            "rate accepted": SWITCHING,
            "sleep accepted": ASLEEP,
            "refusal": SWITCHING,
            "update refused": SWITCHING,
            "update state": SWITCHING,
            "update over": SWITCHING,
            "lens cycle": SWITCHING,
            "body cycle": SWITCHING,
            "event": SWITCHING,
            "switched": READY,
            "body hello": GREETED,
            **_LOST,
        },
        UPDATING: {
            "update": UPDATING,
            "update state": UPDATING,
            "answer": UPDATING,
            "rate accepted": SWITCHING,
            "sleep accepted": ASLEEP,
            "refusal": UPDATING,
            # A lens that did not agree on the feature: no update is under way.
            "update refused": READY,
            "event": UPDATING,
            "lens cycle": UPDATING,
            "body cycle": UPDATING,
            "update over": READY,
            "body hello": GREETED,
            **_LOST,
        },
        ASLEEP: {
            "sleep": ASLEEP,
            "answer": ASLEEP,
            "rate accepted": ASLEEP,
            "sleep accepted": ASLEEP,
            # A sleeping lens refuses every order, and sleeps on.
            "refusal": ASLEEP,
            "update refused": ASLEEP,
            "update state": ASLEEP,
            "update over": ASLEEP,
            "lens cycle": ASLEEP,
            "event": ASLEEP,
            "wake": READY,
            "body hello": GREETED,
            **_LOST,
        },
    },
    triggered_by={
        "power": Role.BODY,
        "power lost": None,
        "body hello": Role.BODY,
        "lens hello": Role.LENS,
        "order": Role.BODY,
        "rate order": Role.BODY,
        "sleep": Role.BODY,
        "update": Role.BODY,
        "wake": Role.BODY,
        "switched": None,
        "body cycle": Role.BODY,
        "answer": Role.LENS,
        "rate accepted": Role.LENS,
        "sleep accepted": Role.LENS,
        "refusal": Role.LENS,
        "update refused": Role.LENS,
        "lens cycle": Role.LENS,
        "event": Role.LENS,
        "update state": Role.LENS,
        "update over": Role.LENS,
    },
)

_FIRST: dict[type[object], str] = {
    BodyHello: "body hello",
    LensHello: "lens hello",
    SetBaudrateCommand: "rate order",
    Sleep: "sleep",
    CommandRejected: "refusal",
    UpdateOffer: "update",
    UpdateBlock: "update",
    UpdateActivate: "update",
    UpdateRollback: "update",
}
_UPDATE_ORDERS = frozenset(cls.TYPE for cls in (UpdateOffer, UpdateBlock, UpdateActivate, UpdateRollback))
_ACCEPTED = {(SetBaudrateCommand.TYPE, Outcome.ACCEPTED): "rate accepted", (Sleep.TYPE, Outcome.DONE): "sleep accepted"}
"""Type of an order and its outcome -> the trigger that the answer is, where it moves the link on."""
_FINAL_STAGES = frozenset({0, 3, 4, 6})
"""Stages after which a lens is as any other again: idle, active, rolled back, refused."""


def trigger_for(sender: Role, class_: int, first: AnyMessage) -> str:
    """The transition that a frame causes."""
    # A message of the frame cycle or an event is never answered, so it is no order, whatever its type.
    if class_ == CYCLE or (class_ == EVENT and sender is Role.BODY):
        return f"{sender.value} cycle"
    if class_ == EVENT:
        return "event"
    if isinstance(first, UpdateState):
        return "update over" if int(first.stage) in _FINAL_STAGES else "update state"
    # In the frame cycle or in an event it is received, and changes nothing.
    known = _FIRST.get(type(first)) if class_ in (LINK, ORDER) else None
    if isinstance(first, CommandRejected) and known is not None and first.order in _UPDATE_ORDERS:
        return "update refused"
    if isinstance(first, CommandDone) and class_ in (LINK, ORDER):
        return _ACCEPTED.get((first.order, first.outcome), "answer")
    if known is not None:
        return known
    # An unknown message counts as an order from the body (the lens refuses it), or an answer from the lens (ignored).
    return "order" if sender is Role.BODY and message_type(first) >= 0 else "answer"
