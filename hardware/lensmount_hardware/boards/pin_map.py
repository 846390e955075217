"""The pin map of a board: which pin carries which line of a mount, and the configuration of each line."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensmount_hardware.boards.protocol.commands import ClockedLinkCommand, Configure, MappedLine, Timing
from lensmount_hardware.boards.protocol.constants import (
    MAX_ABSENCE_US,
    BoardRole,
    ConfigureFlag,
    LineFlag,
    LineKind,
    LinkFlag,
)
from lensmount_hardware.port_spec import Contacts, PortSpec, WindowTiming
from lensmount_protocol.wire import ClockedLink, Role

DATA_OUT_PIN = 0
DATA_IN_PINS = (1, 5)
"""Input pins of the Pico's two UARTs; a sniffer receives the body on the first and the lens on the second."""

CLOCK_PIN = 2
"""Pin of the clock of a clocked mount."""

FIRST_LINE_PIN = 6
"""Pin of the first of the other lines; they follow in the dialect's order."""

MAX_PIN = 47
NOT_WIRED = "none"

BODY_PRESENCE_MS = 10
"""Milliseconds after which a lens counts as present for a body's board; the engine itself waits longer than that."""

LENS_PRESENCE_MS = 1
"""Milliseconds after which the supply counts as on for a lens's board."""

OPTIONS = (
    "setup_us", "hold_us", "gap_us", "presence_ms", "absence_us", "watchdog_ms", "unguarded", "sync_timer",
    "take_over", "lead_us",
)  # fmt: skip
"""Options of a board's port, besides the names of lines."""

_MAX_TIMING_US = 0xFFFF
_MAX_PRESENCE_MS = 10_000
_MIN_WATCHDOG_MS = 50
_DEFAULT_WATCHDOG_MS = 2000
_MAX_LEAD_US = 20_000

_QUEUED_KINDS = (LineKind.ATTENTION, LineKind.DATA, LineKind.CLOCK)
_ROLES = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS, BoardRole.SNIFFER: None}


@dataclass(frozen=True, slots=True)
class PinMap:
    """The configuration of a board, and the meaning of its line numbers.

    Attributes:
        configure: the configuration message.
        names: the mount's name of each line of the map.
        outputs: the lines that we drive -> their numbers.
        queued_lines: those outputs that wait for the transmissions before them.
        lines: every line that carries a level for us.
        senders: number of a data input -> the end that sends there.
        sync: our frame signal, where the board's timer makes it; else `""`.
        sync_width: of its pulses, in seconds; 0 is as they are driven.
        take_over: whether to take the board from another host.
        clocked: the physical layer of a clocked mount; `None` for UARTs.
        link: the message that precedes the configuration of a clocked mount.
        lead_us: microseconds after its order at which the board starts a transmission or moves our select line, to
            the microsecond; 0 is on arrival of the order.
    """

    configure: Configure
    names: tuple[str, ...]
    outputs: Mapping[str, int]
    queued_lines: frozenset[str]
    lines: frozenset[str]
    senders: Mapping[int, Role]
    sync: str
    sync_width: float
    take_over: bool
    lead_us: int = 0
    clocked: ClockedLink | None = None
    link: ClockedLinkCommand | None = None


def make_pin_map(spec: PortSpec, contacts: Contacts, role: BoardRole, baudrate: int) -> PinMap:
    """Return the pin map for a board that plays `role`, or listens, on these contacts.

    Raises:
        TransportSpecError: an option is invalid, or one pin is given to two lines.
    """
    clocked = contacts.clocked
    if clocked is not None and clocked.acknowledge is not None:
        raise spec.error("both ends share a data line there, and a board plays mounts with one for each end only")
    spec.require_options(*contacts.drivers, *OPTIONS)
    played = _ROLES[role]
    kinds = _kinds(contacts)
    pins = _pins(spec, contacts, kinds, played)
    names = tuple(line for line in _ordered_lines(contacts) if line in pins)
    mapped = tuple(_make_line(*pins[line], kinds[line], contacts.drivers[line] is played, played) for line in names)
    ours = {line: n for n, line in enumerate(names) if contacts.drivers[line] is played}
    inputs = {n: contacts.drivers[line] for n, line in enumerate(names) if line not in ours}
    data = {line for line in names if kinds[line] == LineKind.DATA}
    unguarded = ConfigureFlag.NO_INTERLOCK if spec.integer("unguarded", 0, 0, 1) else 0
    return PinMap(
        configure=Configure(
            int(role),
            int(unguarded),
            clocked.bit_rate if clocked else baudrate,
            _timing(spec, contacts, played),
            mapped,
        ),
        names=names,
        outputs=ours,
        queued_lines=frozenset(line for line in ours if kinds[line] in _QUEUED_KINDS),
        lines=frozenset(line for line in names if line in ours or _has_level(kinds[line], clocked)),
        senders={n: sender for n, sender in inputs.items() if names[n] in data},
        sync=contacts.sync if contacts.sync in ours and spec.integer("sync_timer", 1, 0, 1) else "",
        sync_width=contacts.sync_width_us * 1e-6,
        take_over=bool(spec.integer("take_over", 0, 0, 1)),
        lead_us=spec.integer("lead_us", 0, 0, _MAX_LEAD_US),
        clocked=clocked,
        link=None if clocked is None else make_link_command(clocked),
    )


def _has_level(kind: LineKind, clocked: ClockedLink | None) -> bool:
    """Whether the board reports levels of an input; those of a clocked mount's data lines it reports between bursts."""
    return kind not in (LineKind.DATA, LineKind.CLOCK) or (kind == LineKind.DATA and clocked is not None)


def make_link_command(clocked: ClockedLink) -> ClockedLinkCommand:
    """Return the message that gives a board the clock and the bits of a clocked mount."""
    flags = LinkFlag.IDLE_HIGH if clocked.idle_high else 0
    flags |= LinkFlag.SAMPLED_ON_RISE if clocked.sampled_on_rise else 0
    flags |= LinkFlag.MSB_FIRST if clocked.msb_first else 0
    return ClockedLinkCommand(flags, clocked.idle_byte, max(1, round(clocked.gap_s * 1e6)))


def _kinds(contacts: Contacts) -> dict[str, LineKind]:
    kinds = dict.fromkeys(contacts.drivers, LineKind.PLAIN)
    kinds.update(dict.fromkeys(contacts.rails, LineKind.RAIL))
    for line, kind in (
        (contacts.supply, LineKind.SUPPLY),
        (contacts.detect, LineKind.PRESENCE),
        (contacts.sync, LineKind.SYNC),
    ):
        if line:
            kinds[line] = kind
    for serial in contacts.serial:
        kinds[serial.name] = LineKind.DATA
        if serial.select:
            kinds[serial.select] = LineKind.ATTENTION
    if contacts.clocked is not None:
        kinds[contacts.clocked.clock] = LineKind.CLOCK
    return kinds


def _ordered_lines(contacts: Contacts) -> list[str]:
    """Presence first, then rails as they are switched on, then the rest."""
    first = [line for line in (contacts.detect, contacts.supply, *contacts.rails) if line]
    return [*first, *(line for line in contacts.drivers if line not in first)]


def _pins(
    spec: PortSpec, contacts: Contacts, kinds: Mapping[str, LineKind], role: Role | None
) -> dict[str, tuple[int, bool]]:
    """Each line that is wired -> its pin, and whether it is inverted."""
    inputs = iter(DATA_IN_PINS)
    others = iter(range(FIRST_LINE_PIN, MAX_PIN + 1))
    default_pins: dict[str, int] = {}
    # The order of two data inputs is that of their senders: the body's is first.
    for line in sorted(contacts.drivers, key=lambda line: contacts.drivers[line] is not Role.BODY):
        if kinds[line] == LineKind.DATA:
            default_pins[line] = DATA_OUT_PIN if contacts.drivers[line] is role else next(inputs)
        elif kinds[line] == LineKind.CLOCK:
            default_pins[line] = CLOCK_PIN
    for line in contacts.drivers:
        if line not in default_pins:
            default_pins[line] = next(others)
    pins: dict[str, tuple[int, bool]] = {}
    taken: dict[int, str] = {}
    for line, pin in default_pins.items():
        value = spec.options.get(line, str(pin))
        if value == NOT_WIRED:
            continue
        number = value.removeprefix("!")
        if not (number.isascii() and number.isdecimal() and int(number) <= MAX_PIN):
            raise spec.error(f"{line}={value}: write a pin from 0 to {MAX_PIN}, !PIN, or {NOT_WIRED}")
        if (other := taken.setdefault(int(number), line)) != line:
            raise spec.error(f"pin {number} is given to both {other} and {line}")
        pins[line] = (int(number), value.startswith("!"))
    return pins


def _make_line(pin: int, inverted: bool, kind: LineKind, output: bool, role: Role | None) -> MappedLine:
    flags = LineFlag.INVERTED if inverted else 0
    if kind == LineKind.PRESENCE and output:
        flags |= LineFlag.OUTPUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH
    elif output:
        flags |= LineFlag.OUTPUT
    elif role is not None:
        # An open contact must not float; a sniffer adds nothing to the wires.
        flags |= LineFlag.PULL_UP if kind == LineKind.PRESENCE else LineFlag.PULL_DOWN
    return MappedLine(pin, int(kind), int(flags))


def _timing(spec: PortSpec, contacts: Contacts, role: Role | None) -> Timing:
    window = WindowTiming() if role is None else contacts.windows.get(role, WindowTiming())
    presence_ms = LENS_PRESENCE_MS if role is Role.LENS else BODY_PRESENCE_MS
    watchdog_ms = spec.integer("watchdog_ms", _DEFAULT_WATCHDOG_MS, 0, _MAX_TIMING_US)
    if 0 < watchdog_ms < _MIN_WATCHDOG_MS:
        raise spec.error(f"watchdog_ms is {watchdog_ms}; write 0 for none, or at least {_MIN_WATCHDOG_MS}")
    return Timing(
        setup_us=spec.integer("setup_us", window.setup_us, 0, _MAX_TIMING_US),
        hold_us=spec.integer("hold_us", window.hold_us, 0, _MAX_TIMING_US),
        gap_us=spec.integer("gap_us", window.gap_us, 0, _MAX_TIMING_US),
        presence_us=1000 * spec.integer("presence_ms", presence_ms, 0, _MAX_PRESENCE_MS),
        absence_us=spec.integer("absence_us", MAX_ABSENCE_US // 2, 0, MAX_ABSENCE_US),
        watchdog_ms=watchdog_ms,
    )
