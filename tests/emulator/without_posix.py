"""Program for test_portability.py: runs this project in a process in which POSIX-only modules cannot be imported.

`python without_posix.py verbs FOLDER` runs every verb that needs no port. `python without_posix.py serial` imports
every module and exchanges bytes over a serial port. Both print one line on success.
"""

import contextlib
import importlib
import importlib.abc
import io
import os
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

MISSING = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
PACKAGES = ("lensmount_protocol", "lensmount_hardware", "lensmount_emulator")
OPTIONAL = ("lensmount_emulator.campaign.dask_pool",)
"""Modules that need a package of an extra, which may not be installed."""


class Blocker(importlib.abc.MetaPathFinder):
    """Refuses to find the modules that are missing elsewhere."""

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def block() -> None:
    for name in MISSING:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Blocker())


def call(*words: str) -> tuple[int, str, str]:
    from lensmount_emulator.cli.main import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()


def run_verbs(folder: Path) -> None:
    recording, campaign = folder / "session.lmx", folder / "campaign.toml"
    campaign.write_text(
        'dialect = "emount"\nbodies = ["a6000"]\nlenses = ["sel55210"]\nscript = "wait 0.1"\nprocesses = 1\n'
    )
    pair = ("--body", "sigma-fp", "--lens", "sigma-45mm-f2.8-dg-dn")
    for words in (
        ("loopback", *pair, "--do", "focus 2m", "--seed", "7", "--record", str(recording)),
        ("decode", str(recording), "--verify", "--quiet"),
        ("export", str(recording), "--to", str(folder / "session.vcd")),
        ("export", str(recording), "--to", str(folder / "session.pcapng")),
        ("replay", str(recording)),
        ("matrix", *pair, "--with", "none"),
        ("campaign", str(campaign)),
        ("fuzz", "parser", "emount", "--cases", "200"),
        ("fuzz", "session", "--dialect", "emount", "--steps", "20"),
        ("prove", "lmount", "--cases", "200"),
        ("describe", "emount", "0x05"),
        ("dialects",),
        ("profiles",),
    ):
        code, out, err = call(*words)
        assert code == 0, (words, code, out, err)
        assert out or words[0] == "export", words
    assert (folder / "session.vcd").stat().st_size > 1000 < (folder / "session.pcapng").stat().st_size
    code, out, err = call("run", "lens", "--profile", "sel55210", "--port", "pty:", "--duration", "1")
    assert code == 4, (code, out, err)
    assert "this system has no pseudo-terminals" in err, err
    assert err.count("\n") == 1, err
    print("every verb ran")


def modules() -> Iterator[str]:
    for package in PACKAGES:
        folder = importlib.import_module(package).__path__
        for found in pkgutil.walk_packages(folder, f"{package}."):
            if not found.name.endswith("__main__") and found.name not in OPTIONAL:
                yield found.name


def use_serial_port(near: int, path: str) -> None:
    names = list(modules())
    for name in names:
        importlib.import_module(name)
    from lensmount_hardware.port_spec import open_transport
    from lensmount_protocol.wire import Received, Role, Transmit

    with open_transport(f"serial:{path}", role=Role.LENS, baudrate=115200) as port:
        os.write(near, b"\x00\x11\x13\xff\x0d")
        events = port.receive(5.0)
        assert events == [Received(b"\x00\x11\x13\xff\x0d")], events
        port.send(Transmit(b"\x0a\x03\x7f"))
        assert os.read(near, 16) == b"\x0a\x03\x7f"
        assert port.receive(0.0) == []
    print(f"{len(names)} modules imported, bytes exchanged")


if __name__ == "__main__":
    if sys.argv[1] == "verbs":
        block()
        run_verbs(Path(sys.argv[2]))
    else:
        import pty
        import tty

        import serial  # noqa: F401 - pyserial has a module for each system and keeps what this one needs

        near, far = pty.openpty()
        tty.setraw(far)
        name = os.ttyname(far)
        block()
        use_serial_port(near, name)
