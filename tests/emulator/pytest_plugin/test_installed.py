"""The plugin as users have it: a wheel in an environment of its own, and a repository that only says `pytest`."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
USER_SCRIPT = ROOT / "tests" / "architecture" / "user_script.py"
SAMPLE = Path(__file__).parent / "sample_project"
LENS = "sigma-45mm-f2.8-dg-dn"

pytestmark = pytest.mark.slow

FAILS = """
from lensmount.dialects.lmount import CommandDone


def test_fails(mounted):
    mounted.run_script("focus 2m")
    mounted.expect(CommandDone, number=250, within=0.1)
"""

WATCHES = """
import atexit, os, sys

opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
atexit.register(lambda: open(os.environ["OPENED"], "w").write("\\n".join(opened)))
"""

Serve = Callable[[str], str]


def call(*words: str | Path, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "PYTEST"))}
    return subprocess.run(words, cwd=cwd, env=environment | more, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel of this tree, and what it needs."""
    folder = tmp_path_factory.mktemp("installed")
    # What git would have a checkout hold, without what was built beside it.
    tree = folder / "tree"
    tree.mkdir()
    for name in ("protocol", "hardware", "emulator"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "build"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    environment = folder / "environment"
    call(sys.executable, "-m", "venv", "--without-pip", environment, cwd=folder)
    python = environment / "bin" / "python"
    install(python, f"{tree}[pytest]", folder)
    return python


def install(python: Path, what: str, cwd: Path, *words: str | Path) -> None:
    """Install something, or skip the test where nothing can be."""
    pip = (sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check")
    made = call(*pip, "install", "--no-compile", *words, what, cwd=cwd)
    if made.returncode:
        pytest.skip(f"{what} cannot be installed here: {made.stderr.strip().splitlines()[-1]}")


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The repository of somebody who writes a lens."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def serve(installed: Path, tmp_path: Path) -> Iterator[Serve]:
    """Starts lenses that stand for the ones on the bench, each in a process of its own, and gives their ports."""
    with ExitStack() as stack:

        def start(name: str) -> str:
            path = tmp_path / name
            words = ["run", "lens", "--profile", LENS, "--port", f"pty:{path}", "--duration", "60"]
            lens = subprocess.Popen([installed.with_name("lensmount"), *words], stdout=subprocess.PIPE, text=True)
            stack.callback(lens.wait, 10)
            stack.callback(lens.terminate)
            assert lens.stdout is not None
            stack.callback(lens.stdout.close)
            # It says where it plays once the port is there.
            assert str(path) in lens.stdout.readline()
            return f"serial:{path}"

        yield start


def properties_of(xml: Path) -> dict[str, str]:
    return {each.attrib["name"]: each.attrib["value"] for each in ElementTree.parse(xml).iter("property")}


def test_a_repository_with_tests_of_its_own_hardware_runs(installed: Path, sample: Path) -> None:
    run = call(installed, "-m", "pytest", "-rs", cwd=sample)
    assert run.returncode == 0, run.stdout
    assert "5 passed, 3 skipped" in run.stdout
    assert "needs a device; give its port with --lensmount-port" in run.stdout


def test_the_same_repository_runs_on_a_device(installed: Path, sample: Path, serve: Serve) -> None:
    run = call(installed, "-m", "pytest", "-rs", "--lensmount-port", serve("lens"), cwd=sample)
    assert run.returncode == 0, run.stdout
    # Skipped are the looks into the lens, and the board. What takes a lens off is for a hand.
    assert "6 passed, 2 skipped" in run.stdout


def test_a_failure_is_replayed_by_the_command_in_its_report(installed: Path, sample: Path, tmp_path: Path) -> None:
    (sample / "tests" / "test_fails.py").write_text(FAILS)
    words = ("tests/test_fails.py", "--junitxml", "report.xml", "--lensmount-record", "kept")
    assert call(installed, "-m", "pytest", *words, cwd=sample).returncode == 1
    told = properties_of(sample / "report.xml")
    assert "FocusDrive, number" in told["lensmount_timeline"]
    command = shlex.split(told["lensmount_replay"], comments=True)
    again = tmp_path / "again.lmx"
    shown = call(installed.with_name(command[0]), *command[1:], "--record", again, cwd=sample)
    assert "focus at 480, 2.00 m" in shown.stdout, shown.stderr
    recorded = (sample / told["lensmount_recording"]).read_text().splitlines()[1:]
    assert len(recorded) > 200
    assert again.read_text().splitlines()[1:][: len(recorded)] == recorded


def test_a_failure_on_a_device_is_replayed_to_it(installed: Path, sample: Path, serve: Serve) -> None:
    (sample / "tests" / "test_fails.py").write_text(FAILS)
    words = ("tests/test_fails.py", "--junitxml", "report.xml", "--lensmount-record", "kept")
    assert call(installed, "-m", "pytest", *words, "--lensmount-port", serve("lens"), cwd=sample).returncode == 1
    command = shlex.split(properties_of(sample / "report.xml")["lensmount_replay"], comments=True)
    shown = call(installed.with_name(command[0]), *command[1:], cwd=sample)
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "FocusDrive, number" in shown.stdout
    assert "outcome DONE" in shown.stdout


def test_nothing_is_opened_by_import_and_collection(installed: Path, sample: Path, serve: Serve) -> None:
    (sample / "watches.py").write_text(WATCHES)
    port = serve("lens")
    words = (installed, "-m", "pytest", "-p", "watches", "--lensmount-port", port, "tests/hardware", "-k", "near")
    opened = {}
    for name, more in (("collected", ["--collect-only"]), ("run", [])):
        run = call(*words, *more, cwd=sample, OPENED=str(sample / name), PYTHONPATH=str(sample))
        assert run.returncode == 0, run.stdout
        opened[name] = (sample / name).read_text().splitlines()
    path = port.removeprefix("serial:")
    assert path in opened["run"]
    assert path not in opened["collected"]
    assert {at for at in opened["collected"] if at.startswith("/dev/")} <= {"/dev/null", "/dev/urandom"}


def test_each_worker_has_a_board_of_its_own(installed: Path, sample: Path, serve: Serve, tmp_path: Path) -> None:
    install(installed, "pytest-xdist", tmp_path, "--target", tmp_path / "xdist")
    # What comes with it must not hide what is installed already.
    for other in (tmp_path / "xdist").iterdir():
        if not other.name.startswith(("xdist", "pytest_xdist", "execnet")):
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    ports = [serve("one"), serve("two")]
    words = (installed, "-m", "pytest", "tests/hardware", "--lensmount-record", "kept", "-k", "does_it")
    words = (*words, "--lensmount-port", ",".join(ports))
    run = call(*words, "-n", "2", "--dist", "each", cwd=sample, PYTHONPATH=str(tmp_path / "xdist"))
    assert "4 passed" in run.stdout, run.stdout + run.stderr
    run = call(*words, "-n", "3", cwd=sample, PYTHONPATH=str(tmp_path / "xdist"))
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = run.stderr.strip().splitlines()
    assert line.startswith("ERROR: --lensmount-port: 3 xdist workers and 2 ports; give one for each")


def test_the_pytest_before_runs_it_too(installed: Path, sample: Path, tmp_path: Path) -> None:
    install(installed, "pytest>=8,<9", tmp_path, "--target", tmp_path / "before")
    for words in ([], ["--import-mode=importlib"]):
        run = call(installed, "-m", "pytest", "-rs", *words, cwd=sample, PYTHONPATH=str(tmp_path / "before"))
        assert run.returncode == 0, run.stdout
        assert "pytest-8." in run.stdout
        assert "5 passed, 3 skipped" in run.stdout


def test_the_plugin_is_found_by_its_name_and_left_out_by_it(installed: Path, sample: Path) -> None:
    assert "--lensmount-port" in call(installed, "-m", "pytest", "--help", cwd=sample).stdout
    assert "--lensmount-port" not in call(installed, "-m", "pytest", "-p", "no:lensmount", "--help", cwd=sample).stdout


def test_the_wheel_has_the_types(installed: Path, tmp_path: Path) -> None:
    found = call(installed, "-c", "import lensmount_emulator as l; print(l.__path__[0])", cwd=tmp_path).stdout.strip()
    assert (Path(found) / "py.typed").exists()
    assert (Path(found) / "pytest_plugin" / "mount_session.py").exists()


def test_script_of_a_user_runs_and_is_typed_against_the_wheel(installed: Path, tmp_path: Path) -> None:
    script = Path(shutil.copy(USER_SCRIPT, tmp_path))
    run = call(installed, "-W", "error", script, tmp_path, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    environment = installed.parents[1]
    settings = {"typeCheckingMode": "strict", "venvPath": str(environment.parent), "venv": environment.name}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({**settings, "include": [script.name]}))
    tools = Path(sys.executable).parent
    for words in ((tools / "mypy", "--strict", "--python-executable", installed, script), (tools / "pyright",)):
        checked = call(*words, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        assert "no issues found in 1 source file" in checked.stdout or "0 errors, 0 warnings" in checked.stdout
