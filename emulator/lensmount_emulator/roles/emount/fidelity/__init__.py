"""Replays of E-mount captures: an engine in the place of a captured lens or body, frame by frame or timed."""

from lensmount_emulator.comparison.follower import DeviceProfile, Follower
from lensmount_emulator.roles.emount.fidelity.body_follower import BodyFollower
from lensmount_emulator.roles.emount.fidelity.lens_follower import LensFollower
from lensmount_emulator.roles.emount.lens.engine import LensEngine
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_protocol.dialect import Dialect


def make_follower(_dialect: Dialect, profile: DeviceProfile, give_state: bool) -> Follower:
    """Make the follower of a profile; that of a body always takes the wishes of the photographer from the capture."""
    settings = profile.settings
    if isinstance(settings, BodySettings):
        return BodyFollower(settings)
    assert isinstance(settings, LensSettings)
    return LensFollower(settings, LensEngine, give_state=give_state)
