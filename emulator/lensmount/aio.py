"""Sessions for asyncio programs: the same engines, with an asynchronous iterator of their events."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.sessions.asyncio_session import AsyncLiveSession as AsyncLiveSession
    from lensmount_emulator.sessions.asyncio_session import AsyncVirtualSession as AsyncVirtualSession
    from lensmount_emulator.sessions.asyncio_session import SessionEvent as SessionEvent
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "AsyncLiveSession",
    "AsyncVirtualSession",
    "SessionEvent",
]

_NAMES = {
    "AsyncLiveSession": ("lensmount_emulator.sessions.asyncio_session", "AsyncLiveSession"),
    "AsyncVirtualSession": ("lensmount_emulator.sessions.asyncio_session", "AsyncVirtualSession"),
    "SessionEvent": ("lensmount_emulator.sessions.asyncio_session", "SessionEvent"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
