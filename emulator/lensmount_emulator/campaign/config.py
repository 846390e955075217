"""The configuration file of a campaign, as TOML; every key is checked before anything runs."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from lensmount_emulator.campaign.case import KINDS, PLAIN, SESSION
from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_emulator.fuzz.scenario import OLD_INVARIANTS
from lensmount_emulator.profiles.library import MAX_SIZE
from lensmount_hardware.input_file import parse_toml, read_text
from lensmount_protocol.errors import CampaignError, FaultError, unknown_name_message
from lensmount_protocol.logs import get_logger

EXPENSIVE_CHECKS = frozenset({"deterministic"})
"""Checks that run a case twice; they are active only if named."""

OLD_KEYS = {"fuzz": "mode"}
"""An old key -> the key. Old keys work for one release."""

MAX_SEEDS = 1_000_000

_log = get_logger("campaign")


class CampaignConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a campaign's file.

    Attributes:
        dialect: the dialect.
        title: one line for the user.
        bodies: names, patterns or paths of profiles.
        lenses: the same of lenses.
        accessories: the same of accessories; `none` for lenses without one, `all` for none and each.
        mode: `plain` runs the script; `session` adds random steps.
        script: the script of the body.
        faults: plans, each a list of faults, or one fault; an empty list is a session without any.
        seeds: whole numbers, or a range such as `1-20`.
        checks: invariants by name or pattern.
        seconds: time limit of the script of a case, in virtual time.
        steps: number of steps of a case of the kind `session`.
        processes: number of processes; 0 for one per processor.
        limit: real seconds after which a case is given up and its process is ended.
        corpus: the corpus for scenarios of all campaigns: a folder, or the URL of a Redis, or a list of such places;
            `""` for none.
    """

    dialect: str
    title: str = ""
    bodies: list[str] = msgspec.field(default_factory=lambda: ["*"])
    lenses: list[str] = msgspec.field(default_factory=lambda: ["*"])
    accessories: list[str] = msgspec.field(default_factory=lambda: ["none"])
    mode: str = PLAIN
    script: str = ""
    faults: list[str | list[str]] = msgspec.field(default_factory=lambda: list[str | list[str]]([[]]))
    seeds: str | list[int] = msgspec.field(default_factory=lambda: [1])
    checks: list[str] = msgspec.field(default_factory=lambda: ["*"])
    seconds: float = 30.0
    steps: int = 400
    processes: int = 0
    limit: float = 300.0
    corpus: str | list[str] = ""


def load_campaign(path: Path) -> CampaignConfig:
    """Read a campaign's file.

    Raises:
        CampaignError: the file cannot be read, or a value is invalid: one line with the key, and the valid values.
    """
    return parse_campaign(read_text(path, MAX_SIZE, "a campaign's file", CampaignError).encode(), str(path))


def parse_campaign(text: bytes, origin: str) -> CampaignConfig:
    """Parse a TOML text.

    Args:
        text: the TOML.
        origin: the name of the text in errors.

    Raises:
        CampaignError: as `load_campaign`.
    """
    try:
        data = parse_toml(text.decode())
    except ValueError as error:
        raise CampaignError(f"{origin}: no TOML: {error}") from error
    for old, key in OLD_KEYS.items():
        if old in data:
            if key in data:
                raise CampaignError(f"{origin}: {old} is an old name of {key}; write only {key}")
            _log.info("key %s is an old name, which the next release drops: use %s", old, key)
            data[key] = data.pop(old)
    for key in data:
        if key not in CampaignConfig.__struct_fields__:
            raise CampaignError(f"{origin}: {unknown_name_message('key', key, CampaignConfig.__struct_fields__)}")
    try:
        form = msgspec.convert(data, CampaignConfig)
        check_campaign(form)
    except (msgspec.ValidationError, CampaignError) as error:
        raise CampaignError(f"{origin}: {error}") from error
    return form


def make_fault_plans(config: CampaignConfig) -> list[tuple[str, ...]]:
    """The fault plans, each as text, each plan once."""
    return list(dict.fromkeys((plan,) if isinstance(plan, str) else tuple(plan) for plan in config.faults))


def expand_seeds(config: CampaignConfig) -> Sequence[int]:
    """The seeds, each once.

    Raises:
        CampaignError: a text is no range, or a number has more than 64 bits.
    """
    if isinstance(config.seeds, list):
        for seed in config.seeds:
            if not -(1 << 63) <= seed < 1 << 63:
                raise CampaignError(f"seeds: {seed} is not from {-(1 << 63)} to {(1 << 63) - 1}")
        return list(dict.fromkeys(config.seeds))
    found = re.fullmatch(r"\s*(\d{1,12})\s*-\s*(\d{1,12})\s*", config.seeds)
    if found is None or not int(found[1]) <= int(found[2]) < int(found[1]) + MAX_SEEDS:
        raise CampaignError(
            f"seeds {config.seeds!r}: write a range such as '1-20' of at most {MAX_SEEDS}, or a list of whole numbers"
        )
    return range(int(found[1]), int(found[2]) + 1)


def select_checks(config: CampaignConfig) -> tuple[str, ...]:
    """The invariants to check, in their default order; those that cost a second run only if named.

    Raises:
        CampaignError: a name matches no invariant.
    """
    wanted = set[str]()
    for given in config.checks:
        item = OLD_INVARIANTS.get(given, given)
        if item != given:
            _log.info("check %r is an old name, which the next release drops: use %r", given, item)
        matching = {
            name for name in INVARIANTS if fnmatchcase(name, item) and (name == item or name not in EXPENSIVE_CHECKS)
        }
        if not matching:
            raise CampaignError(
                f"checks: {unknown_name_message('check', item, INVARIANTS)}; patterns such as * work as well"
            )
        wanted |= matching
    return tuple(name for name in INVARIANTS if name in wanted)


def select_corpora(config: CampaignConfig, instead: Sequence[str]) -> list[str]:
    """The places of the corpus.

    Args:
        config: the configuration.
        instead: other places to use, if there are any.

    Raises:
        CampaignError: there are places, and no scenarios to keep there.
    """
    data = [config.corpus] if isinstance(config.corpus, str) else config.corpus
    places = [place for place in instead or data if place]
    if places and config.mode != SESSION:
        raise CampaignError('corpus: only scenarios are kept, so it requires mode = "session"')
    return places


def check_campaign(form: CampaignConfig) -> None:
    """Check the values of a campaign, wherever they come from: a file, options, or a caller.

    Raises:
        CampaignError: a value is invalid: one line with the key, and the valid values.
    """
    if form.mode not in KINDS:
        raise CampaignError(f"mode: {unknown_name_message('kind of case', form.mode, KINDS)}")
    for plan in make_fault_plans(form):
        for text in plan:
            _check_fault(text)
    if not expand_seeds(form) or not form.faults or not select_checks(form):
        raise CampaignError("seeds, faults and checks: none of these lists may be empty; faults = [[]] is no fault")
    for name, value, least in (
        ("seconds", form.seconds, 0.001),
        ("steps", form.steps, 1),
        ("processes", form.processes, 0),
        ("limit", form.limit, 0.001),
    ):
        if not least <= value <= 1e6:
            raise CampaignError(f"{name}: {value:g} is not from {least:g} to 1000000")
    if form.mode == SESSION and form.accessories != ["none"]:
        raise CampaignError('accessories: random steps are taken without any; accessories = ["none"] is legal')
    select_corpora(form, ())


def _check_fault(text: str) -> None:
    try:
        parse_fault(text)
    except FaultError as error:
        raise CampaignError(f"faults: {error}") from error
