"""Which pin of a board carries which line of a mount, and what the board is told of each."""

from collections.abc import Mapping
from dataclasses import dataclass

from lensmount_hardware.boards.orders import Configure, MappedLine, Timing
from lensmount_hardware.boards.words import LONGEST_ABSENCE_US, BoardRole, ConfigureFlag, LineFlag, LineKind
from lensmount_hardware.contacts import Contacts, WindowTiming
from lensmount_hardware.spec import PortSpec
from lensmount_protocol.wire import Role

DATA_OUT_PIN = 0
DATA_IN_PINS = (1, 5)
"""The pins of the two UARTs that a Pico has there; a sniffer hears the body on the first and the lens on the second."""

FIRST_LINE_PIN = 6
"""The other lines follow from here on, in the dialect's order."""

HIGHEST_PIN = 47
NOT_WIRED = "none"

BODY_PRESENCE_MS = 10
"""A lens that a body's board sees for so long is there; its engine waits for longer than that by itself."""

LENS_PRESENCE_MS = 1
"""A supply that a lens's board sees for so long is on."""

OPTIONS = (
    "setup_us", "hold_us", "gap_us", "presence_ms", "absence_us", "watchdog_ms", "unguarded", "sync_timer",
    "take_over", "lead_us",
)  # fmt: skip
"""What may stand behind a board's question mark beside the names of lines."""

_LONGEST_US = 0xFFFF
_LONGEST_PRESENCE_MS = 10_000
_SHORTEST_WATCHDOG_MS = 50
_WATCHDOG_MS = 2000
_LONGEST_LEAD_US = 20_000

_PLAYED = {BoardRole.BODY: Role.BODY, BoardRole.LENS: Role.LENS, BoardRole.SNIFFER: None}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a board is told, and how its numbers read.

    Attributes:
        configure: what it is told.
        names: the mount's name of each line of the map.
        ours: the lines that we drive -> their numbers.
        in_turn: those of them that wait for the transmissions in front of them.
        lines: every line that carries a level for us.
        senders: number of a data input -> who sends there.
        sync: our frame signal, where the board's timer is to make it; else `""`.
        sync_width: of its pulses, in seconds; 0 is as they are driven.
        take_over: whether another host is thrown out.
        lead_us: microseconds behind its order at which the board begins a transmission or moves our select line, to
            the microsecond; 0 is as soon as the order is there.
    """

    configure: Configure
    names: tuple[str, ...]
    ours: Mapping[str, int]
    in_turn: frozenset[str]
    lines: frozenset[str]
    senders: Mapping[int, Role]
    sync: str
    sync_width: float
    take_over: bool
    lead_us: int = 0


def make_plan(spec: PortSpec, contacts: Contacts, role: BoardRole, baudrate: int) -> Plan:
    """The plan for a board that plays `role`, or listens, on these contacts.

    Raises:
        TransportSpecError: an option means nothing, or one pin is given to two lines.
    """
    spec.allow_options(*contacts.drivers, *OPTIONS)
    played = _PLAYED[role]
    kinds = _kinds(contacts)
    pins = _pins(spec, contacts, kinds, played)
    names = tuple(line for line in _in_order(contacts) if line in pins)
    mapped = tuple(_mapped(*pins[line], kinds[line], contacts.drivers[line] is played, played) for line in names)
    ours = {line: n for n, line in enumerate(names) if contacts.drivers[line] is played}
    inputs = {n: contacts.drivers[line] for n, line in enumerate(names) if line not in ours}
    data = {line for line in names if kinds[line] == LineKind.DATA}
    unguarded = ConfigureFlag.UNGUARDED if spec.integer("unguarded", 0, 0, 1) else 0
    return Plan(
        configure=Configure(int(role), int(unguarded), baudrate, _timing(spec, contacts, played), mapped),
        names=names,
        ours=ours,
        in_turn=frozenset(line for line in ours if kinds[line] in (LineKind.ATTENTION, LineKind.DATA)),
        lines=frozenset(line for line in names if line in ours or line not in data),
        senders={n: sender for n, sender in inputs.items() if names[n] in data},
        sync=contacts.sync if contacts.sync in ours and spec.integer("sync_timer", 1, 0, 1) else "",
        sync_width=contacts.sync_width_us * 1e-6,
        take_over=bool(spec.integer("take_over", 0, 0, 1)),
        lead_us=spec.integer("lead_us", 0, 0, _LONGEST_LEAD_US),
    )


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
    return kinds


def _in_order(contacts: Contacts) -> list[str]:
    """Presence first, then rails as they are switched on, then the rest."""
    first = [line for line in (contacts.detect, contacts.supply, *contacts.rails) if line]
    return [*first, *(line for line in contacts.drivers if line not in first)]


def _pins(
    spec: PortSpec, contacts: Contacts, kinds: Mapping[str, LineKind], played: Role | None
) -> dict[str, tuple[int, bool]]:
    """Each line that is wired -> its pin, and whether it is inverted."""
    inputs = iter(DATA_IN_PINS)
    others = iter(range(FIRST_LINE_PIN, HIGHEST_PIN + 1))
    usual: dict[str, int] = {}
    # Two data inputs are told apart by their sender: the body's comes first.
    for line in sorted(contacts.drivers, key=lambda line: contacts.drivers[line] is not Role.BODY):
        if kinds[line] == LineKind.DATA:
            usual[line] = DATA_OUT_PIN if contacts.drivers[line] is played else next(inputs)
    for line in contacts.drivers:
        if line not in usual:
            usual[line] = next(others)
    pins: dict[str, tuple[int, bool]] = {}
    taken: dict[int, str] = {}
    for line, pin in usual.items():
        value = spec.options.get(line, str(pin))
        if value == NOT_WIRED:
            continue
        number = value.removeprefix("!")
        if not (number.isascii() and number.isdecimal() and int(number) <= HIGHEST_PIN):
            raise spec.error(f"{line}={value}: write a pin from 0 to {HIGHEST_PIN}, !PIN, or {NOT_WIRED}")
        if (other := taken.setdefault(int(number), line)) != line:
            raise spec.error(f"pin {number} is given to both {other} and {line}")
        pins[line] = (int(number), value.startswith("!"))
    return pins


def _mapped(pin: int, inverted: bool, kind: LineKind, ours: bool, played: Role | None) -> MappedLine:
    flags = LineFlag.INVERTED if inverted else 0
    if kind == LineKind.PRESENCE and ours:
        flags |= LineFlag.OUTPUT | LineFlag.OPEN_DRAIN | LineFlag.IDLE_HIGH
    elif ours:
        flags |= LineFlag.OUTPUT
    elif played is not None:
        # A contact that nobody touches must not float; a sniffer adds nothing to the wires.
        flags |= LineFlag.PULL_UP if kind == LineKind.PRESENCE else LineFlag.PULL_DOWN
    return MappedLine(pin, int(kind), int(flags))


def _timing(spec: PortSpec, contacts: Contacts, played: Role | None) -> Timing:
    window = WindowTiming() if played is None else contacts.windows.get(played, WindowTiming())
    presence_ms = LENS_PRESENCE_MS if played is Role.LENS else BODY_PRESENCE_MS
    watchdog_ms = spec.integer("watchdog_ms", _WATCHDOG_MS, 0, _LONGEST_US)
    if 0 < watchdog_ms < _SHORTEST_WATCHDOG_MS:
        raise spec.error(f"watchdog_ms is {watchdog_ms}; write 0 for none, or at least {_SHORTEST_WATCHDOG_MS}")
    return Timing(
        setup_us=spec.integer("setup_us", window.setup_us, 0, _LONGEST_US),
        hold_us=spec.integer("hold_us", window.hold_us, 0, _LONGEST_US),
        gap_us=spec.integer("gap_us", window.gap_us, 0, _LONGEST_US),
        presence_us=1000 * spec.integer("presence_ms", presence_ms, 0, _LONGEST_PRESENCE_MS),
        absence_us=spec.integer("absence_us", LONGEST_ABSENCE_US // 2, 0, LONGEST_ABSENCE_US),
        watchdog_ms=watchdog_ms,
    )
