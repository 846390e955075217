"""The messages of the E-mount dialect, their enumerations, and the dialect itself."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_protocol.dialects.emount.aperture import ApertureAnswer as ApertureAnswer
    from lensmount_protocol.dialects.emount.aperture import ApertureOrder as ApertureOrder
    from lensmount_protocol.dialects.emount.body_status import BodyMode as BodyMode
    from lensmount_protocol.dialects.emount.body_status import BodyState as BodyState
    from lensmount_protocol.dialects.emount.body_status import RowSelect as RowSelect
    from lensmount_protocol.dialects.emount.dialect import EMOUNT as EMOUNT
    from lensmount_protocol.dialects.emount.focus import DistanceOfPosition as DistanceOfPosition
    from lensmount_protocol.dialects.emount.focus import DistanceToPosition as DistanceToPosition
    from lensmount_protocol.dialects.emount.focus import FocusAnswer1E as FocusAnswer1E
    from lensmount_protocol.dialects.emount.focus import FocusAnswer34 as FocusAnswer34
    from lensmount_protocol.dialects.emount.focus import FocusLimitDrive as FocusLimitDrive
    from lensmount_protocol.dialects.emount.focus import FocusLimitDriven as FocusLimitDriven
    from lensmount_protocol.dialects.emount.focus import FocusMove as FocusMove
    from lensmount_protocol.dialects.emount.focus import FocusMoved as FocusMoved
    from lensmount_protocol.dialects.emount.focus import FocusOrder1E as FocusOrder1E
    from lensmount_protocol.dialects.emount.focus import FocusOrder34 as FocusOrder34
    from lensmount_protocol.dialects.emount.focus import FocusScan as FocusScan
    from lensmount_protocol.dialects.emount.focus import FocusScanned as FocusScanned
    from lensmount_protocol.dialects.emount.focus import FocusStop as FocusStop
    from lensmount_protocol.dialects.emount.focus import FocusStopped as FocusStopped
    from lensmount_protocol.dialects.emount.focus import PositionOfDistance as PositionOfDistance
    from lensmount_protocol.dialects.emount.focus import PositionToDistance as PositionToDistance
    from lensmount_protocol.dialects.emount.focus_status import FocusStatus as FocusStatus
    from lensmount_protocol.dialects.emount.identification import Answer0B as Answer0B
    from lensmount_protocol.dialects.emount.identification import Answer09 as Answer09
    from lensmount_protocol.dialects.emount.identification import Answer3D as Answer3D
    from lensmount_protocol.dialects.emount.identification import BodyCapabilities as BodyCapabilities
    from lensmount_protocol.dialects.emount.identification import DescriptorReply as DescriptorReply
    from lensmount_protocol.dialects.emount.identification import DescriptorRequest as DescriptorRequest
    from lensmount_protocol.dialects.emount.identification import FrameRateReply as FrameRateReply
    from lensmount_protocol.dialects.emount.identification import FrameRateRequest as FrameRateRequest
    from lensmount_protocol.dialects.emount.identification import IdentityReply as IdentityReply
    from lensmount_protocol.dialects.emount.identification import IdentityRequest as IdentityRequest
    from lensmount_protocol.dialects.emount.identification import LensCapabilities as LensCapabilities
    from lensmount_protocol.dialects.emount.identification import NameReply as NameReply
    from lensmount_protocol.dialects.emount.identification import NameRequest as NameRequest
    from lensmount_protocol.dialects.emount.identification import Query0B as Query0B
    from lensmount_protocol.dialects.emount.identification import Query09 as Query09
    from lensmount_protocol.dialects.emount.identification import Query3D as Query3D
    from lensmount_protocol.dialects.emount.identification import SpeedReply as SpeedReply
    from lensmount_protocol.dialects.emount.identification import SpeedRequest as SpeedRequest
    from lensmount_protocol.dialects.emount.lens_status import LensStatus as LensStatus
    from lensmount_protocol.dialects.emount.service import AdapterStatus20 as AdapterStatus20
    from lensmount_protocol.dialects.emount.service import Answer3E as Answer3E
    from lensmount_protocol.dialects.emount.service import Answer19 as Answer19
    from lensmount_protocol.dialects.emount.service import Answer26 as Answer26
    from lensmount_protocol.dialects.emount.service import ErrorReport as ErrorReport
    from lensmount_protocol.dialects.emount.service import OpticsReply28 as OpticsReply28
    from lensmount_protocol.dialects.emount.service import OpticsReply35 as OpticsReply35
    from lensmount_protocol.dialects.emount.service import OpticsRequest28 as OpticsRequest28
    from lensmount_protocol.dialects.emount.service import OpticsRequest35 as OpticsRequest35
    from lensmount_protocol.dialects.emount.service import Order4A as Order4A
    from lensmount_protocol.dialects.emount.service import Order4B as Order4B
    from lensmount_protocol.dialects.emount.service import Order4C as Order4C
    from lensmount_protocol.dialects.emount.service import Query3E as Query3E
    from lensmount_protocol.dialects.emount.service import Query19 as Query19
    from lensmount_protocol.dialects.emount.service import Query26 as Query26
    from lensmount_protocol.dialects.emount.service import Refusal as Refusal
    from lensmount_protocol.dialects.emount.service import ServiceCommand40 as ServiceCommand40
    from lensmount_protocol.dialects.emount.service import ServiceReply40 as ServiceReply40
    from lensmount_protocol.dialects.emount.service import TableReply3A as TableReply3A
    from lensmount_protocol.dialects.emount.service import TableReply3B as TableReply3B
    from lensmount_protocol.dialects.emount.service import TableRequest3A as TableRequest3A
    from lensmount_protocol.dialects.emount.service import TableRequest3B as TableRequest3B
    from lensmount_protocol.dialects.emount.service import UpdateBlock15 as UpdateBlock15
    from lensmount_protocol.dialects.emount.service import UpdateOrder14 as UpdateOrder14
    from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownReply as ShutDownReply
    from lensmount_protocol.dialects.emount.startup_shutdown import ShutDownRequest as ShutDownRequest
    from lensmount_protocol.dialects.emount.startup_shutdown import StartUpReply as StartUpReply
    from lensmount_protocol.dialects.emount.startup_shutdown import StartUpRequest as StartUpRequest
    from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutReply as StreamLayoutReply
    from lensmount_protocol.dialects.emount.startup_shutdown import StreamLayoutRequest as StreamLayoutRequest
    from lensmount_protocol.dialects.emount.units import FocusMode as FocusMode
    from lensmount_protocol.dialects.emount.units import FocusSwitch as FocusSwitch
    from lensmount_protocol.dialects.emount.units import MountKind as MountKind
    from lensmount_protocol.dialects.emount.units import OpticalRow as OpticalRow
    from lensmount_protocol.dialects.emount.units import RefusalCode as RefusalCode
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "EMOUNT",
    "AdapterStatus20",
    "Answer0B",
    "Answer09",
    "Answer3D",
    "Answer3E",
    "Answer19",
    "Answer26",
    "ApertureAnswer",
    "ApertureOrder",
    "BodyCapabilities",
    "BodyMode",
    "BodyState",
    "DescriptorReply",
    "DescriptorRequest",
    "DistanceOfPosition",
    "DistanceToPosition",
    "ErrorReport",
    "FocusAnswer1E",
    "FocusAnswer34",
    "FocusLimitDrive",
    "FocusLimitDriven",
    "FocusMode",
    "FocusMove",
    "FocusMoved",
    "FocusOrder1E",
    "FocusOrder34",
    "FocusScan",
    "FocusScanned",
    "FocusStatus",
    "FocusStop",
    "FocusStopped",
    "FocusSwitch",
    "FrameRateReply",
    "FrameRateRequest",
    "IdentityReply",
    "IdentityRequest",
    "LensCapabilities",
    "LensStatus",
    "MountKind",
    "NameReply",
    "NameRequest",
    "OpticalRow",
    "OpticsReply28",
    "OpticsReply35",
    "OpticsRequest28",
    "OpticsRequest35",
    "Order4A",
    "Order4B",
    "Order4C",
    "PositionOfDistance",
    "PositionToDistance",
    "Query0B",
    "Query09",
    "Query3D",
    "Query3E",
    "Query19",
    "Query26",
    "Refusal",
    "RefusalCode",
    "RowSelect",
    "ServiceCommand40",
    "ServiceReply40",
    "ShutDownReply",
    "ShutDownRequest",
    "SpeedReply",
    "SpeedRequest",
    "StartUpReply",
    "StartUpRequest",
    "StreamLayoutReply",
    "StreamLayoutRequest",
    "TableReply3A",
    "TableReply3B",
    "TableRequest3A",
    "TableRequest3B",
    "UpdateBlock15",
    "UpdateOrder14",
]

_NAMES = {
    "AdapterStatus20": ("lensmount_protocol.dialects.emount.service", "AdapterStatus20"),
    "Answer09": ("lensmount_protocol.dialects.emount.identification", "Answer09"),
    "Answer0B": ("lensmount_protocol.dialects.emount.identification", "Answer0B"),
    "Answer19": ("lensmount_protocol.dialects.emount.service", "Answer19"),
    "Answer26": ("lensmount_protocol.dialects.emount.service", "Answer26"),
    "Answer3D": ("lensmount_protocol.dialects.emount.identification", "Answer3D"),
    "Answer3E": ("lensmount_protocol.dialects.emount.service", "Answer3E"),
    "ApertureAnswer": ("lensmount_protocol.dialects.emount.aperture", "ApertureAnswer"),
    "ApertureOrder": ("lensmount_protocol.dialects.emount.aperture", "ApertureOrder"),
    "BodyCapabilities": ("lensmount_protocol.dialects.emount.identification", "BodyCapabilities"),
    "BodyMode": ("lensmount_protocol.dialects.emount.body_status", "BodyMode"),
    "BodyState": ("lensmount_protocol.dialects.emount.body_status", "BodyState"),
    "DescriptorReply": ("lensmount_protocol.dialects.emount.identification", "DescriptorReply"),
    "DescriptorRequest": ("lensmount_protocol.dialects.emount.identification", "DescriptorRequest"),
    "DistanceOfPosition": ("lensmount_protocol.dialects.emount.focus", "DistanceOfPosition"),
    "DistanceToPosition": ("lensmount_protocol.dialects.emount.focus", "DistanceToPosition"),
    "EMOUNT": ("lensmount_protocol.dialects.emount.dialect", "EMOUNT"),
    "ErrorReport": ("lensmount_protocol.dialects.emount.service", "ErrorReport"),
    "FocusAnswer34": ("lensmount_protocol.dialects.emount.focus", "FocusAnswer34"),
    "FocusAnswer1E": ("lensmount_protocol.dialects.emount.focus", "FocusAnswer1E"),
    "FocusLimitDrive": ("lensmount_protocol.dialects.emount.focus", "FocusLimitDrive"),
    "FocusLimitDriven": ("lensmount_protocol.dialects.emount.focus", "FocusLimitDriven"),
    "FocusMode": ("lensmount_protocol.dialects.emount.units", "FocusMode"),
    "FocusMove": ("lensmount_protocol.dialects.emount.focus", "FocusMove"),
    "FocusMoved": ("lensmount_protocol.dialects.emount.focus", "FocusMoved"),
    "FocusOrder1E": ("lensmount_protocol.dialects.emount.focus", "FocusOrder1E"),
    "FocusOrder34": ("lensmount_protocol.dialects.emount.focus", "FocusOrder34"),
    "FocusScan": ("lensmount_protocol.dialects.emount.focus", "FocusScan"),
    "FocusScanned": ("lensmount_protocol.dialects.emount.focus", "FocusScanned"),
    "FocusStatus": ("lensmount_protocol.dialects.emount.focus_status", "FocusStatus"),
    "FocusStop": ("lensmount_protocol.dialects.emount.focus", "FocusStop"),
    "FocusStopped": ("lensmount_protocol.dialects.emount.focus", "FocusStopped"),
    "FocusSwitch": ("lensmount_protocol.dialects.emount.units", "FocusSwitch"),
    "FrameRateReply": ("lensmount_protocol.dialects.emount.identification", "FrameRateReply"),
    "FrameRateRequest": ("lensmount_protocol.dialects.emount.identification", "FrameRateRequest"),
    "IdentityReply": ("lensmount_protocol.dialects.emount.identification", "IdentityReply"),
    "IdentityRequest": ("lensmount_protocol.dialects.emount.identification", "IdentityRequest"),
    "LensCapabilities": ("lensmount_protocol.dialects.emount.identification", "LensCapabilities"),
    "LensStatus": ("lensmount_protocol.dialects.emount.lens_status", "LensStatus"),
    "MountKind": ("lensmount_protocol.dialects.emount.units", "MountKind"),
    "NameReply": ("lensmount_protocol.dialects.emount.identification", "NameReply"),
    "NameRequest": ("lensmount_protocol.dialects.emount.identification", "NameRequest"),
    "OpticalRow": ("lensmount_protocol.dialects.emount.units", "OpticalRow"),
    "OpticsReply28": ("lensmount_protocol.dialects.emount.service", "OpticsReply28"),
    "OpticsReply35": ("lensmount_protocol.dialects.emount.service", "OpticsReply35"),
    "OpticsRequest28": ("lensmount_protocol.dialects.emount.service", "OpticsRequest28"),
    "OpticsRequest35": ("lensmount_protocol.dialects.emount.service", "OpticsRequest35"),
    "Order4A": ("lensmount_protocol.dialects.emount.service", "Order4A"),
    "Order4B": ("lensmount_protocol.dialects.emount.service", "Order4B"),
    "Order4C": ("lensmount_protocol.dialects.emount.service", "Order4C"),
    "PositionOfDistance": ("lensmount_protocol.dialects.emount.focus", "PositionOfDistance"),
    "PositionToDistance": ("lensmount_protocol.dialects.emount.focus", "PositionToDistance"),
    "Query09": ("lensmount_protocol.dialects.emount.identification", "Query09"),
    "Query0B": ("lensmount_protocol.dialects.emount.identification", "Query0B"),
    "Query19": ("lensmount_protocol.dialects.emount.service", "Query19"),
    "Query26": ("lensmount_protocol.dialects.emount.service", "Query26"),
    "Query3D": ("lensmount_protocol.dialects.emount.identification", "Query3D"),
    "Query3E": ("lensmount_protocol.dialects.emount.service", "Query3E"),
    "Refusal": ("lensmount_protocol.dialects.emount.service", "Refusal"),
    "RefusalCode": ("lensmount_protocol.dialects.emount.units", "RefusalCode"),
    "RowSelect": ("lensmount_protocol.dialects.emount.body_status", "RowSelect"),
    "ServiceCommand40": ("lensmount_protocol.dialects.emount.service", "ServiceCommand40"),
    "ServiceReply40": ("lensmount_protocol.dialects.emount.service", "ServiceReply40"),
    "ShutDownReply": ("lensmount_protocol.dialects.emount.startup_shutdown", "ShutDownReply"),
    "ShutDownRequest": ("lensmount_protocol.dialects.emount.startup_shutdown", "ShutDownRequest"),
    "SpeedReply": ("lensmount_protocol.dialects.emount.identification", "SpeedReply"),
    "SpeedRequest": ("lensmount_protocol.dialects.emount.identification", "SpeedRequest"),
    "StartUpReply": ("lensmount_protocol.dialects.emount.startup_shutdown", "StartUpReply"),
    "StartUpRequest": ("lensmount_protocol.dialects.emount.startup_shutdown", "StartUpRequest"),
    "StreamLayoutReply": ("lensmount_protocol.dialects.emount.startup_shutdown", "StreamLayoutReply"),
    "StreamLayoutRequest": ("lensmount_protocol.dialects.emount.startup_shutdown", "StreamLayoutRequest"),
    "TableReply3A": ("lensmount_protocol.dialects.emount.service", "TableReply3A"),
    "TableReply3B": ("lensmount_protocol.dialects.emount.service", "TableReply3B"),
    "TableRequest3A": ("lensmount_protocol.dialects.emount.service", "TableRequest3A"),
    "TableRequest3B": ("lensmount_protocol.dialects.emount.service", "TableRequest3B"),
    "UpdateBlock15": ("lensmount_protocol.dialects.emount.service", "UpdateBlock15"),
    "UpdateOrder14": ("lensmount_protocol.dialects.emount.service", "UpdateOrder14"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
