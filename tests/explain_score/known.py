"""The twelve kinds of breakage that explanations were written for, and sessions in which nothing went wrong."""

from collections.abc import Iterator
from pathlib import Path

from explain_score.edits import find, insert_frame, pulse, remove_frame, remove_window, without_notes
from explain_score.truth import Breakage
from lensmount_emulator.explain.finding import FindingKind as K
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.wire import Role, WireRecord

CAPTURES = Path(__file__).resolve().parents[3] / "shared" / "captures" / "e-mount"
PAIR = ("a6000", "sel55210")
SECONDS = 1.6
EMOUNT = load_dialect("emount")
_LENS, _BODY = Role.LENS, Role.BODY


def session(
    *faults: str, pair: tuple[str, str] = PAIR, seconds: float = SECONDS, seed: int | None = 3
) -> list[WireRecord]:
    return without_notes(run_loopback(*pair, seconds=seconds, seed=seed, faults=faults).records)


def known_breakages() -> Iterator[Breakage]:
    """The twelve kinds."""
    good = session()
    reply = find(good, EMOUNT, _LENS, 0x08)
    at = reply.at or 0.0

    def case(name: str, records: list[WireRecord], *kinds: K, when: float = at, end: Role | None = _LENS) -> Breakage:
        return Breakage(name, records, "emount", frozenset(kinds), when, 0.1, end, PAIR)

    yield case("no reply to 08", session("drop rate=1 from=lens at=0.182s for=5ms"), K.NO_REPLY, K.FRAME_MISSING)
    yield case("short reply 08", session("truncate from=lens at=0.182s by=10"), K.SHORT_FRAME)
    yield case("lens at a wrong rate", session("baud by=-25% from=lens at=0.17s"), K.BAUDRATE, when=0.17)
    yield case(
        "no frame sync", session("stuck-line line=VD level=high for=60s"), K.STEP_MISSING, when=0.0022, end=_BODY
    )
    yield case("late reply 08", session("delay-frame from=lens at=0.182s by=3ms"), K.LATE)
    yield case("reply outside its window", remove_window(good, EMOUNT, reply), K.OUTSIDE_WINDOW)
    yield case("request sent twice", session("duplicate-frame from=body at=0.181s"), K.REPEATED, end=_BODY)
    refusal = EMOUNT.build_frame(bytes.fromhex("0202080400000000"), 2, 0)
    refused = insert_frame(remove_frame(good, EMOUNT, reply), EMOUNT, _LENS, at, refusal, reply.baudrate)
    yield case("refused message", refused, K.REFUSED)
    yield case("lens taken off", session("detach at=0.6s"), K.DETACHED, when=0.6)
    yield case("bouncing line", pulse(good, "LENS_CS", True, 0.1825, 20e-6, 4), K.BOUNCE, when=0.1825)
    yield case(
        "stuck select line", session("stuck-line line=LENS_CS level=high at=0.17s for=5s"), K.STUCK_LINE, when=0.17
    )
    yield case("clock off", session("drift by=6% from=lens"), K.CLOCK, when=0.0)


VIRTUAL_PAIRS = tuple(
    (body, lens)
    for body in ("a6000", "nex7")
    for lens in ("sel55210", "viltrox-ef50", "voigtlander-15", "loxia-21", "sel2870")
)
OPEN_PAIRS = (
    ("panasonic-s1r", "leica-vario-elmarit-sl-24-90mm-f2.8-4"),
    ("sigma-fp", "sigma-45mm-f2.8-dg-dn"),
    ("leica-sl2", "panasonic-s-pro-70-200mm-f2.8"),
)


def good_sessions() -> Iterator[tuple[str, Breakage | Path, tuple[str, str] | None]]:
    """25 sessions in which nothing went wrong, each with the devices that its reference has, mostly others."""
    for number, pair in enumerate(VIRTUAL_PAIRS):
        other = VIRTUAL_PAIRS[(number + 3) % len(VIRTUAL_PAIRS)]
        records = session(pair=pair, seed=number, seconds=1.6)
        yield f"{' + '.join(pair)}, seed {number}", Breakage("", records, "emount", frozenset(), 0.0), other
    for number, pair in enumerate(OPEN_PAIRS):
        records = session(pair=pair, seed=number, seconds=1.0)
        yield (
            f"{' + '.join(pair)}, seed {number}",
            Breakage("", records, "lmount", frozenset(), 0.0),
            OPEN_PAIRS[number - 1],
        )
    names = (
        "a6000_sel55210_init_55.sr",
        "a6000_ef50_viltrox_init.sr",
        "a6000_ef50_viltrox_init.frames.jsonl",
        "fullinit.txt",
        "mainloop_nex7_a7.txt",
        "nex7-clocks-and-sync-lines.txt",
        "nex7-clocks-and-sync-lines.frames.jsonl",
        "nex7-sony-28-70mm-at-70mm.txt",
        "nex7-voigtlander-15mm-closing-aperture.txt",
        "nex7-voigtlander-15mm-f4.5-inf.txt",
        "nex7-zeiss-28mm-at-2.8-init.txt",
        "nex7-sony-28-70mm-at-70mm.frames.jsonl",
    )
    for number, name in enumerate(names):
        yield name, CAPTURES / name, VIRTUAL_PAIRS[number % len(VIRTUAL_PAIRS)]
