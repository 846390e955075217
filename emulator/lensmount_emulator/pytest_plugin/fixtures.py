"""The fixtures; what plays is imported when the first of them is used."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from lensmount_emulator.engine.engine import Engine
    from lensmount_emulator.pytest_plugin.factory import MountFactory
    from lensmount_emulator.pytest_plugin.mount_session import MountSession
    from lensmount_emulator.pytest_plugin.shared_port import SharedPort
    from lensmount_emulator.pytest_plugin.traffic_log import Recording
    from lensmount_emulator.sessions.virtual_session import VirtualSession

from lensmount_emulator.pytest_plugin.hooks import SESSIONS
from lensmount_emulator.pytest_plugin.options import (
    PORT,
    RECORD,
    ROLE,
    MountOptions,
    mount_options,
    option_value,
    timeline_lines,
    worker_port,
)


@pytest.fixture
def lensmount_choices(request: pytest.FixtureRequest) -> MountOptions:
    """The defaults of `mount`, from the test's markers and the ini file."""
    assert isinstance(request.node, pytest.Item)
    return mount_options(request.node, getattr(request, "param", {}))


@pytest.fixture(scope="session")
def lensmount_port(request: pytest.FixtureRequest) -> "Iterator[SharedPort | None]":
    """The port of this process, opened by the first test that plays on it; `None` where none was given."""
    spec = worker_port(request.config)
    if spec is None:
        yield None
        return
    from lensmount_emulator.pytest_plugin.shared_port import SharedPort

    def show(text: str) -> None:
        manager: Any = request.config.pluginmanager.getplugin("capturemanager")
        with nullcontext() if manager is None else manager.global_and_fixture_disabled():
            print(text, file=sys.stderr, flush=True)

    held = SharedPort(spec, option_value(request.config, ROLE) or "", show)
    yield held
    held.close()


@pytest.fixture
def mount(
    request: pytest.FixtureRequest,
    lensmount_choices: MountOptions,
    lensmount_port: "SharedPort | None",
    tmp_path_factory: pytest.TempPathFactory,
) -> "Iterator[MountFactory]":
    """Puts a lens on a body, as often as a test calls it: `mount(body="leica-sl2", script="focus near")`."""
    from lensmount_emulator.pytest_plugin.factory import MountFactory

    assert isinstance(request.node, pytest.Item)
    keep = option_value(request.config, RECORD)
    folder = tmp_path_factory.getbasetemp() / "lensmount" if keep is None else Path(keep)
    played = request.node.stash.setdefault(SESSIONS, [])
    lines = timeline_lines(request.config)
    factory = MountFactory(lensmount_choices, lensmount_port, folder, request.node.nodeid, played, lines)
    yield factory
    factory.close()


@pytest.fixture
def mounted(mount: "MountFactory") -> "MountSession":
    """What `mount()` gives, made once for the test: the default mount."""
    from lensmount_protocol.errors import MountError

    try:
        return mount()
    except MountError as error:
        wrong = str(error)
    # The test has no line of its own to show: what it asks for stands in its marker or in the ini file.
    pytest.fail(wrong, pytrace=False)


@pytest.fixture
def body(mounted: "MountSession") -> "Engine":
    """The body's engine on the default mount; the test is skipped where the body is the device on the port."""
    return mounted.body


@pytest.fixture
def lens(mounted: "MountSession") -> "Engine":
    """The lens's engine on the default mount; the test is skipped where the lens is the device on the port."""
    return mounted.lens


@pytest.fixture
def bench(mounted: "MountSession") -> "VirtualSession":
    """The default mount's contacts and virtual time, for direct control; the test is skipped on a port."""
    return mounted.virtual_session


@pytest.fixture
def board(lensmount_port: "SharedPort | None") -> "SharedPort":
    """The board on the port; the test is skipped where no `board:` port is given."""
    if lensmount_port is None or not lensmount_port.is_board:
        pytest.skip(f"needs a board; give its port with {PORT.flag} board:…")
    return lensmount_port


@pytest.fixture
def recording(mount: "MountFactory") -> "Recording":
    """The traffic of this test, and its recording file."""
    return mount.recording
