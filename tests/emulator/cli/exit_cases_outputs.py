"""Cases for the files that verbs write: outputs that exist, full disks, and modules of generated code."""

import os
import resource
import sys
from functools import partial
from pathlib import Path

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder
from .exit_inputs import LENS, PAIR, SMALL_DISK, image, recording  # noqa: TID252  helpers of this folder

# Outputs that exist, and disks that are full.


def _writers(bench: Bench) -> dict[str, tuple[Path, list[object]]]:
    here = bench.folder
    return {
        "export": (here / "out.vcd", ["export", "session.lmx", "--to", here / "out.vcd"]),
        "twin": (here / "lens.toml", ["twin", "session.lmx", "--output", here / "lens.toml"]),
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


for _verb in ("export", "firmware --make-for", "loopback", "twin"):
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


def _emit_package(bench: Bench) -> tuple[Path, str]:
    """A package of its own that `describe --emit` writes into; the file, and its new text."""
    package = bench.folder / "emit_target"
    package.mkdir()
    (package / "__init__.py").touch()
    text = '"""Generated from lensmount_protocol by a test."""\n' + "#" * 2 * SMALL_DISK
    bench.monkeypatch.syspath_prepend(bench.folder)
    bench.monkeypatch.delitem(sys.modules, "emit_target", raising=False)
    bench.monkeypatch.setattr(
        "lensmount_protocol.codec.generator.generate_modules", lambda *_: {"emit_target.generated.group": text}
    )
    return package / "generated" / "group.py", text


@case("describe --write-codecs", "done")
def _(bench: Bench) -> int:
    file, text = _emit_package(bench)
    code = bench.run("describe", "emount", "--emit")
    file.write_text(text.replace("#", "-"))
    # The output of an earlier run is replaced.
    assert bench.run("describe", "emount", "--emit") == code
    assert file.read_text() == text
    return code


@case("describe --write-codecs", "exists")
def _(bench: Bench) -> int:
    file, text = _emit_package(bench)
    file.parent.mkdir()
    file.write_text("precious = 1\n")
    code = bench.run("describe", "emount", "--emit")
    assert file.read_text() == "precious = 1\n"
    assert bench.run("describe", "emount", "--emit", "--force") == 0
    assert file.read_text() == text
    return code


@case("describe --write-codecs", "full")
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


@case("describe --write-codecs", "dialect")
def _(bench: Bench) -> int:
    return bench.run("describe", "zmount", "--emit")
