"""Checks of a release that need no build, and the files of the project that only people and hosts read."""

import re
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from release.contents import RELATIVE_LINK, SDIST_FILES, open_points, wheel_problems

ROOT = Path(__file__).parents[2]
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
TYPES = [one["directory"] for one in PYPROJECT["tool"]["towncrier"]["type"]]
FRAGMENTS = sorted(path for path in (ROOT / "changes").iterdir() if path.name != "README.md")

METADATA = """Metadata-Version: 2.4
Name: lensmount
Version: 1.0
Project-URL: Source, https://host.invalid

# lensmount

[docs](https://host.invalid/docs)
"""
WHEEL = {
    "lensmount_x/__init__.py": "",
    "lensmount_x/py.typed": "",
    "lensmount-1.0.dist-info/METADATA": METADATA,
    "lensmount-1.0.dist-info/entry_points.txt": "[console_scripts]\n[pytest11]\n",
    "lensmount-1.0.dist-info/licenses/LICENSE": "",
}


def wheel(folder: Path, contents: dict[str, str]) -> Path:
    path = folder / "lensmount-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents.items():
            archive.writestr(name, text)
    return path


def test_complete_wheel_has_no_problem(tmp_path: Path) -> None:
    assert wheel_problems(wheel(tmp_path, WHEEL)) == []
    assert open_points(wheel(tmp_path, WHEEL)) == []


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("tests/test_x.py", "", "tests/test_x.py is in the wheel"),
        ("lensmount_x/y.pyc", "", "lensmount_x/y.pyc is in the wheel"),
        ("lensmount_x/py.typed", None, "lensmount_x/py.typed is missing"),
        ("lensmount-1.0.dist-info/METADATA", None, "METADATA is missing"),
        ("lensmount-1.0.dist-info/licenses/LICENSE", None, "the licence is missing"),
        ("lensmount-1.0.dist-info/entry_points.txt", "[console_scripts]", "entry points lack [pytest11]"),
        (
            "lensmount-1.0.dist-info/METADATA",
            METADATA + "[a](docs/a.md)",
            "the page of the package index has the relative link ](docs/a.md)",
        ),
        (
            "lensmount-1.0.dist-info/METADATA",
            "Name: lensmount\nProject-URL: a, b\n\n",
            "the page of the package index is empty",
        ),
        ("lensmount-1.0.dist-info/METADATA", "Name: lensmount\n\ntext", "there are no project URLs"),
    ],
)
def test_each_defect_of_a_wheel_is_reported(tmp_path: Path, name: str, text: str | None, problem: str) -> None:
    contents = {other: content for other, content in WHEEL.items() if other != name}
    assert wheel_problems(wheel(tmp_path, contents | ({} if text is None else {name: text}))) == [problem]


def test_reserved_host_is_an_open_point(tmp_path: Path) -> None:
    contents = WHEEL | {"lensmount-1.0.dist-info/METADATA": METADATA + "https://lensmount.example/docs"}
    (point,) = open_points(wheel(tmp_path, contents))
    assert point.startswith("1 links name the reserved host lensmount.example")


def test_page_of_the_package_index_has_absolute_links_to_files() -> None:
    hook = PYPROJECT["tool"]["hatch"]["metadata"]["hooks"]["fancy-pypi-readme"]
    (substitution,) = hook["substitutions"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    page, count = re.subn(substitution["pattern"], substitution["replacement"], readme)
    assert count >= 10
    assert not RELATIVE_LINK.search(page)
    base = PYPROJECT["project"]["urls"]["Source"] + "/blob/main/"
    targets = re.findall(rf"\]\({re.escape(base)}([^)#]+)", page)
    assert len(targets) == count
    assert all((ROOT / target).exists() for target in targets)


def test_files_of_the_sdist_are_in_the_checkout_and_declared() -> None:
    include = PYPROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    for name in SDIST_FILES:
        assert (ROOT / name).is_file()
        assert f"/{name}" in include or f"/{name.partition('/')[0]}" in include


def test_hooks_before_a_commit_are_the_checks_of_make_lint() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
    assert recipe is not None
    checks = [line.strip().removeprefix("@$(BIN)/") for line in recipe[1].splitlines()]
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert re.findall(r"entry: \.venv/bin/(.+)", hooks) == checks
    assert hooks.count("language: system") == hooks.count("- id:") == len(checks) > 0
    assert "https:" not in hooks


def test_each_fragment_has_a_known_type_and_is_a_sentence() -> None:
    for path in FRAGMENTS:
        assert re.fullmatch(rf"(\d+|\+[a-z0-9-]+)\.({'|'.join(TYPES)})(\.\d+)?\.md", path.name), path.name
        text = path.read_text(encoding="utf-8")
        assert re.fullmatch(r"[A-Z`][^\n]*(\n[^\n]+)*\.\n", text), path.name


def test_types_of_fragments_are_documented() -> None:
    table = re.findall(r"^\| `(\w+)` \|", (ROOT / "changes" / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert table == TYPES


def test_changelog_has_the_place_for_new_releases() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert changelog.count(PYPROJECT["tool"]["towncrier"]["start_string"]) == 1


FROM_AN_INDEX = re.compile(r"pip install +['\"]?lensmount(\[[a-z,]+\])?(?! @)['\"]?(?=[\s`)\"]|$)")


def test_no_page_and_no_message_installs_lensmount_from_an_index() -> None:
    for wrong in ("pip install lensmount", "`pip install 'lensmount[pytest]'`", "pip install lensmount)"):
        assert FROM_AN_INDEX.search(wrong)
    for right in (
        "pip install .",
        "pip install lensmount-0.1.0-py3-none-any.whl",
        "pip install 'lensmount[x] @ https://h'",
    ):
        assert not FROM_AN_INDEX.search(right)
    texts = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "emulator").rglob("*.py")]
    assert len(texts) > 100
    assert [path for path in texts if FROM_AN_INDEX.search(path.read_text(encoding="utf-8"))] == []


def test_every_extra_is_documented() -> None:
    page = (ROOT / "docs" / "how-to" / "install.md").read_text(encoding="utf-8")
    _, _, table = page.partition("| extra |")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(PYPROJECT["project"]["optional-dependencies"])


def test_every_place_in_the_contributing_guide_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    folders = re.findall(r"`((?:protocol|hardware|emulator|tests)/[^`]*)`", text)
    assert len(folders) > 10
    assert [folder for folder in folders if not (ROOT / folder.replace("DIALECT", "emount")).exists()] == []
