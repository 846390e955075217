"""Cases for the verbs that read files; each cell of the page's table has one."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import (  # noqa: TID252  helpers of this folder
    LENS,
    Setup,
    empty,
    folder,
    half,
    image,
    missing,
    other_dialect,
    recording,
    unreadable,
)

READERS: dict[str, tuple[Setup, Callable[[Path], list[object]]]] = {
    "decode": (recording, lambda path: ["decode", path]),
    "decode --verify": (recording, lambda path: ["decode", "--quiet", "--verify", path]),
    "export": (recording, lambda path: ["export", path, "--to", "out.pcapng"]),
    "explain": (recording, lambda path: ["explain", path]),
    "fidelity": (recording, lambda path: ["fidelity", path, "--profile", LENS]),
    "ledger": (recording, lambda path: ["ledger", path]),
    "shadow": (recording, lambda path: ["shadow", path, "--twin", LENS]),
    "twin": (recording, lambda path: ["twin", path]),
    "plot": (recording, lambda path: ["plot", path, "--output", "out.svg"]),
    "monitor FILE": (recording, lambda path: ["monitor", path]),
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
    ("explain", "half"): "the source lost something at 1 place",
    ("explain", "nothing"): "Nothing to explain",
    ("fidelity", "half"): "the capture is incomplete: the recording was cut inside a line",
    ("fidelity", "nothing"): "holds no frame of the body, so there is nothing to replay",
    ("ledger", "half"): "the capture is incomplete: ",
    ("ledger", "nothing"): "hold no frame of the lens, so there is no field to look at",
    ("shadow", "half"): "the capture is incomplete: the recording was cut inside a line",
    ("shadow", "nothing"): "holds no frame of the body, so there is nothing to follow",
    ("twin", "half"): "incomplete: session|cut inside a line",
    ("twin", "nothing"): "holds no frame of the body; a twin needs both ends",
    ("plot", "half"): "incomplete: the recording was cut inside a line",
    ("plot", "nothing"): "nothing",
    ("monitor FILE", "half"): "incomplete: the recording was cut inside a line",
    ("monitor FILE", "nothing"): "nothing to verify: no byte in it",
    ("monitor FILE", "missing"): "has no scheme",
    ("monitor FILE", "folder"): "has no scheme",
    ("replay", "half"): "came out differently",
    ("replay", "nothing"): "nothing: the recording ends here",
}
"""What the verb prints besides."""


def _read(verb: str, situation: str, setup: Setup, text: str, bench: Bench) -> int:
    if verb == "plot":
        pytest.importorskip("matplotlib")
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


@case("export", "wanting")
def _(bench: Bench) -> int:
    code = bench.run("export", recording(bench), "--output", "out.csv", "--range", "100..200")
    assert "nothing for this file, or nothing in its --range" in bench.err
    return code


@case("export --dissector", "done")
def _(bench: Bench) -> int:
    return bench.run("export", "--dissector", "emount")


case("export --dissector", "dialect")(lambda bench: bench.run("export", "--dissector", "zmount"))
case("export --dissector", "full")(lambda bench: bench.run_on_full_disk("export", "--dissector", "emount"))
case("export --dissector", "pipe")(lambda bench: bench.run_on_closed_pipe("export", "--dissector", "emount"))


def _declarations(bench: Bench, dialect: str, *more: object) -> int:
    return bench.run("export", "--from-dialect", dialect, "--format", "json", "--output", "declared.json", *more)


case("export --from-dialect", "done")(lambda bench: _declarations(bench, "emount"))
case("export --from-dialect", "dialect")(lambda bench: _declarations(bench, "zmount"))


@case("export --from-dialect", "exists")
def _(bench: Bench) -> int:
    (bench.folder / "declared.json").write_bytes(b"precious")
    code = _declarations(bench, "emount")
    assert (bench.folder / "declared.json").read_bytes() == b"precious"
    return code


@case("monitor FILE", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("monitor", recording(bench), "--dialect", "lmount")
    assert "the file declares the dialect emount, and was read as lmount" in bench.err
    return code


@case("plot", "dialect")
def _(bench: Bench) -> int:
    pytest.importorskip("matplotlib")
    assert bench.run("plot", recording(bench), "--dialect", "zmount", "--output", "out.svg") == 2
    code = bench.run("plot", recording(bench), "--dialect", "lmount", "--output", "out.svg")
    assert "the file declares the dialect emount, and was read as lmount" in bench.err
    return code


@case("plot", "exists")
def _(bench: Bench) -> int:
    pytest.importorskip("matplotlib")
    (bench.folder / "out.svg").write_bytes(b"precious")
    code = bench.run("plot", recording(bench), "--output", "out.svg")
    assert (bench.folder / "out.svg").read_bytes() == b"precious"
    return code


@case("explain", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("explain", other_dialect(bench))
    assert "is in a frame of lmount" in bench.said
    return code


@case("explain", "wanting")
def _(bench: Bench) -> int:
    lines = recording(bench).read_bytes().splitlines(keepends=True)
    path = bench.folder / "no-sync.lmx"
    path.write_bytes(b"".join(line for line in lines if b'"VD","level":0' not in line))
    code = bench.run("explain", path)
    assert "Frame sync (VD) never pulsed" in bench.said
    return code


@case("fidelity", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("fidelity", other_dialect(bench), "--profile", LENS)
    assert "declares the dialect lmount, and profile sel55210 speaks emount" in bench.err
    return code


@case("ledger", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("ledger", recording(bench), "--dialect", "lmount")
    assert "declares the dialect emount, not lmount" in bench.err
    return code


@case("shadow", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("shadow", other_dialect(bench), "--twin", LENS)
    assert "declares the dialect lmount, and profile sel55210 speaks emount" in bench.err
    return code


@case("shadow", "wanting")
def _(bench: Bench) -> int:
    code = bench.run("shadow", recording(bench), "--twin", "voigtlander-15", "--stop")
    assert "LensCapabilities.types is " in bench.said
    assert bench.said.count("first divergence") == 1
    return code


@case("twin", "dialect")
def _(bench: Bench) -> int:
    code = bench.run("twin", recording(bench), "--dialect", "lmount")
    assert "declares the dialect emount, not lmount" in bench.err
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
    assert "declares the dialect lmount, and its body a6000 uses emount" in bench.err
    return code


case("monitor FILE", "full")(lambda bench: bench.run_on_full_disk("monitor", recording(bench)))
case("monitor FILE", "pipe")(lambda bench: bench.run_on_closed_pipe("monitor", recording(bench)))
