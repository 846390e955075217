"""The page's order to load a file of rules into a running session: all of them or none, and written down as faults."""

import json

import pytest

from lensmount_emulator.faults.rule import MAX_FILE
from lensmount_protocol.errors import MountError
from lensmount_web.messages import NewVirtual
from lensmount_web.virtual_player import MAX_ORDER, VirtualPlayer, _order

RULES = '[[rules]]\non = "LensStatus"\nset = { focal_length_dmm = 777 }\n\n[[rules]]\non = "FocusStatus"\ndo = "drop"\n'


def make() -> VirtualPlayer:
    return VirtualPlayer(NewVirtual("a6000", "sel55210", script="wait 0.1"))


def test_file_of_rules_becomes_faults_of_the_command_and_of_the_test() -> None:
    player = make()
    player.order({"do": "rules", "text": RULES})
    assert [text for _, kind, text in player.orders if kind == "fault"] == [
        "rule on=LensStatus set=focal_length_dmm=777",
        "rule on=FocusStatus do=drop",
    ]
    assert "fault rule on=LensStatus set=focal_length_dmm=777' --order " in player.command()
    assert "session.inject('rule on=FocusStatus do=drop')" in player.test()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "the file of rules"),
        ('[[rules]]\non = "LensStatus"\ndo = "drop"\n[[rules]]\non = "Nothing"\ndo = "drop"\n', "unknown message"),
        ('way = "store"\n[[rules]]\non = "LensStatus"\ndo = "drop"\n', "from the start of a session"),
        ('[[rules]]\non = "UpdateBlock15"\ndo = "drop"\n', "is guarded"),
    ],
)
def test_wrong_file_of_rules_is_refused_and_changes_nothing(text: str, reason: str) -> None:
    player = make()
    with pytest.raises(MountError, match=reason):
        player.order({"do": "rules", "text": text})
    assert player.orders == []


def test_file_of_rules_may_be_as_large_as_on_the_command_line() -> None:
    player = make()
    # Of characters that are two bytes each, and six characters each in JSON.
    filled = RULES + "# " + "é" * ((MAX_FILE - len(RULES) - 2) // 2)
    assert MAX_FILE - 1 <= len(filled.encode()) <= MAX_FILE
    sent = json.dumps({"id": 7, "do": "rules", "text": filled})
    assert len(sent) > 4 * MAX_ORDER
    assert _order(sent)["id"] == 7
    player.order(_order(sent))
    assert len(player.orders) == 2
    for much in (filled + "éé", "x" * 1_000_000):
        with pytest.raises(MountError, match=f"the order is too long: rules takes at most {MAX_FILE} bytes"):
            player.order(_order(json.dumps({"id": 8, "do": "rules", "text": much})))
    with pytest.raises(MountError, match=f"the order is too long: script takes at most {MAX_ORDER} bytes"):
        player.order({"do": "script", "text": "x" * (MAX_ORDER + 1)})
    assert len(player.orders) == 2


@pytest.mark.parametrize("text", ['{"do": [1]}', "[]", "{" * 100_000, "", '{"do": "pause"'])
def test_what_is_no_order_is_named(text: str) -> None:
    with pytest.raises(MountError, match="unknown order 'nothing that can be read'"):
        make().order(_order(text))
