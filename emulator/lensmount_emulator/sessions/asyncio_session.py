"""Live and virtual sessions for asyncio programs: each runs in a thread and passes its events to an event loop.

The engines and their loops are those of `LiveSession` and `run_loopback`.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from os import PathLike
from threading import Condition, Thread
from types import TracebackType
from typing import Generic, Self, TypeVar

from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.faults.fault import Fault
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.live import LiveResult, LiveSession
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.sessions.virtual.participants import DEFAULT_BODY, DEFAULT_LENS
from lensmount_hardware.transport import Transport
from lensmount_protocol.decoder import Decoded, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.wire import DataLoss, WireRecord

SessionEvent = Decoded | Notice
"""An event of a session: decoded traffic, or a notice of an engine."""

MAX_PENDING = 65536
"""Maximum of queued events. With a full queue, a virtual session waits; a live one drops events and counts them."""

R = TypeVar("R")


class _StoppedError(Exception):
    """The program stopped the session; it never leaves this module."""


class _Channel:
    """Events from a thread to an event loop.

    Args:
        loop: the event loop of the consumer.
        waits: whether the thread waits for space; otherwise events without space are counted and dropped.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, waits: bool) -> None:
        self._loop = loop
        self._waits = waits
        self._events: deque[SessionEvent] = deque()
        self._lost = 0
        self._ended = False
        self._stopped = False
        self._changed = Condition()
        self._news = asyncio.Event()

    @property
    def stopped(self) -> bool:
        """Whether the consumer has stopped the session."""
        return self._stopped

    def put(self, event: SessionEvent) -> None:
        """Pass an event to the consumer; called in the thread.

        Raises:
            _StoppedError: the session is stopped, and its thread waits for space.
        """
        with self._changed:
            if self._waits:
                while len(self._events) >= MAX_PENDING and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    raise _StoppedError
            if len(self._events) >= MAX_PENDING:
                self._lost += 1
                return
            self._events.append(event)
        self._wake()

    def end(self) -> None:
        """Mark the end of the events; called in the thread."""
        self._ended = True
        self._wake()

    def stop(self) -> None:
        """End the session soon; called by the consumer."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    async def get(self) -> SessionEvent | None:
        """Return the next event; `None` after the last one."""
        while True:
            self._news.clear()
            with self._changed:
                if self._events:
                    self._changed.notify_all()
                    return self._events.popleft()
                if self._lost:
                    lost, self._lost = self._lost, 0
                    return DataLoss(None, "events that the program did not take in time", lost)
            if self._ended:
                return None
            await self._news.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            # The event loop is closed, so no consumer is left.
            self._stopped = True


class _AsyncSession(ABC, Generic[R]):
    """A session in a thread: an asynchronous context manager and an asynchronous iterator of its events."""

    _waits = False

    def __init__(self) -> None:
        self._channel: _Channel | None = None
        self._thread: Thread | None = None
        self._done: asyncio.Future[R] | None = None
        self._reported = False

    async def wait(self) -> R:
        """Wait for the end of the session, and return its result.

        Raises:
            TransportLostError: the port is lost.
            LocalProtocolError: the session has not started, or was stopped before it had a result.
        """
        if self._done is None:
            raise LocalProtocolError("the session has not started; use it as `async with`")
        self._reported = True
        return await asyncio.shield(self._done)

    def stop(self) -> None:
        """End the session soon; iteration ends after the events that are pending."""
        if self._channel is not None:
            self._channel.stop()

    def __aiter__(self) -> AsyncIterator[SessionEvent]:
        return self._iterate()

    async def __aenter__(self) -> Self:
        if self._channel is not None:
            raise LocalProtocolError("a session runs once; make another one to run again")
        loop = asyncio.get_running_loop()
        self._channel = channel = _Channel(loop, waits=self._waits)
        self._done = loop.create_future()
        run = await asyncio.to_thread(self._prepare, channel)
        self._thread = Thread(target=self._run, args=(run, loop), name=f"lensmount {type(self).__name__}", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self._thread is not None:
            await asyncio.shield(asyncio.to_thread(self._thread.join))
        await asyncio.to_thread(self._close)
        if self._done is None or not self._done.done():
            return
        failure = self._done.exception()
        if failure is not None and kind is None and not self._reported and not isinstance(failure, LocalProtocolError):
            # An error must not be lost because the program never waited for the result.
            raise failure

    @abstractmethod
    def _prepare(self, channel: _Channel) -> Callable[[], R]:
        """Open the ports and files of the session, and return the function that runs it; called in a thread."""
        ...

    def _close(self) -> None:
        """Close everything that `_prepare` opened; called in a thread."""

    def _run(self, run: Callable[[], R], loop: asyncio.AbstractEventLoop) -> None:
        assert self._channel is not None
        finish: Callable[[], None]
        try:
            finish = partial(self._succeed, run())
        except _StoppedError:
            text = "the session was stopped before its end, so it has no result"
            finish = partial(self._fail, LocalProtocolError(text))
        except BaseException as error:
            finish = partial(self._fail, error)
        try:
            loop.call_soon_threadsafe(finish)
        except RuntimeError:
            # The event loop is closed.
            return
        self._channel.end()

    def _succeed(self, result: R) -> None:
        assert self._done is not None
        self._done.set_result(result)

    def _fail(self, error: BaseException) -> None:
        assert self._done is not None
        self._done.set_exception(error)
        # Reading it marks it as seen; `wait`, the iterator and the end of the block raise it.
        self._done.exception()

    async def _iterate(self) -> AsyncIterator[SessionEvent]:
        if self._channel is None:
            raise LocalProtocolError("the session has not started; use it as `async with`")
        while (event := await self._channel.get()) is not None:
            yield event
        if not self._channel.stopped:
            await self.wait()


class AsyncLiveSession(_AsyncSession[LiveResult]):
    """One end of a mount, emulated in real time on a port.

    ```python
    async with AsyncLiveSession("sel2870", "pty:/tmp/lens", duration=5.0) as session:
        async for event in session:
            print(event)
    print(await session.wait())
    ```

    The port is opened when the block begins, and closed when it ends. Leaving the block early stops the session.
    """

    def __init__(
        self,
        profile: str | Profile,
        port: str | Transport,
        *,
        duration: float | None = None,
        script: str = "",
        allowed: Sequence[str] = (),
        record: str | PathLike[str] | None = None,
        keep_records: bool = False,
    ) -> None:
        """Store the arguments of the session; `LiveSession` describes them.

        Args:
            profile: the body or lens to emulate.
            port: the port.
            duration: seconds to run; `None` runs until the script is done, or without a script until `stop`.
            script: the steps of this end once the link runs.
            allowed: guarded messages that may be sent, by name.
            record: a file for every byte and edge.
            keep_records: keep every byte and edge for the result.
        """
        super().__init__()
        self._arguments = (profile, port)
        self._duration = duration
        self._script = script
        self._allowed = allowed
        self._record = record
        self._keep_records = keep_records
        self._session: LiveSession | None = None

    @property
    def port_name(self) -> str:
        """The name of the open port; for a pseudo-terminal the path that the peer opens.

        Raises:
            LocalProtocolError: the session has not started.
        """
        if self._session is None:
            raise LocalProtocolError("the session has not started; use it as `async with`")
        return self._session.port_name

    def _prepare(self, channel: _Channel) -> Callable[[], LiveResult]:
        self._session = session = LiveSession(
            *self._arguments,
            script=self._script,
            allowed=self._allowed,
            record=self._record,
            keep_records=self._keep_records,
            on_event=channel.put,
        )
        return lambda: session.run(self._duration, until=lambda: channel.stopped)

    def _close(self) -> None:
        if self._session is not None:
            self._session.close()


class AsyncVirtualSession(_AsyncSession[LoopbackResult]):
    """A virtual session of a body and a lens; its events are the same for the same seed.

    Its time passes as fast as the program takes the events.
    """

    _waits = True

    def __init__(
        self,
        body: str | Profile = DEFAULT_BODY,
        lens: str | Profile = DEFAULT_LENS,
        *,
        accessories: Sequence[str | Profile] = (),
        script: str = "",
        seconds: float | None = None,
        seed: int | None = None,
        allowed: Sequence[str] = (),
        faults: Sequence[str | Fault] = (),
    ) -> None:
        """Store the arguments of the session; `run_loopback` describes the arguments and the errors."""
        super().__init__()
        self._run_it: Callable[[Callable[[WireRecord], None], Callable[[Notice], None]], LoopbackResult] = (
            lambda tap, listen: run_loopback(
                body,
                lens,
                accessories=accessories,
                script=script,
                seconds=seconds,
                seed=seed,
                allowed=allowed,
                faults=faults,
                tap=tap,
                listen=listen,
            )
        )
        self._body = body

    def _prepare(self, channel: _Channel) -> Callable[[], LoopbackResult]:
        return lambda: self._play(channel)

    def _play(self, channel: _Channel) -> LoopbackResult:
        profile = self._body if isinstance(self._body, Profile) else load_profile(self._body)
        decoder = Decoder(load_dialect(profile.dialect))

        def tap(record: WireRecord) -> None:
            for event in decoder.feed(record):
                channel.put(event)

        result = self._run_it(tap, channel.put)
        for event in decoder.finish():
            channel.put(event)
        return result
