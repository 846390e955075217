"""Runs one golden case in process; the only module here that imports sessions, campaigns and fuzzing.

A case is plain data: an object of `cases.json`. Its keys and values are words of users (profiles, scripts, faults), so
that no rename in the code changes a case.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from lensmount_emulator.campaign.case import Case
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.fuzz.scenario import Scenario
from lensmount_emulator.fuzz.scenario_runner import ScenarioResult, run_scenario
from lensmount_emulator.fuzz.session_fuzzer import generate_scenario, random_scenario
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_protocol.wire import WireRecord


@dataclass(frozen=True)
class Recorded:
    """The recording of a case.

    Attributes:
        file: the bytes of its `.lmx` file.
        records: the records in it.
        result: the result of the case in one line.
    """

    file: bytes
    records: Sequence[WireRecord]
    result: str


def run_case(case: Mapping[str, Any]) -> Recorded:
    """Run a case of `cases.json`.

    Raises:
        KeyError: its kind is unknown, or a key is missing.
    """
    return RUNNERS[case["kind"]](case)


def _file(header: Mapping[str, object], records: Sequence[WireRecord]) -> bytes:
    memory = io.BytesIO()
    writer = RecordingWriter(memory, header)
    for record in records:
        writer.write(record)
    return memory.getvalue()


def _loopback(case: Mapping[str, Any]) -> Recorded:
    session = run_loopback(
        case["body"],
        case["lens"],
        accessories=case.get("accessories", ()),
        script=case["script"],
        seconds=case.get("seconds"),
        seed=case["seed"],
        resolution=case.get("resolution", "frame"),
        faults=case.get("faults", ()),
    )
    header = session_header(
        session.dialect.name,
        case["body"],
        case["lens"],
        case["script"],
        case["seed"],
        accessories=case.get("accessories", ()),
        faults=session.plan.texts() if session.plan else (),
        duration=case.get("seconds"),
    )
    result = f"script {'done' if session.finished else 'not done'}, {len(session.violations)} electrical violations"
    return Recorded(_file(header, session.records), session.records, result)


def _campaign(case: Mapping[str, Any]) -> Recorded:
    names = (case["body"], case["lens"], *case["accessories"])
    one = Case(
        number=case["number"],
        kind=case["mode"],
        dialect=case["dialect"],
        body=case["body"],
        lens=case["lens"],
        accessories=tuple(case["accessories"]),
        faults=tuple(case["faults"]),
        seed=case["seed"],
        script=case["script"],
        seconds=case["seconds"],
        steps=case["steps"],
        checks=(),
    )
    played = CaseRunner({name: load_profile(name) for name in names}).run(one)
    result = f"{played.script.done} of {played.script.steps} script steps, {len(played.monitor.violations)} violations"
    return Recorded(_file(played.header, played.records), played.records, result)


def _scenario(case: Mapping[str, Any]) -> Recorded:
    return _outcome(run_scenario(_story(case, case["steps"])))


def _random_scenario(case: Mapping[str, Any]) -> Recorded:
    """Players and steps at random: the same seed gives the same ones."""
    random = Random(case["seed"])
    return _outcome(generate_scenario(random_scenario(case["dialect"], random, case["mode"]), random, case["steps"]))


def _story(case: Mapping[str, Any], steps: Sequence[str]) -> Scenario:
    players = (case["dialect"], case["body"], case["lens"], case["mode"], case["script"], case["seed"])
    return Scenario(*players, steps=tuple(steps))


def _outcome(outcome: ScenarioResult) -> Recorded:
    file = _file(outcome.scenario.header(), outcome.records)
    return Recorded(file, outcome.records, f"{outcome.steps} steps, {len(outcome.violations)} violations")


RUNNERS: Mapping[str, Callable[[Mapping[str, Any]], Recorded]] = {
    "loopback": _loopback,
    "campaign": _campaign,
    "scenario": _scenario,
    "random scenario": _random_scenario,
}
"""Kind of a case to its runner."""
