"""Which code plays: a checkout keeps its version while its code changes, and results of the two shall not be mixed."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGES = ("lensmount_protocol", "lensmount_hardware", "lensmount_emulator")

NOT_PLAYED = frozenset({"cli", "reports", "testing", "pytest_plugin", "__pycache__"})
"""Parts that show results, and make none."""


@cache
def own_code() -> str:
    """A digest of every module that has a share in what a session comes to."""
    digest = sha256()
    for package in PACKAGES:
        _add(digest.update, files(package), package)
    return digest.hexdigest()


def _add(take: Callable[[bytes], None], folder: Traversable, name: str) -> None:
    for one in sorted(folder.iterdir(), key=lambda one: one.name):
        if one.is_dir() and one.name not in NOT_PLAYED:
            _add(take, one, f"{name}/{one.name}")
        elif one.name.endswith(".py"):
            # Checkouts of some systems end their lines otherwise.
            text = one.read_bytes().replace(b"\r\n", b"\n")
            take(f"{name}/{one.name} {len(text)}\n".encode() + text)
