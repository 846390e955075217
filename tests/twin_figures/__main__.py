"""Prints the figures that twins must reach on public captures: `make twin-figures`.

Each row makes twins from captures in a folder, and compares a figure with its target. A missing capture fails its row.
The exit code is 1 where a target is not reached.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from lensmount_emulator.comparison.reply_score import ReplyScore
from lensmount_emulator.engine.dialect_roles import Place
from lensmount_emulator.engine.twin_traits import Session
from lensmount_emulator.profiles.library import read_profile
from lensmount_emulator.sessions.loopback import run_loopback
from lensmount_emulator.twin.inference import Twin, infer_twin
from lensmount_emulator.twin.make import TwinRequest, TwinResult, get_twin_traits, make_twin
from lensmount_emulator.twin.replays import get_replay
from lensmount_emulator.twin.scoring import merge_parts, play_session
from lensmount_emulator.twin.sessions import read_session
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import MountError
from lensmount_protocol.wire import Role

RESTING = (
    "a6000_sel55210_init_55.sr",
    "a6000_ef50_viltrox_init.sr",
    "nex7-voigtlander-15mm-f4.5-inf.txt",
    "nex7-zeiss-28mm-at-2.8-init.txt",
)
DITHERS = "nex7-sony-28-70mm-at-70mm.txt"
CLOSING = "nex7-voigtlander-15mm-closing-aperture.txt"
INFINITY = RESTING[2]
OTHER_LENS = RESTING[3]
PLACES = 12
"""Places at which sessions are cut, or lose a frame."""

SEED = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        what: what was measured.
        figure: the figure, as text.
        target: its target, as text.
        reached: whether it is reached.
    """

    what: str
    figure: str
    target: str
    reached: bool


def strict_share(score: ReplyScore) -> float:
    """Share of strict replies, in percent."""
    return 100 * score.strict_share


def split_rows(folder: Path) -> Iterator[Row]:
    """The 60/40 split of each capture at rest, and of the one that dithers."""
    for name in RESTING:
        share = strict_share(made(folder, name).score)
        yield Row(f"60/40, strict: {name}", f"{share:.1f} %", "99 %", share >= 99)
    score = made(folder, DITHERS).score
    share, within = strict_share(score), 100 * score.within_noise / score.replies
    yield Row(f"60/40, strict: {DITHERS}", f"{share:.1f} %", "60 %", share >= 60)
    yield Row(f"60/40, within noise: {DITHERS}", f"{within:.1f} %", "90 %", within >= 90)


def state_rows(folder: Path) -> Iterator[Row]:
    """Left-out apertures, and a twin on a capture that it is not made from."""
    result = made(folder, CLOSING, leave_out=2, tests=(INFINITY,))
    assert result.left_out is not None
    share = strict_share(result.left_out)
    yield Row("every second aperture left out, states given", f"{share:.1f} %", "85 %", share >= 85)
    given = result.tests[INFINITY][1]
    share = 0.0 if given is None else strict_share(given)
    yield Row("closing aperture on infinity, states given", f"{share:.1f} %", "98 %", share >= 98)


def size_rows(folder: Path) -> Iterator[Row]:
    """Size of each twin next to the replies that it was scored on, and time from a capture to a playing twin."""
    shares: list[float] = []
    slowest = 0.0
    for name in (*RESTING, DITHERS, CLOSING):
        began = sum(os.times()[:2])
        result = made(folder, name)
        played = run_loopback(lens=read_profile(result.profile, name), seconds=1.5)
        slowest = max(slowest, sum(os.times()[:2]) - began)
        shares.append(100 * result.score.twin_bytes / result.score.reply_bytes)
        if played.errors:
            yield Row(f"plays: {name}", f"{len(played.errors)} errors", "none", reached=False)
    yield Row("twin size / reply bytes, largest", f"{max(shares):.1f} %", "15 %", max(shares) <= 15)
    yield Row("capture to playing twin, slowest, processor time", f"{slowest:.1f} s", "10 s", slowest < 10)


def join_rows(folder: Path) -> Iterator[Row]:
    """Sessions that begin in the middle, and sessions that lose one frame of the body."""
    joined, lost = [0, 0], [0, 0]
    random = Random(SEED)
    for name in RESTING:
        session, twin = whole_twin(folder, name)
        loop = [at for at, one in enumerate(session.frames) if one.sender is Role.BODY and one.frame.class_ == 1]
        settled = loop[len(loop) // 5 : len(loop) * 9 // 10]
        for number in range(PLACES):
            at = settled[number * len(settled) // PLACES]
            count(joined, score_on(twin, replace(session, frames=session.frames[at:]), trained=False))
            at = random.choice(loop)
            frames = session.frames[:at] + session.frames[at + 1 :]
            count(lost, score_on(twin, replace(session, frames=frames), trained=True))
    for what, (strict, replies), target in (
        (f"joined at {PLACES} places, sessions at rest", joined, 97),
        (f"one lost frame of the body, {PLACES} sessions each", lost, 95),
    ):
        share = 100 * strict / replies
        yield Row(what, f"{share:.1f} %", f"{target} %", share >= target)


def control_rows(folder: Path) -> Iterator[Row]:
    """Controls: a shuffled capture, another lens's capture, and the training part."""
    session = read_session(folder / INFINITY, load_dialect("emount"))
    order = shuffled_stream(session, Random(SEED))
    place = round(sum(one.sender is Role.LENS for one in order.frames) * 0.6)
    ends = [at for at, one in enumerate(order.frames) if one.sender is Role.LENS]
    twin = infer(order.first(ends[place]))
    score = score_on(twin, order, trained=True, place=place)
    share, constants = strict_share(score), 100 * score.constants_strict / score.replies
    yield Row(
        "control, shuffled capture", f"{share:.1f} %", f"near constants, {constants:.1f} %", share <= constants + 5
    )
    result = made(folder, INFINITY, tests=(OTHER_LENS,))
    stream = result.tests[OTHER_LENS][0].by_message
    replies, strict = next((value for name, value in stream.items() if name.startswith("05")), (1, 1))
    share = 100 * strict / replies
    yield Row("control, `05` of another lens", f"{share:.1f} %", "near 0", share <= 3)
    whole = made(folder, INFINITY, train="100%").score
    yield Row("control, training part", whole.split, "in sample", whole.in_sample)


def made(folder: Path, name: str, *, leave_out: int = 0, tests: Sequence[str] = (), train: str = "60%") -> TwinResult:
    """The twin of one capture."""
    request = TwinRequest([folder / name], leave_out=leave_out, tests=[folder / one for one in tests], train=train)
    return make_twin(request)


def whole_twin(folder: Path, name: str) -> tuple[Session, Twin]:
    """A session, and the twin that is made from all of it."""
    session = read_session(folder / name, load_dialect("emount"))
    return session, infer(session)


def infer(session: Session) -> Twin:
    """The twin of a lens that is made from a whole session."""
    traits, dialect = get_twin_traits("emount"), load_dialect("emount")
    return infer_twin([session], "emount", Place.LENS, traits, get_replay(dialect, Place.LENS, traits))


def score_on(twin: Twin, session: Session, *, trained: bool, place: int = 0) -> ReplyScore:
    """The score of a twin on a session, from a reply on."""
    dialect = load_dialect("emount")
    replay = get_replay(dialect, Place.LENS, get_twin_traits("emount"))
    part = play_session(twin.settings, session, replay, dialect, trained=trained).part(place)
    return merge_parts([part], twin.settings, split="", noise=())


def count(total: list[int], score: ReplyScore) -> None:
    """Add a score to a sum of strict replies and replies."""
    total[0] += score.strict
    total[1] += score.replies


def shuffled_stream(session: Session, random: Random) -> Session:
    """The session with the payloads of its `05` in random order; numbers and checksums stay right."""
    dialect = load_dialect("emount")
    places = [at for at, one in enumerate(session.frames) if one.frame.payload[:1] == b"\x05"]
    frames = list(session.frames)
    for at, source in zip(places, random.sample(places, len(places)), strict=True):
        own, other = frames[at].frame, session.frames[source].frame
        raw = dialect.build_frame(other.payload, own.class_, own.sequence)
        frames[at] = replace(frames[at], frame=replace(other, raw=raw, sequence=own.sequence))
    return replace(session, frames=frames)


SECTIONS: tuple[Callable[[Path], Iterator[Row]], ...] = (split_rows, state_rows, size_rows, join_rows, control_rows)


def all_rows(folder: Path, sections: Sequence[Callable[[Path], Iterator[Row]]] = SECTIONS) -> Iterator[Row]:
    """Yield every row; a section that cannot be measured is a row that is not reached."""
    for section in sections:
        try:
            yield from section(folder)
        except MountError as error:
            yield Row(section.__name__.replace("_", " "), str(error), "measured", reached=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a target is not reached."""
    parser = argparse.ArgumentParser(prog="twin-figures", description=__doc__)
    parser.add_argument("folder", type=Path, help="the folder with the public captures of the E-mount")
    folder = parser.parse_args(arguments).folder
    failed = 0
    for row in all_rows(folder):
        failed += not row.reached
        mark = "reached" if row.reached else "NOT REACHED"
        sys.stdout.write(f"{row.what:<62} {row.figure:>28}   target {row.target:<26} {mark}\n")
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
