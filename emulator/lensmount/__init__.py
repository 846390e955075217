"""Emulates the camera body or the lens on a mount's contacts; the public API of the project.

```python
import lensmount

result = lensmount.run_loopback("nex7", "sel2870", script="wait 0.2; sleep", seed=1)
assert result.ok, result.errors
```

The modules are `lensmount.wire`, `dialect`, `roles`, `transport`, `faults`, `testing` and `aio`, and the messages of
each dialect are in `lensmount.dialects`. A name is imported when it is first used. The packages that it comes from are
private and may change.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.campaign.config import CampaignConfig as CampaignConfig
    from lensmount_emulator.campaign.config import load_campaign as load_campaign
    from lensmount_emulator.campaign.matrix import Matrix as Matrix
    from lensmount_emulator.campaign.matrix import MatrixCell as MatrixCell
    from lensmount_emulator.campaign.matrix import MatrixOutcome as MatrixOutcome
    from lensmount_emulator.campaign.planner import MatrixPlan as MatrixPlan
    from lensmount_emulator.campaign.planner import plan_matrix as plan_matrix
    from lensmount_emulator.campaign.results import CampaignResults as CampaignResults
    from lensmount_emulator.campaign.results import read_campaign as read_campaign
    from lensmount_emulator.campaign.runner import run_campaign as run_campaign
    from lensmount_emulator.engine.observer import Notice as Notice
    from lensmount_emulator.engine.observer import NoticeKind as NoticeKind
    from lensmount_emulator.engine.verdicts import CompatibilityResult as CompatibilityResult
    from lensmount_emulator.engine.verdicts import Verdict as Verdict
    from lensmount_emulator.explain.explainer import explain_records as explain_records
    from lensmount_emulator.explain.finding import Explanation as Explanation
    from lensmount_emulator.explain.finding import Finding as Finding
    from lensmount_emulator.explain.finding import FindingKind as FindingKind
    from lensmount_emulator.faults.registry import parse_fault as parse_fault
    from lensmount_emulator.fidelity.assessment import Assessment as Assessment
    from lensmount_emulator.fidelity.assessment import assess as assess_profile
    from lensmount_emulator.fidelity.capture_replay import replay_capture as replay_capture
    from lensmount_emulator.margins.run import find_margins as find_margins
    from lensmount_emulator.margins.search import JitterMargin as JitterMargin
    from lensmount_emulator.margins.search import Margin as Margin
    from lensmount_emulator.margins.search import MarginMap as MarginMap
    from lensmount_emulator.profiles.library import Profile as Profile
    from lensmount_emulator.profiles.library import load_profile as load_profile
    from lensmount_emulator.profiles.library import profile_names as profile_names
    from lensmount_emulator.reports.result_documents import matrix_from_json as matrix_from_json
    from lensmount_emulator.sessions.decoded_capture import DecodedCapture as DecodedCapture
    from lensmount_emulator.sessions.decoded_capture import open_capture as open_capture
    from lensmount_emulator.sessions.explain_capture import explain as explain
    from lensmount_emulator.sessions.live import LiveEvent as LiveEvent
    from lensmount_emulator.sessions.live import LiveResult as LiveResult
    from lensmount_emulator.sessions.live import LiveSession as LiveSession
    from lensmount_emulator.sessions.live import open_transport as open_transport
    from lensmount_emulator.sessions.loopback import LoopbackResult as LoopbackResult
    from lensmount_emulator.sessions.loopback import make_virtual_session as make_virtual_session
    from lensmount_emulator.sessions.loopback import run_loopback as run_loopback
    from lensmount_emulator.sessions.traffic_stats import TrafficStats as TrafficStats
    from lensmount_emulator.sessions.verdict import ErrorKind as ErrorKind
    from lensmount_emulator.sessions.verdict import LiveVerdict as LiveVerdict
    from lensmount_emulator.sessions.verdict import SessionError as SessionError
    from lensmount_emulator.sessions.verdict import Shortfall as Shortfall
    from lensmount_emulator.sessions.verdict import ShortfallKind as ShortfallKind
    from lensmount_emulator.sessions.virtual.steering import ScriptRun as ScriptRun
    from lensmount_emulator.sessions.virtual_session import SessionObserver as SessionObserver
    from lensmount_emulator.sessions.virtual_session import VirtualSession as VirtualSession
    from lensmount_emulator.traffic.event_columns import EventColumns as EventColumns
    from lensmount_emulator.twin.make import TwinRequest as TwinRequest
    from lensmount_emulator.twin.make import TwinResult as TwinResult
    from lensmount_emulator.twin.make import make_twin as make_twin
    from lensmount_emulator.version import __version__ as __version__
    from lensmount_protocol.codec.field_spans import frame_spans as frame_spans
    from lensmount_protocol.decoder import Decoded as DecodedEvent
    from lensmount_protocol.decoder import DecodedFrame as DecodedFrame
    from lensmount_protocol.decoder import DecodedGarbage as DecodedGarbage
    from lensmount_protocol.decoder import Decoder as Decoder
    from lensmount_protocol.decoder import EmptyWindow as EmptyWindow
    from lensmount_protocol.dialect import dialect_names as dialect_names
    from lensmount_protocol.dialect import load_dialect as load_dialect
    from lensmount_protocol.errors import BoardError as BoardError
    from lensmount_protocol.errors import CampaignError as CampaignError
    from lensmount_protocol.errors import CaptureError as CaptureError
    from lensmount_protocol.errors import CorpusError as CorpusError
    from lensmount_protocol.errors import DialectError as DialectError
    from lensmount_protocol.errors import FaultError as FaultError
    from lensmount_protocol.errors import FilterError as FilterError
    from lensmount_protocol.errors import FirmwareError as FirmwareError
    from lensmount_protocol.errors import FrameError as FrameError
    from lensmount_protocol.errors import LocalProtocolError as LocalProtocolError
    from lensmount_protocol.errors import MountError as MountError
    from lensmount_protocol.errors import ProfileError as ProfileError
    from lensmount_protocol.errors import ProtocolError as ProtocolError
    from lensmount_protocol.errors import RemoteProtocolError as RemoteProtocolError
    from lensmount_protocol.errors import ScriptError as ScriptError
    from lensmount_protocol.errors import TransportError as TransportError
    from lensmount_protocol.errors import TransportLostError as TransportLostError
    from lensmount_protocol.errors import TransportOpenError as TransportOpenError
    from lensmount_protocol.errors import TransportSpecError as TransportSpecError
    from lensmount_protocol.timing import TimingResult as TimingResult
    from lensmount_protocol.wire import Role as Role
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "Assessment",
    "BoardError",
    "CampaignConfig",
    "CampaignError",
    "CampaignResults",
    "CaptureError",
    "CompatibilityResult",
    "CorpusError",
    "DecodedCapture",
    "DecodedEvent",
    "DecodedFrame",
    "DecodedGarbage",
    "Decoder",
    "DialectError",
    "EmptyWindow",
    "ErrorKind",
    "EventColumns",
    "Explanation",
    "FaultError",
    "FilterError",
    "Finding",
    "FindingKind",
    "FirmwareError",
    "FrameError",
    "JitterMargin",
    "LiveEvent",
    "LiveResult",
    "LiveSession",
    "LiveVerdict",
    "LocalProtocolError",
    "LoopbackResult",
    "Margin",
    "MarginMap",
    "Matrix",
    "MatrixCell",
    "MatrixOutcome",
    "MatrixPlan",
    "MountError",
    "Notice",
    "NoticeKind",
    "Profile",
    "ProfileError",
    "ProtocolError",
    "RemoteProtocolError",
    "Role",
    "ScriptError",
    "ScriptRun",
    "SessionError",
    "SessionObserver",
    "Shortfall",
    "ShortfallKind",
    "TimingResult",
    "TrafficStats",
    "TransportError",
    "TransportLostError",
    "TransportOpenError",
    "TransportSpecError",
    "TwinRequest",
    "TwinResult",
    "Verdict",
    "VirtualSession",
    "__version__",
    "assess_profile",
    "dialect_names",
    "explain",
    "explain_records",
    "find_margins",
    "frame_spans",
    "load_campaign",
    "load_dialect",
    "load_profile",
    "make_twin",
    "make_virtual_session",
    "matrix_from_json",
    "open_capture",
    "open_transport",
    "parse_fault",
    "plan_matrix",
    "profile_names",
    "read_campaign",
    "replay_capture",
    "run_campaign",
    "run_loopback",
]

_NAMES = {
    "Assessment": ("lensmount_emulator.fidelity.assessment", "Assessment"),
    "BoardError": ("lensmount_protocol.errors", "BoardError"),
    "CampaignConfig": ("lensmount_emulator.campaign.config", "CampaignConfig"),
    "CampaignError": ("lensmount_protocol.errors", "CampaignError"),
    "CampaignResults": ("lensmount_emulator.campaign.results", "CampaignResults"),
    "CaptureError": ("lensmount_protocol.errors", "CaptureError"),
    "CompatibilityResult": ("lensmount_emulator.engine.verdicts", "CompatibilityResult"),
    "CorpusError": ("lensmount_protocol.errors", "CorpusError"),
    "DecodedCapture": ("lensmount_emulator.sessions.decoded_capture", "DecodedCapture"),
    "DecodedEvent": ("lensmount_protocol.decoder", "Decoded"),
    "DecodedFrame": ("lensmount_protocol.decoder", "DecodedFrame"),
    "DecodedGarbage": ("lensmount_protocol.decoder", "DecodedGarbage"),
    "Decoder": ("lensmount_protocol.decoder", "Decoder"),
    "DialectError": ("lensmount_protocol.errors", "DialectError"),
    "EmptyWindow": ("lensmount_protocol.decoder", "EmptyWindow"),
    "ErrorKind": ("lensmount_emulator.sessions.verdict", "ErrorKind"),
    "EventColumns": ("lensmount_emulator.traffic.event_columns", "EventColumns"),
    "Explanation": ("lensmount_emulator.explain.finding", "Explanation"),
    "FaultError": ("lensmount_protocol.errors", "FaultError"),
    "FilterError": ("lensmount_protocol.errors", "FilterError"),
    "Finding": ("lensmount_emulator.explain.finding", "Finding"),
    "FindingKind": ("lensmount_emulator.explain.finding", "FindingKind"),
    "FirmwareError": ("lensmount_protocol.errors", "FirmwareError"),
    "FrameError": ("lensmount_protocol.errors", "FrameError"),
    "LiveEvent": ("lensmount_emulator.sessions.live", "LiveEvent"),
    "LiveResult": ("lensmount_emulator.sessions.live", "LiveResult"),
    "LiveSession": ("lensmount_emulator.sessions.live", "LiveSession"),
    "LiveVerdict": ("lensmount_emulator.sessions.verdict", "LiveVerdict"),
    "LocalProtocolError": ("lensmount_protocol.errors", "LocalProtocolError"),
    "LoopbackResult": ("lensmount_emulator.sessions.loopback", "LoopbackResult"),
    "JitterMargin": ("lensmount_emulator.margins.search", "JitterMargin"),
    "Margin": ("lensmount_emulator.margins.search", "Margin"),
    "MarginMap": ("lensmount_emulator.margins.search", "MarginMap"),
    "Matrix": ("lensmount_emulator.campaign.matrix", "Matrix"),
    "MatrixCell": ("lensmount_emulator.campaign.matrix", "MatrixCell"),
    "MatrixOutcome": ("lensmount_emulator.campaign.matrix", "MatrixOutcome"),
    "MatrixPlan": ("lensmount_emulator.campaign.planner", "MatrixPlan"),
    "MountError": ("lensmount_protocol.errors", "MountError"),
    "Notice": ("lensmount_emulator.engine.observer", "Notice"),
    "NoticeKind": ("lensmount_emulator.engine.observer", "NoticeKind"),
    "Profile": ("lensmount_emulator.profiles.library", "Profile"),
    "ProfileError": ("lensmount_protocol.errors", "ProfileError"),
    "ProtocolError": ("lensmount_protocol.errors", "ProtocolError"),
    "RemoteProtocolError": ("lensmount_protocol.errors", "RemoteProtocolError"),
    "Role": ("lensmount_protocol.wire", "Role"),
    "ScriptError": ("lensmount_protocol.errors", "ScriptError"),
    "ScriptRun": ("lensmount_emulator.sessions.virtual.steering", "ScriptRun"),
    "SessionError": ("lensmount_emulator.sessions.verdict", "SessionError"),
    "SessionObserver": ("lensmount_emulator.sessions.virtual_session", "SessionObserver"),
    "Shortfall": ("lensmount_emulator.sessions.verdict", "Shortfall"),
    "ShortfallKind": ("lensmount_emulator.sessions.verdict", "ShortfallKind"),
    "TimingResult": ("lensmount_protocol.timing", "TimingResult"),
    "TrafficStats": ("lensmount_emulator.sessions.traffic_stats", "TrafficStats"),
    "TransportError": ("lensmount_protocol.errors", "TransportError"),
    "TransportLostError": ("lensmount_protocol.errors", "TransportLostError"),
    "TransportOpenError": ("lensmount_protocol.errors", "TransportOpenError"),
    "TransportSpecError": ("lensmount_protocol.errors", "TransportSpecError"),
    "Verdict": ("lensmount_emulator.engine.verdicts", "Verdict"),
    "VirtualSession": ("lensmount_emulator.sessions.virtual_session", "VirtualSession"),
    "__version__": ("lensmount_emulator.version", "__version__"),
    "assess_profile": ("lensmount_emulator.fidelity.assessment", "assess"),
    "dialect_names": ("lensmount_protocol.dialect", "dialect_names"),
    "frame_spans": ("lensmount_protocol.codec.field_spans", "frame_spans"),
    "explain": ("lensmount_emulator.sessions.explain_capture", "explain"),
    "explain_records": ("lensmount_emulator.explain.explainer", "explain_records"),
    "find_margins": ("lensmount_emulator.margins.run", "find_margins"),
    "load_campaign": ("lensmount_emulator.campaign.config", "load_campaign"),
    "load_dialect": ("lensmount_protocol.dialect", "load_dialect"),
    "load_profile": ("lensmount_emulator.profiles.library", "load_profile"),
    "TwinRequest": ("lensmount_emulator.twin.make", "TwinRequest"),
    "TwinResult": ("lensmount_emulator.twin.make", "TwinResult"),
    "make_twin": ("lensmount_emulator.twin.make", "make_twin"),
    "make_virtual_session": ("lensmount_emulator.sessions.loopback", "make_virtual_session"),
    "matrix_from_json": ("lensmount_emulator.reports.result_documents", "matrix_from_json"),
    "open_capture": ("lensmount_emulator.sessions.decoded_capture", "open_capture"),
    "open_transport": ("lensmount_emulator.sessions.live", "open_transport"),
    "parse_fault": ("lensmount_emulator.faults.registry", "parse_fault"),
    "plan_matrix": ("lensmount_emulator.campaign.planner", "plan_matrix"),
    "profile_names": ("lensmount_emulator.profiles.library", "profile_names"),
    "read_campaign": ("lensmount_emulator.campaign.results", "read_campaign"),
    "replay_capture": ("lensmount_emulator.fidelity.capture_replay", "replay_capture"),
    "run_campaign": ("lensmount_emulator.campaign.runner", "run_campaign"),
    "run_loopback": ("lensmount_emulator.sessions.loopback", "run_loopback"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
