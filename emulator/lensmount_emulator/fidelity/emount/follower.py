"""Makes the follower of an E-mount profile: a lens or a body in the place of a captured one."""

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.fidelity.emount.body_follower import BodyFollower
from lensmount_emulator.fidelity.emount.lens_follower import LensFollower
from lensmount_emulator.fidelity.follower import Follower
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_protocol.dialect import Dialect


def make_follower(dialect: Dialect, profile: Profile) -> Follower:
    """Make the follower of a profile."""
    settings = profile.settings
    if isinstance(settings, BodySettings):
        return BodyFollower(settings)
    assert isinstance(settings, LensSettings)
    return LensFollower(settings, lambda given: get_roles(dialect.name).make_engine(given, None, None, ()))
