"""The page's order to load a file of rules into a running session: all of them or none, and written down as faults."""

import pytest

from lensmount_protocol.errors import MountError
from lensmount_web.messages import NewVirtual
from lensmount_web.virtual_player import VirtualPlayer

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
    assert "rule on=LensStatus set=focal_length_dmm=777 at=" in player.command()
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
