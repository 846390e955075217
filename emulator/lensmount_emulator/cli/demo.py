"""A demonstration: bodies and lenses of the L-Mount's makers on an open model of their mount, then a real E-mount.

The model is designed from public facts. It is not the L-Mount protocol, which is licensed and unpublished.
"""

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount demo`."""
    parser.add_argument("--seed", type=int, help="jitter of reaction times; the same seed gives the same sessions")


def run(arguments: argparse.Namespace) -> int:
    """Play every scene; 0 where nothing was found wanting in any of them, else 1."""
    from lensmount_emulator.reports.console import console_for
    from lensmount_emulator.reports.outcomes import print_outcome, print_session
    from lensmount_emulator.reports.story import tell
    from lensmount_emulator.reports.terminal import Line, line_writer
    from lensmount_emulator.sessions.loopback import run_loopback
    from lensmount_emulator.sessions.scenes import SCENES

    console, write = console_for(sys.stdout), line_writer(sys.stdout)
    told: set[str] = set()
    clean = True
    for number, scene in enumerate(SCENES, 1):
        session = run_loopback(
            scene.body, scene.lens, accessories=scene.accessories, script=scene.script, seed=arguments.seed
        )
        clean = clean and session.clean
        if session.dialect.name not in told:
            told.add(session.dialect.name)
            write(Line(f"== {session.dialect.title}", None, 3))
            write(Line(f"{session.dialect.notice}\n"))
        between = "".join(f" behind {profile.title}" for profile in session.accessories)
        write(Line(f"-- {number}. {scene.title}", None, 6))
        write(Line(f"   {session.body.title} and {session.lens.title}{between}; milliseconds of virtual time", None, 3))
        if not arguments.quiet:
            for line in tell(session.events if scene.wire else [], session.notices, session.dialect.routine):
                write(line)
        if scene is SCENES[-1]:
            print()
            print_session(console, session)
        else:
            print_outcome(console, session)
            print()
        sys.stdout.flush()
    print()
    write(Line("Any body with any lens: `lensmount matrix`. One pair: `lensmount loopback --body NAME --lens NAME`."))
    return 0 if clean else 1
