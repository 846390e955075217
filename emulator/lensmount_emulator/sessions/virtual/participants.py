"""The devices of a virtual session, and the header of its recording that names them.

Profiles become engines, checked against each other before anything is made. The header has all that is needed to run
the session again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from lensmount_emulator.engine.dialect_roles import (
    Accessory,
    DeviceSpec,
    Place,
    assemble_chain,
    get_roles,
    make_engine,
)
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.registry import FaultPlan
from lensmount_emulator.profiles.library import Profile, firmware_profile, is_firmware, load_profile
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.wire import Role

KNOWN = frozenset(
    {
        "lensmount", "version", "dialect", "body", "lens", "accessories", "script", "seed", "duration", "resolution",
        "allowed", "faults", "orders",
    }
)  # fmt: skip
"""The keys in the header of a virtual session; a session with any other key cannot be run again."""


def session_header(
    dialect: str,
    body: str,
    lens: str,
    script: str,
    seed: int | None,
    *,
    accessories: Sequence[str] = (),
    faults: Sequence[str] = (),
    orders: Sequence[str] = (),
    duration: float | None = None,
    allowed: Sequence[str] = (),
) -> dict[str, object]:
    """The header of a virtual session's recording, in the order in which it is written, without unused keys.

    Args:
        dialect: the dialect of the body.
        body: the profile of the body.
        lens: the profile of the lens.
        script: the script of the body.
        seed: the seed of random decisions; `None` for none.
        accessories: profiles of the accessories between body and lens, from the body on.
        faults: their texts, each with its seed.
        orders: what is done while it runs, each with its time.
        duration: its maximum duration, in seconds.
        allowed: the allowed guarded messages.
    """
    header: dict[str, object] = {"dialect": dialect, "body": body, "lens": lens, "script": script, "seed": seed}
    if accessories:
        header["accessories"] = list(accessories)
    if faults:
        header["faults"] = list(faults)
    if orders:
        header["orders"] = list(orders)
    if duration is not None:
        header["duration"] = duration
    if allowed:
        header["allowed"] = list(allowed)
    return header


DEFAULT_BODY = "a6000"
DEFAULT_LENS = "sel55210"


def default_pair(body: str | None, lens: str | None, dialect: str | None = None) -> tuple[Profile, Profile]:
    """The profiles of a body and a lens; a missing one is the default partner in the dialect of the other.

    Args:
        body: profile of the body; `None` for the default one.
        lens: profile of the lens; `None` for the default one.
        dialect: the dialect of the two; `None` for that of the named one.

    Raises:
        ProfileError: as `load_profile`, or a profile is of another dialect.
        DialectError: the dialect has no roles.
    """
    if dialect is not None:
        roles = get_roles(dialect)
        pair = load_profile(body or roles.default_body, Role.BODY), load_profile(lens or roles.default_lens, Role.LENS)
        for profile in pair:
            if profile.dialect != dialect:
                raise ProfileError(f"profile {profile.name!r} is of the dialect {profile.dialect}, not of {dialect}")
        return pair
    named = load_profile(body, Role.BODY) if body is not None else None
    if named is None and lens is not None:
        fitting = load_profile(lens, Role.LENS)
        return load_profile(get_roles(fitting.dialect).default_body, Role.BODY), fitting
    named = named or load_profile(DEFAULT_BODY, Role.BODY)
    return named, load_profile(lens or get_roles(named.dialect).default_lens, Role.LENS)


def load_accessory(name: str) -> Profile:
    """The profile of an accessory.

    Raises:
        ProfileError: unknown, impossible, or no accessory.
    """
    if is_firmware(name):
        return firmware_profile(name, Place.ACCESSORY)
    profile = load_profile(name)
    if profile.place is not Place.ACCESSORY:
        raise ProfileError(f"profile {name!r} is a {profile.place.value}; an accessory is needed here")
    return profile


def resolve_profile(named: str | Profile, place: Place) -> Profile:
    """The profile of this name or path, or the one that is given.

    Raises:
        ProfileError: unknown, impossible, or of another place.
    """
    if isinstance(named, Profile):
        return named
    return load_accessory(named) if place is Place.ACCESSORY else load_profile(named, Role(place.value))


@dataclass(frozen=True, slots=True)
class Participants:
    """The engines of a session.

    Attributes:
        body: the body's engine.
        lens: the lens's engine.
        accessories: the accessories between them, from the body on.
        notes: remarks about the combination, for the user.
    """

    body: Engine
    lens: Engine
    accessories: Sequence[Accessory]
    notes: Sequence[str]


def make_participants(
    body: Profile, lens: Profile, between: Sequence[Profile], script: str, seed: int | None
) -> Participants:
    """Make the engines of a session, after every profile is read and checked against the others.

    Raises:
        ProfileError: the profiles do not fit together, or one does not fit in its place.
        ScriptError: the script has an unknown verb or value.
    """
    for near, far in zip([body, *between], [*between, lens], strict=True):
        if far.dialect != near.dialect and near.place is not Place.ACCESSORY:
            raise ProfileError(
                f"{near.name} uses {near.dialect} and {far.name} uses {far.dialect}; they cannot connect"
            )
    roles = get_roles(body.dialect)
    steps = parse_script(script, roles.verbs)

    def make_random(name: str) -> Random | None:
        return None if seed is None else Random(f"{seed} {name}")  # one source each: ends do not shift each other

    settings, accessories, remarks = lens.settings, list[Accessory](), list[str]()
    if between:
        train = assemble_chain(roles, [device_spec(profile) for profile in between], device_spec(lens), make_random)
        settings, accessories, remarks = train.lens, list(train.accessories), list(train.notes)
    lens_roles = roles if lens.dialect == body.dialect else get_roles(lens.dialect)
    return Participants(
        make_engine(roles, body.settings, None, make_random("body"), steps),
        make_engine(lens_roles, settings, None, make_random("lens"), ()),
        accessories,
        remarks,
    )


def device_spec(profile: Profile) -> DeviceSpec:
    """A lens or an accessory, as the device that it is attached to sees it."""
    return DeviceSpec(profile.name, profile.title, profile.dialect, profile.settings)


class OtherLenses:
    """Makes the engines of lenses that are attached while a session runs, each from a profile that is read once.

    Args:
        body: profile of the body of the session.
        lens: profile of its lens; the name `""` means another one of this kind.
        seed: the seed of the session.
    """

    def __init__(self, body: Profile, lens: Profile, seed: int | None) -> None:
        self._body = body
        self._seed = seed
        self._profiles = {"": lens}

    def check(self, plan: FaultPlan, dialect: Dialect) -> None:
        """Check the faults of a plan, and read the lenses that it attaches.

        Raises:
            FaultError: as `FaultPlan.check`.
            ProfileError: a lens is unknown, or has another dialect.
        """
        plan.check(dialect)
        for name in plan.lenses:
            self._read(name)

    def make(self, name: str) -> Engine:
        """Make the engine of a lens.

        Raises:
            ProfileError: the lens is unknown, or has another dialect.
        """
        profile = self._read(name)
        random = None if self._seed is None else Random(f"{self._seed} other lens")
        return make_engine(get_roles(profile.dialect), profile.settings, None, random, ())

    def _read(self, name: str) -> Profile:
        known = self._profiles.get(name)
        if known is not None:
            return known
        other, lens = load_profile(name, Role.LENS), self._profiles[""]
        if other.dialect != lens.dialect:
            raise ProfileError(f"{self._body.name} uses {self._body.dialect} and {other.name} uses {other.dialect}")
        self._profiles[name] = other
        return other
