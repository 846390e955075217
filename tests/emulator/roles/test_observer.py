"""Observers see frames, garbage, sent frames, transitions and notices of an engine, and change nothing."""

from collections.abc import Sequence
from itertools import pairwise

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import FrameObserver, Notice, NoticeKind, Observer
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import LocalProtocolError, LocalTransitionError
from lensmount_protocol.framer import Garbage
from lensmount_protocol.payload import AnyMessage
from lensmount_protocol.wire import LineChanged, Received, Role, WireRecord


class Log(Observer):
    """Keeps every call."""

    def __init__(self) -> None:
        self.frames: list[tuple[Role, bytes]] = []
        self.garbage: list[tuple[Role, bytes]] = []
        self.sent: list[tuple[Role, bytes]] = []
        self.transitions: list[tuple[Role, str, str, str]] = []
        self.notices: list[Notice] = []

    def on_frame(self, role: Role, arrival: ReceivedFrame) -> None:
        self.frames.append((role, arrival.frame.raw))

    def on_garbage(self, role: Role, garbage: Garbage) -> None:
        self.garbage.append((role, garbage.data))

    def on_send(self, role: Role, messages: Sequence[AnyMessage], frame: bytes) -> None:
        assert messages
        self.sent.append((role, frame))

    def on_transition(self, role: Role, before: str, trigger: str, after: str) -> None:
        self.transitions.append((role, before, trigger, after))

    def on_notice(self, notice: Notice) -> None:
        self.notices.append(notice)


def engine(name: str, script: str = "") -> Engine:
    profile = load_profile(name)
    cast = get_roles(profile.dialect)
    return cast.make_engine(profile.settings, None, None, parse_script(script, cast.verbs))


def play(*observers: Observer) -> tuple[VirtualSession, list[WireRecord], list[Notice]]:
    records: list[WireRecord] = []
    notices: list[Notice] = []
    body, lens = engine("panasonic-s1r", "focus 2m"), engine("sigma-45mm-f2.8-dg-dn")
    bench = VirtualSession(body.dialect, body, lens, tap=records.append, on_notice=notices.append)
    for observer in observers:
        body.observe(observer)
        lens.observe(observer)
    bench.start()
    bench.run(3.0, stop_when=lambda: body.done)
    return bench, records, notices


def test_observer_sees_what_both_ends_do() -> None:
    log = Log()
    bench, _, notices = play(log)
    assert bench.body.done
    assert {role for role, _ in log.frames} == {role for role, _ in log.sent} == set(Role)
    for role in Role:
        sent = [frame for sender, frame in log.sent if sender is role.peer]
        received = [frame for receiver, frame in log.frames if receiver is role]
        assert received == sent[: len(received)]
        assert len(sent) - len(received) <= 1
        moves = [move for mover, *move in log.transitions if mover is role]
        assert moves[0][0] == bench.body.dialect.transitions.initial
        assert all(one[2] == two[0] for one, two in pairwise(moves))
    assert log.notices == notices
    assert log.garbage == []


def test_notices_name_lens_and_script_step() -> None:
    log = Log()
    play(log)
    subjects = {notice.kind: notice.subject for notice in log.notices if notice.subject}
    assert subjects[NoticeKind.SCRIPT_STEP] == "focus 2m"
    assert subjects[NoticeKind.IDENTIFIED].startswith("Sigma 45mm")
    assert all(notice.text.endswith(notice.subject) for notice in log.notices)


def test_observers_change_nothing() -> None:
    _, bare, _ = play()
    _, observed, _ = play(Log(), FrameObserver(lambda _role, _arrival: None))
    assert bare == observed


def test_garbage_reaches_observers_with_a_callback_only() -> None:
    lens, log, seen = Engine(load_dialect("emount"), Role.LENS), Log(), list[bytes]()
    lens.observe(log)
    lens.observe(FrameObserver(lambda _role, _arrival: None))
    lens.observe(FrameObserver(lambda _role, _arrival: None, lambda _role, garbage: seen.append(garbage.data)))
    lens.start(0.0)
    lens.receive(LineChanged("BODY_CS", True), 1.0)
    lens.receive(Received(b"\x01\x02\x03"), 1.1)
    lens.receive(LineChanged("BODY_CS", False), 1.2)
    assert log.garbage == [(Role.LENS, b"\x01\x02\x03")]
    assert seen == [b"\x01\x02\x03"]


def test_illegal_transition_has_its_kind_whatever_its_text() -> None:
    body = engine("a6000")
    body.report_error(LocalTransitionError("no such move"), "not sent")
    body.report_error(LocalProtocolError("is not legal in state READY"))
    kinds = [(notice.text, notice.kind) for notice in body.notices()]
    assert kinds == [
        ("not sent", NoticeKind.ILLEGAL_TRANSITION),
        ("is not legal in state READY", NoticeKind.OTHER),
    ]


def test_dialect_tables_raise_transition_errors() -> None:
    body = engine("a6000")
    transitions = load_dialect("emount").transitions
    try:
        transitions.next(transitions.initial, "loop", by=Role.BODY, us=Role.BODY)
    except LocalTransitionError as error:
        body.report_error(error)
    assert [notice.kind for notice in body.notices()] == [NoticeKind.ILLEGAL_TRANSITION]
