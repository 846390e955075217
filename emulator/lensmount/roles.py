"""All that plays a dialect: engines, tasks, scripts and the table that a package offers as an entry point."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lensmount_emulator.roles.cast import Cast as DialectRoles
    from lensmount_emulator.roles.cast import Place as Place
    from lensmount_emulator.roles.engine import ARRIVAL as ARRIVAL
    from lensmount_emulator.roles.engine import WINDOW as WINDOW
    from lensmount_emulator.roles.engine import Engine as Engine
    from lensmount_emulator.roles.findings import Finding as CompatibilityResult
    from lensmount_emulator.roles.findings import Rule as CompatibilityRule
    from lensmount_emulator.roles.findings import Verdict as Verdict
    from lensmount_emulator.roles.fuzz_traits import FuzzTraits as FuzzTraits
    from lensmount_emulator.roles.handlers import Handlers as HandlerTable
    from lensmount_emulator.roles.notice import Notice as Notice
    from lensmount_emulator.roles.notice import NoticeKind as NoticeKind
    from lensmount_emulator.roles.observer import FrameObserver as FrameObserver
    from lensmount_emulator.roles.observer import Observer as Observer
    from lensmount_emulator.roles.registry import cast_of as get_roles
    from lensmount_emulator.roles.registry import played_dialects as playable_dialects
    from lensmount_emulator.roles.script import Step as Step
    from lensmount_emulator.roles.script import nothing as nothing
    from lensmount_emulator.roles.script import seconds as seconds
    from lensmount_emulator.roles.script import whole_number as whole_number
    from lensmount_emulator.roles.tasks import Task as Task
    from lensmount_emulator.roles.tasks import Tasks as TaskRunner
    from lensmount_emulator.roles.tasks import Wait as Wait
    from lensmount_emulator.sessions.score import Replay as CaptureReplay
    from lensmount_emulator.sessions.score import Score as ReplayScore
    from lensmount_emulator.sessions.score import compare as compare_replay
    from lensmount_protocol.connection import Arrival as ReceivedFrame
    from lensmount_protocol.connection import Connection as Connection
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
    "Engine",
    "FrameObserver",
    "FuzzTraits",
    "HandlerTable",
    "Notice",
    "NoticeKind",
    "Observer",
    "Place",
    "ReceivedFrame",
    "ReplayScore",
    "Step",
    "Task",
    "TaskRunner",
    "Verdict",
    "Wait",
    "compare_replay",
    "get_roles",
    "nothing",
    "playable_dialects",
    "seconds",
    "whole_number",
]

_NAMES = {
    "ARRIVAL": ("lensmount_emulator.roles.engine", "ARRIVAL"),
    "CaptureReplay": ("lensmount_emulator.sessions.score", "Replay"),
    "CompatibilityResult": ("lensmount_emulator.roles.findings", "Finding"),
    "CompatibilityRule": ("lensmount_emulator.roles.findings", "Rule"),
    "Connection": ("lensmount_protocol.connection", "Connection"),
    "DialectRoles": ("lensmount_emulator.roles.cast", "Cast"),
    "Engine": ("lensmount_emulator.roles.engine", "Engine"),
    "FrameObserver": ("lensmount_emulator.roles.observer", "FrameObserver"),
    "FuzzTraits": ("lensmount_emulator.roles.fuzz_traits", "FuzzTraits"),
    "HandlerTable": ("lensmount_emulator.roles.handlers", "Handlers"),
    "Notice": ("lensmount_emulator.roles.notice", "Notice"),
    "NoticeKind": ("lensmount_emulator.roles.notice", "NoticeKind"),
    "Observer": ("lensmount_emulator.roles.observer", "Observer"),
    "Place": ("lensmount_emulator.roles.cast", "Place"),
    "ReceivedFrame": ("lensmount_protocol.connection", "Arrival"),
    "ReplayScore": ("lensmount_emulator.sessions.score", "Score"),
    "Step": ("lensmount_emulator.roles.script", "Step"),
    "Task": ("lensmount_emulator.roles.tasks", "Task"),
    "TaskRunner": ("lensmount_emulator.roles.tasks", "Tasks"),
    "Verdict": ("lensmount_emulator.roles.findings", "Verdict"),
    "WINDOW": ("lensmount_emulator.roles.engine", "WINDOW"),
    "Wait": ("lensmount_emulator.roles.tasks", "Wait"),
    "compare_replay": ("lensmount_emulator.sessions.score", "compare"),
    "get_roles": ("lensmount_emulator.roles.registry", "cast_of"),
    "nothing": ("lensmount_emulator.roles.script", "nothing"),
    "playable_dialects": ("lensmount_emulator.roles.registry", "played_dialects"),
    "seconds": ("lensmount_emulator.roles.script", "seconds"),
    "whole_number": ("lensmount_emulator.roles.script", "whole_number"),
}

if not TYPE_CHECKING:
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
