"""The test that a virtual session of the page is saved as: it passes as the session went."""

import pytest

from lensmount_web.messages import NewVirtual
from lensmount_web.virtual_player import MAX_ASSERTED, MAX_NOTICES, VirtualPlayer, assertion_lines


@pytest.mark.parametrize(
    ("faults", "line"),
    [
        (("drop from=lens rate=1.0 at=100ms for=300ms",), "errors[:10] == ["),
        ((), "assert not errors"),
    ],
)
def test_saved_test_passes_with_what_the_session_had(faults: tuple[str, ...], line: str) -> None:
    player = VirtualPlayer(NewVirtual("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", script="wait 0.1", faults=list(faults)))
    player._virtual.start()
    player._virtual.run(1.5)
    text = player.test()
    assert line in text
    assert "assert not session.violations" in text
    namespace: dict[str, object] = {}
    exec(text, namespace)
    test = namespace["test_session"]
    assert callable(test)
    test()


def test_saved_test_says_how_many_there_were_as_far_as_that_is_known() -> None:
    assert assertion_lines("errors", []) == ["    assert not errors"]
    few = assertion_lines("errors", ["one", "two"])
    assert "    # The session had 2. After the cause is fixed: assert not errors" in few
    most = assertion_lines("errors", ["again"] * MAX_NOTICES)
    assert f"The session had at least {MAX_NOTICES}." in most[0]
    assert len(most) == MAX_ASSERTED + 3
