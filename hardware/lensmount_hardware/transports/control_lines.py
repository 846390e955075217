"""The wiring of a mount's lines to the control lines of a serial port, with their polarity."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from lensmount_hardware.port_spec import PortSpec
from lensmount_protocol.errors import unknown_name_message
from lensmount_protocol.wire import LineChanged, Role

OUTPUTS = ("rts", "dtr")
"""Control lines that we drive."""

INPUTS = ("cts", "dsr", "dcd", "ri")
"""Control lines that we can only read."""

CONTROLS = (*OUTPUTS, *INPUTS)

HELD_LEVELS = {"active": True, "inactive": False}
"""Constant levels that an output without a line may have, as in `rts=inactive`."""


@dataclass(frozen=True, slots=True)
class ControlLinePin:
    """The control line that a line of the mount is wired to.

    Attributes:
        control: its name, one of `CONTROLS`.
        inverted: the mount's line is high when the control line is inactive.
    """

    control: str
    inverted: bool


@dataclass(slots=True)
class ControlLines:
    """The wiring between a mount's lines and a port's control lines, and the last levels seen.

    Attributes:
        outputs: the lines that we drive, by the mount's name.
        inputs: the lines that the peer drives, by the mount's name.
        held: outputs without a line -> whether they are active, from opening to closing and afterwards.
        detect: the line that is grounded while the port is open, which shows a lens.
    """

    outputs: Mapping[str, ControlLinePin] = field(default_factory=dict[str, ControlLinePin])
    inputs: Mapping[str, ControlLinePin] = field(default_factory=dict[str, ControlLinePin])
    held: Mapping[str, bool] = field(default_factory=dict[str, bool])
    detect: str = ""
    _seen: dict[str, bool] = field(default_factory=dict[str, bool])

    @classmethod
    def from_spec(cls, spec: PortSpec, role: Role) -> Self:
        """Read `rts=BODY_CS&cts=!LENS_CS&dtr=inactive` and the like; options of other names are left alone.

        Args:
            spec: the port specification.
            role: the end that is played there.

        Raises:
            TransportSpecError: a control line without a line of the mount, one that the mount does not have, two with
                the same one, an output on a line that the peer drives, or an input with a constant level.
        """
        drivers = spec.contacts.drivers if spec.contacts is not None else None
        pins: dict[str, ControlLinePin] = {}
        held: dict[str, bool] = {}
        for control in CONTROLS:
            if (value := spec.options.get(control)) is None:
                continue
            line = value.removeprefix("!")
            if line in HELD_LEVELS:
                if control in INPUTS or line != value:
                    raise spec.error(f"{control}={value}: only {' and '.join(OUTPUTS)} can be held active or inactive")
                held[control] = HELD_LEVELS[line]
                continue
            if not line:
                raise spec.error(f"{control}= names no line; write {control}=LINE or {control}=!LINE")
            if line in pins:
                raise spec.error(f"line {line!r} is wired to both {pins[line].control} and {control}")
            if drivers is not None and line not in drivers:
                raise spec.error(unknown_name_message("line", line, drivers))
            if drivers is not None and control in OUTPUTS and drivers[line] is not role:
                raise spec.error(f"{control} is an output, and {line} is driven by the {role.peer.value}")
            pins[line] = ControlLinePin(control, inverted=value.startswith("!"))
        return cls(
            outputs={line: pin for line, pin in pins.items() if pin.control in OUTPUTS},
            inputs={line: pin for line, pin in pins.items() if pin.control in INPUTS},
            held=held,
            detect="" if spec.contacts is None else spec.contacts.detect,
        )

    @property
    def needs_control_lines(self) -> bool:
        """Whether the port has to have control lines at all."""
        return bool(self.outputs or self.inputs or self.held)

    @property
    def lines(self) -> frozenset[str]:
        """Every line of the mount that is wired."""
        return frozenset((*self.outputs, *self.inputs))

    def idle_levels(self) -> dict[str, bool]:
        """Return for each output that is wired or held whether it is active when idle, with the mount's line low."""
        return {**self.held, **{pin.control: pin.inverted for pin in self.outputs.values()}}

    def released_levels(self) -> dict[str, bool]:
        """Return the same for a closed port: idle, except that the line that shows a lens is high."""
        detect = self.outputs.get(self.detect)
        return self.idle_levels() | ({} if detect is None else {detect.control: not detect.inverted})

    def pulsed(self) -> list[str]:
        """Return the outputs that idle inactive, with their lines: most systems activate them while opening a port."""
        carried = {pin.control: line for line, pin in self.outputs.items()}
        return [
            f"{control.upper()} ({carried.get(control, 'no line')})"
            for control, active in self.idle_levels().items()
            if not active
        ]

    def driven(self, line: str, level: bool) -> tuple[str, bool] | None:
        """Return the output to set and whether it becomes active; `None` where we do not drive this line."""
        pin = self.outputs.get(line)
        return None if pin is None else (pin.control, level is not pin.inverted)

    def changes(self, is_active: Callable[[str], bool | None]) -> list[LineChanged]:
        """Return the inputs that have changed since the last call.

        Args:
            is_active: returns whether an input is active; `None` where that is not known yet.
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
