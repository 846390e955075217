"""Frames at random and rules that a table can do: what the engine, the table and the C export must agree on."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from lensmount_emulator.exports.schema import make_schema
from lensmount_emulator.exports.vectors import valid_message
from lensmount_emulator.faults.rule import Rule
from lensmount_emulator.rules.engine import RuleEngine
from lensmount_emulator.rules.table import RuleTable, make_table
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.message import SelectableMessage
from lensmount_protocol.wire import Role

RULES: dict[str, tuple[Rule, ...]] = {
    "emount": (
        Rule(on="LensStatus", where="state>=0,distance>0x8000", set="focal_length_dmm=777"),
        Rule(on="LensStatus", where="focus_switch!=3", set="focus_switch=3", every=3),
        Rule(on="FocusMove", set="operand=0x3E00", every=2),
        Rule(on="SpeedReply", where="accepted=1", set="accepted=0", count=3),
        Rule(on="BodyMode", where="focus_mode>100", set="state=3,target_kind=31"),
        Rule(on="BodyMode", where="unknown_0<7fa0,unknown_4!=00ff", set="unknown_11=0a0b"),
        Rule(on="BodyMode", where="unknown_4>=7f80", set="focus_setting=9"),
        Rule(on="DescriptorReply", where="lens_spec=0200210000280000", set="serial=7"),
    ),
    "lmount": (
        Rule(on="FocusState", where="position<=0x700", set="target=3"),
        Rule(on="PowerGrant", where="number>5", set="limit_ma=200"),
        Rule(on="ApertureState", where="now<0", set="target=-77", every=3),
        Rule(on="ZoomState", set="focal_length_um=777000"),
    ),
}
"""Rules of each dialect, with every comparison of numbers and of bytes, sizes of one to eight bytes, and counts."""


def tables(dialect: str) -> dict[Role, tuple[RuleEngine, RuleTable]]:
    """An engine and a table of the same rules for each end."""
    declared, made = load_dialect(dialect), dict[Role, tuple[RuleEngine, RuleTable]]()
    for sender in Role:
        rules = [replace(rule) for rule in RULES[dialect] if rule.compile(declared).cls.SENDER is sender]
        engine = RuleEngine(declared, [rule.compile(declared) for rule in rules])
        made[sender] = engine, make_table(declared, sender, [rule.table_rule(declared) for rule in rules])
    return made


def frames(dialect: str, sender: Role, count: int, seed: int) -> Iterator[bytes]:
    """Valid frames of one to three messages; more than half are those of the rules.

    A message whose blocks are selected stands alone, and none selects others: a table knows the usual layout only.
    """
    declared, random = load_dialect(dialect), Random(f"{seed} {dialect} {sender.value}")
    kinds = {cls.__name__: cls for (role, _), cls in declared.messages.items() if role is sender}
    known = [
        message
        for message in make_schema(declared).messages
        if message.sender is sender and kinds[message.name] not in declared.selecting
    ]
    named = {rule.on for rule in RULES[dialect]}
    wanted = [message for message in known if message.name in named] or known
    together = [message for message in known if not issubclass(kinds[message.name], SelectableMessage)]
    classes, most = (1, 2, 3), declared.formats[sender].max_size
    while count:
        size = random.choice((1, 1, 1, 2, 3))
        chosen = [random.choice(wanted if random.random() < 0.6 else known) for _ in range(size)]
        if size > 1:
            chosen = [message if message in together else random.choice(together) for message in chosen]
        payload = b"".join(valid_message(message, random) for message in chosen)
        frame = declared.build_frame(payload, random.choice(classes), random.randrange(256))
        if len(frame) <= most:
            count -= 1
            yield frame
