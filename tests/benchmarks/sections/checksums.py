"""What a check over a frame costs: crcmod with its extension and without, and what the standard library has."""

import binascii
import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any
from zlib import adler32

from benchmarks.harness import Candidate, Settings, Table, cpu_per_item
from benchmarks.tables import absent, rows_of
from lensmount_protocol.checksums import sum16

SIZES = (16, 30, 200)
CALLS = 5_000
BASELINE = "crcmod, with its extension"
PURE = "crcmod, pure Python"
POLYNOMIAL = 0x11021
CHECK_INPUT, CHECK = b"123456789", 0x29B1


def checksums(settings: Settings) -> list[Table]:
    """A table for each length of input."""
    functions = _functions()
    has = BASELINE in functions
    note = f"crcmod's C extension is {'there' if has else 'NOT there: 8 to 22 times slower, and nothing else says so'}"
    tables: list[Table] = []
    for size in SIZES:
        items = [settings.random().randbytes(size)] * settings.count(CALLS, 50)
        candidates = [Candidate(name, _each(function), items) for name, function in functions.items()]
        found = cpu_per_item(candidates, settings, budget_ms=10.0)
        baseline = BASELINE if has else PURE
        rows = rows_of(found, baseline, per_second=False)
        if not has:
            rows.append(absent(BASELINE, "not built"))
        tables.append(Table("checksums", f"{size} bytes", "ns a call", baseline, rows, [note]))
    return tables


def _each(function: Callable[[bytes], int]) -> Callable[[Any], None]:
    def work(items: list[bytes]) -> None:
        for item in items:
            function(item)

    return work


def _functions() -> dict[str, Callable[[bytes], int]]:
    crc_hqx = binascii.crc_hqx
    functions: dict[str, Callable[[bytes], int]] = {
        "binascii.crc_hqx": lambda data: crc_hqx(data, 0xFFFF),
        "sum()": lambda data: sum(data) & 0xFFFF,
        "zlib.adler32": lambda data: adler32(data, 0) & 0xFFFF,
        "ours, sum16": sum16,
        PURE: _crc(_crcmod(pure=True)),
    }
    usual = _crcmod(pure=False)
    if usual._usingExtension:
        functions[BASELINE] = _crc(usual)
    for name, function in functions.items():
        if "crc" in name:
            assert function(CHECK_INPUT) == CHECK, name
    return functions


def _crc(crcmod: Any) -> Callable[[bytes], int]:
    function: Callable[[bytes], int] = crcmod.mkCrcFun(POLYNOMIAL, initCrc=0xFFFF, rev=False, xorOut=0)
    return function


def _crcmod(*, pure: bool) -> Any:
    """A copy of crcmod of its own, as it is where a compiler was missing, or as it is here."""
    import crcmod  # noqa: F401  the package around the module that is copied

    extension = "crcmod._crcfunext"
    before: ModuleType | None = sys.modules.get(extension)
    if pure:
        sys.modules[extension] = None  # type: ignore[assignment]
    try:
        found = importlib.util.find_spec("crcmod.crcmod")
        assert found is not None
        assert found.origin is not None
        spec = importlib.util.spec_from_file_location(f"benchmarked_crcmod_{pure}", found.origin)
        assert spec is not None
        assert spec.loader is not None
        copy = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(copy)
        return copy
    finally:
        if pure:
            sys.modules.pop(extension)
            if before is not None:
                sys.modules[extension] = before
