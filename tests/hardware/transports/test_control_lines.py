"""Control lines: what hangs where, what is active when, and in which order edges and bytes are told."""

from collections import deque
from dataclasses import dataclass, field, replace

import pytest

from lensmount_hardware.port_spec import Contacts, parse_spec
from lensmount_hardware.transports.control_lines import ControlLinePin, ControlLines
from lensmount_hardware.transports.serial_base import SerialTransport, poll_interval
from lensmount_protocol.errors import TransportError, TransportLostError, TransportSpecError
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SetBaudrate, Transmit


@dataclass
class FakeLink:
    """A serial port that records what it is told, and whose inputs and bytes are set by hand."""

    incoming: deque[bytes] = field(default_factory=deque)
    active: dict[str, bool | None] = field(default_factory=dict)
    told: list[tuple[object, ...]] = field(default_factory=list)
    error: Exception | None = None

    def read(self, wait: float, /) -> bytes:
        self._fail()
        self.told.append(("read", wait))
        return self.incoming.popleft() if self.incoming else b""

    def write(self, data: bytes) -> None:
        self._tell("write", data)

    def set_baudrate(self, baudrate: int) -> None:
        self._tell("baudrate", baudrate)

    def is_active(self, control: str) -> bool | None:
        return self.active.get(control, False)

    def set_active(self, control: str, active: bool) -> None:
        self._tell(control, active)

    def close(self) -> None:
        self.told.append(("close",))

    def _tell(self, *order: object) -> None:
        self._fail()
        self.told.append(order)

    def _fail(self) -> None:
        if self.error is not None:
            raise self.error


def _control_lines(options: str) -> ControlLines:
    return ControlLines.from_spec(parse_spec(f"serial:port?{options}"), Role.BODY)


def _transport(link: FakeLink, options: str) -> SerialTransport:
    return SerialTransport("port", link, _control_lines(options), 0.001)


def test_the_public_wiring_of_a_body_is_expressible() -> None:
    control_lines = _control_lines("rts=BODY_CS&dtr=VD&cts=LENS_CS&dsr=!XDETECT")
    assert control_lines.outputs == {"BODY_CS": ControlLinePin("rts", False), "VD": ControlLinePin("dtr", False)}
    assert control_lines.inputs == {"LENS_CS": ControlLinePin("cts", False), "XDETECT": ControlLinePin("dsr", True)}
    assert control_lines.lines == {"BODY_CS", "VD", "LENS_CS", "XDETECT"}
    assert control_lines.idle_levels() == {"rts": False, "dtr": False}


def test_the_same_wiring_from_the_lens_side() -> None:
    control_lines = _control_lines("rts=LENS_CS&dtr=!XDETECT&cts=BODY_CS&dcd=VD&ri=LENS_POWER")
    assert set(control_lines.outputs) == {"LENS_CS", "XDETECT"}
    assert set(control_lines.inputs) == {"BODY_CS", "VD", "LENS_POWER"}
    assert control_lines.idle_levels() == {"rts": False, "dtr": True}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("rts=VD&dtr=VD", "line 'VD' is wired to both rts and dtr"),
        ("rts=VD&cts=!VD", "line 'VD' is wired to both rts and cts"),
        ("rts=", "rts= names no line; write rts=LINE or rts=!LINE"),
        ("cts=!", "cts= names no line"),
        ("cts=active", "cts=active: only rts and dtr can be held active or inactive"),
        ("rts=!inactive", "rts=!inactive: only rts and dtr can be held"),
    ],
)
def test_a_wiring_that_cannot_be_is_refused(options: str, told: str) -> None:
    with pytest.raises(TransportSpecError, match=told):
        _control_lines(options)


def _of_a_mount(options: str) -> ControlLines:
    contacts = Contacts({"XDETECT": Role.LENS, "LENS_CS": Role.LENS}, (), detect="XDETECT")
    return ControlLines.from_spec(replace(parse_spec(f"serial:port?{options}"), contacts=contacts), Role.LENS)


@pytest.mark.parametrize(
    ("options", "at_rest", "let_go", "pulsed"),
    [
        ("", {}, {}, []),
        ("rts=LENS_CS", {"rts": False}, {"rts": False}, ["RTS (LENS_CS)"]),
        ("rts=!LENS_CS", {"rts": True}, {"rts": True}, []),
        ("rts=inactive", {"rts": False}, {"rts": False}, ["RTS (no line)"]),
        ("rts=active&dtr=inactive", {"rts": True, "dtr": False}, {"rts": True, "dtr": False}, ["DTR (no line)"]),
        ("rts=!LENS_CS&dtr=!XDETECT", {"rts": True, "dtr": True}, {"rts": True, "dtr": False}, []),
        ("dtr=XDETECT", {"dtr": False}, {"dtr": True}, ["DTR (XDETECT)"]),
        ("dsr=XDETECT", {}, {}, []),
    ],
)
def test_where_outputs_are_while_the_port_is_open_and_behind_it(
    options: str, at_rest: dict[str, bool], let_go: dict[str, bool], pulsed: list[str]
) -> None:
    """At rest the mount's line is low; a lens that has gone grounds its contact no longer."""
    control_lines = _of_a_mount(options)
    assert control_lines.idle_levels() == at_rest
    assert control_lines.released_levels() == let_go
    assert control_lines.pulsed() == pulsed
    assert control_lines.needs_control_lines is bool(options)


def test_an_output_that_is_held_carries_no_line_and_stays_there() -> None:
    link = FakeLink()
    transport = _transport(link, "rts=active&dtr=inactive")
    assert transport.lines == frozenset()
    transport.send(DriveLine("active", False))
    assert link.told == []
    transport.close()
    assert link.told == [("rts", True), ("dtr", False), ("close",)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("rts=BODY_SC", "unknown line 'BODY_SC'; known: BODY_CS, LENS_CS"),
        ("cts=FOO", "unknown line 'FOO'; known: BODY_CS, LENS_CS"),
        ("dtr=!LENS_CS", "dtr is an output, and LENS_CS is driven by the lens"),
    ],
)
def test_where_the_mount_is_known_its_lines_are_checked(options: str, told: str) -> None:
    contacts = Contacts({"BODY_CS": Role.BODY, "LENS_CS": Role.LENS}, ())
    spec = replace(parse_spec(f"serial:port?{options}"), contacts=contacts)
    with pytest.raises(TransportSpecError, match=told):
        ControlLines.from_spec(spec, Role.BODY)


@pytest.mark.parametrize(("options", "seconds"), [("", 1e-3), ("poll_us=250", 250e-6), ("poll_us=1000000", 1)])
def test_the_poll_interval(options: str, seconds: float) -> None:
    assert poll_interval(parse_spec(f"serial:port?{options}")) == pytest.approx(seconds)


@pytest.mark.parametrize("level", [True, False])
@pytest.mark.parametrize(("mark", "inverted"), [("", False), ("!", True)])
def test_an_output_follows_its_line(mark: str, inverted: bool, level: bool) -> None:
    link = FakeLink()
    transport = _transport(link, f"rts={mark}BODY_CS&dtr=VD")
    transport.send(DriveLine("BODY_CS", level))
    assert link.told == [("rts", level != inverted)]


def test_a_line_without_an_output_is_let_be() -> None:
    link = FakeLink()
    transport = _transport(link, "rts=BODY_CS&cts=LENS_CS")
    for line in ("VD", "LENS_CS", "rts", ""):
        transport.send(DriveLine(line, True))
    assert link.told == []


def test_inputs_are_stated_first_and_then_told_when_they_change() -> None:
    link = FakeLink(active={"cts": True})
    transport = _transport(link, "cts=LENS_CS&dsr=!XDETECT")
    assert transport.receive(0) == [LineChanged("LENS_CS", True), LineChanged("XDETECT", True)]
    assert transport.receive(0) == []
    link.active["dsr"] = True
    assert transport.receive(0) == [LineChanged("XDETECT", False)]
    assert transport.receive(0) == []


def test_an_input_that_is_not_known_yet_is_not_told() -> None:
    link = FakeLink(active={"cts": None})
    transport = _transport(link, "cts=!LENS_CS")
    assert transport.receive(0) == []
    link.active["cts"] = False
    assert transport.receive(0) == [LineChanged("LENS_CS", True)]


def test_one_look_tells_rises_then_bytes_then_falls() -> None:
    link = FakeLink(active={"cts": True, "dsr": False})
    transport = _transport(link, "cts=LENS_CS&dsr=XDETECT")
    transport.receive(0)
    link.active = {"cts": False, "dsr": True}
    link.incoming.append(b"\xf0")
    assert transport.receive(0) == [
        LineChanged("XDETECT", True),
        Received(b"\xf0"),
        LineChanged("LENS_CS", False),
    ]


def test_bytes_that_come_while_the_line_is_looked_at_are_given_before_its_fall() -> None:
    link = FakeLink(active={"cts": True})
    transport = _transport(link, "cts=LENS_CS")
    transport.receive(0)
    link.active["cts"] = False
    link.incoming += [b"\xf0", b"\x0b\x00"]
    assert transport.receive(0) == [Received(b"\xf0\x0b\x00"), LineChanged("LENS_CS", False)]


@pytest.mark.parametrize(
    ("options", "waits"),
    [("rts=BODY_CS", [0.1, 0.1]), ("cts=LENS_CS", [0, 0.001, 0.001])],
    ids=["outputs need no look", "inputs are looked at every millisecond"],
)
def test_how_long_the_port_waits_for_bytes(options: str, waits: list[float | None]) -> None:
    link = FakeLink(incoming=deque([b""] * (len(waits) - 1) + [b"\x55"]), active={"cts": None})
    assert _transport(link, options).receive(None) == [Received(b"\x55")]
    assert link.told == [("read", wait) for wait in waits]


def test_a_rate_that_the_port_refuses_does_not_end_the_session() -> None:
    link = FakeLink(error=ValueError("Failed to set custom baud rate"))
    transport = _transport(link, "")
    with pytest.raises(TransportError, match=r"^port: the port refuses 1500000 baud: Failed") as caught:
        transport.send(SetBaudrate(1_500_000))
    assert not isinstance(caught.value, TransportLostError)
    link.error = None
    transport.send(SetBaudrate(750_000))
    assert link.told == [("baudrate", 750_000)]


@pytest.mark.parametrize("action", [Transmit(b"x"), DriveLine("VD", True), SetBaudrate(9600)])
def test_a_port_that_goes_while_it_is_told_something_is_lost(
    action: Transmit | DriveLine | SetBaudrate,
) -> None:
    link = FakeLink(error=OSError(5, "Input/output error"))
    transport = _transport(link, "rts=VD")
    with pytest.raises(TransportLostError, match="went away"):
        transport.send(action)
    link.error = None
    with pytest.raises(TransportLostError, match="went away"):
        transport.receive(0)
    transport.close()
    transport.close()
    assert link.told == [("close",)]
