"""`python -m release`: build wheel and sdist, check them, install the wheel elsewhere and run the demonstration there.

The wheel is built from the sdist, so the sdist is complete. The new environment lies outside the checkout and has
nothing but the wheel and its dependencies. Nothing is uploaded.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

from release.contents import open_points, sdist_problems, wheel_problems

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
MIN_DEMO_LINES = 50


def build() -> tuple[Path, Path]:
    """Build both into an empty `dist`; the wheel and the sdist."""
    shutil.rmtree(DIST, ignore_errors=True)
    _run([sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT)], quiet=True)
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, sdist


def try_out(wheel: Path, folder: Path) -> None:
    """Install a wheel in a new environment, and use it from a folder that holds nothing else.

    Raises:
        CalledProcessError: a command failed.
        RuntimeError: the command is of another version, or the demonstration printed nothing.
    """
    environment, elsewhere = folder / "environment", folder / "elsewhere"
    elsewhere.mkdir()
    venv.create(environment, with_pip=True)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    _run([str(binaries / "python"), "-m", "pip", "install", "--quiet", str(wheel)], quiet=True)
    version = _run([str(binaries / "lensmount"), "--version"], cwd=elsewhere).split()[-1]
    if version != wheel.name.split("-")[1]:
        raise RuntimeError(f"{wheel.name} installs lensmount {version}")
    lines = len(_run([str(binaries / "lensmount"), "demo"], cwd=elsewhere).splitlines())
    if lines < MIN_DEMO_LINES:
        raise RuntimeError(f"the demonstration printed {lines} lines")
    print(f"lensmount {version} in a new environment: the demonstration printed {lines} lines")


def main() -> int:
    """Build, check and try out; 0 where all of it is right."""
    wheel, sdist = build()
    _run([sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist)])
    found = wheel_problems(wheel) + sdist_problems(sdist)
    for problem in found:
        print(problem)
    with tempfile.TemporaryDirectory() as folder:
        try_out(wheel, Path(folder))
    for file in (wheel, sdist):
        print(f"dist/{file.name}: {file.stat().st_size} bytes")
    for point in open_points(wheel):
        print(f"before an upload: {point}")
    return int(bool(found))


def _run(words: Sequence[str], *, cwd: Path | None = None, quiet: bool = False) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    run = subprocess.run(words, cwd=cwd, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        print(run.stdout, end="")
        run.check_returncode()
    if not quiet and cwd is None:
        print(run.stdout, end="")
    return run.stdout


if __name__ == "__main__":
    sys.exit(main())
