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
    from lensmount_protocol.dialects.lmount.extensions import CompensatedMove as CompensatedMove
    from lensmount_protocol.dialects.lmount.extensions import FocusRun as FocusRun
    from lensmount_protocol.dialects.lmount.extensions import FocusRunReport as FocusRunReport
    from lensmount_protocol.dialects.lmount.extensions import FocusRunStop as FocusRunStop
    from lensmount_protocol.dialects.lmount.extensions import JointProfile as JointProfile
    from lensmount_protocol.dialects.lmount.extensions import MeasuredPoint as MeasuredPoint
    from lensmount_protocol.dialects.lmount.extensions import ProfileRequest as ProfileRequest
    from lensmount_protocol.dialects.lmount.extensions import SetPoint as SetPoint
    from lensmount_protocol.dialects.lmount.firmware_update import Page as Page
    from lensmount_protocol.dialects.lmount.firmware_update import PageAgreement as PageAgreement
    from lensmount_protocol.dialects.lmount.firmware_update import PageOffer as PageOffer
    from lensmount_protocol.dialects.lmount.firmware_update import PageOrder as PageOrder
    from lensmount_protocol.dialects.lmount.firmware_update import PageReport as PageReport
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateActivate as UpdateActivate
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateBlock as UpdateBlock
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateOffer as UpdateOffer
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateRollBack as UpdateRollBack
    from lensmount_protocol.dialects.lmount.firmware_update import UpdateState as UpdateState
    from lensmount_protocol.dialects.lmount.focus import BreathingTable as BreathingTable
    from lensmount_protocol.dialects.lmount.focus import DefocusTable as DefocusTable
    from lensmount_protocol.dialects.lmount.focus import DistanceScale as DistanceScale
    from lensmount_protocol.dialects.lmount.focus import FocusDrive as FocusDrive
    from lensmount_protocol.dialects.lmount.focus import FocusLimits as FocusLimits
    from lensmount_protocol.dialects.lmount.focus import FocusState as FocusState
    from lensmount_protocol.dialects.lmount.focus import FocusTableRequest as FocusTableRequest
    from lensmount_protocol.dialects.lmount.focus import RingBehaviour as RingBehaviour
    from lensmount_protocol.dialects.lmount.focus import RingTurned as RingTurned
    from lensmount_protocol.dialects.lmount.focus import ScalePoint as ScalePoint
    from lensmount_protocol.dialects.lmount.identity import Abilities as Abilities
    from lensmount_protocol.dialects.lmount.identity import AbilitiesRequest as AbilitiesRequest
    from lensmount_protocol.dialects.lmount.identity import AccessoryEntry as AccessoryEntry
    from lensmount_protocol.dialects.lmount.identity import AccessoryReport as AccessoryReport
    from lensmount_protocol.dialects.lmount.identity import Identity as Identity
    from lensmount_protocol.dialects.lmount.identity import IdentityRequest as IdentityRequest
    from lensmount_protocol.dialects.lmount.identity import Metadata as Metadata
    from lensmount_protocol.dialects.lmount.identity import MetadataEntry as MetadataEntry
    from lensmount_protocol.dialects.lmount.identity import MetadataRequest as MetadataRequest
    from lensmount_protocol.dialects.lmount.link import BodyHello as BodyHello
    from lensmount_protocol.dialects.lmount.link import Challenge as Challenge
    from lensmount_protocol.dialects.lmount.link import ChallengeAnswer as ChallengeAnswer
    from lensmount_protocol.dialects.lmount.link import Done as Done
    from lensmount_protocol.dialects.lmount.link import LensHello as LensHello
    from lensmount_protocol.dialects.lmount.link import RateOrder as RateOrder
    from lensmount_protocol.dialects.lmount.link import Refusal as Refusal
    from lensmount_protocol.dialects.lmount.link import Sleep as Sleep
    from lensmount_protocol.dialects.lmount.link import StreamOrder as StreamOrder
    from lensmount_protocol.dialects.lmount.power import BrownOut as BrownOut
    from lensmount_protocol.dialects.lmount.power import CropNotice as CropNotice
    from lensmount_protocol.dialects.lmount.power import PowerGrant as PowerGrant
    from lensmount_protocol.dialects.lmount.power import PowerReport as PowerReport
    from lensmount_protocol.dialects.lmount.stabiliser import AngularRate as AngularRate
    from lensmount_protocol.dialects.lmount.stabiliser import StabiliserOrder as StabiliserOrder
    from lensmount_protocol.dialects.lmount.stabiliser import StabiliserState as StabiliserState
    from lensmount_protocol.dialects.lmount.types import AccessoryKind as AccessoryKind
    from lensmount_protocol.dialects.lmount.types import ApertureMode as ApertureMode
    from lensmount_protocol.dialects.lmount.types import ControlKind as ControlKind
    from lensmount_protocol.dialects.lmount.types import CorrectionKind as CorrectionKind
    from lensmount_protocol.dialects.lmount.types import ExposurePhase as ExposurePhase
    from lensmount_protocol.dialects.lmount.types import Feature as Feature
    from lensmount_protocol.dialects.lmount.types import FocusFlag as FocusFlag
    from lensmount_protocol.dialects.lmount.types import FocusOrder as FocusOrder
    from lensmount_protocol.dialects.lmount.types import ImageCircle as ImageCircle
    from lensmount_protocol.dialects.lmount.types import Outcome as Outcome
    from lensmount_protocol.dialects.lmount.types import Part as Part
    from lensmount_protocol.dialects.lmount.types import PowerClass as PowerClass
    from lensmount_protocol.dialects.lmount.types import RefusalCode as RefusalCode
    from lensmount_protocol.dialects.lmount.types import RingKind as RingKind
    from lensmount_protocol.dialects.lmount.types import StabiliserMode as StabiliserMode
    from lensmount_protocol.dialects.lmount.types import UpdateStage as UpdateStage
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "LMOUNT",
    "Abilities",
    "AbilitiesRequest",
    "AccessoryEntry",
    "AccessoryKind",
    "AccessoryReport",
    "AngularRate",
    "ApertureDrive",
    "ApertureMode",
    "ApertureState",
    "BodyHello",
    "BreathingTable",
    "BrownOut",
    "Challenge",
    "ChallengeAnswer",
    "CompensatedMove",
    "ControlEvent",
    "ControlKind",
    "Correction",
    "CorrectionKind",
    "CorrectionRequest",
    "CropNotice",
    "DefocusTable",
    "DistanceScale",
    "Done",
    "Exposure",
    "ExposurePhase",
    "Feature",
    "FocusDrive",
    "FocusFlag",
    "FocusLimits",
    "FocusOrder",
    "FocusRun",
    "FocusRunReport",
    "FocusRunStop",
    "FocusState",
    "FocusTableRequest",
    "FrameStart",
    "Identity",
    "IdentityRequest",
    "ImageCircle",
    "JointProfile",
    "LensHello",
    "MeasuredPoint",
    "Metadata",
    "MetadataEntry",
    "MetadataRequest",
    "Outcome",
    "Page",
    "PageAgreement",
    "PageOffer",
    "PageOrder",
    "PageReport",
    "Part",
    "PowerClass",
    "PowerGrant",
    "PowerReport",
    "ProfileRequest",
    "RateOrder",
    "Refusal",
    "RefusalCode",
    "RingBehaviour",
    "RingKind",
    "RingTurned",
    "ScalePoint",
    "SetPoint",
    "Sleep",
    "StabiliserMode",
    "StabiliserOrder",
    "StabiliserState",
    "StreamOrder",
    "UpdateActivate",
    "UpdateBlock",
    "UpdateOffer",
    "UpdateRollBack",
    "UpdateStage",
    "UpdateState",
    "ZoomDrive",
    "ZoomState",
]

_NAMES = {
    "Abilities": ("lensmount_protocol.dialects.lmount.identity", "Abilities"),
    "AbilitiesRequest": ("lensmount_protocol.dialects.lmount.identity", "AbilitiesRequest"),
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
    "CompensatedMove": ("lensmount_protocol.dialects.lmount.extensions", "CompensatedMove"),
    "ControlEvent": ("lensmount_protocol.dialects.lmount.exposure", "ControlEvent"),
    "ControlKind": ("lensmount_protocol.dialects.lmount.types", "ControlKind"),
    "Correction": ("lensmount_protocol.dialects.lmount.exposure", "Correction"),
    "CorrectionKind": ("lensmount_protocol.dialects.lmount.types", "CorrectionKind"),
    "CorrectionRequest": ("lensmount_protocol.dialects.lmount.exposure", "CorrectionRequest"),
    "CropNotice": ("lensmount_protocol.dialects.lmount.power", "CropNotice"),
    "DefocusTable": ("lensmount_protocol.dialects.lmount.focus", "DefocusTable"),
    "DistanceScale": ("lensmount_protocol.dialects.lmount.focus", "DistanceScale"),
    "Done": ("lensmount_protocol.dialects.lmount.link", "Done"),
    "Exposure": ("lensmount_protocol.dialects.lmount.exposure", "Exposure"),
    "ExposurePhase": ("lensmount_protocol.dialects.lmount.types", "ExposurePhase"),
    "Feature": ("lensmount_protocol.dialects.lmount.types", "Feature"),
    "FocusDrive": ("lensmount_protocol.dialects.lmount.focus", "FocusDrive"),
    "FocusFlag": ("lensmount_protocol.dialects.lmount.types", "FocusFlag"),
    "FocusLimits": ("lensmount_protocol.dialects.lmount.focus", "FocusLimits"),
    "FocusOrder": ("lensmount_protocol.dialects.lmount.types", "FocusOrder"),
    "FocusRun": ("lensmount_protocol.dialects.lmount.extensions", "FocusRun"),
    "FocusRunReport": ("lensmount_protocol.dialects.lmount.extensions", "FocusRunReport"),
    "FocusRunStop": ("lensmount_protocol.dialects.lmount.extensions", "FocusRunStop"),
    "FocusState": ("lensmount_protocol.dialects.lmount.focus", "FocusState"),
    "FocusTableRequest": ("lensmount_protocol.dialects.lmount.focus", "FocusTableRequest"),
    "FrameStart": ("lensmount_protocol.dialects.lmount.exposure", "FrameStart"),
    "Identity": ("lensmount_protocol.dialects.lmount.identity", "Identity"),
    "IdentityRequest": ("lensmount_protocol.dialects.lmount.identity", "IdentityRequest"),
    "ImageCircle": ("lensmount_protocol.dialects.lmount.types", "ImageCircle"),
    "JointProfile": ("lensmount_protocol.dialects.lmount.extensions", "JointProfile"),
    "LMOUNT": ("lensmount_protocol.dialects.lmount.dialect", "LMOUNT"),
    "LensHello": ("lensmount_protocol.dialects.lmount.link", "LensHello"),
    "MeasuredPoint": ("lensmount_protocol.dialects.lmount.extensions", "MeasuredPoint"),
    "Metadata": ("lensmount_protocol.dialects.lmount.identity", "Metadata"),
    "MetadataEntry": ("lensmount_protocol.dialects.lmount.identity", "MetadataEntry"),
    "MetadataRequest": ("lensmount_protocol.dialects.lmount.identity", "MetadataRequest"),
    "Outcome": ("lensmount_protocol.dialects.lmount.types", "Outcome"),
    "Page": ("lensmount_protocol.dialects.lmount.firmware_update", "Page"),
    "PageAgreement": ("lensmount_protocol.dialects.lmount.firmware_update", "PageAgreement"),
    "PageOffer": ("lensmount_protocol.dialects.lmount.firmware_update", "PageOffer"),
    "PageOrder": ("lensmount_protocol.dialects.lmount.firmware_update", "PageOrder"),
    "PageReport": ("lensmount_protocol.dialects.lmount.firmware_update", "PageReport"),
    "Part": ("lensmount_protocol.dialects.lmount.types", "Part"),
    "PowerClass": ("lensmount_protocol.dialects.lmount.types", "PowerClass"),
    "PowerGrant": ("lensmount_protocol.dialects.lmount.power", "PowerGrant"),
    "PowerReport": ("lensmount_protocol.dialects.lmount.power", "PowerReport"),
    "ProfileRequest": ("lensmount_protocol.dialects.lmount.extensions", "ProfileRequest"),
    "RateOrder": ("lensmount_protocol.dialects.lmount.link", "RateOrder"),
    "Refusal": ("lensmount_protocol.dialects.lmount.link", "Refusal"),
    "RefusalCode": ("lensmount_protocol.dialects.lmount.types", "RefusalCode"),
    "RingBehaviour": ("lensmount_protocol.dialects.lmount.focus", "RingBehaviour"),
    "RingKind": ("lensmount_protocol.dialects.lmount.types", "RingKind"),
    "RingTurned": ("lensmount_protocol.dialects.lmount.focus", "RingTurned"),
    "ScalePoint": ("lensmount_protocol.dialects.lmount.focus", "ScalePoint"),
    "SetPoint": ("lensmount_protocol.dialects.lmount.extensions", "SetPoint"),
    "Sleep": ("lensmount_protocol.dialects.lmount.link", "Sleep"),
    "StabiliserMode": ("lensmount_protocol.dialects.lmount.types", "StabiliserMode"),
    "StabiliserOrder": ("lensmount_protocol.dialects.lmount.stabiliser", "StabiliserOrder"),
    "StabiliserState": ("lensmount_protocol.dialects.lmount.stabiliser", "StabiliserState"),
    "StreamOrder": ("lensmount_protocol.dialects.lmount.link", "StreamOrder"),
    "UpdateActivate": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateActivate"),
    "UpdateBlock": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateBlock"),
    "UpdateOffer": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateOffer"),
    "UpdateRollBack": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateRollBack"),
    "UpdateStage": ("lensmount_protocol.dialects.lmount.types", "UpdateStage"),
    "UpdateState": ("lensmount_protocol.dialects.lmount.firmware_update", "UpdateState"),
    "ZoomDrive": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ZoomDrive"),
    "ZoomState": ("lensmount_protocol.dialects.lmount.aperture_zoom", "ZoomState"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
