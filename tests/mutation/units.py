"""The units whose tests are judged, and the sample of mutants that is drawn from each.

A unit is one module, or several small ones of one subject, so that each has enough mutants for a sample.
"""

from collections.abc import Container
from dataclasses import dataclass
from random import Random

from mutation.generating import make_mutants
from mutation.mutant import Mutant
from mutation.places import ROOT

PER_UNIT = 30

PROTOCOL = "protocol/lensmount_protocol/"
DIALECTS = PROTOCOL + "dialects/"
ROLES = "emulator/lensmount_emulator/roles/"
EMOUNT, LMOUNT = ROLES + "emount/", ROLES + "lmount/"
MODELS = "emulator/lensmount_emulator/models/"
SESSIONS = "emulator/lensmount_emulator/sessions/"
BOARDS = "hardware/lensmount_hardware/boards/"

PATTERNS: dict[str, tuple[str, ...]] = {
    "framer": (PROTOCOL + "framer.py",),
    "connection": (PROTOCOL + "connection.py",),
    "reader": (PROTOCOL + "reader.py",),
    "decoder": (PROTOCOL + "decoder.py",),
    "timing": (PROTOCOL + "timing.py",),
    "transitions": (PROTOCOL + "transitions.py", DIALECTS + "*/transitions.py"),
    "dialect timing": (DIALECTS + "*/timing.py",),
    "roles shared": tuple(ROLES + name for name in ("engine.py", "tasks.py", "handlers.py", "arming.py", "script.py")),
    "emount body": (EMOUNT + "body*.py",),
    "emount lens": (EMOUNT + "lens*.py", EMOUNT + "windows.py", EMOUNT + "transmit_ring.py", EMOUNT + "settings.py"),
    "emount profiles": (EMOUNT + "checks.py", EMOUNT + "cast.py", ROLES + "value_checks.py"),
    "lmount body": tuple(LMOUNT + f"body{name}.py" for name in ("", "_core", "_cycle", "_deeds", "_sleep")),
    "lmount body greeting": (LMOUNT + "body_greeting.py", LMOUNT + "body_checks.py", LMOUNT + "checks.py"),
    "lmount body pages": tuple(
        LMOUNT + f"{name}.py" for name in ("body_pag*", "body_script", "body_words", "pages", "numbers", "folding")
    ),
    "lmount lens": tuple(LMOUNT + f"{name}.py" for name in ("lens", "lens_core", "link_end", "fitting", "lens_hand")),
    "lmount lens orders": tuple(LMOUNT + f"lens_{name}.py" for name in ("orders", "answers", "pages", "paging")),
    "lmount lens power": tuple(
        LMOUNT + f"{name}.py" for name in ("lens_power", "lens_stream", "fast_focus", "settings", "coupling")
    ),
    "lmount update": (LMOUNT + "*update.py", LMOUNT + "*firmware.py"),
    "lmount accessory": (LMOUNT + "relay*.py", LMOUNT + "rewriting.py", LMOUNT + "accessory_optics.py"),
    "models focus": (MODELS + "focus_*.py",),
    "models optics": tuple(
        MODELS + f"{name}.py"
        for name in (
            *("optics", "iris", "diaphragm", "zoom_group"),
            *("power_budget", "image_stabiliser", "shake", "row_echo"),
        )
    ),
    "models firmware": (MODELS + "firmware_*.py", MODELS + "flash.py"),
    "guard": tuple(
        SESSIONS + f"{name}.py" for name in ("gate", "guarding", "frame_watch", "payload_rules", "rate_streams")
    ),
    "board link": (BOARDS + "link.py", BOARDS + "streams.py"),
    "board conversation": tuple(BOARDS + f"{name}.py" for name in ("conversation", "credit", "asking")),
    "board protocol": tuple(BOARDS + f"{name}.py" for name in ("protocol", "orders", "reports", "words")),
    "board model": (BOARDS + "model.py", BOARDS + "model_door.py", BOARDS + "model_ear.py"),
    "board model wire": tuple(BOARDS + f"model_{name}.py" for name in ("wire", "pins", "queue", "stream", "reports")),
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
