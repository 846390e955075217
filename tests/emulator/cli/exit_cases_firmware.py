"""Cases for firmware in C: a library that is built and checked, and one that breaks a rule."""

import shutil

import pytest

from lensmount_emulator.firmware.build import example_folder

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder

SCRIPT = "focus near; aperture f/8; sleep"


def build(bench: Bench, *options: str) -> int:
    if not any(map(shutil.which, ("cc", "gcc", "clang"))):
        pytest.skip("no C compiler is installed")
    return bench.run("firmware", "build", example_folder() / "lmount_body.c", "--output", "body.so", *options)


_built: dict[str, bytes] = {}


def library(bench: Bench) -> str:
    """The example as a library; it is compiled once."""
    if not _built:
        assert build(bench) == 0
        _built["body"] = (bench.folder / "body.so").read_bytes()
    (bench.folder / "body.so").write_bytes(_built["body"])
    return "body.so"


@case("firmware build", "done")
def _(bench: Bench) -> int:
    code = build(bench)
    assert "Example body 1.0, a body of lmount" in bench.said
    return code


@case("firmware build", "half")
def _(bench: Bench) -> int:
    (bench.folder / "half.c").write_text("int half = ;\n")
    return bench.run("firmware", "build", "half.c", "--quiet")


@case("firmware build", "missing")
def _(bench: Bench) -> int:
    return bench.run("firmware", "build", "missing.c")


@case("firmware build", "folder")
def _(bench: Bench) -> int:
    return bench.run("firmware", "build", bench.folder)


@case("firmware build", "exists")
def _(bench: Bench) -> int:
    (bench.folder / "body.so").write_bytes(b"precious")
    code = build(bench)
    assert (bench.folder / "body.so").read_bytes() == b"precious"
    return code


@case("firmware check", "done")
def _(bench: Bench) -> int:
    code = bench.run("firmware", "check", library(bench), "--script", SCRIPT)
    assert "14 of 14 checks passed" in bench.said
    return code


@case("firmware check", "wanting")
def _(bench: Bench) -> int:
    library(bench)
    # A step that the example does not know.
    return bench.run("firmware", "check", "body.so", "--script", "expose 1/60")


@case("firmware check", "missing")
def _(bench: Bench) -> int:
    return bench.run("firmware", "check", "missing.so")


@case("firmware check", "folder")
def _(bench: Bench) -> int:
    return bench.run("firmware", "check", bench.folder)


@case("firmware check", "half")
def _(bench: Bench) -> int:
    library(bench)
    (bench.folder / "half.so").write_bytes(_built["body"][:1000])
    code = bench.run("firmware", "check", "half.so")
    assert len(bench.err.strip().splitlines()) == 1
    return code


@case("firmware check", "full")
def _(bench: Bench) -> int:
    library(bench)
    return bench.run_on_full_disk("firmware", "check", "body.so", "--script", SCRIPT)


@case("firmware check", "pipe")
def _(bench: Bench) -> int:
    library(bench)
    return bench.run_on_closed_pipe("firmware", "check", "body.so", "--script", SCRIPT)


@case("firmware lines", "done")
def _(bench: Bench) -> int:
    code = bench.run("firmware", "lines", "lmount")
    assert "#define" in bench.said or "enum" in bench.said
    return code


case("firmware lines", "dialect")(lambda bench: bench.run("firmware", "lines", "zmount"))
case("firmware lines", "full")(lambda bench: bench.run_on_full_disk("firmware", "lines", "lmount"))
case("firmware lines", "pipe")(lambda bench: bench.run_on_closed_pipe("firmware", "lines", "lmount"))
