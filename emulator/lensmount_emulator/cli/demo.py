"""A demonstration: bodies and lenses of the L-Mount's makers on an open model of their mount, then a real E-mount.

The model is designed from public facts. It is not the L-Mount protocol, which is licensed and unpublished.
"""

import argparse
import sys
from dataclasses import dataclass


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `lensmount demo`."""
    parser.add_argument("--seed", type=int, help="jitter of reaction times; the same seed gives the same sessions")


def run(arguments: argparse.Namespace) -> int:
    """Play every scene; 0 where nothing was found wanting in any of them, else 1."""
    from lensmount_emulator.reports.console import make_console
    from lensmount_emulator.reports.event_text import narrate
    from lensmount_emulator.reports.printable import Line, line_writer
    from lensmount_emulator.reports.terminal import print_outcome, print_session
    from lensmount_emulator.sessions.loopback import run_loopback

    console, write = make_console(sys.stdout), line_writer(sys.stdout)
    text: set[str] = set()
    clean = True
    for number, scene in enumerate(SCENES, 1):
        session = run_loopback(
            scene.body, scene.lens, accessories=scene.accessories, script=scene.script, seed=arguments.seed
        )
        clean = clean and session.clean
        if session.dialect.name not in text:
            text.add(session.dialect.name)
            write(Line(f"== {session.dialect.title}", None, 3))
            write(Line(f"{session.dialect.notice}\n"))
        between = "".join(f" with {profile.title}" for profile in session.accessories)
        write(Line(f"-- {number}. {scene.title}", None, 6))
        write(Line(f"   {session.body.title} and {session.lens.title}{between}; milliseconds of virtual time", None, 3))
        if not arguments.quiet:
            for line in narrate(session.events if scene.wire else [], session.notices, session.dialect.routine):
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


@dataclass(frozen=True, slots=True)
class DemoScene:
    """A session worth watching.

    Attributes:
        title: what to look at.
        body: profile of the body.
        lens: profile of the lens.
        script: what they do.
        accessories: profiles of what stands between them, from the body on.
        wire: whether the frames are printed, and not only the notices of the ends.
    """

    title: str
    body: str
    lens: str
    script: str
    accessories: tuple[str, ...] = ()
    wire: bool = False


SCENES = (
    DemoScene(
        "A Panasonic S1R with a Leica zoom: handshake, power, identity, zoom, focus, aperture, a picture, sleep",
        "panasonic-s1r",
        "leica-vario-elmarit-sl-24-90mm-f2.8-4",
        "zoom 50; focus 2m; aperture f/8; expose 1/60; sleep",
        wire=True,
    ),
    DemoScene(
        "An APS-C Leica CL with a hungry full-frame Panasonic zoom: it works, and the user sees the consumption",
        "leica-cl",
        "panasonic-s-24-105mm-f4",
        "check focus; check stabilise; expose 1/125",
    ),
    DemoScene(
        "A Sigma full-frame Foveon body, announced and never sold, with a Sigma lens",
        "sigma-foveon-ff",
        "sigma-45mm-f2.8-dg-dn",
        "check focus; check correct; expose 1/30",
    ),
    DemoScene(
        "A teleconverter is put on: longer, slower, and its corrections composed or dropped",
        "panasonic-s1r",
        "panasonic-s-pro-70-200mm-f2.8",
        "zoom 200; check iris; check correct; expose 1/250",
        accessories=("panasonic-stc14",),
    ),
    DemoScene(
        "The ground truth: a Sony A6000 and its 55-210, as captures of the real ones show them",
        "a6000",
        "sel55210",
        "wait 0.1; focus 0x4200; wait 0.05; aperture f/8; wait 0.05; sleep",
        wire=True,
    ),
)
"""The alliance first, then the mount against which the engine is proven."""
