"""Sections on whole commands: how fast they start, a logic capture, captures of growing length, and the checksums."""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from binascii import crc_hqx
from importlib import import_module
from pathlib import Path
from zlib import adler32

import crcmod

from benchmarks.harness import Candidate, Goal, Result, side_by_side
from benchmarks.long_capture import write_long_capture
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.checksums import extension_note
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Burst

LENSMOUNT = [sys.executable, "-m", "lensmount_emulator.cli.main"]
CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "e-mount"
SLOW_MODULES = ("construct", "numpy", "asyncio", "hypothesis", "rich", "msgspec")


def _cpu(words: list[str]) -> tuple[float, float]:
    """Seconds of CPU time and of wall time of a command."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def start(rounds: int, _size: int) -> Result:
    """How long a command takes that does nothing."""
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "lensmount --help": [*LENSMOUNT, "--help"],
        "lensmount describe emount 05": [*LENSMOUNT, "describe", "emount", "05"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(max(rounds, 15)):
        for name, words in commands.items():
            times[name].append(_cpu(words)[1] * 1e3)
    result = Result("start: whole commands", "ms")
    result.values = {name: statistics.median(found) for name, found in times.items()}
    pairs = zip(times["lensmount --help"], times["python -c pass"], strict=True)
    ratio = statistics.median(ours / bare for ours, bare in pairs)
    result.figure("lensmount --help against bare python", ratio, 2.5, at_most=True)
    with tempfile.TemporaryDirectory() as folder:
        capture = Path(folder) / "short.lmx"
        write_long_capture(200, capture)
        for words in (["decode", "--json", str(capture)], ["decode", str(capture)], ["--help"]):
            result.remarks.append(f"lensmount {' '.join(words[:-1]) or words[-1]} imports {_imports(words)}")
    return result


def _imports(words: list[str]) -> str:
    program = (
        "import sys\nfrom lensmount_emulator.cli.main import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        f"print(*sorted(set({SLOW_MODULES!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=True)
    return done.stderr.splitlines()[-1] or "none of " + ", ".join(SLOW_MODULES)


def sigrok(rounds: int, _size: int) -> Result:
    """A logic capture, as a whole command and in process, beside sigrok's own UART decoder."""
    result = Result("sr: a logic capture of a camera and a lens", "s of CPU time")
    files = sorted(CAPTURES.glob("*.sr"), key=lambda path: path.stat().st_size)
    if not files:
        result.remarks.append(f"no captures in {CAPTURES.name}: left out")
        return result
    file, dialect = files[-1], load_dialect("emount")
    command = [*LENSMOUNT, "decode", "--quiet", "--stats", str(file)]
    ours = [_cpu(command)[0] for _ in range(max(3, rounds // 2))]
    inside: list[float] = []
    for _ in range(max(3, rounds // 2)):
        began = time.process_time()
        said = sum(
            len(record.data) for record in open_capture(file, dialect.wiring).records if isinstance(record, Burst)
        )
        inside.append(time.process_time() - began)
    result.values = {
        "lensmount decode": statistics.median(ours),
        "samples to bytes in process": statistics.median(inside),
    }
    result.remarks.append(f"{file.name}: {said} bytes on its lines")
    if shutil.which("sigrok-cli") is None:
        result.remarks.append("sigrok-cli: not installed")
        return result
    uart = "uart:rx=RXD:tx=TXD:baudrate=1500000"
    words = ["sigrok-cli", "-i", str(file), "-P", uart, "-A", "uart=rx-data:tx-data"]
    theirs = statistics.median([_cpu(words)[0] for _ in range(3)])
    result.values["sigrok-cli -P uart"] = theirs
    result.figure("lensmount decode against sigrok-cli", theirs / result.values["lensmount decode"], 15)
    result.figure("samples to bytes against sigrok-cli", theirs / result.values["samples to bytes in process"], 100)
    return result


_PEAK = """
import resource, sys
from lensmount_emulator.cli.main import main
main(["decode", "--quiet", "--stats", sys.argv[1]])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def length(_rounds: int, _size: int) -> Result:
    """Captures of growing length: time and peak memory of decoding and counting them."""
    result = Result("length: decode of recordings of growing length", "frames a second")
    longest = int(os.environ.get("LONGEST_FRAMES", "1000000"))
    peaks: list[float] = []
    frames = 10_000
    while frames <= longest:
        with tempfile.TemporaryDirectory() as folder:
            capture = Path(folder) / "long.lmx"
            write_long_capture(frames, capture)
            began = time.perf_counter()
            words = [sys.executable, "-c", _PEAK, str(capture)]
            done = subprocess.run(words, capture_output=True, text=True, check=True)
            result.values[f"{frames:,} frames"] = frames / (time.perf_counter() - began)
            peaks.append(int(done.stderr.splitlines()[-1]) / 1024)
            result.remarks.append(f"{frames:,} frames: {peaks[-1]:.0f} MB at most")
        frames *= 10
    result.figure("peak memory in MB", max(peaks), 150, at_most=True)
    rates = list(result.values.values())
    result.figure("time per frame, longest against the one before", rates[-2] / rates[-1] if len(rates) > 1 else 1.0)
    return result


def checksums(rounds: int, size: int) -> Result:
    """The sums and CRCs that mounts use, on a frame of 30 bytes."""
    data = bytes(range(30))
    inside = import_module("crcmod.crcmod")
    plain = import_module("crcmod._crcfunpy")._crc16
    table = crcmod.mkCrcFun(0x11021, initCrc=0xFFFF, rev=False, xorOut=0).table

    fast = crcmod.mkCrcFun(0x11021, initCrc=0xFFFF, rev=False, xorOut=0)
    ways = {
        "sum(data) & 0xFFFF": lambda: sum(data) & 0xFFFF,
        "adler32(data, 0) & 0xFFFF": lambda: adler32(data, 0) & 0xFFFF,
        "binascii.crc_hqx": lambda: crc_hqx(data, 0xFFFF),
        "crcmod as installed": lambda: fast(data),
        "crcmod without its extension": lambda: plain(data, 0xFFFF, table),
    }

    def run_of(way: object) -> object:
        def run() -> None:
            for _ in range(size):
                way()  # type: ignore[operator]

        return run

    candidates = [Candidate(name, run_of(way), size) for name, way in ways.items()]  # type: ignore[arg-type]
    goals = [
        Goal("binascii.crc_hqx", "crcmod as installed", 0),
        Goal("crcmod as installed", "crcmod without its extension", 0),
    ]
    result = side_by_side("checksums: 30 bytes", candidates, goals, rounds, unit="ns a call")
    extension = getattr(inside, "_usingExtension", False)
    result.remarks.append("crcmod has its C extension here" if extension else extension_note())
    return result
