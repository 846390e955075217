"""Runs a virtual session with firmware in a process of its own; its traffic arrives as it becomes certain.

A session without firmware runs in the caller's process. Where the session's process ends without a result, the traffic
so far and the fault are the result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from lensmount_emulator.engine.observer import Notice, NoticeKind
from lensmount_emulator.engine.verdicts import CompatibilityResult
from lensmount_emulator.firmware.isolation import FirmwareDiedError, run_isolated
from lensmount_emulator.profiles.library import Profile, firmware_library
from lensmount_emulator.sessions.verdict import ScriptProgress
from lensmount_protocol.wire import Role, WireRecord

BATCH = 256
"""Records and notices that a session process sends at once."""


@dataclass(frozen=True, slots=True)
class PlayedSession:
    """What a session leaves besides its records and notices.

    Attributes:
        seconds: its duration, in virtual time.
        violations: events that would damage a real device.
        script: the progress of the script.
        compatibility_results: the results of the script's checks.
    """

    seconds: float
    violations: list[str]
    script: ScriptProgress
    compatibility_results: list[CompatibilityResult]


Play = Callable[[Callable[[WireRecord], None], Callable[[Notice], None]], PlayedSession]
"""Runs a session with the functions that receive its records and its notices."""


def play_session(
    play: Play, devices: Iterable[Profile], record: Callable[[WireRecord], None], note: Callable[[Notice], None]
) -> PlayedSession:
    """Run a session; in a process of its own where one of its devices is a firmware.

    Args:
        play: runs the session.
        devices: its devices.
        record: receives every byte and edge.
        note: receives the notices.
    """
    library = next((path for path in map(firmware_library, devices) if path), "")
    if not library:
        return play(record, note)
    last = 0.0

    def take(batch: list[WireRecord | Notice]) -> None:
        nonlocal last
        for item in batch:
            if isinstance(item, Notice):
                note(item)
            else:
                record(item)
            last = item.at or last

    def job(send: Callable[[object], None]) -> PlayedSession:
        batch: list[WireRecord | Notice] = []

        def add(item: WireRecord | Notice) -> None:
            batch.append(item)
            # A fault is sent at once: what another firmware does after it may end this process.
            if len(batch) >= BATCH or (isinstance(item, Notice) and item.kind is NoticeKind.FIRMWARE_FAULT):
                send(batch[:])
                batch.clear()

        played = play(add, add)
        send(batch)
        return played

    try:
        return run_isolated(job, library, take)
    except FirmwareDiedError as error:
        fault = error.fault
        role = Role.BODY if error.role == Role.BODY.value else Role.LENS
        note(Notice(fault.now, role, fault.line(), True, NoticeKind.FIRMWARE_FAULT, fault.signature()))
        return PlayedSession(max(last, fault.now), [], ScriptProgress(0, (), True, True), [])
