"""How a device's power is taken and given: by the port's own supply, by a command, by its twin, or by a person."""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from lensmount_protocol.errors import TransportError

COMMAND_S = 60.0
"""Seconds that a command may take."""

Cycle = Callable[[], bool]
"""Takes the power and gives it again; whether that was done."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the user's that takes the device's power and gives it again: a relay, a switched USB port.

    Attributes:
        line: what the shell is given.
    """

    line: str

    def __call__(self) -> bool:
        """Run it.

        Raises:
            TransportError: it fails, or takes too long.
        """
        try:
            came = subprocess.run(
                self.line, shell=True, timeout=COMMAND_S, check=False, capture_output=True, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise TransportError(f"power-cycle command {self.line!r}: not done within {COMMAND_S:g} s") from None
        if came.returncode:
            said = came.stderr.decode(errors="replace").strip().splitlines()
            more = f": {said[-1]}" if said else ""
            raise TransportError(f"power-cycle command {self.line!r}: exit code {came.returncode}{more}")
        return True
