"""Captures of Fuji G replayed to the engines: the words of a body to a lens, and a captured lens to a body."""

from collections.abc import Sequence

from lensmount_emulator.comparison.follower import DeviceProfile
from lensmount_emulator.comparison.score import FidelityResult
from lensmount_emulator.roles.fuji_g.fidelity.body_replay import score_body
from lensmount_emulator.roles.fuji_g.fidelity.capture_replay import replay_words
from lensmount_emulator.roles.fuji_g.profile import BodySettings
from lensmount_protocol.decoder import Decoder
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import WireRecord


def replay_capture(records: Sequence[WireRecord], dialect: Dialect, profile: DeviceProfile) -> FidelityResult:
    """Replay a capture to the engine of a profile; see `DialectRoles.capture_replay`.

    Raises:
        CaptureError: the capture holds no whole session, or nothing that a body does by itself.
    """
    if isinstance(profile.settings, BodySettings):
        return score_body(list(Decoder(dialect).decode(records)), profile.settings)
    return replay_words(records, dialect, profile)[0]
