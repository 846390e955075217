"""The roles of a dialect: engines, tasks, scripts and the table that a package offers as an entry point."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.comparison.score import FidelityResult as CaptureReplay
    from lensmount_emulator.comparison.score import Score as ReplayScore
    from lensmount_emulator.comparison.score import match_frames as compare_replay
    from lensmount_emulator.engine.dialect_roles import DialectRoles as DialectRoles
    from lensmount_emulator.engine.dialect_roles import FuzzTraits as FuzzTraits
    from lensmount_emulator.engine.dialect_roles import MotionBounds as MotionBounds
    from lensmount_emulator.engine.dialect_roles import Place as Place
    from lensmount_emulator.engine.dialect_roles import RequestTask as RequestTask
    from lensmount_emulator.engine.dialect_roles import get_roles as get_roles
    from lensmount_emulator.engine.dialect_roles import playable_dialects as playable_dialects
    from lensmount_emulator.engine.engine import ARRIVAL as ARRIVAL
    from lensmount_emulator.engine.engine import WINDOW as WINDOW
    from lensmount_emulator.engine.engine import Engine as Engine
    from lensmount_emulator.engine.engine import HandlerTable as HandlerTable
    from lensmount_emulator.engine.observer import FrameObserver as FrameObserver
    from lensmount_emulator.engine.observer import Notice as Notice
    from lensmount_emulator.engine.observer import NoticeKind as NoticeKind
    from lensmount_emulator.engine.observer import Observer as Observer
    from lensmount_emulator.engine.script import Step as Step
    from lensmount_emulator.engine.script import no_argument as no_argument
    from lensmount_emulator.engine.script import parse_count as parse_count
    from lensmount_emulator.engine.script import parse_seconds as parse_seconds
    from lensmount_emulator.engine.session_knowledge import DueStep as DueStep
    from lensmount_emulator.engine.session_knowledge import PeerError as PeerError
    from lensmount_emulator.engine.session_knowledge import SessionKnowledge as SessionKnowledge
    from lensmount_emulator.engine.session_knowledge import Symptom as Symptom
    from lensmount_emulator.engine.tasks import Task as Task
    from lensmount_emulator.engine.tasks import TaskRunner as TaskRunner
    from lensmount_emulator.engine.tasks import Wait as Wait
    from lensmount_emulator.engine.verdicts import CompatibilityResult as CompatibilityResult
    from lensmount_emulator.engine.verdicts import CompatibilityRule as CompatibilityRule
    from lensmount_emulator.engine.verdicts import Verdict as Verdict
    from lensmount_protocol.connection import Connection as Connection
    from lensmount_protocol.connection import ReceivedFrame as ReceivedFrame
else:
    from lensmount._lazy import lazy_names


__all__ = [
    "ARRIVAL",
    "WINDOW",
    "CaptureReplay",
    "CompatibilityResult",
    "CompatibilityRule",
    "Connection",
    "DialectRoles",
    "DueStep",
    "Engine",
    "FrameObserver",
    "FuzzTraits",
    "HandlerTable",
    "MotionBounds",
    "Notice",
    "NoticeKind",
    "Observer",
    "PeerError",
    "Place",
    "ReceivedFrame",
    "ReplayScore",
    "RequestTask",
    "SessionKnowledge",
    "Step",
    "Symptom",
    "Task",
    "TaskRunner",
    "Verdict",
    "Wait",
    "compare_replay",
    "get_roles",
    "no_argument",
    "parse_count",
    "parse_seconds",
    "playable_dialects",
]

_NAMES = {
    "ARRIVAL": ("lensmount_emulator.engine.engine", "ARRIVAL"),
    "CaptureReplay": ("lensmount_emulator.comparison.score", "FidelityResult"),
    "CompatibilityResult": ("lensmount_emulator.engine.verdicts", "CompatibilityResult"),
    "CompatibilityRule": ("lensmount_emulator.engine.verdicts", "CompatibilityRule"),
    "PeerError": ("lensmount_emulator.engine.session_knowledge", "PeerError"),
    "Connection": ("lensmount_protocol.connection", "Connection"),
    "DialectRoles": ("lensmount_emulator.engine.dialect_roles", "DialectRoles"),
    "DueStep": ("lensmount_emulator.engine.session_knowledge", "DueStep"),
    "Engine": ("lensmount_emulator.engine.engine", "Engine"),
    "FrameObserver": ("lensmount_emulator.engine.observer", "FrameObserver"),
    "FuzzTraits": ("lensmount_emulator.engine.dialect_roles", "FuzzTraits"),
    "HandlerTable": ("lensmount_emulator.engine.engine", "HandlerTable"),
    "MotionBounds": ("lensmount_emulator.engine.dialect_roles", "MotionBounds"),
    "Notice": ("lensmount_emulator.engine.observer", "Notice"),
    "NoticeKind": ("lensmount_emulator.engine.observer", "NoticeKind"),
    "Observer": ("lensmount_emulator.engine.observer", "Observer"),
    "Place": ("lensmount_emulator.engine.dialect_roles", "Place"),
    "ReceivedFrame": ("lensmount_protocol.connection", "ReceivedFrame"),
    "ReplayScore": ("lensmount_emulator.comparison.score", "Score"),
    "RequestTask": ("lensmount_emulator.engine.dialect_roles", "RequestTask"),
    "SessionKnowledge": ("lensmount_emulator.engine.session_knowledge", "SessionKnowledge"),
    "Step": ("lensmount_emulator.engine.script", "Step"),
    "Symptom": ("lensmount_emulator.engine.session_knowledge", "Symptom"),
    "Task": ("lensmount_emulator.engine.tasks", "Task"),
    "TaskRunner": ("lensmount_emulator.engine.tasks", "TaskRunner"),
    "Verdict": ("lensmount_emulator.engine.verdicts", "Verdict"),
    "WINDOW": ("lensmount_emulator.engine.engine", "WINDOW"),
    "Wait": ("lensmount_emulator.engine.tasks", "Wait"),
    "compare_replay": ("lensmount_emulator.comparison.score", "match_frames"),
    "get_roles": ("lensmount_emulator.engine.dialect_roles", "get_roles"),
    "no_argument": ("lensmount_emulator.engine.script", "no_argument"),
    "playable_dialects": ("lensmount_emulator.engine.dialect_roles", "playable_dialects"),
    "parse_seconds": ("lensmount_emulator.engine.script", "parse_seconds"),
    "parse_count": ("lensmount_emulator.engine.script", "parse_count"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
