"""Orders to a running end, as JSON lines on the standard input; each is answered by JSON lines on the standard output.

`{"id": 1, "do": "focus +200"}` gives a body more steps of its script, or operates a control of a lens, and
`{"id": 2, "do": "stop"}` ends the session in order. The answer has the `id` and an `outcome`: `taken` and later `done`,
or `refused` with the `reason`.
"""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from typing import Any, BinaryIO

from lensmount_emulator.engine.dialect_roles import DialectRoles
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.sessions.virtual.steering import ScriptRun, add_steps, step_maker
from lensmount_hardware.captures.record_json import parse_object
from lensmount_protocol.errors import MountError, ScriptError
from lensmount_protocol.wire import Role

MAX_LINE = 65_536
"""Bytes of one order."""

STOP = "stop"


class OrderInput:
    """Takes orders while a session runs.

    Args:
        engine: the end that is emulated.
        roles: the roles of its dialect.
        source: where orders come from.
        answer: takes each answer, as a line of JSON.
    """

    def __init__(
        self, engine: Engine, roles: DialectRoles, source: BinaryIO | None = None, answer: Callable[[str], None] = print
    ) -> None:
        self._engine = engine
        self._roles = roles
        self._answer = answer
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._open: list[tuple[object, ScriptRun]] = []
        self._source = sys.stdin.buffer if source is None else source
        # A read of the standard input cannot be given up, so it is in a thread that ends with the process.
        threading.Thread(target=self._read, name="orders", daemon=True).start()

    def _read(self) -> None:
        while line := self._source.readline(MAX_LINE):
            self._lines.put(line)

    def poll(self) -> bool:
        """Carry out the orders that have come, and answer those that are over; whether the session is to stop."""
        while True:
            try:
                line = self._lines.get_nowait()
            except Empty:
                break
            if line.strip() and self._take(line):
                return True
        for number, run in [one for one in self._open if one[1].over]:
            self._open.remove((number, run))
            if run.done:
                self._print(number, outcome="done")
            else:
                self._print(number, outcome="refused", reason=str(run.error or "the body gave up the lens"))
        return False

    def _take(self, line: bytes) -> bool:
        number: object = None
        try:
            order = _parse(line)
            number = order.get("id")
            text = order.get("do")
            if not isinstance(text, str):
                raise ScriptError('an order is written {"id": 1, "do": "focus +200"}')
            if text.strip() == STOP:
                self._print(number, outcome="done")
                return True
            self._carry_out(number, text)
        except MountError as error:
            self._print(number, outcome="refused", reason=str(error))
        return False

    def _carry_out(self, number: object, text: str) -> None:
        engine, roles = self._engine, self._roles
        if engine.role is Role.BODY:
            execute_step = step_maker(engine, roles.execute_step, "as --script")
            run, task = add_steps(engine, parse_script(text, roles.verbs), execute_step)
            if task is not None:
                engine.run_task(task, engine.now)
            self._open.append((number, run))
            self._print(number, outcome="taken")
            return
        for step in parse_script(text, roles.lens_verbs):
            engine.operate_control(step, engine.now)
        self._print(number, outcome="done")

    def _print(self, number: object, **values: Any) -> None:
        self._answer(json.dumps({"kind": "order", "id": number, **values}, separators=(",", ":")))


def _parse(line: bytes) -> Mapping[str, object]:
    try:
        return parse_object(line)
    except ValueError as error:
        raise ScriptError(f"no order: {error}") from error
