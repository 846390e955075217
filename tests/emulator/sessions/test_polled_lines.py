"""Ports whose lines are polled: edges come before or after the bytes that they frame, and no good frame is broken."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.cli.live_console import LiveConsole
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import LensSettings
from lensmount_emulator.sessions.driver import EngineDriver
from lensmount_emulator.sessions.listener import Listener, poll_times
from lensmount_hardware.captures.formats import open_capture
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.port_spec import parse_spec
from lensmount_hardware.transports.control_lines import ControlLines
from lensmount_hardware.transports.serial_base import SerialTransport
from lensmount_protocol.decoder import Decoded, DecodedFrame, DecodedGarbage, Decoder
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Defect, Edge, LineChanged, LineDefect, Received, Role, WireRecord

EMOUNT = load_dialect("emount")
BAUDRATE = 750_000
BEGINS = 0.8
CYCLE = 0.03
REQUESTS = 40
FRAME = EMOUNT.build_frame(b"\x07\x00", 2, 0)


class LaggingLink:
    """A serial port in virtual time whose lines are seen at once and whose bytes come later, in two pieces."""

    def __init__(self, clock: VirtualClock, lag: float, piece_lag: float) -> None:
        self._clock = clock
        self._arrivals: list[tuple[float, bytes]] = []
        self._windows: list[tuple[float, float]] = []
        self.written: list[bytes] = []
        for number in range(REQUESTS):
            start = BEGINS + number * CYCLE
            sent = start + len(FRAME) * 10 / BAUDRATE
            self._windows.append((start - 1.2e-3, sent + 1.2e-3))
            self._arrivals += [(sent + lag, FRAME[:1]), (sent + lag + piece_lag, FRAME[1:])]

    def read(self, wait: float, /) -> bytes:
        until = self._clock.now() + wait
        if self._arrivals and self._arrivals[0][0] <= until:
            at, data = self._arrivals.pop(0)
            self._clock.advance_to(max(at, self._clock.now()))
            return data
        self._clock.advance_to(until + 1e-6)
        return b""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def set_baudrate(self, baudrate: int) -> None:
        pass

    def is_active(self, control: str) -> bool | None:
        now = self._clock.now()
        handshake = 0.4 <= now < 0.5
        return control == "cts" and (handshake or any(rise <= now < fall for rise, fall in self._windows))

    def set_active(self, control: str, active: bool) -> None:
        pass

    def close(self) -> None:
        pass


LAGS: dict[str, Callable[[VirtualClock], LaggingLink]] = {
    "lines early": lambda clock: LaggingLink(clock, 5e-3, 0.2e-3),
    "line falls inside the frame": lambda clock: LaggingLink(clock, -100e-6, 3e-3),
    "no lag": lambda clock: LaggingLink(clock, 0.0, 0.0),
}


def frames(events: list[Decoded], sender: Role) -> int:
    return sum(isinstance(event, DecodedFrame) and event.sender is sender for event in events)


@pytest.mark.parametrize("lag", LAGS)
def test_every_frame_of_a_polled_port_is_valid_live_and_in_the_recording(lag: str, tmp_path: Path) -> None:
    clock, settings = VirtualClock(), load_profile("sel55210").settings
    assert isinstance(settings, LensSettings)
    link = LAGS[lag](clock)
    spec = parse_spec("serial:x?cts=BODY_CS&rts=LENS_CS")
    port = SerialTransport("x", link, ControlLines.from_spec(spec, Role.LENS), 1e-3, clock=clock)
    path, live = tmp_path / "polled.lmx", list[Decoded]()
    decoder, records = Decoder(EMOUNT), list[WireRecord]()
    with RecordingWriter(path, {"dialect": "emount"}) as writer:

        def tap(record: WireRecord) -> None:
            writer.write(record)
            records.append(record)
            live.extend(decoder.feed(record))
            live.extend(decoder.flush())

        engine = LensEngine(settings, port.lines)
        EngineDriver(engine, port, clock, tap, spin=0.0).run(BEGINS + (REQUESTS + 1) * CYCLE)
    for events in (live, list(Decoder(EMOUNT).decode(open_capture(path, EMOUNT.wiring).records))):
        assert frames(events, Role.BODY) == REQUESTS
        assert frames(events, Role.LENS) == len(link.written) >= REQUESTS - 1
        assert not any(isinstance(event, DecodedGarbage) for event in events)
        polled = [event.line for event in events if isinstance(event, LineDefect) and event.defect is Defect.POLLED]
        assert polled == ["BODY_CS"]
    times = [record.at or 0.0 for record in records]
    assert times == sorted(times)
    assert sum(isinstance(record, Edge) and record.line == "BODY_CS" for record in records) > REQUESTS


def test_player_prints_no_broken_frame_on_a_polled_port(tmp_path: Path) -> None:
    clock, settings, out = VirtualClock(), load_profile("sel55210").settings, io.StringIO()
    assert isinstance(settings, LensSettings)
    link = LAGS["line falls inside the frame"](clock)
    spec = parse_spec("serial:x?cts=BODY_CS&rts=LENS_CS")
    port = SerialTransport("x", link, ControlLines.from_spec(spec, Role.LENS), 1e-3, clock=clock)
    engine = LensEngine(settings, port.lines)
    player = LiveConsole(engine, EMOUNT, port, tap=None, every_frame=True, spin=0.0, out=out)
    player._clock = player._session.clock = clock
    player._session.run(BEGINS + (REQUESTS + 1) * CYCLE)
    text = out.getvalue()
    assert text.count("IdentityRequest") == REQUESTS
    assert "window closed" not in text
    assert "polled" not in text


def test_listener_marks_lines_that_keep_no_order_and_stays_in_time_order() -> None:
    records: list[WireRecord] = []
    listener = Listener(EMOUNT, records.append)
    for number in range(5):
        now = 1.0 + 0.01 * number
        for event, at in zip(
            events := [LineChanged("BODY_CS", True), Received(FRAME), LineChanged("BODY_CS", False)],
            poll_times(events, now, BAUDRATE),
            strict=True,
        ):
            listener.on_event(Role.BODY, event, at)
        listener.on_event(Role.LENS, Received(FRAME), now + 1e-5)
    times = [record.at or 0.0 for record in records]
    assert times == sorted(times)
    assert [record.line for record in records if isinstance(record, LineDefect)] == ["BODY_CS"]
    bursts = [record for record in records if isinstance(record, Burst) and record.sender is Role.BODY]
    assert all((burst.end or 0.0) - (burst.at or 0.0) == pytest.approx(len(FRAME) * 10 / BAUDRATE) for burst in bursts)
    assert frames(list(Decoder(EMOUNT).decode(records)), Role.BODY) == 5


def test_times_of_a_look_put_lines_where_the_bytes_begin_and_end() -> None:
    events = [LineChanged("BODY_CS", True), Received(bytes(75)), LineChanged("BODY_CS", False)]
    assert poll_times(events, 2.0, BAUDRATE) == pytest.approx([1.999, 2.0, 2.0])
    assert poll_times([], 2.0, BAUDRATE) == []
