"""The engine that runs a firmware: it carries events to C, and the actions of C to the mount.

Each event crosses into C once; the shim keeps the timers and collects the actions, which are then executed in order.
Times are rounded up to whole microseconds, so that a firmware with exact minimum delays never answers early. A
firmware that faults is silent from then on, as a device that has crashed is.
"""

import ctypes
import math
import mmap
import weakref
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from lensmount_emulator.engine.dialect_roles import Accessory
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.observer import NoticeKind, Observer
from lensmount_emulator.engine.script import Step
from lensmount_emulator.firmware.declaration import (
    ACTION_HEAD,
    ADAPTER,
    BAUDRATE,
    FAR,
    FINISH,
    LINE,
    LOG,
    ROLE_NUMBERS,
    TRANSMIT,
)
from lensmount_emulator.firmware.fault import FirmwareFault
from lensmount_emulator.firmware.library import NEVER, FirmwareLibrary, load_firmware
from lensmount_emulator.firmware.shadow import Shadow
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.wire import LineChanged, Received, Role, WireEvent

TROUBLE = 2
"""`LM_TROUBLE`."""
MAX_NOTICES = 1000
"""Lines of text that a firmware may report in one session; further ones are dropped."""


class _Process:
    """State of this process: a page that it shares with its children, and whether it only runs a session."""

    page: mmap.mmap | None = None
    of_session = False


def progress_page() -> mmap.mmap:
    """Return memory that this process shares with its children: event, time and end of the firmware as it is called."""
    if _Process.page is None:
        _Process.page = mmap.mmap(-1, mmap.PAGESIZE)
    return _Process.page


def enter_session_process() -> None:
    """This process only runs a session from now on, so the guard may watch real time."""
    _Process.of_session = True


def in_session_process() -> bool:
    """Whether this process only runs a session."""
    return _Process.of_session


def _micros(seconds: float) -> int:
    # Products of decimal times are off by an ulp or so; they are no reason for a further microsecond.
    return math.ceil(seconds * 1e6 - 1e-3)


class FirmwarePort(Engine):
    """A port of a firmware: events pass a filter to it, and its actions are executed here.

    Args:
        dialect: the dialect of the port.
        role: the end that the firmware takes there.
        rises: bit set of the lines of which the firmware wants rising edges.
        falls: the same for falling edges.
        carried: the lines of the port, as for every engine.
        random: as for every engine.

    Attributes:
        lines: the lines of the port, as the firmware counts them.
        numbers: line -> its number.
        overflowed_at: when more frames waited for an answer than a device can queue, in seconds.
    """

    takes_steps = False

    def __init__(
        self,
        dialect: Dialect,
        role: Role,
        rises: int,
        falls: int,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
    ) -> None:
        super().__init__(dialect, role, carried, random)
        self.lines = dialect.wiring.lines
        self.overflowed_at = -math.inf
        self.numbers = {line: number for number, line in enumerate(self.lines)}
        masks = ((True, rises), (False, falls))
        self._edges = {
            (line, level) for line, number in self.numbers.items() for level, mask in masks if mask >> number & 1
        }
        self._shadow: Shadow | None = None

    @abstractmethod
    def log(self, level: int, text: str) -> None:
        """Report a line of text of the firmware, or about it."""

    def line_bits(self) -> int:
        """Return the lines that the port has, as bits; those that carry bytes are always there."""
        there = {*self.carried, *(line.name for line in self.dialect.wiring.serial)}
        return sum(1 << number for line, number in self.numbers.items() if line in there)

    def observe(self, observer: Observer) -> None:
        """Notify an observer; from now on a parser follows the traffic for it."""
        if self._shadow is None:
            self._shadow = Shadow(self)
        super().observe(observer)

    def _passes(self, event: WireEvent, now: float) -> bool:
        """Follow an event of the peer; return whether the firmware gets it."""
        if isinstance(event, LineChanged):
            moved = self.levels.get(event.line, False) != event.level
            self.levels[event.line] = event.level
            passes = moved and (event.line, event.level) in self._edges
        else:
            passes = self.rx_enabled
        if self._shadow is not None:
            self._shadow.receive(event, now)
        return passes

    def execute(self, kind: int, value: int, data: bytes) -> None:
        """Execute an action of the firmware at this port."""
        shadow = self._shadow
        if kind == TRANSMIT:
            if shadow is not None:
                shadow.sent(data)
            self.transmit(data)
        elif kind == BAUDRATE:
            if shadow is not None:
                shadow.switched()
            self.set_baudrate(value)
        elif kind != LINE:
            self.log(TROUBLE, f"the firmware does an action of the unknown kind {kind}")
        elif value >> 1 < len(self.lines):
            line, level = self.lines[value >> 1], bool(value & 1)
            if shadow is not None:
                shadow.drove(line, level)
            self.drive(line, level)
        else:
            known = ", ".join(f"{number} {line}" for number, line in enumerate(self.lines))
            self.log(TROUBLE, f"the firmware drives line {value >> 1}; {self.dialect.name} has {known}")


class FirmwareEngine(FirmwarePort):
    """A body, a lens, or the near end of an adapter that runs a firmware in C.

    Args:
        library: the firmware.
        role: the end that it takes.
        carried: the lines of the port, as for every engine.
        random: source of the seed that the firmware gets; `None` asks it for nominal times.
        config: text for the firmware.
        script: script of a body; it is given to the firmware as text before `config`.
        far: the far end of an adapter, which the same instance plays; `None` for a body and a lens.

    Attributes:
        library: the firmware.
        fault: what ended the firmware; `None` as long as it runs.
        events: calls of the firmware so far.
    """

    def __init__(
        self,
        library: FirmwareLibrary,
        role: Role,
        carried: frozenset[str] | None = None,
        random: Random | None = None,
        config: str = "",
        script: Sequence[Step] = (),
        far: "FarEngine | None" = None,
    ) -> None:
        dialect = load_dialect(library.info.dialect)
        what = role.value if far is None else ADAPTER
        if what not in library.info.roles:
            raise FirmwareError(f"{library.path}: is {library.info.role_text}, and no {what}")
        wanted = library.info
        super().__init__(dialect, role, wanted.rises, wanted.falls, carried, random)
        self.library = library
        self.fault: FirmwareFault | None = None
        self.events = 0
        self.script = tuple(script)
        text = "; ".join(step.text for step in script)
        self._config = "\n".join(filter(None, (text, config))).encode()
        self._seed = 0 if random is None else random.getrandbits(63) | 1
        self._what = what
        self._far = far
        if far is not None:
            far.near = self
            # The body pulls it up until a lens is on the adapter.
            self.levels[dialect.detect] = True
        shim = library.shim
        self._shim = shim
        self._handle = shim.open()
        if not self._handle:
            raise FirmwareError(f"{library.path}: no memory for an instance of {wanted.memory} bytes")
        self._close = weakref.finalize(self, shim.close, self._handle)
        self._on_bytes, self._on_edge, self._on_time = shim.on_bytes, shim.on_line, shim.on_time
        self._next = ctypes.c_uint64.from_address(self._handle)
        self._actions_at = shim.actions(self._handle)
        self._planned: float = math.inf
        self._notice_count = 0

    def on_start(self) -> None:
        """Make the instance."""
        if self.live:
            # On a port without lines the supply is on from the start.
            for line in (self.dialect.supply, *self.dialect.rails):
                if line not in self.carried:
                    self.levels[line] = True
        if self.role is Role.BODY and self.dialect.detect in self.carried:
            # Pulled up until a lens is attached.
            self.levels.setdefault(self.dialect.detect, True)
        if self._far is not None:
            self._shim.far(self._handle, self._far.baudrate, _level_bits(self._far.levels, self._far.lines))
        far_lines = self._far.line_bits() if self._far is not None else 0
        self._shim.lines(self._handle, self.line_bits(), far_lines)
        levels = _level_bits(self.levels, self.lines)
        page = ctypes.addressof(ctypes.c_char.from_buffer(progress_page()))
        self.library.guard(page, with_alarm=in_session_process())
        self._run(
            self._shim.start(
                self._handle,
                ROLE_NUMBERS[self._what],
                self.baudrate,
                levels,
                self._seed,
                self._config,
                _micros(self.now),
            )
        )

    def receive(self, event: WireEvent, now: float) -> None:
        """Carry an event to the firmware."""
        self.now = now
        if not self._passes(event, now) or self.fault is not None:
            return
        now_us = math.ceil(now * 1e6 - 1e-3)
        if isinstance(event, Received):
            self._run(self._on_bytes(self._handle, event.data, len(event.data), now_us))
        else:
            self._run(self._on_edge(self._handle, self.numbers[event.line], event.level, now_us))

    def receive_far(self, event: WireEvent, now: float) -> None:
        """Carry an event at the far port of an adapter to the firmware; its times are those of the near end's clock."""
        assert self._far is not None
        if self.fault is not None:
            return
        self.now = self._scheduler.local(now)
        now_us = _micros(self.now)
        if isinstance(event, Received):
            self._run(self._shim.on_far_bytes(self._handle, event.data, len(event.data), now_us))
        else:
            self._run(self._shim.on_far_line(self._handle, self._far.numbers[event.line], event.level, now_us))

    @property
    def asserts_detect(self) -> bool:
        """Whether the detect line is asserted; the firmware of an adapter does it where it carries a lens."""
        return self._far is None or not self.levels[self.dialect.detect]

    def on_control(self, step: Step) -> None:
        """Carry a control of the operator to the firmware, if it handles any."""
        if not self.library.info.controls:
            super().on_control(step)
        elif self.fault is None:
            self._run(self._shim.on_control(self._handle, step.text.encode(), _micros(self.now)))

    def stop_tasks(self) -> None:
        """End the firmware: its timers are called no more."""
        super().stop_tasks()
        self._planned = math.inf
        self._next.value = NEVER

    def state_word(self) -> int:
        """Return the firmware's own summary of its state; 0 if it has none or has ended."""
        return 0 if self.fault is not None else self._shim.state(self._handle)

    def memory(self) -> bytes:
        """Return the content of the firmware's memory."""
        return ctypes.string_at(self._shim.memory(self._handle), self.library.info.memory)

    def _run(self, used: int) -> None:
        """Execute the actions of a call, and plan the next deadline."""
        self.events += 1
        if used:
            if used < 0:
                self._end()
                return
            self._execute(used)
        next_us = self._next.value
        if next_us == NEVER:
            return
        due = next_us * 1e-6
        if due < self._planned:
            self._planned = due
            self._at(due, self._on_deadline, due)

    def _on_deadline(self, due: float, now: float) -> None:
        if due != self._planned:
            # A later call has planned an earlier time, which was called instead.
            return
        self._planned = math.inf
        next_us = self._next.value
        if next_us == NEVER or self.fault is not None:
            return
        if next_us * 1e-6 > now + 1e-9:
            # The timer was moved to a later time.
            self._planned = due = next_us * 1e-6
            self._at(due, self._on_deadline, due)
            return
        self.now = now
        self._run(self._on_time(self._handle, max(next_us, _micros(now))))

    def _execute(self, used: int) -> None:
        # A copy: an action may lead to another call, which writes the next actions.
        actions, at = ctypes.string_at(self._actions_at, used), 0
        while at < used:
            kind, value, size = ACTION_HEAD.unpack_from(actions, at)
            at += ACTION_HEAD.size
            data = actions[at : at + size]
            at += (size + 3) & ~3
            if kind == LOG:
                self.log(value, data.decode(errors="replace"))
            elif kind == FINISH:
                self.gave_up, self.done = not value, True
                self.position = len(self.script) if value else self.position
            elif kind < FAR:
                self.execute(kind, value, data)
            elif self._far is not None:
                self._far.execute(kind - FAR, value, data)
            else:
                self.log(TROUBLE, f"the firmware acts at a far port; only an adapter has one, and it is a {self._what}")

    def log(self, level: int, text: str) -> None:
        """Report a line of text of the firmware, or about it; `LM_DEBUG` is not shown."""
        self._notice_count += 1
        if level and self._notice_count <= MAX_NOTICES:
            self.report(text, is_error=level >= TROUBLE)

    def _end(self) -> None:
        fault = self.fault = self.library.read_fault(self._handle)
        self._next.value = NEVER
        if self.role is Role.BODY:
            self.gave_up = self.done = True
        self.report(fault.line(), is_error=True, kind=NoticeKind.FIRMWARE_FAULT, subject=fault.signature())


class FarEngine(FirmwarePort):
    """The far end of an adapter in C: the body to the lens that it carries. The instance is that of the near end.

    Args:
        library: the firmware.

    Attributes:
        near: the engine of the near end.
    """

    near: FirmwareEngine

    def __init__(self, library: FirmwareLibrary) -> None:
        info = library.info
        super().__init__(load_dialect(info.far_dialect), Role.BODY, info.far_rises, info.far_falls)
        # Pulled up until a lens is attached.
        self.levels[self.dialect.detect] = True

    def log(self, level: int, text: str) -> None:
        """Report a line of text at the near end, which has the session's notices."""
        self.near.log(level, text)

    def receive(self, event: WireEvent, now: float) -> None:
        """Carry an event to the firmware."""
        self.now = now
        if self._passes(event, now):
            self.near.receive_far(event, now)


def _level_bits(levels: Mapping[str, bool], lines: Sequence[str]) -> int:
    return sum(1 << number for number, line in enumerate(lines) if levels.get(line, False))


class FirmwareSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of the profile of a firmware.

    Attributes:
        library: path of the shared library.
        role: what it is: lens, body, adapter.
        config: text for the firmware.
        name: its name, as it declares it.
        digest: SHA-256 of the library, so that results of different builds are kept apart.
        far_dialect: dialect of the lens that an adapter carries; empty for a lens and a body.
    """

    library: str
    role: str
    config: str = ""
    name: str = ""
    digest: str = ""
    far_dialect: str = ""

    def make_engine(
        self, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
    ) -> FirmwareEngine:
        """Return an engine that runs the firmware.

        Raises:
            FirmwareError: the library cannot be loaded.
        """
        return FirmwareEngine(load_firmware(self.library), Role(self.role), carried, random, self.config, script)

    def make_accessory(self, name: str, random: Random | None) -> Accessory:
        """Return the two engines of an adapter.

        Args:
            name: of its profile.
            random: source of the seed that the firmware gets.

        Raises:
            FirmwareError: the library cannot be loaded.
        """
        library = load_firmware(self.library)
        far = FarEngine(library)
        return Accessory(name, FirmwareEngine(library, Role.LENS, None, random, self.config, far=far), far)
