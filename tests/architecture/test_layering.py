"""The structure of the sources: layers, module sizes, opening sentences, and work that is left undone."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = ("protocol", "hardware", "emulator")
MODULES = sorted(path for root in ROOTS for path in (ROOT / root).rglob("*.py"))
MAX_LINES = 500


def test_imports_go_down_the_layers() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_opens_with_one_sentence_and_is_one_thing(path: Path) -> None:
    text = path.read_text()
    opening = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    assert opening
    assert opening.endswith((".", ":"))
    assert path.parent.name == "generated" or len(text.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not re.search(r"\b(TODO|FIXME|XXX|NotImplementedError)\b", path.read_text())


@pytest.mark.parametrize(
    "path",
    sorted(path for root in ROOTS for path in (ROOT / root).glob("lensmount_*/dialects/*/*.py")),
    ids=lambda path: path.name,
)
def test_no_dialect_imports_another(path: Path) -> None:
    others = set(re.findall(r"lensmount_protocol\.dialects\.(\w+)", path.read_text())) - {path.parent.name}
    assert not others


def test_only_the_clock_reads_the_clock() -> None:
    reads = [path for path in MODULES if re.search(r"^\s*(import|from) time\b", path.read_text(), re.MULTILINE)]
    assert reads == [ROOT / "hardware/lensmount_hardware/clock.py"]


def test_each_package_is_typed() -> None:
    assert all(list((ROOT / root).glob("lensmount_*/py.typed")) for root in ROOTS)
    assert (ROOT / "emulator" / "lensmount" / "py.typed").exists()
