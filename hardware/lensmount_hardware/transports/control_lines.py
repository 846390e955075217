"""Which of a mount's lines hangs on which control line of a serial port, and what an active one means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from lensmount_hardware.spec import PortSpec
from lensmount_protocol.errors import unknown
from lensmount_protocol.wire import LineChanged, Role

OUTPUTS = ("rts", "dtr")
"""Control lines that we drive."""

INPUTS = ("cts", "dsr", "dcd", "ri")
"""Control lines that we can only look at."""

CONTROLS = (*OUTPUTS, *INPUTS)


@dataclass(frozen=True, slots=True)
class Pin:
    """The control line that a line of the mount hangs on.

    Attributes:
        control: its name, one of `CONTROLS`.
        inverted: the mount's line is high when the control line is inactive.
    """

    control: str
    inverted: bool


@dataclass(slots=True)
class ControlLines:
    """The wiring between a mount's lines and a port's control lines, and what was last seen on it.

    Attributes:
        outputs: the lines that we drive, by the mount's name.
        inputs: the lines that the peer drives, by the mount's name.
    """

    outputs: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    inputs: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    _seen: dict[str, bool] = field(default_factory=dict[str, bool])

    @classmethod
    def described_by(cls, spec: PortSpec, role: Role) -> Self:
        """Read `rts=BODY_CS&cts=!LENS_CS` and the like; options of other names are left alone.

        Args:
            spec: the port in words.
            role: the end that is played there.

        Raises:
            TransportSpecError: a control line without a line of the mount, one that the mount does not have, two with
                the same one, or an output on a line that the peer drives.
        """
        drivers = spec.contacts.drivers if spec.contacts is not None else None
        pins: dict[str, Pin] = {}
        for control in CONTROLS:
            if (value := spec.options.get(control)) is None:
                continue
            line = value.removeprefix("!")
            if not line:
                raise spec.error(f"{control}= names no line; write {control}=LINE or {control}=!LINE")
            if line in pins:
                raise spec.error(f"line {line!r} hangs on both {pins[line].control} and {control}")
            if drivers is not None and line not in drivers:
                raise spec.error(unknown("line", line, drivers))
            if drivers is not None and control in OUTPUTS and drivers[line] is not role:
                raise spec.error(f"{control} is an output, and {line} is driven by the {role.peer.value}")
            pins[line] = Pin(control, inverted=value.startswith("!"))
        return cls(
            outputs={line: pin for line, pin in pins.items() if pin.control in OUTPUTS},
            inputs={line: pin for line, pin in pins.items() if pin.control in INPUTS},
        )

    @property
    def lines(self) -> frozenset[str]:
        """Every line of the mount that is wired."""
        return frozenset((*self.outputs, *self.inputs))

    def at_rest(self) -> dict[str, bool]:
        """Each output that is wired -> whether it is active while the mount's line is low."""
        return {pin.control: pin.inverted for pin in self.outputs.values()}

    def driven(self, line: str, level: bool) -> tuple[str, bool] | None:
        """The output to set and whether to make it active, or `None` where we do not drive this line."""
        pin = self.outputs.get(line)
        return None if pin is None else (pin.control, level is not pin.inverted)

    def changes(self, is_active: Callable[[str], bool | None]) -> list[LineChanged]:
        """The inputs whose level is not the one seen last.

        Args:
            is_active: whether an input is active; `None` where that is not known yet.
        """
        changed: list[LineChanged] = []
        for line, pin in self.inputs.items():
            active = is_active(pin.control)
            if active is None:
                continue
            level = active is not pin.inverted
            if self._seen.get(line) is not level:
                self._seen[line] = level
                changed.append(LineChanged(line, level))
        return changed
