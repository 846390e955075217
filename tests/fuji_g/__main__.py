"""Prints how the Fuji G lens does in the place of the captured one: `make fuji-g`, or with other files as arguments."""

import sys
from collections import Counter
from pathlib import Path

from lensmount_emulator.fidelity.fuji_g.capture_replay import WordScore, replay_words
from lensmount_emulator.profiles.library import load_profile
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


def main(files: list[str]) -> int:
    """Score each capture, and all of them; 1 where there is none."""
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
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
