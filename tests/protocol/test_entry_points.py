"""Entry points of installed packages: one scan per process, and a new one when the search path changes."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import EXIT_INTERNAL_ERROR, EXIT_PLUGIN_ERROR, main
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol import entry_points as module
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.entry_points import PluginFault, entry_points, find_plugin_fault, import_attribute
from lensmount_protocol.errors import DialectError


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


MISTAKES = {
    "state": (
        "from lensmount.dialect import TransitionTable\n\nD = TransitionTable('OFF', {'OFF': {'on': 'ON'}}, {})\n",
        "OFF --on--> ON: no such state (acme_state.py:3)",
    ),
    "crc": (
        "from lensmount.dialect import make_crc\n"
        "D = make_crc('x', 8, 0x131, initial=0, reflected=False, final_xor=0, source='')\n",
        "polynomial 0x131 does not fit 8 bits (acme_crc.py:2)",
    ),
    "key": ("D = {}['x']\n", "KeyError: 'x' (acme_key.py:1)"),
    "syntax": ("\nclass D(\n", "SyntaxError: '(' was never closed (acme_syntax.py:2)"),
    "exit": ("import sys\nsys.exit(0)\n", "SystemExit: 0 (acme_exit.py:2)"),
    "name": ("E = 1\n", "module 'acme_name' has no attribute 'D'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_of_a_package_names_its_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    source, text = MISTAKES[mistake]
    name = f"acme_{mistake}"
    install(tmp_path, name)
    (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DialectError) as caught:
        load_dialect(name)
    assert str(caught.value) == f"dialect '{name}' cannot be loaded from {name}:D: {text}"


def test_a_mistake_in_a_file_is_that_of_the_innermost_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packages = [f"acme_{letter}" for letter in "pqrstu"]
    place = tmp_path.joinpath(*packages)
    place.mkdir(parents=True)
    for name in packages:
        install(tmp_path, name)
    (place / "lens.py").write_text("class D(\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(SyntaxError) as caught:
        compile((place / "lens.py").read_text(), str(place / "lens.py"), "exec")
    assert find_plugin_fault(caught.value) == PluginFault("acme_u", "acme_u/lens.py:1", "")


def test_a_defect_at_the_import_of_our_own_module_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str) -> None:
        raise KeyError("x")

    monkeypatch.setattr(module, "import_module", fail)
    with pytest.raises(KeyError):
        import_attribute("lensmount_protocol.wire:Role")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("raise KeyError('x')", "package acme_code failed (KeyError: 'x', acme_code.py:2)"),
        (
            "return transmission_time(1, 0)",
            "package acme_code failed (ZeroDivisionError: {}, acme_code.py:2, raised in ",
        ),
    ],
)
def test_an_exception_in_code_of_a_package_is_no_defect_of_lensmount(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    source: str,
    text: str,
) -> None:
    install(tmp_path, "acme_code")
    (tmp_path / "acme_code.py").write_text(
        f"def run(_arguments):\n    {source}\n\nfrom lensmount.dialect import transmission_time\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("lensmount_emulator.cli.dialects.run", import_attribute("acme_code:run"))
    assert main(["dialects"]) == EXIT_PLUGIN_ERROR
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("lensmount: " + text.partition("{}")[0])
    assert "acme_code.py:2" in line
    assert line.endswith("LENSMOUNT_TRACEBACK=1 shows the traceback")
    assert ("raised in lensmount_protocol/wire.py:" in line) == ("raised in" in text)

    def fail(_arguments: object) -> int:
        raise KeyError("x")

    monkeypatch.setattr("lensmount_emulator.cli.dialects.run", fail)
    assert main(["dialects"]) == EXIT_INTERNAL_ERROR
    del sys.modules["acme_code"]
