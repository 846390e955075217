"""The machines that are committed: an alphabet and a profile each, of every family of profiles."""

from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.learn.alphabet import Alphabet, load_alphabet
from lensmount_emulator.learn.compare import CheckResult, check_words, transition_cover, wp_method
from lensmount_emulator.learn.machine import Machine, read_machine
from lensmount_emulator.learn.queries import Queries, QueryCache
from lensmount_emulator.learn.system import VirtualSystem
from lensmount_emulator.profiles.library import Profile, load_profile

FOLDER = Path(__file__).parent / "machines"


@dataclass(frozen=True)
class Family:
    """One committed machine.

    Attributes:
        dialect: the dialect.
        alphabet: the name of the alphabet.
        profile: the profile.
    """

    dialect: str
    alphabet: str
    profile: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.dialect}-{self.alphabet}-{self.profile}.json"

    def letters(self) -> Alphabet:
        return load_alphabet(self.alphabet, self.dialect)

    def machine(self) -> Machine:
        return read_machine(self.path)


# Autofocus zooms, an adapter, manual lenses, and a lens with behaviour of its maker.
EMOUNT_LENSES = ("sel55210", "sel2870", "viltrox-ef50", "voigtlander-15", "loxia-21", "samyang-135")
# Autofocus primes and zooms of three makers, an ordered iris with a manual focus, and a lens without contacts.
LMOUNT_LENSES = (
    "sigma-45mm-f2.8-dg-dn",
    "panasonic-s-20-60mm-f3.5-5.6",
    "leica-vario-elmarit-sl-24-90mm-f2.8-4",
    "modelled-manual-50mm-f2",
    "laowa-15mm-f2",
)
LMOUNT_ALPHABETS = ("lens-power", "lens-rate", "lens-sleep", "lens-stream")
EMOUNT_BODIES = ("a6000", "nex7")
# Bodies of three makers, and the first body of the mount.
LMOUNT_BODIES = ("panasonic-s5", "sigma-fp", "leica-sl2", "leica-t")
# The only lens that a document describes.
MFT_LENSES = ("bell-lens",)
# The two lenses that were captured.
FUJI_G_LENSES = ("gf45", "gf110")
FAMILIES = (
    *(Family("emount", "lens-session", lens) for lens in EMOUNT_LENSES),
    *(Family("lmount", alphabet, lens) for lens in LMOUNT_LENSES for alphabet in LMOUNT_ALPHABETS),
    *(Family("mft", "lens-session", lens) for lens in MFT_LENSES),
    *(Family("fuji-g", "lens-session", lens) for lens in FUJI_G_LENSES),
    *(Family("emount", "body-start", body) for body in EMOUNT_BODIES),
    *(Family("lmount", "body-start", body) for body in LMOUNT_BODIES),
)


def check(family: Family, *, thorough: bool = False, profile: Profile | None = None, seed: int = 1) -> CheckResult:
    """Play the words of a committed machine to its engine, or to another profile."""
    alphabet, machine = family.letters(), family.machine()
    assert alphabet.digest == machine.digest, f"{family.path.name}: learned with another version of {alphabet.name}"
    system = VirtualSystem(alphabet, profile or load_profile(family.profile), seed)
    queries = Queries(system, QueryCache(None, alphabet.digest, system.name))
    return check_words(machine, queries, wp_method(machine) if thorough else transition_cover(machine))
