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

RESTS = {"active": True, "inactive": False}
"""What an output without a line may be declared to be all the time: the words of `rts=inactive`."""


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
        held: outputs without a line -> whether they are active, from opening to closing and behind it.
        detect: the line that is grounded for as long as the port is open, for that is how a lens is there.
    """

    outputs: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    inputs: Mapping[str, Pin] = field(default_factory=dict[str, Pin])
    held: Mapping[str, bool] = field(default_factory=dict[str, bool])
    detect: str = ""
    _seen: dict[str, bool] = field(default_factory=dict[str, bool])

    @classmethod
    def described_by(cls, spec: PortSpec, role: Role) -> Self:
        """Read `rts=BODY_CS&cts=!LENS_CS&dtr=inactive` and the like; options of other names are left alone.

        Args:
            spec: the port in words.
            role: the end that is played there.

        Raises:
            TransportSpecError: a control line without a line of the mount, one that the mount does not have, two with
                the same one, an output on a line that the peer drives, or an input that is said to be held.
        """
        drivers = spec.contacts.drivers if spec.contacts is not None else None
        pins: dict[str, Pin] = {}
        held: dict[str, bool] = {}
        for control in CONTROLS:
            if (value := spec.options.get(control)) is None:
                continue
            line = value.removeprefix("!")
            if line in RESTS:
                if control in INPUTS or line != value:
                    raise spec.error(f"{control}={value}: only {' and '.join(OUTPUTS)} can be held active or inactive")
                held[control] = RESTS[line]
                continue
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

    def at_rest(self) -> dict[str, bool]:
        """Each output that is wired or held -> whether it is active at rest, while the mount's line is low."""
        return {**self.held, **{pin.control: pin.inverted for pin in self.outputs.values()}}

    def let_go(self) -> dict[str, bool]:
        """The same for a port that is closed: at rest, but for the line by which a lens is there; that one is high."""
        gone = self.outputs.get(self.detect)
        return self.at_rest() | ({} if gone is None else {gone.control: not gone.inverted})

    def pulsed(self) -> list[str]:
        """Of each output that rests inactive, what it is and carries: most systems make it active while they open."""
        carried = {pin.control: line for line, pin in self.outputs.items()}
        return [
            f"{control.upper()} ({carried.get(control, 'no line')})"
            for control, active in self.at_rest().items()
            if not active
        ]

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
