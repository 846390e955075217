"""What a Python user gets of a capture, a loopback and a live session: data, bounded texts, and files."""

from pathlib import Path
from threading import Thread

import pytest

from lensmount_emulator.campaign.planner import plan_matrix
from lensmount_emulator.cli.main import main
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.live import LiveSession, open_transport
from lensmount_emulator.sessions.loopback import LoopbackResult, make_virtual_session, run_loopback
from lensmount_emulator.sessions.simulated_board import open_simulated_board
from lensmount_emulator.sessions.verdict import ErrorKind, ShortfallKind
from lensmount_hardware.clock import VirtualClock
from lensmount_hardware.transport import Transport
from lensmount_hardware.transports.memory import memory_pair
from lensmount_protocol.describe import MAX_ROWS, html_table
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.errors import CaptureError, DialectError, LocalProtocolError, ProfileError, ScriptError
from lensmount_protocol.wire import Role, Transmit, WireAction, WireEvent

SCRIPT = "wait 0.1; focus 0x3F50; sleep"


@pytest.fixture(scope="module")
def session() -> LoopbackResult:
    return run_loopback("nex7", "sel2870", script=SCRIPT, seed=1)


@pytest.fixture
def saved(session: LoopbackResult, tmp_path: Path) -> Path:
    return session.save(tmp_path / "session.lmx")


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({"script": SCRIPT}, set()),
        ({"script": "wait 5", "seconds": 0.4}, {ErrorKind.SCRIPT}),
        ({"seconds": 0.5, "faults": ["bitflip rate=2e-3"]}, {ErrorKind.SCRIPT, ErrorKind.FRAMING, ErrorKind.PROTOCOL}),
        ({"seconds": 0.5, "faults": ["vd jitter=3ms"]}, {ErrorKind.TIMING}),
    ],
)
def test_errors_are_empty_only_in_a_clean_session(options: dict[str, object], kinds: set[ErrorKind]) -> None:
    result = run_loopback("nex7", "sel2870", seed=1, **options)  # type: ignore[arg-type]
    assert kinds <= {error.kind for error in result.errors}
    assert result.ok is result.clean is not bool(result.errors)
    assert all(str(error).count("\n") == 0 for error in result.errors)


def test_saved_session_equals_the_recording_of_the_command(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "command.lmx"
    words = ["--body", "nex7", "--lens", "sel2870", "--do", SCRIPT, "--seed", "1", "--quiet", "--record", str(other)]
    assert main(["loopback", *words]) == 0
    assert saved.read_bytes() == other.read_bytes()


def test_save_replaces_a_file_only_when_told(session: LoopbackResult, saved: Path) -> None:
    with pytest.raises(CaptureError, match="exists"):
        session.save(str(saved))
    assert session.save(str(saved), overwrite=True) == saved


def test_loopback_gives_messages_and_verdict(session: LoopbackResult) -> None:
    (move,) = session.messages(FocusMove)
    assert move.operand == 0x3F50
    assert session.verdict is None
    assert run_loopback("panasonic-s1r", "sigma-45mm-f2.8-dg-dn", script="focus 2m").verdict is Verdict.WORKS


def test_virtual_session_goes_on_from_where_it_was() -> None:
    records: list[object] = []
    chain = make_virtual_session("nex7", "sel2870", seed=1, tap=records.append)
    chain.start()
    chain.run(0.2)
    count = len(records)
    chain.run(0.4)
    assert 0 < count < len(records)
    assert chain.now == 0.4


def test_capture_is_read_again_by_each_iteration(session: LoopbackResult, saved: Path) -> None:
    capture = open_capture(str(saved))
    assert (capture.format, capture.dialect.name, capture.declared) == ("recording", "emount", "emount")
    first = [frame.frame.raw for frame in capture.frames()]
    assert first == [frame.frame.raw for frame in capture.frames()]
    assert len(first) == session.tally.valid == capture.statistics.valid
    assert [move.operand for _frame, move in capture.messages(FocusMove)] == [0x3F50]
    assert len(list(capture.records())) == len(session.records)
    assert [one.rule.name for one in capture.timing if one.intervals_us] == [
        one.rule.name for one in session.timing if one.intervals_us
    ]
    assert capture.problems == []


def test_capture_reports_what_cannot_be_trusted(saved: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.lmx"
    cut.write_bytes(saved.read_bytes()[:-20])
    assert any("incomplete" in problem for problem in open_capture(cut).problems)
    assert any("declares the dialect" in problem for problem in open_capture(saved, "lmount").problems)
    with pytest.raises(DialectError, match="unknown dialect"):
        open_capture(saved, "nothing")
    with pytest.raises(CaptureError, match=r"missing\.lmx"):
        open_capture(tmp_path / "missing.lmx")


def test_texts_of_results_are_one_short_line(session: LoopbackResult, saved: Path) -> None:
    capture = open_capture(saved)
    for result in (session, capture, *session.frames[:40]):
        assert repr(result).count("\n") == 0
        assert len(repr(result)) < 200
        assert result._repr_html_().startswith("<table>")
    assert any("FocusMove" in frame._repr_html_() for frame in session.frames)


def test_matrix_and_timing_are_one_short_line(session: LoopbackResult) -> None:
    planned = plan_matrix("lmount", ["leica-cl"], ["sigma-45mm-f2.8-dg-dn"], ["none"], script="focus 2m")
    assert repr(planned.matrix) == "<Matrix lmount: 0 of 1 cells; none run>"
    for _ in planned.run():
        pass
    assert repr(planned.matrix).startswith("<Matrix lmount: 1 of 1 cells; 1 ")
    assert "<td>leica-cl</td>" in planned.matrix._repr_html_()
    assert all(len(repr(rule)) < 160 for rule in session.timing)
    assert any(" intervals, 0 out of bounds>" in repr(rule) for rule in session.timing)


def test_html_escapes_every_text() -> None:
    text = html_table("<b>", ("<i>",), [("<script>alert(1)</script>", 'a"b')])
    assert "<script>" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert text.count("<td>") == 2
    many = html_table("", (), ((number,) for number in range(10_000)), 10_000)
    assert many.count("<tr>") == MAX_ROWS + 1
    assert "and 9900 more" in many


def test_both_ends_play_on_a_pair_of_ports(tmp_path: Path) -> None:
    here, there = memory_pair(("BODY_CS", "LENS_CS", "VD", "VCC", "BODY_ATT", "LENS_ATT"))
    recording = tmp_path / "live.lmx"
    seen: list[object] = []
    over: list[bool] = []
    with (
        LiveSession("nex7", here, script="wait 0.05", record=recording, on_event=seen.append) as body,
        LiveSession("sel2870", there, keep_records=False) as lens,
    ):
        other = Thread(target=lambda: lens.run(until=lambda: bool(over)))
        other.start()
        try:
            result = body.run()
        finally:
            over.append(True)
            other.join()
        with pytest.raises(LocalProtocolError, match="runs once"):
            body.run()
    assert result.ok, result.verdict
    assert result is body.result
    assert result.verdict.script is not None
    assert result.verdict.script.complete
    assert result.statistics.valid == sum(1 for event in seen if hasattr(event, "frame"))
    assert lens.result.records == ()
    assert repr(result).startswith("<LiveResult nex7: ok, ")
    assert "<table>" in result._repr_html_()
    assert open_capture(recording).statistics.valid == result.statistics.valid
    with pytest.raises(CaptureError, match="exists"):
        LiveSession("nex7", _Silent(VirtualClock()), record=recording)


class _Silent(Transport):
    """A port on which nothing comes, and on which time passes only while somebody waits."""

    def __init__(self, clock: VirtualClock) -> None:
        self.name, self.lines, self.closed = "silent", frozenset[str](), False
        self.sent: list[WireAction] = []
        self._clock = clock

    def receive(self, timeout: float | None) -> list[WireEvent]:
        self._clock.advance_to(self._clock.now() + max(1e-4, timeout or 0.0))
        return []

    def send(self, action: WireAction) -> None:
        self.sent.append(action)

    def close(self) -> None:
        self.closed = True


def test_silence_is_what_the_session_lacks() -> None:
    clock = VirtualClock()
    port = _Silent(clock)
    with LiveSession("sel2870", port, clock=clock, spin=0.0) as session:
        assert session.result.seconds == 0.0
        result = session.run(2.0)
    assert not result.ok
    assert [one.kind for one in result.verdict.shortfalls] == [ShortfallKind.SILENCE]
    assert 2.0 <= result.seconds < 2.1
    assert port.closed
    assert repr(session) == "<LiveSession sel2870 on silent: closed>"
    assert "silence" in repr(result)


def test_live_session_plays_on_a_simulated_board() -> None:
    simulated = open_simulated_board("lens")
    moved: list[tuple[int, bool, float]] = []
    simulated.board.on_drive = lambda line, level, at_us: moved.append((line, level, at_us / 1e6))
    with LiveSession("sel55210", simulated.transport, clock=simulated.clock, spin=0.0) as session:
        simulated.board.on_line_level(simulated.lines["VCC"], True)
        session.run(0.2)
    rises = [at for line, level, at in moved if line == simulated.lines["LENS_CS"] and level]
    assert rises
    assert 0.06 < rises[0] < 0.09


def test_port_is_closed_when_the_session_cannot_be_made() -> None:
    for bad, error in (("nothing", ProfileError), ("sigma-tc-1411", ProfileError)):
        with pytest.raises(error):
            LiveSession(bad, _Silent(VirtualClock()))
    with pytest.raises(ScriptError):
        LiveSession("nex7", _Silent(VirtualClock()), script="fly")
    with pytest.raises(DialectError):
        LiveSession("nex7", _Silent(VirtualClock()), allowed=["Nothing*"])


def test_guarded_message_does_not_reach_the_port() -> None:
    clock = VirtualClock()
    port = _Silent(clock)
    with LiveSession("panasonic-s1r", port, clock=clock, spin=0.0) as session:
        dialect = session.dialect
        guarded = [
            cls
            for (role, kind), cls in dialect.messages.items()
            if role is Role.BODY and kind in dialect.protected_types
        ]
        for cls in guarded:
            with pytest.raises(LocalProtocolError, match="held back"):
                session.transport.send(Transmit(dialect.build_frame(cls().build(), 0, 0)))
    assert guarded
    assert port.sent == []


def test_open_transport_takes_names() -> None:
    with open_transport("pty:", role="lens") as port:
        assert port.name.startswith("/dev/")
    with pytest.raises(ValueError, match="nobody"):
        open_transport("pty:", role="nobody")
