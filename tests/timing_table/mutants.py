"""Every timing constant of both ends, changed by a fifth one at a time, and whether a row or a test notices it."""

import ast
import contextlib
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

ROOT = Path(__file__).parents[2]
FACTOR = 1.2

ROLES = "emulator/lensmount_emulator/roles"
ENGINE = "emulator/lensmount_emulator/engine"
MODELS = "emulator/lensmount_emulator/models"
CONTRACTS = tuple(f"protocol/lensmount_protocol/dialects/{name}/timing.py" for name in ("emount", "lmount"))
SUFFIXES = ("_US", "_S")
"""What names of constants in microseconds and in seconds end in."""

STRUCTS = {
    f"{ROLES}/emount/profile.py": {"LensTiming": (), "BodyTiming": ()},
    f"{ROLES}/lmount/profile.py": {
        "LensTiming": (),
        "BodyTiming": (),
        "FocusGroup": ("speed", "acceleration", "settle_ms"),
        "Diaphragm": ("av_per_s",),
        "ZoomGroup": ("seconds",),
        "Camera": ("live_view_hz",),
    },
}
"""Classes of settings whose defaults are times or speeds: which of them, all where none is named."""

SECOND_LINE = {
    f"{MODELS}/": ("tests/emulator/models",),
    f"{ROLES}/emount_adapter/": ("tests/emulator/roles/emount_adapter",),
    f"{ROLES}/lmount/accessories/relay": (
        "tests/emulator/roles/lmount/test_relay.py",
        "tests/emulator/sessions/test_virtual_session.py",
    ),
    f"{ROLES}/lmount/lens/extensions": ("tests/emulator/roles/lmount/test_extensions.py",),
    f"{ROLES}/lmount/": ("tests/emulator/roles/lmount/test_power.py", "tests/emulator/roles/lmount/test_link.py",
                         "tests/emulator/roles/lmount/test_focus.py"),
    "protocol/": ("tests/protocol/dialects/test_timing_contracts.py",),
    f"{ROLES}/emount/": ("tests/state_audit/test_emount_lens_states.py",),
}  # fmt: skip
"""Beginning of a path -> tests that are run where no row notices a change; the first that fits counts."""

SURVIVES = {
    "MOVE_TIMEOUT_S in compatibility_checks.py": "a timeout of the script's checks; a lens that answers never meets it",
    "ZOOM_TIMEOUT_S in compatibility_checks.py": "as above, for a powered zoom",
    "EXPOSURE_S in compatibility_checks.py": "how long the picture of a check is exposed; any time will do",
    "DETACHED_S in compatibility_checks.py": "how long a check leaves the lens off; any time will do",
    "AFTER_REPORT_US in compatibility_checks.py": "a place within a frame that is not busy; any will do",
    "OPERATOR_DELAY_S in script.py": "how long a script waits for the hand at the lens; no contact shows it",
    "MAX_DURATION_S in script_arguments.py": "the largest number that a script may name, not a time of the link",
    "FLASH_TIMEOUT_S in firmware_update.py": "a patience; the modelled flash answers well within it",
    "SETTLES_S in firmware_update.py": "a rest before the supply is taken; any will do",
    "REPORT_TIMEOUT_S in extensions.py": "a patience; a lens reports when its set points are due",
    "LIVE_SWITCH_TIMEOUT_US in commands.py": "live ports only, which keep no virtual time",
    "MAX_JITTER_US in engine.py": "sessions at nominal times have no jitter; seeded recordings hold it",
    "FIRST_STATUS_S in script.py": "a patience; a lens that streams has sent its first status long before",
    "POLL_INTERVAL_S in models.py": "how often an adapter looks whether a group rests; any time below a frame will do",
    "PROCESSING_DELAY_US in relay.py": "the time to check a frame is our guess, and no check depends on it",
    "MAX_MOVE_S in models.py": "a patience for an E-mount lens that never acknowledges",
}
"""Constants that may survive, and why."""


def reason_of(name: str) -> str:
    """Why a constant may survive; empty where it may not."""
    constant, _, file = name.rpartition(" in ")
    return SURVIVES.get(f"{constant.partition(' no. ')[0]} in {file}", "")


@dataclass(frozen=True)
class Change:
    """One changed number.

    Attributes:
        name: of the constant, or of the rule, and where it is.
        file: path from the root.
        line: of the number.
        column: where it begins in its line.
        end: where it ends.
        instead: what stands there instead.
    """

    name: str
    file: str
    line: int
    column: int
    end: int
    instead: str

    def source(self) -> str:
        """The file with the change in it."""
        lines = (ROOT / self.file).read_bytes().split(b"\n")
        line = lines[self.line - 1]
        lines[self.line - 1] = line[: self.column] + self.instead.encode() + line[self.end :]
        return b"\n".join(lines).decode()


def changes() -> list[Change]:
    """All of them, file by file."""
    files = [*CONTRACTS, *_files(ENGINE), *_files(ROLES), *_files(MODELS)]
    return [change for file in files for change in _in_file(file)]


def _files(folder: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.py"))


def _in_file(file: str) -> Iterator[Change]:
    tree = ast.parse((ROOT / file).read_text())
    for node in tree.body:
        target, value = _assigned(node)
        if value is not None and (file in CONTRACTS or target.endswith(SUFFIXES)):
            yield from _numbers(value, target, file)
        elif isinstance(node, ast.ClassDef) and node.name in STRUCTS.get(file, {}):
            wanted = STRUCTS[file][node.name]
            for line in node.body:
                target, value = _assigned(line)
                if value is not None and (not wanted or target in wanted):
                    yield from _numbers(value, f"{node.name}.{target}", file)


def _assigned(node: ast.stmt) -> tuple[str, ast.expr | None]:
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id, node.value
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id, node.value
    return "", None


def _numbers(value: ast.expr, name: str, file: str) -> Iterator[Change]:
    keys = {id(key) for node in ast.walk(value) if isinstance(node, ast.Dict) for key in node.keys}
    keys |= {id(item) for key in keys_of(value) for item in ast.walk(key)}
    keys |= {id(item) for node in ast.walk(value) if isinstance(node, ast.Call) for item in _not_times(node)}
    found = [
        node
        for node in ast.walk(value)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and id(node) not in keys
        and node.value
    ]
    for number, node in enumerate(found):
        changed = node.value * FACTOR  # type: ignore[operator]
        text = repr(round(changed)) if isinstance(node.value, int) and round(changed) != node.value else repr(changed)
        label = f"{name}{f' no. {number}' if len(found) > 1 else ''} in {Path(file).name}"
        assert node.end_col_offset is not None
        yield Change(label, file, node.lineno, node.col_offset, node.end_col_offset, text)


def keys_of(value: ast.expr) -> list[ast.expr]:
    """Keys of the dictionaries in it: types of messages, not times."""
    return [key for node in ast.walk(value) if isinstance(node, ast.Dict) for key in node.keys if key is not None]


def _not_times(call: ast.Call) -> Iterator[ast.AST]:
    """What calls of marks name: types of messages and classes."""
    function = call.func
    if isinstance(function, ast.Name) and function.id in ("opens", "closes", "edge", "first_bit", "last_bit"):
        yield from ast.walk(call)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the one changed module; all others are found as always."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self.module = ".".join(Path(change.file).with_suffix("").parts[1:])

    def find_spec(self, fullname: str, path: object, target: object = None) -> Any:
        """The spec of the changed module."""
        if fullname != self.module:
            return None
        file = str(ROOT / self._change.file)
        return importlib.machinery.ModuleSpec(fullname, _Loader(fullname, file, self._change.source()), origin=file)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec")


def noticed(change: Change) -> str:
    """What notices a change, in a process of its own; empty where nothing does."""
    reads, writes = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reads)
        finder = Finder(change)
        sys.meta_path.insert(0, finder)
        try:
            # At once, before anything else can find it.
            importlib.import_module(finder.module)
            found = _rows() or _tests(change.file)
        except BaseException as error:
            found = f"cannot run: {type(error).__name__}: {error}"
        os.write(writes, found.encode()[:900])
        os._exit(0)
    os.close(writes)
    os.waitpid(pid, 0)
    found = os.read(reads, 1000).decode(errors="replace")
    os.close(reads)
    return found


def _rows() -> str:
    from timing_table import contract, emount, lmount

    for row in (*emount.ROWS, *lmount.ROWS, *contract.ROWS):
        failure = row.failure()
        if failure:
            return failure
    return ""


def _tests(file: str) -> str:
    files = next((tests for beginning, tests in SECOND_LINE.items() if file.startswith(beginning)), ())
    if not files:
        return ""
    import pytest

    os.chdir(ROOT)
    with contextlib.redirect_stdout(io.StringIO()) as said:
        result = pytest.main(["-q", "-x", "-p", "no:cacheprovider", "--assert=plain", *files])
    return "" if result == 0 else f"tests: {said.getvalue()[-300:]}"
