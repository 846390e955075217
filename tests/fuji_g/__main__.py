"""Prints how the Fuji G lens and body do in the place of captured ones: `make fuji-g`, or with files as arguments."""

import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time

from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.roles.fuji_g.fidelity.body_replay import BodyTrace, replay_to_body, trace_capture
from lensmount_emulator.roles.fuji_g.fidelity.capture_replay import WordScore, replay_words
from lensmount_emulator.roles.fuji_g.profile import BodySettings
from lensmount_emulator.sessions.loopback import make_virtual_session
from lensmount_hardware.captures.formats import open_capture
from lensmount_protocol.decoder import DecodedFrame, Decoder
from lensmount_protocol.dialects.fuji_g.dialect import FUJI_G
from lensmount_protocol.dialects.fuji_g.link import LensBlock

CAPTURES = Path(__file__).parents[3] / "shared" / "captures" / "fuji-g"
KINDS = ("acknowledge", "null", "echo", "block", "status", "iris step", "position", "aperture ring", "focus ring",
         "temperature", "move result", "09.0")  # fmt: skip


def profile_for(path: Path) -> str:
    """The profile by the model in the lens's block; the GF45 where the capture holds none."""
    for event in Decoder(FUJI_G).decode(open_capture(path, FUJI_G.wiring).records):
        if isinstance(event, DecodedFrame) and isinstance(event.messages[0], LensBlock):
            return "gf110" if event.messages[0].model.startswith(b"FSSNW104") else "gf45"
    return "gf45"


def row(name: str, score: WordScore) -> str:
    """One line: equal units of each kind, ends of moves, and positions on the way."""
    parts = [f"{kind} {score.exact[kind]}/{score.expected[kind]}" for kind in KINDS if score.expected[kind]]
    parts += [f"ends {score.ends[0]}/{score.ends[1]}", f"paths {score.paths[0]}/{score.paths[1]}", f"late {score.late}"]
    return f"{name}: {', '.join(parts)}"


EXACT_KINDS = ("acknowledge", "null", "echo", "iris step")
MIN_STATUS = 0.97
"""Share of the status replies that are equal to the bit."""


def is_lens_good(score: WordScore) -> bool:
    """Whether there were units of each kind, the lens gave those it must, in time, and moved as the captured one."""
    kinds = (*EXACT_KINDS, "status")
    return (
        all(score.expected[kind] for kind in kinds)
        and all(score.exact[kind] == score.expected[kind] for kind in EXACT_KINDS)
        and score.exact["status"] >= MIN_STATUS * score.expected["status"]
        and score.late == 0
        and all(good == count > 0 for good, count in (score.ends, score.paths))
    )


PERIOD_MS = 40.0
PERIOD_TOLERANCE_MS = 0.05
"""Difference of the median period of polls from 40.0 ms."""


@dataclass(slots=True)
class BodyFigures:
    """The bodies of all captures, captured and ours.

    Attributes:
        startup: requests of start-ups that are equal in place and payload, and all captured ones.
        ring: moves by the focus ring that are equal, and all captured ones.
        medians: the median period of our polls in each capture, in ms.
        captured: reaction -> captured delays in us.
        ours: reaction -> our delays in us.
    """

    startup: list[int] = field(default_factory=lambda: [0, 0])
    ring: list[int] = field(default_factory=lambda: [0, 0])
    medians: list[float] = field(default_factory=lambda: list[float]())
    captured: dict[str, list[float]] = field(default_factory=lambda: dict[str, list[float]]())
    ours: dict[str, list[float]] = field(default_factory=lambda: dict[str, list[float]]())

    def add(self, theirs: BodyTrace, ours: BodyTrace) -> str:
        """Add a capture; return its line."""
        parts = list[str]()
        for name, total, one, other in (
            ("start-up requests", self.startup, theirs.startup, ours.startup),
            ("moves by ring", self.ring, theirs.ring_moves, ours.ring_moves),
        ):
            equal = sum(mine == captured for captured, mine in zip(one, other, strict=False))
            total[0], total[1] = total[0] + equal, total[1] + max(len(one), len(other) if one else 0)
            parts += [f"{name} {equal}/{max(len(one), len(other))}"] if one else []
        periods, captured = ours.poll_periods_ms(), theirs.poll_periods_ms()
        if periods and captured:
            self.medians.append(statistics.median(periods))
            parts.append(f"polls every {self.medians[-1]:.3f} ms, captured {statistics.median(captured):.3f}")
        else:
            parts.append("too few polls to measure their period")
        for pool, trace in ((self.captured, theirs), (self.ours, ours)):
            for name, delays in trace.reactions_us().items():
                pool.setdefault(name, []).extend(delays)
        return ", ".join(parts)

    def reactions(self) -> Iterator[tuple[str, bool]]:
        """For each reaction its line, and whether all of ours are within the captured bounds."""
        for name, captured in self.captured.items():
            ours = self.ours.get(name, [])
            inside = sum(min(captured) <= delay <= max(captured) for delay in ours) if captured else 0
            if captured and ours:
                yield (
                    f"{name}: {inside}/{len(ours)} in the captured {min(captured):.0f} to {max(captured):.0f} us, "
                    f"median {statistics.median(ours):.0f}, captured {statistics.median(captured):.0f}",
                    inside == len(ours),
                )

    @property
    def good(self) -> bool:
        """Whether every start-up is equal, polls keep their period, and reactions keep the captured bounds."""
        reactions = [inside for _, inside in self.reactions()]
        return (
            self.startup[0] == self.startup[1] > 0
            and self.ring[0] == self.ring[1]
            and bool(self.medians)
            and all(abs(median - PERIOD_MS) <= PERIOD_TOLERANCE_MS for median in self.medians)
            and all(reactions)
            and bool(reactions)
        )


def play_body(paths: list[Path]) -> bool:
    """Play the body against the lens of each capture; return whether it does as the captured one."""
    body = load_profile("gfx50r")
    assert isinstance(body.settings, BodySettings)
    figures = BodyFigures()
    for path in paths:
        events = list(Decoder(FUJI_G).decode(open_capture(path, FUJI_G.wiring).records))
        print(f"{path.name} ({body.name}): {figures.add(trace_capture(events), replay_to_body(events, body.settings))}")
    (equal, startup), (moved, ring) = figures.startup, figures.ring
    print(f"all: start-up requests {equal}/{startup}, moves by ring {moved}/{ring}")
    for line, _ in figures.reactions():
        print(line)
    return figures.good


MIN_DECODE_SPEED = 20
MIN_SESSION_SPEED = 100
"""Times real time, of the processor."""

SESSION_S = 31.0
ROUNDS = 3
MAX_ROUNDS = 12
"""The fastest round counts: other programs slow down the others. Where it is not enough, further rounds follow."""


def measure_speed(paths: list[Path]) -> bool:
    """Print how fast a long capture is decoded and a session runs; return whether that is enough."""
    longest = max(paths, key=lambda path: path.stat().st_size)
    decode = session = 0.0
    rounds = 0
    while rounds < ROUNDS or (rounds < MAX_ROUNDS and (decode < MIN_DECODE_SPEED or session < MIN_SESSION_SPEED)):
        decode, session = max(decode, decode_speed(longest)), max(session, session_speed())
        rounds += 1
    print(
        f"speed, processor time, best of {rounds}: {longest.name} is decoded {decode:.0f} times as fast as real time "
        f"(needed {MIN_DECODE_SPEED}); a virtual session of {SESSION_S:g} s runs {session:.0f} times as fast "
        f"(needed {MIN_SESSION_SPEED})"
    )
    return decode >= MIN_DECODE_SPEED and session >= MIN_SESSION_SPEED


def decode_speed(path: Path) -> float:
    """Times real time with which a capture is decoded, up to its last frame."""
    began, last = process_time(), 0.0
    for event in Decoder(FUJI_G).decode(open_capture(path, FUJI_G.wiring).records):
        if isinstance(event, DecodedFrame):
            last = event.end or last
    return last / (process_time() - began)


def session_speed() -> float:
    """Times real time with which both ends play."""
    began = process_time()
    session = make_virtual_session("gfx50r", "gf45", seed=1, script="focus 800; iris 9")
    session.start()
    session.run(SESSION_S)
    return SESSION_S / (process_time() - began)


def main(files: list[str]) -> int:
    """Score each capture, and all of them; 1 where there is none, or where the body does otherwise."""
    paths = [Path(name) for name in files] or sorted(CAPTURES.glob("*.sal"))
    total = WordScore()
    for path in paths:
        profile = load_profile(profile_for(path))
        _, score = replay_words(list(open_capture(path, FUJI_G.wiring).records), FUJI_G, profile)
        print(row(f"{path.name} ({profile.name})", score))
        total.expected += score.expected
        total.exact += score.exact
        total.late += score.late
        for mine, theirs in ((total.ends, score.ends), (total.paths, score.paths)):
            mine[0], mine[1] = mine[0] + theirs[0], mine[1] + theirs[1]
    if not paths:
        print(f"no capture to score: none in {CAPTURES}; name one", file=sys.stderr)
        return 1
    print(row("all", total))
    reads = Counter(total.expected)
    units = sum(reads.values())
    print(f"{sum(total.exact.values())} of {units} units equal to the bit")
    if not is_lens_good(total):
        print("the lens differs from the captured one by more than it may: see the line of all", file=sys.stderr)
        return 1
    if not play_body(paths):
        print("the body differs from the captured one: see its lines", file=sys.stderr)
        return 1
    if not measure_speed(paths):
        print("slower than it has to be: see the line on speed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
