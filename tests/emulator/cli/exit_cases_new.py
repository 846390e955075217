"""Cases for `new`: names that are none, profiles that are missing, outputs that exist."""

import resource

from .exit_cases import Bench, case  # noqa: TID252  helpers of this folder


@case("new", "done")
def _(bench: Bench) -> int:
    return bench.run("new", "dialect", "acme")


@case("new", "dialect")
def _(bench: Bench) -> int:
    return bench.run("new", "test", "bench", "--dialect", "zmount")


@case("new", "missing")
def _(bench: Bench) -> int:
    return bench.run("new", "profile", "mine", "--like", "missing.toml")


@case("new", "exists")
def _(bench: Bench) -> int:
    assert bench.run("new", "dialect", "acme") == 0
    return bench.run("new", "dialect", "acme")


@case("new", "full")
def _(bench: Bench) -> int:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, limits[1]))
    try:
        code = bench.run("new", "dialect", "acme")
        assert list(bench.folder.iterdir()) == [], "a part of a package has its final name"
        return code
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
