"""Profiles of equal text are read once, and a changed file is read again."""

from pathlib import Path

import pytest

from lensmount_emulator.profiles.library import load_profile
from lensmount_protocol.errors import ProfileError


def test_a_profile_by_name_is_shared() -> None:
    assert load_profile("sel2870") is load_profile("sel2870")


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    source = Path(__file__).parents[3] / "emulator" / "lensmount_emulator" / "profiles" / "emount" / "sel2870.toml"
    text, path = source.read_text(encoding="utf-8"), tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    first = load_profile(str(path))
    assert load_profile(str(path)) is first
    path.write_text(text.replace(first.title, "Another lens"), encoding="utf-8")
    assert load_profile(str(path)).title == "Another lens"
    path.write_text("nothing", encoding="utf-8")
    with pytest.raises(ProfileError, match="no TOML"):
        load_profile(str(path))
