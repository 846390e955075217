"""The language of the sources: words that readers of all countries would have to decode do not occur in them.

Looked at are the Python packages, the C sources of the board and of the firmware examples, and the documentation.
Old names that are still read, in tables and in the documentation of the present ones, are counted per file below, and
a count may only fall. The changelog of published versions keeps its words.
"""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "emulator/lensmount",
    "emulator/lensmount_emulator",
    "emulator/lensmount_web",
    "hardware/lensmount_hardware",
    "protocol/lensmount_protocol",
)

BANNED = re.compile(
    r"(?<![A-Za-z])(anew|afresh|anybody|behind|deeds?|ears?|grip|hears?|heard|knocks?|ladder|lanes?|nobody|obeys?|"
    r"overhear\w*|patience|paving|puppets?|rungs?|said|scribe|shall|somebody|story|stories|struck|tells|told|umpire|whom|"
    r"whose|witness\w*|by chance|(?<!by )hands?(?!-)|(?-i:(?<!\.)tell(?!\()))(?![A-Za-z])",
    re.IGNORECASE,
)

ALLOWED = {
    # Old names, which are read and documented for one release.
    "emulator/lensmount_emulator/cli/verbs.py": 4,
    "emulator/lensmount_emulator/fuzz/device/finding.py": 1,
    "emulator/lensmount_emulator/fuzz/scenario.py": 3,
    "hardware/lensmount_hardware/captures/lmx.py": 2,
    "docs/reference/command-line.md": 7,
    "docs/reference/files.md": 2,
    "docs/reference/glossary.md": 1,
    # A key that the page in the browser reads.
    "emulator/lensmount_web/port_player.py": 1,
}
"""File -> occurrences that are data."""

CONSTANT = re.compile(r"^ *([A-Z_]+)(?:: [^=\n]+)? = ", re.MULTILINE)
FUNCTION = re.compile(r"\bdef (\w+)\(")
OLD_PREFIX = re.compile(r"_?(MOST|LONGEST|LARGEST|FEWEST|SHORTEST|USUAL)_")
"""Prefixes in place of which constants have MAX_, MIN_ or DEFAULT_."""


def python_sources() -> list[Path]:
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if path.parent.name != "generated"]
    assert len(files) > 300
    return files


def c_sources() -> list[Path]:
    firmware = ROOT / "hardware" / "firmware"
    files = [path for folder in ("core", "include", "port", "tests") for path in (firmware / folder).rglob("*.[chS]")]
    files += (ROOT / "emulator" / "lensmount_emulator").rglob("*.[ch]")
    assert len(files) > 60
    return files


def documents() -> list[Path]:
    files = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "protocol" / "spec").glob("*.md"), *ROOT.glob("*.md")]
    files += [ROOT / "hardware" / "firmware" / "README.md"]
    assert len(files) > 40
    return [path for path in files if path.name != "CHANGELOG.md"]


@pytest.mark.parametrize("listed", [python_sources, c_sources, documents], ids=lambda listed: listed.__name__)
def test_banned_words_occur_only_where_they_are_data(listed: Callable[[], list[Path]]) -> None:
    counts = {path.relative_to(ROOT).as_posix(): len(BANNED.findall(path.read_text("utf-8"))) for path in listed()}
    assert {name: count for name, count in counts.items() if count} == {
        name: count for name, count in ALLOWED.items() if name in counts
    }
    assert [name for name in ALLOWED if not (ROOT / name).is_file()] == []


def test_the_pattern_finds_words_inside_identifiers() -> None:
    found = BANNED.findall("def was_told(hears: Ears, _story_told: int, tell_edge, take_hand)")
    assert found == ["told", "hears", "Ears", "story", "told", "tell", "hand"]
    assert (
        BANNED.findall("appears, shallow, ladders, sloth, bears, handler, by hand, hand-held, file.tell(), Tell") == []
    )


def test_limits_and_defaults_are_called_so() -> None:
    names = [name for path in python_sources() for name in CONSTANT.findall(path.read_text("utf-8"))]
    assert "MAX_STEPS" in names
    assert [name for name in names if OLD_PREFIX.match(name)] == []


def test_no_function_has_the_suffix_of() -> None:
    """One suffix for look-up, parsing, formatting and construction says nothing: `get_`, `parse_`, `make_` do."""
    found = [name for path in python_sources() for name in FUNCTION.findall(path.read_text("utf-8"))]
    assert len(found) > 5000
    # A part of the interface of frame formats, and a parser of one value of several.
    assert {name for name in found if name.endswith("_of")} == {"class_of", "one_of"}


def test_folders_stay_small_enough_to_look_through() -> None:
    modules = Counter(
        str(path.parent.relative_to(ROOT))
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "__init__.py"
    )
    large = {folder: count for folder, count in modules.items() if count > 20}
    # One file a verb.
    assert list(large) == ["emulator/lensmount_emulator/cli"]


def test_every_ignored_type_error_has_a_reason() -> None:
    bare, found = list[str](), 0
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            above = ""
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                _, ignored, after = line.partition("# type: ignore")
                found += bool(ignored)
                if ignored and "#" not in after and not above.strip().startswith("#"):
                    bare.append(f"{path.relative_to(ROOT)}:{number}")
                above = line
    assert found > 5
    assert not bare, "write the reason behind it, or in a comment line above"
