"""Sections on codecs: parse, build, peers, streams, one saturated link, and a request with its reply."""

import gc
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Candidate, Goal, Result, percentile, side_by_side
from benchmarks.peers import peers
from benchmarks.rivals import FindDeframer, construct_frame, construct_values, hand_build, hand_read
from benchmarks.workload import DIALECT, FORMAT, MESSAGES, Workload, make_workload
from lensmount_protocol.frame import Frame
from lensmount_protocol.paving import build_payload
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Role

OURS = "lensmount"
CONSTRUCT = "construct"
COMPILED = "construct, compiled whole"
LEAVES = "construct, compiled leaves"
HAND = "written by hand"
LINE_BYTES_PER_SECOND = 150_000
"""1.5 Mbaud, ten bit times a byte."""


def our_reader() -> FrameReader:
    """Ours, on the benchmark's dialect."""
    return FrameReader(DIALECT, Role.LENS, DIALECT.paving())


def _each(read: Callable[[bytes], Any], frames: list[bytes]) -> Callable[[], None]:
    def run() -> None:
        for frame in frames:
            read(frame)

    return run


def _sure(read: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """construct's `parse` leaves bytes behind the frame unread; all others refuse them."""
    return read


def parse(rounds: int, size: int) -> Result:
    """Whole frames to objects."""
    load = make_workload(size)
    slow = load.frames[: max(200, size // 10)]
    candidates = [
        Candidate(CONSTRUCT, _each(_sure(construct_frame().parse), slow), len(slow)),
        Candidate(COMPILED, _each(construct_frame().compile().parse, slow), len(slow)),
        Candidate(LEAVES, _each(construct_frame(compiled_leaves=True).parse, slow), len(slow)),
        Candidate(HAND, _each(hand_read, load.frames), size),
        Candidate(OURS, _each(our_reader().parse, load.frames), size),
    ]
    goals = [Goal(OURS, CONSTRUCT, 45), Goal(OURS, LEAVES, 14), Goal(OURS, HAND, 0.9), Goal(OURS, COMPILED, 0)]
    goals.append(Goal(HAND, CONSTRUCT, 0))
    return side_by_side("parse: a frame to typed dataclasses", candidates, goals, rounds, unit="ns a frame")


def build(rounds: int, size: int) -> Result:
    """Objects to whole frames."""
    load = make_workload(size)
    ours = [(frame.messages, frame.class_, frame.sequence) for frame in map(our_reader().parse, load.frames)]
    hand = [hand_read(frame) for frame in load.frames]
    few = max(200, size // 10)
    values = [construct_values(*said, len(frame)) for said, frame in zip(load.contents, load.frames, strict=True)][:few]
    whole, leaves = construct_frame(), construct_frame(compiled_leaves=True)
    assert [whole.build(each) for each in values[:50]] == load.frames[:50]
    assert [hand_build(each) for each in hand] == load.frames
    make = FORMAT.build

    def run_ours() -> None:
        for messages, class_, sequence in ours:
            make(build_payload(messages), class_, sequence)

    candidates = [
        Candidate(CONSTRUCT, _each(whole.build, values), few),
        Candidate(LEAVES, _each(leaves.build, values), few),
        Candidate(HAND, _each(hand_build, hand), size),
        Candidate(OURS, run_ours, size),
    ]
    goals = [Goal(OURS, CONSTRUCT, 55), Goal(OURS, HAND, 0.9), Goal(HAND, CONSTRUCT, 0)]
    return side_by_side("build: typed dataclasses to a frame", candidates, goals, rounds, unit="ns a frame")


def others(rounds: int, size: int) -> Result:
    """Other libraries reading the same frames."""
    load = make_workload(size)
    few = load.frames[: max(200, size // 10)]
    readers, missing = peers()
    candidates = [Candidate(name, _each(read, few), len(few)) for name, read in readers.items()]
    candidates.append(Candidate(OURS, _each(our_reader().parse, load.frames), size))
    factors = {"cantools": 2.2, "dissect.cstruct": 3.5, "kaitaistruct": 7, "scapy": 30, "bitstruct.c": 0}
    goals = [Goal(OURS, name, factor) for name, factor in factors.items()]
    result = side_by_side("peers: the same frames in other libraries", candidates, goals, rounds, unit="ns a frame")
    result.remarks += [f"{name}: not installed" for name in missing]
    result.remarks.append("kaitaistruct runs a module written by hand in the style of its compiler's output")
    return result


def stream(rounds: int, size: int) -> Result:
    """A stream with garbage in it to typed messages."""
    load = make_workload(size)
    short = make_workload(max(200, size // 10))
    whole, leaves = construct_frame(), construct_frame(compiled_leaves=True)

    def two_steps(read: Callable[[bytes], Any], of: Workload) -> Callable[[], int]:
        def run() -> int:
            deframer, count = FindDeframer(), 0
            for chunk in of.chunks:
                for frame in deframer.feed(chunk):
                    read(frame)
                    count += 1
            return count

        return run

    def ours() -> int:
        reader, count = our_reader(), 0
        for chunk in load.chunks:
            for event in reader.receive(chunk):
                count += type(event) is Frame
        return count

    candidates = [
        Candidate(CONSTRUCT, two_steps(whole.parse, short), len(short.frames)),
        Candidate(LEAVES, two_steps(leaves.parse, short), len(short.frames)),
        Candidate(HAND, two_steps(hand_read, load), size),
        Candidate(OURS, ours, size),
    ]
    goals = [Goal(OURS, CONSTRUCT, 36), Goal(OURS, LEAVES, 0), Goal(OURS, HAND, 0), Goal(HAND, CONSTRUCT, 0)]
    title = "stream: chunks of 1 to 64 bytes, one in a hundred garbage, to typed messages"
    result = side_by_side(title, candidates, goals, rounds, unit="ns a frame")
    result.figure("good frames that were lost", size - ours(), 0, at_most=True)
    result.remarks.append("in front of the others stands a deframer that searches for the start byte")
    return result


def line(rounds: int, size: int) -> Result:
    """What reading and building both directions of a saturated link of ten-byte frames takes of a core."""
    frames = [FORMAT.build(b"\x01" * 2, 1, number & 255) for number in range(size)]
    chunks = [b"".join(frames[start : start + 3]) + b"" for start in range(0, size, 3)]
    few = frames[: max(200, size // 10)]
    whole = construct_frame()
    values = [construct_values(1, number & 255, [(1, ()), (1, ())], 10) for number in range(len(few))]
    pair = [MESSAGES[1](), MESSAGES[1]()]

    def ours() -> None:
        reader = our_reader()
        for chunk in chunks:
            reader.receive(chunk)
        for number in range(size):
            FORMAT.build(build_payload(pair), 1, number & 255)

    def theirs() -> None:
        deframer = FindDeframer()
        for frame in few:
            for found in deframer.feed(frame):
                whole.parse(found)
        for value in values:
            whole.build(value)

    candidates = [Candidate(CONSTRUCT, theirs, len(few)), Candidate(OURS, ours, size)]
    title = "line: reading and building 10-byte frames"
    result = side_by_side(title, candidates, [Goal(OURS, CONSTRUCT, 0)], rounds, unit="ns read and built")
    # A full-duplex link fills both directions: each end reads one and builds the other.
    rate = LINE_BYTES_PER_SECOND / 10
    for name, goal in ((OURS, 3.0), (CONSTRUCT, None)):
        share = result.values[name] * rate / 1e9 * 100
        result.figure(f"{name}: percent of a core for one end of a saturated 1.5 Mbaud link", share, goal, at_most=True)
    return result


class _Construct:
    """Both halves of an exchange with construct alone."""

    def __init__(self) -> None:
        self._frame = construct_frame()
        self._deframer = FindDeframer()

    def read(self, data: bytes) -> Any:
        (frame,) = self._deframer.feed(data)
        return self._frame.parse(frame)

    def build(self, sequence: int, messages: list[tuple[int, tuple[Any, ...]]], size: int) -> bytes:
        return self._frame.build(construct_values(1, sequence, messages, size))


def exchange(rounds: int, size: int) -> Result:
    """A request of 14 bytes and its reply of 33, through the codecs of both ends.

    Two builds, two deframes, two parses.
    """
    there, back = our_reader(), our_reader()
    command, status = MESSAGES[3], MESSAGES[5]

    def ours(number: int) -> int:
        request = FORMAT.build(command(1, number & 0xFFFF, 5).build(), 1, number & 255)
        asked = there.receive(request)[0].messages[0]  # type: ignore[union-attr]
        reply = FORMAT.build(status(asked.target, 2, 3, 4, number & 0xFFFF).build(), 1, number & 255)
        return back.receive(reply)[0].messages[0].focus_pos  # type: ignore[union-attr]

    one, other = _Construct(), _Construct()
    zeros = (0,) * 9

    def theirs(number: int) -> int:
        request = one.build(number & 255, [(3, (1, number & 0xFFFF, 5))], 14)
        asked = other.read(request).checked.value.messages[0].body
        reply = other.build(number & 255, [(5, (asked.target, 2, 3, 4, number & 0xFFFF, *zeros))], 33)
        return one.read(reply).checked.value.messages[0].body.focus_pos

    few = max(100, size // 10)

    def repeated(once: Callable[[int], int], count: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(count):
                once(number)

        return run

    candidates = [Candidate(CONSTRUCT, repeated(theirs, few), few), Candidate(OURS, repeated(ours, size), size)]
    title = "exchange: a request of 14 bytes and a reply of 33, in memory"
    result = side_by_side(title, candidates, [Goal(OURS, CONSTRUCT, 25)], rounds, unit="ns an exchange")
    for name, once, goal in ((OURS, ours, 1.3), (CONSTRUCT, theirs, None)):
        spread = percentile([_spread(once, 2_000) for _ in range(rounds)], 50)
        result.figure(f"{name}: p99 over p50", spread, goal, at_most=True)
    return result


def _spread(once: Callable[[int], int], count: int) -> float:
    gc.collect()
    times: list[int] = []
    for number in range(count):
        began = time.perf_counter_ns()
        once(number)
        times.append(time.perf_counter_ns() - began)
    return percentile(times, 99) / percentile(times, 50)
