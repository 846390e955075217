"""Orders on the standard input of `run`: each is answered, wrong ones with a reason, and `stop` ends the session."""

import io
import json
import threading

import pytest

from lensmount_emulator.cli.order_input import OrderInput
from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.sessions.loopback import make_virtual_session


@pytest.fixture
def session():
    made = make_virtual_session(seed=1)
    made.start()
    return made


def ask(session, *lines, run_until=0.0):
    answers = []
    text = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
    orders = OrderInput(session.body, get_roles("emount"), io.BytesIO(text), answers.append)
    pause = threading.Event()
    stopped = False
    for _ in range(200):
        stopped = stopped or orders.poll()
        if answers:
            break
        pause.wait(0.01)
    if run_until:
        session.run(run_until)
    stopped = stopped or orders.poll()
    return [json.loads(answer) for answer in answers], stopped


def test_a_step_is_taken_and_done(session):
    answers, stopped = ask(session, {"id": 7, "do": "focus +20"}, run_until=2.0)
    assert [(one["id"], one["outcome"]) for one in answers] == [(7, "taken"), (7, "done")]
    assert not stopped
    assert session.body.position == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"id": 1, "do": "nonsense"}, "unknown script verb 'nonsense'"),
        ({"id": 1, "do": "focus nowhere"}, "wants motor steps"),
        ({"id": 1}, "an order is written"),
        (b"not json\n", "no order"),
        (b"[1, 2]\n", "no order"),
        (b"\xff\xfe\n", "no order"),
    ],
)
def test_a_wrong_order_is_refused_with_a_reason(session, line, reason):
    answers, stopped = ask(session, line)
    assert [one["outcome"] for one in answers] == ["refused"]
    assert reason in answers[0]["reason"]
    assert not stopped


def test_stop_ends_the_session(session):
    answers, stopped = ask(session, {"id": "end", "do": "stop"})
    assert (answers, stopped) == ([{"kind": "order", "id": "end", "outcome": "done"}], True)
