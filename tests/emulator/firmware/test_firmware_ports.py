"""The examples in C on a port that lacks lines: they play the form that the specification has for it."""

import heapq
import itertools
import math
from collections.abc import Callable

import pytest

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.firmware.isolation import run_isolated
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.live import make_live_engine
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import Frame
from lensmount_protocol.wire import DriveLine, LineChanged, Received, Role, Transmit, WireEvent, transmission_time

DIALECT = load_dialect("lmount")
EVERY_LINE = {*DIALECT.wiring.lines} - {line.name for line in DIALECT.wiring.serial}
SCRIPT = "focus near; sleep; wake; focus far"
LIMIT_S = 20.0


class BareLink:
    """A body and a lens in virtual time, and between them bytes and some lines, as on a port in real time."""

    def __init__(self, body: str, lens: str, script: str, missing: set[str]) -> None:
        self.carried = frozenset(DIALECT.wiring.lines) - missing
        self.ends = {
            role: make_live_engine(load_profile(name, role), self.carried, text)
            for role, name, text in ((Role.BODY, body, script), (Role.LENS, lens, ""))
        }
        self.sent: dict[Role, bytes] = {Role.BODY: b"", Role.LENS: b""}
        self.errors: list[str] = []
        self._free_at = dict.fromkeys(Role, 0.0)
        self._waiting: list[tuple[float, int, Engine, WireEvent]] = []
        self._counter = itertools.count()

    def run(self) -> None:
        """Run until the body's script is done or given up, at most `LIMIT_S`."""
        for end in self.ends.values():
            end.start(0.0)
            self._collect(end, 0.0)
        body, now = self.ends[Role.BODY], 0.0
        if DIALECT.detect in self.carried:
            # The lens that is on the mount holds it low.
            self._put(now, body, LineChanged(DIALECT.detect, False))
        while not body.done and now < LIMIT_S:
            timed = [(math.inf if (due := end.next_deadline()) is None else due, end) for end in self.ends.values()]
            due, next_end = min(timed, key=lambda pair: pair[0])
            if self._waiting and self._waiting[0][0] <= due:
                now, _, next_end, event = heapq.heappop(self._waiting)
                next_end.receive(event, now)
            else:
                now = max(now, due)
                next_end.handle_deadline(now)
            self._collect(next_end, now)

    def _collect(self, end: Engine, now: float) -> None:
        peer = self.ends[end.role.peer]
        for action in end.actions():
            if isinstance(action, Transmit):
                self.sent[end.role] += action.data
                begins = max(now, self._free_at[end.role])
                self._free_at[end.role] = begins + transmission_time(len(action.data), end.baudrate)
                self._put(self._free_at[end.role], peer, Received(action.data))
            elif isinstance(action, DriveLine) and action.line in self.carried:
                self._put(now, peer, LineChanged(action.line, action.level))
        self.errors += [notice.text for notice in end.notices() if notice.is_error]

    def _put(self, at: float, end: Engine, event: WireEvent) -> None:
        heapq.heappush(self._waiting, (at, next(self._counter), end, event))


def reports_of(link: BareLink) -> int:
    events = FrameParser(DIALECT, Role.LENS, DIALECT.payload_parser()).receive(link.sent[Role.LENS])
    return sum(isinstance(event, Frame) and event.messages[0].build()[0] == 0xA0 for event in events)


def play(firmware: str, body: str, lens: str, missing: set[str]) -> tuple[bool, list[str], int]:
    """Whether the script was carried out, the errors, and how often the lens reported its focus."""

    def job(_send: Callable[[object], None]) -> tuple[bool, list[str], int]:
        link = BareLink(body, lens, SCRIPT, missing)
        link.run()
        end = link.ends[Role.BODY]
        return end.done and not end.gave_up, link.errors, reports_of(link)

    return run_isolated(job, firmware)


@pytest.mark.parametrize("missing", [{"FSYNC"}, EVERY_LINE], ids=["frame signal", "every line"])
def test_the_lens_plays_without_lines(lens: str, missing: set[str]) -> None:
    done, errors, reports = play(lens, "panasonic-s1r", lens, missing)
    assert (done, errors) == (True, [])
    assert reports > 5


@pytest.mark.parametrize("missing", [{"LENS_ATT"}, EVERY_LINE], ids=["attention line", "every line"])
def test_the_body_plays_without_lines(body: str, missing: set[str]) -> None:
    done, errors, reports = play(body, body, "sigma-45mm-f2.8-dg-dn", missing)
    assert (done, errors) == (True, [])
    assert reports > 5
