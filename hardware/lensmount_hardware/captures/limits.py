"""Limits on the content of a capture, in proportion to its size, so that a small file cannot need a large memory.

Real captures stay far below: a sampled capture of a busy mount has one edge in each byte of its file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lensmount_protocol.errors import CaptureError
from lensmount_protocol.wire import Burst, WireRecord, Wiring

if TYPE_CHECKING:
    import zipfile

    from lensmount_hardware.captures.logic_analyser.uart import LogicLine

MIN_EDGES = 2_000_000
"""Edges that a file of any size may have: 150 MB of memory and 10 s."""

EDGES_PER_BYTE = 1.5
SMALL_FILE = 2_000_000
EDGES_PER_FURTHER_BYTE = 10
"""Sessions of Logic 2 have 2 to 8 edges in each byte; the limit of memory holds for small files."""

MIN_LINE_EDGES = 500_000
"""Edges that a line without bytes may have in a file of any size: each becomes a record."""

LINE_EDGES_PER_BYTE = 0.125

MIN_PACKED_RECORDS = 300_000
"""Records that a packed file of any size may hold: 10 s of a processor."""

PACKED_RECORDS_PER_FURTHER_BYTE = 1
"""Records for each byte beyond the size of a small file; a packed sniffer log has one in 4 bytes."""

MIN_REPLAYED_BURSTS = 120_000
"""Runs of bytes that a capture of any size may have where all of it is kept in memory, at 1.5 kB each."""

BYTES_PER_REPLAYED_BURST = 16

MIN_VIRTUAL_S = 300.0
"""Seconds of virtual time that a recording of any size may be replayed for: 12 s of a processor."""

RECORDED_BYTES_PER_S = 4096
"""A recording of an active session has more bytes than that for each second."""

MIN_INFLATED = 64 * 1024 * 1024
"""Bytes that a packed file of any size may inflate to."""

MAX_DEFLATE_RATIO = 1040
"""Deflate packs at most 1032 to 1; a file that claims more has wrong sizes or overlapping members."""

MIN_SAMPLES = 1 << 31
"""Samples that a recording of any size may be drawn as: 179 s at 12 MHz."""

SAMPLES_PER_BYTE = 1024
"""Samples for each byte of a recording: traffic writes at least 12 kB a second."""

_BOUNDED_PACKING = (0, 8)
"""Methods of the ZIP format: stored and deflated."""

MAX_METADATA = 1 << 20
"""Bytes of a member that describes a capture."""


def edge_limit(size: int) -> int:
    """Edges that a capture file of this size may have."""
    further = max(0, size - SMALL_FILE)
    return max(MIN_EDGES, int((size - further) * EDGES_PER_BYTE) + further * EDGES_PER_FURTHER_BYTE)


def line_edge_limit(size: int) -> int:
    """Edges that each line without bytes may have in a capture file of this size."""
    return max(MIN_LINE_EDGES, int(size * LINE_EDGES_PER_BYTE))


def virtual_limit(size: int) -> float:
    """Seconds of virtual time that a recording of this size may be replayed for."""
    return max(MIN_VIRTUAL_S, size / RECORDED_BYTES_PER_S)


def check_span(path: Path, records: Iterable[WireRecord]) -> None:
    """Refuse records that spread over more time than an engine can be run through for a file of this size.

    Raises:
        CaptureError: they do.
    """
    times = [record.at for record in records if record.at is not None]
    span = max(times, default=0.0) - min(times, default=0.0)
    limit = virtual_limit(path.stat().st_size)
    if span > limit:
        raise CaptureError(
            f"{path}: its records spread over {span:g} s; a capture of this size is replayed for at most {limit:g} s, "
            "so cut it where nothing happens"
        )


def packed_records(path: Path, records: Iterable[WireRecord]) -> Iterator[WireRecord]:
    """Pass the records of a packed file on, as many as a file of its size may hold.

    Raises:
        CaptureError: there are more.
    """
    limit = MIN_PACKED_RECORDS + PACKED_RECORDS_PER_FURTHER_BYTE * max(0, path.stat().st_size - SMALL_FILE)
    for count, record in enumerate(records):
        if count == limit:
            raise CaptureError(
                f"{path}: more than {limit} records, the limit for a packed file of this size; unpack it, and read that"
            )
        yield record


def replayed_records(path: Path, records: Iterable[WireRecord]) -> list[WireRecord]:
    """All records of a capture that is replayed.

    Raises:
        CaptureError: there are more runs of bytes than fit memory, for a file of its size.
    """
    limit = max(MIN_REPLAYED_BURSTS, path.stat().st_size // BYTES_PER_REPLAYED_BURST)
    kept: list[WireRecord] = []
    bursts = 0
    for record in records:
        bursts += isinstance(record, Burst)
        if bursts > limit:
            raise CaptureError(
                f"{path}: more than {limit} runs of bytes; a capture of this size is replayed up to that, so cut it"
            )
        kept.append(record)
    return kept


def inflated_limit(size: int) -> int:
    """Bytes that a packed file of this size may inflate to."""
    return max(MIN_INFLATED, size * MAX_DEFLATE_RATIO)


def sample_limit(size: int) -> int:
    """Samples that a recording of this size may be drawn as."""
    return max(MIN_SAMPLES, size * SAMPLES_PER_BYTE)


@dataclass(slots=True)
class EdgeBudget:
    """Counts the edges of one capture against its limit.

    Attributes:
        path: the file, for the error.
        limit: edges that it may have.
        count: edges so far.
    """

    path: Path
    limit: int
    count: int = 0

    @classmethod
    def for_file(cls, path: Path) -> "EdgeBudget":
        """The budget of a file by its size.

        Raises:
            CaptureError: the file is gone.
        """
        try:
            return cls(path, edge_limit(path.stat().st_size))
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from error

    def take(self, edges: int) -> None:
        """Count further edges.

        Raises:
            CaptureError: there are more than the limit.
        """
        self.count += edges
        if self.count > self.limit:
            raise CaptureError(
                f"{self.path}: more than {self.limit} edges, the limit for a file of this size; cut the capture, or "
                "leave the line that toggles out"
            )


def check_edges(path: Path, lines: "Mapping[str, LogicLine]", wiring: Wiring) -> None:
    """Refuse lines with more edges than a capture file of its size may have.

    Args:
        path: the file.
        lines: the lines that are read.
        wiring: which lines are serial: their edges become bytes, those of others a record each.

    Raises:
        CaptureError: there are more; names the line and how to leave it out.
    """
    budget = EdgeBudget.for_file(path)
    limit = line_edge_limit(path.stat().st_size)
    serial = {line.name for line in wiring.serial} | ({wiring.clocked.clock} if wiring.clocked else set[str]())
    for line, found in lines.items():
        count = len(found.edges)
        if line not in serial and count > limit:
            raise CaptureError(
                f"{path}: {line} has {count} edges, and a line of a file of this size at most {limit}; leave it out "
                f"with --channel {line}=none, or cut the capture"
            )
        budget.take(count)


def check_packing(path: Path, archive: "zipfile.ZipFile", name: str) -> None:
    """Reject a member with a packing method that has no limit on the output of one step.

    Raises:
        CaptureError: it is neither stored nor deflated, which is all that logic analysers write.
    """
    kind = archive.getinfo(name).compress_type
    if kind not in _BOUNDED_PACKING:
        raise CaptureError(f"{path}: {name} is packed in an unusual way (method {kind}); pack it with deflate")


def read_member(path: Path, archive: "zipfile.ZipFile", name: str, limit: int = MAX_METADATA) -> bytes:
    """A small member of an archive, whatever size the directory claims.

    Args:
        path: the archive's file, for the error.
        archive: the archive.
        name: of the member.
        limit: bytes that it may have.

    Raises:
        CaptureError: the member is longer, or as `check_packing`.
    """
    check_packing(path, archive, name)
    with archive.open(name) as member:
        data = member.read(limit + 1)
    if len(data) > limit:
        raise CaptureError(f"{path}: {name} has more than {limit} bytes")
    return data
