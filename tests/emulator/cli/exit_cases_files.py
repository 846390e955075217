"""Cases for the verbs that work on files or virtually; each cell of the page's table has one."""

import builtins
import io
import os
import re
import resource
import sys
from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from lensmount_emulator.fuzz import session as fuzz_session
from lensmount_emulator.fuzz.parser import ParserFigures
from lensmount_emulator.fuzz.stage import Outcome
from lensmount_emulator.fuzz.story import Story
from lensmount_emulator.fuzz.watch import Complaint
from lensmount_emulator.proofs.differential import Differential
from lensmount_emulator.sessions import scenes
from lensmount_emulator.sessions.header import session_header
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_hardware.captures.recording import RecordingWriter

from .exit_cases import CASES, Bench, case  # noqa: TID252

BODY, LENS = "a6000", "sel55210"
PAIR = ("--body", BODY, "--lens", LENS)
SECONDS = 1.0
SMALL_DISK = 512

Setup = Callable[[Bench], Path]


@lru_cache
def session() -> bytes:
    """A recording of a virtual session that both ends and `replay` agree with."""
    memory = io.BytesIO()
    header = session_header("emount", BODY, LENS, "", 3, duration=SECONDS)
    with RecordingWriter(memory, header) as writer:
        run_loopback(BODY, LENS, seconds=SECONDS, seed=3, tap=writer.write)
    return memory.getvalue()


def recording(bench: Bench, name: str = "session.lmx") -> Path:
    path = bench.folder / name
    path.write_bytes(session())
    return path


def empty(bench: Bench) -> Path:
    """A recording of nothing."""
    path = bench.folder / "empty.lmx"
    path.write_bytes(session().partition(b"\n")[0] + b"\n")
    return path


def half(bench: Bench) -> Path:
    """The first half of a recording, cut in a line."""
    path = bench.folder / "half.lmx"
    path.write_bytes(session()[: len(session()) // 2 // 10 * 10 + 3])
    assert not path.read_bytes().endswith(b"\n")
    return path


def other_dialect(bench: Bench) -> Path:
    """A recording that declares another dialect than its bytes have."""
    path = bench.folder / "other.lmx"
    path.write_bytes(session().replace(b'"dialect":"emount"', b'"dialect":"lmount"', 1))
    return path


def image(bench: Bench) -> Path:
    path = bench.folder / "image.lmf"
    assert bench.run("firmware", path, "--make-for", "sigma-45mm-f2.8-dg-dn", "--size", "64") == 0
    return path


def missing(bench: Bench) -> Path:
    return bench.folder / "missing"


def folder(bench: Bench) -> Path:
    return bench.folder


def unreadable(good: Setup, bench: Bench) -> Path:
    """A file that the system refuses to open; root may open any file, so the refusal is put in its place."""
    path = good(bench)
    real = io.open

    def refuse(file: Any, *arguments: Any, **options: Any) -> Any:
        if str(file) == str(path):
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *arguments, **options)

    bench.monkeypatch.setattr(builtins, "open", refuse)
    bench.monkeypatch.setattr(io, "open", refuse)
    return path


READERS: dict[str, tuple[Setup, Callable[[Path], list[object]]]] = {
    "decode": (recording, lambda path: ["decode", path]),
    "decode --verify": (recording, lambda path: ["decode", "--quiet", "--verify", path]),
    "export": (recording, lambda path: ["export", path, "--to", "out.pcapng"]),
    "fidelity": (recording, lambda path: ["fidelity", path, "--profile", LENS]),
    "replay": (recording, lambda path: ["replay", path]),
    "firmware": (image, lambda path: ["firmware", path]),
}
"""Verb -> its good input, and the words that read it."""

SITUATIONS: dict[str, tuple[Setup, str]] = {
    "missing": (missing, "No such file or directory"),
    "folder": (folder, "a folder|Is a directory"),
    "nothing": (empty, ""),
    "half": (half, ""),
}

SAYS = {
    ("decode --verify", "nothing"): "NOT VERIFIED: 0 valid frames",
    ("decode --verify", "half"): "the recording was cut inside a line",
    ("decode", "half"): "the recording was cut inside a line",
    ("export", "half"): "the source is incomplete: the recording was cut inside a line",
    ("export", "nothing"): "the source holds nothing",
    ("fidelity", "half"): "the capture is incomplete: the recording was cut inside a line",
    ("fidelity", "nothing"): "holds no frame of the body, so there is nothing to play",
    ("replay", "half"): "came out differently",
    ("replay", "nothing"): "nothing: the recording ends here",
}
"""What the verb prints besides."""


def _read(verb: str, situation: str, setup: Setup, text: str, bench: Bench) -> int:
    code = bench.run(*READERS[verb][1](setup(bench)))
    assert re.search(SAYS.get((verb, situation), text), bench.said)
    if code in (2, 3):
        assert len(bench.err.strip().splitlines()) == 1
    return code


for _verb, (_good, _words) in READERS.items():
    case(_verb, "done")(partial(_read, _verb, "done", _good, ""))
    case(_verb, "unreadable")(partial(_read, _verb, "unreadable", partial(unreadable, _good), "Permission denied"))
    for _situation, (_setup, _text) in SITUATIONS.items():
        if _verb != "firmware" or _situation in ("missing", "folder"):
            case(_verb, _situation)(partial(_read, _verb, _situation, _setup, _text))


@case("firmware", "nothing")
def _(bench: Bench) -> int:
    (bench.folder / "empty.lmf").touch()
    return bench.run("firmware", "empty.lmf")


@case("firmware", "half")
def _(bench: Bench) -> int:
    path = image(bench)
    path.write_bytes(path.read_bytes()[:-8])
    code = bench.run("firmware", path)
    assert "truncated" in bench.err
    return code


@case("decode", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("decode", recording(bench), "--dialect", "lmount")
    assert "declares the dialect emount, and is read as lmount" in bench.err
    return code


@case("decode --verify", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("decode", "--verify", "--quiet", "--dialect", "lmount", recording(bench))
    assert "the file declares the dialect emount, and was read as lmount" in bench.said
    # The other way round: the declaration is wrong, so no byte is in a frame.
    assert bench.run("decode", "--verify", "--quiet", other_dialect(bench)) == 1
    return code


@case("decode --verify", "wanting")
def _(bench: Bench) -> int:
    log = bench.folder / "odd.txt"
    log.write_text("Body->Lens F0090001CFEEC70155\n")
    code = bench.run("decode", "--verify", log)
    assert "1 frames are not typed or not rebuilt" in bench.said
    return code


@case("export", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("export", recording(bench), "--dialect", "lmount", "--to", "out.vcd")
    assert "the source declares the dialect emount, and lmount was given" in bench.err
    return code


@case("fidelity", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("fidelity", other_dialect(bench), "--profile", LENS)
    assert "declares the dialect lmount, and profile sel55210 speaks emount" in bench.err
    return code


@case("fidelity", "wanting")
def _(bench: Bench) -> int:
    code = bench.run("fidelity", recording(bench), "--profile", "voigtlander-15")
    assert "differences by field" in bench.said
    return code


@case("replay", "wanting")
def _(bench: Bench) -> int:
    path = recording(bench)
    path.write_bytes(path.read_bytes().replace(b'"seed":3', b'"seed":4', 1))
    return bench.run("replay", path)


@case("replay", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("replay", other_dialect(bench))
    assert "declares the dialect lmount, and its body a6000 speaks emount" in bench.err
    return code


# Outputs that exist, and disks that are full.


def _writers(bench: Bench) -> dict[str, tuple[Path, list[object]]]:
    here = bench.folder
    return {
        "export": (here / "out.vcd", ["export", "session.lmx", "--to", here / "out.vcd"]),
        "firmware --make-for": (
            here / "new.lmf",
            ["firmware", here / "new.lmf", "--make-for", "sigma-45mm-f2.8-dg-dn", "--size", "4096"],
        ),
        "loopback": (
            here / "new.lmx",
            ["loopback", *PAIR, "--duration", "1.3", "--quiet", "--record", here / "new.lmx"],
        ),
    }


def _exists(verb: str, bench: Bench) -> int:
    recording(bench)
    path, words = _writers(bench)[verb]
    path.write_bytes(b"precious")
    code = bench.run(*words)
    assert "exists already; name another file, or replace it with --force" in bench.err
    assert path.read_bytes() == b"precious"
    assert bench.run(*words, "--force") == 0
    assert path.read_bytes() != b"precious"
    return code


def _full(verb: str, bench: Bench) -> int:
    recording(bench)
    path, words = _writers(bench)[verb]
    before = set(os.listdir(bench.folder))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, limits[1]))
    try:
        code = bench.run(*words)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in bench.err
    # Of a recording everything that fitted is kept, under a name that says that it is not complete.
    left = {f"{path.name}.part"} if verb == "loopback" else set[str]()
    assert set(os.listdir(bench.folder)) - before == left
    return code


for _verb in ("export", "firmware --make-for", "loopback"):
    case(_verb, "exists")(partial(_exists, _verb))
    case(_verb, "full")(partial(_full, _verb))


@case("firmware --make-for", "done")
def _(bench: Bench) -> int:
    image(bench)
    return 0


@case("firmware --make-for", "nothing")
def _(bench: Bench) -> int:
    code = bench.run("firmware", "new.lmf", "--make-for", "sigma-45mm-f2.8-dg-dn", "--size", "0")
    assert os.listdir(bench.folder) == []
    return code


@case("firmware --make-for", "dialect")
def _(bench: Bench) -> int:
    return bench.run("firmware", "new.lmf", "--make-for", LENS)


@case("firmware --make-for", "missing")
def _(bench: Bench) -> int:
    return bench.run("firmware", "new.lmf", "--make-for", "missing.toml")


# Verbs without an input file.

SHORT_MATRIX = ("matrix", "--dialect", "emount", "--body", BODY, "--lens", LENS, "--do", "wait 0.1", "--jobs", "1")

PRINTERS: dict[str, tuple[object, ...]] = {
    "matrix": SHORT_MATRIX,
    "prove": ("prove", "emount", "--cases", "5"),
    "fuzz parser": ("fuzz", "parser", "emount", "--cases", "5"),
    "fuzz session": ("fuzz", "session", "--dialect", "emount", "--steps", "2"),
    "describe": ("describe", "emount"),
    "dialects": ("dialects",),
    "profiles": ("profiles",),
    "demo": ("demo",),
    "loopback": ("loopback", *PAIR, "--duration", "1.3", "--quiet"),
    "decode": ("decode", "session.lmx"),
    "decode --verify": ("decode", "--verify", "session.lmx"),
    "fidelity": ("fidelity", "session.lmx", "--profile", LENS),
    "replay": ("replay", "session.lmx"),
    "firmware": ("firmware", "image.lmf"),
}
"""Verb -> words that make it print."""


def _prepare(verb: str, bench: Bench) -> tuple[object, ...]:
    words = PRINTERS[verb]
    if "session.lmx" in words:
        recording(bench)
    if verb == "firmware":
        image(bench)
    if verb == "demo":
        # One scene, the shortest: each of them prints in the same way.
        scene = scenes.Scene("One scene", BODY, LENS, "wait 0.1", wire=True)
        bench.monkeypatch.setattr(scenes, "SCENES", (scene,))
    return words


def _prints(verb: str, how: str, bench: Bench) -> int:
    words = _prepare(verb, bench)
    return {"done": bench.run, "full": bench.run_on_full_disk, "pipe": bench.run_on_closed_pipe}[how](*words)


for _verb in PRINTERS:
    for _how in ("done", "full", "pipe"):
        if (_verb, _how) not in CASES and (_verb, _how) != ("loopback", "pipe"):
            case(_verb, _how)(partial(_prints, _verb, _how))


@case("matrix", "nothing")
def _(bench: Bench) -> int:
    code = bench.run("matrix", "--dialect", "emount", "--lens", LENS, "--with", "*")
    assert "nothing else that was asked for" in bench.err
    return code


@case("matrix", "wanting")
def _(bench: Bench) -> int:
    bench.monkeypatch.setattr("lensmount_emulator.sessions.trial.errors_in", lambda _session: ["an error"])
    code = bench.run(*SHORT_MATRIX)
    assert "an error" in bench.said
    return code


@case("matrix", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("matrix", "--dialect", "emount", "--do", "check all")
    assert "unknown script verb 'check'" in bench.err
    return code


@case("matrix", "missing")
def _(bench: Bench) -> int:
    return bench.run("matrix", "--dialect", "emount", "--lens", "missing.toml")


@case("matrix", "exists")
def _(bench: Bench) -> int:
    assert bench.run(*SHORT_MATRIX, "--record", "cells", "--html", "page.html") == 0
    (cell,) = Path("cells").iterdir()
    cell.write_bytes(b"precious")
    code = bench.run(*SHORT_MATRIX, "--record", "cells")
    assert cell.read_bytes() == b"precious"
    assert bench.run(*SHORT_MATRIX, "--record", "cells", "--force") == 0
    # A report replaces a report of its kind, and no other file.
    assert bench.run(*SHORT_MATRIX, "--html", "page.html") == 0
    assert bench.run(*SHORT_MATRIX, "--html", cell) == 3
    assert bench.run(*SHORT_MATRIX, "--json", "page.html") == 3
    assert cell.read_bytes().startswith(b'{"lensmount":"recording"')
    return code


@case("prove", "nothing")
def _(bench: Bench) -> int:
    return bench.run("prove", "emount", "--cases", "0")


@case("prove", "wanting")
def _(bench: Bench) -> int:
    def found(*arguments: Any) -> None:
        (came,) = [one for one in arguments if isinstance(one, Differential)]
        came.mismatches += 1

    bench.monkeypatch.setattr("lensmount_emulator.proofs.differential.compare", found)
    return bench.run("prove", "emount", "--cases", "5")


@case("fuzz parser", "nothing")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "parser", "emount", "--cases", "0")


@case("fuzz parser", "wanting")
def _(bench: Bench) -> int:
    def found(*_arguments: Any, came: ParserFigures, **_options: Any) -> None:
        came.cases, came.violations = 1, 1

    bench.monkeypatch.setattr("lensmount_emulator.fuzz.parser.fuzz_parser", found)
    return bench.run("fuzz", "parser", "emount", "--cases", "5")


@case("fuzz session", "nothing")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "session", "--steps", "0")


@case("fuzz session", "wanting")
def _(bench: Bench) -> int:
    story = Story("emount", BODY, LENS, seed=1, steps=("wait 0.1",), breaks="an invariant")
    outcome = Outcome(story, [Complaint("an invariant", 0.1, "is broken")], 1, [])

    def found(*_arguments: Any, found: Callable[[Outcome], None], came: fuzz_session.Campaign, **_options: Any) -> None:
        came.steps, came.stories = 1, 1
        came.broken.append(outcome)
        found(outcome)

    bench.monkeypatch.setattr(fuzz_session, "run_campaign", found)
    code = bench.run("fuzz", "session", "--dialect", "emount", "--steps", "2")
    assert Path("story-1-1.lmx").exists()
    # A second run of the same seed keeps what the first one found.
    assert bench.run("fuzz", "session", "--dialect", "emount", "--steps", "2") == code
    assert sorted(os.listdir()) == ["story-1-1.lmx", "story-1-2.lmx"]
    return code


@case("prove", "dialect")
def _(bench: Bench) -> int:
    return bench.run("prove", "zmount")


@case("fuzz parser", "dialect")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "parser", "zmount")


@case("fuzz session", "dialect")
def _(bench: Bench) -> int:
    return bench.run("fuzz", "session", "--dialect", "zmount")


@case("describe", "dialect")
def _(bench: Bench) -> int:
    return bench.run("describe", "zmount")


@case("profiles", "dialect")
def _(bench: Bench) -> int:
    return bench.run("profiles", "--dialect", "zmount")


@case("loopback", "nothing")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--duration", "0")


@case("loopback", "wanting")
def _(bench: Bench) -> int:
    code = bench.run("loopback", *PAIR, "--duration", "0.1", "--do", "wait 5", "--quiet")
    assert "the script was not done in 0.100 s" in bench.said
    return code


@case("loopback", "pipe")
def _(bench: Bench) -> int:
    # A recording on the standard output ends in the same way as text does.
    with bench.monkeypatch.context() as patch:
        reader, writer = os.pipe()
        os.close(reader)
        patch.setattr("lensmount_hardware.output_file.STREAMS", {"-": writer})
        code = bench.run("loopback", *PAIR, "--duration", "1.3", "--quiet", "--record", "-")
        os.close(writer)
    assert bench.err == ""
    assert bench.run_on_closed_pipe("loopback", *PAIR, "--duration", "1.3", "--quiet") == code
    return code


@case("loopback", "dialect")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--body", BODY, "--lens", "sigma-45mm-f2.8-dg-dn")


@case("loopback", "missing")
def _(bench: Bench) -> int:
    return bench.run("loopback", "--body", "missing.toml")


# Modules of generated code.


def _emit_package(bench: Bench) -> tuple[Path, str]:
    """A package of its own that `describe --emit` writes into; the file, and its new text."""
    package = bench.folder / "emit_target"
    package.mkdir()
    (package / "__init__.py").touch()
    text = '"""Generated from lensmount_protocol by a test."""\n' + "#" * 2 * SMALL_DISK
    bench.monkeypatch.syspath_prepend(bench.folder)
    bench.monkeypatch.delitem(sys.modules, "emit_target", raising=False)
    bench.monkeypatch.setattr(
        "lensmount_protocol.codec.emission.emitted_modules", lambda *_: {"emit_target.emitted.group": text}
    )
    return package / "emitted" / "group.py", text


@case("describe --emit", "done")
def _(bench: Bench) -> int:
    file, text = _emit_package(bench)
    code = bench.run("describe", "emount", "--emit")
    file.write_text(text.replace("#", "-"))
    # The output of an earlier run is replaced.
    assert bench.run("describe", "emount", "--emit") == code
    assert file.read_text() == text
    return code


@case("describe --emit", "exists")
def _(bench: Bench) -> int:
    file, text = _emit_package(bench)
    file.parent.mkdir()
    file.write_text("precious = 1\n")
    code = bench.run("describe", "emount", "--emit")
    assert file.read_text() == "precious = 1\n"
    assert bench.run("describe", "emount", "--emit", "--force") == 0
    assert file.read_text() == text
    return code


@case("describe --emit", "full")
def _(bench: Bench) -> int:
    file, _ = _emit_package(bench)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, limits[1]))
    try:
        code = bench.run("describe", "emount", "--emit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in bench.err
    assert [path.name for path in file.parent.iterdir()] == ["__init__.py"]
    return code


@case("describe --emit", "dialect")
def _(bench: Bench) -> int:
    return bench.run("describe", "zmount", "--emit")
