"""The scenes of the demonstration: who meets whom, behind what, and what they do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """A session worth watching.

    Attributes:
        title: what to look at.
        body: profile of the body.
        lens: profile of the lens.
        script: what they do.
        accessories: profiles of what stands between them, from the body on.
        wire: whether what is said on the wire is told, and not only what the ends say of it.
    """

    title: str
    body: str
    lens: str
    script: str
    accessories: tuple[str, ...] = ()
    wire: bool = False


SCENES = (
    Scene(
        "A Panasonic S1R with a Leica zoom: greeting, power, identity, zoom, focus, aperture, a picture, sleep",
        "panasonic-s1r",
        "leica-vario-elmarit-sl-24-90mm-f2.8-4",
        "zoom 50; focus 2m; aperture f/8; expose 1/60; sleep",
        wire=True,
    ),
    Scene(
        "An APS-C Leica CL with a hungry full-frame Panasonic zoom: it works, and the user is told of the consumption",
        "leica-cl",
        "panasonic-s-24-105mm-f4",
        "check focus; check stabilise; expose 1/125",
    ),
    Scene(
        "A Sigma full-frame Foveon body, announced and never sold, with a Sigma lens",
        "sigma-foveon-ff",
        "sigma-45mm-f2.8-dg-dn",
        "check focus; check correct; expose 1/30",
    ),
    Scene(
        "A teleconverter is put on: longer, slower, and its corrections composed or dropped",
        "panasonic-s1r",
        "panasonic-s-pro-70-200mm-f2.8",
        "zoom 200; check iris; check correct; expose 1/250",
        accessories=("panasonic-stc14",),
    ),
    Scene(
        "The ground truth: a Sony A6000 and its 55-210, as captures of the real ones show them",
        "a6000",
        "sel55210",
        "wait 0.1; focus 0x4200; wait 0.05; aperture f/8; wait 0.05; sleep",
        wire=True,
    ),
)
"""The alliance first, then the mount against which the engine is proven."""
