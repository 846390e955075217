"""Tasks by themselves: what wakes them, what they are told, and what is left of them."""

from typing import Any

import pytest

from lensmount_emulator.engine.engine import ARRIVAL, Engine
from lensmount_emulator.engine.tasks import Reaction, Task, Wait
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.dialects.emount.framing import build_frame
from lensmount_protocol.dialects.emount.identification import Query0B
from lensmount_protocol.errors import LocalProtocolError
from lensmount_protocol.wire import LineChanged, Received, Role


class Idle(Engine):
    """A lens that does nothing by itself; counts how often its conditions are asked."""

    topics = Engine.topics | {"here"}

    def __init__(self) -> None:
        super().__init__(load_dialect("emount"), Role.LENS)
        self.told: list[object] = []
        self.asked = 0
        self.open = False

    def is_open(self) -> bool:
        self.asked += 1
        return self.open

    def begin(self, task: Task) -> None:
        self.spawn(task)
        self.start(self.now)


@pytest.fixture
def idle() -> Idle:
    return Idle()


def waiting(idle: Idle, *waits: float | str | Wait) -> Task:
    for wait in waits:
        result = yield wait
        idle.told.append((idle.now, result))


def test_a_task_goes_on_at_its_time(idle: Idle) -> None:
    idle.begin(waiting(idle, 1.0, 2.0))
    assert idle.next_deadline() == 1.0
    idle.handle_deadline(1.25)
    assert idle.told == [(1.25, False)]
    assert idle.next_deadline() == 2.0


def test_a_time_that_has_passed_is_over_at_once(idle: Idle) -> None:
    idle.begin(waiting(idle, 0.0, 0.0, 5.0))
    assert idle.told == [(0.0, False), (0.0, False)]
    assert idle.next_deadline() == 5.0


def test_a_line_wakes_only_those_who_wait_for_it(idle: Idle) -> None:
    idle.begin(waiting(idle, Wait(9.0, idle.is_open, on=("VD",))))
    asked = idle.asked
    idle.receive(LineChanged("BODY_CS", True), 0.1)
    assert idle.asked == asked
    idle.receive(LineChanged("VD", True), 0.2)
    assert idle.asked == asked + 1
    idle.open = True
    idle.receive(LineChanged("VD", False), 0.3)
    assert idle.told == [(0.3, True)]
    assert idle.next_deadline() is None


def test_a_condition_without_a_topic_is_asked_after_any_event(idle: Idle) -> None:
    idle.begin(waiting(idle, Wait(ready=idle.is_open)))
    idle.receive(LineChanged("BODY_CS", True), 0.1)
    idle.open = True
    idle.receive(Received(b"?"), 0.2)
    assert idle.told == [(0.2, True)]


def test_reaction_comes_after_the_edge_and_its_delay(idle: Idle) -> None:
    idle.begin(waiting(idle, Reaction(9.0, on=("VD",), delay_us=250_000.0)))
    assert idle.next_deadline() == 9.0
    idle.receive(LineChanged("BODY_CS", True), 0.1)
    idle.receive(LineChanged("VD", True), 0.5)
    idle.receive(LineChanged("VD", False), 0.625)
    assert idle.told == []
    assert idle.next_deadline() == 0.75
    idle.handle_deadline(0.75)
    assert idle.told == [(0.75, True)]
    assert idle.next_deadline() is None


def test_reaction_without_an_edge_ends_at_its_time_limit(idle: Idle) -> None:
    idle.begin(waiting(idle, Reaction(9.0, on=("VD",), delay_us=250_000.0), 10.0))
    idle.handle_deadline(9.0)
    idle.receive(LineChanged("VD", True), 9.5)
    idle.handle_deadline(10.0)
    assert idle.told == [(9.0, False), (10.0, False)]
    assert idle.stale_waits() == 0


def test_reaction_without_a_topic_is_to_what_has_happened(idle: Idle) -> None:
    idle.begin(waiting(idle, Reaction(9.0, delay_us=500_000.0)))
    assert idle.next_deadline() == 0.5
    idle.handle_deadline(0.5)
    assert idle.told == [(0.5, True)]


def test_reactions_to_one_edge_keep_the_order_of_their_tasks(idle: Idle) -> None:
    idle.spawn(waiting(idle, Reaction(9.0, on=("VD",), delay_us=500_000.0)))
    idle.begin(waiting(idle, Wait(9.0, lambda: idle.levels.get("VD", False), on=("VD",))))
    idle.receive(LineChanged("VD", True), 0.5)
    idle.handle_deadline(1.0)
    assert idle.told == [(0.5, True), (1.0, True)]


def test_a_stopped_reaction_never_comes(idle: Idle) -> None:
    idle.begin(waiting(idle, Reaction(9.0, on=("VD",), delay_us=500_000.0)))
    idle.receive(LineChanged("VD", True), 0.5)
    idle.stop_tasks()
    assert idle.next_deadline() is None
    assert idle.told == []


def test_news_of_a_topic_is_waited_for_without_a_condition(idle: Idle) -> None:
    idle.begin(waiting(idle, ARRIVAL, "here"))
    idle.receive(Received(build_frame(Query0B().build(), 2, 0)), 0.5)
    assert idle.told == [(0.5, False)]
    idle.wake("here")
    idle.receive(LineChanged("BODY_CS", True), 0.75)
    assert idle.told == [(0.5, False), (0.75, False)]


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("wait", ["nowhere", "vd", None, Wait(), Wait(on=("VD",))], ids=repr)
def test_a_wait_that_nothing_ends_is_an_error_in_the_task(idle: Idle, wait: Any, at_once: bool) -> None:
    task = waiting(idle, *([] if at_once else [1.0]), wait)

    def run() -> None:
        idle.begin(task)
        idle.handle_deadline(1.0)

    with pytest.raises(
        ValueError, match=r"yields .*, and would wait for ever; legal are a time in seconds, "
    ) as raised:
        run()
    assert [entry.name for entry in raised.traceback][-1] == "waiting"
    assert idle.task_count() == 0


def test_a_patient_task_is_told_that_it_waited_in_vain_and_leaves_nothing_behind(idle: Idle) -> None:
    idle.begin(waiting(idle, *(Wait(float(second), idle.is_open, on=("VD", ARRIVAL)) for second in range(1, 50))))
    for second in range(1, 50):
        idle.handle_deadline(float(second))
    assert idle.told == [(float(second), False) for second in range(1, 50)]
    asked = idle.asked
    idle.receive(LineChanged("VD", True), 60.0)
    assert idle.asked == asked


def test_a_task_that_wakes_another_goes_first(idle: Idle) -> None:
    def opens() -> Task:
        yield 1.0
        idle.open = True
        idle.wake("door")
        idle.told.append("opened")
        yield 2.0

    idle.begin(waiting(idle, Wait(ready=idle.is_open, on=("door",))))
    idle.begin(opens())
    idle.handle_deadline(1.0)
    assert idle.told == ["opened", (1.0, True)]


def test_tasks_that_are_stopped_never_come_back(idle: Idle) -> None:
    idle.begin(waiting(idle, 1.0))
    idle.begin(waiting(idle, Wait(2.0, idle.is_open, on=("VD",))))
    idle.stop_tasks()
    idle.open = True
    assert idle.next_deadline() is None
    idle.receive(LineChanged("VD", True), 3.0)
    assert idle.told == []


def test_a_task_that_leaves_the_tables_is_told_of_and_over(idle: Idle) -> None:
    def errs() -> Task:
        yield 1.0
        raise LocalProtocolError("not now")

    idle.begin(errs())
    idle.handle_deadline(1.0)
    assert [(notice.at, notice.text, notice.is_error) for notice in idle.notices()] == [(1.0, "not now", True)]
    assert idle.next_deadline() is None
