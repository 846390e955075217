"""`python -m fidelity_figures FOLDER [--twins]`: every fidelity figure of the documentation, from these captures."""

import argparse
import sys
from pathlib import Path

from fidelity_figures.figures import (
    MOVING,
    OTHERS,
    PROFILES,
    assess_file,
    frames_of,
    joined,
    profile_rows,
    score_sessions,
    twin_figure,
    with_loss,
)
from lensmount_emulator.profiles.library import load_profile
from lensmount_hardware.clock import MonotonicClock
from lensmount_protocol.wire import Role


def main() -> int:
    """Print all tables; 1 where the folder holds none of the captures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the captures")
    parser.add_argument("--twins", action="store_true", help="twins of the captures too")
    options = parser.parse_args()
    missing = [name for name in dict(PROFILES) if not (options.folder / name).exists()]
    if missing:
        print(f"{options.folder}: no {', '.join(missing)}; give the folder with the captures", file=sys.stderr)
        return 1
    clock = MonotonicClock()
    for row in profile_rows(options.folder):
        print(row, flush=True)
    print("\njoined at 12 places, and with one lost frame of the body (strict, all sessions together)")
    for name, profile_name in PROFILES:
        profile, frames = load_profile(profile_name), frames_of(options.folder / name)
        kind = "moving " if name in MOVING else "resting"
        print(f"{profile_name:16}{name:44}{kind} joined {score_sessions(profile, joined(frames)).text()}")
        print(f"{'':60}{kind} lost   {score_sessions(profile, with_loss(frames)).text()}", flush=True)
        if profile.role is Role.BODY:
            lens = score_sessions(profile, with_loss(frames, Role.LENS))
            print(f"{'':60}{kind} of lens{lens.text()}", flush=True)
    print("\ncontrol: the profile of another lens")
    for name, profile_name in OTHERS:
        score = assess_file(options.folder / name, load_profile(profile_name)).score
        print(f"{profile_name:16}{name:44}{score.strict:6} of {score.replies:6} strict")
    if options.twins:
        print("\ntwins: made from the first 60 %, scored on the last 40 %")
        for name in dict.fromkeys(capture for capture, _ in PROFILES):
            began = clock.now()
            twin = twin_figure(options.folder / name)
            print(
                f"{name:44}{twin.strict:5} of {twin.replies:5} strict, {twin.within_noise:5} within noise; "
                f"in the engine {twin.played:5}; size {twin.size:.1%} of the reply bytes"
            )
            print(f"{'':44}joined {twin.joined.text()}; lost {twin.lost.text()}; {clock.now() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
