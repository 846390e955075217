"""Explanations of capture files, and the good start-ups that they are compared with.

A reference is a capture, or a virtual session of profiles.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf, isfinite
from os import PathLike, fspath
from pathlib import Path
from typing import cast

from lensmount_emulator.engine.dialect_roles import get_roles
from lensmount_emulator.engine.session_knowledge import SessionKnowledge
from lensmount_emulator.engine.verdicts import Verdict
from lensmount_emulator.explain.explainer import explain_records, explain_timeline, session_knowledge
from lensmount_emulator.explain.finding import WENT_WRONG, Explanation, Finding, FindingKind, at_text
from lensmount_emulator.explain.reference import Reference
from lensmount_emulator.explain.timeline import read_timeline
from lensmount_emulator.profiles.library import Profile, load_profile
from lensmount_emulator.sessions.decoded_capture import open_capture
from lensmount_emulator.sessions.loopback import LoopbackResult, run_loopback
from lensmount_emulator.sessions.virtual.participants import default_pair
from lensmount_emulator.sessions.virtual.steering import parse_order
from lensmount_hardware.captures.capture import Progress, no_progress
from lensmount_hardware.captures.lmx import header_texts, read_recording_header
from lensmount_protocol.decoder import Decoder, OrderedDecoder
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import MountError, ProfileError
from lensmount_protocol.wire import Role, WireRecord

MAX_LIVE_RECORDS = 50_000
"""Records of a live session that are kept for its explanation: the last ones, some minutes of a loop."""

READING_SHARE = 0.6
"""Share of reading in the time of an explanation."""

MAX_NAMED_FAULTS = 3
"""Faults of a session's header that its explanation names."""

REFERENCE_S = 4.0
"""Seconds of virtual time of a reference session; the longest homing of a profile takes 1.4 s."""


def explain(
    source: str | PathLike[str],
    *,
    reference: str | PathLike[str] | None = None,
    dialect: str | None = None,
    channels: Mapping[str, str] | None = None,
    samplerate: float | None = None,
    progress: Progress = no_progress,
) -> Explanation:
    """Explain what went wrong in a capture or recording.

    Args:
        source: the file, of any readable format.
        reference: a good start-up to compare with: a file, or a profile by name; `None` for the good start-up of the
            devices that a recording's header names.
        dialect: the dialect, by name; `None` for what the file declares, else `emount`.
        channels: line -> channel, for a logic capture with other channel names.
        samplerate: samples a second, for a capture of samples that does not hold it.
        progress: takes the fraction of the work that is done.

    Raises:
        CaptureError: a file is missing, unreadable, of no known format, or damaged.
        DialectError: the dialect is unknown.
        ProfileError: the reference is neither a file nor a profile.
    """
    path = Path(fspath(source))
    capture = open_capture(
        path, dialect, channels=channels, samplerate=samplerate, progress=lambda read: progress(READING_SHARE * read)
    )
    knowledge = session_knowledge(capture.dialect)
    header = _read_header(path)
    good = (
        header_reference(header, knowledge, capture.dialect)
        if reference is None
        else load_reference(fspath(reference), knowledge, capture.dialect)
    )
    timeline = read_timeline(capture, capture.dialect, knowledge)
    timeline.script = header_script(header)
    explanation = explain_timeline(
        timeline, str(path), good, progress=lambda done: progress(READING_SHARE + (1 - READING_SHARE) * done)
    )
    broken = _recorded_violation(header)
    return add_faults(explanation if broken is None else _add_violation(explanation, broken), header)


def _recorded_violation(header: Mapping[str, object]) -> Finding | None:
    """The invariant that a scenario of a fuzz run broke, from the header of its recording; `None` without one."""
    violations = header.get("violations")
    first: object = cast("list[object]", violations)[0] if isinstance(violations, list) and violations else None
    if not isinstance(first, dict):
        return None
    name, at, text = (cast("dict[str, object]", first).get(key) for key in ("invariant", "at", "text"))
    if not (isinstance(name, str) and isinstance(text, str) and isinstance(at, int | float) and isfinite(at)):
        return None
    sentence = f'The session broke the invariant "{name}"{at_text(at)}: {text}.'
    return Finding(FindingKind.INVARIANT, float(at), sentence, f'the invariant "{name}" is broken', subject=name)


def _add_violation(explanation: Explanation, broken: Finding) -> Explanation:
    """The explanation of a session that broke an invariant: the traffic may show what led to it, or something else."""
    before = explanation.cause
    remarks = () if before is None else (f"the first irregularity in the traffic: {before.text}",)
    return replace(
        explanation,
        verdict=WENT_WRONG,
        cause=broken,
        paragraph=broken.text,
        remarks=[*remarks, *explanation.remarks],
        findings=sorted([*explanation.findings, broken], key=lambda one: inf if one.at is None else one.at),
    )


def explain_session(session: LoopbackResult) -> Explanation:
    """Explain a virtual session against the good start-up of its devices."""
    knowledge = session_knowledge(session.dialect)
    reference = header_reference(session.header, knowledge, session.dialect)
    source = f"{session.body.name} with {session.lens.name}"
    script = header_script(session.header)
    explanation = explain_records(
        session.records, session.dialect, source=source, reference=reference, script=script, refusal=_refusal(session)
    )
    return add_faults(explanation, session.header)


def add_faults(explanation: Explanation, header: Mapping[str, object]) -> Explanation:
    """The explanation of a session that went wrong, with the faults that its header orders as its first remark."""
    faults = [*header_texts(header, "faults"), *map(_ordered_fault, header_texts(header, "orders"))]
    named = [f'"{one}"' for one in faults if one]
    if explanation.cause is None or not named:
        return explanation
    more = [f"{len(named) - MAX_NAMED_FAULTS} more"] if len(named) > MAX_NAMED_FAULTS else []
    text = f"the session was run with faults, which may be the cause: {', '.join([*named[:MAX_NAMED_FAULTS], *more])}"
    return replace(explanation, remarks=[text, *explanation.remarks])


def _ordered_fault(text: str) -> str:
    """The fault that an order adds to a session; `""` for another order, and for what is none."""
    try:
        order = parse_order(text)
    except MountError:
        return ""
    return f"{order.text} (ordered{at_text(order.at)})" if order.kind == "fault" else ""


def _refusal(session: LoopbackResult) -> Finding | None:
    """That the body gave its lens up, by the result that it reported; `None` where it did not."""
    if not session.declined:
        return None
    result = next(one for one in session.compatibility_results if one.verdict is Verdict.REFUSED and one.rule)
    rule = get_roles(session.dialect.name).rules.get(result.rule)
    why = "" if rule is None else f" {rule.why}"
    short = f"the body refused the lens at the step {result.step}"
    text = f'The body refused the lens at the step {result.step}, by the rule "{result.rule}": {result.detail}.{why}'
    return Finding(FindingKind.REFUSED, result.at, text, short, Role.BODY, result.rule)


def explain_live(records: Sequence[WireRecord], profile: Profile, ended_at: float | None = None) -> Explanation:
    """Explain a session at a port against the good start-up of our end; `ended_at` is when it ended."""
    dialect = load_dialect(profile.dialect)
    reference = header_reference({"profile": profile.name}, session_knowledge(dialect), dialect)
    return explain_records(records, dialect, source=profile.name, reference=reference, ended_at=ended_at)


def run_reference(
    body: str | None, lens: str | None, accessories: Sequence[str], knowledge: SessionKnowledge, dialect: Dialect,
    *, exact: bool = True,
) -> Reference:  # fmt: skip
    """Run the good start-up of a pair in virtual time, without faults and without jitter.

    Raises:
        ProfileError: a profile is unknown, or the pair does not fit.
    """
    near, far = default_pair(body, lens)
    session = run_loopback(near, far, accessories=accessories, seconds=REFERENCE_S)
    events = OrderedDecoder(Decoder(dialect)).decode(session.records)
    name = f"{near.name} with {far.name}, virtual"
    return Reference(name, read_timeline(events, dialect, knowledge), exact)


def load_reference(named: str, knowledge: SessionKnowledge, dialect: Dialect) -> Reference:
    """The good start-up that the user names: a capture file, or a profile by name or path.

    Raises:
        CaptureError: the file cannot be read.
        ProfileError: there is neither a file nor a profile of that name.
    """
    path = Path(named)
    if path.exists() and path.suffix != ".toml":
        capture = open_capture(path, dialect)
        return Reference(named, read_timeline(capture, dialect, knowledge))
    try:
        profile = load_profile(named)
    except ProfileError as error:
        raise ProfileError(f"--reference {named!r} is neither a file nor a profile: {error}") from error
    if profile.dialect != dialect.name:
        raise ProfileError(
            f"--reference {named}: the profile is of {profile.dialect}, and the session of {dialect.name}"
        )
    is_body = profile.place.value == Role.BODY.value
    return run_reference(named if is_body else None, None if is_body else named, (), knowledge, dialect)


def _read_header(source: Path) -> Mapping[str, object]:
    """The header of a recording; empty for another file, and for one that cannot be read."""
    try:
        return read_recording_header(source) if source.is_file() else {}
    except MountError:
        return {}


def header_script(header: Mapping[str, object]) -> str:
    """The script in a header; `""` for a session with faults or orders, which may take the lens off on their own."""
    script = header.get("script")
    return script if isinstance(script, str) and not header.get("faults") and not header.get("orders") else ""


def header_reference(header: Mapping[str, object], knowledge: SessionKnowledge, dialect: Dialect) -> Reference | None:
    """The good start-up of the devices in a header; `None` where it names none that can run; faults are not read."""
    body, lens, profile = (header.get(key) for key in ("body", "lens", "profile"))
    accessories = header_texts(header, "accessories")
    try:
        if isinstance(body, str) and isinstance(lens, str):
            return run_reference(body, lens, accessories, knowledge, dialect)
        if isinstance(profile, str):
            return load_reference(profile, knowledge, dialect)
    except MountError:
        return None
    return None
