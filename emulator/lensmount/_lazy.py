"""Imports a public name of a module when it is first used."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module


def lazy_names(
    module: str, names: Mapping[str, tuple[str, str]]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return `__getattr__` and `__dir__` of a module that re-exports names of other modules.

    Args:
        module: name of the public module.
        names: public name -> the module that defines it, and its name there.
    """
    public = sys.modules[module]

    def __getattr__(name: str) -> object:  # noqa: N807  the module gets it under this name
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        source, inner = names[name]
        value: object = getattr(import_module(source), inner)
        setattr(public, name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807  the module gets it under this name
        return sorted({*vars(public), *names})

    return __getattr__, __dir__
