"""What a campaign will run: every combination with every plan of faults and every seed, numbered, and its hash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

import msgspec

from lensmount_emulator.campaign.case import Case
from lensmount_emulator.campaign.form import Form, checks_of, plans_of, seeds_of
from lensmount_emulator.faults.plan import plan_of
from lensmount_emulator.profiles.library import load_profile
from lensmount_emulator.profiles.profile import Profile
from lensmount_emulator.sessions.combinations import Combination
from lensmount_emulator.sessions.planning import plan as plan_matrix
from lensmount_protocol.dialect import Dialect
from lensmount_protocol.errors import CampaignError, FaultError
from lensmount_protocol.registry import load_dialect
from lensmount_protocol.wire import Role

MOST_CASES = 1_000_000

NOT_ASKED = frozenset({"title", "processes", "limit", "corpus"})
"""What may differ between two runs of the same campaign."""


@dataclass(frozen=True, slots=True)
class Planned:
    """What will be run.

    Attributes:
        form: what was asked for.
        cases: what to run, by number.
        profiles: what was read of each profile, by the name that cases use.
        hash: the same where the same cases are run with the same profiles by the same version of lensmount.
    """

    form: Form
    cases: list[Case]
    profiles: Mapping[str, Profile]
    hash: str


def plan_campaign(form: Form) -> Planned:
    """Every case that a form asks for.

    Raises:
        CampaignError: more cases than can be kept, or a fault that this mount cannot have.
        DialectError, ProfileError, ScriptError: as for a matrix.
    """
    matrix = plan_matrix(form.dialect, form.bodies, form.lenses, form.accessories, script=form.script)
    plans, seeds, checks = plans_of(form), seeds_of(form), checks_of(form)
    count = len(matrix.combinations) * len(plans) * len(seeds)
    if count > MOST_CASES:
        raise CampaignError(f"{count} cases are more than {MOST_CASES}: fewer seeds, faults or profiles, or two files")
    if not count:
        raise CampaignError("nothing to try: no combination of these bodies, lenses and accessories fits together")
    read = dict(matrix.attempt.profiles)
    dialect = load_dialect(form.dialect)
    for faults in plans:
        read |= _lenses_of(faults, dialect)

    def case_of(number: int, one: Combination, faults: tuple[str, ...], seed: int) -> Case:
        where = (form.fuzz, form.dialect, one.body, one.lens, one.accessories, faults, seed)
        return Case(number, *where, form.script, form.seconds, form.steps, checks)

    every = ((one, faults, seed) for one in matrix.combinations for faults in plans for seed in seeds)
    cases = [case_of(number, *words) for number, words in enumerate(every, 1)]
    used = {name for one in matrix.combinations for name in (one.body, one.lens, *one.accessories)}
    used |= {lens for faults in plans for lens in plan_of(faults, None).lenses}
    return Planned(form, cases, read, _hash(form, matrix.combinations, {name: read[name] for name in sorted(used)}))


def _lenses_of(faults: tuple[str, ...], dialect: Dialect) -> dict[str, Profile]:
    """The lenses that faults put on; what they touch must be there."""
    plan = plan_of(faults, None)
    try:
        plan.check(dialect)
    except FaultError as error:
        raise CampaignError(f"faults: {error}") from error
    others = {name: load_profile(name, Role.LENS) for name in plan.lenses}
    for name, profile in others.items():
        if profile.dialect != dialect.name:
            raise CampaignError(f"faults: {name} speaks {profile.dialect}; {dialect.name} is needed here")
    return others


def _hash(form: Form, combinations: list[Combination], profiles: Mapping[str, Profile]) -> str:
    asked = {name: value for name, value in msgspec.structs.asdict(form).items() if name not in NOT_ASKED}
    said = [profile.settings for profile in profiles.values()]
    what = (version("lensmount"), asked, combinations, list(profiles), said)
    return hashlib.sha256(msgspec.json.encode(what, enc_hook=str, order="deterministic")).hexdigest()
