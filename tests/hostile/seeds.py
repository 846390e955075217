"""Valid files of every format, small ones, from which hostile ones are made."""

import gzip
import json
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from hostile.logic_seeds import make_logic_seeds
from lensmount_emulator.campaign.case_runner import CaseRunner
from lensmount_emulator.campaign.config import load_campaign
from lensmount_emulator.campaign.planner import plan_campaign
from lensmount_emulator.campaign.store import ResultStore
from lensmount_emulator.firmware.build import build_firmware, example_folder
from lensmount_emulator.fuzz.corpus import pack
from lensmount_emulator.fuzz.device.finding import FindingContext, write_finding
from lensmount_emulator.fuzz.scenario import Scenario, write_scenario
from lensmount_emulator.models.firmware_image import make_image, write_image
from lensmount_emulator.profiles.library import _offered_profiles
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.sessions.virtual.participants import session_header
from lensmount_hardware.captures.lmx import RecordingWriter
from lensmount_hardware.captures.logic_analyser.sigrok_writer import write_sigrok
from lensmount_hardware.captures.logic_analyser.vcd_writer import write_vcd
from lensmount_hardware.captures.packet_files.pcapng_writer import PcapngWriter
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import FirmwareError
from lensmount_protocol.wire import Annotation, Burst, Edge

MACHINES = Path(__file__).parents[1] / "learned" / "machines"

LOG = """c 100
Body->Lens F0 0B 00 02 00 0B 60 00 78 00 55
[B:7208717]
Lens->Body
F00B0002000B6000780055 7208999
# a comment
C 12345
"""

MACHINE, SESSION = "machine.json", "emount.lmx"
"""Valid files that some commands take beside the hostile one."""

RULES = """[[rules]]
on = "LensStatus"
where = ["focal_length_dmm > 100"]
set = { focal_length_dmm = 1000 }
every = 2

[[rules]]
on = "IdentityReply"
late = "3ms"
count = 1
"""

LABELS = "0.145 s: turned the ring\n0.16 s: pressed the button\n"

CAMPAIGN = """dialect = "emount"
title = "small"
bodies = ["nex7"]
lenses = ["sel2870"]
script = "wait 0.01"
faults = [[], ["bitflip rate=1e-3"]]
seeds = [1]
seconds = 1.0
checks = ["bounded memory"]
"""


@dataclass(frozen=True, slots=True)
class Seed:
    """A valid file.

    Attributes:
        kind: what it is: `capture`, `clocked`, `binary` (a file of a binary export), `story`, `results`, `campaign`,
            `profile`, `rules`, `labels`, `alphabet`, `machine`, `image`, `library` (a firmware in C), `corpus`.
        name: of the file.
        data: its content.
    """

    kind: str
    name: str
    data: bytes


def make_seeds(folder: Path) -> list[Seed]:
    """Write a file of each format and read it back."""
    made = [*_captures(folder), *make_logic_seeds(folder), *_stories(folder), *_others(folder)]
    return [Seed(kind, path.name, path.read_bytes()) for kind, path in made]


def _captures(folder: Path) -> list[tuple[str, Path]]:
    found, clocked = [], []
    for dialect, body, lens in (("emount", "nex7", "sel2870"), ("lmount", "sigma-fp", "sigma-45mm-f2.8-dg-dn"),
                                ("fuji-g", "gfx50r", "gf45")):  # fmt: skip
        records = run_loopback(body, lens, seed=1, seconds=0.4).records
        records.append(Annotation(0.1, "a note"))
        path = folder / f"{dialect}.lmx"
        with RecordingWriter(path, session_header(dialect, body, lens, "", 1, duration=0.4)) as writer:
            for record in records:
                writer.write(record)
        found.append(path)
        wiring = load_dialect(dialect).wiring
        if dialect == "fuji-g":
            write_vcd(folder / "clocked.vcd", lambda kept=records[:400]: kept, wiring)
            clocked.append(folder / "clocked.vcd")
        if dialect != "emount":
            continue
        write_sigrok(folder / "a.sr", lambda kept=records: kept, wiring)
        write_vcd(folder / "a.vcd", lambda kept=records: kept, wiring)
        with PcapngWriter(folder / "a.pcapng") as writer:
            for record in records:
                writer.write(record)
        lines = path.read_bytes().splitlines(keepends=True)[1:]
        bursts = [line for line, record in zip(lines, records, strict=False) if isinstance(record, Burst)]
        edges = [line for line, record in zip(lines, records, strict=False) if isinstance(record, Edge)]
        (folder / "a.frames.jsonl").write_bytes(b"".join(bursts))
        (folder / "a.lines.jsonl").write_bytes(b"".join(edges))
        (folder / "a.txt").write_text(LOG * 5)
        (folder / "b.txt").write_bytes((LOG * 3).encode("utf-16"))
        (folder / "packed.lmx.gz").write_bytes(gzip.compress(path.read_bytes()[:8000]))
        found += [folder / name for name in ("a.sr", "a.vcd", "a.pcapng", "a.frames.jsonl", "a.lines.jsonl")]
        found += [folder / name for name in ("a.txt", "b.txt", "packed.lmx.gz")]
    return [*(("capture", path) for path in found), *(("clocked", path) for path in clocked)]


def _stories(folder: Path) -> list[tuple[str, Path]]:
    steps = ("wait 0.2", "send lens f00b0002000b6000780055", "drive LENS_CS high", "fault 7 drop rate=0.1 until=0.2s",
             "detach", "wait 0.05", "attach")  # fmt: skip
    story = Scenario("emount", "nex7", "sel2870", seed=3, steps=steps, breaks="bounded memory")
    write_scenario(folder / "story.lmx", story, [Edge(0.1, "VD", True)])
    whose = FindingContext("lens", "pty:x", ("RXD", "TXD"), "a lens", "silent", "certain, 3 of 3", "", False)
    plain = story.with_steps(("wait 1.2", "send body f00b0002000b6000780055"))
    write_finding(folder / "finding.lmx", plain, whose, [])
    return [("story", folder / "story.lmx"), ("story", folder / "finding.lmx")]


def _others(folder: Path) -> list[tuple[str, Path]]:
    form = folder / "campaign.toml"
    form.write_text(CAMPAIGN)
    planned = plan_campaign(load_campaign(form))
    results = folder / "results.sqlite"
    work = CaseRunner(planned.profiles)
    with ResultStore(results, planned) as store:
        for case in planned.cases:
            store.add(work(case))
    with closing(sqlite3.connect(results)) as connection:
        connection.execute("VACUUM")
    write_image(folder / "image.lmf", make_image(1, 2, b"\2\0\0\0", 3000, 1))
    entry = Scenario("emount", "nex7", "sel2870", steps=("wait 0.1",), breaks="bounded memory").to_dict()
    (folder / "entry").write_bytes(pack(entry))
    (folder / "rules.toml").write_text(RULES)
    (folder / "labels.txt").write_text(LABELS)
    alphabet = files("lensmount_emulator.roles.emount.alphabets") / "lens-session.toml"
    (folder / "letters.toml").write_text(alphabet.read_text(encoding="utf-8"), encoding="utf-8")
    (folder / MACHINE).write_bytes((MACHINES / "emount-lens-session-loxia-21.json").read_bytes())
    found = [("campaign", form), ("results", results), ("image", folder / "image.lmf"), ("corpus", folder / "entry")]
    found += [("rules", folder / "rules.toml"), ("labels", folder / "labels.txt"), ("machine", folder / MACHINE)]
    found.append(("alphabet", folder / "letters.toml"))
    with suppress(FirmwareError):
        # Without a compiler there is no firmware to damage.
        library = build_firmware([example_folder() / "lmount_lens.c"], folder / "lens.so")
        found.append(("library", library))
    for name in ("sel2870", "sigma-45mm-f2.8-dg-dn", "nex7"):
        path = folder / f"{name}.toml"
        path.write_text(_offered_profiles()[name][0].read_text(encoding="utf-8"), encoding="utf-8")
        found.append(("profile", path))
    return found


def corpus_folder(folder: Path, data: bytes) -> Path:
    """A corpus whose only entry has this content, as hypothesis lays it out."""
    from lensmount_emulator.fuzz.corpus import open_corpus

    place = folder / "corpus"
    for subject in ("session emount", "parser emount"):
        open_corpus(place).keep(subject, {"x": json.dumps(subject)})
    for file in place.rglob("*"):
        if file.is_file():
            file.write_bytes(data)
    return place
