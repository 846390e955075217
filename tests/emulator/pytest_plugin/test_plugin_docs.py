"""The pages on the plugin say what the code says, and their example is a test that passes."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lensmount_emulator import pytest_plugin
from lensmount_emulator.pytest_plugin.factory import MountFactory
from lensmount_emulator.pytest_plugin.mount_session import MountSession
from lensmount_emulator.pytest_plugin.options import INI, MARKERS, OPTIONS

ROOT = Path(__file__).parents[3]
REFERENCE = ROOT / "docs/reference/pytest.md"
HOW_TO = ROOT / "docs/how-to/test-your-firmware.md"

Run = Callable[..., pytest.RunResult]


def sentence(documented: object) -> str:
    return (inspect.getdoc(documented) or "").split("\n\n")[0].replace("\n", " ").removesuffix(".").replace("|", "\\|")


def fixtures() -> dict[str, str]:
    functions = {name: getattr(pytest_plugin, name) for name in pytest_plugin.__all__ if not name.startswith("pytest_")}
    return {f"`{name}`": sentence(fixture) for name, fixture in functions.items()}


def members() -> dict[str, str]:
    return {
        f"`{name}`" if isinstance(member, property) else f"`{name}{called(member)}`": sentence(member)
        for name, member in vars(MountSession).items()
        if not name.startswith("_") and isinstance(member, property | type(members))
    }


def called(method: Callable[..., object]) -> str:
    parameters = [each for name, each in inspect.signature(method).parameters.items() if name != "self"]
    shown = [
        f"**{each.name}"
        if each.kind is each.VAR_KEYWORD
        else each.name
        if each.default is each.empty
        else f"{each.name}={each.default!r}"
        for each in parameters
    ]
    return f"({', '.join(shown)})"


TABLES = {
    "| fixture | gives |": fixtures,
    "| of a mount | gives or does |": members,
    "| option | does |": lambda: {
        f"`{option.flag} {option.metavar}`": option.help
        + (f"; {option.default}, if not given" if option.default else "")
        for option in OPTIONS
    },
    "| ini key | meaning |": lambda: {f"`{key}`": meaning for key, meaning in INI.items()},
    "| marker | does |": lambda: {f"`{marker}`": meaning for marker, meaning in MARKERS.items()},
}


@pytest.mark.parametrize("head", TABLES)
def test_the_tables_of_the_reference_say_what_the_code_says(head: str) -> None:
    _, _, behind = REFERENCE.read_text().partition(f"{head}\n|---|---|\n")
    table = behind.partition("\n\n")[0].splitlines()
    assert table == [f"| {name} | {meaning} |" for name, meaning in TABLES[head]().items()]


def test_the_reference_names_what_mount_takes() -> None:
    page = REFERENCE.read_text()
    assert all(f"`{name}`" in page for name in inspect.signature(MountFactory.__call__).parameters if name != "self")


def test_the_example_of_the_how_to_passes(run: Run, project: pytest.Pytester) -> None:
    (example,) = re.findall(r"```py\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    (ini,) = re.findall(r"```toml\n(.*?)```", HOW_TO.read_text(), re.DOTALL)
    (project.path / "tox.ini").unlink()
    (project.path / "pyproject.toml").write_text(ini)
    project.makepyfile(test_example=example)
    run("-p", "no:warnings").assert_outcomes(passed=example.count("\ndef test_") + 1, skipped=1)
