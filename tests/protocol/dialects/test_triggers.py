"""Which transition each frame causes, and which end causes it, in both dialects: message by message, class by class."""

import pytest

from lensmount_protocol.dialect import TransitionTable, load_dialect
from lensmount_protocol.dialects.emount import identification, service, startup_shutdown
from lensmount_protocol.dialects.lmount import firmware_update, link
from lensmount_protocol.dialects.lmount.types import Outcome, UpdateStage
from lensmount_protocol.message import Message, UnknownMessage
from lensmount_protocol.wire import Role

EMOUNT, LMOUNT = load_dialect("emount"), load_dialect("lmount")
BODY, LENS = Role.BODY, Role.LENS

EMOUNT_OWNERS = {
    "power": BODY,
    "wake": BODY,
    "request": BODY,
    "linked": None,
    "switched": None,
    "not switched": None,
    "power lost": None,
    "loop": None,
    "reply": LENS,
    "refusal": LENS,
    "bad frame": LENS,
    "report": LENS,
    "speed accepted": LENS,
    "stream starts": LENS,
    "stream stops": LENS,
    "lens sleeps": LENS,
}
LMOUNT_OWNERS = {
    "power": BODY,
    "power lost": None,
    "switched": None,
    "body hello": BODY,
    "order": BODY,
    "rate order": BODY,
    "sleep": BODY,
    "update": BODY,
    "wake": BODY,
    "body cycle": BODY,
    "lens hello": LENS,
    "answer": LENS,
    "rate accepted": LENS,
    "sleep accepted": LENS,
    "refusal": LENS,
    "update refused": LENS,
    "lens cycle": LENS,
    "event": LENS,
    "update state": LENS,
    "update over": LENS,
}

EMOUNT_SPECIAL = {
    identification.SpeedReply: "speed accepted",
    startup_shutdown.StreamLayoutReply: "stream starts",
    startup_shutdown.ShutDownReply: "lens sleeps",
    service.Refusal: "bad frame",
}
LMOUNT_SPECIAL = {
    link.BodyHello: "body hello",
    link.LensHello: "lens hello",
    link.SetBaudrateCommand: "rate order",
    link.Sleep: "sleep",
    link.CommandRejected: "refusal",
    firmware_update.UpdateOffer: "update",
    firmware_update.UpdateBlock: "update",
    firmware_update.UpdateActivate: "update",
    firmware_update.UpdateRollback: "update",
    firmware_update.UpdateState: "update over",
}
UNKNOWN = UnknownMessage(b"\x7e\x00\x00", "for a test")


@pytest.mark.parametrize(("name", "owners"), [("emount", EMOUNT_OWNERS), ("lmount", LMOUNT_OWNERS)])
def test_each_trigger_has_its_owner(name: str, owners: dict[str, Role | None]) -> None:
    assert load_dialect(name).transitions.triggered_by == owners


@pytest.mark.parametrize("cls", EMOUNT.messages.values(), ids=lambda cls: cls.__name__)
def test_what_an_emount_message_causes_in_each_class(cls: type[Message]) -> None:
    usual = "request" if cls.SENDER is BODY else "reply"
    expected = EMOUNT_SPECIAL.get(cls, usual)
    assert EMOUNT.trigger_for(cls.SENDER, 1, cls()) == (expected if expected == "bad frame" else "loop")
    assert [EMOUNT.trigger_for(cls.SENDER, class_, cls()) for class_ in (2, 3)] == [expected, expected]


@pytest.mark.parametrize(
    ("message", "trigger"),
    [
        (identification.SpeedReply(accepted=1), "speed accepted"),
        (identification.SpeedReply(accepted=3), "speed accepted"),
        (identification.SpeedReply(accepted=2), "reply"),
        (identification.SpeedReply(accepted=0), "reply"),
        (startup_shutdown.StreamLayoutReply(status_blocks=1, focus_blocks=0), "stream starts"),
        (startup_shutdown.StreamLayoutReply(status_blocks=0, focus_blocks=1), "stream starts"),
        (startup_shutdown.StreamLayoutReply(status_blocks=0, focus_blocks=0), "stream stops"),
        (service.Refusal(class_=2, type_=0x26, code=4), "refusal"),
        (service.Refusal(class_=0xFF, type_=0xFF, code=3), "bad frame"),
        (service.ServiceReply40(main=ord("V")), "reply"),
        *((service.ServiceReply40(main=letter), "report") for letter in b"WHL"),
        (UNKNOWN, "reply"),
        (UnknownMessage(b"\x02\x00", "for a test"), "refusal"),
    ],
)
def test_what_a_lens_accepts_or_announces_decides_the_trigger(message: Message, trigger: str) -> None:
    assert EMOUNT.trigger_for(LENS, 2, message) == trigger


def test_a_body_that_sends_type_02_asks_and_refuses_nothing() -> None:
    assert EMOUNT.trigger_for(BODY, 2, UnknownMessage(b"\x02\x00", "for a test")) == "request"


@pytest.mark.parametrize("cls", LMOUNT.messages.values(), ids=lambda cls: cls.__name__)
def test_what_an_lmount_message_causes_in_each_class(cls: type[Message]) -> None:
    usual = "order" if cls.SENDER is BODY else "answer"
    expected = LMOUNT_SPECIAL.get(cls, usual)
    sender = cls.SENDER
    assert LMOUNT.trigger_for(sender, 1, cls()) == LMOUNT.trigger_for(sender, 3, cls()) == expected
    assert LMOUNT.trigger_for(sender, 2, cls()) == ("body cycle" if sender is BODY else "lens cycle")
    assert LMOUNT.trigger_for(sender, 4, cls()) == ("body cycle" if sender is BODY else "event")


@pytest.mark.parametrize(
    ("message", "trigger"),
    [
        (link.CommandDone(order=link.SetBaudrateCommand.TYPE, outcome=Outcome.ACCEPTED), "rate accepted"),
        (link.CommandDone(order=link.SetBaudrateCommand.TYPE, outcome=Outcome.DONE), "answer"),
        (link.CommandDone(order=link.Sleep.TYPE, outcome=Outcome.DONE), "sleep accepted"),
        (link.CommandDone(order=link.Sleep.TYPE, outcome=Outcome.ACCEPTED), "answer"),
        (link.CommandRejected(order=link.SetBaudrateCommand.TYPE), "refusal"),
        (link.CommandRejected(order=link.Sleep.TYPE), "refusal"),
        *((link.CommandRejected(order=type_), "update refused") for type_ in (0x60, 0x61, 0x62, 0x63)),
    ],
)
def test_only_an_acceptance_changes_the_rate_or_ends_in_sleep(message: Message, trigger: str) -> None:
    assert LMOUNT.trigger_for(LENS, 1, message) == LMOUNT.trigger_for(LENS, 3, message) == trigger
    assert LMOUNT.trigger_for(LENS, 2, message) == "lens cycle"


@pytest.mark.parametrize("stage", UpdateStage)
def test_an_update_is_over_when_it_is_idle_active_rolled_back_or_refused(stage: UpdateStage) -> None:
    over = {0: True, 1: False, 2: False, 3: True, 4: True, 5: False, 6: True}
    trigger = LMOUNT.trigger_for(LENS, 3, firmware_update.UpdateState(stage=stage))
    assert trigger == ("update over" if over[int(stage)] else "update state")


def test_what_no_table_knows_is_an_order_from_the_body_and_an_answer_from_the_lens() -> None:
    assert LMOUNT.trigger_for(BODY, 3, UNKNOWN) == "order"
    assert LMOUNT.trigger_for(LENS, 3, UNKNOWN) == "answer"
    assert LMOUNT.trigger_for(BODY, 3, UnknownMessage(b"\x00\x00\x00", "for a test")) == "order"


TABLE = TransitionTable(
    "A", {"A": {"go": "B", "both": "A"}, "B": {"back": "A"}}, {"go": BODY, "both": None, "back": LENS}
)


def test_legal_lists_the_own_and_the_common_triggers_in_order() -> None:
    assert list(TABLE.legal("A", BODY)) == ["both", "go"]
    assert list(TABLE.legal("A", LENS)) == ["both"]
    assert list(TABLE.legal("B", BODY)) == []


def test_an_unknown_trigger_is_refused_though_it_has_no_owner() -> None:
    with pytest.raises(Exception, match="fly by the body is not legal in state B; legal there: nothing"):
        TABLE.next("B", "fly", by=BODY, us=LENS)
    with pytest.raises(Exception, match="back by the lens is not legal in state A; legal there: both"):
        TABLE.next("A", "back", by=LENS, us=LENS)


def test_a_diagram_groups_the_triggers_of_one_way() -> None:
    table = TransitionTable("A", {"A": {"z": "B", "a": "B", "s": "A"}, "B": {}}, dict.fromkeys("zas"))
    assert table.diagram().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> A",
        "    A --> B: a, z",
        "    A --> A: s",
    ]
