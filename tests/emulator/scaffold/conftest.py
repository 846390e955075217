"""A new dialect in a package, once for each test module, found as an installed one is."""

import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from lensmount_emulator.cli.main import main
from lensmount_emulator.engine import dialect_roles
from lensmount_emulator.faults import registry
from lensmount_emulator.fuzz import scenario
from lensmount_emulator.profiles import library
from lensmount_protocol import dialect as dialects

Offer = Callable[[list[EntryPoint]], None]


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Offer:
    """Make these entry points the only ones."""

    def put(offers: list[EntryPoint]) -> None:
        def entry_points(*, group: str, name: str | None = None) -> list[EntryPoint]:
            return [entry for entry in offers if entry.group == group and name in (None, entry.name)]

        for module in (dialect_roles, dialects, library, registry):
            monkeypatch.setattr(module, "entry_points", entry_points)

    return put


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package of the dialect that the module's `NEW` makes: its name, and options."""
    name, *options = request.module.NEW
    folder = tmp_path_factory.mktemp("new") / name
    assert main(["new", "dialect", name, *options, "--output", str(folder), "--quiet"]) == 0
    yield folder
    # Not between tests: settings that are kept would belong to classes of the earlier import.
    for module in [module for module in sys.modules if module.startswith(f"lensmount_{name}")]:
        del sys.modules[module]


@pytest.fixture
def offers(request: pytest.FixtureRequest) -> list[EntryPoint]:
    """The entry points of the package."""
    name = request.module.NEW[0]
    module = f"lensmount_{name}"
    return [
        EntryPoint(name, f"{module}.dialect:{name.upper()}", dialects.ENTRY_POINTS),
        EntryPoint(name, f"{module}.roles:{name.upper()}_ROLES", dialect_roles.ENTRY_POINTS),
        EntryPoint(name, f"{module}.profiles", library.ENTRY_POINTS),
    ]


@pytest.fixture
def offered(package: Path, offers: list[EntryPoint], offer: Offer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package, found as an installed one is."""
    monkeypatch.syspath_prepend(str(package / "src"))
    offer(offers)
    lookups = (scenario.get_traits, scenario.get_dialect, scenario.get_cached_roles, scenario.get_profile)
    for lookup in lookups:
        lookup.cache_clear()
    yield
    for lookup in lookups:
        lookup.cache_clear()
