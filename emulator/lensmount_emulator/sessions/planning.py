"""What a matrix will run, from what people ask for: profiles read once, combinations, and an empty matrix to fill."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from lensmount_emulator.profiles.library import all_profiles
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.roles.cast import Cast, Place
from lensmount_emulator.roles.registry import cast_of
from lensmount_emulator.roles.script import parse_script
from lensmount_emulator.sessions.combinations import (
    EVERY,
    Combination,
    Fits,
    accessory_words,
    cells_of,
    chosen,
    far_dialect,
)
from lensmount_emulator.sessions.loopback import piece_of
from lensmount_emulator.sessions.matrix import Cell, Matrix, run_matrix
from lensmount_emulator.sessions.trial import Attempt, recording_name
from lensmount_hardware.output_file import check_output
from lensmount_protocol.errors import ProfileError
from lensmount_protocol.registry import load_dialect


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run.

    Attributes:
        combinations: what to try, in order.
        attempt: what runs one of them.
        matrix: what to fill with cells.
    """

    combinations: list[Combination]
    attempt: Attempt
    matrix: Matrix

    def run(self, jobs: int = 1) -> Generator[Cell]:
        """Run every combination; each cell is in the matrix when it is given, so whoever stops has what was done.

        Args:
            jobs: how many processes share the work.
        """
        attempt = self.attempt
        with closing(run_matrix(self.combinations, attempt, self.matrix.rules, attempt.replay, jobs=jobs)) as cells:
            for cell in cells:
                self.matrix.cells.append(cell)
                yield cell


def plan(
    dialect: str,
    bodies: Sequence[str] = (EVERY,),
    lenses: Sequence[str] = (EVERY,),
    accessories: Sequence[str] = ("all",),
    *,
    script: str = "",
    seed: int | None = None,
    folder: Path | None = None,
    overwrite: bool = False,
) -> Plan:
    """What a matrix over these will run.

    Args:
        dialect: what is spoken.
        bodies: names, patterns or paths.
        lenses: the same of lenses.
        accessories: the same of accessories; `none` for lenses without one, `all` for none and each.
        script: what each session does; `""` for what the dialect's cast has for this.
        seed: where jitter comes from; `None` for nominal times.
        folder: where recordings go; `None` for none.
        overwrite: replace recordings that exist.

    Raises:
        DialectError: nobody speaks or plays it.
        ProfileError: a word that means no profile, or nothing that goes together.
        ScriptError: a verb or value of the script that nobody knows.
        CaptureError: a recording exists.
    """
    spoken, cast = load_dialect(dialect), cast_of(dialect)
    script = script or cast.check_script
    parse_script(script, cast.verbs)
    known = {profile.name: profile for profile in all_profiles()}
    here = {name: profile for name, profile in known.items() if profile.dialect == dialect}
    words, bare = accessory_words(accessories)
    put_on = chosen(words, Place.ACCESSORY, here)
    far = {dialect, *(far_dialect(profile) for profile in put_on.values())}
    near = {name: profile for name, profile in known.items() if profile.dialect in far}
    found = chosen(bodies, Place.BODY, here), chosen(lenses, Place.LENS, near), put_on
    _same_dialect(dialect, {**found[0], **put_on})
    fits = _fits_by(cast)
    combinations = cells_of(dialect, *found, fits, bare=bare)
    used = {name for one in combinations for name in (one.body, one.lens, *one.accessories)}
    for name in (*lenses, *words):
        if name not in used and any(name in profiles for profiles in found):
            raise ProfileError(_why_alone(name, found[1], put_on, fits))
    if not combinations:
        raise ProfileError(f"no {dialect} profiles that were asked for go together; `lensmount profiles` lists them")
    if folder is not None:
        for one in combinations:
            check_output(folder / recording_name(one), overwrite=overwrite)
    titles = [{name: profile.title for name, profile in profiles.items()} for profiles in found]
    matrix = Matrix(
        dialect=spoken.name,
        title=spoken.title,
        notice=spoken.notice,
        script=script,
        seed=seed,
        bodies=titles[0],
        lenses=titles[1],
        accessories=titles[2],
        rules=dict(cast.rules),
        planned=len(combinations),
    )
    read = {name: profile for profiles in found for name, profile in profiles.items()}
    return Plan(combinations, Attempt(read, dialect, script, seed, folder, overwrite), matrix)


def _fits_by(cast: Cast) -> Fits:
    def fits(accessory: Profile, lens: Profile) -> str | None:
        if cast.couple is None:
            return f"{accessory.name}: nothing stands between the ends of {accessory.dialect}"
        try:
            cast.couple([piece_of(accessory)], piece_of(lens), lambda _end: None)
        except ProfileError as error:
            return str(error)
        return None

    return fits


def _why_alone(name: str, lenses: Mapping[str, Profile], accessories: Mapping[str, Profile], fits: Fits) -> str:
    """Why a profile is in no combination: the first reason, which is all of them where one lens was asked for."""
    for lens in (lenses[name],) if name in lenses else lenses.values():
        for accessory in (accessories[name],) if name in accessories else accessories.values():
            why = fits(accessory, lens)
            if why is not None:
                return why
    return f"{name} goes with nothing else that was asked for"


def _same_dialect(dialect: str, profiles: Mapping[str, Profile]) -> None:
    for name, profile in profiles.items():
        if profile.dialect != dialect:
            raise ProfileError(f"{name} speaks {profile.dialect}; {dialect} is needed here")
