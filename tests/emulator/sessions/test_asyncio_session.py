"""Sessions in an event loop: the events of the same engines, their end, and errors that are not lost."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.sessions import asyncio_session
from lensmount_emulator.sessions.asyncio_session import AsyncLiveSession, AsyncVirtualSession, SessionEvent
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.errors import LocalProtocolError, ProfileError, TransportLostError
from lensmount_protocol.wire import DataLoss

SCRIPT = "wait 0.1; focus 0x3F50"


async def all_of(events: AsyncIterator[SessionEvent]) -> list[SessionEvent]:
    return [event async for event in events]


def test_virtual_session_gives_the_events_of_the_loopback() -> None:
    async def play() -> tuple[list[SessionEvent], object]:
        async with AsyncVirtualSession("nex7", "sel2870", script=SCRIPT, seed=1) as session:
            return await all_of(aiter(session)), await session.wait()

    events, result = asyncio.run(play())
    expected = run_loopback("nex7", "sel2870", script=SCRIPT, seed=1)
    assert [event for event in events if not isinstance(event, Notice)] == expected.events
    assert [event for event in events if isinstance(event, Notice)] == expected.notices
    assert repr(result) == repr(expected)


def test_virtual_session_waits_for_a_slow_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_session, "MAX_PENDING", 4)

    async def play() -> list[SessionEvent]:
        async with AsyncVirtualSession("nex7", "sel2870", seconds=0.25, seed=1) as session:
            return await all_of(aiter(session))

    events = asyncio.run(play())
    assert not any(isinstance(event, DataLoss) for event in events)
    assert sum(isinstance(event, DecodedFrame) for event in events) > 4


def test_stopped_virtual_session_has_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_session, "MAX_PENDING", 4)

    async def play() -> None:
        async with AsyncVirtualSession("nex7", "sel2870", seconds=30.0, seed=1) as session:
            async for _event in session:
                session.stop()
            with pytest.raises(LocalProtocolError, match="stopped before its end"):
                await session.wait()

    asyncio.run(play())


def test_live_sessions_play_against_each_other() -> None:
    here, there = memory_pair(("BODY_CS", "LENS_CS", "VD", "VCC", "BODY_ATT", "LENS_ATT"))

    async def play() -> None:
        async with (
            AsyncLiveSession("sel2870", there) as lens,
            AsyncLiveSession("nex7", here, script="wait 0.05") as body,
        ):
            assert body.port_name == "memory:here"
            events = await all_of(aiter(body))
            result = await body.wait()
            lens.stop()
            assert (await lens.wait()).statistics.valid
        assert result.ok, result.verdict
        assert sum(isinstance(event, DecodedFrame) for event in events) == result.statistics.valid

    asyncio.run(play())


def test_lost_port_ends_the_iteration_with_its_error() -> None:
    here, there = memory_pair()
    there.close()

    async def play(iterate: bool) -> None:
        async with AsyncLiveSession("sel2870", here) as session:
            if iterate:
                await all_of(aiter(session))
            else:
                await asyncio.shield(asyncio.wait([session._done]))  # type: ignore[list-item]

    for iterate in (True, False):
        with pytest.raises(TransportLostError):
            asyncio.run(play(iterate))


def test_error_of_the_arguments_leaves_the_block() -> None:
    async def play() -> None:
        async with AsyncLiveSession("nothing", memory_pair()[0]):
            pass

    with pytest.raises(ProfileError):
        asyncio.run(play())


def test_session_that_has_not_started_says_so() -> None:
    session = AsyncVirtualSession()
    with pytest.raises(LocalProtocolError, match="has not started"):
        asyncio.run(session.wait())
    with pytest.raises(LocalProtocolError, match="has not started"):
        _ = AsyncLiveSession("sel2870", memory_pair()[0]).port_name


def test_live_session_counts_what_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asyncio_session, "MAX_PENDING", 2)

    async def play() -> list[SessionEvent | None]:
        channel = asyncio_session._Channel(asyncio.get_running_loop(), waits=False)
        for number in range(5):
            channel.put(DataLoss(None, f"event {number}", 1))
        channel.end()
        return [await channel.get() for _ in range(4)]

    *first, lost, end = asyncio.run(play())
    assert first == [DataLoss(None, "event 0", 1), DataLoss(None, "event 1", 1)]
    assert isinstance(lost, DataLoss)
    assert lost.count == 3
    assert end is None
