"""Rules as a table of bytes: equal to the engine on frames, and refused with the reason where a table cannot do it."""

import pytest

from lensmount_emulator.faults.registry import parse_fault
from lensmount_emulator.faults.rule import Rule, relay_rules
from lensmount_emulator.rules.table import ByteTable
from lensmount_protocol.dialect import load_dialect
from lensmount_protocol.errors import FaultError
from lensmount_protocol.wire import Role
from rules.corpus import RULES, frames, tables


@pytest.mark.parametrize("dialect", RULES)
def test_table_does_to_frames_what_the_engine_does(dialect: str) -> None:
    changed = 0
    for sender, (engine, table) in tables(dialect).items():
        passing = ByteTable(table)
        for frame in frames(dialect, sender, 600, 1):
            result = engine.process(sender, frame, 0.0)
            expected = frame if result is None else result.data
            assert bytes(map(passing.feed, frame)) == expected
            changed += expected != frame
    assert changed > 200


@pytest.mark.parametrize("dialect", RULES)
def test_damaged_frame_stays_damaged_and_noise_passes(dialect: str) -> None:
    declared = load_dialect(dialect)
    for sender, (_, table) in tables(dialect).items():
        passing, check = ByteTable(table), declared.formats[sender].check
        for frame in frames(dialect, sender, 60, 2):
            broken = bytes((*frame[:-2], frame[-2] ^ 1, frame[-1]))
            assert check(bytes(map(passing.feed, broken))) is not None
            passing.window()
        noise = bytes(value for value in range(256) if value != declared.formats[sender].start)
        assert bytes(map(passing.feed, noise)) == noise


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ("on=LensStatus do=drop", "drop changes the length"),
        ("on=LensStatus do=hold", "hold needs the whole frame"),
        ("on=LensStatus late=1ms", "late needs the whole frame"),
        ("on=BodyMode add=FocusMove,operand=5", "add changes the length"),
        ("on=LensStatus set=state=1 at=1s", "no clock"),
        ("on=LensStatus set=state=1 rate=0.5", "no dice"),
        ("on=LensStatus set=focal_length_dmm=1 where=focal_length_dmm>1", "a table keeps no bytes"),
        ("on=LensStatus set=aperture=1 where=state=3", "a table keeps no bytes"),
    ],
)
def test_what_no_table_can_do_is_refused_with_its_reason(rule: str, reason: str) -> None:
    dialect = load_dialect("emount")
    made = parse_fault(f"rule way=cut-through {rule}")
    assert isinstance(made, Rule)
    with pytest.raises(FaultError, match=reason):
        relay_rules(dialect, [made])
    # Without the wish to cut it through, the same rule stores its frames.
    stored = parse_fault(f"rule way=store {rule}")
    assert isinstance(stored, Rule)
    assert relay_rules(dialect, [stored])[stored.compile(dialect).cls.SENDER].stored


def test_dialect_without_headers_has_no_table() -> None:
    dialect = load_dialect("fuji-g")
    name = next(cls.__name__ for (role, _), cls in dialect.messages.items() if role is Role.LENS and cls.FIELDS)
    field = next(cls for cls in dialect.messages.values() if cls.__name__ == name).FIELDS[0].name
    with pytest.raises(FaultError, match="have none"):
        relay_rules(dialect, [Rule(on=name, set=f"{field}=1", way="cut-through")])


@pytest.mark.parametrize("dialect", ["mft", "fuji-g"])
@pytest.mark.parametrize("way", ["cut-through", "store"])
def test_relay_is_refused_where_frames_have_no_header(dialect: str, way: str) -> None:
    declared = load_dialect(dialect)
    name = next(cls.__name__ for (role, _), cls in declared.messages.items() if role is Role.LENS)
    for rule in (Rule(on=name, do="drop", way=way), Rule(way=way)):
        with pytest.raises(FaultError, match=f"those of {dialect} have none; only an instant rule"):
            rule.check(declared)
    with pytest.raises(FaultError, match=f"rule on {name}: a relay follows frames with a header"):
        relay_rules(declared, [Rule(on=name, do="drop")])
    Rule(on=name, do="drop").check(declared)
    assert relay_rules(declared, []), "a relay without rules follows no frames"
