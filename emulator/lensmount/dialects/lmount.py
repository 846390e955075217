"""The messages of the open L-Mount model, their enumerations, and the dialect itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureDrive as ApertureDrive
    from lensmount_protocol.dialects.lmount.aperture_zoom import ApertureState as ApertureState
    from lensmount_protocol.dialects.lmount.aperture_zoom import ZoomDrive as ZoomDrive
    from lensmount_protocol.dialects.lmount.aperture_zoom import ZoomState as ZoomState
    from lensmount_protocol.dialects.lmount.dialect import LMOUNT as LMOUNT
    from lensmount_protocol.dialects.lmount.exposure import ControlEvent as ControlEvent
    from lensmount_protocol.dialects.lmount.exposure import Correction as Correction
    from lensmount_protocol.dialects.lmount.exposure import CorrectionRequest as CorrectionRequest
    from lensmount_protocol.dialects.lmount.exposure import Exposure as Exposure
    from lensmount_protocol.dialects.lmount.exposure import FrameStart as FrameStart
    from lensmount_protocol.dialects.lmount.extensions import BreathingCompensatedMove as BreathingCompensatedMove
    from lensmount_protocol.dialects.lmount.extensions import CorrectionProfile as CorrectionProfile
    from lensmount_protocol.dialects.lmount.extensions import FocusSequence as FocusSequence
    from lensmount_protocol.dialects.lmount.extensions import FocusSequenceReport as FocusSequenceReport
    from lensmount_protocol.dialects.lmount.extensions import FocusSequenceStop as FocusSequenceStop
    from lensmount_protocol.dialects.lmount.extensions import MeasuredPoint as MeasuredPoint
    from lensmount_protocol.dialects.lmount.extensions import ProfileRequest as ProfileRequest
    from lensmount_protocol.dialects.lmount.extensions import SetPoint as SetPoint
    from lensmount_protocol.dialects.lmount.firmware_update import ExtensionAccept as ExtensionAccept
    from lensmount_protocol.dialects.lmount.firmware_update import ExtensionCommand as ExtensionCommand
    from lensmount_protocol.dialects.lmount.firmware_update import ExtensionId as ExtensionId
    from lensmount_protocol.dialects.lmount.firmware_update import ExtensionOffer as ExtensionOffer
    from lensmount_protocol.dialects.lmount.firmware_update import ExtensionReport as ExtensionReport
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateActivate as UpdateActivate
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateBlock as UpdateBlock
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateOffer as UpdateOffer
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateRollback as UpdateRollback
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateState as UpdateState
    from lensmount_protocol.dialects.lmount.focus import BreathingTable as BreathingTable
    from lensmount_protocol.dialects.lmount.focus import DefocusTable as DefocusTable
    from lensmount_protocol.dialects.lmount.focus import DistanceScale as DistanceScale
    from lensmount_protocol.dialects.lmount.focus import FocusDrive as FocusDrive
    from lensmount_protocol.dialects.lmount.focus import FocusLimits as FocusLimits
    from lensmount_protocol.dialects.lmount.focus import FocusState as FocusState
    from lensmount_protocol.dialects.lmount.focus import FocusTableRequest as FocusTableRequest
    from lensmount_protocol.dialects.lmount.focus import RingBehaviour as RingBehaviour
    from lensmount_protocol.dialects.lmount.focus import RingMoved as RingMoved
    from lensmount_protocol.dialects.lmount.focus import ScalePoint as ScalePoint
    from lensmount_protocol.dialects.lmount.identity import AccessoryEntry as AccessoryEntry
    from lensmount_protocol.dialects.lmount.identity import AccessoryReport as AccessoryReport
    from lensmount_protocol.dialects.lmount.identity import Identity as Identity
    from lensmount_protocol.dialects.lmount.identity import IdentityRequest as IdentityRequest
    from lensmount_protocol.dialects.lmount.identity import LensCapabilities as LensCapabilities
    from lensmount_protocol.dialects.lmount.identity import LensCapabilitiesRequest as LensCapabilitiesRequest
    from lensmount_protocol.dialects.lmount.identity import Metadata as Metadata
    from lensmount_protocol.dialects.lmount.identity import MetadataEntry as MetadataEntry
    from lensmount_protocol.dialects.lmount.identity import MetadataRequest as MetadataRequest
    from lensmount_protocol.dialects.lmount.link import BodyHello as BodyHello
    from lensmount_protocol.dialects.lmount.link import Challenge as Challenge
    from lensmount_protocol.dialects.lmount.link import ChallengeAnswer as ChallengeAnswer
    from lensmount_protocol.dialects.lmount.link import CommandDone as CommandDone
    from lensmount_protocol.dialects.lmount.link import CommandRejected as CommandRejected
    from lensmount_protocol.dialects.lmount.link import LensHello as LensHello
    from lensmount_protocol.dialects.lmount.link import SetBaudrateCommand as SetBaudrateCommand
    from lensmount_protocol.dialects.lmount.link import Sleep as Sleep
    from lensmount_protocol.dialects.lmount.link import StreamConfig as StreamConfig
    from lensmount_protocol.dialects.lmount.power import BrownOut as BrownOut
    from lensmount_protocol.dialects.lmount.power import ImageCircleSelect as ImageCircleSelect
    from lensmount_protocol.dialects.lmount.power import PowerGrant as PowerGrant
    from lensmount_protocol.dialects.lmount.power import PowerReport as PowerReport
    from lensmount_protocol.dialects.lmount.stabiliser import AngularRate as AngularRate
    from lensmount_protocol.dialects.lmount.stabiliser import StabiliserCommand as StabiliserCommand
    from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState as StabiliserState
    from lensmount_protocol.dialects.lmount.types import AccessoryKind as AccessoryKind
    from lensmount_protocol.dialects.lmount.types import ApertureMode as ApertureMode
    from lensmount_protocol.dialects.lmount.types import ControlKind as ControlKind
    from lensmount_protocol.dialects.lmount.types import CorrectionKind as CorrectionKind
    from lensmount_protocol.dialects.lmount.types import ExposurePhase as ExposurePhase
    from lensmount_protocol.dialects.lmount.types import Feature as Feature
    from lensmount_protocol.dialects.lmount.types import FocusCommand as FocusCommand
    from lensmount_protocol.dialects.lmount.types import FocusFlag as FocusFlag
    from lensmount_protocol.dialects.lmount.types import ImageCircle as ImageCircle
    from lensmount_protocol.dialects.lmount.types import Outcome as Outcome
    from lensmount_protocol.dialects.lmount.types import Part as Part
    from lensmount_protocol.dialects.lmount.types import PowerClass as PowerClass
    from lensmount_protocol.dialects.lmount.types import RejectionCode as RejectionCode
    from lensmount_protocol.dialects.lmount.types import RingKind as RingKind
    from lensmount_protocol.dialects.lmount.types import StabiliserMode as StabiliserMode
    from lensmount_protocol.dialects.lmount.types import UpdateStage as UpdateStage
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "LMOUNT",
    "AccessoryEntry",
    "AccessoryKind",
    "AccessoryReport",
    "AngularRate",
    "ApertureDrive",
    "ApertureMode",
    "ApertureState",
    "BodyHello",
    "BreathingCompensatedMove",
    "BreathingTable",
    "BrownOut",
    "Challenge",
    "ChallengeAnswer",
    "CommandDone",
    "CommandRejected",
    "ControlEvent",
    "ControlKind",
    "Correction",
    "CorrectionKind",
    "CorrectionProfile",
    "CorrectionRequest",
    "DefocusTable",
    "DistanceScale",
    "Exposure",
    "ExposurePhase",
    "ExtensionAccept",
    "ExtensionCommand",
    "ExtensionId",
    "ExtensionOffer",
    "ExtensionReport",
    "Feature",
    "FocusCommand",
    "FocusDrive",
    "FocusFlag",
    "FocusLimits",
    "FocusSequence",
    "FocusSequenceReport",
    "FocusSequenceStop",
    "FocusState",
    "FocusTableRequest",
    "FrameStart",
    "Identity",
    "IdentityRequest",
    "ImageCircle",
    "ImageCircleSelect",
    "LensCapabilities",
    "LensCapabilitiesRequest",
    "LensHello",
    "MeasuredPoint",
    "Metadata",
    "MetadataEntry",
    "MetadataRequest",
    "Outcome",
    "Part",
    "PowerClass",
    "PowerGrant",
    "PowerReport",
    "ProfileRequest",
    "RejectionCode",
    "RingBehaviour",
    "RingKind",
    "RingMoved",
    "ScalePoint",
    "SetBaudrateCommand",
    "SetPoint",
    "Sleep",
    "StabiliserCommand",
    "StabiliserMode",
    "StabiliserState",
    "StreamConfig",
    "UpdateActivate",
    "UpdateBlock",
    "UpdateOffer",
    "UpdateRollback",
    "UpdateStage",
    "UpdateState",
    "ZoomDrive",
    "ZoomState",
]

_NAMES = {
    "LensCapabilities": ("lensmount_protocol.dialects.lmount.identity", "LensCapabilities"),
    "LensCapabilitiesRequest": ("lensmount_protocol.dialects.lmount.identity", "LensCapabilitiesRequest"),
    "AccessoryEntry": ("lensmount_protocol.dialects.lmount.identity", "AccessoryEntry"),
    "AccessoryKind": ("lensmount_protocol.dialects.lmount.types", "AccessoryKind"),
    "AccessoryReport": ("lensmount_protocol.dialects.lmount.identity", "AccessoryReport"),
    "AngularRate": ("lensmount_protocol.dialects.lmount.stabiliser", "AngularRate"),
    "ApertureDrive": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ApertureDrive"),
    "ApertureMode": ("lensmount_protocol.dialects.lmount.types", "ApertureMode"),
    "ApertureState": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ApertureState"),
    "BodyHello": ("lensmount_protocol.dialects.lmount.link", "BodyHello"),
    "BreathingTable": ("lensmount_protocol.dialects.lmount.focus", "BreathingTable"),
    "BrownOut": ("lensmount_protocol.dialects.lmount.power", "BrownOut"),
    "Challenge": ("lensmount_protocol.dialects.lmount.link", "Challenge"),
    "ChallengeAnswer": ("lensmount_protocol.dialects.lmount.link", "ChallengeAnswer"),
    "BreathingCompensatedMove": ("lensmount_protocol.dialects.lmount.extensions", "BreathingCompensatedMove"),
    "ControlEvent": ("lensmount_protocol.dialects.lmount.exposure", "ControlEvent"),
    "ControlKind": ("lensmount_protocol.dialects.lmount.types", "ControlKind"),
    "Correction": ("lensmount_protocol.dialects.lmount.exposure", "Correction"),
    "CorrectionKind": ("lensmount_protocol.dialects.lmount.types", "CorrectionKind"),
    "CorrectionRequest": ("lensmount_protocol.dialects.lmount.exposure", "CorrectionRequest"),
    "ImageCircleSelect": ("lensmount_protocol.dialects.lmount.power", "ImageCircleSelect"),
    "DefocusTable": ("lensmount_protocol.dialects.lmount.focus", "DefocusTable"),
    "DistanceScale": ("lensmount_protocol.dialects.lmount.focus", "DistanceScale"),
    "CommandDone": ("lensmount_protocol.dialects.lmount.link", "CommandDone"),
    "Exposure": ("lensmount_protocol.dialects.lmount.exposure", "Exposure"),
    "ExposurePhase": ("lensmount_protocol.dialects.lmount.types", "ExposurePhase"),
    "Feature": ("lensmount_protocol.dialects.lmount.types", "Feature"),
    "FocusDrive": ("lensmount_protocol.dialects.lmount.focus", "FocusDrive"),
    "FocusFlag": ("lensmount_protocol.dialects.lmount.types", "FocusFlag"),
    "FocusLimits": ("lensmount_protocol.dialects.lmount.focus", "FocusLimits"),
    "FocusCommand": ("lensmount_protocol.dialects.lmount.types", "FocusCommand"),
    "FocusSequence": ("lensmount_protocol.dialects.lmount.extensions", "FocusSequence"),
    "FocusSequenceReport": ("lensmount_protocol.dialects.lmount.extensions", "FocusSequenceReport"),
    "FocusSequenceStop": ("lensmount_protocol.dialects.lmount.extensions", "FocusSequenceStop"),
    "FocusState": ("lensmount_protocol.dialects.lmount.focus", "FocusState"),
    "FocusTableRequest": ("lensmount_protocol.dialects.lmount.focus", "FocusTableRequest"),
    "FrameStart": ("lensmount_protocol.dialects.lmount.exposure", "FrameStart"),
    "Identity": ("lensmount_protocol.dialects.lmount.identity", "Identity"),
    "IdentityRequest": ("lensmount_protocol.dialects.lmount.identity", "IdentityRequest"),
    "ImageCircle": ("lensmount_protocol.dialects.lmount.types", "ImageCircle"),
    "CorrectionProfile": ("lensmount_protocol.dialects.lmount.extensions", "CorrectionProfile"),
    "LMOUNT": ("lensmount_protocol.dialects.lmount.dialect", "LMOUNT"),
    "LensHello": ("lensmount_protocol.dialects.lmount.link", "LensHello"),
    "MeasuredPoint": ("lensmount_protocol.dialects.lmount.extensions", "MeasuredPoint"),
    "Metadata": ("lensmount_protocol.dialects.lmount.identity", "Metadata"),
    "MetadataEntry": ("lensmount_protocol.dialects.lmount.identity", "MetadataEntry"),
    "MetadataRequest": ("lensmount_protocol.dialects.lmount.identity", "MetadataRequest"),
    "Outcome": ("lensmount_protocol.dialects.lmount.types", "Outcome"),
    "ExtensionId": ("lensmount_protocol.dialects.lmount.firmware_update", "ExtensionId"),
    "ExtensionAccept": ("lensmount_protocol.dialects.lmount.firmware_update", "ExtensionAccept"),
    "ExtensionOffer": ("lensmount_protocol.dialects.lmount.firmware_update", "ExtensionOffer"),
    "ExtensionCommand": ("lensmount_protocol.dialects.lmount.firmware_update", "ExtensionCommand"),
    "ExtensionReport": ("lensmount_protocol.dialects.lmount.firmware_update", "ExtensionReport"),
    "Part": ("lensmount_protocol.dialects.lmount.types", "Part"),
    "PowerClass": ("lensmount_protocol.dialects.lmount.types", "PowerClass"),
    "PowerGrant": ("lensmount_protocol.dialects.lmount.power", "PowerGrant"),
    "PowerReport": ("lensmount_protocol.dialects.lmount.power", "PowerReport"),
    "ProfileRequest": ("lensmount_protocol.dialects.lmount.extensions", "ProfileRequest"),
    "SetBaudrateCommand": ("lensmount_protocol.dialects.lmount.link", "SetBaudrateCommand"),
    "CommandRejected": ("lensmount_protocol.dialects.lmount.link", "CommandRejected"),
    "RejectionCode": ("lensmount_protocol.dialects.lmount.types", "RejectionCode"),
    "RingBehaviour": ("lensmount_protocol.dialects.lmount.focus", "RingBehaviour"),
    "RingKind": ("lensmount_protocol.dialects.lmount.types", "RingKind"),
    "RingMoved": ("lensmount_protocol.dialects.lmount.focus", "RingMoved"),
    "ScalePoint": ("lensmount_protocol.dialects.lmount.focus", "ScalePoint"),
    "SetPoint": ("lensmount_protocol.dialects.lmount.extensions", "SetPoint"),
    "Sleep": ("lensmount_protocol.dialects.lmount.link", "Sleep"),
    "StabiliserMode": ("lensmount_protocol.dialects.lmount.types", "StabiliserMode"),
    "StabiliserCommand": ("lensmount_protocol.dialects.lmount.stabiliser", "StabiliserCommand"),
    "StabiliserState": ("lensmount_protocol.dialects.lmount.stabiliser", "StabiliserState"),
    "StreamConfig": ("lensmount_protocol.dialects.lmount.link", "StreamConfig"),
    "UpdateActivate": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateActivate"),
    "UpdateBlock": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateBlock"),
    "UpdateOffer": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateOffer"),
    "UpdateRollback": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateRollback"),
    "UpdateStage": ("lensmount_protocol.dialects.lmount.types", "UpdateStage"),
    "UpdateState": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateState"),
    "ZoomDrive": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ZoomDrive"),
    "ZoomState": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ZoomState"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
