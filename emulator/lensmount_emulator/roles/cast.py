"""What plays the ends of a dialect: settings to check a profile against, verbs of a script, and engines."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

from msgspec import Struct

from lensmount_emulator.roles.accessory import Coupler
from lensmount_emulator.roles.engine import Engine
from lensmount_emulator.roles.findings import Rule
from lensmount_emulator.roles.fuzz_traits import FuzzTraits
from lensmount_emulator.roles.script import Reader, Step
from lensmount_emulator.roles.tasks import Await, Task
from lensmount_protocol.message import Message


class Place(Enum):
    """Where on a mount a profile's device stands."""

    BODY = "body"
    LENS = "lens"
    ACCESSORY = "accessory"


Asking = Generator[Await, bool, Message | None]
"""A task that gives what came back; `None` where nothing did."""


@dataclass(frozen=True, slots=True)
class Cast:
    """The two ends of a dialect, and what may stand between them.

    Attributes:
        settings: place -> what a profile of it must say.
        check: what the shape alone cannot say of a profile's name, place and settings; raises `ProfileError` with the
            key and what is legal.
        verbs: what a script can make the body do.
        lens_verbs: what a script can make the hand do that holds the lens.
        rules: why something works only in part, by name.
        engine: settings, carried lines (`None` on the virtual mount), source of jitter and script to an engine.
        usual_body: profile of the body that is taken where none is named.
        usual_lens: profile of the lens that is taken where none is named.
        check_script: what a body does in a test of every combination, where no script is given; `""` lets the two ends
            start and run for a moment.
        couple: what puts accessories on a lens; `None` where nothing stands between the ends.
        carry_out: one more step for a body that is `done` with its script; `None` where it takes no more.
        ask: one message to the lens, of somebody's own wording, and its answer; `None` where a body asks for nobody.
            Raises `LocalProtocolError` for a message that cannot be asked by itself.
        fuzz_traits: what fuzzing knows of the dialect.
        probe: a request that every healthy lens answers and that changes nothing; `None` where there is none, and a
            device is judged by its stream alone.
        capture_replay: the function that plays captures against an engine, as `package.module:NAME`; it takes the
            records, the dialect and the profile. `""` where captures of the dialect cannot be replayed.
    """

    settings: Mapping[Place, type[Struct]]
    check: Callable[[Place, Struct], None]
    verbs: Mapping[str, Reader]
    lens_verbs: Mapping[str, Reader]
    rules: Mapping[str, Rule]
    engine: Callable[[Struct, frozenset[str] | None, Random | None, Sequence[Step]], Engine]
    usual_body: str
    usual_lens: str
    couple: Coupler | None = None
    check_script: str = ""
    carry_out: Callable[[Engine, Step], Task] | None = None
    ask: Callable[[Engine, Message], Asking] | None = None
    fuzz_traits: FuzzTraits = field(default_factory=FuzzTraits)
    probe: Callable[[], Message] | None = None
    capture_replay: str = ""
