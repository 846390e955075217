"""The homing of a lens: how long `10` takes, what paces it, and where the focus runs meanwhile."""

import math
from collections.abc import Generator

from lensmount_emulator.engine.engine import ARRIVAL
from lensmount_emulator.engine.tasks import Task, Wait, WaitFor
from lensmount_emulator.roles.emount.lens.engine_base import LensEngineBase
from lensmount_protocol.dialects.emount.timing import VD_PERIOD_US

IRIS, FOCUS = 0x04, 0x08
"""Bits of `10` f0."""

HOMING_TYPE = "10"


def is_homing_ignored(lens: LensEngineBase, drives: int) -> bool:
    """Whether a lens does nothing and sends no reply, since the request names neither the iris nor the focus."""
    return lens.settings.behaviour.homes_by_drive and not drives & (IRIS | FOCUS)


def home(lens: LensEngineBase, drives: int) -> Generator[WaitFor, bool, bool]:
    """Home the drives; returns whether a reply is due, which a later request can take over."""
    behaviour, timing = lens.settings.behaviour, lens.settings.timing
    lens.homing_run += 1
    run = lens.homing_run
    delay = timing.reply.get(HOMING_TYPE, timing.reply_otherwise)
    if behaviour.homing_sweeps and lens.settings.focus.driven and drives & FOCUS:
        for target in (lens.motor.lower, lens.motor.upper, lens.settings.focus.planned):
            frames = delay / 3 / VD_PERIOD_US
            frame = float(lens.stream.frame)
            speed = math.ceil(abs(target - lens.motor.planned(frame)) / max(1.0, frames - 1))
            lens.motor.set_target(target, frame, max(1, speed))
            yield from _pass_time(lens, delay / 3)
            if run != lens.homing_run:
                return False
        if not lens.stream.running:
            lens.motor.settle_at(lens.settings.focus.planned)
    else:
        yield from _pass_time(lens, delay)
    return run == lens.homing_run or not behaviour.homing_restarts


def _pass_time(lens: LensEngineBase, delay_us: float) -> Task:
    """Wait so long, or as many of the body's `04` if those pace the homing of a lens that streams."""
    if not (lens.settings.behaviour.homing_needs_pairs and lens.stream.running):
        yield lens.after(delay_us)
        return
    last = lens.homing_frames + math.ceil(delay_us / VD_PERIOD_US)
    yield Wait(ready=lambda: lens.homing_frames >= last or not lens.stream.running, on=(ARRIVAL,))
