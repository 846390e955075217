"""What the ends of a dialect say to each other when nothing goes wrong: where a puppet has its words from."""

from collections import Counter
from functools import cache

from lensmount_emulator.fuzz.traits import players_of, profile, traits_of
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.frame import Frame
from lensmount_protocol.reader import FrameReader
from lensmount_protocol.wire import Burst, Role

TIMES = 2
"""How often the same kind of frame is kept: the first ones, in their order."""


@cache
def said(dialect: str, role: Role) -> tuple[bytes, ...]:
    """Frames of an end in the order of a session, from the greeting to sleep and back; none where nobody is known."""
    traits = traits_of(dialect)
    if not traits.bodies or not traits.lenses:
        return ()
    verbs = players_of(dialect).verbs
    rest = (verb for verb in ("sleep", "wake", "sleep") if verb in verbs)
    script = "; ".join((*filter(None, traits.scripts), *rest))
    session = run_loopback(profile(traits.bodies[0]), profile(traits.lenses[0]), script=script, seed=1)
    reader = FrameReader(session.dialect, role, session.dialect.paving())
    kinds, frames = Counter[tuple[int, bytes]](), list[bytes]()
    for record in session.records:
        if isinstance(record, Burst) and record.sender is role:
            for frame in reader.receive(record.data):
                if isinstance(frame, Frame):
                    kind = frame.class_, frame.payload[:1]
                    kinds[kind] += 1
                    if kinds[kind] <= TIMES:
                        frames.append(frame.raw)
    return tuple(frames)
