"""Finds out what there is to know of a port: the machine is asked, the port is opened, and all becomes facts."""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import serial

from lensmount_hardware.boards import sysfs
from lensmount_hardware.boards.devices import serial_devices
from lensmount_hardware.boards.flashing import shipped_image
from lensmount_hardware.boards.known import adapter_of
from lensmount_hardware.boards.streams import TCP, open_stream, path_of
from lensmount_hardware.checks import trying
from lensmount_hardware.checks.board_trial import examine
from lensmount_hardware.checks.facts import BoardFacts, Facts, Kind
from lensmount_hardware.clock import Clock
from lensmount_hardware.portability import grp, pwd
from lensmount_hardware.spec import PortSpec, parse_spec
from lensmount_hardware.transports.serial_link import SERIAL_ERRORS
from lensmount_protocol.errors import BoardError, TransportOpenError, TransportSpecError

BOARD = "board"
"""Scheme of the ports whose firmware holds the deadlines."""

_WRITE_TIMEOUT = 2.0


def _path(spec: PortSpec) -> str:
    return spec.rest


def _address(prefix: str, options: str = "") -> Callable[[PortSpec], str]:
    def url(spec: PortSpec) -> str:
        host, port = spec.address()
        return f"{prefix}://{f'[{host}]' if ':' in host else host}:{port}{options}"

    return url


def _as_it_is(spec: PortSpec) -> str:
    return spec.text


URLS: Mapping[str, Callable[[PortSpec], str]] = {
    "serial": _path,
    # ser2net does not answer an order to a control line that its port does not have.
    "rfc2217": _address("rfc2217", "?ign_set_control"),
    "tcp": _address("socket"),
    "loop": _as_it_is,
}
"""Scheme -> what pyserial calls such a port; its lines are tried by their own names, whatever hangs on them."""


def url_of(port: str) -> str:
    """What pyserial opens for a port in words, or for a path alone.

    Raises:
        TransportSpecError: the words mean nothing, or a port of that scheme cannot be examined.
    """
    if port.startswith("/"):
        return port
    spec = parse_spec(port)
    make = URLS.get(spec.scheme)
    url = "" if make is None else make(spec)
    if not url:
        raise spec.error(f"nothing to examine; name a path, or a port of one of: {', '.join(URLS)}")
    return url


def gather(port: str, rates: tuple[int, ...], *, jumpers: bool, clock: Clock, crc_extension: bool) -> Facts:
    """All that can be found out about a port and this machine.

    Nothing is driven and nothing is sent unless the jumpers are in; but the system moves RTS and DTR when a port is
    opened, and that is not ours to prevent.

    Args:
        port: a path, or a port in words.
        rates: those that the mount needs, in bits a second.
        jumpers: RTS is joined with CTS, DTR with DSR and TX with RX, and nothing else hangs there.
        clock: measures.
        crc_extension: whether checksums are computed by compiled code.

    Raises:
        TransportSpecError: the port's description means nothing.
    """
    if port.startswith(f"{BOARD}:"):
        return _gather_board(port, rates, jumpers=jumpers, clock=clock, crc_extension=crc_extension)
    url = url_of(port)
    facts = Facts(port, _kind(url), crc_extension=crc_extension, needed=rates)
    facts.jumpers = jumpers or facts.kind is Kind.LOOP
    facts.lateness = trying.lateness(clock)
    if url.startswith("/") or "://" not in url:
        _ask_the_system(url, facts)
    if facts.exists and facts.readable is not False:
        _try(url, facts, rates, clock)
    return facts


def _gather_board(port: str, rates: tuple[int, ...], *, jumpers: bool, clock: Clock, crc_extension: bool) -> Facts:
    spec = parse_spec(port)
    spec.allow_options()
    facts = Facts(port, Kind.BOARD, crc_extension=crc_extension, needed=rates, jumpers=jumpers)
    with suppress(BoardError):
        facts.shipped = shipped_image()[1]
    facts.lateness = trying.lateness(clock)
    if not spec.rest.startswith(TCP):
        try:
            path = spec.rest if "/" in spec.rest else path_of(spec.rest)
        except TransportOpenError:
            facts.exists = False
            return facts
        _ask_the_system(path, facts)
    if facts.exists and facts.readable is not False:
        try:
            facts.board = examine(open_stream(spec), clock, rates, jumpers=jumpers)
        except TransportOpenError as error:
            facts.board = BoardFacts(trouble=str(error))
    return facts


def _kind(url: str) -> Kind:
    if url.startswith(("rfc2217:", "socket:")):
        return Kind.NETWORK
    if "://" in url:
        return Kind.LOOP
    return Kind.PTY if os.path.realpath(url).startswith("/dev/pts/") else Kind.SERIAL


def _ask_the_system(path: str, facts: Facts) -> None:
    if grp is None or pwd is None:
        # Device files, their owners and their drivers are known on POSIX systems only.
        return
    try:
        status = os.stat(path)
    except OSError:
        facts.exists = False
        return
    if not stat.S_ISCHR(status.st_mode):
        raise TransportSpecError(f"port {path!r}: it is no device; `lensmount boards` lists those that there are")
    facts.readable = os.access(path, os.R_OK | os.W_OK)
    facts.group, members = _group(status.st_gid)
    facts.joined = _user() in members
    facts.effective = status.st_gid in {os.getegid(), *os.getgroups()}
    facts.holders = sysfs.holders(path)
    real = os.path.realpath(path)
    facts.driver = sysfs.driver_of(real)
    facts.latency_timer_ms = sysfs.latency_timer_ms(real)
    facts.latency_path = str(sysfs.latency_timer_path(real))
    facts.may_sleep = sysfs.may_sleep(real)
    facts.power_path = str(sysfs.power_control_path(real) or "")
    known = {device.path: device for device in serial_devices()}.get(real)
    facts.adapter = known.adapter if known is not None else adapter_of(None, None, facts.driver)


def _group(number: int) -> tuple[str, list[str]]:
    try:
        group = grp.getgrgid(number)
    except KeyError:
        return str(number), []
    return group.gr_name, group.gr_mem


def _user() -> str:
    try:
        return str(pwd.getpwuid(os.getuid()).pw_name)
    except KeyError:
        return ""


def _try(url: str, facts: Facts, rates: tuple[int, ...], clock: Clock) -> None:
    try:
        # Bytes are waited for by `read`, so its time-out is what a message may take.
        port = serial.serial_for_url(url, do_not_open=True, timeout=trying.PATIENCE)
        if "://" not in url:
            port.exclusive, port.write_timeout = True, _WRITE_TIMEOUT
        port.open()
    except SERIAL_ERRORS as error:
        facts.failure = str(error)
        return
    facts.failure = ""
    with port:
        trying.ask_for_speed(port)
        if Path(url).is_absolute():
            # The wish for speed may have changed it.
            facts.latency_timer_ms = sysfs.latency_timer_ms(os.path.realpath(url))
        if not url.startswith("socket:"):
            facts.rates = {rate: trying.try_rate(port, rate) for rate in rates}
        if facts.jumpers:
            facts.controls = trying.try_control_lines(port, clock)
            facts.echo = trying.try_echo(port, clock)
