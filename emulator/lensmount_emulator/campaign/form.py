"""A campaign's file: what is to be tried, as TOML; every key checked before anything runs."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from lensmount_emulator.campaign.case import KINDS, PLAIN, SESSION
from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.fuzz.invariants import INVARIANTS
from lensmount_emulator.profiles.toml_text import MAX_SIZE, parse_toml
from lensmount_hardware.inputs import read_input
from lensmount_protocol.errors import CampaignError, FaultError, unknown

COSTLY = frozenset({"repeats"})
"""Checks that play a case twice: only where they are named."""

MOST_SEEDS = 1_000_000


class Form(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a campaign's file says.

    Attributes:
        dialect: what is spoken.
        title: one line for people.
        bodies: names, patterns or paths of profiles.
        lenses: the same of lenses.
        accessories: the same of accessories; `none` for lenses without one, `all` for none and each.
        fuzz: `plain` runs the script; `session` takes steps by chance as well.
        script: what the body does.
        faults: plans, each a list of faults, or one fault; an empty list is a session without any.
        seeds: whole numbers, or a range such as `1-20`.
        checks: invariants by name or pattern.
        seconds: how long the script of a case may take, in virtual time.
        steps: how many steps a case of the kind `session` takes.
        processes: how many processes share the work; 0 for one per processor.
        limit: real seconds after which a case is given up, with the process that it holds up.
        corpus: where stories are kept between campaigns: a folder, or the URL of a Redis, or a list of such
            places; `""` for nowhere.
    """

    dialect: str
    title: str = ""
    bodies: list[str] = msgspec.field(default_factory=lambda: ["*"])
    lenses: list[str] = msgspec.field(default_factory=lambda: ["*"])
    accessories: list[str] = msgspec.field(default_factory=lambda: ["none"])
    fuzz: str = PLAIN
    script: str = ""
    faults: list[str | list[str]] = msgspec.field(default_factory=lambda: list[str | list[str]]([[]]))
    seeds: str | list[int] = msgspec.field(default_factory=lambda: [1])
    checks: list[str] = msgspec.field(default_factory=lambda: ["*"])
    seconds: float = 30.0
    steps: int = 400
    processes: int = 0
    limit: float = 300.0
    corpus: str | list[str] = ""


def load_form(path: Path) -> Form:
    """What the file says.

    Raises:
        CampaignError: it cannot be read, or says what is not legal: one line with the key, and what is.
    """
    return read_form(read_input(path, MAX_SIZE, "a campaign's file", CampaignError), str(path))


def read_form(text: bytes, origin: str) -> Form:
    """What a TOML text says.

    Args:
        text: the TOML.
        origin: what errors call it.

    Raises:
        CampaignError: as `load_form`.
    """
    try:
        told = parse_toml(text.decode())
    except ValueError as error:
        raise CampaignError(f"{origin}: no TOML: {error}") from error
    for key in told:
        if key not in Form.__struct_fields__:
            raise CampaignError(f"{origin}: {unknown('key', key, Form.__struct_fields__)}")
    try:
        form = msgspec.convert(told, Form)
        _check(form)
    except (msgspec.ValidationError, CampaignError) as error:
        raise CampaignError(f"{origin}: {error}") from error
    return form


def plans_of(form: Form) -> list[tuple[str, ...]]:
    """The plans of faults, each as text forms, each plan once."""
    return list(dict.fromkeys((plan,) if isinstance(plan, str) else tuple(plan) for plan in form.faults))


def seeds_of(form: Form) -> Sequence[int]:
    """The seeds, each once.

    Raises:
        CampaignError: a text that is no range, or a number of more than 64 bits.
    """
    if isinstance(form.seeds, list):
        for seed in form.seeds:
            if not -(1 << 63) <= seed < 1 << 63:
                raise CampaignError(f"seeds: {seed} is not from {-(1 << 63)} to {(1 << 63) - 1}")
        return list(dict.fromkeys(form.seeds))
    found = re.fullmatch(r"\s*(\d{1,12})\s*-\s*(\d{1,12})\s*", form.seeds)
    if found is None or not int(found[1]) <= int(found[2]) < int(found[1]) + MOST_SEEDS:
        raise CampaignError(
            f"seeds {form.seeds!r}: write a range such as '1-20' of at most {MOST_SEEDS}, or a list of whole numbers"
        )
    return range(int(found[1]), int(found[2]) + 1)


def checks_of(form: Form) -> tuple[str, ...]:
    """The invariants that cases are held to, in their usual order; those that cost twice only where they are named.

    Raises:
        CampaignError: a word that means none.
    """
    wanted = set[str]()
    for word in form.checks:
        matching = {name for name in INVARIANTS if fnmatchcase(name, word) and (name == word or name not in COSTLY)}
        if not matching:
            raise CampaignError(f"checks: {unknown('check', word, INVARIANTS)}; patterns such as * work as well")
        wanted |= matching
    return tuple(name for name in INVARIANTS if name in wanted)


def corpora_of(form: Form, instead: Sequence[str]) -> list[str]:
    """The places of the corpus.

    Args:
        form: what the file says.
        instead: places that are taken instead, where there are any.

    Raises:
        CampaignError: there are places, and no stories to keep there.
    """
    told = [form.corpus] if isinstance(form.corpus, str) else form.corpus
    places = [place for place in instead or told if place]
    if places and form.fuzz != SESSION:
        raise CampaignError('corpus: only stories are kept, so it goes with fuzz = "session"')
    return places


def _check(form: Form) -> None:
    if form.fuzz not in KINDS:
        raise CampaignError(f"fuzz: {unknown('kind of case', form.fuzz, KINDS)}")
    for plan in plans_of(form):
        for text in plan:
            _check_fault(text)
    if not seeds_of(form) or not form.faults or not checks_of(form):
        raise CampaignError("seeds, faults and checks: none of these lists may be empty; faults = [[]] is no fault")
    for name, value, least in (
        ("seconds", form.seconds, 0.001),
        ("steps", form.steps, 1),
        ("processes", form.processes, 0),
        ("limit", form.limit, 0.001),
    ):
        if not least <= value <= 1e6:
            raise CampaignError(f"{name}: {value:g} is not from {least:g} to 1000000")
    if form.fuzz == SESSION and form.accessories != ["none"]:
        raise CampaignError('accessories: steps by chance are taken without any; accessories = ["none"] is legal')
    corpora_of(form, ())


def _check_fault(text: str) -> None:
    try:
        parse_fault(text)
    except FaultError as error:
        raise CampaignError(f"faults: {error}") from error
