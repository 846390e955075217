"""Builds a firmware: compiles the user's C with the header and the shim of this package into a shared library."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from lensmount_emulator.firmware.lines import PREFIX, lines_header
from lensmount_hardware.output_file import OutputFile
from lensmount_protocol.dialect import dialect_names
from lensmount_protocol.entry_points import entry_points
from lensmount_protocol.errors import FirmwareError

COMPILE_S = 120.0
# A later version of the header adds members at the end of its structures, which older sources leave zero.
WARNINGS = ("-Wall", "-Wextra", "-Wno-missing-field-initializers")
COMMON = ("-std=c11", "-O2", "-g", "-fPIC", "-fvisibility=hidden", "-fno-omit-frame-pointer")
SANITIZE = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-sanitize=vptr")
_ERROR_LINE = re.compile(r"(?<!linker command) error: (?!linker command)|undefined reference|cannot find|No such file")
_INCLUDE = re.compile(rf'^\s*#\s*include\s+"{PREFIX}(\w+)\.h"', re.MULTILINE)


def source_folder() -> Path:
    """Return the folder with the header and the shim."""
    return Path(str(files("lensmount_emulator.firmware"))) / "source"


def example_folder() -> Path:
    """Return the folder with the example firmware."""
    return Path(str(files("lensmount_emulator.firmware"))) / "examples"


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """How a firmware is compiled.

    Attributes:
        compiler: the compiler; empty for `$CC`, or the first of cc, gcc and clang that is installed.
        sanitize: with the address and the undefined-behaviour sanitizer.
        coverage: with counters for guided fuzzing.
        worker: a program of its own, which is started for each instance, in place of a library.
        options: further options of the compiler, such as `-DNAME=1` and `-I FOLDER`.
    """

    compiler: str = ""
    sanitize: bool = False
    coverage: bool = False
    worker: bool = False
    options: Sequence[str] = ()


def find_compiler(wanted: str = "") -> str:
    """Return the path of a C compiler.

    Raises:
        FirmwareError: none is installed.
    """
    names = (wanted,) if wanted else tuple(filter(None, (os.environ.get("CC", ""), "cc", "gcc", "clang")))
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return found
    raise FirmwareError(f"no C compiler is installed: none of {', '.join(names)} is found; install gcc or clang")


def build_firmware(
    sources: Sequence[Path], output: Path, options: BuildOptions | None = None, *, overwrite: bool = False
) -> Path:
    """Compile C files into a firmware that lensmount loads.

    Args:
        sources: the C files.
        output: the shared library.
        options: how.
        overwrite: whether to replace an existing file.

    Returns:
        The path of the library.

    Raises:
        FirmwareError: no compiler, a source that is missing, or errors of the compiler; the first of them in one line,
            all of them in `output_text`.
        CaptureError: the output exists or cannot be written.
    """
    options = options or BuildOptions()
    compiler = find_compiler(options.compiler)
    for source in sources:
        if not source.is_file():
            raise FirmwareError(f"{source}: no such C file")
    with OutputFile(output, overwrite=overwrite, inputs=list(sources)) as stream, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_headers(folder, sources)
        objects = [
            _compile(compiler, source, folder / f"{number}.o", folder, options) for number, source in enumerate(sources)
        ]
        shim = folder / "shim.o"
        shim.write_bytes(_shim_object(compiler))
        made = folder / "made.so"
        main, kind = list[str](), ["-shared"]
        if options.worker:
            program = _compile(compiler, source_folder() / "lensmount_worker.c", folder / "main.o", folder, options)
            main, kind = [str(program)], ["-rdynamic"]
        words = [*map(str, objects), *main, str(shim), *_link_flags(compiler, options)]
        _run([compiler, *kind, "-o", str(made), *words])
        stream.file.write(made.read_bytes())
    if options.worker:
        output.chmod(0o755)
    return output


@cache
def _shim_object(compiler: str) -> bytes:
    """Return the compiled shim; it is the same for every firmware."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "shim.o"
        source = source_folder() / "lensmount_shim.c"
        _run([compiler, *COMMON, "-c", "-o", str(target), "-I", str(source_folder()), str(source)])
        return target.read_bytes()


def _link_flags(compiler: str, options: BuildOptions) -> list[str]:
    flags = ["-pthread", "-ldl"]
    if options.sanitize:
        flags += [*SANITIZE, *(["-shared-libasan"] if _is_clang(compiler) else [])]
    else:
        flags += ["-Wl,-z,defs"]
    return flags


def _is_clang(compiler: str) -> bool:
    done = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=False, timeout=COMPILE_S)
    return "clang" in done.stdout


def _compile(compiler: str, source: Path, target: Path, folder: Path, options: BuildOptions) -> Path:
    flags = [*COMMON, *WARNINGS]
    if options.sanitize:
        flags += [*SANITIZE, *([] if _is_clang(compiler) else ["-fsanitize=bounds-strict"])]
    if options.coverage:
        kind = "inline-8bit-counters" if _is_clang(compiler) else "trace-pc"
        flags.append(f"-fsanitize-coverage={kind}")
    includes = ["-I", str(source_folder()), "-I", str(folder)]
    _run([compiler, *flags, *includes, *options.options, "-c", "-o", str(target), str(source)])
    return target


def _write_headers(folder: Path, sources: Sequence[Path]) -> None:
    """Write the header of each dialect's lines that a source includes; one of the user's own is left alone."""
    wanted = {"emount", "lmount"} | {entry.name for entry in entry_points(group="lensmount.dialects")}
    for source in sources:
        wanted |= set(_INCLUDE.findall(source.read_text(errors="replace")))
    # A name with a hyphen is included with it or, as an identifier, with an underscore: lensmount_lines_fuji_g.h.
    known = {name.replace("-", "_"): name for name in dialect_names()}
    for name in wanted:
        (folder / f"{PREFIX}{name}.h").write_text(lines_header(known.get(name, name)))


def _run(command: Sequence[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=COMPILE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FirmwareError(f"the compiler {command[0]} does not run: {error}") from error
    if done.returncode:
        lines = done.stderr.splitlines()
        first = next((line for line in lines if _ERROR_LINE.search(line)), lines[0] if lines else "")
        raise FirmwareBuildError(f"{first.strip() or 'the compiler fails'}", done.stderr)


class FirmwareBuildError(FirmwareError):
    """The compiler reports errors.

    Attributes:
        output_text: all that it prints.
    """

    def __init__(self, text: str, output_text: str) -> None:
        super().__init__(text)
        self.output_text = output_text
