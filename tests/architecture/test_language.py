"""The language of the sources: words that readers of all countries would have to decode do not occur in them.

Names that users write or read as data keep their words: keys of files and JSON, script verbs, texts in recordings, and
the texts that the shipped firmware image is made of. They are counted per file below, and a count may only fall.
"""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "emulator/lensmount",
    "emulator/lensmount_emulator",
    "hardware/lensmount_hardware",
    "protocol/lensmount_protocol",
)

BANNED = re.compile(
    r"(?<![A-Za-z])(anew|afresh|deeds?|ears?|grip|hears?|heard|knocks?|ladder|lanes?|nobody|obeys?|overhear\w*|paving|"
    r"puppets?|rungs?|scribe|shall|somebody|stories|struck|tells|told|umpire|whom|whose|witness\w*|"
    r"by chance)(?![A-Za-z])",
    re.IGNORECASE,
)

ALLOWED = {
    "emulator/lensmount_emulator/campaign/store.py": 1,
    "emulator/lensmount_emulator/cli/bootloader.py": 1,
    "emulator/lensmount_emulator/cli/flash.py": 1,
    "emulator/lensmount_emulator/cli/listen_console.py": 1,
    "emulator/lensmount_emulator/cli/verbs.py": 2,
    "emulator/lensmount_emulator/fuzz/device/finding.py": 1,
    "emulator/lensmount_emulator/fuzz/scenario.py": 2,
}
"""File -> occurrences that are data, or text that goes into recordings and the firmware image."""


def count_banned() -> dict[str, int]:
    files = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
    assert len(files) > 300
    counts = {
        str(path.relative_to(ROOT)): len(BANNED.findall(path.read_text()))
        for path in files
        if path.parent.name != "generated"
    }
    return {path: count for path, count in counts.items() if count}


def test_banned_words_occur_only_where_they_are_data() -> None:
    assert count_banned() == ALLOWED


def test_the_pattern_finds_words_inside_identifiers() -> None:
    assert BANNED.findall("def was_told(hears: Ears, _story_told: int)") == ["told", "hears", "Ears", "told"]
    assert BANNED.findall("appears, shallow, ladders, sloth, bears") == []


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
