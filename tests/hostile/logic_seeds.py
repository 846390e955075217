"""Small valid captures of logic analysers and packet files, drawn from one short exchange of frames."""

import gzip
import json
import struct
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Burst, Edge, Role, WireRecord

FRAME = bytes.fromhex("f00b0002000b6000780055")
LINES = ("VD", "VCC", "LENS_CS", "RXD", "TXD", "BODY_CS")
RATE = 12e6
CHANGED = "RXD"
"""The line whose file of a binary export is changed; those of the others stay valid beside it."""

MAGICS = {"<": 0xA1B2C3D4, ">": 0xA1B23C4D}
"""Byte order -> magic number of a packet file, of microseconds and of nanoseconds."""

BLOCK = 512
SESSION = b"<SALEAE>"


def exchange() -> list[WireRecord]:
    """Two windows each way, with a frame-sync pulse between them."""
    records: list[WireRecord] = [Edge(0.0, line, line in ("VD", "VCC", "RXD", "TXD")) for line in LINES]
    for number in range(2):
        at = 400e-6 + number * 1e-3
        for sender, select, begins in ((Role.BODY, "BODY_CS", at), (Role.LENS, "LENS_CS", at + 400e-6)):
            records.append(Edge(begins - 20e-6, select, True))
            records.append(Burst(begins, sender, FRAME, 750_000))
            records.append(Edge(begins + 170e-6, select, False))
        records.append(Edge(at + 700e-6, "VD", False))
        records.append(Edge(at + 763e-6, "VD", True))
    return records


@lru_cache(maxsize=1)
def levels() -> dict[str, np.ndarray]:
    """Line -> its samples, at `RATE`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.sr")
        write_sigrok(path, exchange, load_dialect("emount").wiring, RATE)
        with zipfile.ZipFile(path) as archive:
            told = archive.read("metadata").decode()
            port = np.frombuffer(
                b"".join(archive.read(name) for name in archive.namelist() if "logic-1-" in name), "u1"
            )
    probes = dict(line.split("=", 1) for line in told.splitlines() if line.startswith("probe"))
    bits = {name: int(probe.removeprefix("probe")) - 1 for probe, name in probes.items()}
    return {line: (port >> bits[line]) & 1 for line in LINES}


def make_logic_seeds(folder: Path) -> list[tuple[str, Path]]:
    """Write a file of each format: its kind and its place."""
    made: dict[str, bytes] = {
        "a.csv": _table().encode(),
        "dates.csv": _table(time=lambda at: f"2021-10-30T23:59:59.{round(at * 1e9):09d}+02:00").encode(),
        "micro.pcap": _packets("<"),
        "nano.pcap": _packets(">"),
        "packed.pcap.gz": gzip.compress(_packets("<"), mtime=0),
        "packed.csv.gz": gzip.compress(_table().encode(), mtime=0),
        "packed.vcd.gz": gzip.compress(_changes().encode(), mtime=0),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    _session(folder / "a.sal")
    _dsview(folder / "a.dsl")
    found = [("capture", folder / name) for name in (*made, "a.sal", "a.dsl")]
    for version, make in ((0, _transitions_0), (1, _transitions_1)):
        path = folder / f"version-{version}.bin"
        path.write_bytes(make(levels()[CHANGED]))
        found.append(("binary", path))
    return found


def binary_export(folder: Path, data: bytes) -> Path:
    """A binary export of which one file has this content: the place of that file."""
    place = folder / "export"
    place.mkdir(exist_ok=True)
    for line in LINES:
        (place / f"{line}.bin").write_bytes(data if line == CHANGED else _transitions_0(levels()[line]))
    return place / f"{CHANGED}.bin"


def _edges(line: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.diff(line.astype(np.int8))) + 1


def _table(time=lambda at: f"{at:.9f}") -> str:
    port = np.stack([levels()[line] for line in LINES], axis=1)
    changed = np.flatnonzero((port[1:] != port[:-1]).any(axis=1)) + 1
    rows = [",".join([time(at / RATE), *("01"[level] for level in port[at])]) for at in (0, *changed, len(port) - 1)]
    return "\n".join([",".join(["Time [s]", *LINES]), *rows, ""])


def _changes() -> str:
    head = "".join(f"$var wire 1 {chr(65 + number)} {line} $end\n" for number, line in enumerate(LINES))
    changes = sorted(
        (int(at), f"{levels()[line][at]}{chr(65 + number)}")
        for number, line in enumerate(LINES)
        for at in (0, *_edges(levels()[line]))
    )
    body = "".join(f"#{round(at / RATE * 1e9)}\n{change}\n" for at, change in changes)
    return f"$timescale 1 ns $end\n{head}$enddefinitions $end\n{body}"


def _packets(order: str) -> bytes:
    data = struct.pack(order + "IHHiIII", MAGICS[order], 2, 4, 0, 0, 65_535, 147)
    for number, record in enumerate(one for one in exchange() if isinstance(one, Burst)):
        data += struct.pack(order + "4I", 1, 1000 * number, len(record.data), len(record.data)) + record.data
    return data


def _transitions_0(line: np.ndarray) -> bytes:
    times = _edges(line) / RATE
    head = SESSION + struct.pack("<iiIddQ", 0, 0, int(line[0]), 0.0, len(line) / RATE, len(times))
    return head + times.astype("<f8").tobytes()


def _transitions_1(line: np.ndarray) -> bytes:
    pieces, middle = [], len(line) // 2
    for first, stop in ((0, middle), (middle, len(line))):
        times = (_edges(line[first:stop]) + first) / RATE
        pieces.append(struct.pack("<IdddQ", int(line[first]), RATE, first / RATE, stop / RATE, len(times)))
        pieces.append(times.astype("<f8").tobytes())
    return SESSION + struct.pack("<iiQ", 1, 0, 2) + b"".join(pieces)


def _session(path: Path) -> None:
    files = [{"type": "Digital", "index": n, "file": f"./digital-{n}.bin"} for n in range(len(LINES))]
    rows = [
        {"type": "channel", "name": line, "channel": {"type": "Digital", "deviceChannel": number}}
        for number, line in enumerate(LINES)
    ]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, line in enumerate(LINES):
            archive.writestr(f"digital-{number}.bin", _channel(levels()[line]))
        archive.writestr("meta.json", json.dumps({"version": 14, "binData": files, "data": {"rowsSettings": rows}}))


def _channel(line: np.ndarray) -> bytes:
    chunks, middle = [], len(line) // 2
    for first, stop in ((0, middle), (middle, len(line))):
        piece = line[first:stop]
        starts = np.concatenate(([0], _edges(piece)))
        runs = b"".join(_run(int(run) - 1) for run in np.diff(starts, append=len(piece)))
        chunks.append(struct.pack("<6Q", first, stop, stop - first, int(RATE), 1, len(runs)) + runs)
        chunks.append(struct.pack("<QQQI", 1, 0, 0, int(piece[0])))
    return SESSION + struct.pack("<IIBdQdBBQ", 1, 100, 1, RATE, 0, 0.0, 0, 0, 2) + b"".join(chunks)


def _run(value: int) -> bytes:
    """A number as a session has it: 6 bits and then 7 bits a byte, the highest first."""
    digits = []
    while value >= 64 or (digits and value > 63):
        digits.append(value & 0x7F)
        value >>= 7
    digits.append(value)
    digits.reverse()
    rest = [digit | (0x80 if place < len(digits) - 1 else 0) for place, digit in enumerate(digits) if place]
    return bytes([digits[0] | (0x40 if len(digits) > 1 else 0), *rest])


def _dsview(path: Path) -> None:
    count = len(levels()[CHANGED])
    header = {
        "driver": "DSLogic", "device mode": 0, "capturefile": "data", "total samples": count,
        "total probes": len(LINES), "total blocks": -(-count // (8 * BLOCK)), "samplerate": "12 MHz", "trigger pos": 0,
    }  # fmt: skip
    probes = [f"probe{number} = {line}" for number, line in enumerate(LINES)]
    told = "\n".join(["[version]", "version = 3", "[header]", *(f"{k} = {v}" for k, v in header.items()), *probes])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header", told)
        for number, line in enumerate(LINES):
            packed = np.packbits(levels()[line], bitorder="little").tobytes()
            for block, at in enumerate(range(0, len(packed), BLOCK)):
                archive.writestr(f"L-{number}/{block}", packed[at : at + BLOCK])
