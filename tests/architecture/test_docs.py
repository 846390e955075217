"""The documentation runs: every command and every Python example in it, and every link inside it leads somewhere."""

import contextlib
import io
import re
import shlex
import sys
import types
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.cli.verbs import VERBS

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "protocol" / "spec").glob("*.md")])
NEEDS_SOMETHING = re.compile(r"CAPTURE|FILE|NAME|SPEC|/dev/|tcp:|rfc2217:|pty:|board:|\.sr\b|\.txt\b|mine\.toml|…")
"""Commands that need a file or a port of the reader's own: their words are checked, they are not run."""


def commands_of(page: Path) -> list[str]:
    blocks = re.findall(r"```(?:console|sh|bash)\n(.*?)```", page.read_text(), re.DOTALL)
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip().startswith("lensmount ")]


def examples_of(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if commands_of(page)], ids=lambda page: page.name)
def test_every_command_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands_of(page):
        # Where its output goes is the shell's matter.
        words = shlex.split(command.partition(" #")[0].partition(" > ")[0])[1:]
        if NEEDS_SOMETHING.search(command):
            assert words[0] in VERBS, command
            continue
        with contextlib.redirect_stdout(io.StringIO()):
            assert main(words) == 0, command


@pytest.mark.parametrize("page", [page for page in PAGES if examples_of(page)], ids=lambda page: page.name)
def test_every_example_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's examples run in their order, each on what those in front of it made."""
    monkeypatch.chdir(tmp_path)
    # Dataclasses look their module up, so the page is one.
    module = types.ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)
    for example in examples_of(page):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(example, page.name, "exec"), vars(module))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_no_page_for_users_runs_a_private_module() -> None:
    pages = [page for page in PAGES if "spec" not in page.parts]
    templates = [
        path
        for path in (ROOT / "emulator/lensmount_emulator/scaffold").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    ]
    assert templates
    runs = [page for page in (*pages, *templates) if re.search(r"python3? -m lensmount_", page.read_text())]
    assert runs == []
