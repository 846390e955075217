"""Firmware that tests share: the example lens and one that misbehaves, compiled once for each session."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator.firmware.build import BuildOptions, build_firmware, example_folder, find_compiler
from lensmount_protocol.errors import FirmwareError

FAULTY = Path(__file__).parent / "faulty.c"


@pytest.fixture(scope="session")
def compiler() -> str:
    try:
        return find_compiler()
    except FirmwareError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def lens(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example lens of the open model."""
    return str(build_firmware([example_folder() / "lmount_lens.c"], tmp_path_factory.mktemp("lens") / "lens.so"))


@pytest.fixture(scope="session")
def faulty(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], str]:
    """A firmware with one of the faults of `faulty.c`, by its number."""
    folder = tmp_path_factory.mktemp("faulty")

    def build(number: int) -> str:
        library = folder / f"fault{number}.so"
        if not library.exists():
            build_firmware([FAULTY], library, BuildOptions(options=(f"-DFAULT={number}", "-O0", "-w")))
        return str(library)

    return build


@pytest.fixture(scope="session")
def sanitized(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], Path]:
    """The same with sanitizers, for an end: `LM_LENS` or `LM_BODY`; 0 is no fault."""
    folder = tmp_path_factory.mktemp("sanitized")

    def build(number: int, end: str) -> Path:
        library = folder / f"{end}{number}.so"
        if not library.exists():
            options = (f"-DFAULT={number}", f"-DEND={end}", "-O0", "-w")
            build_firmware([FAULTY], library, BuildOptions(sanitize=True, options=options))
        return library

    return build


@pytest.fixture(scope="session")
def body(compiler: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The example body of the open model."""
    return str(build_firmware([example_folder() / "lmount_body.c"], tmp_path_factory.mktemp("body") / "body.so"))
