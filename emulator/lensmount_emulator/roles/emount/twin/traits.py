"""What the inference of twins knows of the E-mount: candidate keys, states, models, and what to capture next."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.twin_traits import Key, Session, TwinTraits
from lensmount_emulator.roles.emount.profile import BodySettings, LensSettings
from lensmount_emulator.roles.emount.twin.body_settings import infer_body
from lensmount_emulator.roles.emount.twin.lens_replay import replay_lens
from lensmount_emulator.roles.emount.twin.lens_settings import infer_lens
from lensmount_protocol.dialects.emount.body_status import BodyMode, BodyState
from lensmount_protocol.dialects.emount.focus_status import FocusStatus
from lensmount_protocol.dialects.emount.identification import (
    Answer0B,
    Answer09,
    BodyCapabilities,
    DescriptorReply,
    DescriptorRequest,
    FrameRateReply,
    FrameRateRequest,
    IdentityReply,
    IdentityRequest,
    LensCapabilities,
    Query0B,
    Query09,
    SpeedReply,
)
from lensmount_protocol.dialects.emount.lens_status import LensStatus
from lensmount_protocol.dialects.emount.startup_shutdown import (
    ShutDownReply,
    ShutDownRequest,
    StartUpReply,
    StartUpRequest,
    StreamLayoutRequest,
)


def _infer_settings(sessions: Sequence[Session], place: Place, donor: Struct | None) -> dict[str, Any]:
    if place is Place.BODY:
        assert donor is None or isinstance(donor, BodySettings)
        return infer_body(sessions, donor)
    assert donor is None or isinstance(donor, LensSettings)
    return infer_lens(sessions, donor)


def _moves(settings: Struct, state: str) -> bool:
    if not isinstance(settings, LensSettings):
        return False
    return (state == "position" and settings.focus.driven) or (state == "aperture" and settings.iris.driven)


def _hold(settings: Struct, states: Mapping[str, int]) -> Struct:
    """Begin a session with the motor at another place."""
    position = states.get("position")
    if not isinstance(settings, LensSettings) or position is None or not settings.focus.driven:
        return settings
    focus = settings.focus
    lower, upper = min(focus.lower, position), max(focus.upper, position)
    encoder = max(position - lower, min(0xFFFF - (upper - position), position + focus.encoder - focus.planned))
    return replace(settings, focus=replace(focus, planned=position, encoder=encoder, lower=lower, upper=upper))


_SINGLE: tuple[Key, ...] = (
    (("row1", 0),),
    (("row2", 0),),
    (("sequence", 2),),
    (("pair", 2),),
    (("flip", 2),),
    (("turn", 2),),
    (("toggle", 2),),
    (("pair", 3),),
    (("pair", 4),),
    (("dwell1", 0),),
    (("dwell2", 0),),
    (("focus_mode", 0),),
    (("mode_state", 0),),
    (("control1", 0),),
    (("start_flag1", 0),),
    (("cycle1", 0),),
    (("cycle2", 0),),
    (("state1", 0),),
    (("state2", 0),),
    (("mode1", 0),),
    (("unknown_151", 0),),
    (("aperture_target1", 0),),
    (("aperture_target2", 0),),
)
_DOUBLE: tuple[Key, ...] = tuple(
    ((f"row{lag}", 0), other)
    for lag in (1, 2)
    for other in ((f"dwell{lag}", 0), (f"previous{lag}", 0), ("sequence", 2), ("pair", 3), ("flip", 2))
)
_TRIPLE: tuple[Key, ...] = tuple(((f"row{lag}", 0), (f"dwell{lag}", 0), (f"previous{lag}", 0)) for lag in (1, 2))

EMOUNT_TWIN = TwinTraits(
    infer_settings=_infer_settings,
    replays={Place.LENS: replay_lens},
    stream_messages={Place.LENS: (LensStatus, FocusStatus), Place.BODY: ()},
    keys=(*_SINGLE, *_DOUBLE, *_TRIPLE),
    states={
        "focal_length": "LensStatus.focal_length_dmm",
        "aperture": "LensStatus.aperture",
        "position": "FocusStatus.planned_position",
        "focus_switch": "LensStatus.focus_switch",
    },
    moves=_moves,
    hold=_hold,
    driven=frozenset(
        {
            "LensStatus.aperture",
            "LensStatus.aperture_next",
            "LensStatus.aperture_frames_left",
            "LensStatus.aperture_error",
            "LensStatus.state",
            "LensStatus.motion_flags",
            "LensStatus.row_index_a",
            "LensStatus.row_index_b",
            "FocusStatus.planned_position",
            "FocusStatus.position",
            "FocusStatus.direction",
            "FocusStatus.velocity",
            "FocusStatus.lower_limit",
            "FocusStatus.upper_limit",
            "FocusStatus.state",
        }
    ),
    measured=frozenset(
        {
            "LensStatus.distance",
            "LensStatus.coarse_distance",
            "LensStatus.effective_focal_length_dmm",
            "FocusStatus.planned_position",
            "FocusStatus.position",
            "FocusStatus.velocity",
        }
    ),
    noise_bases={"FocusStatus.position": "FocusStatus.planned_position"},
    row_fields=frozenset({"LensStatus.row_a", "LensStatus.row_b", "LensStatus.row_c", "LensStatus.row_d"}),
    messages={
        Place.LENS: (
            LensCapabilities,
            IdentityReply,
            SpeedReply,
            Answer0B,
            DescriptorReply,
            Answer09,
            FrameRateReply,
            StartUpReply,
            ShutDownReply,
            LensStatus,
            FocusStatus,
        ),
        Place.BODY: (
            BodyCapabilities,
            IdentityRequest,
            Query0B,
            DescriptorRequest,
            Query09,
            FrameRateRequest,
            StartUpRequest,
            StreamLayoutRequest,
            BodyState,
            BodyMode,
            ShutDownRequest,
        ),
    },
    actions={
        "focal_length": "turn only the zoom ring, and leave focus and aperture",
        "aperture": "turn only the aperture ring, or set another aperture on the body, and leave zoom and focus",
        "position": "turn only the focus ring, and leave zoom and aperture",
        "focus_switch": "move only the AF/MF switch",
    },
    identity={Place.LENS: {IdentityReply: ("lens_id",), DescriptorReply: ("lens_spec",)}},
)
"""The E-mount traits for twins."""
