"""Mounts without pytest around them, pytest with the plugin in it, and a lens that is a device."""

import importlib
import os
import pkgutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from lensmount_emulator import pytest_plugin
from lensmount_emulator.pytest_plugin.factory import MountFactory
from lensmount_emulator.pytest_plugin.options import MountOptions

collect_ignore = ["sample_project", "third_party"]
"""They belong to somebody else, and are run in their own way."""

ROOT = Path(__file__).parents[3]
ROOMS = [str(ROOT / room) for room in ("protocol", "hardware", "emulator")]
Run = Callable[..., pytest.RunResult]

PLUGIN = "lensmount_emulator.pytest_plugin"

# The name under which an installed plugin is found is blocked, so that it makes no difference whether it is.
WORDS = ("-p", "no:lensmount", "-p", "no:cacheprovider")

LENS = "sigma-45mm-f2.8-dg-dn"
BODY = "panasonic-s1r"

SERVE = "import sys; from lensmount_emulator.cli.main import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[MountFactory]:
    """What the fixture of the plugin gives, for a test without markers and ports."""
    factory = MountFactory(
        MountOptions(body=BODY, lens=LENS), None, tmp_path / "heard", "tests/test_it.py::test_it", [], 12
    )
    yield factory
    factory.close()


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """Somebody else's repository: strict, and with warnings as errors."""
    pytester.makeini("[pytest]\naddopts = --strict-markers --strict-config\nfilterwarnings = error\n")
    return pytester


@pytest.fixture
def third_party_packages() -> list[Path]:
    """Folders with the packages of somebody who has a dialect of their own."""
    return [ROOT / "tests/protocol/third_party", Path(__file__).parent / "third_party"]


@pytest.fixture(scope="session")
def _all_imported() -> None:
    """pytest in pytest forgets what was first imported in it; twice imported, a class would not be itself any more."""
    for name in ("construct", "numpy", "rich", "serial"):
        importlib.import_module(name)
    for room in ROOMS:
        packages = list(Path(room).glob("lensmount_*"))
        assert packages
        for package in packages:
            for module in pkgutil.walk_packages([str(package)], f"{package.name}."):
                # What an extra brings need not be here, and may warn while it is compiled.
                with suppress(ModuleNotFoundError), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    importlib.import_module(module.name)


@pytest.fixture
def run(_all_imported: None, project: pytest.Pytester) -> Run:
    """Runs pytest with the plugin in that repository."""
    return lambda *words: project.runpytest(*WORDS, *words, plugins=[pytest_plugin])


@pytest.fixture
def run_apart(project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The same in a process of its own."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(ROOMS))
    return lambda *words: project.runpytest_subprocess(*WORDS, "-p", PLUGIN, *words)


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], str]]:
    """Starts a device in a process of its own, `serve(role, profile)`, and gives its port; `DEVICE` is its number."""
    with ExitStack() as stack:

        def start(role: str, profile: str) -> str:
            path = tmp_path / f"{role}-device"
            words = ["run", role, "--profile", profile, "--port", f"pty:{path}", "--duration", "60"]
            device = subprocess.Popen(
                [sys.executable, "-c", SERVE, *words],
                stdout=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(ROOMS)},
            )
            monkeypatch.setenv("DEVICE", str(device.pid))
            stack.callback(device.wait, 10)
            stack.callback(device.terminate)
            assert device.stdout is not None
            # It says where it plays once the port is there.
            assert str(path) in device.stdout.readline()
            stack.callback(device.stdout.close)
            return f"serial:{path}"

        yield start
