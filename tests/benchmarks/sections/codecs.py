"""Whole frames to typed messages and back: against construct, hand-written code and other libraries."""

from collections.abc import Callable, Mapping, Sequence

from benchmarks import ours
from benchmarks.codec import Codec, building, parsing
from benchmarks.harness import Candidate, Settings, Table, cpu_per_item, optional
from benchmarks.peers import bench_construct, handwritten
from benchmarks.tables import absent, rows_of
from benchmarks.workload import Workload, workload

FRAMES = 20_000
CHECKED = 300
BASELINE = bench_construct.INTERPRETED.name

PARSE_GOALS = {BASELINE: 45.0, bench_construct.LEAVES.name: 14.0, handwritten.CODEC.name: 0.9}
BUILD_GOALS = {BASELINE: 55.0, handwritten.CODEC.name: 0.9}
PEERS = {
    "cantools": ("in_cantools", 2.2),
    "dissect.cstruct compiled": ("in_cstruct", 3.5),
    "kaitaistruct": ("in_kaitai", 7.0),
    "scapy": ("in_scapy", 30.0),
    "bitstruct.c": ("in_bitstruct", None),
}
"""Name -> module, and how many times as fast as it ours has to parse at least."""

_DECLARED = (
    *(ours.CODEC, handwritten.CODEC, bench_construct.INTERPRETED),
    *(bench_construct.COMPILED, bench_construct.LEAVES),
)


def parse(settings: Settings) -> list[Table]:
    """Frames to messages."""
    work = _work(settings)
    return [
        _table("parse", "mixed frames to typed messages", _DECLARED, work, _parse_candidates, PARSE_GOALS, settings)
    ]


def build(settings: Settings) -> list[Table]:
    """Messages to frames."""
    work = _work(settings)
    return [
        _table("build", "typed messages to mixed frames", _DECLARED, work, _build_candidates, BUILD_GOALS, settings)
    ]


def peers(settings: Settings) -> list[Table]:
    """The same against libraries that read binary messages."""
    work = _work(settings)
    found, missing = _installed()
    goals = {name: limit for name, (_, limit) in PEERS.items() if limit is not None}
    codecs = (ours.CODEC, *found)
    parse_table = _table("peers", "parse, other libraries", codecs, work, _parse_candidates, goals, settings)
    build_table = _table("peers", "build, other libraries", codecs, work, _build_candidates, {}, settings)
    for name in missing:
        parse_table.rows.append(absent(name))
    build_table.notes.append("what the libraries lack, envelope and sum, is written by hand around them")
    return [parse_table, build_table]


def _work(settings: Settings) -> Workload:
    return workload(settings.count(FRAMES, 200), settings.seed)


def _installed() -> tuple[list[Codec], list[str]]:
    found: list[Codec] = []
    missing: list[str] = []
    for name, (module_name, _) in PEERS.items():
        module = optional(f"benchmarks.peers.{module_name}")
        if module is None:
            missing.append(name)
        else:
            found.append(module.CODEC)
    return found, missing


def _parse_candidates(codecs: Sequence[Codec], work: Workload) -> list[Candidate]:
    return [Candidate(codec.name, parsing(codec), work.frames) for codec in codecs]


def _build_candidates(codecs: Sequence[Codec], work: Workload) -> list[Candidate]:
    return [
        Candidate(codec.name, building(codec), codec.prepared(work.said)) for codec in codecs if codec.build is not None
    ]


def _table(
    section: str,
    title: str,
    codecs: Sequence[Codec],
    work: Workload,
    candidates: Callable[[Sequence[Codec], Workload], list[Candidate]],
    goals: Mapping[str, float],
    settings: Settings,
) -> Table:
    for codec in codecs:
        codec.check(work, CHECKED)
    found = cpu_per_item(candidates(codecs, work), settings)
    baseline = BASELINE if BASELINE in found.values else codecs[0].name
    rows = rows_of(found, baseline, goals=goals)
    notes = {codec.name: codec.note for codec in codecs}
    for row in rows:
        row.note = notes[row.name]
    return Table(section, title, "frames/s", baseline, rows)
