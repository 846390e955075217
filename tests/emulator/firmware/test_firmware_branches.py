"""A session with firmware is copied at a moment: equal continuations are equal, and the session is unchanged."""

from collections.abc import Callable

import pytest

from lensmount_emulator.firmware.isolation import FirmwareDiedError, branch
from lensmount_emulator.sessions.loopback import make_virtual_session
from lensmount_protocol.wire import WireRecord


def test_a_moment_is_continued_in_several_ways(lens: str) -> None:
    records: list[WireRecord] = []
    session = make_virtual_session("panasonic-s1r", lens, script="focus near; focus far", seed=2, tap=records.append)
    session.start()
    session.run(0.4)
    before = len(records)

    def go_on(fault: str) -> Callable[[object], list[WireRecord]]:
        def job(_send: object) -> list[WireRecord]:
            if fault:
                session.inject(fault)
            session.run(1.0)
            return records

        return job

    same = [branch(go_on(""), lens) for _ in range(3)]
    others = [branch(go_on("detach at=50ms for=30ms"), lens) for _ in range(2)]
    assert len(records) == before
    assert same[0] == same[1] == same[2]
    assert others[0] == others[1] != same[0]
    session.run(1.0)
    assert records == same[0]


def test_a_branch_that_ends_its_process_is_an_error_of_one_line(lens: str) -> None:
    def job(_send: object) -> None:
        raise SystemExit(3)

    with pytest.raises(FirmwareDiedError, match="exit code"):
        branch(job, lens)
