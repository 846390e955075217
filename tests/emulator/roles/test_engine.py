"""What every role shares, by itself: lines, bytes, reactions, notices, and tasks that end in an error."""

from random import Random
from typing import Any

import pytest

from lensmount_emulator.engine.engine import ARRIVAL, MAX_JITTER_US, Engine, HandlerTable, allowed_types
from lensmount_emulator.engine.observer import Notice
from lensmount_emulator.engine.script import Step, no_argument, parse_count, parse_script, parse_seconds
from lensmount_emulator.engine.tasks import Task, TaskRunner, Wait
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.focus import FocusMove
from lensmount_protocol.dialects.emount.identification import Query0B
from lensmount_protocol.errors import DialectError, LocalProtocolError, RemoteProtocolError, ScriptError
from lensmount_protocol.framer import Garbage, GarbageReason
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, SetBaudrate, Transmit

EMOUNT = load_dialect("emount")
QUERY = EMOUNT.build_frame(Query0B().build(), 2, 0)


class Probe(Engine):
    """An engine that keeps what it is called with."""

    def __init__(self, role: Role = Role.LENS, carried: frozenset[str] | None = None, seed: int | None = None) -> None:
        super().__init__(EMOUNT, role, carried, None if seed is None else Random(seed))
        self.lines: list[LineChanged] = []
        self.arrivals: list[ReceivedFrame] = []
        self.fails = False

    def on_line(self, edge: LineChanged) -> None:
        self.lines.append(edge)
        if self.fails:
            raise RemoteProtocolError("out of turn")

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        self.arrivals.append(arrival)


def test_an_engine_on_the_virtual_mount_begins_with_nothing_done() -> None:
    probe = Probe()
    assert (probe.live, probe.windowed, probe.sending, probe.rx_enabled, probe.done) == (
        False,
        True,
        False,
        True,
        False,
    )
    assert (probe.free_at, probe.now, probe.position, probe.script, probe.compatibility_results) == (
        0.0,
        0.0,
        0,
        (),
        [],
    )
    assert (probe.levels, probe.baudrate, probe.select, probe.operate_mount) == ({}, 750_000, "LENS_CS", None)
    assert probe.carried == set(EMOUNT.wiring.lines)
    assert probe.connection.keeps_windows
    assert probe.asserts_detect
    assert Probe(Role.BODY).select == "BODY_CS"


def test_an_engine_on_a_live_port_trusts_no_window_and_knows_its_lines() -> None:
    probe = Probe(carried=frozenset({"TXD", "RXD"}))
    assert (probe.live, probe.windowed, probe.connection.keeps_windows) == (True, False, False)
    assert Probe(carried=frozenset({"BODY_CS"})).windowed


def test_a_line_is_driven_once_and_only_where_the_port_has_it() -> None:
    probe = Probe(carried=frozenset({"LENS_CS"}))
    probe.drive("LENS_CS", False)
    probe.drive("LENS_CS", True)
    probe.drive("LENS_CS", True)
    probe.drive("RXD", True)
    assert list(probe.actions()) == [DriveLine("LENS_CS", True)]
    assert probe.levels == {"LENS_CS": True}
    assert list(probe.actions()) == []


def test_bytes_and_rates_go_out_in_order_and_the_rate_only_where_it_changes() -> None:
    probe = Probe()
    probe.set_baudrate(750_000)
    probe.transmit(b"a")
    probe.set_baudrate(1_500_000)
    probe.transmit(b"b")
    assert list(probe.actions()) == [Transmit(b"a"), SetBaudrate(1_500_000), Transmit(b"b")]


def test_a_line_of_the_peer_is_news_only_where_it_moves() -> None:
    probe = Probe()
    for at, level in ((1.0, False), (1.1, True), (1.2, True), (1.3, False)):
        probe.receive(LineChanged("BODY_CS", level), at)
    assert probe.lines == [LineChanged("BODY_CS", True), LineChanged("BODY_CS", False)]
    assert (probe.levels["BODY_CS"], probe.now) == (False, 1.3)


def test_what_arrives_while_the_serial_port_is_off_is_lost() -> None:
    probe = Probe()
    probe.rx_enabled = False
    probe.receive(Received(QUERY), 1.0)
    assert probe.arrivals == []
    probe.rx_enabled = True
    probe.receive(Received(QUERY), 2.0)
    assert [arrival.at for arrival in probe.arrivals] == [2.0]


def test_garbage_is_trouble_that_is_told_with_its_size_and_reason() -> None:
    probe = Probe()
    probe.receive(LineChanged("BODY_CS", True), 1.0)
    probe.receive(Received(b"\x01\x02\x03"), 1.1)
    probe.receive(LineChanged("BODY_CS", False), 1.2)
    assert list(probe.notices()) == [Notice(1.2, Role.LENS, "3 bytes are no frame: no start byte", True)]
    assert list(probe.notices()) == []
    probe.on_garbage(Garbage(b"xy", 0, GarbageReason.CHECKSUM))
    assert [notice.is_error for notice in probe.notices()] == [True]


def test_a_peer_that_leaves_the_tables_is_told_of_and_does_not_end_the_engine() -> None:
    probe = Probe()
    probe.fails = True
    probe.receive(LineChanged("VD", True), 1.0)
    assert list(probe.notices()) == [Notice(1.0, Role.LENS, "out of turn", True)]


def test_reactions_have_half_a_microsecond_of_jitter_at_most() -> None:
    assert MAX_JITTER_US == 0.5
    exact, loose = Probe(), Probe(seed=3)
    exact.now = loose.now = 2.0
    assert exact.after(30.0) == 2.0 + 30e-6
    reactions = [(loose.after(30.0) - 2.0) * 1e6 - 30.0 for _ in range(300)]
    assert -1e-6 <= min(reactions) < 0.05
    assert 0.45 < max(reactions) <= 0.5
    assert loose.at(1.0, 250.0) == exact.at(1.0, 250.0) == 1.00025


def test_a_wait_for_a_level_is_over_where_the_port_has_no_such_line() -> None:
    probe = Probe(carried=frozenset({"BODY_CS"}))
    missing, low, high = probe.level("VD", True, until=5.0), probe.level("BODY_CS", False), probe.level("BODY_CS", True)
    assert (missing.until, missing.on, low.until, low.on) == (5.0, ("VD",), None, ("BODY_CS",))
    assert [wait.ready() for wait in (missing, low, high) if wait.ready] == [True, True, False]
    probe.levels["BODY_CS"] = True
    assert [wait.ready() for wait in (missing, low, high) if wait.ready] == [True, False, True]


def test_notices_are_no_trouble_unless_they_say_so() -> None:
    probe = Probe(Role.BODY)
    probe.now = 3.0
    probe.report("well")
    probe.report("not well", is_error=True)
    assert list(probe.notices()) == [Notice(3.0, Role.BODY, "well"), Notice(3.0, Role.BODY, "not well", True)]
    assert not Notice(3.0, Role.BODY, "well").is_error


def test_a_hand_at_a_device_without_controls_does_nothing() -> None:
    probe = Probe()
    probe.operate_control(Step("turn", "turn focus 3", 3), 4.0)
    assert list(probe.notices()) == [Notice(4.0, Role.LENS, "no control for this step: turn focus 3")]
    assert (probe.now, list(probe.actions())) == (4.0, [])


def test_a_line_that_we_drive_wakes_the_task_that_waits_for_it() -> None:
    probe, told = Probe(), list[tuple[float, bool]]()

    def task() -> Task:
        came = yield probe.level("LENS_CS", True, until=9.0)
        told.append((probe.now, came))
        came = yield Wait(8.0, lambda: False, (ARRIVAL,))
        told.append((probe.now, came))

    probe.spawn(task())
    probe.start(0.5)
    probe.drive("LENS_CS", True)
    probe.receive(LineChanged("VD", True), 0.75)
    assert told == [(0.75, True)]
    probe.handle_deadline(8.0)
    assert told == [(0.75, True), (8.0, False)]
    assert (probe.task_count(), probe.next_deadline()) == (0, None)


def test_a_frame_wakes_the_task_that_waits_for_an_arrival() -> None:
    probe, told = Probe(), list[float]()

    def task() -> Task:
        yield ARRIVAL
        told.append(probe.now)

    probe.spawn(task())
    probe.start(0.0)
    probe.receive(LineChanged("VD", True), 0.5)
    assert told == []
    probe.receive(Received(QUERY), 1.0)
    assert told == [1.0]


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_task_that_breaks_a_rule_of_ours_ends_with_a_notice(steps: int) -> None:
    probe = Probe()

    def task() -> Task:
        for number in range(steps):
            yield float(number + 1)
        raise LocalProtocolError("not allowed")

    probe.spawn(task())
    for number in range(steps):
        probe.handle_deadline(float(number + 1))
    assert list(probe.notices()) == [Notice(float(steps), Role.LENS, "not allowed", True)]
    assert probe.task_count() == 0


def test_tasks_without_an_engine_tell_nothing() -> None:
    tasks = TaskRunner()
    tasks.report("x", is_error=True)
    assert (tasks.now, tasks.task_count(), tasks.stale_waits(), tasks.next_deadline()) == (0.0, 0, 0, None)


def test_a_task_that_has_nothing_to_wait_for_is_over_at_once() -> None:
    tasks = TaskRunner()

    def task() -> Task:
        return
        yield

    tasks.spawn(task())
    assert tasks.task_count() == 0


def test_arming_names_types_by_pattern_and_by_number() -> None:
    def allowed(*names: str, also: tuple[str, ...] = ()) -> set[int]:
        return allowed_types(EMOUNT, Role.BODY, names, also)

    assert allowed() == set()
    assert allowed("UpdateOrder14") == {0x14}
    assert allowed("Update*") == {0x14, 0x15}
    assert allowed("0x7f", "0X10") == {0x7F, 0x10}
    assert allowed("garbage", also=("garbage",)) == set()
    assert allowed("garbage", "UpdateBlock15", also=("garbage",)) == {0x15}
    for wrong in ("garbage", "0xzz", "Query0B", "7f"):
        with pytest.raises(DialectError, match="unknown guarded message of a body"):
            allowed(wrong)
    with pytest.raises(DialectError, match="unknown guarded message of a lens"):
        allowed_types(EMOUNT, Role.LENS, ["UpdateOrder14"])


def test_arming_an_engine_adds_to_what_it_may_send() -> None:
    probe = Probe(Role.BODY)
    probe.allow(["UpdateOrder14"])
    probe.allow(["0x7f"])
    assert probe.connection.allowed == {0x14, 0x7F}


def test_a_handler_is_found_by_the_message_s_class_and_each_class_has_one() -> None:
    handlers = HandlerTable[list[Any], int]()

    @handlers.on(Query0B)
    def _query(subject: list[Any], message: Query0B) -> int:
        subject.append(message)
        return 7

    subject: list[Any] = []
    assert handlers(subject, Query0B()) == 7
    assert subject == [Query0B()]
    assert handlers(subject, FocusMove()) is None
    assert list(handlers) == [(Query0B, _query)]
    with pytest.raises(ValueError, match="Query0B has a handler already: _query"):
        handlers.on(Query0B)(_query)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0.0), ("0.5", 0.5), ("2s", 2.0), ("500ms", 0.5), ("0ms", 0.0), ("1e3", 1000.0)],
)
def test_durations(text: str, value: float) -> None:
    assert parse_seconds(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "-1", "-1ms", "inf", "nan", "5m", "x"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="wants a duration"):
        parse_seconds(text)


def test_counts_and_verbs_without_a_value() -> None:
    assert (parse_count("0"), parse_count("30")) == (0, 30)
    for text in ("-1", "1.5", "", "x"):
        with pytest.raises(ValueError, match="wants a whole number"):
            parse_count(text)
    assert (parse_count("00065535", maximum=65535), parse_count("4294967295")) == (65535, 4294967295)
    for text, maximum in (("65536", 65535), ("4294967296", 4294967295), ("9" * 5000, 4294967295)):
        with pytest.raises(ValueError, match=rf"^wants a whole number up to {maximum}, not {text[:40]}$"):
            parse_count(text, maximum)
    assert no_argument("") is None
    with pytest.raises(ValueError, match="takes no value, not 'x'"):
        no_argument("x")


def test_a_script_is_split_at_semicolons_and_its_verbs_take_the_rest() -> None:
    verbs = {"wait": parse_seconds, "sleep": no_argument, "say": str}
    assert parse_script(" wait  0.5 ;; say a b ; sleep", verbs) == [
        Step("wait", "wait  0.5", 0.5),
        Step("say", "say a b", "a b"),
        Step("sleep", "sleep", None),
    ]
    assert parse_script(" ; ", verbs) == []
    with pytest.raises(ScriptError, match=r"script step 'wait x': wants a duration"):
        parse_script("wait x", verbs)
    with pytest.raises(ScriptError, match="unknown script verb 'slep'"):
        parse_script("slep", verbs)
    with pytest.raises(ScriptError, match="this end takes no script"):
        parse_script("sleep", {})


def test_a_wait_that_was_in_vain_leaves_nothing_in_the_lists() -> None:
    probe = Probe()

    def task() -> Task:
        yield Wait(1.0, lambda: False, ("VD", "BODY_CS"))
        yield 5.0

    probe.spawn(task())
    assert set(probe._waiting) == {"VD", "BODY_CS"}
    probe.handle_deadline(1.0)
    assert probe._waiting == {}
    assert probe.stale_waits() == 0
    assert probe.next_deadline() == 5.0
