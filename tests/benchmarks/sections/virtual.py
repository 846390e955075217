"""Simulated seconds that a second of CPU is worth: a body and a lens on the virtual mount, as they play all day."""

import inspect
import time
from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.harness import Goal, Row, Settings, Table, interleaved
from benchmarks.tables import absent
from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import DEFAULT_BODY, DEFAULT_LENS
from lensmount_emulator.sessions.virtual_session import VirtualSession
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role

WARM_UP = 3.0
"""Virtual seconds after which the start-up is over and the loop runs."""

SECONDS = 4.0
"""Virtual seconds of a measurement."""

GOALS = {"frame": 1000.0, "byte": 250.0}
CAN_RESOLVE = "resolution" in inspect.signature(VirtualSession).parameters
SESSION = "a whole session, recorded and decoded"


def virtual(settings: Settings) -> list[Table]:
    """The loop alone, by frames and by bytes, and a session with all that a command does around it."""
    seconds = SECONDS * max(settings.scale, 0.05)
    playing: dict[str, Callable[[], object]] = {}
    for resolution in GOALS if CAN_RESOLVE else ("frame",):
        playing[f"{resolution}-level"] = _Loop(resolution, seconds).go_on
    playing[SESSION] = lambda: run_loopback(seconds=seconds)

    def worth(name: str, _source: Random) -> float:
        began = time.process_time_ns()
        playing[name]()
        return seconds * 1e9 / (time.process_time_ns() - began)

    found = interleaved(playing, worth, settings)
    rows: list[Row] = []
    for resolution, limit in GOALS.items():
        name = f"{resolution}-level"
        if name not in playing:
            rows.append(absent(name, "this mount has no resolution to choose"))
            continue
        goal = Goal(f"at least {limit:g}x real time", limit, found.median(name))
        rows.append(Row(name, found.median(name), None, goal, values=found.values[name]))
    rows.append(Row(SESSION, found.median(SESSION), note="start-up included", values=found.values[SESSION]))
    title = f"{DEFAULT_BODY} and {DEFAULT_LENS}, {seconds:g} s of the loop at a time, engines and mount alone"
    return [Table("virtual", title, "simulated s/CPU s", "", rows)]


class _Loop:
    """A session that is past its start-up, and goes on."""

    def __init__(self, resolution: str, seconds: float) -> None:
        body, lens = load_profile(DEFAULT_BODY, Role.BODY), load_profile(DEFAULT_LENS, Role.LENS)
        cast = get_roles(body.dialect)
        engines = (cast.make_engine(body.settings, None, None, ()), cast.make_engine(lens.settings, None, None, ()))
        options: dict[str, Any] = {"resolution": resolution} if CAN_RESOLVE else {}
        self._bench = VirtualSession(load_dialect(body.dialect), *engines, **options)
        self._seconds = seconds
        self._bench.start()
        self._bench.run(WARM_UP)
        state = engines[0].connection.state
        assert state == "STREAMING", f"after {WARM_UP} s the link is {state}"

    def go_on(self) -> None:
        """Let some time pass."""
        self._bench.run(self._bench.now + self._seconds)
