"""The test that a virtual session of the page is saved as: it passes as the session went."""

import pytest

from lensmount_web.messages import NewVirtual
from lensmount_web.virtual_player import VirtualPlayer


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
