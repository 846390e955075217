"""Gathers facts on a port: queries the machine, opens the port and probes it."""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import serial

from lensmount_hardware.boards.byte_stream import TCP_PREFIX, find_board_path, open_stream
from lensmount_hardware.boards.flash import bundled_image
from lensmount_hardware.clock import Clock
from lensmount_hardware.diagnostics import probes
from lensmount_hardware.diagnostics.facts import BoardFacts, PortFacts, PortKind
from lensmount_hardware.diagnostics.probes import probe_board
from lensmount_hardware.port_spec import PortSpec, parse_spec
from lensmount_hardware.portability import grp, pwd
from lensmount_hardware.serial_devices import (
    find_adapter,
    find_driver,
    latency_timer_ms,
    latency_timer_path,
    may_sleep,
    power_control_path,
    processes_holding,
    serial_devices,
)
from lensmount_hardware.transports.serial_base import SERIAL_ERRORS
from lensmount_protocol.errors import BoardError, TransportOpenError, TransportSpecError
from lensmount_protocol.wire import ClockedLink

BOARD = "board"
"""Scheme of boards."""

_WRITE_TIMEOUT = 2.0


def _path(spec: PortSpec) -> str:
    return spec.rest


def _address(prefix: str, options: str = "") -> Callable[[PortSpec], str]:
    def url(spec: PortSpec) -> str:
        host, port = spec.address()
        return f"{prefix}://{f'[{host}]' if ':' in host else host}:{port}{options}"

    return url


def _unchanged(spec: PortSpec) -> str:
    return spec.text


URLS: Mapping[str, Callable[[PortSpec], str]] = {
    "serial": _path,
    # ser2net does not answer a command for a control line that its port does not have.
    "rfc2217": _address("rfc2217", "?ign_set_control"),
    "tcp": _address("socket"),
    "loop": _unchanged,
}
"""Scheme -> function that returns pyserial's URL for a port; control lines are tested by their own names."""


def port_url(port: str) -> str:
    """Return pyserial's URL for a port specification, or for a path alone.

    Raises:
        TransportSpecError: the specification is invalid, or diagnostics do not support its scheme.
    """
    if port.startswith("/"):
        return port
    spec = parse_spec(port)
    make = URLS.get(spec.scheme)
    url = "" if make is None else make(spec)
    if not url:
        raise spec.error(f"nothing to examine; name a path, or a port of one of: {', '.join(URLS)}")
    return url


def gather_facts(
    port: str,
    rates: tuple[int, ...],
    *,
    jumpers: bool,
    clock: Clock,
    crc_extension: bool,
    clocked: ClockedLink | None = None,
) -> PortFacts:
    """Gather all facts on a port and this machine.

    Without jumpers nothing is driven and nothing is sent; but the system moves RTS and DTR when a port is
    opened, and we cannot prevent that.

    Args:
        port: a path, or a port specification.
        rates: the rates that the mount needs, in bits a second.
        jumpers: RTS is joined with CTS, DTR with DSR and TX with RX, and nothing else is connected.
        clock: the clock for measurements.
        crc_extension: whether compiled code computes checksums.
        clocked: the physical layer of a clocked mount, which only a board plays; `None` for UARTs.

    Raises:
        TransportSpecError: the port specification is invalid.
    """
    if port.startswith(f"{BOARD}:"):
        return _gather_board(port, rates, jumpers=jumpers, clock=clock, crc_extension=crc_extension, clocked=clocked)
    url = port_url(port)
    facts = PortFacts(port, _kind(url), crc_extension=crc_extension, needed=rates)
    facts.jumpers = jumpers or facts.kind is PortKind.LOOP
    facts.sleep_latency = probes.measure_sleep_latency(clock)
    if url.startswith("/") or "://" not in url:
        _query_system(url, facts)
    if facts.exists and facts.readable is not False:
        _probe_port(url, facts, rates, clock)
    return facts


def _gather_board(
    port: str,
    rates: tuple[int, ...],
    *,
    jumpers: bool,
    clock: Clock,
    crc_extension: bool,
    clocked: ClockedLink | None,
) -> PortFacts:
    spec = parse_spec(port)
    spec.require_options()
    facts = PortFacts(port, PortKind.BOARD, crc_extension=crc_extension, needed=rates, jumpers=jumpers)
    with suppress(BoardError):
        facts.bundled_revision = bundled_image()[1]
    facts.sleep_latency = probes.measure_sleep_latency(clock)
    if not spec.rest.startswith(TCP_PREFIX):
        try:
            path = spec.rest if "/" in spec.rest else find_board_path(spec.rest)
        except TransportOpenError:
            facts.exists = False
            return facts
        _query_system(path, facts)
    if facts.exists and facts.readable is not False:
        try:
            facts.board = probe_board(open_stream(spec), clock, rates, jumpers=jumpers, clocked=clocked)
        except TransportOpenError as error:
            facts.board = BoardFacts(error=str(error))
    return facts


def _kind(url: str) -> PortKind:
    if url.startswith(("rfc2217:", "socket:")):
        return PortKind.NETWORK
    if "://" in url:
        return PortKind.LOOP
    return PortKind.PTY if os.path.realpath(url).startswith("/dev/pts/") else PortKind.SERIAL


def _query_system(path: str, facts: PortFacts) -> None:
    if grp is None or pwd is None:
        # Device files, their owners and their drivers are known on POSIX systems only.
        return
    try:
        status = os.stat(path)
    except OSError:
        facts.exists = False
        return
    if not stat.S_ISCHR(status.st_mode):
        raise TransportSpecError(f"port {path!r}: it is no device; `lensmount devices` lists those that there are")
    facts.readable = os.access(path, os.R_OK | os.W_OK)
    facts.group, members = _group(status.st_gid)
    facts.joined = _user() in members
    facts.effective = status.st_gid in {os.getegid(), *os.getgroups()}
    facts.holders = processes_holding(path)
    real = os.path.realpath(path)
    facts.driver = find_driver(real)
    facts.latency_timer_ms = latency_timer_ms(real)
    facts.latency_path = str(latency_timer_path(real))
    facts.may_sleep = may_sleep(real)
    facts.power_path = str(power_control_path(real) or "")
    known = {device.path: device for device in serial_devices()}.get(real)
    facts.adapter = known.adapter if known is not None else find_adapter(None, None, facts.driver)


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


def _probe_port(url: str, facts: PortFacts, rates: tuple[int, ...], clock: Clock) -> None:
    try:
        # `read` waits for bytes, so its timeout is that of a message.
        port = serial.serial_for_url(url, do_not_open=True, timeout=probes.ECHO_TIMEOUT)
        if "://" not in url:
            port.exclusive, port.write_timeout = True, _WRITE_TIMEOUT
        port.open()
    except SERIAL_ERRORS as error:
        facts.failure = str(error)
        return
    facts.failure = ""
    with port:
        probes.request_low_latency(port)
        if Path(url).is_absolute():
            # The request for low latency may have changed it.
            facts.latency_timer_ms = latency_timer_ms(os.path.realpath(url))
        if not url.startswith("socket:"):
            facts.rates = {rate: probes.probe_baudrate(port, rate) for rate in rates}
        if facts.jumpers:
            facts.controls = probes.probe_control_lines(port, clock)
            facts.loopback = probes.probe_loopback(port, clock)
