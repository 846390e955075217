"""The plugin as users have it: a wheel in an environment of its own, and a repository that only says `pytest`."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SAMPLE = Path(__file__).parent / "sample_project"

pytestmark = pytest.mark.slow


def call(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel of this tree, and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    # What git would have a checkout hold, without what was built beside it.
    tree = folder / "tree"
    tree.mkdir()
    for name in ("protocol", "hardware", "emulator"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    environment = folder / "environment"
    call(sys.executable, "-m", "venv", environment, cwd=folder)
    python = environment / "bin" / "python"
    made = call(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{tree}[pytest]", cwd=folder)
    if made.returncode:
        pytest.skip(f"the wheel cannot be built and installed here: {made.stderr.strip().splitlines()[-1]}")
    return python


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The repository of somebody who writes a lens."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("__pycache__")))


def test_a_repository_with_tests_of_its_own_hardware_runs(installed: Path, sample: Path) -> None:
    run = call(installed, "-m", "pytest", "-rs", cwd=sample)
    assert run.returncode == 0, run.stdout
    assert "3 passed, 1 skipped" in run.stdout
    assert "needs a device; give its port with --lensmount-port" in run.stdout


def test_the_plugin_is_found_by_its_name_and_left_out_by_it(installed: Path, sample: Path) -> None:
    assert "--lensmount-port" in call(installed, "-m", "pytest", "--help", cwd=sample).stdout
    assert "--lensmount-port" not in call(installed, "-m", "pytest", "-p", "no:lensmount", "--help", cwd=sample).stdout


def test_the_wheel_has_the_types(installed: Path, tmp_path: Path) -> None:
    found = call(installed, "-c", "import lensmount_emulator as l; print(l.__path__[0])", cwd=tmp_path).stdout.strip()
    assert (Path(found) / "py.typed").exists()
    assert (Path(found) / "pytest_plugin" / "played.py").exists()
