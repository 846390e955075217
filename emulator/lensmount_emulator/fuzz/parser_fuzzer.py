"""The parser fuzzer: gives parsers random input, and checks the properties of their output.

Every byte is reported exactly once and in order. The frames are those that a plain search of the bytes finds. Neither
cuts into chunks nor late parsing of messages changes the result. A frame's messages are built to the same bytes again.
A valid frame is reported with its last byte, whatever was cut off before it. Only a `MountError` leaves a parser, and
memory stays bounded.

In guided runs, atheris feeds the parsers in a process of its own and reports its results here.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from random import Random

from lensmount_emulator.fuzz.random_inputs import (
    InputGenerator,
    ParserInput,
    input_from_bytes,
    input_from_dict,
    input_to_bytes,
)
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import FaultError, MountError
from lensmount_protocol.frame_parser import FrameParser
from lensmount_protocol.framer import MAX_RUN, Frame, FrameEvent, FrameFormat, GarbageReason, burst_format
from lensmount_protocol.message import Message
from lensmount_protocol.payload import build_payload

MAX_SHOWN = 10

WINDOW_ROOM = MAX_RUN + 104
"""Bytes that a parser may buffer beyond its largest frame: the longest run that it reports at once."""


@dataclass(slots=True)
class ParserFuzzStats:
    """The result of many inputs.

    Attributes:
        cases: inputs.
        bytes: their bytes.
        frames: frames in them.
        refused: runs of bytes in no frame, with padding.
        violations: inputs that violated a property.
        broken: the first of them, each minimised.
        shown: the same, one line each.
    """

    cases: int = 0
    bytes: int = 0
    frames: int = 0
    refused: int = 0
    violations: int = 0
    broken: list[ParserInput] = field(default_factory=lambda: list[ParserInput]())
    shown: list[str] = field(default_factory=lambda: list[str]())


def check_parser(dialect: Dialect, given: ParserInput, stats: ParserFuzzStats | None = None) -> Iterator[str]:
    """Check a parser's output for an input; yield the violations, and count frames in `stats`, if given."""
    if given.alone is not None:
        cls = dialect.messages.get((given.sender, given.alone))
        if cls is not None:
            yield from check_message(cls, given.data)
        return
    whole = list(_read(dialect, given, ()))
    found = [event for event in whole if isinstance(event, Frame)]
    if stats is not None:
        stats.frames += len(found)
        stats.refused += len(whole) - len(found)
    if given.right and not (whole and isinstance(whole[-1], Frame) and whole[-1].raw == given.right):
        yield "a frame that is right is not found"
    elif given.right and list(_read(dialect, given, (), ends=False))[-1:] != whole[-1:]:
        yield "a frame that is right is not reported with its last byte"
    reported_frames = b"".join([_event_bytes(event) for event in whole])
    if reported_frames != given.data:
        yield f"{len(given.data)} bytes went in and {len(reported_frames)} came out, or others"
    at = 0
    for event in whole:
        if event.offset != at:
            yield f"an event has offset {event.offset} and begins at {at}"
        at += len(_event_bytes(event))
    for frame in found:
        rebuilt = dialect.build_frame(build_payload(frame.messages), frame.class_, frame.sequence)
        if rebuilt != frame.raw:
            yield f"frame {frame.raw.hex()} is built as {rebuilt.hex()}"
    places = [(frame.offset, frame.offset + len(frame.raw)) for frame in found]
    expected = list(frames_in(dialect.formats[given.sender], given))
    if places != expected:
        yield f"frames are at {places}; a plain search finds them at {expected}"
    if given.cuts:
        chunked = list(_read(dialect, given, given.cuts, later=bool(given.cuts[0] & 1)))
        if chunked != whole or [_describe_event(event) for event in chunked] != [
            _describe_event(event) for event in whole
        ]:
            yield "cut into chunks it gives other events"


def _describe_event(event: FrameEvent) -> object:
    return event.messages if isinstance(event, Frame) else None


def _event_bytes(event: FrameEvent) -> bytes:
    return event.raw if isinstance(event, Frame) else event.data


def _read(
    dialect: Dialect, given: ParserInput, cuts: tuple[int, ...], *, later: bool = False, ends: bool = True
) -> Iterator[FrameEvent]:
    reader = FrameParser(dialect, given.sender, dialect.payload_parser(), headers_only=later)
    max_size = dialect.formats[given.sender].max_size + WINDOW_ROOM
    if given.window:
        yield from reader.open_window()
    before = 0
    for stop in (*sorted((*cuts, *given.breaks)), len(given.data)) if cuts or given.breaks else (len(given.data),):
        yield from reader.receive(given.data[before:stop])
        before = stop
        if before - reader.consumed_offset > max_size:
            raise MemoryError(f"{before - reader.consumed_offset} bytes are buffered")
        if stop in given.breaks:
            yield from reader.open_window() if given.window else reader.close(GarbageReason.SILENCE)
    if not ends:
        return
    yield from reader.close(GarbageReason.WINDOW_CLOSED if given.window else GarbageReason.SOURCE_ENDED)


def frames_in(frame_format: FrameFormat, given: ParserInput) -> Iterator[tuple[int, int]]:
    """Find frames without a framer: each start is tried in turn, and padding may follow from senders that pad."""
    data, begin = given.data, 0
    by_burst = burst_format(frame_format)
    if by_burst is not None:
        if len(data) in by_burst.sizes and by_burst.check(data) is None:
            yield 0, len(data)
        return
    for end in (*given.breaks, len(data)):
        at = data.find(frame_format.start, begin, end)
        while at >= 0:
            header = data[at : min(at + frame_format.header_size, end)]
            size = (
                frame_format.frame_length(header) if len(header) == frame_format.header_size else GarbageReason.LENGTH
            )
            if isinstance(size, int) and at + size <= end and frame_format.check(data[at : at + size]) is None:
                yield at, at + size
                at += size
                if frame_format.max_padding:
                    at = min(at + frame_format.max_padding, end) if given.window else at
                    at = end - len(data[at:end].lstrip(b"\0"))
            else:
                at += 1
            at = data.find(frame_format.start, at, end)
        begin = end


def check_message(cls: type[Message], data: bytes) -> Iterator[str]:
    """Check a message alone: parsed or rejected, and built to the same bytes; yield the violations."""
    try:
        message = cls.parse(data)
    except MountError:
        return
    built = message.build()
    if built != data:
        yield f"{cls.__name__} {data.hex()} is built as {built.hex()}"


def try_input(dialect: Dialect, given: ParserInput, stats: ParserFuzzStats | None = None) -> list[str]:
    """Return the violations of an input; an exception of a parser is a violation as well."""
    try:
        return list(check_parser(dialect, given, stats))
    except Exception as error:
        return [f"{type(error).__name__}: {error}"]


def problem_kind(wrong: list[str]) -> str:
    """The kind of a violation: its text without numbers and bytes."""
    return "; ".join(re.sub(r"[0-9a-f]*[0-9][0-9a-f]*", "#", text) for text in wrong)


def fuzz_parser(
    dialect: Dialect,
    cases: int,
    seed: int,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    first: Iterable[ParserInput] = (),
    found: Callable[[ParserInput], None] = lambda _given: None,
    stats: ParserFuzzStats | None = None,
) -> ParserFuzzStats:
    """Give a dialect's parsers so many inputs.

    Args:
        dialect: the dialect.
        cases: inputs; with every fourth one, a message is parsed alone as well.
        seed: seed of the inputs; the same seed gives the same ones.
        progress: called now and then with the number of finished inputs.
        first: inputs of earlier runs, which run first; they are no cases.
        found: called at once with each minimised input that is kept because it violates a property.
        stats: counts here, so that an interrupted run keeps its result; `None` for new ones.
    """
    inputs, stats = InputGenerator(dialect, Random(f"{seed} parser {dialect.name}")), stats or ParserFuzzStats()
    for given in first:
        record_failure(dialect, given, try_input(dialect, given), stats, found)
    for number in range(cases):
        given = inputs.next()
        stats.cases += 1
        stats.bytes += len(given.data)
        if wrong := try_input(dialect, given, stats):
            record_failure(dialect, given, wrong, stats, found)
        if number % 4 == 0:
            given = inputs.message()
            if wrong := try_input(dialect, given):
                record_failure(dialect, given, wrong, stats, found)
        if number % 1000 == 0:
            progress(number)
    progress(cases)
    return stats


def record_failure(
    dialect: Dialect, given: ParserInput, wrong: list[str], stats: ParserFuzzStats, found: Callable[[ParserInput], None]
) -> None:
    """Count a violating input, and keep it if it is one of the first."""
    if not wrong:
        return
    stats.violations += 1
    if len(stats.broken) < MAX_SHOWN:
        shorter = shrink_input(dialect, given)
        stats.broken.append(shorter)
        stats.shown.append(_shown(shorter, try_input(dialect, shorter) or wrong))
        found(shorter)


def shrink_input(dialect: Dialect, given: ParserInput) -> ParserInput:
    """Minimise a violating input; return other inputs unchanged."""
    for change in ({"cuts": ()}, {"breaks": (), "right": b""}, {"window": False}):
        given = _keep_if_wrong(dialect, replace(given, **change), given)
    size = len(given.data)
    while size >= 1:
        at = 0
        while at < len(given.data):
            shorter = _keep_if_wrong(dialect, _without(given, at, size), given)
            if shorter is given:
                at += size
            given = shorter
        size //= 2
    for number in range(len(_find_frames(dialect, given))):
        given = _simplify_frame(dialect, given, number)
    return given


def _keep_if_wrong(dialect: Dialect, tried: ParserInput, given: ParserInput) -> ParserInput:
    return tried if try_input(dialect, tried) else given


def _find_frames(dialect: Dialect, given: ParserInput) -> list[tuple[int, int]]:
    """The places of frames; empty if the format itself fails."""
    try:
        return [] if given.alone is not None else list(frames_in(dialect.formats[given.sender], given))
    except Exception:
        return []


def _simplify_frame(dialect: Dialect, given: ParserInput, number: int) -> ParserInput:
    """The input with a simpler frame, in a valid envelope."""
    size = len(given.data)
    while size >= 1:
        at = 0
        while (places := _find_frames(dialect, given))[number:]:
            begin, stop = places[number]
            try:
                frame = dialect.formats[given.sender].parse_header(given.data[begin:stop], 0)
                if at >= len(frame.payload):
                    break
                payload = frame.payload[:at] + frame.payload[at + size :]
                built = dialect.build_frame(payload, frame.class_, frame.sequence)
            except Exception:
                return given
            data = given.data[:begin] + built + given.data[stop:]
            cuts, breaks = (tuple(min(place, len(data)) for place in some) for some in (given.cuts, given.breaks))
            tried = replace(given, data=data, cuts=cuts, breaks=breaks, right=b"")
            if _keep_if_wrong(dialect, tried, given) is given:
                at += size
            else:
                given = tried
        size //= 2
    return given


def _without(given: ParserInput, at: int, size: int) -> ParserInput:
    """The input without some bytes; a frame that must be found stays whole, or is no longer required."""
    data = given.data[:at] + given.data[at + size :]
    places = [
        tuple(place if place <= at else max(at, place - size) for place in some) for some in (given.cuts, given.breaks)
    ]
    right = given.right if at + size <= len(given.data) - len(given.right) else b""
    return replace(given, data=data, cuts=places[0], breaks=places[1], right=right)


def _shown(given: ParserInput, wrong: list[str]) -> str:
    """An input and its violations, in one line."""
    if given.alone is not None:
        return f"{given.sender.value} message {given.data.hex()}: {'; '.join(wrong)[:300]}"
    where = " in a window" if given.window else ""
    marks = "".join(f", {name} {some}" for name, some in (("cuts", given.cuts), ("breaks", given.breaks)) if some)
    return f"{given.sender.value}{where}: {given.data.hex()}{marks}: {'; '.join(wrong)[:300]}"


def fuzz_one(dialect: Dialect) -> Callable[[bytes], None]:
    """Make a target for coverage-guided fuzzers.

    It takes bytes as `input_from_bytes` reads them, and raises for a violation.
    """

    def target(data: bytes) -> None:
        for text in check_parser(dialect, input_from_bytes(data)):
            raise AssertionError(text)

    return target


SEED_COUNT = 200
"""Random inputs at the start of a run."""

MAX_INPUT = 4096
"""Bytes of the longest input."""

INPUT_TIMEOUT_S = 20
"""Seconds for one input before it counts as a hang."""

MEMORY_MIB = 1024
"""Memory of the process before it counts as unbounded."""

_PROGRESS = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)")
_DONE = re.compile(r"Done (\d+) runs")


@dataclass(slots=True)
class CoverageFuzzStats(ParserFuzzStats):
    """The result of a guided run.

    Attributes:
        covered: branches of the protocol's code that were taken.
        features: the same, distinguished by frequency.
        kept: inputs that took a new branch.
    """

    covered: int = 0
    features: int = 0
    kept: list[ParserInput] = field(default_factory=lambda: list[ParserInput]())


def check_installed() -> None:
    """Check that atheris is installed.

    Raises:
        FaultError: it is not installed.
    """
    if find_spec("atheris") is None:
        raise FaultError("a coverage-guided run requires atheris, on Linux: pip install atheris")


def fuzz_guided(
    dialect: Dialect,
    cases: int,
    seed: int,
    progress: Callable[[int], None] = lambda _done: None,
    *,
    first: Iterable[ParserInput] = (),
    found: Callable[[ParserInput], None] = lambda _given: None,
    stats: CoverageFuzzStats | None = None,
) -> CoverageFuzzStats:
    """Let atheris give a dialect's parsers so many inputs.

    Args:
        dialect: the dialect; it must be known by its name.
        cases: inputs.
        seed: seed of random decisions.
        progress: called now and then with the number of finished inputs.
        first: inputs of earlier runs, to start from.
        found: called at once with each minimised input that is kept because it violates a property.
        stats: counts here, so that an interrupted run keeps its result; `None` for new ones.

    Raises:
        FaultError: atheris is not installed, or its process ended early.
    """
    check_installed()
    stats = stats or CoverageFuzzStats()
    with tempfile.TemporaryDirectory(prefix="lensmount-") as folder:
        findings, seeds = Path(folder) / "findings", Path(folder) / "seeds"
        seeds.mkdir()
        inputs, sown = InputGenerator(dialect, Random(f"{seed} guided {dialect.name}")), list(first)
        for number, given in enumerate([*sown, *(inputs.next() for _ in range(SEED_COUNT))]):
            seeds.joinpath(f"seed-{number}").write_bytes(input_to_bytes(given)[:MAX_INPUT])
        for given in sown:
            record_failure(dialect, given, try_input(dialect, given), stats, found)
        options = (f"-runs={cases}", f"-seed={seed % 2**32 or 1}", f"-max_len={MAX_INPUT}",
            f"-timeout={INPUT_TIMEOUT_S}",
                   f"-rss_limit_mb={MEMORY_MIB}", f"-artifact_prefix={folder}/ended-", str(seeds))  # fmt: skip
        last = ""
        try:
            with _run_target(dialect.name, findings, options) as lines:
                reported = 0
                for last in lines:
                    progress(_parse_progress(last, stats))
                    reported = _take_findings(dialect, findings, reported, stats, found)
        finally:
            stats.kept = [
                input_from_bytes(file.read_bytes()) for file in sorted(seeds.iterdir()) if "seed-" not in file.name
            ]
        for file in sorted(Path(folder).glob("ended-*")):
            stats.violations += 1
            given = input_from_bytes(file.read_bytes())
            stats.broken.append(given)
            stats.shown.append(f"the run ended at {given.data.hex()[:400]}: {file.name.split('-')[1]}")
            found(given)
        if stats.cases < cases and not stats.broken:
            raise FaultError(f"atheris ended after {stats.cases} of {cases} inputs: {last.strip()[:200]}")
    return stats


@contextmanager
def _run_target(name: str, findings: Path, options: Iterable[str]) -> Generator[Iterable[str]]:
    """Yield the output of the fuzzing process, line by line; the process has ended afterwards."""
    command = [sys.executable, "-m", "lensmount_emulator.fuzz.coverage_target", name, str(findings), *options]
    paths = os.pathsep.join(path for path in sys.path if path)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths},
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stderr is not None
        try:
            yield process.stderr
        finally:
            process.terminate()


def _parse_progress(line: str, stats: CoverageFuzzStats) -> int:
    """Read the statistics of a line, if there are any."""
    if match := _PROGRESS.match(line):
        stats.cases, stats.covered, stats.features = (int(figure) for figure in match.groups())
    elif match := _DONE.match(line):
        stats.cases = int(match.group(1))
    return stats.cases


def _take_findings(
    dialect: Dialect, findings: Path, reported: int, stats: CoverageFuzzStats, found: Callable[[ParserInput], None]
) -> int:
    """Read the problems written since the last time; return their number so far."""
    lines = findings.read_text().splitlines(keepends=True) if findings.exists() else []
    whole = [line for line in lines if line.endswith("\n")]
    for line in whole[reported:]:
        given = input_from_dict(json.loads(line))
        record_failure(dialect, given, try_input(dialect, given), stats, found)
    return len(whole)
