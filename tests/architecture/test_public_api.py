"""The package `lensmount`: every public name exists, is typed, is documented, and is imported when it is first used."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "emulator" / "lensmount"
PRIVATE = ("lensmount_protocol", "lensmount_hardware", "lensmount_emulator")
CONSTRUCT_NAMES = "lensmount_protocol.codec.lazy_construct"
"""Where the names of construct come from; type checkers take them for `Any`, since construct has no types."""

NOT_PUBLIC = [PACKAGE / "_lazy.py", PACKAGE / "__main__.py", PACKAGE / "dialects" / "__init__.py"]
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path not in NOT_PUBLIC)


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


class Lists:
    """The lists of names in the source of one public module."""

    def __init__(self, path: Path) -> None:
        self.typed: dict[str, tuple[str, str]] = {}
        self.table: dict[str, tuple[str, str]] = {}
        self.exported: list[str] = []
        others = []
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'":
                continue
            if isinstance(node, ast.If) and "not" not in ast.unparse(node.test):
                for one in node.body:
                    if isinstance(one, ast.ImportFrom):
                        for alias in one.names:
                            self.typed[alias.asname or alias.name] = (str(one.module), alias.name)
                    else:
                        assert isinstance(one, ast.AnnAssign)
                        assert ast.unparse(one.annotation) == "Any"
                        self.typed[ast.unparse(one.target)] = (CONSTRUCT_NAMES, ast.unparse(one.target))
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                self.exported = ast.literal_eval(node.value)
            elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_NAMES":
                self.table = ast.literal_eval(node.value)
            else:
                others.append(ast.unparse(node))
        self.others = [
            text
            for text in others
            if not text.startswith(('"""', "'", '"', "from typing import", "import sys", "if not"))
        ]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_type_checkers_and_python_see_the_same_names(path: Path) -> None:
    lists = Lists(path)
    assert lists.table
    assert lists.typed == lists.table
    assert sorted(lists.exported) == sorted(lists.table)
    assert lists.others == []
    assert all(source.split(".")[0] in PRIVATE for source, _ in lists.table.values())


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_each_name_is_what_its_module_defines(path: Path) -> None:
    public = importlib.import_module(module_name(path))
    for name, (source, inner) in Lists(path).table.items():
        assert getattr(public, name) is getattr(importlib.import_module(source), inner)
        assert name in dir(public)
    with pytest.raises(AttributeError, match=r"module '.*' has no attribute 'nothing_of_this_name'"):
        _ = public.nothing_of_this_name


def test_import_of_the_package_imports_nothing_heavy() -> None:
    names = [module_name(path) for path in MODULES]
    program = (
        f"import sys; before = set(sys.modules); import {', '.join(names)}; "
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    environment = {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "lensmount" in loaded
    assert not loaded & {*PRIVATE, "construct", "msgspec", "numpy", "rich", "serial", "hypothesis", "pytest", "logging"}


def test_version_is_that_of_the_distribution() -> None:
    metadata = importlib.import_module("importlib.metadata")
    assert importlib.import_module("lensmount").__version__ == metadata.version("lensmount")


def test_module_runs_as_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    runpy = importlib.import_module("runpy")
    monkeypatch.setattr(sys, "argv", ["lensmount", "--version"])
    sys.modules.pop("lensmount.__main__", None)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("lensmount", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("lensmount 0.")


def test_user_script_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = ROOT / "tests" / "architecture" / "user_script.py"
    imports = re.findall(r"^(?:from|import) (\w+)", script.read_text(), re.MULTILINE)
    assert "lensmount" in imports
    assert not {name for name in imports if name.startswith("lensmount_")}
    spec = importlib.import_module("importlib.util").spec_from_file_location("user_script", script)
    module = importlib.import_module("importlib.util").module_from_spec(spec)
    sys.modules["user_script"] = module
    try:
        spec.loader.exec_module(module)
        module.main(tmp_path)
    finally:
        del sys.modules["user_script"]
    lines = capsys.readouterr().out.splitlines()
    assert "ok" in lines[0]
    assert int(lines[1].split()[0]) > 100


@pytest.mark.parametrize(
    "path",
    [
        *(ROOT / "tests").glob("*/third_party/**/*.py"),
        *(ROOT / "tests/emulator/pytest_plugin/third_party").rglob("*.py"),
        *(ROOT / "tests/emulator/pytest_plugin/sample_project").rglob("*.py"),
    ],
    ids=lambda path: str(path.relative_to(ROOT / "tests")),
)
def test_third_party_code_imports_only_the_public_api(path: Path) -> None:
    assert not re.findall(r"^(?:from|import) lensmount_(?:protocol|hardware|emulator)", path.read_text(), re.MULTILINE)


def test_reference_page_lists_every_name_once_with_a_line() -> None:
    sections = re.split(r"^## ", (ROOT / "docs/reference/python-api.md").read_text(), flags=re.MULTILINE)[1:]
    listed = {section.split("\n", 1)[0].strip("`"): section for section in sections}
    assert set(listed) == {module_name(path) for path in MODULES}
    for path in MODULES:
        section = listed[module_name(path)]
        rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
        assert all(len(text) > 3 for _, text in rows)
        words = re.findall(r"`(\w+)`(?:, |\.$)", section.strip().rsplit("\n\n", 1)[-1], re.MULTILINE)
        constructs = [name for name, (source, _) in Lists(path).table.items() if source == CONSTRUCT_NAMES]
        assert sorted([name for name, _ in rows] + (words if constructs else [])) == sorted(Lists(path).table)


def test_pages_for_users_import_only_the_public_api() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    lines = [
        (page.name, line)
        for page in pages
        for line in re.findall(r"^(?:from|import) (lensmount\w*)", page.read_text(), re.MULTILINE)
    ]
    assert len(lines) > 10
    assert [(name, line) for name, line in lines if line != "lensmount"] == []
