"""The units whose tests are judged, and the sample of mutants that is drawn from each.

A unit is one module, or several small ones of one subject, so that each has enough mutants for a sample.
"""

from collections.abc import Container
from dataclasses import dataclass
from random import Random

from mutation.mutant import Mutant
from mutation.places import ROOT

PER_UNIT = 30

PROTOCOL = "protocol/lensmount_protocol/"
DIALECTS = PROTOCOL + "dialects/"
ENGINE = "emulator/lensmount_emulator/engine/"
ROLES = "emulator/lensmount_emulator/roles/"
EMOUNT, LMOUNT = ROLES + "emount/", ROLES + "lmount/"
MODELS = "emulator/lensmount_emulator/models/"
SESSIONS = "emulator/lensmount_emulator/sessions/"
BOARDS = "hardware/lensmount_hardware/boards/"

PATTERNS: dict[str, tuple[str, ...]] = {
    "framer": (PROTOCOL + "framer.py",),
    "connection": (PROTOCOL + "connection.py",),
    "frame parser": (PROTOCOL + "frame_parser.py",),
    "decoder": (PROTOCOL + "decoder.py",),
    "timing": (PROTOCOL + "timing.py",),
    "transitions": (PROTOCOL + "dialect.py", DIALECTS + "*/transitions.py"),
    "dialect timing": (DIALECTS + "*/timing.py",),
    "engine": (ENGINE + "*.py",),
    "emount body": (EMOUNT + "body/*.py",),
    "emount lens": (EMOUNT + "lens/*.py", EMOUNT + "windows.py"),
    "emount profiles": (EMOUNT + "profile.py", EMOUNT + "roles.py"),
    "lmount body": tuple(LMOUNT + f"body/{name}.py" for name in ("engine", "engine_base", "frame_loop", "actions")),
    "lmount body startup": tuple(LMOUNT + f"body/{name}.py" for name in ("startup", "compatibility_checks")),
    "lmount body extensions": (
        *(LMOUNT + f"body/{name}.py" for name in ("extensions", "script", "script_arguments")),
        LMOUNT + "ids.py",
    ),
    "lmount lens": (
        *(LMOUNT + f"lens/{name}.py" for name in ("engine", "engine_base", "controls")),
        LMOUNT + "link_engine.py",
    ),
    "lmount lens commands": tuple(LMOUNT + f"lens/{name}.py" for name in ("commands", "queries", "extensions")),
    "lmount lens power": (
        *(LMOUNT + f"lens/{name}.py" for name in ("power", "stream")),
        LMOUNT + "profile.py",
    ),
    "lmount firmware update": (LMOUNT + "*/firmware_update.py",),
    "lmount accessory": (LMOUNT + "accessories/*.py",),
    "models focus": (MODELS + "focus_drive.py",),
    "models optics": (
        *(MODELS + f"{name}.py" for name in ("optics", "diaphragm", "zoom", "power_budget", "stabiliser")),
        EMOUNT + "models.py",
    ),
    "models firmware": (MODELS + "firmware_*.py",),
    "guard": tuple(SESSIONS + f"{name}.py" for name in ("send_guard", "receiver_streams", "payload_rules")),
    "board link": (BOARDS + "link.py", BOARDS + "byte_stream.py"),
    "board session": tuple(BOARDS + f"{name}.py" for name in ("session", "flow_control")),
    "board protocol": tuple(BOARDS + f"protocol/{name}.py" for name in ("framing", "commands", "reports", "constants")),
    "board simulator": (BOARDS + "simulator/board.py", BOARDS + "simulator/bench.py"),
    "board simulator lines": (BOARDS + "simulator/lines.py", BOARDS + "simulator/queues.py"),
}


@dataclass(frozen=True, slots=True)
class Unit:
    """Source files that are judged together.

    Attributes:
        name: the subject.
        files: relative to the project.
    """

    name: str
    files: tuple[str, ...]


def find_units(only: str = "") -> list[Unit]:
    """The units whose name contains the text.

    Raises:
        LookupError: a pattern matches no file, or no unit has such a name.
    """
    units = []
    for name, patterns in PATTERNS.items():
        if only not in name:
            continue
        files: list[str] = []
        for pattern in patterns:
            found = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
            if not found:
                raise LookupError(f"{pattern} of the unit {name!r} matches no file: correct tests/mutation/units.py")
            files += found
        units.append(Unit(name, tuple(dict.fromkeys(files))))
    if not units:
        raise LookupError(f"no unit has {only!r} in its name; there are {', '.join(PATTERNS)}")
    return units


def draw(unit: Unit, seed: int, count: int, equivalent: Container[tuple[str, str, str, str, int]]) -> list[Mutant]:
    """A sample of a unit: `count` mutants that are not listed as equivalent, and the listed ones drawn before them.

    Raises:
        ValueError: the unit has fewer mutants.
    """
    # The mutation tool is an extra; the units themselves are checked without it.
    from mutation.generating import make_mutants

    mutants = [mutant for file in unit.files for mutant in make_mutants(file)]
    Random(f"{seed} {unit.name}").shuffle(mutants)
    drawn: list[Mutant] = []
    left = count
    for mutant in mutants:
        if not left:
            break
        drawn.append(mutant)
        left -= mutant.key not in equivalent
    if left:
        raise ValueError(
            f"the unit {unit.name!r} has {count - left} mutants that are not equivalent, {count} are wanted"
        )
    return drawn
