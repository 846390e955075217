"""Makes the follower of an E-mount profile: a lens or a body in the place of a captured one."""

from lensmount_emulator.fidelity.emount.body_follower import BodyFollower
from lensmount_emulator.fidelity.emount.lens_follower import LensFollower
from lensmount_emulator.fidelity.follower import Follower
from lensmount_emulator.profiles.library import Profile
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_protocol.dialect import Dialect


def make_follower(_dialect: Dialect, profile: Profile, give_state: bool) -> Follower:
    """Make the follower of a profile; that of a body always takes the wishes of the photographer from the capture."""
    settings = profile.settings
    if isinstance(settings, BodySettings):
        return BodyFollower(settings)
    assert isinstance(settings, LensSettings)
    return LensFollower(settings, LensEngine, give_state=give_state)
