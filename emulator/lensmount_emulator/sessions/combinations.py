"""What there is to try: the bodies, lenses and accessories that were asked for, and which of them go together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from lensmount_emulator.profiles.library import SUFFIX, load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.cast import Place
from lensmount_protocol.errors import ProfileError, unknown

BARE = "none"
"""In place of an accessory: the lens straight on the body."""

EVERY = "*"

Fits = Callable[[Profile, Profile], str | None]
"""Why an accessory and a lens do not go together, in one line; `None` where they do."""


def far_dialect(accessory: Profile) -> str:
    """What hangs on an accessory: another dialect than its own only where it translates."""
    return str(getattr(accessory.settings, "far_dialect", accessory.dialect))


@dataclass(frozen=True, slots=True)
class Combination:
    """What stands on one mount.

    Attributes:
        body: its profile, as commands name it.
        lens: the lens's.
        accessories: those in between, from the body on.
    """

    body: str
    lens: str
    accessories: tuple[str, ...] = ()


def chosen(words: Iterable[str], place: Place, known: Mapping[str, Profile]) -> dict[str, Profile]:
    """The profiles of a place that people mean, sorted by name.

    Args:
        words: names, patterns such as `sigma-*`, or paths that end in `.toml`.
        place: where they must stand.
        known: every profile by name that may be meant.

    Raises:
        ProfileError: a word that means none (lists what is known), a profile of another place, or one that cannot be
            read.
    """
    there = {name: profile for name, profile in known.items() if profile.place is place}
    found: dict[str, Profile] = {}
    for word in words:
        if word.endswith(SUFFIX):
            profile = load_profile(word)
            if profile.place is not place:
                raise ProfileError(f"{word} is a {profile.place.value}; a {place.value} is needed here")
            found[word] = profile
            continue
        matching = [name for name in there if fnmatchcase(name, word)]
        if not matching and word != EVERY:
            raise ProfileError(unknown(place.value, word, there) + "; patterns such as sigma-* and paths work as well")
        found |= {name: there[name] for name in matching}
    return dict(sorted(found.items()))


def cells_of(
    dialect: str,
    bodies: Mapping[str, Profile],
    lenses: Mapping[str, Profile],
    accessories: Mapping[str, Profile],
    fits: Fits,
    *,
    bare: bool = True,
) -> list[Combination]:
    """Every combination, body by body and lens by lens: alone first, then with each accessory that fits.

    Args:
        dialect: what is spoken at the body.
        bodies: bodies by name.
        lenses: lenses by name; one of another dialect only comes with an accessory that it fits on.
        accessories: accessories by name.
        fits: what goes together.
        bare: whether lenses without an accessory are among them.
    """
    fitting = {
        (lens, name): fits(accessory, glass) is None
        for lens, glass in lenses.items()
        for name, accessory in accessories.items()
    }
    combinations: list[Combination] = []
    for body in bodies:
        for lens, glass in lenses.items():
            if bare and glass.dialect == dialect:
                combinations.append(Combination(body, lens))
            combinations += [Combination(body, lens, (name,)) for name in accessories if fitting[lens, name]]
    return combinations


def accessory_words(words: Sequence[str]) -> tuple[list[str], bool]:
    """What `--with` says: the names and patterns of accessories, and whether lenses are tried without any too."""
    if "all" in words:
        return [EVERY], True
    return [word for word in words if word != BARE], BARE in words
