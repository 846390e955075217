"""A serial port behind a network, with rate and control lines, through pyserial: `rfc2217://host:port?rts=BODY_CS`."""

from serial import SerialException, rfc2217

from lensmount_hardware.spec import PortSpec
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import CONTROLS, ControlLines
from lensmount_hardware.transports.serial_link import SERIAL_ERRORS, SerialTransport, is_active, poll_interval
from lensmount_protocol.errors import TransportOpenError
from lensmount_protocol.wire import Role

_ORDERS = {
    ("rts", True): rfc2217.SET_CONTROL_RTS_ON,
    ("rts", False): rfc2217.SET_CONTROL_RTS_OFF,
    ("dtr", True): rfc2217.SET_CONTROL_DTR_ON,
    ("dtr", False): rfc2217.SET_CONTROL_DTR_OFF,
}


def open_rfc2217(spec: PortSpec, role: Role, baudrate: int) -> Transport:
    """Open `rfc2217://HOST:PORT`, 8N1, with the wired control outputs at rest.

    A change of rate takes a round trip and at least 50 ms, because pyserial waits for the answer; control
    outputs are ordered without waiting. `receive` may wait longer than asked, by the option `poll_us`.

    Raises:
        TransportSpecError: no address, or options that mean nothing.
        TransportOpenError: nobody answers there, or not in the words of RFC 2217.
    """
    spec.allow_options(*CONTROLS, "poll_us")
    control_lines, poll = ControlLines.described_by(spec, role), poll_interval(spec)
    host, number = spec.address()
    url = f"rfc2217://{f'[{host}]' if ':' in host else host}:{number}"
    port = rfc2217.Serial(timeout=poll)
    for control, active in control_lines.at_rest().items():
        setattr(port, control, active)
    port.port = url
    try:
        port.baudrate = baudrate
        port.open()
    except SERIAL_ERRORS as error:
        behind = error.__context__
        if isinstance(behind, OSError) and behind.strerror:
            raise TransportOpenError(f"{url}: cannot connect: {behind.strerror}") from error
        raise TransportOpenError(f"{url}: cannot be opened at {baudrate} baud: {error}") from error
    return SerialTransport(url, _RemoteLink(port), control_lines, poll)


class _RemoteLink:
    def __init__(self, port: rfc2217.Serial) -> None:
        self._port = port

    def read(self, _wait: float | None) -> bytes:
        # Always the time-out given at the start: when it changes, pyserial negotiates the whole port anew.
        return self._port.read(max(1, self._port.in_waiting))

    def write(self, data: bytes) -> None:
        self._port.write(data)

    def set_baudrate(self, baudrate: int) -> None:
        self._port.baudrate = baudrate

    def is_active(self, control: str) -> bool | None:
        try:
            return is_active(self._port, control)
        except SerialException:
            # The server has not told its inputs yet.
            return None

    def set_active(self, control: str, active: bool) -> None:
        # pyserial's own setter waits 50 ms for the answer, which is three frame periods of a mount.
        self._port.rfc2217_send_subnegotiation(rfc2217.SET_CONTROL, _ORDERS[control, active])

    def close(self) -> None:
        self._port.close()
