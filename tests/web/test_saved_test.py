"""The test that a virtual session of the page is saved as: it passes as the session went."""

import re
import shlex
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_protocol.decoder import DecodedFrame
from lensmount_web.messages import NewVirtual
from lensmount_web.virtual_player import MAX_ASSERTED, MAX_NOTICES, QUIET_S, VirtualPlayer, assertion_lines

FAULTS_OF_TIMING = (
    (0.7, "fault", "delay-frame by=9ms rate=1.0 for=200ms"),
    (1.0, "fault", "stuck-line line=VD level=low for=100ms"),
)


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


def test_running_session_and_its_saved_test_have_the_broken_timing_rules() -> None:
    player = VirtualPlayer(NewVirtual("nex7", "sel2870", script="wait 0.1", seed=1))
    player._virtual.start()
    for at, kind, text in FAULTS_OF_TIMING:
        player._virtual.run(at)
        player.order({"do": kind, "text": text})
    player._virtual.run(1.5)
    player._drain()
    assert player.session.reading
    shown = [one for one in player.session.findings()["findings"] if one["kind"] == "timing"]
    assert shown
    text = player.test()
    assert "    assert rules[:" in text
    namespace: dict[str, object] = {}
    exec(text, namespace)
    test = namespace["test_session"]
    assert callable(test)
    test()
    # While it goes on, nothing of it is lost; the finished recording has the same.
    player.close()
    closed = [one for one in player.session.findings()["findings"] if one["kind"] == "timing"]
    assert closed[: len(shown)] == shown
    assert len(closed) == sum(result.violation_count for result in player.session.columns.timing())


def test_saved_test_ends_shortly_after_the_last_error_of_a_session() -> None:
    player = VirtualPlayer(
        NewVirtual("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", script="wait 0.1", faults=["drop rate=0.5 for=300ms"])
    )
    player._virtual.start()
    player._virtual.run(30.123456789)
    player._drain()
    last = max(one["t"] for one in player.session.about["findings"])
    text = player.test()
    runs = [float(one) for one in re.findall(r"session\.run\(([\d.]+)\)", text)]
    assert last + QUIET_S <= runs[-1] < last + QUIET_S + 1.001e-3
    assert "No error, broken rule or order came until 30.123 s" in text
    namespace: dict[str, object] = {}
    exec(text, namespace)
    test = namespace["test_session"]
    assert callable(test)
    test()


def test_command_does_the_same_at_the_same_times(tmp_path: Path) -> None:
    player = VirtualPlayer(NewVirtual("panasonic-s1r", "panasonic-s-pro-70-200mm-f4", script="wait 0.1", seed=5))
    player._virtual.start()
    for at, kind, text in (
        (0.61234567, "script", "focus near"),
        (0.8, "operate", "zoom 140"),
        (0.9, "fault", "delay-frame by=2ms rate=0.2 at=50ms"),
        (1.3, "detach", ""),
        (1.4, "attach", ""),
    ):
        player._virtual.run(at)
        player.order({"do": kind, "text": text})
    player._virtual.run(2.0)
    player._drain()
    path = tmp_path / "again.lmx"
    words = shlex.split(player.command())
    assert words[0] == "lensmount"
    assert main([*words[1:], "--record", str(path), "--quiet"]) in (0, 1)
    player.close()
    played = [event for event in player.session.columns.events() if isinstance(event, DecodedFrame)]
    again = list(open_capture(path).frames())
    assert len(played) > 200
    again = again[: len(played)]
    assert [one.frame.raw for one in again] == [one.frame.raw for one in played]
    # A recording has nanoseconds.
    assert [one.at for one in again] == pytest.approx([one.at for one in played], rel=0, abs=2e-9)


def test_saved_test_says_how_many_there_were_as_far_as_that_is_known() -> None:
    assert assertion_lines("errors", []) == ["    assert not errors"]
    few = assertion_lines("errors", ["one", "two"])
    assert "    # The session had 2. After the cause is fixed: assert not errors" in few
    most = assertion_lines("errors", ["again"] * MAX_NOTICES)
    assert f"The session had at least {MAX_NOTICES}." in most[0]
    assert len(most) == MAX_ASSERTED + 3
