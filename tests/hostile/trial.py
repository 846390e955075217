"""One verb on one file in a process of its own, with limits: what came of it, and what is wrong with that."""

import io
import json
import os
import resource
import signal
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from select import select

from hostile.logic_seeds import binary_export
from hostile.seeds import MACHINE, SESSION, corpus_folder
from lensmount_emulator.cli.main import EXIT_INTERNAL_ERROR, main
from lensmount_hardware.clock import MonotonicClock

MEMORY = 256 * 1024 * 1024
"""Bytes of memory that a verb may take on any file below two million bytes."""

CPU_S = 20
IDLE_S = 60
"""Seconds that a verb may wait for something. The time in which it could run and other processes had the processor does
not count: on a busy machine a good verb takes long."""

LOOK_S = 1.0
"""Seconds between two looks at a child that runs."""

OUTPUT = 400_000_000
READ_BACK = 400_000
"""Bytes of each output that are looked at."""

MAX_ERROR_LINE, MAX_ERROR_LINES = 4000, 100
"""Characters of a line on the error stream, and lines."""

LEGAL = (0, 1, 2, 3, 4)

EXPORTS = (".sr", ".vcd", ".pcapng", ".csv", ".pftrace", ".html")

EVERY_FORM = (
    ["--stats", "--timing"], ["--edges"], ["--edges", "--json"], ["--verify", "--json"], ["--fields"], ["--table"],
    ["--quiet", "--verify"], ["--only", "05"], ["--where", "type == 0x05"],
    ["--dialect", "lmount", "--stats", "--verify"], ["--dialect", "fuji-g", "--verify", "--timing"],
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a run.

    Attributes:
        words: of the command, without the program.
        code: exit code; below zero the signal that ended it.
        cpu: seconds of the processor.
        memory: bytes at most.
        wrong: what is wrong; empty where all is well.
    """

    words: tuple[str, ...]
    code: int
    cpu: float
    memory: int
    wrong: str


def commands(kind: str, file: Path, out: Path, data: bytes) -> list[list[str]]:
    """Every command that reads a file of a kind.

    Args:
        kind: see `Seed`.
        file: the file.
        out: a folder for what is written, below that of the valid files.
        data: the content of the file.
    """
    path = str(binary_export(out, data) if kind == "binary" else file)
    if kind in ("capture", "binary", "story"):
        every = [["decode", path, *form] for form in EVERY_FORM]
        every += [["export", path, "--output", str(out / f"x{ending}")] for ending in EXPORTS]
        every += [["export", path, "--output", str(out / "y.pcapng"), "--packets", "frames"]]
        every += [["export", path, "--output", str(out / "y.csv"), "--table", "edges"]]
        every += [["fidelity", path, "--profile", name] for name in ("sel2870", "nex7")]
        every += [["shadow", path, "--twin", name, "--give-state"] for name in ("voigtlander-15", "a6000")]
        every += [
            ["explain", path],
            ["explain", path, "--json"],
            ["monitor", path],
            ["ledger", path, "--role", "both", "--json"],
        ]
        every += [["twin", path, "--output", str(out / "t.toml"), "--html", str(out / "t.html")]]
        every += [["learn", "cover", str(library_file(out, MACHINE)), path]]
        every += [["plot", path, "--output", str(out / "x.svg")]]
        return [*every, ["replay", path], ["replay", path, "--test"], ["replay", path, "--json"]]
    if kind == "clocked":
        spoken = ["--dialect", "fuji-g"]
        every = [
            ["decode", path, *spoken, *form] for form in EVERY_FORM if "--dialect" not in form and "--only" not in form
        ]
        every += [["export", path, *spoken, "--output", str(out / f"x{ending}")] for ending in EXPORTS]
        every += [[verb, path, *spoken] for verb in ("explain", "monitor", "ledger")]
        every += [["plot", path, *spoken, "--output", str(out / "x.svg"), "--line", "CLK"]]
        return [*every, ["shadow", path, "--twin", "gf45"], ["fidelity", path, "--profile", "gf45"]]
    if kind == "results":
        report = ["campaign", "report", path]
        return [report, [*report, "--json"], [*report, "--html", str(out / "a.html"), "--junit", str(out / "a.xml")],
                [*report, "--filter", "verdict = 'broken' OR seed > 0"], ["campaign", "rerun", path, "1"],
                ["campaign", "rerun", path, "2", "--record", str(out / "a.lmx")]]  # fmt: skip
    if kind == "campaign":
        return [["campaign", path, "--output", str(out / "a.sqlite"), "--quiet"]]
    if kind == "profile":
        meeting = ["loopback", "--duration", "0.3", "--quiet"]
        body = "sigma-fp" if b"lmount" in data else "nex7"
        lens = "sigma-45mm-f2.8-dg-dn" if b"lmount" in data else "sel2870"
        return [[*meeting, "--lens", path, "--body", body], [*meeting, "--body", path, "--lens", lens],
                ["matrix", "--dialect", "emount", "--body", "nex7", "--lens", path, "--script", "wait 0.1", "--jobs",
                 "1", "--quiet"],
                ["margins", "--lens", path, "--list"], ["new", "profile", "mine", "--like", path, "--output",
                                                        str(out / "mine.toml")]]  # fmt: skip
    if kind == "rules":
        playing = ["loopback", "--body", "nex7", "--lens", "sel2870", "--duration", "0.6", "--quiet", "--rules", path]
        between = ["bridge", "pty:", "pty:", "--rules", path, "--duration", "0.02", "--allow-silence"]
        return [playing, between, ["rules", "check", path], ["rules", "export", path, "--output", str(out / "c")]]
    if kind == "labels":
        return [["ledger", str(library_file(out, SESSION)), "--labels", path]]
    if kind == "alphabet":
        machine = str(library_file(out, MACHINE))
        return [["learn", "check", machine, "--letters", path, "--profile", "sel2870"]]
    if kind == "machine":
        machine, drawing = str(library_file(out, MACHINE)), ["--dot", str(out / "m.dot"), "--svg", str(out / "m.svg")]
        return [["learn", "check", path, "--profile", "sel2870", "--junit", str(out / "m.xml")],
                ["learn", "diff", machine, path, "--tests", str(out / "test_m.py"), *drawing],
                ["learn", "diff", path, machine, "--json", "--mermaid", str(out / "m.mmd")],
                ["learn", "cover", path, str(library_file(out, SESSION))]]  # fmt: skip
    if kind == "image":
        update = ["loopback", "--body", "panasonic-s1r", "--lens", "sigma-45mm-f2.8-dg-dn", "--allow", "Update*",
                  "--script", f"update {path}", "--duration", "1", "--quiet"]  # fmt: skip
        return [["firmware", path], update, ["flash", "--dry-run", "--file", path]]
    if kind == "library":
        meeting = ["loopback", "--duration", "0.3", "--quiet", "--body", "sigma-fp", "--lens", path]
        fuzzed = ["fuzz", "session", "--lens-firmware", path, "--steps", "5", "--output-dir", str(out)]
        return [meeting, fuzzed, ["firmware", path], ["firmware", "check", path, "--script", "wait 0.1"]]
    if kind == "corpus":
        place = str(corpus_folder(out, data))
        return [["fuzz", "session", "--dialect", "emount", "--steps", "5", "--corpus", place, "--output-dir", str(out)],
                ["fuzz", "parser", "emount", "--cases", "5", "--corpus", place]]  # fmt: skip
    raise ValueError(kind)


def library_file(out: Path, name: str) -> Path:
    """A valid file that a command takes beside the hostile one; the valid files lie in the folder above `out`."""
    return next(place / name for place in (out, *out.parents) if (place / name).exists())


def run(words: Sequence[str], folder: Path, encoding: str = "utf-8") -> Trial:
    """Run a command in a process of its own.

    Args:
        words: of the command.
        folder: where its outputs go.
        encoding: of its output streams.
    """
    outputs = [folder / "stdout", folder / "stderr"]
    child = os.fork()
    if child == 0:
        _child(words, outputs, encoding)
    clock, late = MonotonicClock(), False
    ended = os.pidfd_open(child)
    # The descriptor is readable when the child has ended; in between, the child's own figures show whether it waits.
    while not select([ended], [], [], LOOK_S)[0]:
        if clock.now() - _runnable_seconds(child) > IDLE_S:
            late = True
            os.kill(child, signal.SIGKILL)
            break
    os.close(ended)
    _, status, usage = os.wait4(child, 0)
    code = os.waitstatus_to_exitcode(status)
    cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
    wrong = f"waited {IDLE_S} s for something" if late else _judge(words, code, cpu, memory, outputs, encoding)
    return Trial(tuple(words), code, cpu, memory, wrong)


def _runnable_seconds(child: int) -> float:
    """How long a process ran or could have run."""
    with suppress(OSError):
        run_ns, queued_ns, _ = Path(f"/proc/{child}/schedstat").read_text().split()
        return (int(run_ns) + int(queued_ns)) / 1e9
    # It has just ended, or this kernel keeps no such figures: then all time counts as waiting.
    return 0.0


def _child(words: Sequence[str], outputs: Sequence[Path], encoding: str) -> None:
    code = 99
    try:
        os.close(0)
        os.open(os.devnull, os.O_RDONLY)
        for number, path in enumerate(outputs, 1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), encoding=encoding, errors="strict")
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), encoding=encoding, errors="strict")
        sys.excepthook = sys.__excepthook__
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 2))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT, OUTPUT))
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 2 * MEMORY,) * 2)
        try:
            code = main(list(words))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 98
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException as error:
        os.write(2, f"Traceback: {type(error).__name__}: {error}\n".encode("utf-8", "replace"))
    finally:
        os._exit(code)


def _judge(words: Sequence[str], code: int, cpu: float, memory: int, outputs: Sequence[Path], encoding: str) -> str:
    shown = []
    for path in outputs:
        with path.open("rb") as file:
            shown.append(file.read(READ_BACK).decode(encoding, "replace"))
    out, err = shown
    last = err.strip().splitlines()[-1:] or [""]
    if code == -signal.SIGXCPU or cpu > CPU_S:
        return f"more than {CPU_S} s of the processor"
    if memory > MEMORY:
        return f"{memory >> 20} MB of memory"
    if code not in LEGAL:
        return f"exit code {code}: {last[0][:300]}" if code != EXIT_INTERNAL_ERROR else last[0][:300]
    if "Traceback" in err or "Warning" in err or "not enough memory" in err or "File too large" in err:
        return f"on the error stream: {last[0][:300]}"
    if code >= 2 and not last[0].startswith("lensmount"):
        return f"exit code {code} without an error in one line: {last[0][:300]}"
    if any(len(line) > MAX_ERROR_LINE for line in err.splitlines()):
        return f"an error of more than {MAX_ERROR_LINE} characters"
    if len(err.splitlines()) > MAX_ERROR_LINES:
        return f"more than {MAX_ERROR_LINES} lines of errors"
    for text in shown:
        bad = next((one for one in text if one not in "\n\t" and _is_control(one)), None)
        if bad is not None:
            return f"a control character in the output: {bad!r}"
    if "--json" in words and code < 2:
        for line in out.splitlines()[:-1]:
            if line.startswith("{"):
                try:
                    json.loads(line) if line.endswith("}") else None
                except ValueError:
                    return f"no JSON: {line[:200]}"
    return ""


def _is_control(character: str) -> bool:
    if character.isascii():
        return ord(character) < 32 or ord(character) == 127
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def chosen(random: Random, every: Sequence[list[str]], count: int) -> list[list[str]]:
    """Some of the commands."""
    return random.sample(every, min(count, len(every)))
