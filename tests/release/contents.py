"""Checks of a wheel and an sdist as files: packages, entry points, notices, and the page of the package index."""

import re
import tarfile
import zipfile
from email.message import Message
from email.parser import BytesParser
from pathlib import Path

PLACEHOLDER = "lensmount.example"
"""The reserved host that stands for the project's until it has one."""

SDIST_FILES = (
    "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "Makefile", "pyproject.toml",
    "changes/README.md", ".pre-commit-config.yaml", "mkdocs.yml",
)  # fmt: skip

RELATIVE_LINK = re.compile(r"\]\((?!https?://|#)[^)]*\)")


def wheel_problems(wheel: Path) -> list[str]:
    """The defects of a wheel, one line each."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        found = [f"{name} is in the wheel" for name in names if not _belongs(name)]
        found += [
            f"{package}/py.typed is missing" for package in _packages(names) if f"{package}/py.typed" not in names
        ]
        info = next((name.partition("/")[0] for name in names if name.endswith(".dist-info/METADATA")), None)
        if info is None:
            return [*found, "METADATA is missing"]
        entry_points = _text(archive, names, f"{info}/entry_points.txt")
        metadata = BytesParser().parsebytes(archive.read(f"{info}/METADATA"))
    if not any(name.startswith(f"{info}/licenses/") for name in names):
        found.append("the licence is missing")
    for section in ("[console_scripts]", "[pytest11]"):
        if section not in entry_points:
            found.append(f"entry points lack {section}")
    return found + _metadata_problems(metadata)


def sdist_problems(sdist: Path) -> list[str]:
    """The defects of an sdist, one line each."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    return [f"{name} is missing in the sdist" for name in SDIST_FILES if name not in names]


def open_points(wheel: Path) -> list[str]:
    """Facts that are no defects, and that an upload to an index must not have."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(name).decode()
    count = text.count(PLACEHOLDER)
    return [f"{count} links name the reserved host {PLACEHOLDER}; put the real one in pyproject.toml"] if count else []


def _metadata_problems(metadata: Message) -> list[str]:
    found = list[str]()
    page = str(metadata.get_payload())
    if not page.strip():
        found.append("the page of the package index is empty")
    found += [f"the page of the package index has the relative link {link}" for link in RELATIVE_LINK.findall(page)]
    if not metadata.get_all("Project-URL"):
        found.append("there are no project URLs")
    return found


def _belongs(name: str) -> bool:
    return name.startswith("lensmount") and "__pycache__" not in name and not name.endswith((".pyc", ".lmx"))


def _packages(names: list[str]) -> set[str]:
    return {name.partition("/")[0] for name in names if name.endswith("/__init__.py")}


def _text(archive: zipfile.ZipFile, names: list[str], name: str) -> str:
    return archive.read(name).decode() if name in names else ""
