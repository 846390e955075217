"""The digest of the code: another one for each change of what plays, and the same for changes of what only shows."""

from pathlib import Path

import pytest

from lensmount_emulator.campaign import store


def test_a_change_of_what_plays_is_seen_and_one_of_what_shows_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PACKAGES", ("one",))
    monkeypatch.setattr(store, "files", lambda name: tmp_path / name)

    def digest(name: str, text: bytes) -> str:
        path = tmp_path / "one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
        return store.code_version.__wrapped__()

    first = digest("roles/lens.py", b"a = 1\n")
    assert digest("roles/lens.py", b"a = 1\r\n") == first
    assert digest("cli/main.py", b"a = 1\n") == first
    assert digest("roles/__pycache__/lens.py", b"a = 1\n") == first
    assert digest("notes.md", b"a") == first
    seen = [
        first,
        digest("roles/lens.py", b"a = 2\n"),
        digest("roles/body.py", b""),
        digest("roles/cli.py", b"a"),
    ]
    assert len(set(seen)) == len(seen)


def test_it_is_the_code_that_runs_here() -> None:
    assert store.code_version() == store.code_version.__wrapped__()
    assert len(store.code_version()) == 64
