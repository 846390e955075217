"""The whole image in an emulator; each test's emulators end with it, whatever happens."""

from collections.abc import Callable, Iterator

import pytest

from emulated.emulator import EmulatedHost, Emulator, install
from emulated.line_monitor import violations
from lensmount_protocol.errors import BoardError


@pytest.fixture(scope="session")
def emulator_installed() -> None:
    try:
        install()
    except BoardError as error:
        pytest.skip(str(error))


@pytest.fixture
def new_emulator(emulator_installed: None) -> Iterator[Callable[..., Emulator]]:
    """Starts boards that have just been found on USB; every edge of theirs is judged, whatever the test is about."""
    running: list[Emulator] = []

    def start(boards: int = 1) -> Emulator:
        emulator = Emulator([f"{number + 1:016x}" for number in range(boards)])
        running.append(emulator)
        emulator.until_ready()
        return emulator

    try:
        yield start
        assert [complaint for emulator in running for complaint in violations(emulator)] == []
    finally:
        for emulator in running:
            emulator.close()


@pytest.fixture
def emulated(new_emulator: Callable[..., Emulator]) -> EmulatedHost:
    """One board, and its host."""
    return EmulatedHost(new_emulator(), 0)
