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
FEW_LINES = 40

SMALL = {
    "emulator/lensmount/__main__.py": "an entry of Python's",
    "emulator/lensmount/_lazy.py": "what all public modules share; a public module would have it as a name",
    "emulator/lensmount/aio.py": "a public name",
    "emulator/lensmount/testing/conformance.py": "a public name",
    "emulator/lensmount_emulator/cli/bootloader.py": "a verb",
    "emulator/lensmount_emulator/cli/dialects.py": "a verb",
    "emulator/lensmount_emulator/firmware/lines.py": "a verb and a build use it, and neither needs the other",
    "emulator/lensmount_emulator/reports/explanation.py": "the verbs that print explanations load no other report",
    "emulator/lensmount_emulator/traffic/read_columns.py": "keeps numpy out of commands that need no columns",
    "emulator/lensmount_emulator/version.py": "the public package and the page read it, and it loads nothing else",
    "emulator/lensmount_web/__main__.py": "an entry of Python's",
    "hardware/lensmount_hardware/interruption.py": "the help loads it, and no files",
    "protocol/lensmount_protocol/dialects/mft/dialect.py": "each dialect has this module",
    "protocol/lensmount_protocol/logs.py": "all layers use it",
}
"""Modules of fewer lines than `FEW_LINES`, with the reason why each is no part of another one."""


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


def test_a_small_module_has_a_reason() -> None:
    small = {
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.name != "__init__.py"
        and path.parent.name not in ("generated", "tools")
        and len(path.read_text().splitlines()) < FEW_LINES
    }
    assert small == set(SMALL), "merge a small module with the one that it is read with, or give its reason"


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
