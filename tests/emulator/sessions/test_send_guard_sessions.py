"""Every port that is played on stands behind a gate: an end that would send what is guarded is held back there."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.sessions import live
from lensmount_emulator.sessions.send_guard import GuardedTransport, SendGuard
from lensmount_hardware.clock import Clock, VirtualClock
from lensmount_hardware.port_spec import open_transport
from lensmount_hardware.transport import TimedRecord, TimedTransport, as_timed
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.wire import Burst, DriveLine, Received, Role, Transmit, WireAction, WireEvent

LMOUNT = load_dialect("lmount")
OFFER = LMOUNT.build_frame(LMOUNT.messages[Role.BODY, 0x60]().build(), 3, 7)


class Careless:
    """An end without any table: says what it was given, a write each."""

    def __init__(self, *parts: bytes) -> None:
        self.now = 0.0
        self.role = Role.BODY
        self.baudrate = 750_000
        self.done = False
        self._parts = list(parts)

    def start(self, now: float) -> None:
        self.now = now

    def receive(self, event: WireEvent, now: float) -> None:
        """It does not listen."""

    def next_deadline(self) -> float | None:
        return None

    def handle_deadline(self, now: float) -> None:
        """It has none."""

    def actions(self) -> Iterator[WireAction]:
        while self._parts:
            yield Transmit(self._parts.pop(0))

    def notices(self) -> Iterator[Notice]:
        return iter(())


@pytest.mark.parametrize("cut", [0, 1, 4, 9, len(OFFER) - 1])
def test_run_lets_no_end_of_ours_send_what_is_guarded(
    cut: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    parts = [part for part in (OFFER[:cut], OFFER[cut:]) if part]
    monkeypatch.setattr(live, "make_live_engine", lambda *_words, **_more: Careless(*parts))
    with open_transport("pty:", role=Role.LENS, baudrate=750_000) as peer:
        words = ["run", "body", "--profile", "sigma-fp", "--port", f"serial:{peer.name}", "--duration", "0.1"]
        record = tmp_path / "run.lmx"
        assert main([*words, "--record", str(record)]) == 2
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert "held back: UpdateOffer (0x60)" in line
        heard = b"".join(event.data for event in peer.receive(0.2) if isinstance(event, Received))
        assert OFFER.startswith(heard)
        assert len(heard) < len(OFFER)
        # What did not leave is in no recording.
        assert OFFER[-4:].hex() not in record.read_text()
        assert main([*words, "--allow", "UpdateOffer"]) == 4


class Timed(TimedTransport):
    """A port that keeps time, and says only that."""

    def __init__(self) -> None:
        self.name, self.lines, self.has_timestamps = "timed", frozenset({"V_LOGIC"}), True
        self.sent: list[WireAction] = []

    def receive(self, timeout: float | None) -> list[WireEvent]:
        raise AssertionError("who wants to know the times asks for sightings")

    def timed_records(self, timeout: float | None, clock: Clock) -> list[TimedRecord]:
        return [TimedRecord(Burst(clock.now(), Role.LENS, b"\x01", 750_000))]

    def problems(self) -> dict[str, int]:
        return {"late": 3}

    def send(self, action: WireAction) -> None:
        self.sent.append(action)

    def close(self) -> None:
        """Nothing is open."""


def test_a_port_that_keeps_time_keeps_it_behind_the_gate() -> None:
    inner = Timed()
    port = GuardedTransport(inner, SendGuard(LMOUNT, Role.BODY))
    keeper = as_timed(port)
    assert keeper is port
    assert keeper.timed_records(0, VirtualClock()) == inner.timed_records(0, VirtualClock())
    assert keeper.problems() == {"late": 3}
    port.send(DriveLine("V_LOGIC", True))
    assert inner.sent == [DriveLine("V_LOGIC", True)]
    near, _ = memory_pair(LMOUNT.wiring.lines)
    assert as_timed(GuardedTransport(near, SendGuard(LMOUNT, Role.BODY))) is None


def send(port: GuardedTransport, data: bytes, random: Random) -> None:
    while data:
        size = random.randint(1, 6)
        port.send(Transmit(data[:size]))
        data = data[size:]


def test_no_way_of_cutting_lets_a_guarded_frame_through() -> None:
    random = Random(1)
    for _ in range(300):
        near, far = memory_pair(LMOUNT.wiring.lines)
        port = GuardedTransport(near, SendGuard(LMOUNT, Role.BODY))
        data = random.randbytes(random.randrange(3)) + OFFER
        with pytest.raises(LocalProtocolError, match="held back"):
            send(port, data, random)
        heard = b"".join(event.data for event in far.receive(0) if isinstance(event, Received))
        assert OFFER not in heard
