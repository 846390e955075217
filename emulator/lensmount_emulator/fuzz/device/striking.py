"""What the faults of bytes and frames make of bytes that are sent to a device, as on a virtual mount of theirs."""

from random import Random

from lensmount_emulator.faults.bytes import BitFlip, Drop, Duplicate, Insert, StuckBytes
from lensmount_emulator.faults.fault import Fault, Piece
from lensmount_emulator.faults.frames import Late, Repeat, Swap, Truncate, WrongChecksum, WrongLength, WrongSequence
from lensmount_emulator.fuzz.chance import any_frame
from lensmount_emulator.scheduler import Scheduler
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.wire import Role

WRONG: tuple[type[Fault], ...] = (
    *(BitFlip, Drop, Duplicate, Insert, StuckBytes),
    *(Late, Repeat, Swap, Truncate, WrongChecksum, WrongLength, WrongSequence),
)
"""Faults of bytes and frames."""


class _Hand:
    """What a fault may touch that changes bytes only: nothing beside them."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.scheduler = Scheduler()

    def hold(self, line: str, level: bool) -> None: ...

    def let_go(self, line: str) -> None: ...

    def take_off(self) -> None: ...

    def put_on(self) -> None: ...

    def exchange(self, lens: str) -> None: ...

    def note(self, text: str) -> None: ...

    def ends_of(self, sender: Role) -> float:
        del sender
        return 0.0

    def byte_time(self, sender: Role) -> float:
        del sender
        return 1e-5


def struck(fault: type[Fault], data: bytes, dialect: Dialect, role: Role, random: Random) -> list[Piece]:
    """What a fault makes of bytes; one that keeps a frame back is given another one to put in front of it."""
    one, hand = fault(), _Hand(dialect)
    one.random = Random(random.getrandbits(32))
    if not isinstance(one, Late | Repeat | Swap | Truncate) and hasattr(one, "rate"):
        one.rate = random.choice((0.02, 0.1, 1.0)) if fault is not StuckBytes else 1.0
    if isinstance(one, WrongLength | WrongSequence):
        one.by = random.choice((-3, -1, 1, 7, 100))
    pieces = one.alter([Piece(data)], role, hand)
    if not pieces:
        pieces = one.alter([Piece(any_frame(random, dialect, role))], role, hand)
    return pieces
