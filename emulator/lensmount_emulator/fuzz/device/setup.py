"""Whom a run fuzzes: which end the device is, who plays its peer, and who is its twin."""

from dataclasses import dataclass, field
from random import Random

from lensmount_emulator.fuzz.traits import dialect_of, players_of, profile, traits_of
from lensmount_emulator.roles.cast import Cast
from lensmount_emulator.roles.engine import Engine
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.message import Message
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class Setup:
    """Whom a run fuzzes.

    Attributes:
        dialect: what is spoken.
        device: the end that the device on the port is.
        ours: profile of the end that we play.
        twin: profile of our own engine that stands in for the device.
        seed: where chance comes from.
    """

    dialect: Dialect
    device: Role
    ours: str
    twin: str
    seed: int = 1
    cast: Cast = field(repr=False, default=None)  # type: ignore[assignment]

    @property
    def role(self) -> Role:
        """The end that we play."""
        return self.device.peer

    @property
    def body(self) -> str:
        """Profile of the body."""
        return self.ours if self.role is Role.BODY else self.twin

    @property
    def lens(self) -> str:
        """Profile of the lens."""
        return self.twin if self.role is Role.BODY else self.ours

    def engine(self, name: str, carried: frozenset[str]) -> Engine:
        """The engine of a profile, in the form that a port with these lines allows."""
        return self.cast.engine(profile(name).settings, carried, Random(f"{self.seed} {name}"), ())

    def probe(self) -> Message | None:
        """What the device is asked to know whether it is well; `None` where it cannot be asked."""
        make = self.cast.probe
        return make() if make is not None and self.device is Role.LENS and self.cast.ask is not None else None


def make_setup(dialect: str, device: Role, ours: str = "", twin: str = "", seed: int = 1) -> Setup:
    """Whom a run fuzzes; the players that fuzzing knows of the dialect where none are named.

    Raises:
        DialectError: there is no such dialect.
        ProfileError: a profile that nobody knows, of the wrong end, or of another dialect.
    """
    cast, traits = players_of(dialect), traits_of(dialect)
    usual = {Role.BODY: (*traits.bodies, cast.usual_body)[0], Role.LENS: (*traits.lenses, cast.usual_lens)[0]}
    named = {device.peer: ours or usual[device.peer], device: twin or usual[device]}
    for role, name in named.items():
        found = profile(name)
        if found.role is not role or found.dialect != dialect:
            raise ProfileError(
                f"profile {name} is a {found.role.value} of {found.dialect}, not a {role.value} of {dialect}"
            )
    return Setup(dialect_of(dialect), device, named[device.peer], named[device], seed, cast)
