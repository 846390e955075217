"""Node packages: each lock file is that of the package beside it, so that `npm ci` fails for the network alone."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("web/page", "hardware/emulated")
KEYS = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


@pytest.mark.parametrize("folder", FOLDERS)
def test_lock_file_is_that_of_its_package(folder: str) -> None:
    package = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))
    root = lock["packages"][""]
    assert {key: root.get(key, {}) for key in KEYS} == {key: package.get(key, {}) for key in KEYS}
    wanted = {name for key in KEYS for name in package.get(key, {})}
    assert wanted
    assert {f"node_modules/{name}" for name in wanted} <= lock["packages"].keys()
