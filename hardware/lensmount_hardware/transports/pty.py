"""A pseudo-terminal that programs open like a serial port: `pty:`, or `pty:/some/path` for a link there."""

import os
import select
from pathlib import Path

from lensmount_hardware.portability import tty
from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.pty_link import PtyLink
from lensmount_protocol.errors import TransportLostError, TransportOpenError
from lensmount_protocol.logs import get_logger
from lensmount_protocol.wire import Received, Role, Transmit, WireAction, WireEvent

_READ_SIZE = 4096

_log = get_logger("ports")


def open_pty(spec: PortSpec, _role: Role, _baudrate: int) -> Transport:
    """Make a pseudo-terminal in raw mode; `name` is the path that the peer opens.

    It carries bytes, and neither lines nor a rate. A peer that has not come yet, or that comes and goes, is
    no error: the far end is held open from here, so bytes wait there until somebody reads them. The system
    keeps some tens of thousands at most; what no longer fits is lost, as on a wire that nobody listens to.

    Raises:
        TransportSpecError: options, of which there are none.
        TransportOpenError: the system has no pseudo-terminal left, or the link cannot be made; a link whose process
            has ended is replaced, anything else is left alone.
    """
    spec.allow_options()
    if tty is None or not hasattr(os, "openpty"):
        raise TransportOpenError(
            f"{spec.text}: this system has no pseudo-terminals; use tcp:, or serial: on a pair of virtual serial ports"
        )
    link = None
    if spec.rest:
        # Before there is a pseudo-terminal: a link that was left behind may lead to the number that this one gets.
        try:
            link = PtyLink(Path(spec.rest), spec.text)
        except TransportOpenError:
            raise
        except OSError as error:
            raise TransportOpenError(f"{spec.text}: cannot make a link there: {error.strerror}") from error
    try:
        near, far = os.openpty()
    except OSError as error:
        if link is not None:
            link.remove()
        raise TransportOpenError(f"{spec.text}: no pseudo-terminal to be had: {error.strerror}") from error
    transport = _PtyTransport(near, far, link)
    try:
        transport.make_link()
    except OSError as error:
        transport.close()
        raise TransportOpenError(f"{spec.text}: cannot make a link there: {error.strerror}") from error
    return transport


class _PtyTransport(Transport):
    def __init__(self, near: int, far: int, link: PtyLink | None) -> None:
        tty.setraw(far)
        os.set_blocking(near, False)
        self.name = os.ttyname(far)
        self.lines = frozenset()
        self._near = near
        self._far = far
        self._link = link
        self._closed = False

    def make_link(self) -> None:
        """Let the peer find the far end at the link's path, if there is one, until this is closed."""
        if self._link is not None:
            self._link.point_to(self.name)
            self.name = str(self._link.path)

    def receive(self, timeout: float | None) -> list[WireEvent]:
        if self._closed:
            self._require_open()
        near = self._near
        if not select.select((near,), (), (), None if timeout is None else max(0.0, timeout))[0]:
            return []
        return [Received(os.read(near, _READ_SIZE))]

    def send(self, action: WireAction) -> None:
        if self._closed:
            self._require_open()
        if isinstance(action, Transmit):
            data = action.data
            try:
                while data:
                    data = data[os.write(self._near, data) :]
            except BlockingIOError:
                # What no longer fits is lost, as on a wire that nobody listens to.
                return

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._link is not None:
            self._link.remove()
        os.close(self._far)
        os.close(self._near)
        _log.info("%s: closed", self.name)

    def _require_open(self) -> None:
        if self._closed:
            raise TransportLostError(f"{self.name}: closed")
