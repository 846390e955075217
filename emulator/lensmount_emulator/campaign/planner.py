"""Plans of campaigns and matrices: every combination, with profiles read once.

A campaign plan numbers each combination with each fault plan and seed, and has a hash. A matrix plan has an empty
matrix to fill.
"""

import hashlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import msgspec

from lensmount_emulator.campaign.case import Case
from lensmount_emulator.campaign.case_runner import CellSessionRunner, recording_name
from lensmount_emulator.campaign.config import (
    CampaignConfig,
    check_campaign,
    expand_seeds,
    make_fault_plans,
    select_checks,
)
from lensmount_emulator.campaign.matrix import (
    ALL,
    CheckFit,
    Combination,
    Matrix,
    MatrixCell,
    lens_dialect,
    make_combinations,
    parse_accessory_patterns,
    run_matrix,
    select_profiles,
)
from lensmount_emulator.engine.dialect_roles import DialectRoles, Place, assemble_chain, get_roles
from lensmount_emulator.engine.script import parse_script
from lensmount_emulator.faults.registry import parse_plan
from lensmount_emulator.profiles.library import Profile, all_profiles, load_profile
from lensmount_emulator.sessions.virtual.participants import device_spec
from lensmount_hardware.output_file import check_output
from lensmount_protocol.dialect import Dialect, load_dialect
from lensmount_protocol.errors import CampaignError, FaultError, ProfileError
from lensmount_protocol.wire import Role


@dataclass(frozen=True, slots=True)
class MatrixPlan:
    """The sessions of a matrix.

    Attributes:
        combinations: the combinations, in order.
        run_cell: runs one of them.
        matrix: the matrix to fill with cells.
    """

    combinations: list[Combination]
    run_cell: CellSessionRunner
    matrix: Matrix

    def run(self, jobs: int = 1) -> Generator[MatrixCell]:
        """Run every combination; a yielded cell is already in the matrix, so an interrupted run keeps its cells.

        Args:
            jobs: number of processes.
        """
        attempt = self.run_cell
        with closing(run_matrix(self.combinations, attempt, self.matrix.rules, attempt.replay, jobs=jobs)) as cells:
            for cell in cells:
                self.matrix.cells.append(cell)
                yield cell


def plan_matrix(
    dialect: str,
    bodies: Sequence[str] = (ALL,),
    lenses: Sequence[str] = (ALL,),
    accessories: Sequence[str] = ("all",),
    *,
    script: str = "",
    seed: int | None = None,
    folder: Path | None = None,
    overwrite: bool = False,
) -> MatrixPlan:
    """Plan a matrix.

    Args:
        dialect: the dialect.
        bodies: names, patterns or paths.
        lenses: the same of lenses.
        accessories: the same of accessories; `none` for lenses without one, `all` for none and each.
        script: the script of each session; `""` for the default of the dialect's roles.
        seed: the seed of the jitter; `None` for nominal times.
        folder: the folder for recordings; `None` for no recordings.
        overwrite: replace recordings that exist.

    Raises:
        DialectError: the dialect is unknown, or has no roles.
        ProfileError: a name matches no profile, or nothing fits together.
        ScriptError: the script has an unknown verb or value.
        CaptureError: a recording exists.
    """
    resolved, roles = load_dialect(dialect), get_roles(dialect)
    script = script or roles.check_script
    parse_script(script, roles.verbs)
    known = {profile.name: profile for profile in all_profiles()}
    here = {name: profile for name, profile in known.items() if profile.dialect == dialect}
    items, bare = parse_accessory_patterns(accessories)
    put_on = select_profiles(items, Place.ACCESSORY, here)
    far = {dialect, *(lens_dialect(profile) for profile in put_on.values())}
    near = {name: profile for name, profile in known.items() if profile.dialect in far}
    found = select_profiles(bodies, Place.BODY, here), select_profiles(lenses, Place.LENS, near), put_on
    _same_dialect(dialect, {**found[0], **put_on})
    fits = _fit_check(roles)
    combinations = make_combinations(dialect, *found, fits, bare=bare)
    used = {name for one in combinations for name in (one.body, one.lens, *one.accessories)}
    for name in (*lenses, *items):
        if name not in used and any(name in profiles for profiles in found):
            raise ProfileError(_why_alone(name, found[1], put_on, fits))
    if not combinations:
        raise ProfileError(f"none of the requested {dialect} profiles fit together; `lensmount profiles` lists them")
    if folder is not None:
        for one in combinations:
            check_output(folder / recording_name(one), overwrite=overwrite)
    titles = [{name: profile.title for name, profile in profiles.items()} for profiles in found]
    matrix = Matrix(
        dialect=resolved.name,
        title=resolved.title,
        notice=resolved.notice,
        script=script,
        seed=seed,
        bodies=titles[0],
        lenses=titles[1],
        accessories=titles[2],
        rules=dict(roles.rules),
        planned=len(combinations),
    )
    read = {name: profile for profiles in found for name, profile in profiles.items()}
    return MatrixPlan(combinations, CellSessionRunner(read, dialect, script, seed, folder, overwrite), matrix)


def _fit_check(roles: DialectRoles) -> CheckFit:
    def fits(accessory: Profile, lens: Profile) -> str | None:
        try:
            assemble_chain(roles, [device_spec(accessory)], device_spec(lens), lambda _end: None)
        except ProfileError as error:
            return str(error)
        return None

    return fits


def _why_alone(name: str, lenses: Mapping[str, Profile], accessories: Mapping[str, Profile], fits: CheckFit) -> str:
    """Return why a profile is in no combination: the first reason, which is the only one for a single lens."""
    for lens in (lenses[name],) if name in lenses else lenses.values():
        for accessory in (accessories[name],) if name in accessories else accessories.values():
            why = fits(accessory, lens)
            if why is not None:
                return why
    return f"{name} fits no other requested profile"


def _same_dialect(dialect: str, profiles: Mapping[str, Profile]) -> None:
    for name, profile in profiles.items():
        if profile.dialect != dialect:
            raise ProfileError(f"{name} uses {profile.dialect}; {dialect} is needed here")


MAX_CASES = 1_000_000

UNHASHED_KEYS = frozenset({"title", "processes", "limit", "corpus"})
"""The configuration that may differ between two runs of the same campaign."""


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """The cases of a campaign.

    Attributes:
        config: the configuration.
        cases: the cases, by number.
        profiles: the parsed profiles, by the name that cases use.
        hash: the same where the same cases are run with the same profiles by the same version of lensmount.
    """

    config: CampaignConfig
    cases: list[Case]
    profiles: Mapping[str, Profile]
    hash: str


def plan_campaign(config: CampaignConfig) -> CampaignPlan:
    """Plan every case of a configuration.

    Raises:
        CampaignError: a value is invalid, more cases than can be kept, or a fault that is impossible on this mount.
        DialectError, ProfileError, ScriptError: as for a matrix.
    """
    check_campaign(config)
    matrix = plan_matrix(config.dialect, config.bodies, config.lenses, config.accessories, script=config.script)
    plans, seeds, checks = make_fault_plans(config), expand_seeds(config), select_checks(config)
    count = len(matrix.combinations) * len(plans) * len(seeds)
    if count > MAX_CASES:
        raise CampaignError(f"{count} cases are more than {MAX_CASES}: fewer seeds, faults or profiles, or two files")
    if not count:
        raise CampaignError("nothing to try: no combination of these bodies, lenses and accessories fits together")
    read = dict(matrix.run_cell.profiles)
    dialect = load_dialect(config.dialect)
    for faults in plans:
        read |= _fault_lenses(faults, dialect)

    def make_case(number: int, one: Combination, faults: tuple[str, ...], seed: int) -> Case:
        where = (config.mode, config.dialect, one.body, one.lens, one.accessories, faults, seed)
        return Case(number, *where, config.script, config.seconds, config.steps, checks)

    every = ((one, faults, seed) for one in matrix.combinations for faults in plans for seed in seeds)
    cases = [make_case(number, *patterns) for number, patterns in enumerate(every, 1)]
    used = {name for one in matrix.combinations for name in (one.body, one.lens, *one.accessories)}
    used |= {lens for faults in plans for lens in parse_plan(faults, None).lenses}
    return CampaignPlan(
        config, cases, read, _hash(config, matrix.combinations, {name: read[name] for name in sorted(used)})
    )


def _fault_lenses(faults: tuple[str, ...], dialect: Dialect) -> dict[str, Profile]:
    """The lenses that faults attach; the lines and devices that faults name must exist."""
    plan = parse_plan(faults, None)
    try:
        plan.check(dialect)
    except FaultError as error:
        raise CampaignError(f"faults: {error}") from error
    others = {name: load_profile(name, Role.LENS) for name in plan.lenses}
    for name, profile in others.items():
        if profile.dialect != dialect.name:
            raise CampaignError(f"faults: {name} uses {profile.dialect}; {dialect.name} is needed here")
    return others


def _hash(form: CampaignConfig, combinations: list[Combination], profiles: Mapping[str, Profile]) -> str:
    asked = {name: value for name, value in msgspec.structs.asdict(form).items() if name not in UNHASHED_KEYS}
    parts = [profile.settings for profile in profiles.values()]
    what = (version("lensmount"), asked, combinations, list(profiles), parts)
    return hashlib.sha256(msgspec.json.encode(what, enc_hook=str, order="deterministic")).hexdigest()
