"""The roles of a dialect: profile settings, script verbs, engines, accessories and fuzzing traits.

`get_roles` looks up the roles by dialect: the built-in ones, and those that other packages offer under
`lensmount.roles`. Adapters between two dialects are looked up by name and imported on first use.
"""

import math
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from importlib.metadata import EntryPoint
from random import Random
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

from msgspec import Struct

from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step, VerbArgumentParser
from lensmount_emulator.engine.tasks import Task, WaitFor
from lensmount_emulator.engine.traits import Gauge, ViewfinderFields
from lensmount_emulator.engine.verdicts import CompatibilityRule
from lensmount_protocol.decoder import DecodedFrame
from lensmount_protocol.entry_points import entry_points, import_attribute
from lensmount_protocol.errors import DialectError, ProfileError, unknown_name_message
from lensmount_protocol.framer import Frame
from lensmount_protocol.logs import get_logger
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class DeviceSpec:
    """A lens or an accessory, as its profile describes it.

    Attributes:
        name: of the profile.
        title: one line for users.
        dialect: the dialect that it uses towards the body.
        settings: the values.
    """

    name: str
    title: str
    dialect: str
    settings: Struct


@dataclass(frozen=True, slots=True)
class Accessory:
    """An emulated accessory: it has an engine at each of its two mounts.

    Attributes:
        name: of its profile.
        near: the lens to what is on the body's side.
        far: the body to what is on the lens's side.
        translate_control: converts a control step in the body's values to one in the lens's values.
    """

    name: str
    near: Engine
    far: Engine
    translate_control: Callable[[Step], Step] = field(default=lambda step: step)


@dataclass(frozen=True, slots=True)
class AccessoryChain:
    """A lens and its accessories, ready to run.

    Attributes:
        lens: the lens's settings, changed by the accessories that it knows.
        accessories: those that take part on the wire, from the body on.
        notes: texts for the user about those that do not.
    """

    lens: Struct
    accessories: Sequence[Accessory] = ()
    notes: Sequence[str] = field(default=())


RandomFor = Callable[[str], Random | None]
"""Returns the source of jitter of an end, by its name; `None` for nominal times."""

AccessoryAssembler = Callable[[Sequence[DeviceSpec], DeviceSpec, RandomFor], AccessoryChain]
"""Makes the chain of accessories (from the body on) and a lens; raises `ProfileError` where something does not fit."""


MakeAdapter = Callable[[DeviceSpec, DeviceSpec, RandomFor], Accessory]
"""Makes the engines of an adapter, from its profile and that of the lens on it."""

BUILT_IN_ADAPTERS = {("lmount", "emount"): "lensmount_emulator.roles.emount_adapter.lens:make_adapter"}
"""Dialect towards the body, dialect towards the lens -> `package.module:NAME` of a `MakeAdapter`."""


ControlTranslator = Callable[[DeviceSpec], Callable[[Step], Step]]
"""From the lens on an adapter to the translation of control steps: from the body's values to the lens's."""

CONTROL_TRANSLATORS = {("lmount", "emount"): "lensmount_emulator.roles.emount_adapter.lens:control_translator"}
"""Near and far dialect -> place of a `ControlTranslator`; other pairs pass steps unchanged."""


def get_adapter(near: str, far: str) -> MakeAdapter:
    """Return the maker of the adapter between two dialects.

    Raises:
        ProfileError: there is none (lists the known ones).
    """
    value = BUILT_IN_ADAPTERS.get((near, far))
    if value is None:
        known = ", ".join(f"{far} on {near}" for near, far in BUILT_IN_ADAPTERS) or "none"
        raise ProfileError(f"no adapter connects a lens of {far} to a body of {near}; known: {known}")
    return cast("MakeAdapter", load_attribute(value, f"adapter from {far} to {near}"))


def _translate_controls(near: str, lens: DeviceSpec) -> Callable[[Step], Step]:
    value = CONTROL_TRANSLATORS.get((near, lens.dialect))
    if value is None:
        return lambda step: step
    make = cast("ControlTranslator", load_attribute(value, f"control steps from {near} to {lens.dialect}"))
    return make(lens)


@runtime_checkable
class MakesEngine(Protocol):
    """Settings that make their engine by themselves, as those of a firmware in C do."""

    def make_engine(self, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
        """Return the engine; the arguments are those of `DialectRoles.make_engine`."""
        ...


@runtime_checkable
class MakesAccessory(Protocol):
    """Settings that make the engines of an adapter by themselves, as those of a firmware in C do.

    Attributes:
        far_dialect: the dialect of the lens that it carries.
    """

    @property
    def far_dialect(self) -> str:
        """See above."""
        ...

    def make_accessory(self, name: str, random: Random | None) -> Accessory:
        """Return the engines, from the name of the profile and the source of jitter."""
        ...


class MotionBounds(NamedTuple):
    """Position and limits of a moving part.

    Attributes:
        name: name of the part.
        value: its position.
        minimum: its lower limit.
        maximum: its upper limit.
        speed: its maximum speed, in units of `value` per second.
        slack: tolerance for rounding and for the resolution of its time, in units of `value`.
    """

    name: str
    value: float
    minimum: float
    maximum: float
    speed: float
    slack: float


class DeviceRules(Protocol):
    """Rules of a dialect that one end keeps on the wire; each method yields what breaks one, in one line."""

    def on_rx(self, frame: Frame, now: float) -> Iterator[str]:
        """The end has received a frame, at a time in seconds."""
        ...

    def on_tx(self, data: bytes, now: float) -> Iterator[str]:
        """The end begins to send bytes."""
        ...

    def on_line(self, line: str, level: bool, now: float) -> Iterator[str]:
        """A line at the end takes a level: one of the peer, or its own."""
        ...

    def on_baudrate(self, baudrate: int) -> None:
        """The end changes its rate."""
        ...


@dataclass(frozen=True, slots=True)
class FuzzTraits:
    """What fuzzing knows of a dialect; the defaults suit a dialect without further facts.

    Attributes:
        request_key: a frame from the body -> the key of its reply; `None` where it expects none.
        reply_key: a frame from the lens -> the key of the request that it answers; `None` where it answers none.
            Explanations ask it about each message of a frame alone.
        reply_keys: a frame from the body -> the keys of all replies that a lens which receives it may send.
        unrequested: keys of the replies that a lens may send without a request; by default any.
        reply_timeout: key -> seconds within which the body gets its reply, repeats the request or reports a timeout.
        lens_reply_s: seconds within which a lens answers what it has received; infinite where the body limits it.
        overflowed: when the queue of a lens last overflowed, or the lens abandoned its session; earlier requests count
            as abandoned.
        recovery_s: seconds after the last fault within which both ends stream again or are in the safe state.
        loop_period_s: longest time between two repeated frames (`Dialect.routine`) of either end, in seconds; 0 for the
            largest bound of the timing rules from one such frame to the next. Both ends stream where each receives four
            in five periods, or in 0.25 s where that is longer.
        counters: sender and frame -> the numbers that the frame carries, by the name of the counter.
        next_numbers: name of a counter, and its last number -> the numbers that may follow; `None` before the first
            one.
        motion_bounds: positions of the moving parts of a lens at a time.
        bodies: profiles of the bodies to run.
        lenses: profiles of the lenses to run.
        scripts: scripts for bodies.
        verbs: makers of random script steps.
        control_steps: makers of random operator steps at the lens.
        idle_checks: verb of a script -> whether the part that it drives is idle, for verbs that end only then.
        baudrate_switch_s: seconds within which both ends take a new rate, where nothing goes wrong.
        window_lead_s: seconds before the first byte at most for which a window is open, where nothing goes wrong.
        queue_bounds: attribute of an end that has a length -> how many it may hold; `MAX_BUFFERED` by default.
        hello: the message with which a body restarts a session with a powered lens, sent once at the slowest rate after
            2 s of silence; `None` where there is none.
        hello_class: class of the frame that carries `hello`.
        is_hello_reply: whether a frame of a lens answers `hello`.
        uncarried_lines: lines that ports of live sessions may not carry.
        asleep: further states of the link in which a session that does not stream is over as its script wants it; those
            of `TransitionTable.asleep` always are.
        device_rules: end -> the maker of the rules that a firmware at that end keeps on the wire.
    """

    request_key: Callable[[Frame], int | None] = lambda _frame: None
    reply_key: Callable[[Frame], int | None] = lambda _frame: None
    reply_keys: Callable[[Frame], Iterable[int]] = lambda _frame: ()
    unrequested: Container[int] = range(1 << 16)
    reply_timeout: Callable[[int], float] = lambda _key: 1.0
    lens_reply_s: float = math.inf
    overflowed: Callable[[Engine], float] = lambda _lens: -math.inf
    recovery_s: float = 10.0
    loop_period_s: float = 0.0
    counters: Callable[[Role, Frame], Iterable[tuple[str, int]]] = lambda _role, _frame: ()
    next_numbers: Callable[[str, int | None], Container[int]] = lambda _name, _before: range(256)
    motion_bounds: Callable[[Engine, float], Iterable[MotionBounds]] = lambda _lens, _now: ()
    bodies: tuple[str, ...] = ()
    lenses: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ("",)
    verbs: tuple[str, ...] = ()
    control_steps: tuple[str, ...] = ()
    idle_checks: Mapping[str, Callable[[Engine], bool]] = field(
        default_factory=lambda: dict[str, Callable[[Engine], bool]]()
    )
    baudrate_switch_s: float = math.inf
    window_lead_s: float = math.inf
    queue_bounds: Mapping[str, int] = field(default_factory=lambda: dict[str, int]())
    hello: Callable[[], Message] | None = None
    hello_class: int = 1
    is_hello_reply: Callable[[Frame], bool] = lambda _frame: False
    uncarried_lines: tuple[frozenset[str], ...] = ()
    asleep: frozenset[str] = frozenset()
    device_rules: Mapping[Role, Callable[[], DeviceRules]] = field(
        default_factory=lambda: dict[Role, Callable[[], DeviceRules]]()
    )


class Place(Enum):
    """Place of a profile's device on a mount."""

    BODY = "body"
    LENS = "lens"
    ACCESSORY = "accessory"


RequestTask = Generator[WaitFor, bool, Message | None]
"""A task that returns the reply; `None` without a reply."""


@dataclass(frozen=True, slots=True)
class DialectRoles:
    """The two ends of a dialect, and the accessories between them.

    Attributes:
        settings: role -> the settings type of its profiles.
        check: checks of a profile's name, role and settings beyond their types; raises `ProfileError` with the key
            and the legal values.
        verbs: script verbs of the body.
        lens_verbs: script verbs of the operator at the lens.
        rules: reasons why something works only in part, by name.
        make_engine: settings, carried lines (`None` on the virtual mount), source of jitter and script to an engine.
        default_body: profile of the body that is used where none is named.
        default_lens: profile of the lens that is used where none is named.
        check_script: script of a body in a compatibility matrix, where the user gives none; `""` lets the two ends
            start and run for a moment.
        demo_script: script of `loopback --demo`; `""` for none.
        assemble_accessories: attaches accessories to a lens; `None` where the dialect has no accessories.
        execute_step: one more step for a body that is `done` with its script; `None` where it accepts no more.
        request: sends one message of the caller to the lens and returns its reply; `None` where a body cannot.
            Raises `LocalProtocolError` for a message that cannot be sent as a request.
        fuzz_traits: what fuzzing knows of the dialect.
        probe: a request that every healthy lens answers and that changes nothing; `None` where there is none, and only
            the stream shows the health of a device.
        capture_replay: the function that replays captures against an engine, as `package.module:NAME`; it takes the
            records, the dialect and the profile. `""` where captures of the dialect cannot be replayed.
        session_knowledge: what explanations know of its sessions, as `package.module:NAME` of a `SessionKnowledge`;
            `""` for the timing contract and the traits alone.
        upgrade_profile: place and raw tables of a profile to those of the present schema.
        twin: the `TwinTraits` of the dialect, as `package.module:NAME`; `""` where twins cannot be made.
        follower: the function that makes the follower of a profile, as `package.module:NAME`; it takes the dialect, the
            profile, and whether the state is taken from the first replies. `""` where no engine can follow frames.
        take_state: sets the state of an engine that joins a session in the middle, from a frame of the captured device
            and the engine's own in its place, and returns the state variables with the bytes that were taken; `None`
            where sessions cannot be joined so.
        gauges: the fields that show the lens and the body as things.
        viewfinder: the fields from which a picture is computed; `None` where the models do not know their optics.
        learn: the `LearnTraits` of the dialect, as `package.module:NAME`; `""` where no machine can be learned.
    """

    settings: Mapping[Place, type[Struct]]
    check: Callable[[Place, Struct], None]
    verbs: Mapping[str, VerbArgumentParser]
    lens_verbs: Mapping[str, VerbArgumentParser]
    rules: Mapping[str, CompatibilityRule]
    make_engine: Callable[[Struct, frozenset[str] | None, Random | None, Sequence[Step]], Engine]
    default_body: str
    default_lens: str
    assemble_accessories: AccessoryAssembler | None = None
    check_script: str = ""
    demo_script: str = ""
    execute_step: Callable[[Engine, Step], Task] | None = None
    request: Callable[[Engine, Message], RequestTask] | None = None
    fuzz_traits: FuzzTraits = field(default_factory=FuzzTraits)
    probe: Callable[[], Message] | None = None
    capture_replay: str = ""
    session_knowledge: str = ""
    upgrade_profile: Callable[[Place, dict[str, Any]], dict[str, Any]] = lambda _place, data: data
    twin: str = ""
    follower: str = ""
    take_state: Callable[[Engine, DecodedFrame, DecodedFrame], Mapping[str, int]] | None = None
    gauges: Sequence[Gauge] = ()
    viewfinder: ViewfinderFields | None = None
    learn: str = ""


def make_engine(
    roles: DialectRoles, settings: Struct, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]
) -> Engine:
    """Return the engine of a device: that of its settings if they make one, else that of its dialect's roles.

    Args:
        roles: the roles of its dialect.
        settings: the settings of its profile.
        carried: the lines of its port; `None` on the virtual mount.
        random: source of jitter.
        script: the script.
    """
    if isinstance(settings, MakesEngine):
        return settings.make_engine(carried, random, script)
    return roles.make_engine(settings, carried, random, script)


def assemble_chain(
    roles: DialectRoles, pieces: Sequence[DeviceSpec], lens: DeviceSpec, make_random: RandomFor
) -> AccessoryChain:
    """Mount accessories on a lens; an adapter that makes its engines by itself carries the lens.

    Args:
        roles: the roles of the body's dialect.
        pieces: the accessories, from the body on.
        lens: the lens.
        make_random: returns the random generators for jitter.

    Raises:
        ProfileError: an accessory does not fit.
    """
    own = [piece for piece in pieces if isinstance(piece.settings, MakesAccessory)]
    if not own:
        if roles.assemble_accessories is None:
            raise ProfileError(f"{pieces[0].name}: nothing stands between the ends of {pieces[0].dialect}")
        return roles.assemble_accessories(pieces, lens, make_random)
    last, others = pieces[-1], pieces[:-1]
    settings = last.settings
    if len(own) > 1 or not isinstance(settings, MakesAccessory):
        raise ProfileError(f"{own[0].name} does not fit: an adapter in C carries the lens itself, so it is named last")
    if settings.far_dialect != lens.dialect:
        raise ProfileError(
            f"{last.name} does not fit {lens.name}: its far side needs the dialect {settings.far_dialect}, not "
            f"{lens.dialect}"
        )
    chain = assemble_chain(roles, others, last, make_random) if others else AccessoryChain(lens.settings)
    made = settings.make_accessory(last.name, make_random(f"{last.name} adapter"))
    adapter = replace(made, translate_control=_translate_controls(last.dialect, lens))
    return AccessoryChain(lens.settings, (*chain.accessories, adapter), chain.notes)


ENTRY_POINTS = "lensmount.roles"
"""The entry-point group; an entry has the name of its dialect, and its value is `package.module:NAME`."""

OLD_ENTRY_POINTS = "lensmount.casts"
"""The group's name in version 0.1; its entries are found as well, for one release."""

BUILT_IN_ROLES = {
    "emount": "lensmount_emulator.roles.emount.roles:EMOUNT_ROLES",
    "fuji-g": "lensmount_emulator.roles.fuji_g.roles:FUJI_G_ROLES",
    "lmount": "lensmount_emulator.roles.lmount.roles:LMOUNT_ROLES",
    "mft": "lensmount_emulator.roles.mft.roles:MFT_ROLES",
}


_log = get_logger("plugins")


def playable_dialects() -> list[str]:
    """Return the dialects that have roles here, sorted."""
    groups = (ENTRY_POINTS, OLD_ENTRY_POINTS)
    return sorted({*BUILT_IN_ROLES, *(entry.name for group in groups for entry in entry_points(group=group))})


def get_roles(dialect: str) -> DialectRoles:
    """Return the roles of a dialect.

    Raises:
        DialectError: the dialect has no roles, though it may be decoded (lists the dialects that have); two packages
            offer it; or it is not importable as a `DialectRoles`.
    """
    offers = [EntryPoint(name, value, ENTRY_POINTS) for name, value in BUILT_IN_ROLES.items() if name == dialect]
    for group in (ENTRY_POINTS, OLD_ENTRY_POINTS):
        offers += entry_points(group=group, name=dialect)
    if not offers:
        raise DialectError(unknown_name_message("emulated dialect", dialect, playable_dialects()))
    if len(offers) > 1:
        places = " and ".join(offer.value for offer in offers)
        raise DialectError(f"two packages offer roles of the dialect {dialect!r}: {places}")
    try:
        roles = load_attribute(offers[0].value, f"roles of dialect {dialect!r}")
    except DialectError as error:
        _log.warning("%s", error)
        raise
    if not isinstance(roles, DialectRoles):
        raise DialectError(f"dialect {dialect!r}: {offers[0].value} is a {type(roles).__name__}, not a DialectRoles")
    if dialect not in BUILT_IN_ROLES:
        _log.info("roles of %s: loaded from %s", dialect, offers[0].value)
    return roles


def load_attribute(place: str, what: str) -> object:
    """Import an attribute that roles or an entry point name.

    Args:
        place: `package.module:NAME`.
        what: its name in errors.

    Raises:
        DialectError: it cannot be imported.
    """
    try:
        return import_attribute(place)
    except ImportError as error:
        raise DialectError(f"{what} cannot be loaded from {place}: {error}") from error
