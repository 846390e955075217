"""Entry points of installed packages: one scan per process, and a new one when the search path changes."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol import entry_points as module
from lensmount_protocol.entry_points import entry_points


def install(folder: Path, name: str) -> None:
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[lensmount.dialects]\n{name} = {name}:D\n[other.group]\nx = y:Z\n")


def test_packages_on_a_new_path_are_found_by_group_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("acme_a", "acme_b"):
        (tmp_path / name).mkdir()
        install(tmp_path / name, name)
        monkeypatch.syspath_prepend(str(tmp_path / name))
        assert [entry.value for entry in entry_points(group="lensmount.dialects", name=name)] == [f"{name}:D"]
    both = {entry.name for entry in entry_points(group="lensmount.dialects")}
    assert {"acme_a", "acme_b"} <= both
    assert entry_points(group="lensmount.no-such-group") == ()


def test_sessions_and_lookups_scan_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    scans = 0

    def counted() -> object:
        nonlocal scans
        scans += 1
        return importlib.metadata.entry_points()

    monkeypatch.setattr(module, "scan", counted)
    monkeypatch.setattr("sys.path", [*sys.path, "/nowhere/for-this-test"])
    for _ in range(2):
        assert run_loopback("sigma-fp", "sigma-45mm-f2.8-dg-dn", script="wait 0.1").finished
    assert scans == 1
