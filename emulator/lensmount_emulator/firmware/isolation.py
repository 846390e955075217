"""Runs a session that calls firmware in a process of its own, so that nothing that the firmware does ends the caller.

The session's process is a fork. It guards real time as well as processor time, sends what it produces through a pipe
as it becomes certain, and its result at the end. If it ends without a result, the fault names the event that the
firmware handled last, from memory that both processes share.
"""

import os
import pickle
import signal
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn, TypeVar

from lensmount_emulator.firmware.declaration import ROLE_NUMBERS
from lensmount_emulator.firmware.engine import enter_session_process, in_session_process, progress_page
from lensmount_emulator.firmware.fault import FaultKind, FirmwareFault
from lensmount_emulator.firmware.library import SANITIZER_EXIT
from lensmount_protocol.errors import FirmwareError

T = TypeVar("T")

_MESSAGE, _RESULT, _ERROR = 0, 1, 2
_FRAME = struct.Struct("<BI")
MAX_MESSAGE = 1 << 30
_STATE = struct.Struct("<QQQ")
"""Event, time in microseconds, and end of the firmware that was called last: its number of `ROLE_NUMBERS` plus 1."""
_EXITS = {
    SANITIZER_EXIT: "breaks a rule of memory; the sanitizer describes only the first such fault of a session: "
    "correct that and run it again",
}


class FirmwareDiedError(FirmwareError):
    """The process of a session ended without a result.

    Attributes:
        fault: what is known of it.
        role: the end of the firmware that was called last, `body`, `lens` or `adapter`; empty if that is not known.
    """

    def __init__(self, fault: FirmwareFault, role: str = "") -> None:
        super().__init__(fault.line())
        self.fault = fault
        self.role = role


def run_isolated(
    job: Callable[[Callable[[object], None]], T], library: str, on_message: Callable[[Any], object] = lambda _item: None
) -> T:
    """Run a job in a process of its own and return its result; within such a process, run it directly.

    Args:
        job: the job; it gets a function that sends a message to the caller.
        library: the firmware, for the fault.
        on_message: receives the messages, in order.

    Raises:
        FirmwareDiedError: the process ended without a result.
    """
    if in_session_process() or not hasattr(os, "fork"):
        return job(lambda item: _call(on_message, item))
    return branch(job, library, on_message)


def branch(
    job: Callable[[Callable[[object], None]], T], library: str, on_message: Callable[[Any], object] = lambda _item: None
) -> T:
    """Run a job on a copy of this process as it is now, and return its result; nothing here changes.

    A session that stands at a moment is continued in each branch with other inputs: engines, firmware, mount and time
    are copied. The arguments and the errors are those of `run_isolated`.
    """
    page = progress_page()
    page[: _STATE.size] = bytes(_STATE.size)
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        _run_child(job, send)
    os.close(send)
    result: list[T] = []
    error: list[BaseException] = []
    try:
        with open(receive, "rb", buffering=1 << 16) as stream:
            while len(head := stream.read(_FRAME.size)) == _FRAME.size:
                kind, size = _FRAME.unpack(head)
                data = stream.read(size)
                if size > MAX_MESSAGE or len(data) < size:
                    break
                # The bytes come from our own code in the fork, before the firmware could have changed more than that.
                item = pickle.loads(data)
                if kind == _MESSAGE:
                    on_message(item)
                else:
                    (result if kind == _RESULT else error).append(item)
    except BaseException:
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    _, status = os.waitpid(child, 0)
    if result:
        return result[0]
    if error:
        raise error[0]
    event, now_us, end = _STATE.unpack_from(page)
    role = next((name for name, number in ROLE_NUMBERS.items() if number + 1 == end), "")
    raise FirmwareDiedError(FirmwareFault(FaultKind.DIED, library, describe_status(status), event, now_us * 1e-6), role)


def _call(function: Callable[[Any], object], item: object) -> None:
    function(item)


def describe_status(status: int) -> str:
    """Return how a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        return f"ends the process of the session: {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.WEXITSTATUS(status)
    return _EXITS.get(code) or f"exits within an event: exit code {code}; a firmware only returns"


def _run_child(job: Callable[[Callable[[object], None]], Any], send: int) -> NoReturn:
    """Run the job, send its result, and end the process without the clean-up of the caller's."""
    code = 1
    try:
        enter_session_process()

        def write(kind: int, item: object) -> None:
            data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
            data = _FRAME.pack(kind, len(data)) + data
            while data:
                data = data[os.write(send, data) :]

        try:
            write(_RESULT, job(lambda item: write(_MESSAGE, item)))
        except Exception as error:
            write(_ERROR, error)
        code = 0
    except BrokenPipeError:
        # The caller is gone, and needs no result.
        pass
    finally:
        os._exit(code)
