"""Every item and behaviour of the open model is traced to what both ends do, and to a test that there is."""

import ast
import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TRACES = (ROOT / "protocol" / "spec" / "lmount-traces.md").read_text()
SPEC = (ROOT / "protocol" / "spec" / "lmount.md").read_text()
ROW = re.compile(r"^\| (?P<what>(?!---|#|behaviour).+?) \|(?P<rest>.+)\|$", re.MULTILINE)
ROWS = {row["what"]: [cell.strip() for cell in row["rest"].split(" | ")] for row in ROW.finditer(TRACES)}
CODE = "lensmount_emulator.roles.lmount"
ADAPTERS = "lensmount_emulator.roles"


def named_in(file: str) -> set[str]:
    trees = [ast.parse(path.read_text()) for path in (ROOT / "tests" / "emulator").rglob(file)]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_item_of_the_specification_is_traced() -> None:
    numbers = [int(what) for what in ROWS if what.isdecimal()]
    assert numbers == sorted(
        {int(number) for number in re.findall(r"^\| (\d+) \| [a-z]", SPEC, re.MULTILINE)} & set(range(1, 40))
    )
    assert numbers == list(range(1, 40))


def test_nine_behaviours_are_traced() -> None:
    assert len([what for what in ROWS if not what.isdecimal()]) == 9


@pytest.mark.parametrize("what", ROWS)
def test_what_the_ends_do_is_there(what: str) -> None:
    ends = ROWS[what][1:3]
    assert len(ROWS[what]) == 4
    for end in ends:
        names = re.findall(r"`([\w.]+)`", end)
        assert names or end.startswith("none:"), f"{what}: {end}"
        for name in names:
            path = name.split(".")
            package = ADAPTERS if path[0] == "emount_adapter" else CODE
            while find_spec(f"{package}.{path[0]}") is not None:
                package = f"{package}.{path.pop(0)}"
                if not hasattr(import_module(package), "__path__"):
                    break
            thing = import_module(package)
            for part in path:
                thing = getattr(thing, part)


@pytest.mark.parametrize("what", ROWS)
def test_its_test_is_there(what: str) -> None:
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", ROWS[what][3])
    assert named, ROWS[what][3]
    for file, name in named:
        assert name in named_in(file), f"{file} has no {name}"
