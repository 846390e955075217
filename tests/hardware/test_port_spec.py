"""Ports in words: what parses as written, and what each mistake is told."""

import re
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import pytest

from lensmount_hardware import port_spec as spec_module
from lensmount_hardware.port_spec import BUILT_IN, PortSpec, open_transport, parse_spec, scheme_names
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.control_lines import CONTROLS, ControlLines
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.errors import TransportSpecError
from lensmount_protocol.wire import Role


@pytest.mark.parametrize(
    ("text", "scheme", "rest", "options"),
    [
        ("pty:", "pty", "", {}),
        ("pty:/run/lens", "pty", "/run/lens", {}),
        ("serial:/dev/ttyUSB0", "serial", "/dev/ttyUSB0", {}),
        (
            "serial:/dev/ttyUSB0?rts=BODY_CS&dtr=VD&cts=LENS_CS&dsr=!XDETECT",
            "serial",
            "/dev/ttyUSB0",
            {"rts": "BODY_CS", "dtr": "VD", "cts": "LENS_CS", "dsr": "!XDETECT"},
        ),
        ("serial:/dev/serial/by-id/usb-a%20b:1.0", "serial", "/dev/serial/by-id/usb-a%20b:1.0", {}),
        ("tcp:localhost:5000?listen=1", "tcp", "localhost:5000", {"listen": "1"}),
        ("rfc2217://bench.local:2217?rts=BODY_CS", "rfc2217", "//bench.local:2217", {"rts": "BODY_CS"}),
        ("tcp:localhost:5000?", "tcp", "localhost:5000", {}),
        ("serial:p?rts=a=b", "serial", "p", {"rts": "a=b"}),
    ],
)
def test_a_port_is_taken_apart(text: str, scheme: str, rest: str, options: dict[str, str]) -> None:
    assert parse_spec(text) == PortSpec(text, scheme, rest, options)


def test_every_port_of_the_guide_can_be_asked_for() -> None:
    guide = Path(__file__).parents[2] / "docs" / "how-to" / "ports.md"
    specs = [parse_spec(text) for text in re.findall(r"--port '([^']+)'", guide.read_text(encoding="utf-8"))]
    assert {spec.scheme for spec in specs} == set(BUILT_IN)
    assert any(ControlLines.from_spec(spec, Role.BODY).lines for spec in specs)
    for spec in specs:
        if spec.scheme != "board":
            spec.require_options(*CONTROLS, "poll_us", "listen")


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("tcp:localhost:5000", "localhost", 5000),
        ("rfc2217://bench.local:2217", "bench.local", 2217),
        ("tcp:[::1]:0", "::1", 0),
        ("tcp:0.0.0.0:65535", "0.0.0.0", 65535),
    ],
)
def test_addresses(text: str, host: str, port: int) -> None:
    assert parse_spec(text).address() == (host, port)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no scheme"),
        (
            "/dev/ttyUSB0",
            "has no scheme; write serial:/dev/ttyUSB0, or SCHEME:…, with one of: board, pty, rfc2217, serial, tcp",
        ),
        ("usb:0", "unknown scheme 'usb'; known: board, pty, rfc2217, serial, tcp"),
        (":x", "unknown scheme ''"),
        ("pty:?rts", "option 'rts' has no value"),
        ("pty:?=x", "option '=x' has no value"),
        ("serial:p?rts=VD&rts=VD", "option 'rts' is given twice"),
        ("serial:p?rst=VD", "unknown option 'rst'; known: cts, dcd, dsr, dtr, poll_us, ri, rts"),
        ("serial:p?poll_us=0", "poll_us is '0', not a whole number from 1 to 1000000"),
        ("serial:p?poll_us=soon", "poll_us is 'soon'"),
        ("serial:p?poll_us=²", "poll_us is '²'"),
        ("serial:", "it names no path; known ports: "),
        ("pty:?speed=1", "unknown option 'speed'; known: none"),
        ("tcp:localhost", "'localhost' is no address; write HOST:PORT"),
        ("tcp::80", "':80' is no address"),
        ("tcp:localhost:http", "port is 'http', not a whole number from 0 to 65535"),
        ("tcp:localhost:65536", "port is '65536'"),
        ("tcp:localhost:-1", "port is '-1'"),
        ("tcp:localhost:1?listen=2", "listen is '2', not a whole number from 0 to 1"),
        ("tcp:localhost:1?rts=VD", "unknown option 'rts'; known: listen"),
        ("rfc2217:", "is no address"),
        ("rfc2217://h:1?listen=1", "unknown option 'listen'"),
    ],
)
def test_a_mistake_is_reported_in_one_line(text: str, told: str) -> None:
    with pytest.raises(TransportSpecError) as caught:
        open_transport(text, role=Role.LENS, baudrate=750_000)
    assert told in str(caught.value)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def _offer(monkeypatch: pytest.MonkeyPatch, *offers: tuple[str, str]) -> None:
    def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
        return [EntryPoint(known, value, group) for known, value in offers if name in (None, known)]

    monkeypatch.setattr(spec_module, "entry_points", entry_points)


def test_other_packages_offer_schemes(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[PortSpec, Role, int]] = []

    def open_probe(spec: PortSpec, role: Role, baudrate: int) -> Transport:
        asked.append((spec, role, baudrate))
        return memory_pair()[0]

    monkeypatch.setitem(sys.modules, "probe_plugin", SimpleNamespace(open_probe=open_probe))
    _offer(monkeypatch, ("probe", "probe_plugin:open_probe"))
    assert scheme_names() == ["board", "probe", "pty", "rfc2217", "serial", "tcp"]
    with open_transport("probe:7?led=1", role=Role.BODY, baudrate=9600):
        assert asked == [(parse_spec("probe:7?led=1"), Role.BODY, 9600)]


@pytest.mark.parametrize(
    ("offer", "told"),
    [
        (("pty", "elsewhere:open"), "offered twice: .*pty:open_pty and elsewhere:open"),
        (("probe", "no_such_module_here:open"), "cannot be loaded from no_such_module_here:open"),
        (("probe", "json:no_such_name"), "cannot be loaded from json:no_such_name"),
    ],
)
def test_a_bad_offer_is_reported(monkeypatch: pytest.MonkeyPatch, offer: tuple[str, str], told: str) -> None:
    _offer(monkeypatch, offer)
    with pytest.raises(TransportSpecError, match=told):
        open_transport(f"{offer[0]}:", role=Role.LENS, baudrate=750_000)
