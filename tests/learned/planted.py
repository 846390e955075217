"""Changes of behaviour that are planted in engines, to measure what the words of a machine find.

A plant changes a lens as a new firmware might: it ignores an order in some state, answers otherwise, or loses a state.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import msgspec

from learned.families import FAMILIES, Family, check
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import Step
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine as EmountLens
from lensmount_emulator.roles.lmount.lens.engine import LensEngine as LmountLens
from lensmount_protocol.connection import ReceivedFrame
from lensmount_protocol.dialects.emount.lines import BODY_CS, FAST_BAUDRATE
from lensmount_protocol.framer import Garbage
from lensmount_protocol.payload import message_type
from lensmount_protocol.wire import LineChanged

Reaction = Callable[[Any, ReceivedFrame], bool]
"""Whether a plant swallows a frame; it may change the lens."""


def ignores(type_: int, when: Callable[[Any], bool] = lambda _lens: True) -> Reaction:
    return lambda lens, arrival: message_type(arrival.messages[0]) == type_ and when(lens)


def streaming(lens: EmountLens) -> bool:
    return lens.stream.running


def fast(lens: Engine) -> bool:
    return lens.baudrate == FAST_BAUDRATE


class PlantedEmount(EmountLens):
    """An E-mount lens with a plant."""

    swallows: Reaction = staticmethod(lambda _lens, _arrival: False)
    line: Callable[[Any, LineChanged], bool] = staticmethod(lambda _lens, _edge: False)
    garbage: Callable[[Any], bool] = staticmethod(lambda _lens: False)
    seen = 0

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        if not type(self).swallows(self, arrival):
            super().on_arrival(arrival)

    def on_line(self, edge: LineChanged) -> None:
        if not type(self).line(self, edge):
            super().on_line(edge)

    def on_garbage(self, garbage: Garbage) -> None:
        if not type(self).garbage(self):
            super().on_garbage(garbage)


class PlantedLmount(LmountLens):
    """A lens of the open model with a plant."""

    swallows: Reaction = staticmethod(lambda _lens, _arrival: False)
    line: Callable[[Any, LineChanged], bool] = staticmethod(lambda _lens, _edge: False)
    seen = 0

    def on_arrival(self, arrival: ReceivedFrame) -> None:
        if not type(self).swallows(self, arrival):
            super().on_arrival(arrival)

    def on_line(self, edge: LineChanged) -> None:
        if not type(self).line(self, edge):
            super().on_line(edge)


class PlantedSettings(msgspec.Struct, frozen=True):
    """Settings that make a lens with a plant."""

    inner: Any
    engine: Any

    def make_engine(self, carried: frozenset[str] | None, random: Random | None, script: Sequence[Step]) -> Engine:
        made: Engine = self.engine(self.inner, carried, random)
        return made


@dataclass(frozen=True)
class Plant:
    """A change of behaviour.

    Attributes:
        name: what is different.
        settings: changes of the profile's settings.
        methods: methods of the planted lens: `swallows`, `line`, `garbage`.
    """

    name: str
    settings: Callable[[Any], Any] = lambda settings: settings
    methods: dict[str, Callable[..., bool]] | None = None

    def profile(self, dialect: str, name: str) -> Profile:
        profile = load_profile(name)
        settings = self.settings(profile.settings)
        if self.methods is not None:
            base = PlantedEmount if dialect == "emount" else PlantedLmount
            made = type("Planted", (base,), {key: staticmethod(one) for key, one in self.methods.items()})
            settings = PlantedSettings(settings, made)
        return replace(profile, settings=settings)


def without(message: str) -> Callable[[Any], Any]:
    def change(settings: Any) -> Any:
        return msgspec.structs.replace(
            settings, messages={name: one for name, one in settings.messages.items() if name != message}
        )

    return change


def with_field(message: str, **fields: int) -> Callable[[Any], Any]:
    return lambda settings: msgspec.structs.replace(settings, messages={**settings.messages, message: fields})


def behaves(**values: Any) -> Callable[[Any], Any]:
    return lambda settings: msgspec.structs.replace(
        settings, behaviour=msgspec.structs.replace(settings.behaviour, **values)
    )


def _stops_stream(lens: Any, arrival: ReceivedFrame) -> bool:
    if message_type(arrival.messages[0]) == 0x26:
        lens.stream.end()
    return False


def _ignores_after_identity(lens: Any, arrival: ReceivedFrame) -> bool:
    lens.seen = lens.seen or message_type(arrival.messages[0]) == 0x07
    return bool(lens.seen and message_type(arrival.messages[0]) == 0x01)


def _keeps_rate_off(lens: Any, edge: LineChanged) -> bool:
    """The lens does not notice a window while it sleeps."""
    return edge.line == BODY_CS and lens.connection.state == "ASLEEP"


EMOUNT_PLANTS = (
    Plant("no refusals", lambda settings: msgspec.structs.replace(settings, refuses=False)),
    Plant("07 is not known", without("IdentityReply")),
    Plant("01 is not known", without("LensCapabilities")),
    Plant("0C is refused", with_field("SpeedReply", accepted=0)),
    Plant("10 ends with an error", with_field("StartUpReply", result=1)),
    Plant("16 ends with an error", with_field("ShutDownReply", result=1)),
    Plant("16 is not known", without("ShutDownReply")),
    Plant("a refusal lasts", behaves(refusals_last=True)),
    Plant("the stream answers pairs", behaves(streams_pairs=True)),
    Plant("26 locks up", behaves(blocked_by=["26"])),
    Plant("16 is ignored while streaming", methods={"swallows": ignores(0x16, streaming)}),
    Plant("10 is ignored at the fast rate", methods={"swallows": ignores(0x10, fast)}),
    Plant("07 is ignored while streaming", methods={"swallows": ignores(0x07, streaming)}),
    Plant("0A is ignored at the fast rate", methods={"swallows": ignores(0x0A, fast)}),
    Plant("26 stops the stream", methods={"swallows": _stops_stream}),
    Plant("01 is ignored after 07", methods={"swallows": _ignores_after_identity}),
    Plant("a sleeping lens does not wake", methods={"line": _keeps_rate_off}),
    Plant("bad frames are ignored while streaming", methods={"garbage": streaming}),
    Plant("bad frames are ignored at the fast rate", methods={"garbage": fast}),
    Plant("0C is ignored at the fast rate", methods={"swallows": ignores(0x0C, fast)}),
)

IDENTITY, SLEEP, STREAM, GRANT, FOCUS, RATE, HELLO = 0x08, 0x04, 0x05, 0x10, 0x20, 0x03, 0x01


def asleep(lens: LmountLens) -> bool:
    return lens.asleep


def reports(lens: LmountLens) -> bool:
    return bool(lens.body_requests.reports)


def granted(lens: LmountLens) -> bool:
    return lens.body_requests.granted > 0


def _second_identity(lens: Any, arrival: ReceivedFrame) -> bool:
    """The lens reports its identity once a session."""
    if message_type(arrival.messages[0]) != IDENTITY:
        return False
    lens.seen += 1
    return bool(lens.seen > 1)


def _sleep_ends_reports_late(lens: Any, arrival: ReceivedFrame) -> bool:
    """A lens that was asleep takes no new stream until it is greeted."""
    lens.seen = lens.seen or message_type(arrival.messages[0]) == SLEEP
    if message_type(arrival.messages[0]) == HELLO:
        lens.seen = 0
    return bool(lens.seen and message_type(arrival.messages[0]) == STREAM)


LMOUNT_PLANTS = (
    *(
        Plant(f"{type_:02X} is ignored", methods={"swallows": ignores(type_)})
        for type_ in (IDENTITY, SLEEP, STREAM, GRANT, FOCUS, RATE)
    ),
    *(
        Plant(f"{type_:02X} is ignored asleep", methods={"swallows": ignores(type_, asleep)})
        for type_ in (IDENTITY, SLEEP, STREAM, HELLO)
    ),
    *(
        Plant(f"{type_:02X} is ignored while it reports", methods={"swallows": ignores(type_, reports)})
        for type_ in (SLEEP, STREAM, HELLO)
    ),
    *(
        Plant(f"{type_:02X} is ignored at the fast rate", methods={"swallows": ignores(type_, fast)})
        for type_ in (IDENTITY, RATE, HELLO)
    ),
    *(
        Plant(f"{type_:02X} is ignored after a grant", methods={"swallows": ignores(type_, granted)})
        for type_ in (FOCUS, GRANT)
    ),
    Plant("the second identity is ignored", methods={"swallows": _second_identity}),
    Plant("no stream after a sleep", methods={"swallows": _sleep_ends_reports_late}),
)

PLANTS = {"emount": EMOUNT_PLANTS, "lmount": LMOUNT_PLANTS}
VICTIMS = {"emount": "sel55210", "lmount": "sigma-45mm-f2.8-dg-dn"}


def machines_of(dialect: str) -> list[Family]:
    return [one for one in FAMILIES if (one.dialect, one.profile) == (dialect, VICTIMS[dialect])]


def is_found(dialect: str, plant: Plant, *, thorough: bool) -> bool:
    """Whether the words of one of the machines of a profile find a plant."""
    profile = plant.profile(dialect, VICTIMS[dialect])
    return any(check(family, thorough=thorough, profile=profile).differences for family in machines_of(dialect))


def missed(dialect: str, *, thorough: bool) -> Iterator[str]:
    """The plants that no word finds."""
    for plant in PLANTS[dialect]:
        if not is_found(dialect, plant, thorough=thorough):
            yield plant.name


def count_found() -> int:
    """Print how many plants each kind of words finds; 1 where they are fewer than demanded."""
    short = 0
    for dialect, plants in PLANTS.items():
        for name, thorough, demanded in (("cover", False, 15), ("thorough", True, 19)):
            lost = list(missed(dialect, thorough=thorough))
            found = len(plants) - len(lost)
            short += found < demanded
            print(f"{dialect}, {name}: {found} of {len(plants)} found{f'; not: {lost}' if lost else ''}")
        none = [family for family in machines_of(dialect) if check(family, thorough=True).differences]
        short += bool(none)
        print(f"{dialect}, equal builds: {'a difference' if none else 'no difference'}")
    return 1 if short else 0
