"""The configuration of a run: the role of the device, the profile of its peer, and its reference device."""

from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.engine.dialect_roles import DialectRoles, make_engine
from lensmount_emulator.engine.engine import Engine
from lensmount_emulator.fuzz.scenario import get_cached_roles, get_dialect, get_profile, get_traits
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class DeviceFuzzConfig:
    """The devices of a run.

    Attributes:
        dialect: the dialect.
        device: the role of the device on the port.
        ours: profile of the end that we emulate.
        reference: profile of our own engine that stands in for the device.
        seed: seed of random decisions.
    """

    dialect: Dialect
    device: Role
    ours: str
    reference: str
    seed: int = 1
    roles: DialectRoles = field(repr=False, kw_only=True)

    @property
    def role(self) -> Role:
        """The end that we emulate."""
        return self.device.peer

    @property
    def body(self) -> str:
        """Profile of the body."""
        return self.ours if self.role is Role.BODY else self.reference

    @property
    def lens(self) -> str:
        """Profile of the lens."""
        return self.reference if self.role is Role.BODY else self.ours

    def make_engine(self, name: str, carried: frozenset[str]) -> Engine:
        """The engine of a profile, for a port with these lines."""
        return make_engine(self.roles, get_profile(name).settings, carried, Random(f"{self.seed} {name}"), ())

    def probe(self) -> Message | None:
        """The request that checks the health of the device; `None` if the dialect has none."""
        make = self.roles.probe
        return make() if make is not None and self.device is Role.LENS and self.roles.request is not None else None


def make_config(dialect: str, device: Role, ours: str = "", reference: str = "", seed: int = 1) -> DeviceFuzzConfig:
    """Make the configuration of a run; missing profiles are those that the dialect declares for fuzzing.

    Raises:
        DialectError: the dialect is unknown.
        ProfileError: a profile is unknown, of the wrong end, or of another dialect.
    """
    roles, traits = get_cached_roles(dialect), get_traits(dialect)
    default = {Role.BODY: (*traits.bodies, roles.default_body)[0], Role.LENS: (*traits.lenses, roles.default_lens)[0]}
    named = {device.peer: ours or default[device.peer], device: reference or default[device]}
    for role, name in named.items():
        found = get_profile(name)
        if found.role is not role or found.dialect != dialect:
            raise ProfileError(
                f"profile {name} is a {found.role.value} of {found.dialect}, not a {role.value} of {dialect}"
            )
    return DeviceFuzzConfig(get_dialect(dialect), device, named[device.peer], named[device], seed, roles=roles)
